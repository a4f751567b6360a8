"""Where the benchmarks find their models and photos, and put what they make."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent
CARDS = FOLDER / "cards"
RESULTS = FOLDER / "results"
WORK = FOLDER / "scratch"
"""Scratch space; git ignores it."""

DATA = FOLDER.parents[1] / "shared" / "data"
"""Real models and photos, beside the repository: they are for research and never enter it."""

AUTHORIZED = "mobilenetv2_100_tfq"
PANEL = ("mobilenet_edgetpu_100", "mobilenetv1_075_192", "squeezenet1_1_caffe")
WEIGHTS = DATA / "imagenet_models"
"""What the cards of those models name."""


def card(name: str) -> Path:
    """The card of a real model."""
    return CARDS / f"{name}.toml"


def has_models() -> bool:
    """Whether the weights that the cards name are there."""
    return all((WEIGHTS / f"{name}.safetensors").is_file() for name in (AUTHORIZED, *PANEL))
