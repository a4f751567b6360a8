"""Change pictures with the method, with old attacks and with noise, and let the panel read all."""

import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from anamorph.app.audit.command import versions
from anamorph.app.audit.compare.making import Made, Making
from anamorph.app.audit.compare.ways import LIKE, Parties, Way, ways
from anamorph.app.audit.matrix.figures import Readers, cells, column, file_of, mean_of
from anamorph.app.audit.matrix.models import wanted_of
from anamorph.app.audit.matrix.writing import check_out, folder_of, write_texts
from anamorph.app.audit.panel import panel_of
from anamorph.app.audit.readings import Answers, Kept, answers_of, sources_of
from anamorph.app.protect.results import Done
from anamorph.app.runs import identity
from anamorph.auditing.comparison import Compared, Comparison
from anamorph.auditing.comparison_report import markdown, page
from anamorph.auditing.matrix import Column
from anamorph.auditing.parties import Party
from anamorph.errors import ModelError, UsageError
from anamorph.files.folders import Sources, each_of
from anamorph.files.photo import Limits
from anamorph.methods.fmd_parameters import FMD
from anamorph.models import Model, load
from anamorph.optimize.engine import Watch


def compare(
    originals: Sources,
    out: str | Path,
    authorized: Model | str | Path,
    panel: Sequence[Party | str | Path],
    *,
    surrogates: Sequence[Model | str | Path] = (),
    labels: str | Path | Mapping[str, int] | None = None,
    epsilon: float = FMD().epsilon,
    steps: int = FMD().steps,
    only: Sequence[str] = (),
    seed: int = 0,
    limits: Limits | None = None,
    device: str = "cpu",
    found: Callable[[int], None] | None = None,
    watch: Watch | None = None,
    done: Done | None = None,
) -> Comparison:
    """Compare feature map distortion with old attacks and with noise, on the same pictures.

    Every way has the same budget and, where it takes any, the same number of steps, and tries each
    picture once. Files go to `OUT/WAY/`; the same call goes on where it was stopped.

    Args:
        originals: pictures and folders.
        out: the folder for the files, `comparison.json`, `report.html` and `report.md`.
        authorized: the model that is to keep reading.
        panel: the models that are to fail.
        surrogates: public models that stand in for the panel, for the ways that can use them.
        labels: a CSV with the columns `file` and `label`, or a mapping; they judge only.
        epsilon: the largest change of a value, in [0, 1].
        steps: gradient steps.
        only: names of ways; without any, all. Those as strong as the first one need it too.
        seed: of the run.
        limits: on bytes and pixels, before anything is decoded.
        device: where models are loaded that are named: `cpu`, `cuda`, `cuda:N`, or `auto`.
        found: called once with the number of pictures, over all ways.
        watch: called after every step of the engine; raise `Cancelled` to stop.
        done: called with each picture's record, in each way.

    Raises:
        UsageError: what was asked for cannot be done.
        ModelError: a model cannot be loaded, or the authorized one fails.
        NotWritten: the disk refuses.
    """
    began = time.perf_counter()
    out, limits = Path(out), limits or Limits()
    check_out(out, [Path(original) for original in each_of(originals)])
    own = authorized if isinstance(authorized, Model) else load(authorized, device=device)
    if not own.taps:
        raise ModelError(f"{own.name}: has no layer to tap, which feature map distortion needs")
    others = [s if isinstance(s, Model) else load(s, device=device) for s in surrogates]
    used = {
        "authorized": identity(own),
        "surrogates": [identity(other.as_surrogate()) for other in others],
    }
    parties = panel_of(own, panel, used, allow_surrogates=False, device=device)
    chosen = _chosen(ways(Parties(authorized=own, surrogates=others), epsilon, steps), only)
    sources = sources_of(originals, out)
    everyone: list[Party] = [own, *parties.unseen]
    wanted = wanted_of(everyone, sources, labels)
    asked = [party for party in everyone if party.name not in wanted.broken]
    clean = answers_of(asked, sources, Kept(path=out / "clean.json"), limits)
    clean |= {name: Answers(error=why) for name, why in wanted.broken.items()}
    reading = Readers(models=asked, sources=sources, classes=wanted.classes, clean=clean)
    columns = tuple(column(party, reading) for party in everyone)
    if columns[0].error:
        raise ModelError(f"{own.name}: the authorized model failed: {columns[0].error}")
    if found is not None:
        found(len(sources) * len(chosen))
    making = Making(
        originals=originals,
        out=out,
        models=used,
        seed=seed,
        limits=limits,
        device=own.device,
        watch=watch,
        done=done,
    )
    words = {
        "--authorized": [authorized],
        "--panel": panel,
        "--surrogates": surrogates,
        "--labels": [] if labels is None else [labels],
        "--epsilon": [f"{255 * epsilon:g}"],
        "--steps": [str(steps)],
        "--only": only,
        "--seed": [str(seed)],
        "--device": [] if device == "cpu" else [device],
        "--out": [str(out)],
    }
    result = Comparison(
        models=columns,
        surrogates=tuple(other.name for other in others),
        rows=(),
        pictures=len(sources),
        labeled=labels is not None,
        seed=seed,
        command=_command(originals, words),
        versions=versions(),
        seconds=0.0,
        out=str(out),
    )
    like: dict[Path, Path] = {}
    for way in chosen:
        made = making.make(way, like)
        if way.name == LIKE:
            like = {source: Path(str(r.output)) for source, r in made.by_source().items()}
        place = out / f"{folder_of(way.name)}.json"
        row = _row(way, made, columns, reading, place, limits)
        result = replace(result, rows=(*result.rows, row), seconds=time.perf_counter() - began)
        write_texts(
            out,
            {
                "comparison.json": json.dumps(result.as_json(), indent=2, allow_nan=False),
                "report.html": page(result),
                "report.md": markdown(result),
            },
        )
    return result


def _chosen(every: Sequence[Way], only: Sequence[str]) -> tuple[Way, ...]:
    names = [way.name for way in every]
    for name in only:
        if name not in names:
            raise UsageError(f"there is no way {name!r}; choose among {', '.join(names)}")
    chosen = tuple(way for way in every if not only or way.name in only)
    lacking = [way.name for way in chosen if way.like]
    if lacking and LIKE not in [way.name for way in chosen]:
        raise UsageError(f"{lacking[0]}: is as strong as {LIKE}; add that one too")
    return chosen


def _row(
    way: Way,
    made: Made,
    everyone: Sequence[Column],
    reading: Readers,
    place: Path,
    limits: Limits,
) -> Compared:
    """Let every model read what was made."""
    records = made.by_source()
    kept = Kept(path=place, note=dict(made.cost))
    sources = [one.path.absolute() if one.path else None for one in reading.sources]
    files = [file_of(None if source is None else records.get(source)) for source in sources]
    read = cells(everyone, reading, files, kept, limits)
    return Compared(
        way=way.name,
        meaning=way.meaning,
        parameters=way.parameters,
        made=len(records),
        failed=len(made.records) - len(records),
        cells=read,
        psnr_mean=mean_of(records.values(), "psnr"),
        ssim_mean=mean_of(records.values(), "ssim"),
        linf_max=max((r.linf for r in records.values() if r.linf is not None), default=None),
        seconds_per_picture=kept.note.get("seconds_per_picture"),
        cpu_seconds_per_picture=kept.note.get("cpu_seconds_per_picture"),
    )


def _command(originals: Sources, options: Mapping[str, Sequence[Any]]) -> str:
    """The command line that does the same; what only Python can give stands as a NAME."""
    words = ["anamorph", "audit", "compare", *map(str, each_of(originals))]
    for option, values in options.items():
        for value in values:
            typed = isinstance(value, str | Path)
            words += [option, str(value) if typed else str(getattr(value, "name", "LABELS"))]
    return shlex.join(words)
