"""What methods that move pixels within a ball of levels are all given, declared once."""

from typing import Any

from anamorph.parameters import knob


def epsilon(default: float = 16 / 255) -> Any:
    """The radius of the ball."""
    return knob(
        default,
        "Largest change of a value, in 8-bit levels.",
        symbol="ε",
        above=0,
        at_most=1,
        scale=255,
    )


def step_size(default: float = 2 / 255) -> Any:
    """The length of a step along the sign."""
    return knob(
        default,
        "Change of a value in one step, in 8-bit levels.",
        symbol="α",
        above=0,
        at_most=1,
        scale=255,
    )


def momentum(default: float) -> Any:
    """How long gradients are remembered."""
    return knob(
        default,
        "Decay of the accumulated gradient; 0 steps along the plain gradient.",
        symbol="μ",
        at_least=0,
        at_most=1,
    )


def comfort(default: float) -> Any:
    """How far a reading is kept from its border."""
    return knob(
        default,
        "Margin below which keeping gains weight (logits, or hundredths of a cosine).",
        at_least=0,
    )
