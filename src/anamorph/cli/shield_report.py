"""What `anamorph shield` tells people of what it did."""

from collections.abc import Iterator
from math import floor
from typing import Any

from anamorph.app.shield.kept import Kept
from anamorph.app.shield.report import ShieldReport
from anamorph.cli.render import table

FILES = ("file", "pictures")
"""Modes that write a new file and leave what they read as it is."""

_STRONGER = {
    "decoy": "--preset strong, more --steps or a larger --epsilon",
    "advface": "a smaller --epsilon, or match with a tail from `anamorph train tail`",
}
"""What makes the matcher read records better, by method."""


def show(report: ShieldReport, out: Any) -> None:
    """Print what was done, and what follows from it."""
    if report.skipped:
        out.print(table("skipped", ("why",), [(why,) for why in report.skipped]))
    of_a_table = [
        ("shielded by this run", str(report.shielded)),
        ("before", str(report.before)),
        ("without a feature", str(report.empty)),
        ("indexes built again", ", ".join(report.indexes) or "none"),
    ]
    facts = [
        ("shield", report.mark),
        ("rows", str(report.rows)),
        *([] if report.mode in FILES else of_a_table),
        *_matching(report),
        ("a record takes", "-" if report.shield_ms is None else f"{report.shield_ms:.3f} ms"),
        ("took", f"{report.seconds:.1f} s"),
    ]
    title = {"done": "shielded", "held": "ready to be swapped", "planned": "would be shielded"}
    out.print(table(f"{title[report.state]}: {report.out}", ("", ""), facts), soft_wrap=True)
    for line in _advice(report):
        out.print(line, soft_wrap=True)


def _matching(report: ShieldReport) -> Iterator[tuple[str, str]]:
    found = report.matching
    if found is not None:
        yield "read as before", f"{found.kept} of {found.records}"
        yield "cosine, median and least", f"{_down(found.median)}, {_down(found.lowest)}"


def _advice(report: ShieldReport) -> Iterator[str]:
    yield from _worse(report)
    if report.state == "planned":
        return
    if report.method == "keyed":
        yield (
            "From now on every probe must go through the same key; whoever has the key and the "
            "table has plain features. Lose the key, and the table is worthless: keep a copy, not "
            "beside the table."
        )
    if report.state == "held":
        yield (
            "Nothing has changed for searches yet: let yours use the column that ends in _next, or "
            "give the same command without --hold to swap the columns."
        )
    elif report.mode not in FILES and not report.erased:
        yield (
            "Backups, the write-ahead log and dead rows in the table's files still hold the old "
            "features; --erase rewrites the files."
        )


def _worse(report: ShieldReport) -> Iterator[str]:
    """What was read worse than before, and that it may have been."""
    found = report.matching
    if found is not None and found.less:
        yield f"{_counted(found)} {_remedy(report)}"
    if found is None and report.method == "advface" and report.shielded:
        yield (
            "How the matcher reads these records is not known, as it was not named: name it with "
            "--recognizer (and --layer) to have them counted."
        )


def _counted(found: Kept) -> str:
    are = "record is" if found.records == 1 else "records are"
    return (
        f"{found.less} of {found.records} {are} read with a cosine below {found.least_cosine:g} "
        f"to what the matcher read before, the least {_down(found.lowest)}: it may no longer find "
        "these people."
    )


def _remedy(report: ShieldReport) -> str:
    """What to do; nothing was dropped, so the exit status stays."""
    other = _STRONGER.get(report.method, "other parameters")
    if report.state == "planned":
        return f"Try {other}; --least-cosine says what is enough for your matcher."
    if report.state == "held":
        first = f"Give the move up with --abandon and take {other}"
    elif report.mode in FILES:
        first = f"Shield again with {other}"
    else:
        first = f"Try a table with --dry-run before it is shielded, with {other}"
    return (
        "Nobody was dropped: all of them are stored, and the exit status does not count them. "
        f"{first}; --least-cosine says what is enough for your matcher."
    )


def _down(cosine: float) -> str:
    """Rounded down, so that what is below a bound never looks as if it reached it."""
    return f"{floor(100 * cosine) / 100:.2f}"
