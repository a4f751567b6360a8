from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from anamorph.errors import ModelError
from anamorph.models import Preprocess
from anamorph.models.readers.loading import load_reader
from anamorph.models.readers.onnx import OnnxReader

WriteCard = Callable[..., Path]


def loaded(card: Path) -> OnnxReader:
    reader = load_reader(card)
    assert isinstance(reader, OnnxReader)
    return reader


def pictures(n: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(2).random((n, 3, 11, 9), np.float32))


def by_hand(reader: OnnxReader, images: torch.Tensor, weights: np.ndarray) -> torch.Tensor:
    return Preprocess(reader.input)(images).mean((2, 3)) @ torch.from_numpy(weights)


WEIGHTS = np.array([[1, -1, 0.5, 0], [0, 2, 0, 1], [-1, 0, 1, 0.5]], dtype=np.float32)


def test_an_onnx_file_reads_what_the_same_network_reads_by_hand(onnx_card: WriteCard) -> None:
    reader = loaded(onnx_card())
    assert_close(reader.output(pictures(3)), by_hand(reader, pictures(3), WEIGHTS))


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_fixed_batch_axis_changes_nothing(onnx_card: WriteCard, batch: int) -> None:
    reader = loaded(onnx_card(shape=(batch, 3, 8, 8)))
    assert_close(reader.output(pictures(3)), by_hand(reader, pictures(3), WEIGHTS))


@pytest.mark.parametrize("type", [10, 11])
def test_half_and_double_precision_inputs_are_fed(onnx_card: WriteCard, type: int) -> None:
    reader = loaded(onnx_card(type=type))
    by = by_hand(reader, pictures(2), WEIGHTS)
    assert_close(reader.output(pictures(2)).float(), by, atol=2e-3, rtol=0)


def test_the_output_that_the_card_names_is_read(onnx_card: WriteCard) -> None:
    reader = loaded(onnx_card('options = { output = "signs" }'))
    assert set(reader.output(pictures(2)).flatten().tolist()) <= {-1.0, 0.0, 1.0}


def test_probabilities_give_back_the_confidence_that_they_say(onnx_card: WriteCard) -> None:
    plain, soft = (
        loaded(onnx_card(*lines, last="Softmax"))
        for lines in ((), ("options = { probabilities = true }",))
    )
    assert_close(soft.output(pictures(2)).softmax(1), plain.output(pictures(2)))


def test_logits_are_not_taken_for_probabilities(onnx_card: WriteCard) -> None:
    with pytest.raises(ModelError, match="the card says probabilities, but the output 'logits'"):
        load_reader(onnx_card("options = { probabilities = true }"))


def test_numbers_that_are_not_finite_are_refused(onnx_card: WriteCard) -> None:
    with pytest.raises(ModelError, match="returned numbers that are not finite"):
        load_reader(onnx_card(weights=np.full((3, 4), np.inf, np.float32)))


def test_nothing_of_a_gradient_is_kept(onnx_card: WriteCard) -> None:
    images = pictures(1).requires_grad_()
    assert not loaded(onnx_card()).output(images).requires_grad
