"""`anamorph audit protect` from the command line."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Anamorph = Callable[..., Any]
MakeCard = Callable[..., Path]


@pytest.fixture
def other(card: MakeCard) -> Path:
    """A card of another network of the same classes."""
    first = card()
    network = (first.parent / "network.py").read_text()
    (first.parent / "other.py").write_text(network.replace("manual_seed(0)", "manual_seed(1)"))
    text = first.read_text().replace("network.py", "other.py")
    path = first.with_name("other.toml")
    path.write_text(text.replace("toy [bold]of[/bold] the tests", "other"))
    return path


@pytest.fixture
def audited(
    anamorph: Anamorph, card: MakeCard, other: Path, photos: Path, tmp_path: Path
) -> Anamorph:
    """Protects, then audits with what is given besides."""
    model, out = card(), tmp_path / "protected"
    made = anamorph(
        "protect", photos, "--out", out, "--authorized", model, "--steps", 3, "--seed", 1
    )
    assert made.code == 0

    def run(*arguments: object, panel: object = other) -> Any:
        return anamorph(
            *("audit", "protect", "--originals", photos, "--protected", out),
            *("--authorized", model, "--panel", panel, "--out", tmp_path / "report"),
            *arguments,
        )

    return run


def test_reports_are_written_and_the_verdict_is_shown(audited: Anamorph, tmp_path: Path) -> None:
    ended = audited()
    assert ended.code == 0, ended.err
    assert "that the protection did not know still read" in ended.out
    assert "toy [bold]of[/bold] the tests keeps 100.0 %" in ended.out
    assert "jpeg75" in ended.out
    assert {p.name for p in (tmp_path / "report").iterdir()} == {"audit.json", "report.html"}


def test_json_goes_to_standard_output_alone(audited: Anamorph, tmp_path: Path) -> None:
    ended = audited("--json", "-", "--transforms", "none", "--no-controls")
    told = json.loads(ended.out)
    assert told == json.loads((tmp_path / "report" / "audit.json").read_text())
    assert told["under"] == told["controls"] == {}
    assert "pictures audited" in ended.err


def test_the_command_in_the_report_does_the_same_again(
    audited: Anamorph, anamorph: Anamorph, tmp_path: Path
) -> None:
    audited("--transforms", "flip", "--transforms", "bits4", "--seed", 4, "--format", "json")
    first = json.loads((tmp_path / "report" / "audit.json").read_text())
    words = shlex.split(first["measuring"]["command"])
    assert words[0] == "anamorph"
    assert anamorph(*words[1:]).code == 0
    again = json.loads((tmp_path / "report" / "audit.json").read_text())
    assert first["summary"].pop("seconds") > 0
    del again["summary"]["seconds"]
    assert first == again


def test_a_picture_without_a_partner_gives_1_and_its_name(
    audited: Anamorph, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "protected" / "coffee.png").unlink()
    ended = audited()
    assert ended.code == 1
    assert f"not audited: {photos / 'coffee.png'}: no file in" in ended.out
    assert (tmp_path / "report" / "report.html").exists()


def test_the_authorized_model_in_the_panel_gives_2(audited: Anamorph, card: MakeCard) -> None:
    copy = card().with_name("copy.toml")
    copy.write_text(card().read_text().replace("toy [bold]of[/bold] the tests", "copy"))
    ended = audited(panel=copy)
    assert ended.code == 2
    assert "copy: was used while protecting" in ended.err
    assert audited("--allow-surrogates", panel=copy).code == 0


def test_an_unknown_transform_gives_2_and_the_nearest(audited: Anamorph) -> None:
    ended = audited("--transforms", "jpeg57")
    assert ended.code == 2
    assert "there is no transform 'jpeg57'; the nearest is" in ended.err


def test_labels_are_read_from_a_csv(audited: Anamorph, photos: Path, tmp_path: Path) -> None:
    names = ("astronaut.jpg", "chelsea.png", "coffee.png", "rocket.png", "cup.png")
    table = tmp_path / "labels.csv"
    table.write_text("file,label\n" + "".join(f"{name},ant\n" for name in names))
    assert audited("--labels", table).code == 0
    told = json.loads((tmp_path / "report" / "audit.json").read_text())
    assert told["authorized"]["n"]["clean"] == 5
    assert told["measuring"]["right"] == "the label"
