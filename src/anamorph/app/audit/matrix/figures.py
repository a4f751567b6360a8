"""From answers to the figures of a matrix."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from anamorph.app.audit.readings import Answers, File, Kept, answers_of, is_right
from anamorph.app.records import PictureRecord, ProtectReport
from anamorph.auditing.matrix import Cell, Column, Row
from anamorph.auditing.parties import Party
from anamorph.files.photo import Limits
from anamorph.metrics.accuracy import NOTHING, share
from anamorph.models import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """Who reads what."""

    models: Sequence[Party]
    """Those that work."""
    sources: Sequence[File]
    classes: Mapping[str, Sequence[int | None]]
    """The right ones, by model in its own numbers; None without labels."""
    clean: Mapping[str, Answers]
    """What each model answers for the originals."""

    def right(self, name: str, answers: Answers) -> list[bool]:
        """Which of a model's answers are right."""
        triples = zip(answers.of, self.clean[name].of, self.classes[name], strict=True)
        return [is_right(*triple) for triple in triples]


def column(model: Party | Column, reading: Readers) -> Column:
    """How a model reads the originals."""
    if isinstance(model, Column):
        return model
    name = model.name
    answers = reading.clean[name]
    labeled = any(label is not None for label in reading.classes[name])
    able = sum(answer is not None for answer in answers.of)
    return Column(
        name=name,
        task=model.task,
        sha256=model.digest,
        weights_sha256=model.weights_digest,
        clean=share(sum(reading.right(name, answers)), able)
        if labeled and not answers.error
        else NOTHING,
        error=answers.error,
    )


def failed_row(authorized: str, why: str, everyone: Sequence[Column]) -> Row:
    """The row of a model for which nothing could be protected."""
    return Row(
        authorized=authorized,
        protected=0,
        failed=0,
        cells=tuple(Cell(reader=c.name, kept=NOTHING, error=c.error) for c in everyone),
        psnr_mean=None,
        ssim_mean=None,
        seconds_per_picture=None,
        error=why,
    )


def row(
    authorized: Model,
    report: ProtectReport,
    everyone: Sequence[Column],
    reading: Readers,
    place: Path,
    limits: Limits,
) -> Row:
    """Let every model read what was protected.

    Args:
        authorized: for which it was.
        report: of the protecting.
        everyone: the columns.
        reading: who reads.
        place: where answers are kept.
        limits: on bytes and pixels.

    Raises:
        NotWritten: the answers cannot be kept.
    """
    made = {Path(r.source).absolute(): r for r in report.images if r.output is not None}
    records = [made.get(one.path.absolute()) if one.path else None for one in reading.sources]
    kept = Kept(path=place, note=_cost(report))
    files = [file_of(record) for record in records]
    read = cells(everyone, reading, files, kept, limits)
    return Row(
        authorized=authorized.name,
        protected=len(made),
        failed=len(report.images) - len(made),
        cells=read,
        psnr_mean=mean_of(made.values(), "psnr"),
        ssim_mean=mean_of(made.values(), "ssim"),
        seconds_per_picture=kept.note.get("seconds_per_picture"),
        error="" if made else next((r.reason for r in report.images), "no picture was protected"),
    )


def file_of(record: PictureRecord | None) -> File:
    """What was written of a picture."""
    if record is None or record.output is None:
        return File(path=None, sha256="")
    return File(path=Path(record.output), sha256=record.output_sha256 or "")


def _cost(report: ProtectReport) -> dict[str, float]:
    """Of the pictures that this run protected itself."""
    new = sum(record.status == "protected" for record in report.images)
    return {"seconds_per_picture": report.seconds / new} if new else {}


def cells(
    everyone: Sequence[Column], reading: Readers, files: Sequence[File], kept: Kept, limits: Limits
) -> tuple[Cell, ...]:
    """What every model keeps of its readings in files, one for every original.

    Raises:
        NotWritten: the answers cannot be kept.
    """
    able = [model for model in reading.models if not reading.clean[model.name].error]
    answers = answers_of(able, files, kept, limits, reading.clean)
    return tuple(_cell(one, reading, answers) for one in everyone)


def _cell(one: Column, reading: Readers, answers: Mapping[str, Answers]) -> Cell:
    error = one.error or answers[one.name].error
    if error:
        return Cell(reader=one.name, kept=NOTHING, error=error)
    now, clean = answers[one.name], reading.clean[one.name]
    before, after = reading.right(one.name, clean), reading.right(one.name, now)
    there = [answer is not None for answer in now.of]
    able = [a for a, b, c in zip(after, before, there, strict=True) if b and c]
    return Cell(reader=one.name, kept=share(sum(able), len(able)))


def mean_of(records: Iterable[PictureRecord], figure: str) -> float | None:
    """Of what manifests hold, so that it is the same when a run goes on."""
    known = [value for r in records if (value := r.as_json()[figure]) is not None]
    return fmean(known) if known else None
