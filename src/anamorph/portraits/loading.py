"""The small models themselves. Apart from the rest, so that portraits can be had without torch."""

from importlib.resources import files
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from anamorph.errors import WeightsError
from anamorph.portraits.catalog import card
from anamorph.portraits.networks.families import FAMILIES

_WEIGHTS = files("anamorph.portraits").joinpath("weights")


def build(name: str) -> tuple[nn.Module, dict[str, Any]]:
    """A model with its weights, in float32 and eval mode, and the fields of its card.

    Raises:
        UsageError: for a name that is not in `names()`.
        WeightsError: where the weights are missing, damaged, or do not fit the network.
    """
    fields = card(name)
    family = name.partition("-")[2]
    with torch.device("meta"):  # no random start, which the weights would only replace
        network = FAMILIES[family](len(fields["labels"]))
    try:
        stored = load(_WEIGHTS.joinpath(f"{name}.safetensors").read_bytes())
        state = {k: v.float() if v.is_floating_point() else v for k, v in stored.items()}
        network.load_state_dict(state, assign=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        why = str(error).splitlines()[-1].strip()
        raise WeightsError(
            f"weights of portraits:{name} cannot be used ({why}); install anamorph again"
        ) from error
    return network.eval(), fields
