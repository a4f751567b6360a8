from collections.abc import Callable
from pathlib import Path

import pytest

from anamorph.errors import CardError
from anamorph.models import Input
from anamorph.models.readers.reader_card import reader_card

WriteCard = Callable[..., Path]


def test_an_onnx_card_says_all_that_its_file_says(onnx_card: WriteCard) -> None:
    found = reader_card(onnx_card('options = { output = "signs" }'))
    assert found is not None
    card = found.card
    assert (card.kind, card.what, card.options) == ("onnx", "net.onnx", {"output": "signs"})
    assert card.input == Input(size=(8, 8), mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.mark.parametrize("text", ['name = "t"\nsource = "timm:resnet18"', "source = 3", "[", ""])
def test_all_other_cards_are_left_to_load(tmp_path: Path, text: str) -> None:
    path = tmp_path / "card.toml"
    path.write_text(text)
    assert reader_card(path) is None


@pytest.mark.parametrize("key", ['weights = "w.pt"', 'tap = ["a"]', "options = { a = 1 }"])
def test_keys_that_mean_nothing_to_a_service_are_refused(http_card: WriteCard, key: str) -> None:
    with pytest.raises(CardError, match="has no meaning for http://"):
        reader_card(http_card(head=key))


def test_unknown_keys_are_refused_with_the_nearest(http_card: WriteCard) -> None:
    with pytest.raises(CardError, match="unknown key 'labls'; the nearest known one is 'labels'"):
        reader_card(http_card(head='labls = ["a"]'))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('source = "onnx:"', "expected onnx: and a file or an address"),
        ('source = "http://h/"\nhttp = 3', "http is 3, expected a table"),
        ('source = "onnx:n.onnx"\n[http]\nlabel = "l"', "an ONNX file is read here"),
    ],
)
def test_impossible_cards_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "card.toml"
    path.write_text(f'name = "t"\n{text}')
    with pytest.raises(CardError, match=says):
        reader_card(path)
