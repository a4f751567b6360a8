"""Parameters refuse what is of another type, or outside their range."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from anamorph.adversaries.adaptive import Training
from anamorph.errors import ParameterError
from anamorph.methods.fmd_parameters import FMD
from anamorph.parameters import shown


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"steps": 16.5}, "steps is 16.5, but must be a whole number"),
        ({"steps": "ten"}, "steps is 'ten', but must be a whole number"),
        ({"steps": True}, "steps is True, but must be a whole number"),
        ({"steps": 0}, "steps is 0, but must be at least 1"),
        ({"epsilon": "16"}, "epsilon is '16', but must be a number"),
        ({"epsilon": None}, "epsilon is None, but must be a number"),
        ({"epsilon": torch.tensor(0.1)}, "but must be a number"),
        ({"epsilon": float("nan")}, "epsilon is nan, but must be above 0"),
        ({"balance": 3}, "balance is 3, but must be one of sum, constrained"),
    ],
)
def test_a_value_of_another_type_or_outside_its_range_is_refused(
    about: dict[str, Any], said: str
) -> None:
    with pytest.raises(ParameterError, match=said):
        FMD(**about)


def test_numbers_of_numpy_are_numbers() -> None:
    p = FMD(steps=np.int64(3), epsilon=np.float32(0.125))  # type: ignore[arg-type]
    assert json.loads(json.dumps(shown(p)))["epsilon"] == 31.875


def test_what_may_be_left_out_may_be_none() -> None:
    assert Training(seconds=None, last_layers=None).seconds is None
    with pytest.raises(ParameterError, match=r"last_layers is 1\.5, but must be a whole number"):
        Training(last_layers=1.5)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="mirror is 1, but must be True or False"):
        Training(mirror=1)  # type: ignore[arg-type]
