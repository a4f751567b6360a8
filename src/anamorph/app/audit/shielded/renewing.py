"""The shielding made anew: what attackers can do themselves, and what a second store would hold."""

from collections.abc import Iterator, Mapping, Sequence

from anamorph.app.audit.shielded.extracting import Extractor
from anamorph.app.shield.advface import adversarial
from anamorph.app.shield.decoy import disguising
from anamorph.app.shield.keyed import NAME, keyed
from anamorph.app.train.shadow_training import Pictures
from anamorph.errors import BadKey, UsageError
from anamorph.keys import key as keys
from anamorph.keys.key import Key
from anamorph.methods.feature_parameters import ADVFACE, DECOY
from anamorph.models.networks.decoders import Decoder
from anamorph.optimize.engine import Watch
from anamorph.templates.role import Mark, Shielding, mark

METHODS = ("advface", "decoy", NAME)

PRESETS: Mapping[str, Mapping[str, object]] = {"advface": ADVFACE, "decoy": DECOY}


def method_of(carried: Mark, given: str | None) -> str:
    """How the records were shielded: as their mark says, else as the user does.

    Raises:
        UsageError: they contradict each other, or there is no such method.
    """
    if given is not None and given not in METHODS:
        raise UsageError(f"no method {given!r}; there are {', '.join(METHODS)}")
    told = (carried or "").partition("/")[0]
    if told and given and told != given:
        raise UsageError(f"the rows carry {carried}, which is not {given}; leave --method out")
    return told or given or "none"


def anew(
    method: str,
    preset: str,
    made_by: Extractor,
    shadows: Sequence[Decoder],
    decoys: Pictures | None = None,
    watch: Watch | None = None,
) -> Shielding | None:
    """The same shielding with another secret or key; None where that cannot be had.

    Args:
        method: of the store.
        preset: of its parameters.
        made_by: the recognizer.
        shadows: for `advface`.
        decoys: for `decoy`; portraits by default.
        watch: called after every step.

    Raises:
        UsageError: shadows of other features, or no such preset.
    """
    presets = PRESETS.get(method, {})
    if presets and preset not in presets:
        raise UsageError(f"no preset {preset!r} of {method}; there are {', '.join(presets)}")
    if method == "advface" and shadows:
        shielding = adversarial(
            shadows,
            ADVFACE[preset],
            recognizer=made_by.model,
            layer=made_by.layer or None,
            watch=watch,
        )
        if shielding.feature != made_by.shape:
            raise UsageError(
                f"the shadows decode features of shape {shielding.feature}, but the records have "
                f"{made_by.shape}; give those that misled were"
            )
        return shielding
    if method == "decoy" and made_by.cut is not None:
        p, layer = DECOY[preset], made_by.layer
        return disguising(made_by.model, decoys, p, layer=layer, watch=watch)
    return keyed(keys.new("rotation")) if method == NAME else None


def checked(key: Key | None, method: str, carried: Mark) -> Shielding | None:
    """The shielding of the store's key; None without one.

    Raises:
        UsageError: a key for records that no key shields.
        BadKey: a key of another store.
    """
    if key is None:
        return None
    if method != NAME:
        raise UsageError(f"the records are shielded by {method}, which has no key; leave --key out")
    shielding = keyed(key)
    if carried and mark(shielding) != carried:
        raise BadKey(f"key {key.fingerprint}, but the rows carry {carried}; give the store's key")
    return shielding


def renewal_notes(method: str, carried: Mark, another: Shielding | None) -> Iterator[str]:
    """What is to be said of the shielding that was made anew, or was not."""
    if method == "none":
        yield "the rows carry no mark and no --method was given: they are taken for plain features"
    elif another is None:
        need = "give --shadow" if method == "advface" else "it cannot be made anew here"
        yield (
            f"{method} was not made anew ({need}): attackers who adapt learn from other records of "
            "the store, and whether two stores can be linked was not measured"
        )
    elif method != NAME and carried and mark(another) != carried:
        yield (
            "the store was shielded with other shadows, decoys or parameters than attackers have "
            "here; those who have the same adapt more easily"
        )
