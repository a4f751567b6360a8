"""Sealed hiding where the answer is known."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from anamorph.errors import ParameterError
from anamorph.methods.keeping import KeepAnswer, KeepDirection
from anamorph.methods.sealed import MOST_BITS, PRESETS, Sealed, assemble, sealed
from anamorph.optimize.engine import solve

TARGET = torch.tensor([[1.0, -1.0, 0.5], [-1.0, 0.2, 1.0]], dtype=torch.float64)


def embed(images: Tensor) -> Tensor:
    """An embedding of three numbers: in each channel, how the light tilts to the right."""
    tilt = torch.linspace(-1, 1, images.shape[-1], dtype=images.dtype)
    return (images * tilt).mean((2, 3))


def ciphertext(bits: int, n: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(bits)
    return torch.randint(0, 2**bits, (n, 3, 16, 16), generator=generator).to(torch.uint8)


@pytest.mark.parametrize("bits", range(1, MOST_BITS + 1))
def test_the_low_bits_are_the_ciphertext_wherever_z_goes(bits: int) -> None:
    low = ciphertext(bits)
    z = torch.rand(low.shape, generator=torch.Generator().manual_seed(0)) * 1.4 - 0.2
    v = assemble(z, low, bits)
    assert torch.equal(v & (2**bits - 1), low)


@pytest.mark.parametrize("bits", range(1, MOST_BITS + 1))
def test_the_high_bits_are_those_nearest_to_z(bits: int) -> None:
    low = ciphertext(bits)
    z = torch.rand(low.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    distance = (assemble(z, low, bits).double() - 255 * z).abs()
    inside = (z > 0.07) & (z < 0.93)
    assert distance[inside].max() <= 2 ** (bits - 1)
    assert distance.max() < 2**bits


@pytest.mark.parametrize("bits", [1, MOST_BITS])
def test_the_service_model_reads_the_target_in_the_file(bits: int) -> None:
    low = ciphertext(bits)
    problem = sealed(embed, TARGET, KeepDirection(0.95), low, bits, [0, 1], Sealed())
    for row, found in enumerate(solve(problem)):
        v = assemble(found.value[None], low[row : row + 1], bits).double() / 255
        assert found.passes
        assert torch.cosine_similarity(embed(v)[0], TARGET[row], dim=0).item() >= 0.95


def test_another_photo_with_the_same_reading_gives_the_same_picture() -> None:
    """All that the problem is told of a photo is f(x)."""
    low = ciphertext(3)
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    twins = [
        solve(sealed(embed, embed(photo), KeepDirection(0.9), low, 3, [5, 6], Sealed()))
        for photo in (x, x.flip(2))
    ]
    for one, other in zip(*twins, strict=True):
        assert_close(one.value, other.value, rtol=0, atol=1e-6)


def test_light_and_shade_stay_those_of_the_start() -> None:
    low = ciphertext(3)
    p = Sealed(block=8)
    problem = sealed(embed, TARGET, KeepDirection(0.9), low, 3, [0, 1], p)
    ends = torch.stack([found.value for found in solve(problem)])

    def shade(images: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(images, 8)

    moved = (shade(ends) - shade(problem.start)).abs().mean()
    assert moved < 0.2 * (ends - problem.start).abs().mean()


def test_a_picture_that_is_good_enough_leaves_early() -> None:
    low = ciphertext(2)
    keeping = KeepDirection(0.9)
    early = solve(sealed(embed, TARGET, keeping, low, 2, [0, 1], Sealed(enough=0.05)))
    late = solve(sealed(embed, TARGET, keeping, low, 2, [0, 1], Sealed()))
    for a, b in zip(early, late, strict=True):
        assert a.steps < b.steps == Sealed().steps
        assert a.passes
        assert -a.score <= 0.05


def test_a_classifier_keeps_its_whole_answer() -> None:
    low = ciphertext(3)
    wanted = 30 * TARGET

    def logits(images: Tensor) -> Tensor:
        return 300 * embed(images)

    for row, found in enumerate(
        solve(sealed(logits, wanted, KeepAnswer(), low, 3, [3, 4], Sealed()))
    ):
        v = assemble(found.value[None], low[row : row + 1], 3).double() / 255
        assert logits(v).argmax() == wanted[row].argmax()


def test_the_fast_preset_takes_half_the_time() -> None:
    assert PRESETS["full"] == Sealed()
    assert PRESETS["full"].steps <= 100
    assert PRESETS["fast"].steps <= 50


@pytest.mark.parametrize(
    ("name", "value"), [("steps", 0), ("step_size", 0), ("block", 0), ("least_cosine", 1.1)]
)
def test_a_parameter_outside_its_range_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ParameterError, match=name):
        Sealed(**{name: value})  # type: ignore[arg-type]
