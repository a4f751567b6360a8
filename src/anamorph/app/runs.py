"""What every run over pictures does: find them, begin or resume, try in rounds."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar

from anamorph import __version__
from anamorph.app.ledger import Entry, Ledger, Record, check_free
from anamorph.batch import local
from anamorph.batch.job import Job
from anamorph.errors import FileError, UsageError
from anamorph.files import manifest
from anamorph.files.encoding import Format
from anamorph.files.folders import (
    Gathered,
    Item,
    Listing,
    Problem,
    Sources,
    each_of,
    find,
    gather,
)
from anamorph.files.manifest import Manifest, file_digest
from anamorph.files.write import sweep
from anamorph.models import Model
from anamorph.optimize.engine import Watch

R = TypeVar("R", bound=Record)
T = TypeVar("T")  # a task: a picture that is to be worked on


def pictures(sources: Sources, out: Path, format: Format) -> Listing:
    """The pictures that the sources mean.

    Raises:
        UsageError: there are none, or `out` is one of the sources.
    """
    listing = find(sources, out, format=format)
    _check_found(sources, listing.items, listing.problems)
    return listing


def pictures_to_read(sources: Sources, out: Path) -> Gathered:
    """The pictures that the sources mean, where nothing is made of each.

    Raises:
        UsageError: there are none.
    """
    found = gather(sources, out)
    _check_found(sources, found.pictures, found.problems)
    return found


def _check_found(sources: Sources, found: Sequence[object], problems: Sequence[Problem]) -> None:
    """Refuse what is most likely mistyped, before anything is written."""
    named = [Path(source) for source in each_of(sources)]
    if not found and all(one.path in named and not one.path.exists() for one in problems):
        missing = ": no such file or folder" if problems else ""
        raise UsageError(f"no pictures in {', '.join(map(str, named))}{missing}; check the path")


def begun(
    out: Path, header: Mapping[str, Any], *, resume: bool
) -> tuple[Manifest, tuple[manifest.Record, ...]]:
    """The manifest of a run that starts or goes on, and the records it already holds.

    Raises:
        UsageError: a run was started here and is not to be resumed, or was another one.
        FileError: the manifest cannot be read or written.
    """
    header = {
        "version": __version__,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **header,
    }
    if not resume:
        return Manifest.start(out, header), ()
    begun = Manifest.resume(out, header)
    sweep(out)
    return begun


def results_of(past: Sequence[Mapping[str, Any]]) -> frozenset[Path]:
    """Where an earlier run put its results: only these may be replaced."""
    return frozenset(Path(record["output"]).absolute() for record in past if record["output"])


def skipped(kind: type[R], record: Mapping[str, Any]) -> R:
    """What is reported of a picture that an earlier run has done, from its record.

    Fields that this version does not know are left out: another version may have begun the run.
    """
    known = signature(kind).parameters
    kept = {name: value for name, value in record.items() if name in known}
    return kind(**{**kept, "status": "skipped", "reason": "done in an earlier run"})


def unchanged(output: Path, record: Mapping[str, Any]) -> bool:
    """Whether the result that a record tells of is there, and whole."""
    return output.exists() and file_digest(output) == record["output_sha256"]


def left_to_do(
    listing: Listing,
    past: Sequence[Mapping[str, Any]],
    run: Ledger[R],
    *,
    kind: type[R],
    failure: Callable[[Path, Exception], R],
    stands: Callable[[Item, Mapping[str, Any]], bool],
    task: Callable[[Item], T],
) -> list[T]:
    """The tasks of a run; pictures that cannot be done, or have been done before, are reported.

    Args:
        listing: what was found.
        past: the records of an earlier run that goes on.
        run: where is reported.
        kind: of the records.
        failure: the record of a picture that an error ended.
        stands: whether what an earlier record tells of an item still holds.
        task: what is to be done with an item; raises `FileError` or `OSError` if nothing can.
    """
    for problem in listing.problems:
        run.finish(failure(problem.path, problem.error))
    earlier = {Path(r["source"]).absolute(): r for r in past if isinstance(r.get("source"), str)}
    tasks: list[T] = []
    for item in listing.items:
        try:
            before = earlier.get(item.source.absolute())
            if before is not None and stands(item, before):
                run.report(skipped(kind, before))
                continue
            if item.output.absolute() not in run.ours:
                check_free(item.output)
            tasks.append(task(item))
        except (FileError, OSError) as error:
            run.finish(failure(item.source, error))
    return tasks


def rounds(
    run: Ledger[R],
    tasks: Sequence[T],
    job: Callable[[int], Job[T, Any, Any, Entry[R] | T]],
    attempts: int,
    watch: Watch | None,
) -> None:
    """Try every picture; those that come back as tasks are tried again, up to `attempts` times.

    Args:
        run: where results are settled.
        tasks: what is to be done.
        job: the job of an attempt, counted from 0; its last one gives no task back.
        attempts: at most.
        watch: called after every step of the engine.
    """
    for attempt in range(attempts):
        again: list[T] = []
        with closing(local.run(job(attempt), tasks, watch)) as results:
            for result in results:
                if isinstance(result, Entry):
                    run.settle(result)
                else:
                    again.append(result)
        tasks = again


def identity(model: Model) -> dict[str, Any]:
    """What manifests say of a model."""
    return {
        "name": model.name,
        "source": model.card.source,
        "sha256": model.digest,
        "weights_sha256": model.weights_digest,
        "tap": list(model.taps),
    }
