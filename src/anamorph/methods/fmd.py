"""Feature map distortion (Chai et al. 2024, arXiv:2402.09316).

    J  = L' - lambda * L_p                                 maximized over x*
    L' = MSE(f_feat(x), f_feat(x*))                        one or several layers
    L_p = CE(f_logits(x*), y)

and where public models stand in for the unauthorized ones (not in the paper),

    J  = L' + L'_s - lambda * L_p + kappa * L_s
    L'_s, L_s: means over the surrogates s of MSE(s_feat(x), s_feat(x*)) and CE(s_logits(x*), y_s)

and where the distortion is to tell on parts of the picture too (not in the paper),

    L' = MSE(f_feat(V_k x), f_feat(V_k x*))     at step i, k = i mod K: another view in each step

and where files are shared in forms t that the reading must survive (not in the paper),

    L_p = mean over x* and all t(x*) of CE(f_logits(.), y)

Where this differs from the paper:

- L' of each layer is divided by its value at the random start, and the layers are averaged, so
  lambda and the layers weigh the same whatever the scale of their activations. (The paper's
  lambda is not published.)
- The start is uniform over whole 8-bit levels. With whole steps every iterate is then exactly a
  picture that can be written, and the check in the loop is the check of the file.
- The best iterate is returned: the reading kept and the objective highest. (Which one the paper
  returns is not published.)
- Embedding models keep their direction, L_p = 1 - cos, in place of a label.
- `balance = "constrained"`, `momentum` and `smoothing` are not in the paper; the preset `paper`
  has them off.
- The forms t are real codecs and filters. Their gradient is taken for one: t(x*) is
  x* + (t(x*) - x*) with what stands in brackets held constant. The check is then the least slack
  of all.
- Views are not in the paper: `views` = K, and 1 is the picture alone. The reading is kept, and the
  best iterate chosen by L' and L_p, on the whole picture; surrogates see what f_feat sees.
- Surrogates are not in the paper. y_s is the surrogate's own reading of x, so its classes need not
  be those of f; a surrogate that gives embeddings has L_s = 1 - cos.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from anamorph.losses import mse
from anamorph.methods import budget
from anamorph.methods.keeping import Keeping
from anamorph.methods.views import VIEWS, View
from anamorph.optimize.combine import Combine, Constrained, Sum
from anamorph.optimize.problem import Problem, unchanging
from anamorph.optimize.rows import join, take
from anamorph.optimize.sets import onto_box, onto_linf_ball
from anamorph.optimize.starts import uniform_in_ball
from anamorph.optimize.steps import MomentumSign, Sign, Smoothed, Step
from anamorph.optimize.terms import Terms
from anamorph.parameters import check, knob
from anamorph.types import Authorized, Images, PerSample, Reading, Seeds


@dataclass(frozen=True, slots=True, kw_only=True)
class FMD:
    """The parameters of feature map distortion; the defaults are the preset `fast`."""

    epsilon: float = budget.epsilon()
    step_size: float = budget.step_size()
    steps: int = knob(20, "Gradient steps.", symbol="N", at_least=1)
    utility_weight: float = knob(
        0.1, "Weight of keeping the authorized reading in the sum.", symbol="λ", at_least=0
    )
    momentum: float = budget.momentum(1.0)
    smoothing: float = knob(
        1.5,
        "Standard deviation of the gradient's 5x5 Gaussian blur, in pixels; 0 is off.",
        symbol="σ",
        at_least=0,
    )
    balance: Literal["sum", "constrained"] = knob(
        "constrained",
        "`sum` adds the terms as the paper does; `constrained` normalizes their gradients apart "
        "and weighs keeping by how little margin is left.",
        choices=("sum", "constrained"),
    )
    comfort: float = budget.comfort(2.0)
    surrogate_weight: float = knob(
        0.0,
        "Weight of the surrogates' misreading beside the distortion of their layers.",
        symbol="κ",
        at_least=0,
    )
    views: int = knob(
        1,
        "Views of the picture that are distorted in turn, one a step; 1 is the picture alone.",
        symbol="K",
        at_least=1,
        at_most=len(VIEWS),
    )
    least_cosine: float = knob(
        0.9,
        "For embedding models: the smallest cosine to the clean reading that counts as kept.",
        above=0,
        at_most=1,
    )

    def __post_init__(self) -> None:
        check(self)


PRESETS: dict[str, FMD] = {
    "fast": FMD(),
    "paper": FMD(step_size=4 / 255, steps=100, momentum=0, smoothing=0, balance="sum"),
    "strong": FMD(step_size=4 / 255, steps=40, comfort=4.0, views=6),
}


def more_effort(p: FMD, times: int) -> FMD:
    """The parameters for another attempt: each time twice the steps and a larger margin."""
    return replace(
        p,
        steps=p.steps * 2**times,
        comfort=p.comfort * 2**times,
        utility_weight=p.utility_weight * 4**times,
    )


Shared: TypeAlias = Callable[[Images], Images]
"""t: what happens to a file that is shared, picture by picture; of the same size, in [0, 1]."""


class Surrogate(NamedTuple):
    """A public model that stands in for the unauthorized ones."""

    model: Authorized  # the same role: it reads, and shows its feature maps
    keeping: Keeping
    """What it must not keep."""


class Layers(NamedTuple):
    """The tapped layers of one model on the originals."""

    features: tuple[Tensor, ...]  # f_feat(x), one per tap
    at_start: tuple[PerSample, ...]  # L' of each tap at the random start


Views: TypeAlias = tuple[Layers, ...]
"""What one model sees in each view of the originals."""


class Kept(NamedTuple):
    """What belongs to each picture."""

    x: Images
    layers: Views
    target: Tensor  # y, or f(x)
    view: Tensor  # k, of the step to come
    surrogate_layers: tuple[Views, ...]
    misread: tuple[Tensor, ...]  # y_s, or s(x), one per surrogate


def fmd(
    authorized: Authorized,
    x: Images,
    keeping: Keeping,
    seeds: Seeds,
    p: FMD,
    target: Tensor | None = None,
    surrogates: Sequence[Surrogate] = (),
    survive: Sequence[Shared] = (),
) -> Problem[Kept]:
    """Write the problem down for a batch of pictures of one size.

    Args:
        authorized: the model that keeps reading, with at least one tap.
        x: (n, c, h, w) pictures in [0, 1].
        keeping: what it must keep.
        seeds: one per picture.
        p: the parameters.
        target: (n,) labels to keep; without them, the model's own reading of x.
        surrogates: models that are to fail, each with at least one tap.
        survive: forms in which the reading must be kept too; they need not be differentiable.
    """
    combine = _combine(p)
    with torch.no_grad():
        start = onto_box(uniform_in_ball(x, p.epsilon, seeds), 0, 1)
        views = VIEWS[: p.views]
        clean, layers = _layers(authorized, x, start, views)
        others = [_layers(s.model, x, start, views) for s in surrogates]
        misread = tuple(
            s.keeping.target(one.output) for s, (one, _) in zip(surrogates, others, strict=True)
        )

    def objective(x_star: Tensor, kept: Kept) -> Terms:
        reading = authorized(x_star)
        outputs = [reading.output]
        for t in survive:
            changed = t(x_star.detach())  # t(x*), with the gradient of x*
            outputs.append(authorized(x_star + (changed - x_star.detach())).output)
        utility = torch.stack([keeping.loss(o, kept.target) for o in outputs]).mean(0)  # L_p
        parts = {
            "distortion": _in_turn(authorized, x_star, kept.view, kept.layers, reading)[0],  # L'
            "utility": -p.utility_weight * utility,
        }
        if surrogates:
            sights = zip(surrogates, kept.surrogate_layers, strict=True)
            seen = [_in_turn(s.model, x_star, kept.view, layers) for s, layers in sights]
            distortions = [distortion for distortion, _ in seen]
            parts["surrogates"] = torch.stack(distortions).mean(0)  # L'_s
            if p.surrogate_weight:
                losses = zip(surrogates, seen, kept.misread, strict=True)
                parts["misreading"] = p.surrogate_weight * torch.stack(  # kappa * L_s
                    [s.keeping.loss(output, y_s) for s, (_, output), y_s in losses]
                ).mean(0)
        slack = torch.stack([keeping.slack(o, kept.target) for o in outputs]).amin(0)
        score = None
        if p.views > 1:  # L' of one view says nothing beside that of another
            whole = _distortion(reading, kept.layers[0])
            score = combine.value(Terms(parts={"distortion": whole, "utility": parts["utility"]}))
        return Terms(parts=parts, slack=slack, score=score)  # J

    def project(x_star: Tensor, kept: Kept) -> Tensor:
        return onto_box(onto_linf_ball(x_star, kept.x, p.epsilon), 0, 1)

    def turn(kept: Kept, age: Tensor) -> Kept:
        return kept._replace(view=age % p.views)  # k = i mod K

    return Problem(
        sense="max",
        objective=objective,
        start=start,
        context=Kept(
            x,
            layers,
            keeping.target(clean.output) if target is None else target,
            torch.zeros(len(x), dtype=torch.long, device=x.device),
            tuple(seen for _, seen in others),
            misread,
        ),
        step=_step(p),
        project=project,
        iterations=p.steps,
        turn=turn if p.views > 1 else unchanging,
        combine=combine,
    )


def _layers(
    model: Authorized, x: Images, start: Images, views: Sequence[View]
) -> tuple[Reading, Views]:
    """What a model reads in the whole originals, and what it sees in their views."""
    clean = [model(view(x)) for view in views]
    starts = [model(view(start)) for view in views]
    return clean[0], tuple(
        Layers(
            one.features,
            tuple(
                mse(a, b).clamp_min(torch.finfo(a.dtype).tiny)
                for a, b in zip(other.features, one.features, strict=True)
            ),
        )
        for one, other in zip(clean, starts, strict=True)
    )


def _in_turn(
    model: Authorized, x_star: Tensor, view: Tensor, layers: Views, whole: Reading | None = None
) -> tuple[PerSample, Tensor]:
    """L' of each picture's own view, and what the model reads there."""

    def seen(k: int, rows: Tensor) -> tuple[PerSample, Tensor]:
        known = whole if k == 0 else None
        reading = take(known, rows) if known else model(VIEWS[k](take(x_star, rows)))
        return _distortion(reading, take(layers[k], rows)), reading.output

    groups = [(k, view == k) for k in sorted(set(view.tolist()))]
    made = reduce(join, (seen(k, rows) for k, rows in groups))
    order = torch.cat([rows.nonzero().flatten() for _, rows in groups]).argsort()
    return made if len(groups) == 1 else take(made, order)


def _distortion(reading: Reading, layers: Layers) -> PerSample:
    """L': each tap's over its value at the random start, averaged over the taps."""
    taps = zip(reading.features, layers.features, layers.at_start, strict=True)
    return torch.stack([mse(f, f_x) / d for f, f_x, d in taps]).mean(0)


def _step(p: FMD) -> Step:
    step: Step = MomentumSign(p.step_size, p.momentum) if p.momentum else Sign(p.step_size)
    return Smoothed(step, p.smoothing, taps=5) if p.smoothing else step


def _combine(p: FMD) -> Combine:
    if p.balance == "sum":
        return Sum()
    return Constrained(constraint="utility", comfort=p.comfort)
