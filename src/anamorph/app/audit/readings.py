"""What models answer for files, kept beside a matrix so that a run that was stopped goes on.

An answer is a class, an embedding or, beside an embedding of the original, the cosine to it. It is
valid as long as the model and the file are the same, by their digests.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from anamorph.app.images import as_images
from anamorph.app.runs import pictures
from anamorph.auditing.parties import Party
from anamorph.auditing.protocol import LEAST_COSINE
from anamorph.errors import FileError
from anamorph.files.folders import Sources
from anamorph.files.manifest import file_digest
from anamorph.files.photo import Limits, read
from anamorph.files.write import write_whole
from anamorph.losses import cosine

Answer: TypeAlias = int | float | list[float] | None
"""A class, a cosine, or an embedding; None where there was no file to read."""

_SCHEMA = "anamorph_readings"
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that models read."""

    path: Path | None
    """None where there is none: the original cannot be read, or was not protected."""
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What one model answers, one for every file."""

    of: tuple[Answer, ...] = ()
    error: str = ""
    """Why the model stopped reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The answers that are kept in a file."""

    path: Path
    note: dict[str, Any] = field(default_factory=dict)
    """What else is known of these files; what is new goes before what was kept."""

    def load(self, files: Sequence[File]) -> dict[str, tuple[Answer, ...]]:
        """What is known of exactly these files, by the digests of models; the note is filled in."""
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            known = content if content[_SCHEMA] == _VERSION else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}  # whatever is there is measured again
        for name, value in known.get("note", {}).items():
            self.note.setdefault(name, value)
        if known.get("files") != [one.sha256 for one in files]:
            return {}
        return {digest: tuple(answers) for digest, answers in known["answers"].items()}

    def save(self, files: Sequence[File], answers: Mapping[str, Sequence[Answer]]) -> None:
        """Keep the answers.

        Raises:
            NotWritten: the disk refuses.
        """
        content = {
            _SCHEMA: _VERSION,
            "note": self.note,
            "files": [one.sha256 for one in files],
            "answers": {digest: list(given) for digest, given in answers.items()},
        }
        data = json.dumps(content, allow_nan=False) + "\n"
        write_whole(self.path, data.encode(), overwrite=True)


def sources_of(originals: Sources, out: Path) -> tuple[File, ...]:
    """The pictures, in a fixed order; what cannot be read becomes a failure of every row.

    Raises:
        UsageError: there are none.
    """
    listing = pictures(originals, out, "png")
    paths = sorted([i.source for i in listing.items] + [p.path for p in listing.problems])
    return tuple(File(path=path, sha256=_digest(path)) for path in paths)


def _digest(path: Path) -> str:
    try:
        return file_digest(path)
    except FileError:
        return ""


def answers_of(
    models: Sequence[Party],
    files: Sequence[File],
    kept: Kept,
    limits: Limits,
    clean: Mapping[str, Answers] | None = None,
) -> dict[str, Answers]:
    """What every model answers for every file, by the models' names; only what is new is read.

    Files are read one by one and at their own resolution, as a user's model would. A model that
    raises is asked no more, and asked again in the next run.

    Args:
        models: the readers.
        files: read in their order.
        kept: where answers are kept.
        limits: on bytes and pixels.
        clean: the answers for the originals; embeddings are compared with theirs.

    Raises:
        NotWritten: the answers cannot be kept.
    """
    known = kept.load(files)
    found = {m.name: Answers(of=known[m.digest]) for m in models if m.digest in known}
    asked = [m for m in models if m.digest not in known]
    if not asked and kept.path.exists():
        return found
    new: dict[str, list[Answer]] = {m.name: [] for m in asked}
    errors: dict[str, str] = {}
    for index, picture in enumerate(_pictures(files, limits)):
        for model in asked:
            if model.name in errors:
                continue
            before = clean[model.name].of[index] if clean else None
            try:
                new[model.name].append(_answer(model, picture, before))
            except Exception as error:  # whatever somebody else's network raises
                errors[model.name] = f"{type(error).__name__}: {error}"
    good = {m.digest: new[m.name] for m in asked if m.name not in errors}
    kept.save(files, {**known, **good})
    return found | {
        m.name: Answers(error=errors[m.name])
        if m.name in errors
        else Answers(of=tuple(new[m.name]))
        for m in asked
    }


def is_right(answer: Answer, clean: Answer, label: int | None) -> bool:
    """Whether a reading is right: the label or, without one, what the clean reading says.

    Args:
        answer: for the file.
        clean: for the original.
        label: the right class in the model's own numbers.

    Example:
        >>> is_right(3, 3, None), is_right(3, 3, 4), is_right(0.95, [0.0, 1.0], None)
        (True, False, True)
    """
    if answer is None or clean is None:
        return False
    if isinstance(answer, list):
        return True  # of the original itself
    if isinstance(clean, list):
        return answer >= LEAST_COSINE
    return answer == (clean if label is None else label)


def _pictures(files: Sequence[File], limits: Limits) -> Iterator[Tensor | None]:
    for one in files:
        try:
            yield None if one.path is None else as_images(read(one.path, limits).pixels)
        except FileError:
            yield None


def _answer(model: Party, picture: Tensor | None, clean: Answer) -> Answer:
    if picture is None:
        return None
    with torch.no_grad():
        output = model.output(picture).double()
    if not output.isfinite().all():
        raise ValueError("gave numbers that are not finite")
    if model.task != "embed":
        return int(output.argmax())
    if isinstance(clean, list):
        return cosine(output, torch.tensor([clean], dtype=output.dtype)).item()
    embedding: list[float] = output[0].tolist()
    return embedding
