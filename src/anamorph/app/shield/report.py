"""What shielding a file or a table reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from anamorph import __version__
from anamorph.app.shield.kept import Kept
from anamorph.app.shield.keyed import NAME as KEYED
from anamorph.errors import UsageError
from anamorph.templates.role import Mark, Shielding, Source, mark

State = Literal["done", "held", "planned"]
"""`held`: all is ready, and the old features are still searched. `planned`: nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShieldReport:
    """What a run of `shield` did, or would do."""

    method: str
    mark: str
    """What every shielded row carries."""
    takes: Mark
    """What rows carried before; None: they were plain."""
    source: str
    """The file or the column; without a password."""
    out: str
    """The new file; the column itself for a store."""
    mode: Literal["file", "pictures", "swap", "in-place"]
    state: State
    rows: int
    """With a feature."""
    shielded: int
    """By this run; of a plan, those it would shield."""
    before: int
    """By an earlier one."""
    empty: int = 0
    """Rows without a feature, which stay so."""
    late: int = 0
    """Of the shielded, those that changed so late that they were written in the swap itself."""
    skipped: Sequence[str] = ()
    """Pictures that could not be read, and why."""
    indexes: Sequence[str] = ()
    """Built again on the shielded features."""
    erased: bool = False
    """Whether the table's files were rewritten, so that they hold nothing of the old features."""
    matching: Kept | None = None
    """How the matcher reads the records; None where that is not known, and for keyed ones, which
    it reads as before."""
    shield_ms: float | None = None
    """Milliseconds that the method takes for a record, with the matcher's look at it where it takes
    one; reading and writing are not counted."""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether no picture had to be skipped."""
        return not self.skipped

    def as_json(self) -> dict[str, Any]:
        """The contract of `shield --json`."""
        return {
            "method": self.method,
            "anamorph": __version__,
            "shield": self.mark,
            "replaces": self.takes,
            "source": self.source,
            "out": self.out,
            "mode": self.mode,
            "state": self.state,
            "indexes": list(self.indexes),
            "skipped": list(self.skipped),
            "erased": self.erased,
            "matching": None if self.matching is None else self.matching.as_json(),
            "summary": {
                "rows": self.rows,
                "shielded": self.shielded,
                "before": self.before,
                "empty": self.empty,
                "late": self.late,
                "shield_ms": None if self.shield_ms is None else round(self.shield_ms, 4),
                "seconds": round(self.seconds, 3),
            },
        }


def check_marks(source: Source, shielding: Shielding, takes: Mark) -> tuple[int, int]:
    """How many rows there are, and how many of them are shielded already.

    Raises:
        UsageError: no rows, or rows that carry something else than what this run takes or makes.
    """
    marks, made = source.marks(), mark(shielding)
    if not marks:
        raise UsageError(f"{source.name}: holds no features; there is nothing to shield")
    strange = {m: n for m, n in marks.items() if m not in (takes, made)}
    if strange:
        told = ", ".join(f"{n} with {m or 'no shield'}" for m, n in strange.items())
        advice = (
            "for rows of another key give that one with --from-key"
            if shielding.name == KEYED
            else "what is shielded cannot be shielded again"
        )
        raise UsageError(
            f"{source.name}: this run shields rows with {takes or 'no shield'}, but there are "
            f"{told}; {advice}"
        )
    return sum(marks.values()), marks.get(made, 0)
