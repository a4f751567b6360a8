"""Attackers who know the protection: they collect protected pictures and train on them.

    fine-tune   minimize CE(g(x*), y)                             from a model that reads clean ones
    distill     minimize T^2 KL(softmax(t / T) || softmax(g(x*) / T))    t: a teacher's logits

Whoever learns from few pictures easily ends worse than they began. So an attacker sets a fifth of
them aside, learns from the rest at two rates, and keeps what does best on those set aside; what it
began with is among the choices.

Nothing here opens files; a model is a network from views to outputs. Pictures that are learned from
must not be tested on: see `held_out.split`.
"""

import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from anamorph.errors import ModelError, UsageError
from anamorph.losses import cross_entropy, kl_divergence
from anamorph.parameters import check, knob
from anamorph.types import PerSample

_ASIDE = 5  # one of so many pictures is set aside


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How an attacker trains."""

    epochs: int = knob(15, "How often each picture is learned from.", at_least=1)
    learning_rate: float = knob(
        3e-4, "Of AdamW at its highest; it falls by half a cosine. A tenth is tried too.", above=0
    )
    batch: int = knob(16, "Pictures in a batch, at most.", at_least=1)
    weight_decay: float = knob(0.01, "Of AdamW.", at_least=0)
    last_layers: int | None = knob(
        None, "How many of the last layers with weights learn; all without it.", at_least=1
    )
    shift: int = knob(
        2, "Rows and columns by which a view is moved at most, at random.", at_least=0
    )
    mirror: bool = knob(True, "Whether half of the views are mirrored, at random.")
    seconds: float | None = knob(None, "Time after which training stops early.", above=0)
    seed: int = knob(0, "Of the order of the pictures and their variations.", at_least=0)

    def __post_init__(self) -> None:
        check(self)

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates that are tried."""
        return self.learning_rate, self.learning_rate / 10

    @property
    def work(self) -> int:
        """Epochs in all."""
        return len(self.rates) * self.epochs


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """Where a training stands after an epoch."""

    number: int
    """From 1, over all rates."""
    of: int
    loss: float
    """Its mean over the epoch."""
    seconds: float
    """Since the training began."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """What an attacker ends with."""

    network: nn.Module
    """In eval mode, its weights frozen."""
    losses: tuple[float, ...]
    """The mean loss of each epoch; none where what it began with was best."""
    seconds: float
    complete: bool
    """False where time ran out before the last epoch."""


Watch: TypeAlias = Callable[[Epoch], None]
"""Called after every epoch; raise to stop."""

Read: TypeAlias = Callable[[nn.Module, Tensor], Tensor]
"""The outputs (n, k) of a network for views."""


class _Lesson(NamedTuple):
    """What is learned from, or judged by."""

    views: Tensor
    targets: Tensor
    loss: Callable[[Tensor, Tensor], PerSample]
    read: Read


def fine_tune(
    network: nn.Module,
    views: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    training: Training,
    *,
    read: Read | None = None,
    watch: Watch | None = None,
) -> Trained:
    """A copy of a network that goes on learning, from protected pictures with right labels.

    Args:
        network: it stays as it is.
        views: pictures as the network wants them; half precision will do.
        labels: their classes.
        training: how.
        read: how outputs are had of the network; by default it is called.
        watch: called after every epoch.

    Raises:
        UsageError: no pictures, not as many labels, or a training that leads nowhere.
        ModelError: the network cannot learn.
    """
    lesson = _Lesson(views, labels, cross_entropy, read or _called)
    return _best(network, lesson, training, watch)


def distill(
    student: nn.Module,
    views: Float[Tensor, "n c h w"],
    teacher_logits: Float[Tensor, "n k"],
    training: Training,
    *,
    temperature: float = 2.0,
    read: Read | None = None,
    watch: Watch | None = None,
) -> Trained:
    """A copy of a student that learns, of protected pictures, what a teacher says of them.

    Args:
        student: it stays as it is.
        views: protected pictures as the student wants them.
        teacher_logits: what the teacher says: the authorized model of the very pictures, or any
            model of their originals.
        training: how.
        temperature: T; above 1 the answers beside the first one count for more.
        read: how outputs are had of the student; by default it is called.
        watch: called after every epoch.

    Raises:
        UsageError, ModelError: as `fine_tune`.
    """

    def loss(output: Tensor, wanted: Tensor) -> PerSample:
        return temperature**2 * kl_divergence(output / temperature, wanted / temperature)

    return _best(student, _Lesson(views, teacher_logits, loss, read or _called), training, watch)


def _best(network: nn.Module, lesson: _Lesson, training: Training, watch: Watch | None) -> Trained:
    """A copy that learned at one of the rates, or none: what does best on pictures set aside."""
    count = len(lesson.views)
    if count < 2 or count != len(lesson.targets):
        raise UsageError(
            f"{count} pictures and {len(lesson.targets)} targets to learn from; give two pictures "
            "at least, and one target for each"
        )
    order = torch.from_numpy(np.random.default_rng(training.seed).permutation(count))
    aside = max(1, count // _ASIDE)
    learned, judged = (
        lesson._replace(views=lesson.views[rows], targets=lesson.targets[rows])
        for rows in (order[aside:], order[:aside])
    )
    began = time.perf_counter()
    tried = []
    for turn, rate in enumerate(training.rates):
        own = replace(training, learning_rate=rate, seconds=_share(training))
        tell = None if watch is None else _later(watch, turn * training.epochs, training, began)
        tried.append(_trained(deepcopy(network), learned, own, tell))
    as_is = deepcopy(network).eval().requires_grad_(False)
    unchanged = Trained(network=as_is, losses=(), seconds=0.0, complete=True)
    best = min((unchanged, *tried), key=lambda one: _judged(one.network, judged, training))
    spent = time.perf_counter() - began
    return replace(best, seconds=spent, complete=all(one.complete for one in tried))


def _share(training: Training) -> float | None:
    return None if training.seconds is None else training.seconds / len(training.rates)


def _later(watch: Watch, before: int, training: Training, began: float) -> Watch:
    """Tells of epochs among those of all rates."""

    def tell(epoch: Epoch) -> None:
        spent = time.perf_counter() - began
        number = before + epoch.number
        watch(Epoch(number=number, of=training.work, loss=epoch.loss, seconds=spent))

    return tell


def _judged(network: nn.Module, lesson: _Lesson, training: Training) -> float:
    """The mean loss on pictures that were not learned from; infinite where it is not finite."""
    total = 0.0
    with torch.no_grad():
        for views, targets in zip(
            torch.split(lesson.views, training.batch),
            torch.split(lesson.targets, training.batch),
            strict=True,
        ):
            total += float(lesson.loss(lesson.read(network, views.float()), targets).sum())
    return total if math.isfinite(total) else math.inf


def _called(network: nn.Module, views: Tensor) -> Tensor:
    where = next(network.parameters()).device
    output: Tensor = network(views.to(where)).to(views.device)
    return output


def _trained(
    network: nn.Module, lesson: _Lesson, training: Training, watch: Watch | None
) -> Trained:
    """The network, which is changed, after learning."""
    began = time.perf_counter()
    weights = _learning(network, training.last_layers)
    optimizer = torch.optim.AdamW(
        weights, lr=training.learning_rate, weight_decay=training.weight_decay
    )
    chance = np.random.default_rng(training.seed)
    count = len(lesson.views)
    per_epoch = math.ceil(count / training.batch)
    losses: list[float] = []
    late = False
    for number in range(1, training.epochs + 1):
        total = 0.0
        for at, rows in enumerate(_shuffled(count, per_epoch, chance)):
            late = training.seconds is not None and time.perf_counter() - began > training.seconds
            if late:
                break
            for group in optimizer.param_groups:
                group["lr"] = _rate(training, (number - 1 + at / per_epoch) / training.epochs)
            seen = varied(lesson.views[rows].to(weights[0].dtype), training, chance)
            each = lesson.loss(lesson.read(network, seen), lesson.targets[rows])
            optimizer.zero_grad()
            torch.autograd.backward(each.mean())
            optimizer.step()
            total += float(each.detach().sum())
        if late:
            break
        if not math.isfinite(total):
            raise UsageError("the attacker's training diverged; give a lower learning rate")
        losses.append(total / count)
        if watch is not None:
            spent = time.perf_counter() - began
            watch(Epoch(number=number, of=training.epochs, loss=losses[-1], seconds=spent))
    network.eval().requires_grad_(False)
    spent = time.perf_counter() - began
    return Trained(network=network, losses=tuple(losses), seconds=spent, complete=not late)


def _learning(network: nn.Module, last_layers: int | None) -> list[nn.Parameter]:
    """The weights that learn; the network is set up so that all chance is ours.

    It stays in eval mode, where nothing is dropped at random, and where batch norms keep their
    statistics: those of a few protected pictures say little of others.

    Raises:
        ModelError: there is nothing that can learn.
    """
    network.eval().requires_grad_(False)
    layers = [
        layer
        for layer in network.modules()
        if any(p.is_floating_point() for p in layer.parameters(recurse=False))
    ]
    chosen = layers if last_layers is None else layers[-last_layers:]
    for layer in chosen:
        for weight in layer.parameters(recurse=False):
            weight.requires_grad_(weight.is_floating_point())
    learning = [p for p in network.parameters() if p.requires_grad]
    if not learning:
        raise ModelError("the network has no weights that can learn; give it as an nn.Module")
    return learning


def _shuffled(count: int, parts: int, chance: np.random.Generator) -> Iterator[Tensor]:
    """All of the numbers below `count` once, in batches that differ by one at most."""
    return map(torch.from_numpy, np.array_split(chance.permutation(count), parts))


def _rate(training: Training, done: float) -> float:
    return training.learning_rate * (1 + math.cos(math.pi * done)) / 2


def varied(views: Tensor, training: Training, chance: np.random.Generator) -> Tensor:
    """Views moved and mirrored at random, each by itself; what leaves one edge is not seen again.

    Args:
        views: (n, c, h, w).
        training: how far, and whether.
        chance: draws it.
    """
    n, _, height, width = views.shape
    reach = training.shift
    around = F.pad(views, [reach] * 4, mode="replicate") if reach else views
    tops, lefts = chance.integers(2 * reach + 1, size=(2, n)).tolist()
    moved = torch.stack(
        [
            one[:, top : top + height, left : left + width]
            for one, top, left in zip(around, tops, lefts, strict=True)
        ]
    )
    mirrored = torch.from_numpy(chance.random(n) < 0.5) & training.mirror
    return torch.where(mirrored[:, None, None, None], moved.flip(3), moved)
