"""Properties that every method obeys, from one table."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from anamorph.methods.advface import PRESETS as ADVFACES
from anamorph.methods.advface import AdvFace, advface
from anamorph.methods.avih import AVIH, avih
from anamorph.methods.avih import PRESETS as AVIHS
from anamorph.methods.controls import PGD, Misled, pgd_keeping
from anamorph.methods.controls import PRESETS as CONTROLS
from anamorph.methods.decoy import PRESETS as DECOYS
from anamorph.methods.decoy import Decoy, Decoys, decoy
from anamorph.methods.fmd import Surrogate, Trusted, fmd
from anamorph.methods.fmd_parameters import FMD, PRESETS
from anamorph.methods.inversion import Inversion, inversion
from anamorph.methods.keeping import KeepAnswer, KeepDirection, KeepLabel
from anamorph.methods.permuted import PRESETS as PERMUTED
from anamorph.methods.permuted import Permuted, permuted
from anamorph.methods.sealed import MOST_BITS, Sealed, assemble, sealed
from anamorph.methods.sealed import PRESETS as SEALED
from anamorph.methods.spread import Spread
from anamorph.models.networks.decoder_bodies import Design
from anamorph.models.networks.decoders import fresh, moments, with_own_statistics
from anamorph.optimize.engine import Progress, Solved, solve, stream
from anamorph.optimize.problem import Problem
from anamorph.optimize.rows import take
from anamorph.types import Images, Reading


class Toy(nn.Module):
    """An authorized model of a few hundred weights in float64."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__()
        self.early = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.late = nn.Conv2d(6, 8, 3, stride=2, padding=1)
        self.head = nn.Linear(8, 4)
        generator = torch.Generator().manual_seed(seed)
        for weight in self.parameters():
            weight.data = torch.randn(weight.shape, generator=generator, dtype=torch.float64) * 0.6
        self.double().eval().requires_grad_(False)

    def forward(self, images: Tensor) -> Reading:
        early = self.early(images).relu()
        late = self.late(early).relu()
        return Reading(self.head(late.mean((2, 3))), (early, late))


MODEL = Toy()
OTHER = Toy(seed=2)

ROUNDING = 1e-8
"""Adam divides a gradient by its own size plus 1e-8: where it is zero but for a rounding error, of
which processors make others when they work on more samples at once, that much is left of it."""


def pictures(n: int) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    levels = torch.randint(0, 256, (n, 3, 12, 10), generator=generator)
    return levels.double() / 255


@dataclass(frozen=True)
class Case:
    """A method as it is used: pictures and seeds in, a problem out."""

    name: str
    write: Callable[[Images, list[int]], Problem[Any]]
    excess: Callable[[Tensor, Any], Tensor]
    """By how much solutions leave the budget, given the problem's context."""
    file: Callable[[Tensor, Any], Tensor] = lambda z, context: (z * 255).round() / 255
    """The 8-bit pictures that are written of solutions."""
    chance: bool = True
    """Whether seeds matter."""

    def problem(self, n: int = 4) -> Problem[Any]:
        return self.write(pictures(n), list(range(n)))


def fmd_case(name: str, p: FMD, *, embeds: bool = False) -> Case:
    p = replace(p, steps=6)
    keeping = KeepDirection(0.8) if embeds else KeepLabel()
    return Case(
        name,
        lambda x, seeds: fmd([Trusted(MODEL, keeping)], x, seeds, p),
        lambda z, kept: (z - kept.x).abs() - p.epsilon,
    )


def surrogate_case() -> Case:
    p = replace(PRESETS["fast"], steps=6, surrogate_weight=1.0)
    other = Surrogate(OTHER, KeepLabel())
    return Case(
        "fmd with a surrogate",
        lambda x, seeds: fmd([Trusted(MODEL, KeepLabel())], x, seeds, p, surrogates=[other]),
        lambda z, kept: (z - kept.x).abs() - p.epsilon,
    )


def several_case() -> Case:
    p = replace(PRESETS["fast"], steps=6)
    both = [Trusted(MODEL, KeepLabel()), Trusted(OTHER, KeepDirection(0.8))]
    return Case(
        "fmd of two authorized models",
        lambda x, seeds: fmd(both, x, seeds, p),
        lambda z, kept: (z - kept.x).abs() - p.epsilon,
    )


def survival_case() -> Case:
    p = replace(PRESETS["fast"], steps=6)

    def coarser(x: Images) -> Images:
        return (x * 15).round() / 15

    return Case(
        "fmd that survives fewer levels",
        lambda x, seeds: fmd([Trusted(MODEL, KeepLabel())], x, seeds, p, survive=[coarser]),
        lambda z, kept: (z - kept.x).abs() - p.epsilon,
    )


def answer(images: Tensor) -> Tensor:
    """The same model in the role of a service model."""
    reading: Reading = MODEL(images)
    return reading.output


def early_answer(images: Tensor) -> Tensor:
    """Another model, in the role of a surrogate: it answers with the means of early features."""
    reading: Reading = MODEL(images)
    return 5 * reading.features[0].mean((2, 3))


def drawn(like: Tensor, seeds: list[int], levels: int) -> Tensor:
    """Whole numbers below `levels` in the shape of `like`, a generator to each row."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    rows = [torch.randint(0, levels, like.shape[1:], generator=g) for g in generators]
    return torch.stack(rows).to(like.device)


def sealed_case(name: str, p: Sealed, bits: int, *, embeds: bool = False) -> Case:
    p = replace(p, steps=8)
    keeping = KeepDirection(0.8) if embeds else KeepAnswer()

    def write(x: Images, seeds: list[int]) -> Problem[Any]:
        low = drawn(x, seeds, 2**bits).to(torch.uint8)
        return sealed(answer, answer(x), keeping, low, bits, seeds, p)

    return Case(
        name,
        write,
        lambda z, carried: torch.zeros(()),
        lambda z, carried: assemble(z, carried.low, bits).double() / 255,
    )


def permuted_case(name: str, p: Permuted, *, embeds: bool = False) -> Case:
    p = replace(p, steps=8)
    keeping = KeepDirection(0.8) if embeds else KeepAnswer()

    def write(x: Images, seeds: list[int]) -> Problem[Any]:
        order = drawn(x, seeds, 2**40).flatten(1).argsort(1)
        shuffled = x.flatten(1).gather(1, order).view_as(x)
        return permuted(answer, shuffled, answer(x), keeping, p)

    def excess(z: Tensor, kept: Any) -> Tensor:
        change: Tensor = z - kept.s
        return change.square().flatten(1).mean(1).sqrt() - p.epsilon

    return Case(name, write, excess)


def control_case(name: str, p: PGD, surrogates: list[Misled], *, embeds: bool = False) -> Case:
    keeping = KeepDirection(0.8) if embeds else KeepLabel()
    p = replace(p, steps=8, comfort=0.05)

    def write(x: Images, seeds: list[int]) -> Problem[Any]:
        return pgd_keeping(answer, x, keeping, seeds, p, None, surrogates)

    return Case(name, write, lambda z, pushed: (z - pushed.x).abs() - p.epsilon)


def mixed(images: Images) -> Images:
    """A key network of nine weights: other colors, and a little of the mirror image."""
    colors = torch.tensor([[0.9, 0.3, -0.2], [0.1, 0.8, 0.1], [-0.3, 0.2, 1.1]]).to(images)
    turned: Images = torch.einsum("oc,nchw->nohw", colors, images + 0.2 * images.flip(3))
    return turned


def avih_case(name: str, p: AVIH, *, embeds: bool = False) -> Case:
    p = replace(p, steps=8)
    keeping = KeepDirection(0.8) if embeds else KeepAnswer()
    return Case(
        name,
        lambda x, seeds: avih(answer, mixed, x, answer(x), keeping, seeds, p),
        lambda z, wanted: torch.zeros(()),
    )


def early(images: Tensor) -> Tensor:
    """The same model up to where features are stored."""
    reading: Reading = MODEL(images)
    return reading.features[0]


def late(features: Tensor) -> Tensor:
    """And from there on."""
    answer: Tensor = MODEL.head(MODEL.late(features).relu().mean((2, 3)))
    return answer


EVERYDAY = early(pictures(9))
"""Features of people who are not in the store."""

KNOWN = moments(EVERYDAY)
SPREAD = Spread(*(t.double().view(-1, 1, 1) for t in (KNOWN.deviation, KNOWN.low, KNOWN.high)))


def shadow(kind: str, seed: int) -> nn.Module:
    """A decoder whose batch norms take the statistics of each map by itself."""
    shape = (EVERYDAY.shape[1], EVERYDAY.shape[2], EVERYDAY.shape[3])
    design = Design(kind=kind, feature=shape, picture=(12, 10), width=4)
    return with_own_statistics(fresh(design, KNOWN, np.random.default_rng(seed))).double()


SHADOWS = [shadow("deconvolution", 1), shadow("unet", 2)]


def advface_case(name: str, p: AdvFace) -> Case:
    p = replace(p, steps=6)

    def write(x: Images, seeds: list[int]) -> Problem[Any]:
        return advface(SHADOWS, early(x), SPREAD, seeds, p, pictures=x, encoder=early)

    def excess(record: Tensor, stored: Any) -> Tensor:
        z = early(pictures(len(record)))
        far = (record - z).abs() - p.epsilon * SPREAD.deviation
        above, below = record - z.maximum(SPREAD.high), z.minimum(SPREAD.low) - record
        return torch.stack((far, above, below))

    return Case(name, write, excess, chance=p.start == "uniform")


def decoy_case(name: str, p: Decoy) -> Case:
    p = replace(p, steps=8, least_cosine=0.01)

    def write(x: Images, seeds: list[int]) -> Problem[Any]:
        decoys = Decoys(EVERYDAY, late(EVERYDAY))
        return decoy(late, late(early(x)), decoys, SPREAD, [3 * s for s in seeds], p)

    return Case(name, write, lambda u, dressed: u.abs() - p.epsilon)


def inversion_case() -> Case:
    p = Inversion(steps=8)
    return Case(
        "inversion",
        lambda x, seeds: inversion(answer, answer(x), KeepAnswer(), (12, 10), p),
        lambda z, target: (z - 0.5).abs() - 0.5,
        chance=False,
    )


CASES = [
    *(fmd_case(f"fmd {name}", p) for name, p in PRESETS.items()),
    fmd_case("fmd constrained", FMD(balance="constrained")),
    fmd_case("fmd plain sum", replace(PRESETS["paper"], steps=20)),
    fmd_case("fmd on embeddings", PRESETS["fast"], embeds=True),
    several_case(),
    survival_case(),
    surrogate_case(),
    *(sealed_case(f"sealed {name}", p, bits=3) for name, p in SEALED.items()),
    sealed_case("sealed on embeddings", Sealed(), bits=MOST_BITS, embeds=True),
    *(permuted_case(f"permuted {name}", p) for name, p in PERMUTED.items()),
    permuted_case("permuted on embeddings", Permuted(epsilon=0.02), embeds=True),
    *(avih_case(f"avih {name}", p) for name, p in AVIHS.items()),
    avih_case("avih on embeddings", AVIH(), embeds=True),
    *(control_case(f"control {name}", p, []) for name, p in CONTROLS.items()),
    control_case("control with a surrogate", PGD(), [Misled(early_answer, KeepLabel())]),
    control_case("control on embeddings", PGD(), [], embeds=True),
]

FEATURES = [
    *(advface_case(f"advface {name}", p) for name, p in ADVFACES.items()),
    advface_case("advface from the pictures", AdvFace(target="picture")),
    *(decoy_case(f"decoy {name}", p) for name, p in DECOYS.items()),
]
"""Methods whose variable is a stored feature or its change, not a picture."""

GUESSES = [inversion_case()]
"""Attackers' methods: nothing is written of what they find."""

every_method = pytest.mark.parametrize(
    "case", [*CASES, *FEATURES, *GUESSES], ids=lambda case: case.name
)
every_picture = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def values(solved: list[Solved]) -> Tensor:
    return torch.stack([s.value for s in solved])


@every_method
def test_every_value_stays_in_its_budget(case: Case) -> None:
    problem = case.problem()
    z = values(solve(problem))
    assert (case.excess(z, problem.context) <= 1e-12).all()


@every_picture
def test_every_value_is_a_picture(case: Case) -> None:
    z = values(solve(case.problem()))
    assert ((z >= 0) & (z <= 1)).all()


@every_picture
def test_what_the_engine_sees_is_what_an_8_bit_file_holds(case: Case) -> None:
    problem = case.problem()
    z, context = values(solve(problem)), problem.context
    file = case.file(z, context)
    assert_close(file * 255, (file * 255).round(), rtol=0, atol=1e-9)
    seen, held = problem.objective(z, context), problem.objective(file, context)
    assert_close(seen.total, held.total, rtol=0, atol=1e-9)


@every_method
def test_the_objective_improves_on_its_start(case: Case) -> None:
    problem = case.problem()
    terms = problem.objective(problem.start, problem.context)
    start = problem.combine.value(terms) * (1 if problem.sense == "max" else -1)
    solved = solve(problem)
    assert sum(s.passes for s in solved) >= terms.passes.sum()
    reached = problem.objective(torch.stack([s.value for s in solved]), problem.context)
    gained = problem.combine.value(reached) * (1 if problem.sense == "max" else -1) - start
    gains = gained[terms.passes].tolist()
    assert min(gains) >= 0
    assert max(gains) > 0


@every_method
def test_a_picture_gets_the_same_result_alone_and_in_a_batch(case: Case) -> None:
    x = pictures(4)
    together = values(solve(case.write(x, [0, 1, 2, 3])))
    for i in range(4):
        alone = values(solve(case.write(x[i : i + 1], [i])))
        assert_close(alone[0], together[i], rtol=0, atol=ROUNDING)


@every_method
def test_the_order_of_pictures_does_not_matter(case: Case) -> None:
    x, order = pictures(4), [2, 0, 3, 1]
    straight = values(solve(case.write(x, [0, 1, 2, 3])))
    shuffled = values(solve(case.write(x[order], order)))
    assert_close(shuffled, straight[order], rtol=0, atol=ROUNDING)


@every_method
def test_refilling_a_small_batch_changes_nothing(case: Case) -> None:
    together = values(solve(case.problem(5)))
    x, at = pictures(5), 0

    def more(room: int) -> Problem[Any] | None:
        nonlocal at
        first, at = at, min(at + room, 5)
        return case.write(x[first:at], list(range(first, at))) if at > first else None

    one_by_one = sorted(stream(more, capacity=2), key=lambda s: s.sample)
    assert_close(values(one_by_one), together, rtol=0, atol=ROUNDING)


@every_method
def test_the_same_seeds_give_the_same_result_and_others_another(case: Case) -> None:
    x = pictures(2)
    first = values(solve(case.write(x, [0, 1])))
    assert torch.equal(first, values(solve(case.write(x, [0, 1]))))
    if case.chance:
        assert not torch.equal(first, values(solve(case.write(x, [5, 6]))))


@every_method
def test_models_and_inputs_are_left_as_they_were(case: Case) -> None:
    x = pictures(3)
    untouched, weights = x.clone(), {k: v.clone() for k, v in MODEL.state_dict().items()}
    problem = case.write(x, [0, 1, 2])
    start = problem.start.clone()
    solve(problem)
    assert torch.equal(x, untouched)
    assert not x.requires_grad
    assert torch.equal(problem.start, start)
    assert not problem.start.requires_grad
    assert all(torch.equal(v, weights[k]) for k, v in MODEL.state_dict().items())
    assert all(p.grad is None for p in MODEL.parameters())


@every_method
def test_a_sample_depends_on_its_own_context_alone(case: Case) -> None:
    problem = case.problem()
    whole = problem.objective(problem.start, problem.context).total
    rows = torch.tensor([3, 1])
    part = problem.objective(problem.start[rows], take(problem.context, rows)).total
    assert_close(part, whole[rows], rtol=0, atol=1e-9)


@contextmanager
def all_moved(device: torch.device) -> Iterator[None]:
    """Everything that is there before the pictures come, on another device."""
    networks = (MODEL, OTHER, *SHADOWS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "EVERYDAY", EVERYDAY.to(device))
        patch.setitem(globals(), "SPREAD", Spread(*(t.to(device) for t in SPREAD)))
        try:
            for network in networks:
                network.to(device)
            yield
        finally:
            for network in networks:
                network.to("cpu")


@every_method
def test_a_method_computes_where_its_pictures_are(case: Case, elsewhere: torch.device) -> None:
    def streamed(x: Tensor) -> Tensor:
        parts = iter((slice(0, 2), slice(2, 3)))

        def more(room: int) -> Problem[Any] | None:
            part = next(parts, None) if room else None
            return None if part is None else case.write(x[part], [0, 1, 2][part])

        return values(sorted(stream(more, capacity=3), key=lambda s: s.sample))

    here = streamed(pictures(3))
    with all_moved(elsewhere):
        x = pictures(3).to(elsewhere)
        assert case.write(x, [0, 1, 2]).start.device == elsewhere
        there = streamed(x)
    assert there.device.type == "cpu"
    assert torch.equal(there, here)


@every_method
def test_raising_from_watch_stops_at_once(case: Case) -> None:
    class Stop(Exception):
        pass

    seen: list[Progress] = []

    def watch(progress: Progress) -> None:
        seen.append(progress)
        if len(seen) == 2:
            raise Stop

    with pytest.raises(Stop):
        solve(case.problem(), watch)
    assert [int(p.steps[0]) for p in seen] == [1, 2]
