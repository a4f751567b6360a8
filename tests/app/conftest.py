"""Protecting with the toy model and few steps, and what the files then hold."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from anamorph.app.protect.protect import protect
from anamorph.app.records import PictureRecord, ProtectReport
from anamorph.files.photo import read
from anamorph.methods.fmd_parameters import FMD
from anamorph.models import Model

Protect: TypeAlias = Callable[..., ProtectReport]


@pytest.fixture
def run(toy: Model, quick: FMD) -> Protect:
    """`protect` with the toy model and few steps unless told otherwise."""

    def start(sources: Path | list[Path], out: Path, model: Model = toy, **how: Any) -> Any:
        listed = sources if isinstance(sources, list) else [sources]
        return protect(listed, out, model, **{"parameters": quick, **how})

    return start


@pytest.fixture(scope="session")
def pixels() -> Callable[[Path], NDArray[np.int64]]:
    """The decoded pixels of a file, for arithmetic."""

    def decoded(path: Path) -> NDArray[np.int64]:
        return read(path).pixels.astype(np.int64)

    return decoded


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, tuple[bytes, int]]]:
    """Bytes and modification times of all files below a folder."""

    def files(folder: Path) -> dict[str, tuple[bytes, int]]:
        return {
            str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return files


@pytest.fixture(scope="session")
def by_name() -> Callable[[ProtectReport], dict[str, PictureRecord]]:
    """The records of a report by the names of the sources."""

    def named(report: ProtectReport) -> dict[str, PictureRecord]:
        return {Path(record.source).name: record for record in report.images}

    return named
