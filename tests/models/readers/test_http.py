import json
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from anamorph.errors import CardError, FileError, ModelError
from anamorph.models.readers import Answer, PictureReader, load_reader
from anamorph.models.readers.http import HttpReader

WriteCard = Callable[..., Path]
FAST = "per_second = 1000.0"


def loaded(card: Path, **about: Any) -> HttpReader:
    reader = load_reader(card, **about)
    assert isinstance(reader, HttpReader)
    return reader


def answering(server: Any, answer: Any) -> None:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    said_type = type(server.say(None))
    server.say = lambda sent: said_type(200, body)


def test_a_file_is_sent_as_it_is_and_its_answer_read(
    server: Any, http_card: WriteCard, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff any file")
    reader: PictureReader = loaded(http_card())
    assert reader.read(tmp_path / "a.jpg") == Answer(1, 0.75)
    assert server.sent[0].body == b"\xff\xd8\xff any file"


def test_a_reader_says_what_its_card_says(http_card: WriteCard) -> None:
    reader = loaded(http_card())
    assert (reader.name, reader.task, reader.labels) == (
        "theirs",
        "classify",
        ("ant", "bee", "cat"),
    )
    assert reader.digest != reader.weights_digest


def test_loading_sends_nothing(server: Any, http_card: WriteCard) -> None:
    loaded(http_card())
    assert server.sent == []


@pytest.mark.parametrize(
    ("answer", "label"),
    [({"label": " cat "}, 2), ({"label": "dog"}, -1), ({"label": ""}, -1), ({"label": "Cat"}, -1)],
)
def test_labels_are_matched_by_name(
    server: Any, http_card: WriteCard, answer: Any, label: int
) -> None:
    answering(server, answer)
    assert loaded(http_card('label = "label"', FAST)).read(b"picture") == Answer(label, None)


def test_numbers_can_be_labels_where_the_card_lists_them(server: Any, http_card: WriteCard) -> None:
    answering(server, {"top": [7, 3]})
    card = http_card('label = "top.1"', FAST, head='labels = ["0", "3"]')
    assert loaded(card).read(b"picture").label == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"<html>busy</html>", "answers with no JSON; correct the source"),
        (b"\xff\xfe", "answers with no JSON"),
        (b"[" * 100_000, "answers with no JSON"),
        ({"result": "cat"}, "no 'label' in the answer, which is a table of 'result'"),
        ({"label": None, "score": 1}, "a NoneType for the label, expected one of the names"),
        ({"label": 2, "score": 1}, "a int for the label"),
        ({"label": True, "score": 1}, "a bool for the label"),
        ({"label": "cat", "score": 87.5}, r"the score 87\.5, expected a number in \[0, 1\]"),
        ({"label": "cat", "score": float("nan")}, "the score nan"),
        ({"label": "cat", "score": "high"}, "the score 'high'"),
        ({"label": "cat"}, "no 'score' in the answer"),
    ],
)
def test_an_answer_that_is_not_as_the_card_says_is_refused(
    server: Any, http_card: WriteCard, answer: Any, says: str
) -> None:
    answering(server, answer)
    reader = loaded(http_card())
    with pytest.raises(ModelError, match=says) as caught:
        reader.read(b"picture")
    assert "\n" not in str(caught.value)
    assert reader.answers.known == {}


def test_a_token_that_the_service_repeats_is_not_shown(
    server: Any, http_card: WriteCard, tmp_path: Path
) -> None:
    token = "long-s3cret-" * 20
    (tmp_path / "token").write_text(token)
    answering(server, {token: 1})
    reader = loaded(http_card('label = "label"', 'token_file = "token"', FAST))
    with pytest.raises(ModelError, match=r"a table of '\*\*\*'") as caught:
        reader.read(b"picture")
    assert "s3cret" not in str(caught.value) + repr(reader)
    assert server.sent[0].headers["Authorization"] == token


def test_a_picture_is_sent_once_even_in_the_next_run(
    server: Any, http_card: WriteCard, tmp_path: Path
) -> None:
    kept = tmp_path / "out" / "answers.jsonl"
    card = http_card()
    first = loaded(card, answers=kept)
    assert first.read(b"one") == first.read(b"one")
    again = loaded(card, answers=str(kept))
    assert again.read(b"one") == Answer(1, 0.75)
    again.read(b"two")
    assert [sent.body for sent in server.sent] == [b"one", b"two"]
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    assert lines[1] == {
        "card": first.digest,
        "picture": sha256(b"one").hexdigest(),
        "label": 1,
        "score": 0.75,
    }


def test_another_rate_asks_nothing_again_and_another_path_does(
    server: Any, http_card: WriteCard, tmp_path: Path
) -> None:
    answering(server, {"a": "ant", "b": "bee"})
    for lines, label in (
        (('label = "a"', FAST), 0),
        (('label = "a"', "per_second = 900.0"), 0),
        (('label = "b"', FAST), 1),
    ):
        assert loaded(http_card(*lines), answers=tmp_path / "a").read(b"p").label == label
    assert len(server.sent) == 2


def test_pictures_in_memory_are_sent_as_png_with_the_same_pixels(
    server: Any, http_card: WriteCard
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), np.uint8)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    loaded(http_card()).output(images)
    for sent, wanted in zip(server.sent, pixels, strict=True):
        assert np.array_equal(np.asarray(Image.open(BytesIO(sent.body))), wanted)


@pytest.mark.parametrize(
    ("answer", "place", "confidence"),
    [
        ({"label": "bee", "score": 0.75}, 1, 0.75),
        ({"label": "bee", "score": 1.0}, 1, 1.0),
        ({"label": "bee", "score": 0.0}, 1, 0.25),
        ({"label": "dog", "score": 0.9}, 3, 0.9),
    ],
)
def test_the_logits_say_the_label_and_its_score(
    server: Any, http_card: WriteCard, answer: Any, place: int, confidence: float
) -> None:
    answering(server, answer)
    row = loaded(http_card()).output(torch.zeros(1, 3, 2, 2))
    assert row.shape == (1, 4)
    assert row.isfinite().all()
    assert row.argmax().item() == place
    assert row.softmax(1).max().item() == pytest.approx(confidence, abs=1e-5)


def test_without_a_score_the_answer_counts_in_full(server: Any, http_card: WriteCard) -> None:
    row = loaded(http_card('label = "label"', FAST)).output(torch.zeros(1, 1, 2, 2))
    assert row.softmax(1)[0, 1].item() == pytest.approx(1)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ('task = "embed"\nlabels = ["a", "b"]', "task is 'embed', but a service can only classify"),
        ("", "a service needs labels, each once"),
        ('labels = ["a", "a"]', "a service needs labels, each once"),
    ],
)
def test_cards_without_what_a_service_needs_are_refused(
    http_card: WriteCard, head: str, says: str
) -> None:
    with pytest.raises(CardError, match=says):
        loaded(http_card(head=head))


def test_a_missing_picture_is_named(http_card: WriteCard, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.png: cannot be read"):
        loaded(http_card()).read(tmp_path / "none.png")
