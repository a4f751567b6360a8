"""Parameters that several methods have, declared once: budgets, steps, what counts as kept."""

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


def least_cosine(default: float) -> Any:
    """How much a reading that is a direction may turn."""
    return knob(
        default,
        "For embedding models: the smallest cosine to the clean reading that counts as kept.",
        above=0,
        at_most=1,
    )


def enough() -> Any:
    """When a picture needs no more steps."""
    return knob(
        0.0,
        "Service loss at which a picture is done before its last step: 1 - cosine, or nats.",
        at_least=0,
    )
