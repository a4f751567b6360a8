"""A key network whose weights are no secret: what anybody could train and try on hidden pictures.

`zoo/train_stranger.py` made it, as `anamorph train key` makes keys, from a seed that is known.
"""

from functools import cache
from importlib.resources import files

from anamorph.errors import WeightsError
from anamorph.models.networks import generator
from anamorph.models.networks.generator import Generator

WEIGHTS = files("anamorph.models.networks").joinpath("stranger.safetensors")


@cache
def network() -> Generator:
    """The network, loaded once.

    Raises:
        WeightsError: the weights are missing or damaged.
    """
    try:
        return generator.load(WEIGHTS.read_bytes(), "the stranger's network")
    except (OSError, WeightsError) as error:
        raise WeightsError(f"{error}: install anamorph again") from error
