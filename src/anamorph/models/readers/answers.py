"""What services answered, kept so that a run that stopped goes on without asking again.

One line of JSON for every picture that was read, on the disk before the next picture is sent:

    {"anamorph_answers": 1}
    {"card": SHA256, "picture": SHA256, "label": 2, "score": 0.87}
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from anamorph.errors import FileError, NotWritten

HEADER = b'{"anamorph_answers": 1}\n'
ANOTHER = -1
"""The label of an answer that is none of the card's labels."""


class Answer(NamedTuple):
    """What a service makes of one picture."""

    label: int
    """Which of the card's labels it is; -1 for another one."""
    score: float | None = None
    """How sure the service is, in [0, 1]; None where it does not say."""


class PictureReader(Protocol):
    """Reads picture files as they are, and decodes them itself."""

    def read(self, picture: Path | bytes, /) -> Answer:
        """The label of one picture file, given by its path or as its bytes."""
        ...


@dataclass(slots=True, kw_only=True)
class Answers:
    """The answers of one model, by the SHA-256 of the bytes that were sent."""

    card: str = ""
    """Digest of the card: other cards' answers in the same file are left alone."""
    path: Path | None = None
    """Where they are kept; None keeps them in memory."""
    known: dict[str, Answer] = field(default_factory=dict)

    def add(self, picture: str, answer: Answer) -> None:
        """Keep an answer; on the disk when this returns.

        Raises:
            NotWritten: the disk refuses.
        """
        if self.path is not None:
            line = {"card": self.card, "picture": picture, **answer._asdict()}
            _append(self.path, json.dumps(line).encode() + b"\n")
        self.known[picture] = answer


def answers_in(path: Path, card: str, labels: int) -> Answers:
    """The answers that a file holds for a card; a missing file is begun with the first answer.

    A torn last line, the trace of a killed run, is removed.

    Args:
        path: of the file.
        card: digest of the card.
        labels: how many the card has.

    Raises:
        FileError: the file is damaged, no such file, or cannot be read.
        NotWritten: a torn last line cannot be removed.
    """
    answers = Answers(card=card, path=path)
    try:
        data = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}; check the path") from error
    whole = data[: data.rfind(b"\n") + 1]
    if not (data.startswith(HEADER) or HEADER.startswith(data)):
        raise FileError(f"{path}: holds no answers of services; move it away, or name another file")
    if len(whole) < len(data):
        _truncate(path, len(whole))
    for number, line in enumerate(whole.splitlines()[1:], 2):
        try:
            of, picture, answer = _parsed(line)
        except (ValueError, TypeError, KeyError, RecursionError):
            raise _damaged(path, number) from None
        if of != card:
            continue
        if not ANOTHER <= answer.label < labels:
            raise _damaged(path, number)
        answers.known[picture] = answer
    return answers


def _parsed(line: bytes) -> tuple[str, str, Answer]:
    fields: dict[str, Any] = json.loads(line)
    of, picture, label, score = (fields[key] for key in ("card", "picture", "label", "score"))
    if type(label) is not int or not (score is None or 0 <= float(score) <= 1):
        raise ValueError
    return str(of), str(picture), Answer(label, score)


def _damaged(path: Path, number: int) -> FileError:
    return FileError(f"{path}: line {number} is damaged; remove that line")


def _append(path: Path, line: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as stream:
            end = stream.tell()
            try:
                stream.write(line if end else HEADER + line)
                os.fsync(stream.fileno())
            except BaseException:
                stream.truncate(end)
                raise
    except OSError as error:
        raise _not_written(path, error) from error


def _truncate(path: Path, size: int) -> None:
    try:
        os.truncate(path, size)
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> NotWritten:
    return NotWritten(f"{path}: could not be written: {error.strerror}; check the disk")
