from types import SimpleNamespace

import pytest
import torch

from anamorph.errors import ModelError
from anamorph.models.outputs import unwrap

LOGITS = torch.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    "output",
    [
        LOGITS,
        SimpleNamespace(logits=LOGITS),
        {"logits": LOGITS},
        (LOGITS,),
        [LOGITS],
        LOGITS[..., None, None],
    ],
)
def test_logits_are_found_in_every_usual_wrapping(output: object) -> None:
    assert unwrap(output, "classify", "m").equal(LOGITS)


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ((LOGITS, LOGITS), "a tuple of 2"),
        ({"boxes": LOGITS}, "a mapping of 'boxes'"),
        (None, "a NoneType"),
        (torch.zeros(2, 3, 4, 4), r"a tensor \(2, 3, 4, 4\)"),
        (torch.zeros(2), r"a tensor \(2,\)"),
    ],
)
def test_other_outputs_are_refused_with_what_was_seen(output: object, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        unwrap(output, "classify", "m")


def test_the_raw_head_of_a_detector_is_flattened_per_picture() -> None:
    assert unwrap(torch.zeros(2, 5, 4), "detect", "m").shape == (2, 20)
