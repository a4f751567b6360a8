"""AdvFace and decoys as shieldings: batches of stored features in, protected ones out."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anamorph import portraits
from anamorph.app.shield.judging import check_made, judged_by, matcher_for
from anamorph.app.train.shadow_training import Pictures
from anamorph.errors import UsageError
from anamorph.methods.advface import AdvFace, Encoder, advface
from anamorph.methods.decoy import Decoy, Decoys, Tail, decoy, reached
from anamorph.methods.spread import Spread, moved
from anamorph.models import Model
from anamorph.models.device import CPU, Placed, device_of, placed
from anamorph.models.networks import decoders
from anamorph.models.networks.decoders import Decoder
from anamorph.models.split import Split, split
from anamorph.optimize.engine import Solved, Watch, solve
from anamorph.optimize.problem import Problem
from anamorph.parameters import shown
from anamorph.templates.checking import as_features, check_rows
from anamorph.templates.role import Features, Judged

STATISTICS = ("running", "own")
"""Which the batch norms of shadows take: those of their training, or of each map by itself."""

DECOYS = 64
"""Portraits that stand in for people when no other decoys are given."""

SECRET_SIZE = 32
"""Bytes of the secret that chance is derived from."""

_AT_ONCE = 8
_DIGITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvFaceShielding:
    """Adversarial features (a `templates.role.Shielding`). Make one with `adversarial`."""

    digest: str
    """Of shadows, statistics and parameters."""
    parameters: AdvFace
    feature: tuple[int, ...]
    """Shape of one feature."""
    watch: Watch | None = field(default=None, repr=False)
    """Called after every step."""
    _shadows: tuple[Placed, ...] = field(repr=False)
    _encoder: Encoder | None = field(repr=False)
    _matcher: Callable[[], Tail | None] = field(repr=False)
    _spread: Spread = field(repr=False)
    _secret: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """The method."""
        return "advface"

    @property
    def version(self) -> int:
        """Of the computation."""
        return 1

    def __call__(self, features: Features, /) -> Features:
        """Protect a batch (n, ...).

        Raises:
            UsageError: features of another shape, or that are no finite numbers.
        """
        _check(features, self.feature, "the shadows decode")

        def protect(z: Tensor, seeds: list[int]) -> Tensor:
            p, encoder = self.parameters, self._encoder
            problem = advface(self._shadows, z, self._spread, seeds, p, encoder=encoder)
            return _stacked(solve(problem, self.watch), problem)

        return _in_parts(features, self._secret, protect, self._shadows[0].device)

    @property
    def least_cosine(self) -> float:
        """From where on a record counts as read as before."""
        return self.parameters.least_cosine

    def judged(self, features: Features, /) -> Judged:
        """Protect a batch, and have the recognizer read it, where it is at hand.

        Raises:
            UsageError: as when it is called, or a recognizer that makes other features.
            ModelError: it cannot be cut where they are taken.
        """
        return judged_by(self._matcher(), features, self(features))


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoyShielding:
    """Decoy re-synthesis (a `templates.role.Shielding`). Make one with `disguising`."""

    digest: str
    """Of recognizer, cut, decoys and parameters."""
    parameters: Decoy
    feature: tuple[int, ...]
    """Shape of one feature."""
    watch: Watch | None = field(default=None, repr=False)
    """Called after every step."""
    _cut: Split = field(repr=False)
    _decoys: Decoys = field(repr=False)
    _spread: Spread = field(repr=False)
    _secret: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """The method."""
        return "decoy"

    @property
    def version(self) -> int:
        """Of the computation."""
        return 1

    def __call__(self, features: Features, /) -> Features:
        """Exchange a batch of maps (n, c, h, w); nothing but their embeddings gets in.

        Raises:
            UsageError: features of another shape, or that are no finite numbers.
        """
        return self.judged(features).features

    @property
    def least_cosine(self) -> float:
        """From where on a record counts as read as before."""
        return self.parameters.least_cosine

    def judged(self, features: Features, /) -> Judged:
        """Exchange a batch, and keep the cosines that it was exchanged for.

        Raises:
            UsageError: as when it is called.
        """
        _check(features, self.feature, f"{self._cut.layer} of the recognizer makes")
        p, cosines = self.parameters, list[float]()

        def exchange(z: Tensor, seeds: list[int]) -> Tensor:
            with torch.no_grad():
                e = self._cut.tail(z)
            problem = decoy(self._cut.tail, e, self._decoys, self._spread, seeds, p)
            solved = solve(problem, self.watch)
            cosines.extend(reached(one, p) for one in solved)
            return moved(problem.context.z_d, _stacked(solved, problem), self._spread)

        records = _in_parts(features, self._secret, exchange, self._cut.model.device)
        return Judged(records, np.array(cosines, np.float32))


def adversarial(
    shadows: Sequence[Decoder],
    parameters: AdvFace | None = None,
    *,
    statistics: str = "running",
    recognizer: Model | None = None,
    layer: str | None = None,
    secret: bytes | None = None,
    watch: Watch | None = None,
    device: str | torch.device | None = None,
) -> AdvFaceShielding:
    """The shielding that misleads shadows.

    Args:
        shadows: decoders of one kind of feature, at least one, the better the more they differ.
        parameters: of the method.
        statistics: one of `STATISTICS`.
        recognizer: whose features are stored; for the start at the shadow's picture, and to say
            how it reads the records.
        layer: where features are taken; by default at the first tap of the recognizer's card.
        secret: 32 bytes from which every record's start follows; fresh ones by default.
        watch: called after every step; raise `Cancelled` to stop.
        device: where the shadows compute; by default where the recognizer does, or else the CPU.

    Raises:
        UsageError: no shadows, shadows of different features, no such device, or parameters that
            ask for what is not at hand.
        ModelError: the recognizer cannot be cut there.
    """
    p = parameters or AdvFace()
    if not shadows:
        raise UsageError("there are no shadows to mislead; train one with `anamorph train shadow`")
    if statistics not in STATISTICS:
        raise UsageError(f"statistics {statistics!r} are not one of {', '.join(STATISTICS)}")
    shapes = {shadow.design.feature for shadow in shadows}
    if len(shapes) > 1:
        raise UsageError(
            f"the shadows decode features of different shapes ({', '.join(map(str, shapes))}); "
            "give shadows of one recognizer and layer"
        )
    if p.target != "shadow":
        raise UsageError(
            "a store holds no pictures, which the target asks for; leave it as it is, or use "
            "`anamorph.methods.advface`"
        )
    (feature,) = shapes
    encoder = None
    if p.start == "shadow":
        encoder = _encoder(recognizer, layer, feature)
    prepare = decoders.with_own_statistics if statistics == "own" else decoders.folded
    ready = [prepare(shadow) for shadow in shadows]
    parts = [*(decoders.dump(shadow) for shadow in shadows), statistics.encode(), _told(p)]
    if recognizer is not None and encoder is not None:
        parts.append(recognizer.digest.encode())
    if device is None:
        device = CPU if recognizer is None else recognizer.device
    where = device_of(device)
    return AdvFaceShielding(
        digest=_digest(parts),
        parameters=p,
        feature=feature,
        watch=watch,
        _shadows=tuple(placed(shadow, where) for shadow in ready),
        _encoder=encoder,
        _matcher=cache(partial(matcher_for, recognizer, layer, feature)),
        _spread=Spread(*(t.to(where) for t in spread_of(shadows[0]))),
        _secret=_checked(secret),
    )


def disguising(
    recognizer: Model,
    pictures: Pictures | None = None,
    parameters: Decoy | None = None,
    *,
    layer: str | None = None,
    secret: bytes | None = None,
    watch: Watch | None = None,
) -> DecoyShielding:
    """The shielding that stores decoys in the place of people.

    Args:
        recognizer: whose features are stored.
        pictures: (d, 3, h, w) the decoys, aligned as the recognizer wants its faces; portraits of
            people who do not exist by default.
        parameters: of the method.
        layer: where features are taken; by default at the first tap of the recognizer's card.
        secret: 32 bytes from which every record's decoy follows; fresh ones by default.
        watch: called after every step; raise `Cancelled` to stop.

    Raises:
        UsageError: no decoys, or features that are embeddings.
        ModelError: the recognizer cannot be cut there.
    """
    p, cut = parameters or Decoy(), split(recognizer, layer)
    shown_ = _portraits(recognizer) if pictures is None else pictures
    if len(cut.shape) != 3:
        raise UsageError(
            f"{cut.layer} of {recognizer.name} makes features of shape {cut.shape}, which a decoy "
            "cannot stand for; name a layer that makes maps (c, h, w)"
        )
    if not len(shown_):
        raise UsageError("0 decoys; give some pictures, or leave them out to have portraits")
    with torch.no_grad():
        features = cut.head(shown_.to(recognizer.device).float().div(255))
        decoys = Decoys(features, cut.tail(features))
    parts = [recognizer.digest.encode(), cut.layer.encode(), shown_.numpy().tobytes(), _told(p)]
    return DecoyShielding(
        digest=_digest(parts),
        parameters=p,
        feature=cut.shape,
        watch=watch,
        _cut=cut,
        _decoys=decoys,
        _spread=spread_in(features),
        _secret=_checked(secret),
    )


def _encoder(recognizer: Model | None, layer: str | None, feature: tuple[int, ...]) -> Encoder:
    """What makes features of pictures, as the shadows decode them."""
    if recognizer is None:
        raise UsageError(
            "features are to start at those of the shadow's picture, which takes the recognizer; "
            "give it (--recognizer), or leave `start` at uniform"
        )
    if len(feature) == 1 and layer is None:
        return recognizer.output
    cut = split(recognizer, layer)
    check_made(recognizer, cut.layer, cut.shape, feature)
    return cut.head


def spread_of(shadow: Decoder) -> Spread:
    """How the clean features varied that a decoder was trained on."""
    dead = shadow.scale == 0
    deviation = torch.where(dead, 0, 1 / torch.where(dead, 1, shadow.scale))
    return Spread(deviation, shadow.low, shadow.high)


def spread_in(features: Tensor) -> Spread:
    """How clean features (n, ...) vary; channels that hardly do are dead."""
    about = decoders.moments(features)
    alive = about.deviation > decoders.LEAST_DEVIATION * about.deviation.max()
    around = (-1, *[1] * (features.dim() - 2))
    deviation = torch.where(alive, about.deviation, 0)
    return Spread(*(t.view(around) for t in (deviation, about.low, about.high)))


def _in_parts(
    features: Features,
    secret: bytes,
    protect: Callable[[Tensor, list[int]], Tensor],
    device: torch.device,
) -> Features:
    """A few at once, on a device; chance follows from the secret and the feature itself."""
    out = np.empty(features.shape, np.float32)
    for first in range(0, len(features), _AT_ONCE):
        part = np.array(features[first : first + _AT_ONCE], np.float32, order="C")
        seeds = [_seed(secret, row.tobytes()) for row in part]
        z = torch.from_numpy(part).to(device)
        out[first : first + len(part)] = protect(z, seeds).cpu().numpy()
    return out


def _stacked(solved: Sequence[Solved], problem: Problem[Any]) -> Tensor:
    return torch.stack([one.value for one in solved]).to(problem.start)


def _seed(secret: bytes, row: bytes) -> int:
    return int.from_bytes(hmac.digest(secret, row, "sha256")[:8], "big") >> 1


def _check(features: Features, wanted: tuple[int, ...], who: str) -> None:
    if features.shape[1:] != wanted:
        raise UsageError(
            f"features of shape {features.shape[1:]}, but {who} {wanted}; give those of the same "
            "recognizer and layer"
        )
    check_rows(range(len(features)), as_features(features, "the batch"), "the batch")


def _checked(secret: bytes | None) -> bytes:
    if secret is None:
        return secrets.token_bytes(SECRET_SIZE)
    if len(secret) != SECRET_SIZE:
        raise UsageError(f"a secret has {SECRET_SIZE} bytes, not {len(secret)}; leave it out")
    return secret


def _portraits(recognizer: Model) -> Pictures:
    size = max(recognizer.input.size)
    images = portraits.dataset(range(DECOYS), range(1), size=size).images
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def _told(parameters: AdvFace | Decoy) -> bytes:
    """What shapes a record: the least cosine does not, so every one has the default's digest."""
    told = shown(parameters)
    told.pop("least_cosine")
    if isinstance(parameters, Decoy):
        told["least_cosine"] = Decoy().least_cosine  # as in the marks of stores that are there
    return repr(sorted(told.items())).encode()


def _digest(parts: Sequence[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:_DIGITS]
