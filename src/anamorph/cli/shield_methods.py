"""How `anamorph shield` shields: the options of its methods, and what they mean together."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
from click.core import ParameterSource

from anamorph.app.shield.keyed import keyed, rekeyed
from anamorph.cli.options import chosen, methods_options, model_device
from anamorph.cli.passphrase import open_key, passphrase_option
from anamorph.errors import UsageError
from anamorph.keys.key import Key
from anamorph.methods.feature_parameters import ADVFACE, DECOY
from anamorph.parameters import knobs
from anamorph.templates.role import Mark, Shielding, mark

F = TypeVar("F", bound=Callable[..., Any])

METHODS = ("keyed", "advface", "decoy")

PRESETS: Mapping[str, Mapping[str, Any]] = {"advface": ADVFACE, "decoy": DECOY}
"""Of the methods that have parameters."""

DEFAULT = "fast"

_NO_PICTURES = ("target",)
"""Knobs that ask for the pictures, which a store does not have."""

_OF_METHODS: Mapping[str, tuple[str, ...]] = {
    "keyed": ("key_", "passphrase_file", "from_key", "from_passphrase_file"),
    "advface": ("shadows",),
    "decoy": ("decoys",),
}
"""Options that mean something for one method alone, by their names in Python."""

_FLAGS = {"key_": "--key", "shadows": "--shadow"}


class How(NamedTuple):
    """A shielding, what it takes, and whether it stores what the recognizer ends with."""

    shielding: Shielding
    takes: Mark
    embeddings: bool


def method_options(command: F) -> F:
    """All that says how to shield."""
    options = [
        click.option("--method", type=click.Choice(METHODS), help="How to shield."),
        click.option(
            "--key",
            "key_",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="For keyed: the key. Make one with `anamorph key new --kind rotation`.",
        ),
        passphrase_option,
        click.option(
            "--from-key",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="For keyed: the key the rows are rotated with now; plain features are never "
            "formed.",
        ),
        click.option(
            "--from-passphrase-file",
            type=click.Path(path_type=Path),
            help="Holds the passphrase of --from-key.",
        ),
        click.option(
            "--shadow",
            "shadows",
            multiple=True,
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="For advface: a decoder to mislead, from `anamorph train shadow`; repeat for "
            "more.",
        ),
        click.option(
            "--decoys",
            multiple=True,
            metavar="DIR",
            type=click.Path(path_type=Path),
            help="For decoy: pictures of who is stored instead, aligned as the others; repeat for "
            "more. By default portraits of people who do not exist.",
        ),
        click.option(
            "--recognizer",
            metavar="MODEL",
            help="The model whose features are stored, a card or a spec: for pictures, for decoy, "
            "and for the preset paper.",
        ),
        click.option(
            "--layer",
            metavar="NAME",
            help="Where it is cut to make maps; else the card's first tap.",
        ),
        methods_options(PRESETS, DEFAULT, without=_NO_PICTURES),
        model_device,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def how_to_shield(ctx: click.Context, given: Mapping[str, Any]) -> How:
    """What the options mean together.

    Raises:
        UsageError: no method, options of another one, or something it needs is missing.
        FileError, BadKey, ModelError: what they name cannot be loaded.
    """
    check_methods(ctx, given)
    if given["method"] == "keyed":
        return How(*_rotation(given), embeddings=True)
    shielding, embeddings = named_shielding(given).loaded()
    return How(shielding, None, embeddings)


def check_methods(ctx: click.Context, given: Mapping[str, Any]) -> None:
    """Refuse no method, and options of another one.

    Raises:
        UsageError: naming them.
    """
    method = given["method"]
    if method is None:
        raise UsageError(f"how to shield? Name it with --method: {', '.join(METHODS)}")
    _check_strangers(ctx, method, given)


def named_shielding(given: Mapping[str, Any]) -> Any:
    """The same by the names of what it needs, for workers that load it themselves."""
    from anamorph.app.shield.loading import Named

    method = given["method"]
    return Named(
        method=method,
        recognizer=given["recognizer"],
        layer=given["layer"],
        key=given["key_"],
        shadows=given["shadows"],
        decoys=given["decoys"],
        parameters=chosen(PRESETS[method], given["preset"], given) if method in PRESETS else None,
        device=given["device"],
    )


def _rotation(given: Mapping[str, Any]) -> tuple[Shielding, Mark]:
    """The shielding of a key, and the mark of the rows that it is for."""
    new = _key(given["key_"], given["passphrase_file"])
    before = _key(given["from_key"], given["from_passphrase_file"])
    if new is None:
        raise UsageError(
            "--method keyed rotates by a key; give it with --key, or make one with `anamorph key "
            "new --kind rotation`"
        )
    return (keyed(new), None) if before is None else (rekeyed(before, new), mark(keyed(before)))


def _key(path: Path | None, passphrase_file: Path | None) -> Key | None:
    return None if path is None else open_key(path, passphrase_file)


def _check_strangers(ctx: click.Context, method: str, given: Mapping[str, Any]) -> None:
    """Refuse what was typed for another method: it would be left out without a word."""
    own = {k.name for k in knobs(PRESETS[method][DEFAULT])} if method in PRESETS else set()
    every = {k.name for presets in PRESETS.values() for k in knobs(presets[DEFAULT])}
    others = [name for names in _OF_METHODS.values() for name in names]
    strange = [name for name in others if given[name] and name not in _OF_METHODS[method]]
    strange += [name for name in sorted(every - own) if given.get(name) is not None]
    if strange:
        flags = ", ".join(_FLAGS.get(name, "--" + name.replace("_", "-")) for name in strange)
        raise UsageError(f"{flags}: not for --method {method}; leave it out")
    presets = PRESETS.get(method, {})
    typed = ctx.get_parameter_source("preset") is ParameterSource.COMMANDLINE
    if typed and given["preset"] not in presets:
        there = ", ".join(presets) or "none"
        raise UsageError(f"{method} has no preset {given['preset']!r}; there are {there}")
