"""Which models there are, which layers to tap, and whether a model works."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional as F

from anamorph import portraits
from anamorph.app.images import as_images
from anamorph.errors import FileError, ModelError, UsageError
from anamorph.files.folders import Sources, each_of, gather
from anamorph.files.photo import pixel_digest, read
from anamorph.methods.fmd import Trusted, fmd
from anamorph.methods.fmd_parameters import FMD
from anamorph.methods.keeping import keeping_for
from anamorph.models import Input, Model, Preprocess, load
from anamorph.optimize.engine import solve
from anamorph.optimize.starts import seed_of

QUICK = FMD(steps=8, momentum=1, smoothing=1.5, comfort=2, views=1, resolution=1, look_every=1)
"""The trial that ranks layers: long enough to tell them apart, short enough to try them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """A model that needs no download."""

    spec: str
    task: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerScore:
    """What distorting one layer does, measured on a few pictures."""

    layer: str
    shape: tuple[int, ...]
    distortion: float
    """How often larger the distortion got than at the random start, with the reading kept."""
    damage: float
    """How far the model's margin fell on mirrored, smaller copies, whose reading nothing keeps: a
    stand-in for other models."""
    margin: float
    """Mean margin left when the reading was kept (logits, or hundredths of a cosine)."""
    kept: float
    """Share of the readings kept."""
    seconds: float
    """For one step of one picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCheck:
    """What is known of a model that works."""

    name: str
    source: str
    task: str
    size: tuple[int, int]
    resize: str
    outputs: int
    labels: int
    parameters: int
    taps: tuple[str, ...]
    sha256: str
    weights_sha256: str
    seconds_forward: float
    """For one picture of the network's own size, the median of five."""
    seconds_gradient: float
    """The same with the gradient to the picture."""


def list_models() -> list[ListedModel]:
    """The models that come with the package."""
    return [
        ListedModel(
            spec=f"portraits:{name}",
            task="classify",
            about=f"{portraits.accuracy(name).clean:.1%} of {portraits.accuracy(name).n} portraits",
        )
        for name in portraits.names()
    ]


def rank_layers(
    model: Model | str | Path,
    pictures: Sources = (),
    *,
    count: int = 8,
    device: str = "cpu",
    found: Callable[[int], None] | None = None,
    done: Callable[[LayerScore], None] | None = None,
) -> list[LayerScore]:
    """Try every candidate layer on a few pictures; most damage first.

    Args:
        model: a model, a card, or a spec; its own taps are not looked at.
        pictures: files and folders, of which the first `count` are used, squashed to the
            network's size; without them, portraits.
        count: how many pictures.
        device: where a card or spec is loaded.
        found: called once with the number of candidates.
        done: called with each score.

    Raises:
        ModelError: the model's layers cannot be tapped.
        UsageError: no picture could be read.
    """
    loaded = model if isinstance(model, Model) else load(model, device=device)
    candidates = loaded.candidates()
    if not candidates:
        raise ModelError(
            f"{loaded.name}: none of its layers can be tapped; use an nn.Module, a timm, "
            "torchvision, hf or pt2 source"
        )
    if found is not None:
        found(len(candidates))
    x = _pictures(pictures, count, loaded.input.size).to(loaded.device)
    scores = []
    for candidate in candidates:
        tapped = loaded.with_taps(candidate.name)
        try:
            score = _score(tapped, x, candidate.name, candidate.shape)
        except RuntimeError:  # a layer that gives no gradient is no tap
            continue
        scores.append(score)
        if done is not None:
            done(score)
    if not scores:
        raise ModelError(f"{loaded.name}: no layer leads a gradient back to the picture")
    return sorted(scores, key=lambda s: -s.damage)


def check_model(model: str | Path, *, device: str = "cpu") -> ModelCheck:
    """Load a model on a device, which tries it on test pictures, and time it.

    Raises:
        ModelError: it does not work, with what to do.
    """
    loaded = load(model, device=device)
    x = torch.full((1, 3, *loaded.input.size), 0.5)
    forward = _median_time(lambda: _forward(loaded, x))
    gradient = _median_time(lambda: _gradient(loaded, x))
    return ModelCheck(
        name=loaded.name,
        source=loaded.card.source,
        task=loaded.task,
        size=loaded.input.size,
        resize=loaded.input.resize,
        outputs=_forward(loaded, x).shape[1],
        labels=len(loaded.labels),
        parameters=sum(p.numel() for p in loaded.network.parameters()),
        taps=loaded.taps,
        sha256=loaded.digest,
        weights_sha256=loaded.weights_digest,
        seconds_forward=forward,
        seconds_gradient=gradient,
    )


def _score(model: Model, x: Tensor, layer: str, shape: tuple[int, ...]) -> LayerScore:
    keeping = keeping_for(model.task, QUICK.least_cosine)
    seeds = [seed_of(0, pixel_digest(one.cpu().numpy())) for one in x]

    problem = fmd([Trusted(model, keeping)], x, seeds, QUICK)
    began = time.perf_counter()
    x_star = torch.stack([solved.value for solved in solve(problem)]).to(x)
    seconds = time.perf_counter() - began
    with torch.no_grad():
        reached = problem.objective(x_star, problem.context)
        target = keeping.target(model.output(x))

        def elsewhere(pictures: Tensor) -> Tensor:
            return keeping.slack(model.output(_mirrored_and_smaller(pictures)), target)

        damage = elsewhere(x) - elsewhere(x_star)
        left = keeping.slack(model.output(x_star), target)
    return LayerScore(
        layer=layer,
        shape=shape,
        distortion=reached.parts["distortion"].mean().item(),
        damage=damage.mean().item(),
        margin=left.mean().item(),
        kept=(left >= 0).double().mean().item(),
        seconds=seconds / (QUICK.steps * len(x)),
    )


def _mirrored_and_smaller(pictures: Tensor) -> Tensor:
    """The pictures mirrored, at three quarters of their size, on grey.

    The objective keeps the reading of the picture as it is, not of this one: the nearest thing to
    another network that one network can offer.
    """
    small = F.interpolate(
        pictures.flip(3), scale_factor=0.75, mode="bilinear", antialias=True, align_corners=False
    )
    height, width = pictures.shape[2] - small.shape[2], pictures.shape[3] - small.shape[3]
    border = (width // 2, width - width // 2, height // 2, height - height // 2)
    return F.pad(small, border, value=0.5)


def _pictures(sources: Sources, count: int, size: tuple[int, int]) -> Tensor:
    """Pictures (count, 3, h, w) of the network's size."""
    if not sources:
        shown = (portraits.portrait(i, 0, size=max(*size, 16)) for i in range(count))
        images = [as_images(picture) for picture in shown]
    else:
        images = []
        for source in gather(sources, Path("never written to")).pictures:
            try:
                images.append(as_images(read(source).pixels))
            except FileError:
                continue
            if len(images) == count:
                break
    if not images:
        raise UsageError(f"no picture could be read from {', '.join(map(str, each_of(sources)))}")
    squash = Preprocess(Input(size=size, mean=(0.0,) * 3, std=(1.0,) * 3))
    return torch.cat([squash(one).mul(255).round() / 255 for one in images])


def _forward(model: Model, x: Tensor) -> Tensor:
    with torch.no_grad():
        return model.output(x)


def _gradient(model: Model, x: Tensor) -> Tensor:
    images = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model.output(images).sum(), images)
    return gradient


def _median_time(call: Callable[[], Tensor]) -> float:
    times = []
    for _ in range(5):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return median(times)
