"""FMD where the answer is known."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from anamorph.errors import ParameterError
from anamorph.methods.fmd import Surrogate, Trusted, Wanted, fmd
from anamorph.methods.fmd_parameters import FMD, PRESETS, more_effort
from anamorph.methods.keeping import KeepDirection, KeepLabel, keeping_for
from anamorph.optimize.engine import solve
from anamorph.types import Held, Reading

ARITHMETIC = FMD(layer_mean="arithmetic")

NOT_LAST = torch.zeros(3, dtype=torch.bool)

GREY = torch.full((2, 3, 4, 4), 0.5, dtype=torch.float64)


def identity(images: Tensor) -> Reading:
    """A whole authorized model: its features are the pixels, its logits never change."""
    logits = (
        images.new_tensor([1.0, 0.0]).expand(len(images), 2) + 0 * images.sum((1, 2, 3))[:, None]
    )
    return Reading(logits, (images,))


def wanted(model: Callable[[Tensor], Reading], labels: list[int], x: Tensor = GREY) -> Wanted:
    return Wanted.of(KeepLabel(), model(x).output, torch.tensor(labels))


def test_identity_features_push_every_value_to_the_edge_of_the_ball() -> None:
    p = FMD(epsilon=16 / 255, steps=20, momentum=0, smoothing=0, balance="sum")
    for solved in solve(fmd([Trusted(identity, KeepLabel())], GREY, [0, 1], p)):
        moved = (solved.value - 0.5).abs()
        # a value that starts at zero distortion has no gradient and stays
        assert_close(moved[moved > 0], torch.full_like(moved[moved > 0], 16 / 255))
        assert (moved > 0).double().mean() > 0.9


def test_without_a_random_start_the_distortion_has_no_gradient() -> None:
    problem = fmd([Trusted(identity, KeepLabel())], GREY, [0, 1], FMD())
    x = GREY.clone().requires_grad_()
    distortion = problem.objective(x, problem.context).parts["distortion"]
    (gradient,) = torch.autograd.grad(distortion.sum(), x)
    assert distortion.isfinite().all()
    assert (gradient == 0).all()


def two_scales(images: Tensor) -> Reading:
    """Two layers, one of them with far larger values."""
    return Reading(identity(images).output, (images, 1000 * images[:, :1]))


def test_each_taps_distortion_is_one_at_the_random_start() -> None:
    problem = fmd([Trusted(two_scales, KeepLabel())], GREY, [0, 1], ARITHMETIC)
    distortion = problem.objective(problem.start, problem.context).parts["distortion"]
    assert_close(distortion, torch.ones_like(distortion))


def test_the_geometric_mean_asks_of_each_layer_the_same_growth() -> None:
    problem = fmd([Trusted(two_scales, KeepLabel())], GREY, [0, 1], FMD())
    x, start = problem.context.x, problem.start
    for factor in (1.0, 2.0):
        moved = problem.objective(x + factor * (start - x), problem.context).parts["distortion"]
        assert_close(moved, torch.full_like(moved, 2 * math.log(factor)))


def test_the_terms_add_up_to_the_papers_objective() -> None:
    p = replace(ARITHMETIC, utility_weight=0.25)
    problem = fmd([Trusted(identity, KeepLabel())], GREY, [0, 1], p, [wanted(identity, [1, 0])])
    terms = problem.objective(problem.start, problem.context)
    cross_entropy = torch.log(torch.tensor([1 + torch.e, 1 + torch.e**-1], dtype=torch.float64))
    assert_close(terms.parts["utility"], -0.25 * cross_entropy)
    assert_close(terms.total, 1 - 0.25 * cross_entropy)
    assert terms.passes.tolist() == [False, True]


def steep(images: Tensor) -> Reading:
    """Reads whether the left half is brighter than the right, and shows the pixels."""
    lead = (images[..., :2].mean((1, 2, 3)) - images[..., 2:].mean((1, 2, 3))) * 40
    return Reading(torch.stack((lead, -lead), 1), (images,))


@pytest.mark.parametrize("balance", ["sum", "constrained"])
def test_the_reading_is_kept_even_where_it_is_close(balance: str) -> None:
    x = GREY.clone()
    x[..., :2] += 1 / 255
    p = FMD(balance=balance, smoothing=0, steps=30)  # type: ignore[arg-type]
    for solved in solve(fmd([Trusted(steep, KeepLabel())], x, [0, 1], p)):
        assert solved.passes
        assert steep(solved.value[None]).output.argmax().item() == 0


def test_embeddings_keep_their_direction() -> None:
    def embedder(images: Tensor) -> Reading:
        return Reading(images.mean((2, 3)) * images.new_tensor([1.0, 2.0, 3.0]), (images,))

    keeping = KeepDirection(0.999)
    for solved in solve(fmd([Trusted(embedder, keeping)], GREY, [0, 1], FMD(least_cosine=0.999))):
        clean, after = embedder(GREY[:1]).output, embedder(solved.value[None]).output
        assert torch.cosine_similarity(clean, after).item() >= 0.999


def test_keeping_follows_the_task() -> None:
    assert keeping_for("embed", 0.7) == KeepDirection(0.7)
    assert keeping_for("classify", 0.7) == KeepLabel()


def test_more_effort_means_more_steps_and_a_larger_margin() -> None:
    harder = more_effort(FMD(), 1)
    assert harder.steps == 2 * FMD().steps
    assert harder.comfort > FMD().comfort
    assert harder.epsilon == FMD().epsilon
    assert harder.look_every == 1
    assert more_effort(FMD(), 0) == FMD()


def test_another_attempt_is_made_in_full_numbers() -> None:
    short = FMD(precision="bfloat16")
    assert more_effort(short, 0) == short
    assert more_effort(short, 1).precision == "float32"


def test_the_paper_preset_is_the_papers() -> None:
    p = PRESETS["paper"]
    assert (p.epsilon * 255, p.step_size * 255, p.steps) == pytest.approx((16, 4, 100))
    assert (p.momentum, p.smoothing, p.balance) == (0, 0, "sum")
    assert (p.layer_mean, p.shrink) == ("arithmetic", 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("epsilon", 0), ("epsilon", 2.0), ("steps", 0), ("momentum", 1.5), ("balance", "none")],
)
def test_a_parameter_outside_its_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=name):
        FMD(**{name: value})  # type: ignore[arg-type]


def brightness(images: Tensor) -> Reading:
    """A surrogate that answers by the mean of the red channel: bright or dark."""
    mean = images[:, 0].mean((1, 2))
    return Reading(torch.stack([mean, 1 - mean], 1) * 20, (images[:, :1],))


def test_surrogates_are_distorted_and_misread_beside_the_papers_terms() -> None:
    p = replace(ARITHMETIC, utility_weight=0.25, surrogate_weight=3.0)
    surrogates = [Surrogate(brightness, KeepLabel()), Surrogate(identity, KeepLabel())]
    problem = fmd([Trusted(identity, KeepLabel())], GREY, [0, 1], p, surrogates=surrogates)
    terms = problem.objective(problem.start, problem.context)
    assert_close(terms.parts["surrogates"], torch.ones(2, dtype=torch.float64))
    losses = [
        torch.nn.functional.cross_entropy(s.model(problem.start).output, y_s, reduction="none")
        for s, y_s in zip(surrogates, problem.context.misread, strict=True)
    ]
    assert_close(terms.parts["misreading"], 3.0 * torch.stack(losses).mean(0))


def test_of_several_authorized_models_all_count() -> None:
    """The distortion is the mean, the losses add up, the slack is that of the weakest reading.

    The second misreads the second picture to begin with, and has nothing to keep there.
    """
    p = replace(ARITHMETIC, utility_weight=0.25)
    x = GREY + 4 / 255
    both = [Trusted(two_scales, KeepLabel()), Trusted(brightness, KeepLabel())]
    labels = [wanted(two_scales, [0, 0], x), wanted(brightness, [0, 1], x)]
    apart = [fmd([m], x, [0, 1], p, [y]) for m, y in zip(both, labels, strict=True)]
    together = fmd(both, x, [0, 1], p, labels)
    z = together.start + 1 / 255
    first, second = (one.objective(z, one.context) for one in apart)
    terms = together.objective(z, together.context)
    for name, made in (
        ("distortion", (first.parts["distortion"] + second.parts["distortion"]) / 2),
        ("utility", first.parts["utility"] + second.parts["utility"] * torch.tensor([1, 0])),
    ):
        assert_close(terms.parts[name], made)
    assert terms.slack is not None
    assert first.slack is not None
    assert second.slack is not None
    assert (second.slack < first.slack).all()
    assert_close(terms.slack, torch.stack([second.slack[0], first.slack[1]]))
    assert terms.passes.tolist() == [True, True]


def test_of_several_authorized_models_each_keeps_what_it_read() -> None:
    x = GREY.clone()
    x[..., :2] += 2 / 255
    both = [Trusted(steep, KeepLabel()), Trusted(brightness, KeepLabel())]
    for p in (replace(PRESETS["paper"], utility_weight=10), FMD()):
        for solved in solve(fmd(both, x, [0, 1], replace(p, steps=20))):
            assert solved.passes
            for m in both:
                before, after = (m.model(z).output.argmax(1) for z in (x[:1], solved.value[None]))
                assert torch.equal(before, after)


def test_without_weight_a_surrogates_answer_is_left_out() -> None:
    problem = fmd(
        [Trusted(identity, KeepLabel())],
        GREY,
        [0, 1],
        FMD(),
        surrogates=[Surrogate(brightness, KeepLabel())],
    )
    parts = problem.objective(problem.start, problem.context).parts
    assert set(parts) == {"distortion", "utility", "surrogates"}


def test_a_surrogate_that_can_be_fooled_is_fooled_while_the_authorized_reading_stays() -> None:
    p = FMD(epsilon=16 / 255, steps=20, smoothing=0, surrogate_weight=1000.0)
    bright = GREY + 4 / 255
    surrogate = Surrogate(brightness, KeepLabel())
    problem = fmd([Trusted(identity, KeepLabel())], bright, [0, 1], p, surrogates=[surrogate])
    for solved in solve(problem):
        assert solved.passes
        assert brightness(solved.value[None]).output.argmax(1).item() == 1
    assert brightness(bright).output.argmax(1).tolist() == [0, 0]


def test_one_view_is_the_picture_alone() -> None:
    x = torch.rand(2, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    p = replace(ARITHMETIC, views=1, resolution=1, look_every=1)
    problem = fmd([Trusted(identity, KeepLabel())], x, [0, 1], p)
    terms = problem.objective(
        problem.start, problem.turn(problem.context, torch.tensor([0, 5]), NOT_LAST[:2])
    )
    assert terms.score is None
    assert_close(terms.parts["distortion"], torch.ones(2, dtype=torch.float64))


def test_each_picture_is_distorted_in_the_view_of_its_own_age() -> None:
    seen: list[tuple[int, ...]] = []

    def looking(images: Tensor) -> Reading:
        seen.append(tuple(images.shape))
        return identity(images)

    x = torch.rand(3, 3, 20, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    p = FMD(views=6)
    together = fmd([Trusted(looking, KeepLabel())], x, [0, 1, 2], p)
    z = together.project(together.start + 0.01 * x, together.context)
    seen.clear()
    ages = torch.tensor([7, 0, 1])  # of six views
    terms = together.objective(z, together.turn(together.context, ages, NOT_LAST[:3]))
    assert seen == [(1, 3, 20, 20), (1, 3, 20, 20), (2, 3, 17, 17)]  # one look, two views
    assert terms.slack is not None
    assert terms.score is not None
    for row in range(3):
        alone = fmd([Trusted(looking, KeepLabel())], x[row : row + 1], [row], p)
        context = alone.turn(alone.context, ages[row : row + 1], NOT_LAST[:1])
        single = alone.objective(z[row : row + 1], context)
        assert_close(terms.parts["distortion"][row : row + 1], single.parts["distortion"])
        for whole, part in ((terms.slack, single.slack), (terms.score, single.score)):
            assert part is not None
            assert_close(whole[row : row + 1], part, equal_nan=True)


def test_the_reading_is_looked_at_in_every_other_step_and_at_the_end() -> None:
    p = FMD(steps=5, look_every=2)
    x = torch.rand(6, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    problem = fmd([Trusted(steep, KeepLabel())], x, list(range(6)), p)
    z = problem.start.clone().requires_grad_()
    terms = problem.objective(
        z, problem.turn(problem.context, torch.arange(6), torch.arange(6) == 5)
    )
    assert terms.slack is not None
    assert terms.slack.isnan().tolist() == [False, True, False, True, False, False]
    (gradient,) = torch.autograd.grad(terms.parts["utility"].sum(), z)
    assert gradient.flatten(1).any(1).tolist() == [True, False, True, False, True, True]


def test_on_the_way_another_looks_and_at_the_end_the_model_itself() -> None:
    looks: list[str] = []

    def reader(name: str) -> Callable[[Tensor], Reading]:
        def read(images: Tensor) -> Reading:
            looks.append(name)
            return Reading(steep(images).output, ())

        return read

    def glance(images: Tensor, held: Held) -> tuple[Tensor, ...]:
        return (held(images),)

    full, short, x = reader("full"), reader("short"), GREY[:1]
    p = FMD(steps=4, look_every=2)
    problem = fmd([Trusted(full, KeepLabel(), glance, short)], x, [0], p)
    assert looks == ["full"]  # what is to be kept is the model's own reading
    looks.clear()
    solve(problem)
    assert looks == ["short", "short", "full"]


def test_forms_are_looked_at_in_turn_and_all_at_the_end() -> None:
    read: list[float] = []

    def reader(images: Tensor) -> Reading:
        read.extend(images.mean((1, 2, 3)).tolist())
        return Reading(steep(images).output, ())

    x = GREY[:1]
    forms = [lambda x: 0 * x, lambda x: 0 * x + 1]
    p = FMD(steps=8, look_every=2)
    problem = fmd(
        [Trusted(reader, KeepLabel(), lambda images, held: (held(images),))],
        x,
        [0],
        p,
        survive=forms,
    )
    seen = []
    for age in (0, 1, 2, 4, 6, 8):
        read.clear()
        last = torch.tensor([age == 8])
        problem.objective(x, problem.turn(problem.context, torch.tensor([age]), last))
        seen.append([round(value, 3) for value in read])
    assert seen == [[0.5], [], [0.0], [1.0], [0.5], [0.5, 0.0, 1.0]]


def test_a_glance_is_what_is_distorted_and_the_reading_needs_no_taps() -> None:
    def reader(images: Tensor) -> Reading:
        return Reading(steep(images).output, ())

    def glance(images: Tensor, held: Held) -> tuple[Tensor, ...]:
        return (held(images[..., ::2, ::2]),)

    x = GREY.clone()
    x[..., :2] += 4 / 255
    p = FMD(steps=8, momentum=0, smoothing=0, views=1)
    for solved in solve(fmd([Trusted(reader, KeepLabel(), glance)], x, [0, 1], p)):
        assert solved.passes
        moved = (solved.value - x[0]).abs()[..., ::2, ::2]
        assert (moved > 15.5 / 255).double().mean() > 0.9


def test_only_the_papers_own_settings_are_plain() -> None:
    assert PRESETS["paper"].plain
    assert not PRESETS["fast"].plain
    assert not FMD(views=1, look_every=1).plain


def test_with_forms_the_papers_best_is_the_last_too() -> None:
    """A look at one form says nothing of the others; the last looks at all."""
    p = replace(PRESETS["paper"], steps=4)
    x = torch.rand(2, 3, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    solved = solve(
        fmd([Trusted(identity, KeepLabel())], x, [0, 1], p, survive=[lambda x: x.flip(-1)])
    )
    assert [one.best_at for one in solved] == [4, 4]


def test_the_best_is_the_last_that_was_looked_at_and_kept() -> None:
    x = torch.rand(2, 3, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    problem = fmd([Trusted(identity, KeepLabel())], x, [0, 1], FMD(views=6))
    terms = [
        problem.objective(
            problem.start, problem.turn(problem.context, torch.tensor([age, age]), NOT_LAST[:2])
        )
        for age in range(6)
    ]
    scores = [one.score for one in terms if one.score is not None]
    assert [score.tolist() for score in scores] == [[age, age] for age in range(6)]
    assert [solved.best_at for solved in solve(problem)] == [problem.iterations] * 2


def test_surrogates_see_the_same_views() -> None:
    shapes: list[int] = []

    def looking(images: Tensor) -> Reading:
        shapes.append(images.shape[-1])
        return identity(images)

    x = torch.rand(1, 3, 20, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    p = FMD(views=6)
    problem = fmd(
        [Trusted(identity, KeepLabel())], x, [0], p, surrogates=[Surrogate(looking, KeepLabel())]
    )
    shapes.clear()
    problem.objective(problem.start, problem.turn(problem.context, torch.tensor([4]), NOT_LAST[:1]))
    assert shapes == [14]


def test_what_gains_nothing_is_drawn_back_and_what_gains_goes_as_far() -> None:
    def red(images: Tensor) -> Reading:
        return Reading(identity(images).output, (images[:, :1],))

    p = FMD(steps=24, momentum=0, smoothing=0, shrink=0.5, views=1)
    for solved in solve(fmd([Trusted(red, KeepLabel())], GREY, [0, 1], p)):
        moved = (solved.value - 0.5).abs() * 255
        assert_close(moved[1:], torch.zeros_like(moved[1:]))
        far = moved[0] > 15.9
        assert (far | (moved[0] == 0)).all()  # what stood at 0 has no gradient here, and stays
        assert far.double().mean() > 0.5


def test_the_first_half_of_the_steps_draws_nothing_back() -> None:
    problem = fmd([Trusted(identity, KeepLabel())], GREY, [0, 1], FMD(steps=5, shrink=0.5))
    turned = problem.turn(problem.context, torch.tensor([2, 3]), NOT_LAST[:2])
    moved = (problem.project(problem.start, turned) - GREY).abs() * 255
    began = (problem.start - GREY).abs() * 255
    assert_close(moved[0], began[0])
    assert_close(moved[1], (began[1] - 2).clamp_min(0))
