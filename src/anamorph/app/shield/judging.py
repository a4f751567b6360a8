"""How the matcher reads shielded features, where the method itself does not know."""

import numpy as np
import torch
from torch import Tensor

from anamorph.errors import UsageError
from anamorph.losses import cosine
from anamorph.methods.decoy import Tail
from anamorph.models import Model
from anamorph.models.split import split
from anamorph.templates.role import Features, Judged

_AT_ONCE = 8


def matcher_for(
    recognizer: Model | None, layer: str | None, feature: tuple[int, ...]
) -> Tail | None:
    """What turns stored features into what is compared; None for maps without a recognizer.

    Embeddings (k,) are compared as they are stored.

    Args:
        recognizer: whose features are stored.
        layer: where they are taken; by default at the first tap of its card.
        feature: the shape of one.

    Raises:
        UsageError: the recognizer makes features of another shape there.
        ModelError: it cannot be cut there.
    """
    if len(feature) == 1:
        return _itself
    if recognizer is None:
        return None
    cut = split(recognizer, layer)
    check_made(recognizer, cut.layer, cut.shape, feature)
    return cut.tail


def check_made(
    recognizer: Model, layer: str, made: tuple[int, ...], feature: tuple[int, ...]
) -> None:
    """Refuse a recognizer whose features the shadows do not decode.

    Raises:
        UsageError: the shapes differ.
    """
    if made != feature:
        raise UsageError(
            f"{recognizer.name} makes features of shape {made} at {layer}, but the shadows decode "
            f"{feature}; name the layer they were trained for"
        )


def judged_by(matcher: Tail | None, plain: Features, records: Features) -> Judged:
    """Records (n, ...) with the cosine of each to its plain feature, as the matcher reads both."""
    if matcher is None:
        return Judged(records, None)
    with torch.no_grad():
        found = [
            cosine(matcher(_tensor(own)), matcher(_tensor(stored)))
            for own, stored in zip(_parts(plain), _parts(records), strict=True)
        ]
    return Judged(records, torch.cat(found).numpy().astype(np.float32))


def _itself(features: Tensor) -> Tensor:
    return features


def _parts(features: Features) -> list[Features]:
    return [features[first : first + _AT_ONCE] for first in range(0, len(features), _AT_ONCE)]


def _tensor(features: Features) -> Tensor:
    return torch.from_numpy(np.array(features, np.float32, order="C"))  # files may be read-only
