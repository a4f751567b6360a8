"""Protect for each model in turn, and let all the others read: the paper's protocol."""

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from anamorph.app.audit.command import versions
from anamorph.app.audit.matrix.figures import Readers, column, failed_row, row
from anamorph.app.audit.matrix.models import check, loaded, wanted_of
from anamorph.app.audit.matrix.writing import check_out, folder_of, write_reports
from anamorph.app.audit.readings import Answers, Kept, answers_of, sources_of
from anamorph.app.protect.protect import protect
from anamorph.app.protect.results import Done
from anamorph.auditing.matrix import Column, Matrix, Row, Table
from anamorph.errors import ModelError, UsageError
from anamorph.files.folders import Sources, each_of
from anamorph.files.photo import Limits
from anamorph.methods.fmd_parameters import FMD, PRESETS
from anamorph.models import Model
from anamorph.optimize.engine import Watch
from anamorph.parameters import shown


def matrix(
    originals: Sources,
    models: Sequence[Model | str | Path],
    out: str | Path,
    labels: str | Path | Mapping[str, int] | None = None,
    presets: Sequence[str] | Mapping[str, FMD] = ("fast",),
    *,
    rows: Sequence[str] = (),
    seed: int = 0,
    limits: Limits | None = None,
    device: str = "cpu",
    found: Callable[[int], None] | None = None,
    watch: Watch | None = None,
    done: Done | None = None,
    row_done: Callable[[str, Row], None] | None = None,
) -> Matrix:
    """Let each of some models be the authorized one in turn, with all the others as its panel.

    For every preset and model the pictures are protected into `OUT/PRESET/MODEL/` and every file
    is read once by every model. A run that was stopped goes on by itself: what was protected and
    read stays, as long as files, models and parameters are the same. Pictures are protected
    without labels, which only judge.

    Args:
        originals: pictures and folders.
        models: loaded, cards, or specs; each with layers to tap, or its row fails.
        out: the folder for the files, `matrix.json`, `report.html` and `report.md`.
        labels: a CSV with the columns `file` and `label`, or a mapping, with classes as the first
            classifier numbers or names them. Without labels each model's own reading of the
            original counts as right.
        presets: names, or parameters by names of one's own.
        rows: the names of the models that are authorized in turn; without any, all are.
        seed: of the run.
        limits: on bytes and pixels, before anything is decoded.
        device: where models are loaded that are named: `cpu`, `cuda`, `cuda:N`, or `auto`.
        found: called once with the number of pictures to protect, over all rows.
        watch: called after every step of the engine; raise `Cancelled` to stop.
        done: called with each picture's record, in each row.
        row_done: called with the preset and each row as it is ready.

    Raises:
        UsageError: fewer than two models, a model twice, labels that do not fit, an unknown row.
        NotWritten: the disk refuses.
    """
    began = time.perf_counter()
    out, limits = Path(out), limits or Limits()
    chosen = _parameters(presets)
    check_out(out, [Path(original) for original in each_of(originals)])
    columns = [loaded(model, device) for model in models]
    check(columns, rows)
    working = [model for model in columns if isinstance(model, Model)]
    sources = sources_of(originals, out)
    wanted = wanted_of(working, sources, labels)
    asked = [model for model in working if model.name not in wanted.broken]
    clean = answers_of(asked, sources, Kept(path=out / "clean.json"), limits)
    clean |= {name: Answers(error=why) for name, why in wanted.broken.items()}
    reading = Readers(models=asked, sources=sources, classes=wanted.classes, clean=clean)
    everyone = tuple(column(model, reading) for model in columns)
    turns = [(p, m) for p in chosen for m in columns if not rows or m.name in rows]
    if found is not None:
        found(len(sources) * len(turns))
    result = Matrix(
        models=everyone,
        tables=tuple(Table(preset=p, parameters=shown(chosen[p]), rows=()) for p in chosen),
        pictures=len(sources),
        labeled=labels is not None,
        seed=seed,
        command=_command(originals, models, out, labels, chosen, rows, seed, device),
        versions=versions(),
        seconds=0.0,
        out=str(out),
    )
    for preset, model in turns:
        place = out / folder_of(preset) / folder_of(model.name)
        try:
            new = (
                failed_row(model.name, model.error, everyone)
                if isinstance(model, Column)
                else row(
                    model,
                    protect(
                        originals,
                        place,
                        model,
                        parameters=chosen[preset],
                        seed=seed,
                        resume=True,
                        limits=limits,
                        watch=watch,
                        done=done,
                    ),
                    everyone,
                    reading,
                    place.with_name(f"{place.name}.json"),
                    limits,
                )
            )
        except ModelError as error:
            new = failed_row(model.name, str(error), everyone)
        result = _with_row(result, preset, new, time.perf_counter() - began)
        write_reports(result, out)
        if row_done is not None:
            row_done(preset, new)
    return result


def _with_row(matrix: Matrix, preset: str, new: Row, seconds: float) -> Matrix:
    tables = tuple(
        replace(table, rows=(*table.rows, new)) if table.preset == preset else table
        for table in matrix.tables
    )
    return replace(matrix, tables=tables, seconds=seconds)


def _parameters(presets: Sequence[str] | Mapping[str, FMD]) -> dict[str, FMD]:
    if isinstance(presets, Mapping):
        chosen = dict(presets)
    else:
        unknown = [name for name in presets if name not in PRESETS]
        if unknown:
            raise UsageError(
                f"there is no preset {unknown[0]!r}; choose among {', '.join(PRESETS)}"
            )
        chosen = {name: PRESETS[name] for name in presets}
    if not chosen:
        raise UsageError("there is no preset; give at least one")
    return chosen


def _command(
    originals: Sources,
    models: Sequence[Model | str | Path],
    out: Path,
    labels: str | Path | Mapping[str, int] | None,
    presets: Mapping[str, FMD],
    rows: Sequence[str],
    seed: int,
    device: str,
) -> str:
    """The command line that does the same; what only Python can give stands as a NAME."""
    words = ["anamorph", "audit", "matrix", *map(str, each_of(originals))]
    for model in models:
        words += ["--models", model.name if isinstance(model, Model) else str(model)]
    if labels is not None:
        words += ["--labels", str(labels) if isinstance(labels, str | Path) else "LABELS"]
    for name in presets:
        words += ["--preset", name]
    for name in rows:
        words += ["--rows", name]
    if device != "cpu":
        words += ["--device", device]
    return shlex.join([*words, "--seed", str(seed), "--out", str(out)])
