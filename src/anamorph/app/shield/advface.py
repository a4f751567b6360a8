"""AdvFace as a shielding: batches of stored features in, adversarial ones out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial

import torch
from torch import Tensor

from anamorph.app.shield.judging import check_made, judged_by, matcher_for
from anamorph.app.shield.parts import (
    bytes_of,
    check_features,
    digest_of,
    in_parts,
    secret_or_fresh,
    stacked,
)
from anamorph.errors import UsageError
from anamorph.methods.advface import AdvFace, Encoder, advface
from anamorph.methods.decoy import Tail
from anamorph.methods.spread import Spread
from anamorph.models import Model
from anamorph.models.device import CPU, Placed, device_of, placed
from anamorph.models.networks import decoders
from anamorph.models.networks.decoders import Decoder
from anamorph.models.split import split
from anamorph.optimize.engine import Watch, solve
from anamorph.templates.role import Features, Judged

STATISTICS = ("running", "own")
"""Which the batch norms of shadows take: those of their training, or of each map by itself."""


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
        check_features(features, self.feature, "the shadows decode")

        def protect(z: Tensor, seeds: list[int]) -> Tensor:
            p, encoder = self.parameters, self._encoder
            problem = advface(self._shadows, z, self._spread, seeds, p, encoder=encoder)
            return stacked(solve(problem, self.watch), problem)

        return in_parts(features, self._secret, protect, self._shadows[0].device)

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
    parts = [*(decoders.dump(shadow) for shadow in shadows), statistics.encode(), bytes_of(p)]
    if recognizer is not None and encoder is not None:
        parts.append(recognizer.digest.encode())
    if device is None:
        device = CPU if recognizer is None else recognizer.device
    where = device_of(device)
    return AdvFaceShielding(
        digest=digest_of(parts),
        parameters=p,
        feature=feature,
        watch=watch,
        _shadows=tuple(placed(shadow, where) for shadow in ready),
        _encoder=encoder,
        _matcher=cache(partial(matcher_for, recognizer, layer, feature)),
        _spread=Spread(*(t.to(where) for t in spread_of(shadows[0]))),
        _secret=secret_or_fresh(secret),
    )


def spread_of(shadow: Decoder) -> Spread:
    """How the clean features varied that a decoder was trained on."""
    dead = shadow.scale == 0
    deviation = torch.where(dead, 0, 1 / torch.where(dead, 1, shadow.scale))
    return Spread(deviation, shadow.low, shadow.high)


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
