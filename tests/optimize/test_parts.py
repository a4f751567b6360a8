"""Steps, sets, starts and rows on their own."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.nn import functional as F
from torch.testing import assert_close

from anamorph.optimize.rows import join, take
from anamorph.optimize.sets import onto_box, onto_linf_ball, onto_rms_ball
from anamorph.optimize.starts import seed_of, uniform, uniform_in_ball
from anamorph.optimize.steps import (
    Adam,
    MomentumSign,
    Normalized,
    Sharpened,
    Sign,
    Smoothed,
    block_means,
    blur,
    mean_magnitude,
)

arrays = hnp.arrays("float64", (2, 3), elements=st.floats(-2, 2))


@given(arrays, arrays, st.floats(0.01, 1))
def test_projecting_twice_is_projecting_once(z: object, center: object, radius: float) -> None:
    a, c = torch.as_tensor(z), torch.as_tensor(center)
    once = onto_linf_ball(a, c, radius)
    assert_close(onto_linf_ball(once, c, radius), once, rtol=0, atol=1e-12)
    assert_close(onto_box(onto_box(a, 0, 1), 0, 1), onto_box(a, 0, 1))
    near = onto_rms_ball(a, c, radius)
    assert_close(onto_rms_ball(near, c, radius), near, rtol=0, atol=1e-12)


@given(arrays, arrays, arrays, st.floats(0.01, 1))
def test_no_point_of_a_samples_rms_ball_is_nearer_than_the_projection(
    z: object, center: object, other: object, radius: float
) -> None:
    a, c = torch.as_tensor(z), torch.as_tensor(center)
    nearest = onto_rms_ball(a, c, radius)
    rival = onto_rms_ball(torch.as_tensor(other), c, radius)
    assert ((nearest - c).square().mean(1).sqrt() <= radius + 1e-12).all()
    assert ((nearest - a).norm(dim=1) <= (rival - a).norm(dim=1) + 1e-12).all()


@given(arrays, arrays, arrays, st.floats(0.01, 1))
def test_no_point_of_the_ball_is_nearer_than_the_projection(
    z: object, center: object, other: object, radius: float
) -> None:
    a, c = torch.as_tensor(z), torch.as_tensor(center)
    rival = onto_linf_ball(torch.as_tensor(other), c, radius)
    nearest = onto_linf_ball(a, c, radius)
    assert ((nearest - a).abs() <= (rival - a).abs() + 1e-12).all()


def test_projections_leave_their_argument_alone() -> None:
    z = torch.tensor([3.0])
    onto_linf_ball(z, torch.zeros(1), 1.0)
    onto_box(z, 0, 1)
    assert z.item() == 3.0


def test_sign_moves_every_value_by_the_step_size() -> None:
    move, state = Sign(0.25)(torch.tensor([[-3.0, 0.0, 0.1]]), torch.zeros(1), None)
    assert move.tolist() == [[-0.25, 0.0, 0.25]]
    assert state is None


def test_momentum_adds_gradients_of_unit_mean_magnitude() -> None:
    step = MomentumSign(step_size=1.0, decay=0.5)
    state = step.init(torch.zeros(1, 2))
    _, state = step(torch.tensor([[2.0, -6.0]]), torch.zeros(1), state)
    assert state.tolist() == [[0.5, -1.5]]
    move, state = step(torch.tensor([[30.0, 10.0]]), torch.zeros(1), state)
    assert state.tolist() == [[1.75, -0.25]]
    assert move.tolist() == [[1.0, -1.0]]


def test_adam_takes_the_path_of_torchs_adam_with_its_cosine_schedule() -> None:
    target = torch.tensor([[1.0, -2.0, 3.0]], dtype=torch.float64)
    theirs = torch.zeros_like(target, requires_grad=True)
    optimizer = torch.optim.Adam([theirs], lr=0.5, betas=(0.7, 0.8))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=9, eta_min=0.1)
    step = Adam(step_size=0.5, final_step=0.1, steps=10, mean_decay=0.7, square_decay=0.8)
    ours, state = torch.zeros_like(target), step.init(torch.zeros_like(target))
    for _ in range(10):
        (theirs.grad,) = torch.autograd.grad(((theirs - target) ** 4).sum(), theirs)
        optimizer.step()
        schedule.step()
        move, state = step(-4 * (ours - target) ** 3, torch.zeros(1), state)
        ours = ours + move
    assert_close(ours, theirs.detach(), rtol=0, atol=1e-12)


def test_a_schedule_is_each_samples_own() -> None:
    step = Adam(step_size=1.0, final_step=0.0, steps=3)
    first, state = step(torch.ones(1, 2), torch.zeros(1), step.init(torch.zeros(1, 2)))
    both = join(state, step.init(torch.zeros(1, 2)))
    move, _ = step(torch.ones(2, 2), torch.zeros(2), both)
    assert_close(move[0], 0.5 * first[0])
    assert_close(move[1], first[0])


def test_normalized_moves_keep_the_gradients_proportions() -> None:
    step = Normalized(step_size=2.0, final_step=2.0, steps=5, decay=0.5)
    gradient = torch.tensor([[3.0, -4.0], [300.0, -400.0]])
    move, state = step(gradient, torch.zeros(2), step.init(gradient))
    assert_close(move[0], torch.tensor([3.0, -4.0]) / 12.5**0.5)
    assert_close(move[0], move[1])
    again, _ = step(gradient, torch.zeros(2), state)
    assert_close(again, 1.5 * move)


def test_sharpened_shows_the_wrapped_rule_a_gradient_without_block_means() -> None:
    gradient = torch.zeros(1, 1, 4, 6)
    gradient[..., 0, 0] = 4
    move, _ = Sharpened(Sign(1.0), block=2)(gradient, torch.zeros(1), None)
    assert move[0, 0, :2, :2].tolist() == [[1, -1], [-1, -1]]
    assert move.abs().sum() == 4


def test_blocks_at_the_edge_are_cut() -> None:
    images = torch.arange(15.0).view(1, 1, 3, 5)
    means = block_means(images, 2)
    assert means.shape == images.shape
    assert means[0, 0, 2].tolist() == [10.5, 10.5, 12.5, 12.5, 14.0]
    assert_close(block_means(images, 99), torch.full_like(images, 7.0))


@pytest.mark.parametrize(
    "step",
    [
        Adam(step_size=1.0, final_step=0.0, steps=2),
        Normalized(step_size=1.0, final_step=0.0, steps=2, decay=0.5),
    ],
)
def test_without_a_gradient_a_schedule_stays_where_it_is(step: Adam | Normalized) -> None:
    nothing = torch.zeros(1, 3)
    move, _ = step(nothing, torch.zeros(1), step.init(nothing))
    assert move.abs().sum() == 0


def test_a_zero_gradient_does_not_divide_by_zero() -> None:
    step = MomentumSign(step_size=1.0, decay=1.0)
    move, state = step(torch.zeros(1, 3), torch.zeros(1), torch.zeros(1, 3))
    assert move.abs().sum() == 0
    assert state.isfinite().all()


def test_the_gradient_of_a_sample_is_scaled_by_itself_alone() -> None:
    gradient = torch.tensor([[1.0, 3.0], [100.0, 300.0]])
    assert mean_magnitude(gradient).flatten().tolist() == [2.0, 200.0]


@pytest.mark.parametrize("shape", [(1, 3, 9, 7), (2, 1, 5, 5), (1, 3, 2, 1), (1, 1, 1, 1)])
def test_blur_is_the_gaussian_convolution(shape: tuple[int, int, int, int]) -> None:
    images = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    distance = torch.arange(5, dtype=torch.float64) - 2
    weight = torch.exp(-distance.square() / (2 * 1.5**2))
    kernel = torch.outer(weight, weight) / weight.sum().square()
    c = shape[1]
    expected = F.conv2d(images, kernel.expand(c, 1, 5, 5), padding=2, groups=c)
    assert_close(blur(images, 1.5, 5), expected)


def test_smoothed_shows_the_wrapped_rule_a_blurred_gradient() -> None:
    gradient = torch.zeros(1, 1, 5, 5)
    gradient[0, 0, 2, 2] = 1
    move, _ = Smoothed(Sign(1.0), sigma=1.0, taps=3)(gradient, torch.zeros(1), None)
    assert move.sum() == 9


def test_starts_differ_between_seeds_and_lie_on_levels_within_the_ball() -> None:
    x = torch.full((2, 3, 8, 8), 0.5, dtype=torch.float64)
    start = uniform_in_ball(x, 16 / 255, [1, 2])
    levels = (start - x) * 255
    assert not torch.equal(start[0], start[1])
    assert levels.abs().max() <= 16 + 1e-9
    assert_close(levels, levels.round(), rtol=0, atol=1e-9)
    assert len(set(levels.round().flatten().tolist())) == 33


def test_a_start_does_not_depend_on_its_neighbors() -> None:
    x = torch.rand(3, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    together = uniform_in_ball(x, 0.1, [4, 5, 6])
    assert torch.equal(uniform_in_ball(x[1:2], 0.1, [5])[0], together[1])


def test_a_uniform_start_is_its_seeds_alone() -> None:
    together = uniform((3, 20, 20), [4, 5])
    assert torch.equal(uniform((3, 20, 20), [5])[0], together[1])
    assert not torch.equal(together[0], together[1])
    assert together.min() >= 0
    assert together.max() < 1
    assert together.mean().item() == pytest.approx(0.5, abs=0.02)


def test_seeds_depend_on_run_and_picture_and_fit_a_generator() -> None:
    seeds = {seed_of(run, digest) for run in range(3) for digest in ("a", "b", "c")}
    assert len(seeds) == 9
    assert all(0 <= s < 2**63 for s in seeds)


def test_rows_of_nested_data_are_taken_and_joined_together() -> None:
    rows = (torch.arange(4), {"a": torch.arange(8).view(4, 2)}, None)
    part = take(rows, torch.tensor([False, True, False, True]))
    assert part[0].tolist() == [1, 3]
    assert part[1]["a"].tolist() == [[2, 3], [6, 7]]
    assert join(part, part)[0].tolist() == [1, 3, 1, 3]


def test_rows_of_something_else_are_refused() -> None:
    with pytest.raises(TypeError, match="list"):
        take([torch.arange(3)], torch.tensor([0]))
