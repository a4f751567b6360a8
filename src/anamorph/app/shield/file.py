"""Put the features of a file behind a shield, into a new file."""

import time
from collections.abc import Callable
from pathlib import Path

from anamorph.app.shield.report import ShieldReport, check_marks
from anamorph.app.shield.stopwatch import Timed
from anamorph.errors import UsageError
from anamorph.templates.checking import check_names
from anamorph.templates.files import FileStore, write_file
from anamorph.templates.role import Features, Mark, Shielding, mark

BATCH = 500
"""Rows that are shielded at once."""


def shield_file(
    source: FileStore,
    out: str | Path,
    shielding: Shielding,
    *,
    takes: Mark = None,
    batch: int = BATCH,
    dry_run: bool = False,
    found: Callable[[int], None] | None = None,
    watch: Callable[[int], None] | None = None,
) -> ShieldReport:
    """Write the rows of a file to a new one of its format, with their features shielded.

    The source stays as it is. The new file appears whole or not at all. Probes are shielded in the
    same way: a file of them is as good as any other.

    Args:
        source: from `open_file`.
        out: the new file.
        shielding: what to make of the features.
        takes: the mark of the source's rows; None: they are plain.
        batch: rows that are shielded at once.
        dry_run: write nothing, and say what would be done.
        found: called once with the number of rows.
        watch: called with the number of rows that are done; raise `Cancelled` to stop.

    Raises:
        UsageError: features that cannot be shielded, or that are shielded already; rows of one
            name.
        FileError, NotWritten: a file cannot be read or written.
    """
    if batch < 1:
        raise UsageError(f"a batch of {batch} rows; give 1 or more")
    began, out = time.perf_counter(), Path(out)
    check_names(source.table.ids, source.name)
    rows, before = check_marks(source, shielding, takes)
    if before:
        raise UsageError(f"{source.name}: {before} of {rows} rows are shielded with this already")
    shield = Timed(shielding)
    if dry_run:
        for records in source.batches(batch):
            if not shield.records:
                shield(records.features)
    else:
        if found is not None:
            found(rows)
        write_file(source, out, _watched(shield, watch), mark(shielding), batch)
    return ShieldReport(
        method=shielding.name,
        mark=mark(shielding),
        takes=takes,
        source=source.name,
        out=str(out),
        mode="file",
        state="planned" if dry_run else "done",
        rows=rows,
        shielded=rows,
        before=0,
        matching=shield.kept,
        shield_ms=shield.milliseconds,
        seconds=time.perf_counter() - began,
    )


def _watched(shield: Timed, watch: Callable[[int], None] | None) -> Callable[[Features], Features]:
    def watched(features: Features) -> Features:
        shielded = shield(features)
        if watch is not None:
            watch(len(features))
        return shielded

    return watched
