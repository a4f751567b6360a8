"""Decoys as a shielding: batches of stored features in, those of people who do not exist out."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from anamorph import portraits
from anamorph.app.shield.parts import (
    bytes_of,
    check_features,
    digest_of,
    in_parts,
    secret_or_fresh,
    stacked,
)
from anamorph.app.train.shadow_training import Pictures
from anamorph.errors import UsageError
from anamorph.methods.decoy import Decoy, Decoys, decoy, reached
from anamorph.methods.spread import Spread, moved
from anamorph.models import Model
from anamorph.models.networks import decoders
from anamorph.models.split import Split, split
from anamorph.optimize.engine import Watch, solve
from anamorph.templates.role import Features, Judged

DECOYS = 64
"""Portraits that stand in for people when no other decoys are given."""


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
        check_features(features, self.feature, f"{self._cut.layer} of the recognizer makes")
        p, cosines = self.parameters, list[float]()

        def exchange(z: Tensor, seeds: list[int]) -> Tensor:
            with torch.no_grad():
                e = self._cut.tail(z)
            problem = decoy(self._cut.tail, e, self._decoys, self._spread, seeds, p)
            solved = solve(problem, self.watch)
            cosines.extend(reached(one, p) for one in solved)
            return moved(problem.context.z_d, stacked(solved, problem), self._spread)

        records = in_parts(features, self._secret, exchange, self._cut.model.device)
        return Judged(records, np.array(cosines, np.float32))


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
    parts = [recognizer.digest.encode(), cut.layer.encode(), shown_.numpy().tobytes(), bytes_of(p)]
    return DecoyShielding(
        digest=digest_of(parts),
        parameters=p,
        feature=cut.shape,
        watch=watch,
        _cut=cut,
        _decoys=decoys,
        _spread=spread_in(features),
        _secret=secret_or_fresh(secret),
    )


def spread_in(features: Tensor) -> Spread:
    """How clean features (n, ...) vary; channels that hardly do are dead."""
    about = decoders.moments(features)
    alive = about.deviation > decoders.LEAST_DEVIATION * about.deviation.max()
    around = (-1, *[1] * (features.dim() - 2))
    deviation = torch.where(alive, about.deviation, 0)
    return Spread(*(t.view(around) for t in (deviation, about.low, about.high)))


def _portraits(recognizer: Model) -> Pictures:
    size = max(recognizer.input.size)
    images = portraits.dataset(range(DECOYS), range(1), size=size).images
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
