"""The state of Adam can be put away and taken up again."""

import math

import pytest
import torch
from torch.optim import Adam

from anamorph.app.train import adam


def begun() -> tuple[torch.nn.Parameter, Adam]:
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    return weight, Adam([weight])


def go(weight: torch.nn.Parameter, optimizer: Adam, first: int, last: int) -> None:
    for number in range(first, last):
        adam.update(optimizer, (weight**2).sum(), 0.1, number, 8)


def test_the_rate_falls_along_half_a_cosine() -> None:
    weight, optimizer = begun()
    rates = []
    for number in range(4):
        adam.update(optimizer, weight.sum(), 0.5, number, 4)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.25 * (1 + math.cos(math.pi * i / 4)) for i in range(4)])


def test_steps_go_on_as_if_they_had_never_stopped() -> None:
    whole, optimizer = begun()
    go(whole, optimizer, 0, 8)

    stopped, optimizer = begun()
    go(stopped, optimizer, 0, 3)
    state = {**adam.state_of(optimizer), "done": torch.tensor(3)}
    again, optimizer = begun()
    again.data.copy_(stopped.data)
    adam.restore(optimizer, state)
    go(again, optimizer, 3, 8)
    assert torch.equal(again, whole)


def test_names_that_it_never_gave_are_refused() -> None:
    _, optimizer = begun()
    with pytest.raises(ValueError, match="other"):
        adam.restore(optimizer, {"optimizer.other.step": torch.tensor(1.0)})
