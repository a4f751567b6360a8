from pathlib import Path

import pytest

from anamorph.errors import CardError
from anamorph.models import Card, Input, card_of, read_card

GOOD = """
name = "mine"
source = "timm:resnet18"
weights = "w.safetensors"
options = { pad_type = "same" }
task = "embed"
labels = ["cat", "dog"]
tap = ["layer1"]
[input]
size = [224, 192]
resize = "shortest+crop"
crop = 0.875
interpolation = "bicubic"
mean = [0.5, 0.4, 0.3]
std = [0.2, 0.2, 0.2]
[accuracy]
clean = 0.9
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "card.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_card_says_all_that_its_file_says(tmp_path: Path) -> None:
    card = read_card(written(tmp_path, GOOD))
    assert card == Card(
        name="mine",
        source="timm:resnet18",
        weights=tmp_path / "w.safetensors",
        options={"pad_type": "same"},
        task="embed",
        labels=("cat", "dog"),
        tap=("layer1",),
        input=Input(
            size=(224, 192),
            mean=(0.5, 0.4, 0.3),
            std=(0.2, 0.2, 0.2),
            resize="shortest+crop",
            crop=0.875,
            interpolation="bicubic",
        ),
        folder=tmp_path,
    )


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "mine"', 'nmae = "mine"', "unknown key 'nmae'; the nearest known one is 'name'"),
        ("crop = 0.875", "crp = 0.875", "unknown key 'crp'; the nearest known one is 'crop'"),
        ('name = "mine"', "name = 3", "name is 3, expected a text"),
        ('name = "mine"', "", "name is missing"),
        ('"timm:resnet18"', '"resnet18"', "expected KIND:WHAT"),
        ('"timm:resnet18"', '"https://h.test/"', "a service only reads"),
        ('"embed"', '"segment"', "expected one of classify, embed, detect"),
        ("[224, 192]", "[224]", "expected a list of 2 numbers"),
        ("[224, 192]", "[224, 0]", "whole pixels"),
        ("[224, 192]", "[224, 19.5]", "whole pixels"),
        ("[224, 192]", "[224, true]", "expected a list of 2 numbers"),
        ("crop = 0.875", "crop = 1.5", "above 0 and at most 1"),
        ('"bicubic"', '"lanczos"', "expected one of bilinear, bicubic, nearest"),
        ('"shortest+crop"', '"pad"', "expected one of squash, shortest+crop"),
        ("[0.2, 0.2, 0.2]", "[0.2]", "as many numbers as mean, 3"),
        ("[0.2, 0.2, 0.2]", "[0.2, 0.0, 0.2]", "numbers above 0"),
        ('["layer1"]', '"layer1"', "expected a list of texts"),
        ("[224, 192]", "[224, 192", "not TOML"),
    ],
)
def test_a_wrong_card_is_refused_with_the_reason(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    path = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(CardError) as caught:
        read_card(path)
    message = str(caught.value)
    assert says in message
    assert str(path) in message
    assert "\n" not in message


def test_a_missing_card_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"there is no card at .*none\.toml"):
        card_of(tmp_path / "none.toml")


def test_labels_come_from_a_file_one_per_line(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\n", encoding="utf-8")
    text = GOOD.replace('["cat", "dog"]', '"labels.txt"')
    assert read_card(written(tmp_path, text)).labels == ("cat", "dog")


def test_a_missing_labels_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="one label a line"):
        read_card(written(tmp_path, GOOD.replace('["cat", "dog"]', '"labels.txt"')))


def test_a_short_spec_is_a_card_whose_input_the_source_tells() -> None:
    card = card_of("hf:./folder")
    assert (card.name, card.kind, card.what, card.input) == ("./folder", "hf", "./folder", None)


@pytest.mark.parametrize("spec", ["pt2:model.pt2", "torchscript:model.ts", "python:a.b:make"])
def test_a_spec_that_tells_no_input_asks_for_a_card_and_shows_one(spec: str) -> None:
    with pytest.raises(CardError, match=r"write a card, for example .* mean = \[0.5") as caught:
        card_of(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spec", ["resnet18", "timm:", "zoo:resnet18"])
def test_what_is_neither_card_nor_spec_is_refused(spec: str) -> None:
    with pytest.raises(CardError, match="neither a card nor a model spec"):
        card_of(spec)


def test_only_sources_that_hold_code_say_so() -> None:
    running = [
        kind
        for kind in ("timm", "hf", "python", "torchscript", "pt2")
        if Card(name="x", source=f"{kind}:x").runs_code
    ]
    assert running == ["python", "torchscript", "pt2"]


def test_the_digest_depends_on_what_is_said_and_not_on_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    here = read_card(written(tmp_path, GOOD))
    there = read_card(written(tmp_path / "elsewhere", GOOD))
    other = read_card(written(tmp_path, GOOD.replace("0.875", "0.9")))
    assert here.digest("w") == there.digest("w")
    assert len({here.digest("w"), here.digest("v"), other.digest("w")}) == 3
