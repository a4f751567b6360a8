"""`http:URL`: a service on the network that reads picture files. It says a label and a score."""

import json
import math
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from anamorph.errors import CardError, FileError, ModelError
from anamorph.models.card import Card
from anamorph.models.readers.answers import ANOTHER, Answer, Answers, answers_in
from anamorph.models.readers.asking import Pace, ask
from anamorph.models.readers.json_path import value_at
from anamorph.models.readers.reader_card import ReaderCard
from anamorph.models.readers.service import Service, service_of
from anamorph.types import Images, Task

_HARDLY = 1e-6  # by how much the class that is named leads at least
_LEAST = 1e-12  # a probability of zero has no logarithm


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HttpReader:
    """A service: a member of the panel, and a `PictureReader`. Make one with `load_reader`.

    Every picture is sent once: the answers are kept by the SHA-256 of the bytes that were sent.
    """

    card: Card = field(repr=False)
    service: Service
    answers: Answers = field(repr=False)
    pace: Pace = field(repr=False)

    @property
    def name(self) -> str:
        """The card's name."""
        return self.card.name

    @property
    def task(self) -> Task:
        """What the output means."""
        return self.card.task

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.card.labels

    @property
    def digest(self) -> str:
        """Sha256 over the card; nobody knows the weights of a service."""
        return self.card.digest(self.weights_digest)

    @property
    def weights_digest(self) -> str:
        """Sha256 over the address and the way it is asked, in place of the weights."""
        return self.service.digest

    def read(self, picture: Path | bytes, /) -> Answer:
        """The label of one picture file, sent as it is.

        Raises:
            FileError: the file cannot be read.
            ModelError: the service does not answer, or not as the card says.
            NotWritten: the answer cannot be kept.
        """
        data = picture if isinstance(picture, bytes) else _content(picture)
        key = sha256(data).hexdigest()
        if key not in self.answers.known:
            body = ask(self.service, data, self.pace)
            self.answers.add(key, _answer(body, self.service, self.labels))
        return self.answers.known[key]

    def output(self, images: Images, /) -> Tensor:
        """Logits (n, k + 1) whose softmax is the score of the label that was named.

        The last class stands for every label that the card does not list. Pictures in [0, 1] are
        sent as PNG files of 8 bits. Where the service gives no score, it counts as 1.

        Raises:
            ModelError: as `read`.
            NotWritten: as `read`.
        """
        return torch.stack([self._logits(self.read(_png(image))) for image in images])

    def _logits(self, answer: Answer) -> Tensor:
        classes = len(self.labels) + 1
        told = 1.0 if answer.score is None else answer.score
        leading = min(max(told, 1 / classes + _HARDLY), 1.0)
        rest = max((1 - leading) / (classes - 1), _LEAST)
        row = torch.full((classes,), math.log(rest), dtype=torch.float64)
        row[answer.label] = math.log(leading)  # -1 is the last one
        return row


def http_reader(described: ReaderCard, *, answers: Path | None = None) -> HttpReader:
    """The service of a card; nothing is sent yet.

    Args:
        described: the card with its [http] table.
        answers: where its answers are kept; None keeps them in memory.

    Raises:
        CardError: the card makes no sense, or its token file cannot be read.
        FileError: the file of answers is damaged.
    """
    card = described.card
    if card.task != "classify":
        raise CardError(
            f"{described.where}: task is {card.task!r}, but a service can only classify"
        )
    if not card.labels or len(set(card.labels)) < len(card.labels):
        raise CardError(
            f"{described.where}: a service needs labels, each once; add `labels = FILE` with the "
            "names it answers with"
        )
    service = service_of(card, described.http, described.where)
    key = card.digest(service.digest)
    return HttpReader(
        card=card,
        service=service,
        answers=Answers() if answers is None else answers_in(answers, key, len(card.labels)),
        pace=Pace(per_second=service.per_second),
    )


def _content(picture: Path) -> bytes:
    try:
        return picture.read_bytes()
    except OSError as error:
        raise FileError(f"{picture}: cannot be read: {error.strerror}; check the path") from None


def _png(image: Tensor) -> bytes:
    levels = (image.detach().cpu() * 255).round().clamp(0, 255).to(torch.uint8)
    planes = levels.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy()
    file = BytesIO()
    Image.fromarray(planes).save(file, "PNG")
    return file.getvalue()


def _answer(body: bytes, service: Service, labels: tuple[str, ...]) -> Answer:
    try:
        document = json.loads(body)
        label = _label(value_at(document, service.label), labels)
        score = _score(value_at(document, service.score)) if service.score else None
    except (LookupError, ValueError, RecursionError) as error:
        told = str(error) if type(error) in (LookupError, ValueError) else "no JSON"
        raise ModelError(
            f"{service.place}: answers with {service.without_token(told)}; correct the source, or "
            "label and score in [http]"
        ) from None
    return Answer(label, score)


def _label(found: Any, labels: tuple[str, ...]) -> int:
    """Which label was named; -1 for one that the card does not list."""
    numbered = type(found) is int and str(found) in labels
    if not isinstance(found, str) and not numbered:
        raise ValueError(
            f"a {type(found).__name__} for the label, expected one of the names in the card"
        )
    name = str(found).strip()
    return labels.index(name) if name in labels else ANOTHER


def _score(found: Any) -> float:
    if type(found) not in (int, float) or not 0 <= found <= 1:
        raise ValueError(f"the score {found!r}, expected a number in [0, 1]")
    return float(found)
