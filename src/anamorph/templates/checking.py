"""What features must be before they are shielded or compared: numbers, finite, not all zero."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anamorph.errors import UsageError
from anamorph.templates.role import Features, Id

_NAMED = 5
_FEW = 3


def as_features(values: NDArray[np.generic], where: str) -> Features:
    """The features (n, ...) of an array of any float type, in float32.

    Raises:
        UsageError: numbers that are not floats, or fewer than two axes.
    """
    check_kind(values, where)
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused by name
        return values.astype(np.float32, copy=False)


def check_kind(values: NDArray[np.generic], where: str) -> None:
    """Refuse what cannot be features at all.

    Raises:
        UsageError: numbers that are not floats, or fewer than two axes.
    """
    if values.dtype.kind != "f":
        raise UsageError(
            f"{where}: values of type {values.dtype}, but features are float16, float32 or "
            "float64; convert them"
        )
    if values.ndim < 2 or 0 in values.shape[1:]:
        raise UsageError(
            f"{where}: an array of shape {values.shape}, but features are (n, width) or "
            "(n, channels, height, width), one row each"
        )


def check_rows(ids: Sequence[Id], features: Features, where: str) -> None:
    """Refuse rows that no cosine can be taken of.

    Raises:
        UsageError: NaN, infinity, or nothing but zeros, with the first rows' names.
    """
    flat = features.reshape(len(features), -1)
    if _are_sound(flat):
        return
    faults: dict[str, NDArray[np.bool_]] = {
        "hold NaN or infinity": ~np.isfinite(flat).all(axis=1),
        "are all zero": np.equal(flat, 0).all(axis=1),
    }
    for fault, rows in faults.items():
        if rows.any():
            raise UsageError(f"{where}: {faulty(rows, ids)} {fault}; extract them again")


def _are_sound(flat: Features) -> bool:
    """Whether no row is at fault; where that cannot be told at a glance, False."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        squares = np.vecdot(flat, flat)  # of huge or tiny values infinite or zero
    return bool(squares.min(initial=np.inf) > 0 and squares.max(initial=0) < np.inf)


def faulty(rows: NDArray[np.bool_], ids: Sequence[Id]) -> str:
    """How many rows are meant, and the names of the first.

    Example:
        >>> faulty(np.array([False, True, True]), ["a", "b", "c"])
        '2 rows (b, c)'
    """
    numbers = np.flatnonzero(rows)
    named = ", ".join(str(ids[i]) for i in numbers[:_NAMED])
    more = ", ..." if len(numbers) > _NAMED else ""
    return f"{len(numbers)} {'row' if len(numbers) == 1 else 'rows'} ({named}{more})"


def check_names(ids: Sequence[Id], where: str) -> None:
    """Refuse names that are not unique: a row is found by its name.

    Raises:
        UsageError: with the first of them.
    """
    if isinstance(ids, range):
        return
    times = Counter(map(str, ids))
    twice = [f"{name} ({n} rows)" for name, n in times.items() if n > 1]
    if twice:
        raise UsageError(
            f"{where}: several rows of one name: {few(twice)}; give each row a name of its own"
        )


def few(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are.

    Example:
        >>> few(["a", "b", "c", "d", "e"])
        'a, b, c and 2 others'
    """
    left = len(names) - _FEW
    others = f" and {left} {'other' if left == 1 else 'others'}" if left > 0 else ""
    return ", ".join(names[:_FEW]) + others


def check_shape(shape: tuple[int, ...], wanted: tuple[int, ...], where: str) -> None:
    """Refuse features of another width.

    Raises:
        UsageError: the shapes differ.
    """
    if shape != wanted:
        raise UsageError(
            f"{where}: features of {_size(shape)}, but {_size(wanted)} are expected; use the "
            "recognizer that made the others"
        )


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) + " values"
