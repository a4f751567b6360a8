"""The engine on problems whose answer is known."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from anamorph.optimize.combine import Constrained, Sum
from anamorph.optimize.engine import solve, stream
from anamorph.optimize.problem import Problem
from anamorph.optimize.sets import onto_box
from anamorph.optimize.steps import Sign
from anamorph.optimize.terms import Terms


def towards(goals: Tensor, **changes: Any) -> Problem[Tensor]:
    """Minimize the distance to a goal per sample, in steps of 0.1."""
    fields: dict[str, Any] = {
        "sense": "min",
        "objective": lambda z, goal: Terms(parts={"distance": (z - goal).square().sum(1)}),
        "start": torch.zeros_like(goals),
        "context": goals,
        "step": Sign(0.1),
        "project": lambda z, goal: onto_box(z, 0, 1),
        "iterations": 10,
    }
    return Problem(**(fields | changes))


def supply(goals: Tensor, **changes: Any) -> Callable[[int], Problem[Tensor] | None]:
    waiting = list(goals)

    def more(room: int) -> Problem[Tensor] | None:
        fresh = [waiting.pop(0) for _ in range(min(room, len(waiting)))]
        return towards(torch.stack(fresh), **changes) if fresh else None

    return more


GOALS = torch.tensor([[0.3, 0.7], [0.9, 0.1], [0.5, 0.5]], dtype=torch.float64)


def test_reaches_a_goal_inside_the_set() -> None:
    for solved, goal in zip(solve(towards(GOALS)), GOALS, strict=True):
        assert_close(solved.value, goal, rtol=0, atol=1e-9)
        assert solved.steps == 10


def test_ends_at_the_border_for_a_goal_outside_the_set() -> None:
    (solved,) = solve(towards(torch.tensor([[2.0, -1.0]])))
    assert_close(solved.value, torch.tensor([1.0, 0.0]))


def test_maximizing_the_negative_is_minimizing() -> None:
    mirrored = towards(
        GOALS,
        sense="max",
        objective=lambda z, goal: Terms(parts={"closeness": -(z - goal).square().sum(1)}),
    )
    for a, b in zip(solve(mirrored), solve(towards(GOALS)), strict=True):
        assert torch.equal(a.value, b.value)


def test_the_best_iterate_is_returned_not_the_last() -> None:
    """Steps of 0.4 towards 0.5 visit 0, 0.4, 0.8, 0.4 ...; the last is 0.8 or 0.4."""
    for iterations in (2, 3):
        problem = towards(
            torch.tensor([[0.5]], dtype=torch.float64), step=Sign(0.4), iterations=iterations
        )
        (solved,) = solve(problem)
        assert solved.value.item() == pytest.approx(0.4)
        assert solved.best_at == 1


def test_a_point_that_passes_the_check_beats_a_better_one_that_does_not() -> None:
    def objective(z: Tensor, goal: Tensor) -> Terms:
        return Terms(parts={"distance": (z - goal).square().sum(1)}, slack=0.35 - z[:, 0])

    (solved,) = solve(towards(torch.tensor([[0.8]]), objective=objective))
    assert solved.passes
    assert solved.value.item() == pytest.approx(0.3)


def test_without_a_passing_point_the_nearest_to_passing_is_returned() -> None:
    def objective(z: Tensor, goal: Tensor) -> Terms:
        return Terms(parts={"distance": (z - goal).square().sum(1)}, slack=z[:, 0] - 5)

    (solved,) = solve(towards(torch.tensor([[0.4]]), objective=objective))
    assert not solved.passes
    assert solved.value.item() == pytest.approx(0.4)
    assert solved.score == pytest.approx(-4.6, abs=0.01)


def test_a_projection_is_told_how_far_each_sample_has_come() -> None:
    ages: list[list[int]] = []

    def project(z: Tensor, age: Tensor) -> Tensor:
        ages.append(age.tolist())
        return z

    problem = towards(
        GOALS,
        objective=lambda z, _age: Terms(parts={"distance": z.square().sum(1)}),
        project=project,
        iterations=2,
        turn=lambda _context, age, _last: age,
    )
    solve(problem)
    assert ages == [[0, 0, 0], [0, 0, 0], [1, 1, 1]]  # the start, and after each step


def test_samples_leave_once_they_have_had_enough() -> None:
    goals = torch.tensor([[0.2], [0.9]], dtype=torch.float64)
    solved = solve(towards(goals, enough=lambda terms: terms.total < 1e-6))
    assert [s.steps for s in solved] == [3, 10]
    assert_close(torch.stack([s.value for s in solved]), goals, rtol=0, atol=1e-9)


def test_the_place_of_a_finished_sample_is_refilled() -> None:
    sizes: list[int] = []
    goals = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)[:, None]
    solved = stream(
        supply(goals, enough=lambda terms: terms.total < 1e-6),
        capacity=3,
        watch=lambda progress: sizes.append(len(progress.sample)),
    )
    assert sorted(s.sample for s in solved) == list(range(9))
    assert max(sizes) == 3
    assert sizes[:-9] == [3] * (len(sizes) - 9)  # full until the supply runs dry


def test_results_come_as_they_finish_not_in_order() -> None:
    goals = torch.tensor([[0.9], [0.1]], dtype=torch.float64)
    enough = supply(goals, enough=lambda terms: terms.total < 1e-6)
    assert [s.sample for s in stream(enough, capacity=2)] == [1, 0]


def test_a_sample_whose_time_is_up_ends_with_its_check() -> None:
    ticks = iter(range(1000))
    lasts: list[list[bool]] = []

    def turn(goal: Tensor, age: Tensor, last: Tensor) -> Tensor:
        del age
        lasts.append(last.tolist())
        return goal

    found = stream(
        supply(GOALS, seconds=2, turn=turn), capacity=2, clock=lambda: float(next(ticks))
    )
    # two share a second, then the third has each for itself
    assert [(s.sample, s.steps) for s in found] == [(0, 4), (1, 4), (2, 2)]
    assert lasts == [*[[False, False]] * 5, [True, True], *[[False]] * 3, [True]]  # starts too


def test_no_supply_gives_nothing() -> None:
    assert list(stream(lambda room: None, capacity=4)) == []


def test_an_error_in_the_objective_reaches_the_caller() -> None:
    def objective(z: Tensor, goal: Tensor) -> Terms:
        raise RuntimeError("the model is out of order")

    with pytest.raises(RuntimeError, match="out of order"):
        solve(towards(GOALS, objective=objective))


def test_works_where_gradients_are_switched_off() -> None:
    with torch.no_grad():
        (solved,) = solve(towards(GOALS[:1]))
    assert_close(solved.value, GOALS[0], rtol=0, atol=1e-9)


def test_gradient_mode_of_the_caller_is_left_alone_between_results() -> None:
    for _ in stream(supply(GOALS), capacity=1):
        assert torch.is_grad_enabled()


def two_terms(z: Tensor, goal: Tensor) -> Terms:
    """A strong pull to the right, and a constraint that wants to stay left of 0.5."""
    return Terms(
        parts={"pull": 1000 * z[:, 0], "stay": -0.001 * (z[:, 0] - 0.5).relu()},
        slack=0.5 - z[:, 0],
    )


def test_constrained_weighs_a_faint_constraint_up_where_the_sum_drowns_it() -> None:
    goals = torch.zeros(1, 1, dtype=torch.float64)
    start = torch.full_like(goals, 0.6)
    last: dict[str, float] = {}

    def run(name: str, combine: Sum | Constrained) -> None:
        problem = towards(
            goals, start=start, sense="max", objective=two_terms, combine=combine, iterations=8
        )
        solve(problem, lambda p: last.update({name: p.terms.slack.item()}))  # type: ignore[union-attr]

    run("sum", Sum())
    run("constrained", Constrained(constraint="stay", comfort=0.0, grow=2.0))
    assert last["sum"] < -0.3
    assert last["constrained"] >= -0.11


def test_constrained_judges_by_the_goal_alone() -> None:
    terms = two_terms(torch.tensor([[0.7]]), torch.tensor([[0.0]]))
    assert Constrained(constraint="stay", comfort=0.0).value(terms).item() == pytest.approx(700)


def test_where_nobody_looked_the_weight_of_a_constraint_stays() -> None:
    z = torch.ones(3, 2, dtype=torch.float64, requires_grad=True)
    looked = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    nan = torch.nan
    parts = {"goal": z[:, 0], "kept": looked * z[:, 1]}
    rule = Constrained(constraint="kept", comfort=1.0)
    weight = torch.tensor([4.0, 4.0, 4.0], dtype=torch.float64)
    slack = torch.tensor([0.5, nan, nan], dtype=torch.float64)
    gradient, after = rule.gradient(Terms(parts=parts, slack=slack), z, weight)
    assert after.tolist() == [8.0, 4.0, 4.0]
    assert gradient.tolist() == [[2.0, 16.0], [2.0, 0.0], [2.0, 0.0]]
    nobody = {"goal": z[:, 0], "kept": torch.zeros(3, dtype=torch.float64)}
    gradient, after = rule.gradient(Terms(parts=nobody, slack=slack * nan), z, weight)
    assert torch.equal(after, weight)
    assert gradient.tolist() == [[2.0, 0.0]] * 3


def test_a_constraint_without_gradient_changes_nothing() -> None:
    z = torch.full((1, 1, 2, 2), 0.5, requires_grad=True)
    combine = Constrained(constraint="stay", comfort=1.0)
    state = torch.full((1,), combine.most)
    terms = Terms(
        parts={"go": (2 * z).sum((1, 2, 3)), "stay": (0 * z).sum((1, 2, 3))}, slack=torch.zeros(1)
    )
    gradient, _ = combine.gradient(terms, z, state)
    assert torch.equal(gradient, torch.ones_like(gradient))
