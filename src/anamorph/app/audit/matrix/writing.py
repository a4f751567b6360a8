"""The files of a matrix, and the folder they are written to."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from anamorph.auditing.matrix import Matrix
from anamorph.auditing.matrix_markdown import markdown
from anamorph.auditing.matrix_page import page
from anamorph.errors import UsageError
from anamorph.files.write import write_whole

_BEGUN = frozenset({"clean.json"})
"""Files that tell the folder of a matrix or a comparison."""


def folder_of(name: str) -> str:
    """The folder for what is protected for a model.

    Example:
        >>> folder_of("hf:someone/their model")
        'hf-someone-their-model'
    """
    return re.sub(r"[^\w.-]+", "-", name).strip(".") or "model"


def check_out(out: Path, originals: Sequence[Path]) -> None:
    """Refuse a folder that holds anything but an earlier run, or lies among the originals.

    Raises:
        UsageError: naming what is there.
    """
    for original in originals:
        if out.resolve().is_relative_to(original.resolve()):
            raise UsageError(
                f"{out}: lies in {original}, among the originals; choose another --out"
            )
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out}: is a file; choose a folder for --out")
    entries = sorted(entry.name for entry in out.iterdir())
    if entries and not _BEGUN.intersection(entries):
        raise UsageError(
            f"{out}: holds {entries[0]}, which no run of this kind wrote; choose another --out"
        )


def write_reports(matrix: Matrix, out: Path) -> None:
    """Write the reports as far as the matrix is known; earlier ones are replaced.

    Raises:
        NotWritten: the disk refuses.
    """
    write_texts(
        out,
        {
            "matrix.json": json.dumps(matrix.as_json(), indent=2, allow_nan=False),
            "report.html": page(matrix),
            "report.md": markdown(matrix),
        },
    )


def write_texts(out: Path, texts: Mapping[str, str]) -> None:
    """Write files by their names; earlier ones are replaced.

    Raises:
        NotWritten: the disk refuses.
    """
    for name, text in texts.items():
        write_whole(out / name, (text + "\n").encode("utf-8", "replace"), overwrite=True)
