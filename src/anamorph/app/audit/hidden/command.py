"""What an audit of hidden pictures was asked for, and how to ask for it again."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from anamorph.auditing.parties import Party


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedHide:
    """The arguments that decide the figures and the reports."""

    originals: Path
    hidden: Path
    service: Party | str | Path
    judge: Party | str | Path | None
    pairs: Sequence[int]
    inverted: int
    out: Path | None
    seed: int
    formats: Sequence[str]
    device: str = "cpu"

    @property
    def command(self) -> str:
        """The command line that does the same.

        What only Python can give stands as a NAME, and so does the key: where it lies is nobody's
        business.
        """
        return shlex.join(["anamorph", "audit", "hide", *self._options()])

    def _options(self) -> Iterator[str]:
        yield from ("--originals", str(self.originals), "--hidden", str(self.hidden))
        yield from ("--service", _model(self.service), "--key", "KEY")
        if self.judge is not None:
            yield from ("--judge", _model(self.judge))
        for count in self.pairs:
            yield from ("--pairs", str(count))
        yield from ("--inverted", str(self.inverted), "--seed", str(self.seed))
        if self.device != "cpu":
            yield from ("--device", self.device)
        for kind in self.formats:
            yield from ("--format", kind)
        yield from ("--out", str(self.out or "OUT"))


def _model(model: Party | str | Path) -> str:
    return str(model) if isinstance(model, str | Path) else model.name
