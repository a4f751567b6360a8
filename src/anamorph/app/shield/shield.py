"""Shield features that are at hand: arrays in, arrays out. Files and tables: `app.shield.file`."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import UInt8

from anamorph.app.shield.advface import adversarial
from anamorph.app.shield.decoy import disguising
from anamorph.app.shield.keyed import keyed
from anamorph.app.train.shadow_training import Pictures
from anamorph.errors import UsageError
from anamorph.keys.key import Key
from anamorph.methods.advface import AdvFace
from anamorph.methods.decoy import Decoy
from anamorph.models import Model
from anamorph.models.networks.decoders import Decoder
from anamorph.models.split import split
from anamorph.optimize.engine import Watch
from anamorph.templates.checking import as_features, check_rows
from anamorph.templates.role import Features, Shielding

Method: TypeAlias = Literal["advface", "decoy", "keyed"]

_AT_ONCE = 32


def shield(
    features: Features | UInt8[np.ndarray, "n 3 h w"],
    method: Method,
    *,
    recognizer: Model | None = None,
    layer: str | None = None,
    shadows: Sequence[Decoder] = (),
    decoys: Pictures | None = None,
    key: Key | None = None,
    parameters: AdvFace | Decoy | None = None,
    device: str | None = None,
    watch: Watch | None = None,
) -> Features:
    """Protected features in the place of clean ones, as they are to be stored.

    What each method does not protect against: docs/security/shield.md.

    Args:
        features: (n, ...) floats; or 8-bit pictures, whose features the recognizer makes first.
        method: `advface` misleads decoders, `decoy` stores somebody else with the person's
            embedding, `keyed` rotates embeddings by a secret.
        recognizer: for `decoy`, for pictures, and for the preset `paper` of `advface`.
        layer: where the recognizer is cut; by default at the first tap of its card.
        shadows: for `advface`: decoders from `anamorph train shadow`.
        decoys: for `decoy`: (d, 3, h, w) 8-bit pictures; portraits by default.
        key: for `keyed`: of the kind `rotation`.
        parameters: of the method.
        device: where the shadows compute: `cpu`, `cuda`, `cuda:N`, or `auto`; by default where the
            recognizer does, or else the CPU. The recognizer stays where it is.
        watch: called after every step; raise `Cancelled` to stop.

    Raises:
        UsageError: something that the method needs is missing, or features that it cannot protect.
        BadKey: a key of another kind.
        ModelError: the recognizer cannot be cut there.
    """
    shielding = shielding_for(
        method,
        recognizer=recognizer,
        layer=layer,
        shadows=shadows,
        decoys=decoys,
        key=key,
        parameters=parameters,
        device=device,
        watch=watch,
    )
    if features.dtype == np.uint8:
        if recognizer is None:
            raise UsageError("pictures have no features without a recognizer; give one")
        embeds = method == "keyed" and layer is None
        features = features_of(features, recognizer, layer, embeddings=embeds)
    features = as_features(features, "the features")
    check_rows(range(len(features)), features, "the features")
    return shielding(features)


def shielding_for(
    method: str,
    *,
    recognizer: Model | None = None,
    layer: str | None = None,
    shadows: Sequence[Decoder] = (),
    decoys: Pictures | None = None,
    key: Key | None = None,
    parameters: Any = None,
    device: str | None = None,
    watch: Watch | None = None,
) -> Shielding:
    """The shielding that a method means; see `shield`.

    Raises:
        UsageError: no such method, parameters of another one, or something it needs is missing.
        BadKey: a key of another kind.
        ModelError: the recognizer cannot be cut there.
    """
    wanted: dict[str, type] = {"advface": AdvFace, "decoy": Decoy, "keyed": type(None)}
    given: Any = parameters
    if method not in wanted:
        raise UsageError(f"no method {method!r}; there are {', '.join(wanted)}")
    if parameters is not None and not isinstance(parameters, wanted[method]):
        raise UsageError(f"{method} has no parameters of the type {type(parameters).__name__}")
    if method == "advface":
        return adversarial(
            shadows, given, recognizer=recognizer, layer=layer, watch=watch, device=device
        )
    if method == "decoy":
        if recognizer is None:
            raise UsageError("decoy needs the recognizer whose features are stored; give it")
        return disguising(recognizer, decoys, given, layer=layer, watch=watch)
    if key is None:
        raise UsageError(
            "keyed rotates by a key; give one, or make it with `anamorph key new --kind rotation`"
        )
    return keyed(key)


def features_of(
    pictures: UInt8[np.ndarray, "n 3 h w"],
    recognizer: Model,
    layer: str | None = None,
    *,
    embeddings: bool = False,
) -> Features:
    """What a recognizer would store of pictures.

    Args:
        pictures: aligned as it wants its faces.
        recognizer: the model.
        layer: where it is cut; by default at the first tap of its card.
        embeddings: its output instead.

    Raises:
        ModelError: it cannot be cut there.
    """
    reader = recognizer.output if embeddings else split(recognizer, layer).head
    with torch.no_grad():
        parts = [
            reader(part.float().div_(255))
            for part in torch.split(torch.from_numpy(pictures), _AT_ONCE)
        ]
    return torch.cat(parts).float().numpy()
