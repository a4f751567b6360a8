"""Feature map distortion (Chai et al. 2024, arXiv:2402.09316).

    J  = L' - lambda * L_p                                 maximized over x*
    L' = MSE(f_feat(x), f_feat(x*))                        one or several layers
    L_p = CE(f_logits(x*), y)

and where public models stand in for the unauthorized ones (not in the paper),

    J  = L' + L'_s - lambda * L_p + kappa * L_s
    L'_s, L_s: means over the surrogates s of MSE(s_feat(x), s_feat(x*)) and CE(s_logits(x*), y_s)

and where the distortion is to carry over to other models (not in the paper),

    L' = log MSE(g_feat(V_k x), g_feat(V_k x*))   at step i, k = i mod K: another view in each step
    g  = f at rho times its resolution
    L_p is looked at in every c-th step, i mod c = 0, and at the end

and where values that gain little are to stay as they were (not in the paper),

    x* <- x + S(x* - x),   S(d) = sign(d) max(|d| - tau alpha, 0)      after steps i >= N / 2

and where several models m are to keep reading (not in the paper),

    L'  = mean over m of MSE(m_feat(x), m_feat(x*)),   L_p = sum over m of CE(m_logits(x*), y_m)

and where files are shared in forms t that the reading must survive (not in the paper),

    L_p = CE(f_logits(t_j x*), y)               at the j-th look, in turn; t_0 x = x

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
- The forms t are real codecs and filters with the gradient of something alike, a: t(x*) is
  a(x*) + (t(x*) - a(x*)), brackets held constant; a is x* where t leaves pixels in place. Each look
  reads one form, so they take no further pass; the last look reads all, its slack is the least.
- The logarithm, for each layer and model, lets none outweigh the others (`distortion`). In the
  paper's case of one layer and no other term the sign of the gradient is the same.
- tau is not in the paper: it trades a little strength for nearer pictures. The first half of the
  steps is left alone: what gains little is told better when much has been moved.
- Views, a resolution below the network's own and looks at the reading in some steps only are not
  in the paper, and K = rho = c = 1 is without them. Small views cost less and carry over further:
  a change that tells at a low resolution fits one network less closely. Where they are used, or
  forms, the best iterate is the last at which a look found the reading kept; distortions of
  different views and readings of different forms say nothing beside each other.
- The slack of several authorized models is that of the one nearest to losing its reading. Each y_m
  is the model's own reading of x, unless a label is given for it; a model that misreads x to begin
  with has nothing to keep, and is not drawn to the label at the cost of the others.
- Surrogates are not in the paper. y_s is the surrogate's own reading of x, so its classes need not
  be those of f; a surrogate that gives embeddings has L_s = 1 - cos.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from anamorph.methods.distortion import (
    Sights,
    distortion,
    distortion_in_turn,
    seen_in,
    sights,
)
from anamorph.methods.fmd_parameters import FMD
from anamorph.methods.forms import Shared, as_it_is
from anamorph.methods.keeping import Keeping
from anamorph.methods.views import VIEWS, View
from anamorph.optimize.combine import Combine, Constrained, Sum
from anamorph.optimize.problem import Problem
from anamorph.optimize.rows import spread, take
from anamorph.optimize.sets import onto_box, onto_linf_ball, toward
from anamorph.optimize.starts import uniform_in_ball
from anamorph.optimize.steps import MomentumSign, Sign, Smoothed, Step
from anamorph.optimize.terms import Terms
from anamorph.types import (
    Authorized,
    FeatureMaps,
    Glance,
    Held,
    Images,
    PerSample,
    PerSampleBool,
    Seeds,
)


class Trusted(NamedTuple):
    """An authorized model, m."""

    model: Authorized  # it has a tap, unless there is a glance
    keeping: Keeping
    """What it must keep."""
    glance: Glance | None = None
    """g, its features at `p.resolution`; without it, those of its reading. Not asked where
    `p.plain`."""
    on_the_way: Authorized | None = None
    """The model as it is looked at before the last step, `p.precision`; without it, `model`."""


class Wanted(NamedTuple):
    """What an authorized model is to read."""

    y: Tensor  # (n,) labels, or (n, k) directions
    held: PerSampleBool  # whether it reads that in x

    @classmethod
    def of(cls, keeping: Keeping, output: Tensor, y: Tensor | None = None) -> "Wanted":
        """y, by default its own reading of x, of which this is the output."""
        y = keeping.target(output) if y is None else y
        return cls(y, keeping.slack(output, y) >= 0)


class Surrogate(NamedTuple):
    """A public model that stands in for the unauthorized ones."""

    model: Authorized  # the same role: it reads, and shows its feature maps
    keeping: Keeping
    """What it must not keep."""
    glance: Glance | None = None
    """Its features at `p.resolution`; without it, those of its reading."""


class Kept(NamedTuple):
    """What belongs to each picture."""

    x: Images
    sights: tuple[Sights, ...]  # of each authorized model
    wanted: tuple[Wanted, ...]  # y_m, or m(x)
    age: Tensor  # i, of the step to come
    last: PerSampleBool  # whether none is to come
    surrogate_sights: tuple[Sights, ...]
    misread: tuple[Tensor, ...]  # y_s, or s(x), one per surrogate, where they have a weight


class _Look(NamedTuple):
    """What a look at the readings says; of pictures that were not looked at, nothing."""

    loss: Tensor  # L_p, 0 without a look
    slack: Tensor  # nan without a look
    features: list[FeatureMaps]  # of each model, of the form that was looked at last


def fmd(
    authorized: Sequence[Trusted],
    x: Images,
    seeds: Seeds,
    p: FMD,
    wanted: Sequence[Wanted] = (),
    surrogates: Sequence[Surrogate] = (),
    survive: Sequence[Shared] = (),
) -> Problem[Kept]:
    """Write the problem down for a batch of pictures of one size.

    Args:
        authorized: the models that keep reading, at least one.
        x: (n, c, h, w) pictures in [0, 1].
        seeds: one per picture.
        p: the parameters.
        wanted: of each authorized model what it is to keep; without it, what it reads in x. One
            model alone is drawn to labels that it misreads; of several only those that read theirs
            are held to them.
        surrogates: models that are to fail, each with a tap or a glance.
        survive: forms in which the readings must be kept too; gradients go through them.
    """
    combine = _combine(p)
    forms = (as_it_is, *survive)
    views = VIEWS[: min(p.views, p.steps)]
    own = [_features(m.model) if p.plain or m.glance is None else m.glance for m in authorized]
    others = [s.glance or _features(s.model) for s in surrogates]
    with torch.no_grad():
        start = onto_box(uniform_in_ball(x, p.epsilon, seeds), 0, 1)
        wanted = wanted or [Wanted.of(m.keeping, m.model(x).output) for m in authorized]
        kept = Kept(
            x,
            tuple(_sights(g, views, x, start) for g in own),
            tuple(wanted),
            torch.zeros(len(x), dtype=torch.long, device=x.device),
            torch.zeros(len(x), dtype=torch.bool, device=x.device),
            tuple(_sights(g, views, x, start) for g in others),
            tuple(s.keeping.target(s.model(x).output) for s in surrogates if p.surrogate_weight),
        )

    in_one_pass = p.plain and len(forms) == 1

    def look(x_star: Tensor, kept: Kept) -> _Look:
        due = (kept.age % p.look_every == 0) | kept.last
        loss = x_star.new_zeros(len(x_star))
        slack = x_star.new_full((len(x_star),), torch.nan)
        features: list[FeatureMaps] = []
        for j, t in enumerate(forms):
            looked = due & ((kept.age // p.look_every % len(forms) == j) | kept.last)
            if not looked.any():
                continue
            form = t(take(x_star, looked))
            features.clear()
            for m, (y_m, held) in zip(authorized, kept.wanted, strict=True):
                reader = m.model if m.on_the_way is None or kept.last.any() else m.on_the_way
                output, seen = reader(form)
                y, counts = take(y_m, looked), take(held, looked) | (len(authorized) == 1)
                loss_m = m.keeping.loss(output, y).where(counts, 0.0)
                slack_m = m.keeping.slack(output, y).where(counts, torch.nan)
                loss = loss + spread(loss_m, looked, 0.0)
                slack = slack.fmin(spread(slack_m, looked, torch.nan))
                features.append(seen)
        return _Look(loss, slack, features)

    def moved_now(looked: _Look, x_star: Tensor, kept: Kept, k: Tensor) -> PerSample:
        if in_one_pass:
            both = zip(looked.features, kept.sights, strict=True)
            moved = [distortion(f, s.views[0], s.at_start, p.layer_mean) for f, s in both]
        else:
            moved = _in_turn(own, x_star, k, kept.sights, p)
        return torch.stack(moved).mean(0)  # L'

    def on_others(x_star: Tensor, kept: Kept, k: Tensor) -> Iterator[tuple[str, Tensor]]:
        moved = _in_turn(others, x_star, k, kept.surrogate_sights, p)
        yield "surrogates", torch.stack(moved).mean(0)  # L'_s
        if p.surrogate_weight:
            losses = [
                s.keeping.loss(s.model(x_star).output, y_s)
                for s, y_s in zip(surrogates, kept.misread, strict=True)
            ]
            yield "misreading", p.surrogate_weight * torch.stack(losses).mean(0)  # kappa * L_s

    def objective(x_star: Tensor, kept: Kept) -> Terms:
        k = kept.age % len(views)
        looked = look(x_star, kept)
        moved = moved_now(looked, x_star, kept, k)
        parts = {
            "distortion": moved,  # L'
            "utility": -p.utility_weight * looked.loss,  # -lambda * L_p
        }
        if surrogates:
            parts.update(on_others(x_star, kept, k))
        score = None if in_one_pass else kept.age.to(moved)
        return Terms(parts=parts, slack=looked.slack, score=score)  # J

    def project(x_star: Tensor, kept: Kept) -> Tensor:
        late = 2 * kept.age >= p.steps
        if p.shrink and late.any():
            x_star = toward(x_star, kept.x, late * (p.shrink * p.step_size))  # S
        return onto_box(onto_linf_ball(x_star, kept.x, p.epsilon), 0, 1)

    return Problem(
        sense="max",
        objective=objective,
        start=start,
        context=kept,
        step=_step(p),
        project=project,
        iterations=p.steps,
        turn=lambda kept, age, last: kept._replace(age=age, last=last),
        seconds=p.time_budget or None,
        combine=combine,
    )


def _features(model: Authorized) -> Glance:
    def features(images: Images, held: Held) -> FeatureMaps:
        return model(held(images)).features

    return features


def _sights(g: Glance, views: Sequence[View], x: Images, start: Images) -> Sights:
    return sights([seen_in(g, view, x) for view in views], seen_in(g, views[0], start))


def _in_turn(
    glances: Sequence[Glance], x_star: Tensor, k: Tensor, sights: Sequence[Sights], p: FMD
) -> list[PerSample]:
    both = zip(glances, sights, strict=True)
    return [distortion_in_turn(g, x_star, k, seen, p.layer_mean) for g, seen in both]


def _step(p: FMD) -> Step:
    step: Step = MomentumSign(p.step_size, p.momentum) if p.momentum else Sign(p.step_size)
    return Smoothed(step, p.smoothing, taps=5) if p.smoothing else step


def _combine(p: FMD) -> Combine:
    if p.balance == "sum":
        return Sum()
    return Constrained(constraint="utility", comfort=p.comfort)
