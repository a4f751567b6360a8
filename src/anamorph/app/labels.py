"""Labels of pictures from a CSV with the columns `file` and `label`."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from anamorph.errors import UsageError


def read_labels(path: Path, names: Sequence[str] = ()) -> dict[str, int]:
    """Label of each file; a label is a class number, or one of the model's label texts.

    Raises:
        UsageError: the file is missing, lacks a column, names a class that does not exist, or
            contradicts itself.
    """
    numbers = {name: i for i, name in enumerate(names)}
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            table = csv.DictReader(stream)
            columns = table.fieldnames or ()
            if "file" not in columns or "label" not in columns:
                raise UsageError(
                    f"{path}: has the columns {', '.join(columns) or 'none'}; "
                    "expected `file` and `label`"
                )
            labels: dict[str, int] = {}
            for row in table:
                where = f"{path}: line {table.line_num}"
                label = _number(row["label"] or "", numbers, where)
                file = _key(row["file"] or "")
                if labels.setdefault(file, label) != label:
                    raise UsageError(
                        f"{where}: {file} has the label {label}, but an earlier line says "
                        f"{labels[file]}; keep one"
                    )
            return labels
    except OSError as error:
        raise UsageError(f"{path}: the labels cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: the labels are not a CSV in UTF-8: {error}") from error


def label_of(source: Path, labels: Mapping[str, int]) -> int | None:
    """The label of a picture: the longest end of its path that the labels name.

    Example:
        >>> label_of(Path("photos/a/cat.png"), {"cat.png": 1, "a/cat.png": 2})
        2
    """
    parts = source.absolute().parts
    for start in range(len(parts)):
        found = labels.get("/".join(parts[start:]).lstrip("/"))
        if found is not None:
            return found
    return None


def label_at(url: str, labels: Mapping[str, int]) -> int | None:
    """The label of a picture behind a URL, as `label_of`; labels may name whole URLs, too.

    Example:
        >>> label_at("s3://photos/a/cat.png", {"cat.png": 1, "a/cat.png": 2})
        2
    """
    return label_of(Path(f"/{url}"), labels)


def _key(file: str) -> str:
    return Path(file).as_posix().lstrip("/")


def _number(label: str, numbers: Mapping[str, int], where: str) -> int:
    text = label.strip()
    if text in numbers:
        return numbers[text]
    if text.isascii() and text.isdigit():
        return int(text)
    raise UsageError(
        f"{where}: the label {label!r} is neither a class number nor a label of the model"
    )
