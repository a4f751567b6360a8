"""Offline mode: the rest of a recognizer learns to read protected features.

    minimize  1 - cos(R'(z'), R(z)) + 1 - cos(R'(z), R(z))     over the weights of R' behind the cut

z' are protected features, z the same people's clean ones, R the recognizer as it is. The recognizer
changes, which the plain mode never asks for; stored embeddings and thresholds stay in use, since
the new answers are drawn to the old ones.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from anamorph.app.train import adam
from anamorph.app.train.saving import unwatched
from anamorph.errors import UsageError, WeightsError
from anamorph.losses import cosine
from anamorph.models import Model
from anamorph.models.networks.generator import tensors
from anamorph.models.split import Split, split
from anamorph.parameters import check, knob

Watch: TypeAlias = Callable[[float], None]
"""Called after each update with the loss before it; raise to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TailTraining:
    """How a tail is fine-tuned."""

    updates: int = knob(300, "Updates of the weights.", at_least=1)
    batch: int = knob(8, "Features in each, once protected and once clean.", at_least=1)
    rate: float = knob(5e-4, "First learning rate; it falls by half a cosine.", above=0)
    clean_weight: float = knob(0.5, "Weight of the answer to clean features.", at_least=0)
    seed: int = knob(0, "Of the order of the features.", at_least=0)

    def __post_init__(self) -> None:
        check(self)


class Lessons(NamedTuple):
    """What a tail learns from: features of people who are not in the store."""

    clean: Tensor
    """(n, ...)."""
    protected: Tensor
    """(n, ...) the same, protected."""


class Trained(NamedTuple):
    """Where a training stands."""

    cut: Split
    """With the tail that learns; its head is the recognizer's own."""
    optimizer: torch.optim.Adam
    done: int
    run: bytes
    """A digest of all that the training depends on."""


def begin(cut: Split, lessons: Lessons, p: TailTraining) -> Trained:
    """A copy of a recognizer before its first update; the one given stays as it is.

    Norms keep their statistics, and the head its weights.

    Args:
        cut: the recognizer.
        lessons: what it will learn from.
        p: how.

    Raises:
        UsageError: no features, or as many clean as protected ones there are not.
    """
    clean, protected = lessons
    if not len(clean) or clean.shape != protected.shape:
        raise UsageError(
            f"clean features {tuple(clean.shape)} and protected ones {tuple(protected.shape)} are "
            "no pairs to learn from; give one for each"
        )
    changed = _copied(cut)
    weights = _behind(changed, clean[:1].float())
    optimizer = torch.optim.Adam(weights.values(), lr=p.rate)
    return Trained(changed, optimizer, 0, _digest(cut, lessons, p))


def advance(
    trained: Trained, cut: Split, lessons: Lessons, upto: int, p: TailTraining, watch: Watch
) -> Trained:
    """Train on until `upto` updates are done; the tail given goes on, it is not copied.

    Args:
        trained: where the training stands.
        cut: the recognizer as it was, whose answers are the right ones.
        lessons: what is learned from.
        upto: at most `p.updates`.
        p: how.
        watch: called after each update.
    """
    changed, optimizer = trained.cut, trained.optimizer
    for number in range(trained.done, upto):
        chance = np.random.default_rng([p.seed, number])
        rows = torch.from_numpy(chance.integers(len(lessons.clean), size=p.batch))
        z, z_prime = lessons.clean[rows].float(), lessons.protected[rows].float()
        with torch.no_grad():
            e = cut.tail(z)
        with torch.enable_grad():
            loss = (1 - cosine(changed.tail(z_prime), e)).mean()
            if p.clean_weight:
                loss = loss + p.clean_weight * (1 - cosine(changed.tail(z), e)).mean()
        adam.update(optimizer, loss, p.rate, number, p.updates)
        watch(loss.item())
    return trained._replace(done=max(trained.done, upto))


def fine_tuned(
    cut: Split,
    clean: Tensor,
    protected: Tensor,
    p: TailTraining | None = None,
    watch: Watch | None = None,
) -> Split:
    """A recognizer whose tail reads protected features; the one given stays as it is.

    Args:
        cut: the recognizer.
        clean: (n, ...) features of people who are not in the store.
        protected: (n, ...) the same, protected.
        p: how.
        watch: called after each update.

    Raises:
        UsageError: no features, or as many clean as protected ones there are not.
    """
    p, lessons = p or TailTraining(), Lessons(clean, protected)
    trained = begin(cut, lessons, p)
    return finished(advance(trained, cut, lessons, p.updates, p, watch or unwatched))


def finished(trained: Trained) -> Split:
    """The recognizer with its new tail, not to be trained any more."""
    trained.cut.model.network.requires_grad_(False)
    return trained.cut


def dump(trained: Trained) -> bytes:
    """All that is needed to go on, as the bytes of a safetensors file."""
    state = {f"tail.{name}": t for name, t in _learned(trained.cut).items()}
    state |= adam.state_of(trained.optimizer)
    state["done"] = torch.tensor(trained.done)
    state["run"] = torch.frombuffer(bytearray(trained.run), dtype=torch.uint8)
    return save(state)


def load(data: bytes, name: str, cut: Split, lessons: Lessons, p: TailTraining) -> Trained:
    """Where a training stood when it was dumped.

    Raises:
        WeightsError: damaged.
        UsageError: no training, or one with other pictures, shadows or parameters.
    """
    state = tensors(data, name)
    trained = begin(cut, lessons, p)
    try:
        if state["run"].numpy().tobytes() != trained.run:
            raise UsageError(
                f"{name}: is of a training with other pictures, shadows or parameters; give the "
                "same, or remove it to begin anew"
            )
        _replace(trained.cut, adam.below(state, "tail."))
        adam.restore(trained.optimizer, state)
        return trained._replace(done=int(state["done"]))
    except (KeyError, ValueError, RuntimeError) as error:
        raise UsageError(f"{name}: is no unfinished training; remove it to begin anew") from error


def dump_tail(trained: Trained) -> bytes:
    """The tail alone, with the layer it begins at and the recognizer it is for."""
    about = {"layer": trained.cut.layer, "recognizer": trained.cut.model.weights_digest}
    state = {f"tail.{name}": t for name, t in _learned(trained.cut).items()}
    for name, text in about.items():
        state[name] = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)
    return save(state)


def load_tail(data: bytes, name: str, recognizer: Model) -> Split:
    """A recognizer with the tail in the bytes of a file.

    Args:
        data: what `dump_tail` made.
        name: what errors call it.
        recognizer: the one that the tail was trained for.

    Raises:
        WeightsError: no tail, a damaged one, or one for another recognizer.
    """
    state = tensors(data, name)
    try:
        layer, wanted = (state[key].numpy().tobytes().decode() for key in ("layer", "recognizer"))
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"{name}: holds no tail; use a file that `anamorph train tail` made"
        ) from error
    if wanted != recognizer.weights_digest:
        raise WeightsError(
            f"{name}: is the tail of another recognizer than {recognizer.name}; give the one that "
            "it was trained for"
        )
    learned = adam.below(state, "tail.")
    if not all(bool(t.isfinite().all()) for t in learned.values()):
        raise WeightsError(f"{name}: holds weights that are no numbers; restore it from a copy")
    changed = _copied(split(recognizer, layer))
    try:
        _replace(changed, learned)
    except (KeyError, RuntimeError) as error:
        raise WeightsError(f"{name}: does not fit {recognizer.name}; train it again") from error
    return changed


def _copied(cut: Split) -> Split:
    network = deepcopy(cut.model.network)
    return replace(cut, model=replace(cut.model, network=network, folded=None))


def _learned(cut: Split) -> dict[str, Tensor]:
    """The weights that are trained, by their names."""
    named = cut.model.network.named_parameters()
    return {name: w.detach().cpu().contiguous() for name, w in named if w.requires_grad}


def _replace(cut: Split, weights: dict[str, Tensor]) -> None:
    """Write weights into a copy of a network, all or none."""
    own = dict(cut.model.network.named_parameters())
    if any(own[name].shape != t.shape for name, t in weights.items()):
        raise KeyError("a weight of another shape")
    with torch.no_grad():
        for name, t in weights.items():
            own[name].copy_(t)


def _behind(cut: Split, feature: Tensor) -> dict[str, nn.Parameter]:
    """The weights that the answer to a feature depends on, ready to be trained."""
    network = cut.model.network
    network.requires_grad_()
    with torch.enable_grad():
        answer = cut.tail(feature).sum()
    every = dict(network.named_parameters())
    gradients = torch.autograd.grad(answer, list(every.values()), allow_unused=True)
    for weight, gradient in zip(every.values(), gradients, strict=True):
        weight.requires_grad_(gradient is not None)
    return {name: weight for name, weight in every.items() if weight.requires_grad}


def _digest(cut: Split, lessons: Lessons, p: TailTraining) -> bytes:
    """Of all that a training depends on."""
    about = f"{p} {cut.layer} {cut.model.weights_digest} {tuple(lessons.clean.shape)}"
    digest = sha256(about.encode())
    for features in lessons:
        for rows in torch.split(features, 64):
            digest.update(rows.contiguous().numpy().tobytes())
    return digest.digest()
