"""What an audit of shielded features was asked for, and how to ask for it again."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from anamorph.app.shield.stores import Place
from anamorph.auditing.parties import Party


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedShield:
    """The arguments that decide the figures and the reports."""

    store: Place
    pictures: Path
    recognizer: Party | str | Path
    judge: Party | str | Path
    layer: str | None
    known: Path | None
    decoders: Sequence[Path]
    learn: Sequence[int]
    updates: int
    method: str | None
    preset: str
    shadows: Sequence[Path]
    decoys: Path | None
    tail: Path | None
    key: bool
    plain: Path | None
    probes: Path | None
    threshold: float | None
    attacked: int
    inverted: int
    out: Path | None
    seed: int
    formats: Sequence[str]
    device: str = "cpu"

    @property
    def command(self) -> str:
        """The command line that does the same.

        What only Python can give stands as a NAME, and so does the key: where it lies is nobody's
        business. A database is named without its password.
        """
        return shlex.join(["anamorph", "audit", "shield", *self._options()])

    def _options(self) -> Iterator[str]:
        where = self.store.where
        yield from ("--store", str(where) if isinstance(where, Path) else where.shown)
        named = (("--table", self.store.table), ("--column", self.store.column))
        for flag, value in (*named, ("--id", self.store.id), ("--layer", self.layer)):
            if value:
                yield from (flag, value)
        yield from ("--pictures", str(self.pictures), "--recognizer", _model(self.recognizer))
        yield from ("--judge", _model(self.judge))
        places = {
            "--known": self.known,
            "--probes": self.probes,
            "--plain": self.plain,
            "--decoys": self.decoys,
            "--tail": self.tail,
        }
        for flag, path in places.items():
            if path is not None:
                yield from (flag, str(path))
        if self.method is not None:
            yield from ("--method", self.method)
        yield from ("--preset", self.preset)
        for flag, paths in (("--decoder", self.decoders), ("--shadow", self.shadows)):
            for path in paths:
                yield from (flag, str(path))
        if self.key:
            yield from ("--key", "KEY")
        for count in self.learn:
            yield from ("--learn", str(count))
        if self.threshold is not None:
            yield from ("--threshold", f"{self.threshold:g}")
        yield from ("--updates", str(self.updates), "--attacked", str(self.attacked))
        yield from ("--inverted", str(self.inverted), "--seed", str(self.seed))
        if self.device != "cpu":
            yield from ("--device", self.device)
        for kind in self.formats:
            yield from ("--format", kind)
        yield from ("--out", str(self.out or "OUT"))


def _model(model: Party | str | Path) -> str:
    return str(model) if isinstance(model, str | Path) else model.name
