"""Attack what was protected, and report what every model still reads."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from anamorph.adversaries.adaptive import Training
from anamorph.app.audit.command import Asked, versions
from anamorph.app.audit.loading import Cases, batches, cases, quality
from anamorph.app.audit.pairs import Paired, pairs
from anamorph.app.audit.panel import panel_of
from anamorph.app.audit.perceptual import distances, perceptual
from anamorph.app.audit.protected.adaptive_rows import Learners, learner_figures
from anamorph.app.audit.protected.analyses import analyses as look_inside
from anamorph.app.audit.protected.analyses import looks as looks_of
from anamorph.app.audit.protected.attacks import attacks_named
from anamorph.app.audit.protected.reading import Readers, read_on, specs
from anamorph.app.audit.writing import Report, check_formats, check_out, write_reports
from anamorph.app.labels import read_labels
from anamorph.auditing.audit import Audit, Method, PictureFigures
from anamorph.auditing.controls import CONTROLS
from anamorph.auditing.figures import model_figures, panel_means, picture_reading
from anamorph.auditing.parties import Party
from anamorph.auditing.protocol import LEAST_COSINE, Readings, read_all
from anamorph.auditing.views import views
from anamorph.auditing.wording import counted
from anamorph.batch.shards import Engine
from anamorph.errors import ModelError, UsageError
from anamorph.files.photo import Limits

FEW = 30
"""Fewer pictures than this leave wide intervals, which the report says."""


def audit(
    *,
    originals: str | Path,
    protected: str | Path,
    authorized: Party | str | Path,
    panel: Sequence[Party | str | Path],
    labels: str | Path | Mapping[str, int] | None = None,
    out: str | Path | None = None,
    transforms: Sequence[str] = ("quick",),
    purify: Sequence[str] = (),
    adaptive: Sequence[int] = (),
    distill: Sequence[int] = (),
    detect: bool = False,
    learn_seconds: float | None = None,
    analyses: bool = False,
    lpips: tuple[str | Path, str | Path] | None = None,
    controls: bool = True,
    seed: int = 0,
    allow_surrogates: bool = False,
    formats: Sequence[Report] = ("html", "json"),
    limits: Limits | None = None,
    device: str = "cpu",
    engine: Engine | None = None,
    found: Callable[[int], None] | None = None,
    watch: Callable[[int], None] | None = None,
) -> Audit:
    """Measure what models still read in protected pictures, and under which attacks.

    Works on the decoded files only. Each model reads each picture once as it is, once protected,
    and both again under every attack.

    Args:
        originals: the folder that was protected, or one picture.
        protected: the folder with the results, or one picture.
        authorized: the model that is to keep reading: loaded, a card, or a spec.
        panel: the models that are to fail; none that was used while protecting.
        labels: a CSV with the columns `file` and `label`, or a mapping. Without labels each
            model's own reading of the original counts as right.
        out: the folder for the reports; None writes none.
        transforms: names, or `quick`, `all`, `none`; see `adversaries.transforms`.
        purify: names of purifiers; see `adversaries.purify`.
        adaptive: numbers of protected pictures that the first classifier of the panel learns from,
            each one a training of its own; it then reads others. Needs labels.
        distill: numbers of protected pictures from which it learns what it answers for their
            originals, which needs no labels.
        detect: whether a detector learns to tell protected pictures from originals.
        learn_seconds: after which each training stops early.
        analyses: whether to look into the models: Grad-CAM, last feature maps, highest softmax
            values, before and after.
        lpips: the card of a network, and the file of the learned weights of its taps, to measure
            LPIPS by (Zhang et al. 2018).
        controls: whether noise of the same size is measured too.
        seed: of that noise, and of what is learned.
        allow_surrogates: take models into the panel that were used while protecting. They are
            marked, and left out of the means.
        formats: of the reports: html, md, json.
        limits: on bytes and pixels, before anything is decoded.
        device: where models are loaded that are named: `cpu`, `cuda`, `cuda:N`, or `auto`; with
            an engine, on its workers' machines.
        engine: where the models read; None: in this process. The workers of another engine load
            the models by their names, and find the pictures under the same paths.
        found: called once with the number of pictures, each form of one counted, and of epochs.
        watch: called with the number of those that were done; raise `Cancelled` to stop.

    Raises:
        UsageError: folders that don't pair, a panel that cannot be compared, an unknown attack.
        ModelError: a model cannot be loaded, or the authorized one fails.
        NotWritten: the disk refuses.
    """
    began = time.perf_counter()
    originals, protected = Path(originals), Path(protected)
    place = None if out is None else Path(out)
    limits = limits or Limits()
    check_formats(formats)
    if place is not None:
        check_out(place, originals=originals, protected=protected)
    asked = Asked(
        originals=originals,
        protected=protected,
        authorized=authorized,
        panel=panel,
        labels=labels,
        out=place,
        transforms=transforms,
        purify=purify,
        adaptive=adaptive,
        distill=distill,
        detect=detect,
        learn_seconds=learn_seconds,
        analyses=analyses,
        lpips=lpips,
        controls=controls,
        seed=seed,
        allow_surrogates=allow_surrogates,
        formats=formats,
        device=device,
    )
    learners = Learners(
        adaptive=tuple(adaptive),
        distill=tuple(distill),
        detect=detect,
        training=Training(seed=seed, seconds=learn_seconds),
    )
    apart = None if lpips is None else perceptual(*lpips)
    attacks = attacks_named(transforms, purify)
    paired = pairs(originals, protected, place or Path("no reports are written"))
    parties = panel_of(
        authorized,
        panel,
        paired.models,
        allow_surrogates=allow_surrogates,
        answers=None if place is None else place / "answers.jsonl",
        device=device if engine is None else "cpu",
    )
    own = parties.authorized
    if labels is not None and own.task == "embed":
        raise UsageError(f"{own.name}: gives embeddings, which have no labels; leave them out")
    if adaptive and labels is None:
        raise UsageError("an attacker learns from labels; add --labels, or leave out --adaptive")
    table = read_labels(Path(labels), own.labels) if isinstance(labels, str | Path) else labels
    read = cases(paired.items, table, 0 if table is None else parties.classes(), limits)
    wanted = views(tuple(attacks.of), controls=controls)
    if found is not None:
        found(len(read.cases) * (len(wanted) + analyses) + learners.work(len(read.cases)))

    readings = parties.readings([case.label for case in read.cases])
    spoiled = Counter[str]()
    if engine is None:
        read_all(
            readings,
            batches(read, limits),
            len(read.cases),
            wanted,
            attacks.of,
            seed,
            lambda why: spoiled.update([why]),
            watch,
        )
    else:
        reader, *other_readers = specs((authorized, *panel))
        readers = Readers(
            authorized=reader,
            panel=tuple(other_readers),
            views=wanted,
            transforms=tuple(transforms),
            purify=tuple(purify),
            seed=seed,
            limits=limits,
            device=device,
        )
        read_on(engine, readers, readings, read, spoiled, watch)
    if readings[0].errors:
        raise ModelError(f"{own.name}: the authorized model failed: {readings[0].errors[0]}")
    noise = tuple(CONTROLS) if controls else ()
    first, *others = (
        model_figures(r, tuple(attacks.of), noise, surrogate=parties.is_surrogate(r.party))
        for r in readings
    )
    learned = learner_figures(learners, readings[1:], parties.surrogates, read, limits, watch)
    result = Audit(
        authorized=first,
        panel=tuple(others),
        means=panel_means(others, tuple(attacks.of), noise),
        adaptive=learned.adaptive,
        detection=learned.detection,
        analyses=look_inside(readings, read, limits, watch) if analyses else (),
        quality=quality(read, () if apart is None else distances(read, apart, limits)),
        images=_images(paired, read, readings),
        method=_method(asked, attacks.meanings, paired),
        notes=(
            *parties.notes,
            *learned.notes,
            *(f"{counted(n, 'picture')} left out under {why}" for why, n in spoiled.items()),
            *_few(len(read.looks)),
        ),
        seconds=time.perf_counter() - began,
        out="" if place is None else str(place),
    )
    if place is not None:
        wants_looks = analyses and "html" in formats
        looks = looks_of(result, [r.party for r in readings], limits) if wants_looks else ()
        write_reports(result, place, formats, limits, looks)
    return result


def _method(asked: Asked, meanings: Mapping[str, str], paired: Paired) -> Method:
    return Method(
        labeled=asked.labels is not None,
        attacks=meanings,
        controls={name: c.meaning for name, c in CONTROLS.items()} if asked.controls else {},
        least_cosine=LEAST_COSINE,
        seed=asked.seed,
        command=asked.command,
        versions=versions(),
        protected_for=paired.models,
    )


def _images(
    paired: Paired, read: Cases, readings: Sequence[Readings]
) -> tuple[PictureFigures, ...]:
    """Every picture, audited or not, by the names of the originals."""
    audited = [
        PictureFigures(
            source=str(read.cases[index].item.source),
            output=str(read.cases[index].item.output),
            label=read.cases[index].label,
            linf=looks.linf,
            psnr=looks.psnr,
            ssim=looks.ssim,
            readings=tuple(picture_reading(r, index) for r in readings if not r.errors),
        )
        for index, looks in read.looks.items()
    ]
    every = [*audited, *read.problems, *paired.problems]
    return tuple(sorted(every, key=lambda image: image.source or image.output))


def _few(audited: int) -> tuple[str, ...]:
    if audited >= FEW:
        return ()
    return (
        f"only {counted(audited, 'picture')} could be measured, so the intervals are wide; "
        "more pictures make them narrower",
    )
