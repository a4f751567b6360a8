"""Reads a card from TOML and refuses what does not make sense, naming the key."""

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from anamorph.errors import CardError
from anamorph.models.card import KINDS, SELF_DESCRIBING, Card, Input, Interpolation, Resize, place
from anamorph.types import Task

CARD_KEYS = ("name", "source", "weights", "options", "task", "labels", "tap", "input", "accuracy")
INPUT_KEYS = ("size", "mean", "std", "resize", "crop", "interpolation")
LARGEST_SIDE = 4096
SERVICES = ("http", "https")


def card_of(spec: str | Path) -> Card:
    """The card behind what a user typed: a TOML file, or a short spec such as `timm:resnet18`.

    A short spec's paths are relative to the working directory.

    Raises:
        CardError: neither a card nor a spec, or a spec that cannot do without a card.

    Example:
        >>> card_of("timm:resnet18").kind
        'timm'
    """
    text = str(spec)
    kind, _, what = text.partition(":")
    if text.endswith(".toml") and kind not in KINDS:
        return read_card(Path(text))
    if kind not in KINDS or not what:
        raise CardError(
            f"{text!r} is neither a card nor a model spec; give a .toml file or one of "
            f"{', '.join(f'{known}:NAME' for known in SELF_DESCRIBING)}"
        )
    if kind not in SELF_DESCRIBING:
        raise CardError(
            f"{text!r} does not tell how it wants its pictures; write a card, for example "
            f'name = "mine", source = "{text}", input = {{ size = [224, 224], '
            f"mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }}, one key a line"
        )
    return Card(name=what, source=text)


def read_card(path: str | Path) -> Card:
    """The card in a TOML file.

    Raises:
        CardError: a missing file, a syntax error, an unknown key or an impossible value.
    """
    path = Path(path)
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CardError(f"there is no card at {path}; check the path") from None
    except OSError as error:
        raise CardError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"{path}: not TOML: {error}") from None
    return card_from(fields, folder=path.parent, where=str(path))


def card_from(fields: Mapping[str, Any], *, folder: Path, where: str) -> Card:
    """The card that a table of TOML values describes.

    An `[accuracy]` table is allowed and ignored: it tells people what was measured.

    Args:
        fields: the values, as `tomllib` gives them.
        folder: what paths are relative to.
        where: named in errors.

    Raises:
        CardError: an unknown key or an impossible value.
    """
    if str(fields.get("source")).partition(":")[0] in SERVICES:
        raise CardError(
            f"{where}: source is {place(fields['source'])}, and a service only reads, for the "
            "panel of an audit; where gradients are needed, give the network itself"
        )
    table = _Table(fields, where, CARD_KEYS)
    source = table.text("source")
    kind, _, what = source.partition(":")
    if kind not in KINDS or not what:
        raise table.wrong("source", "KIND:WHAT with KIND one of " + ", ".join(KINDS))
    return Card(
        name=table.text("name"),
        source=source,
        weights=folder / table.text("weights") if "weights" in fields else None,
        options=table.table("options"),
        task=table.choice("task", get_args(Task), "classify"),
        labels=_labels(table, folder),
        tap=table.texts("tap"),
        input=_input(table.table("input"), where) if "input" in fields else None,
        folder=folder,
    )


def _input(fields: Mapping[str, Any], where: str) -> Input:
    table = _Table(fields, f"{where} [input]", INPUT_KEYS)
    size = table.numbers("size", lengths=(2,))
    if not all(isinstance(side, int) and 1 <= side <= LARGEST_SIDE for side in size):
        raise table.wrong("size", f"[height, width] in whole pixels, 1 to {LARGEST_SIDE}")
    mean, std = table.numbers("mean", lengths=(1, 3)), table.numbers("std", lengths=(1, 3))
    if len(mean) != len(std):
        raise table.wrong("std", f"as many numbers as mean, {len(mean)}")
    if min(std) <= 0:
        raise table.wrong("std", "numbers above 0")
    crop = fields.get("crop", 1.0)
    if not _is_number(crop) or not 0 < crop <= 1:
        raise table.wrong("crop", "a number above 0 and at most 1")
    return Input(
        size=(int(size[0]), int(size[1])),
        mean=tuple(float(value) for value in mean),
        std=tuple(float(value) for value in std),
        resize=table.choice("resize", get_args(Resize), "squash"),
        crop=float(crop),
        interpolation=table.choice("interpolation", get_args(Interpolation), "bilinear"),
    )


def _labels(table: "_Table", folder: Path) -> tuple[str, ...]:
    if not isinstance(table.fields.get("labels"), str):
        return table.texts("labels")
    path = folder / table.text("labels")
    try:
        return tuple(path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError):
        raise table.wrong("labels", f"a UTF-8 text file, one label a line, at {path}") from None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class _Table:
    """A TOML table that knows what its keys may be and says where an error is."""

    __slots__ = ("fields", "where")

    def __init__(self, fields: Mapping[str, Any], where: str, known: Sequence[str]) -> None:
        self.fields = fields
        self.where = where
        for key in fields:
            if key not in known:
                nearest = get_close_matches(key, known, n=1, cutoff=0.0)[0]
                raise CardError(
                    f"{where}: unknown key {key!r}; the nearest known one is {nearest!r}"
                )

    def wrong(self, key: str, expected: str) -> CardError:
        """The error for a key whose value is not what was expected."""
        seen = repr(self.fields[key]) if key in self.fields else "missing"
        return CardError(f"{self.where}: {key} is {seen}, expected {expected}")

    def text(self, key: str) -> str:
        value = self.fields.get(key)
        if not isinstance(value, str) or not value:
            raise self.wrong(key, "a text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.fields.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(key, "a list of texts")
        return tuple(value)

    def table(self, key: str) -> Mapping[str, Any]:
        value = self.fields.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, "a table")
        return value

    def numbers(self, key: str, *, lengths: tuple[int, ...]) -> tuple[float, ...]:
        value = self.fields.get(key)
        fits = isinstance(value, list) and len(value) in lengths and all(map(_is_number, value))
        if not isinstance(value, list) or not fits:
            raise self.wrong(key, f"a list of {' or '.join(map(str, lengths))} numbers")
        return tuple(value)

    def choice(self, key: str, choices: Sequence[str], default: str) -> Any:
        value = self.fields.get(key, default)
        if value not in choices:
            raise self.wrong(key, "one of " + ", ".join(choices))
        return value
