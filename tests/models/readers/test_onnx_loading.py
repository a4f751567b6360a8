import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from anamorph.errors import AnamorphError, CardError, MissingExtra, ModelError
from anamorph.models.readers.loading import load_reader

WriteCard = Callable[..., Path]


def test_a_loaded_reader_says_what_its_card_says(onnx_card: WriteCard) -> None:
    reader = load_reader(onnx_card('task = "classify"', 'labels = ["a", "b", "c", "d"]'))
    assert (reader.name, reader.task, reader.labels) == ("mine", "classify", tuple("abcd"))


def test_the_digest_changes_with_the_card_and_the_weights_digest_does_not(
    onnx_card: WriteCard,
) -> None:
    plain = load_reader(onnx_card())
    labeled = load_reader(onnx_card('labels = ["a", "b", "c", "d"]'))
    assert plain.weights_digest == labeled.weights_digest
    assert plain.digest != labeled.digest


@pytest.mark.parametrize(
    ("network", "lines", "error", "says"),
    [
        ({"extra_input": True}, (), ModelError, "has the inputs 'x', 'mask', expected one"),
        ({"shape": ("n", 3, 16, 16)}, (), CardError, r"\(n, 3, 16, 16\), but the card says"),
        (
            {"shape": ("n", 1, 8, 8), "weights": np.ones((1, 4), np.float32)},
            (),
            CardError,
            r"\(n, 1, 8, 8\), but the card says",
        ),
        (
            {"shape": ("n", 8, 8, 3), "axes": (1, 2)},
            (),
            ModelError,
            "channels last; export it with the channels before the rows",
        ),
        ({"type": 2}, (), ModelError, r"is tensor\(uint8\), expected tensor\(float\)"),
        ({}, ('options = { output = "l" }',), CardError, "expected one of logits, signs"),
        ({}, ("options = { outptu = 1 }",), CardError, "unknown option 'outptu'"),
        ({}, ("options = { probabilities = 1 }",), CardError, "probabilities is true or false"),
        ({}, ('labels = ["a"]',), CardError, "1 labels, but the network has 4 outputs"),
        ({}, ('weights = "w.pt"',), CardError, "the file holds them"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_way_out(
    onnx_card: WriteCard,
    network: dict[str, object],
    lines: tuple[str, ...],
    error: type[AnamorphError],
    says: str,
) -> None:
    with pytest.raises(error, match=says):
        load_reader(onnx_card(*lines, **network))


def test_rows_that_belong_to_no_picture_are_refused(onnx_card: WriteCard) -> None:
    card = onnx_card(axes=(0, 2), weights=np.ones((8, 4), np.float32))
    with pytest.raises(ModelError, match=r"returned \(3, 4\) for 2 pictures, expected one row"):
        load_reader(card)


def test_a_card_without_input_is_refused(onnx_card: WriteCard) -> None:
    with pytest.raises(CardError, match=r"the card has no \[input\]"):
        load_reader(onnx_card(input="# none\n"))


def test_a_missing_file_is_named(onnx_card: WriteCard) -> None:
    card = onnx_card()
    (card.parent / "net.onnx").unlink()
    with pytest.raises(ModelError, match=r"there is no file .*net\.onnx"):
        load_reader(card)


@pytest.mark.parametrize("content", [b"", b"no network", bytes(range(256)) * 4])
def test_a_file_that_is_no_onnx_is_refused_in_one_line(
    onnx_card: WriteCard, content: bytes
) -> None:
    card = onnx_card()
    (card.parent / "net.onnx").write_bytes(content)
    with pytest.raises(ModelError, match="is not an ONNX file that onnxruntime runs") as caught:
        load_reader(card)
    assert "\n" not in str(caught.value)


def test_without_onnxruntime_the_extra_is_named(
    onnx_card: WriteCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"pip install 'anamorph\[onnx\]'"):
        load_reader(onnx_card())
