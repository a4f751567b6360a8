"""A card of the toy model, a use case that only copies, and what a run left behind."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from anamorph.app.shards.carrying import Use, UseCase
from anamorph.app.shards.records import Row
from anamorph.app.shards.run import ShardsReport, run
from anamorph.batch.shards import Alive, Engine, Here
from anamorph.files.photo import Limits
from anamorph.files.remote import entries, fetch, put


@pytest.fixture
def card(card: Callable[..., Path]) -> str:
    """The path of a model card."""
    return str(card())


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """Gives every file back, in upper case, as `.png`; what begins with `bad` fails."""

    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    good: str = "copied"
    together: bool = False
    worked: list[str] = field(default_factory=list)
    """The names of the files that were worked on."""

    def header(self) -> dict[str, Any]:
        return {"method": "copy", "seed": self.seed}

    def knowing(self, pictures: object) -> "Copies":
        return self

    def prepared(self) -> Use:
        return self._use

    def _use(self, sources: Sequence[Path], out: Path, alive: Alive) -> list[Mapping[str, Any]]:
        found = [(top, p) for top in sources for p in sorted(top.rglob("*")) if p.is_file()]
        return [self._one(path, out / path.relative_to(top)) for top, path in found]

    def _one(self, source: Path, place: Path) -> dict[str, Any]:
        self.worked.append(source.name)
        data, output = source.read_bytes().upper(), place.with_suffix(".png")
        if data.startswith(b"BAD"):
            why = f"{source}: is bad"
            return {"source": str(source), "output": None, "status": "failed", "reason": why}
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(data)
        return {
            "source": str(source),
            "output": str(output),
            "status": self.good,
            "reason": "",
            "kept": True,
            "output_sha256": sha256(data).hexdigest(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where runs go: sources, results, and the manifest among them."""

    source: str
    out: str

    def fill(self, **content: str) -> None:
        """Write pictures, as far as a name makes one."""
        for name, text in content.items():
            put(f"{self.source}/{name}.jpg", text.encode())

    def run(
        self, use_case: UseCase, engine: Engine | None = None, *, pictures: int = 2, **how: Any
    ) -> ShardsReport:
        """A run in small shards, here."""
        return run([self.source], self.out, use_case, engine or Here(), pictures=pictures, **how)

    def results(self) -> dict[str, bytes]:
        """The content of all results, by their names."""
        return {
            entry.relative: fetch(entry.url)
            for entry in entries(self.out)
            if not entry.relative.startswith("manifest/")
        }

    def rows(self) -> dict[str, Row]:
        """The records by the sources' names below the source; each is there once."""
        found = list(self._rows())
        names = [row["source"].removeprefix(f"{self.source}/") for row in found]
        assert len(set(names)) == len(names), names
        return dict(zip(names, found, strict=True))

    def _rows(self) -> Iterator[Row]:
        parquet = import_module("pyarrow.parquet")
        for entry in entries(f"{self.out}/manifest"):
            if entry.relative.endswith(".parquet"):
                table = parquet.read_table(BytesIO(fetch(entry.url)))
                yield from map(json.loads, table["record"].to_pylist())


@pytest.fixture
def copies() -> Callable[..., Copies]:
    """Makes use cases that only copy."""
    return Copies


@pytest.fixture(scope="session")
def place_at() -> Callable[[str], Place]:
    """Makes the places of a run below a URL."""
    return lambda top: Place(source=f"{top}/photos", out=f"{top}/out")


@pytest.fixture
def disk(tmp_path: Path, place_at: Callable[[str], Place]) -> Place:
    """On this disk."""
    return place_at(f"file://{tmp_path}")


@pytest.fixture(params=["file", "s3"])
def place(request: pytest.FixtureRequest, place_at: Callable[[str], Place]) -> Place:
    """On this disk, and in an object store."""
    if request.param == "s3":
        return place_at(request.getfixturevalue("bucket"))
    disk: Place = request.getfixturevalue("disk")
    return disk
