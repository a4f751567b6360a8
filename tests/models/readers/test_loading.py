from collections.abc import Callable
from pathlib import Path

import pytest

from anamorph.errors import CardError
from anamorph.models import Model, load
from anamorph.models.readers import load_reader

WriteCard = Callable[..., Path]


def test_other_specs_are_loaded_as_ever() -> None:
    assert isinstance(load_reader("portraits:identity-vgg"), Model)


@pytest.mark.parametrize("spec", ["onnx:net.onnx", "https://h.test/"])
def test_a_reader_without_a_card_is_told_to_write_one(spec: str) -> None:
    with pytest.raises(CardError, match=r"needs a card, a \.toml file with this"):
        load_reader(spec)


def test_what_has_no_gradient_is_refused_where_one_is_needed(http_card: WriteCard) -> None:
    with pytest.raises(CardError, match="a service only reads"):
        load(http_card())


def test_no_message_shows_the_path_of_an_address(
    http_card: WriteCard, write_card: WriteCard
) -> None:
    secret = "https://user:s3cret@h.test/s3cret?key=s3cret"
    attempts = (
        (load, http_card(source=secret)),
        (load_reader, secret),
        (load_reader, write_card(f'source = "{secret}"', 'weights = "w.pt"')),
    )
    for loading, what in attempts:
        with pytest.raises(CardError, match=r"https://h\.test") as caught:
            loading(what)
        assert "s3cret" not in str(caught.value)


def test_a_missing_card_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="there is no card at"):
        load_reader(tmp_path / "none.toml")
