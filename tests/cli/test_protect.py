"""`anamorph protect` from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Anamorph = Callable[..., Any]
MakeCard = Callable[..., Path]
Crop = Callable[..., NDArray[np.uint8]]


@pytest.fixture
def protect(anamorph: Anamorph, card: MakeCard, tmp_path: Path) -> Anamorph:
    """Protects into `out` with few steps."""

    def run(*arguments: object) -> Any:
        out, model = tmp_path / "out", card()
        return anamorph(
            "protect", *arguments, "--out", out, "--authorized", model, "--steps", 3, "--seed", 1
        )

    return run


def test_a_folder_is_protected_and_a_summary_is_shown(
    protect: Anamorph, photos: Path, tmp_path: Path
) -> None:
    ended = protect(photos)
    assert ended.code == 0
    assert "5 protected, 0 done before, 0 failed" in ended.out
    assert str(tmp_path / "out") in ended.out
    assert "toy [bold]of[/bold] the tests keeps 100.0%" in ended.out
    assert len(list((tmp_path / "out").rglob("*.png"))) == 5


def test_json_goes_to_standard_output_alone(protect: Anamorph, photos: Path) -> None:
    ended = protect(photos, "--json", "-")
    report = json.loads(ended.out)
    assert report["summary"]["protected"] == len(report["images"]) == 5
    assert report["parameters"]["steps"] == 3
    assert report["seed"] == 1
    assert {
        *("images", "protected", "failed", "skipped", "authorized_kept", "also_kept", "survives"),
        "seconds",
    } == set(report["summary"])
    assert {
        *("source", "output", "status", "reason", "prediction_before", "prediction_after"),
        *("linf", "psnr", "ssim", "steps", "seconds"),
    } <= set(report["images"][0])
    assert "5 protected" in ended.err


def test_json_goes_to_a_file(protect: Anamorph, photos: Path, tmp_path: Path) -> None:
    ended = protect(photos, "--json", tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["summary"]["protected"] == 5
    assert "5 protected" in ended.out


def test_json_that_cannot_be_written_is_said_before_any_work(
    protect: Anamorph, photos: Path, tmp_path: Path
) -> None:
    ended = protect(photos, "--json", tmp_path / "nowhere" / "report.json")
    assert ended.code == 2
    assert "report.json" in ended.err
    assert not (tmp_path / "out").exists()


def test_a_failing_picture_gives_1_and_its_name(
    protect: Anamorph, photos: Path, tmp_path: Path
) -> None:
    broken = photos / ("a very long name " * 8 + "broken.png")
    broken.write_bytes(b"broken")
    ended = protect(photos)
    assert ended.code == 1
    assert str(broken) in ended.err
    assert "5 protected, 0 done before, 1 failed" in ended.out


def test_resuming_skips_what_is_done(protect: Anamorph, photos: Path) -> None:
    protect(photos)
    assert "--resume" in protect(photos).err
    ended = protect(photos, "--resume")
    assert ended.code == 0
    assert "0 protected, 5 done before, 0 failed" in ended.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--epsilon", "0"),
        ("--epsilon", "300"),
        ("--epsilon", "nan"),
        ("--momentum", "2"),
        ("--labels", "nowhere.csv"),
        ("--max-megapixels", "0"),
        ("--metadata", "gps"),
    ],
)
def test_a_wrong_value_ends_with_2_and_one_line_and_no_output(
    protect: Anamorph, photos: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ended = protect(photos, *arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("model", ["nowhere.toml", "timm", "portraits:x"])
def test_a_wrong_model_ends_with_2_and_one_line_and_no_output(
    anamorph: Anamorph, photos: Path, tmp_path: Path, model: str
) -> None:
    ended = anamorph("protect", photos, "--out", tmp_path / "out", "--authorized", model)
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


NAMES = [
    "[red]x.png",
    "[bold] y.png",
    "back\\slash\\.png",
    "two  spaces.png",
    "Zoë 北京.png",
    "new\nline.png",
    "-dash.png",
    "%s {0}.png",
]


def test_names_of_all_kinds_survive(protect: Anamorph, tmp_path: Path, crop: Crop) -> None:
    folder = tmp_path / "[link=x] photos"
    folder.mkdir()
    for name in NAMES:
        Image.fromarray(crop("chelsea")).save(folder / name)
        (folder / f"broken {name}").write_bytes(b"broken")
    ended = protect(folder, "--json", "-")
    assert ended.code == 1
    images = json.loads(ended.out)["images"]
    assert {Path(i["output"]).name for i in images if i["output"]} == set(NAMES)
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == set(NAMES)
    for name in NAMES:
        assert f"broken {name}" in ended.err


def test_bytes_that_are_no_text_in_a_name_survive(
    protect: Anamorph, tmp_path: Path, crop: Crop
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    source = folder / b"caf\xe9.png".decode(errors="surrogateescape")
    Image.fromarray(crop("chelsea")).save(source)
    ended = protect(folder, "--json", tmp_path / "report.json")
    assert ended.code == 0
    (image,) = json.loads((tmp_path / "report.json").read_text())["images"]
    assert image["source"] == str(source)
    assert Path(image["output"]).exists()


def test_a_mistyped_source_writes_nothing(protect: Anamorph, tmp_path: Path) -> None:
    ended = protect(tmp_path / "typo")
    assert ended.code == 2
    assert "typo: no such file or folder" in ended.err
    assert not (tmp_path / "out").exists()


def test_what_failed_is_not_told_of_as_kept(protect: Anamorph, photos: Path) -> None:
    ended = protect(photos, "--epsilon", 0.1)
    assert ended.code == 1
    assert "0 protected, 0 done before, 5 failed" in ended.out
    assert "keeps" not in ended.out
    assert "reads" not in ended.out


def test_labels_that_the_model_never_reads_are_told_of(
    protect: Anamorph, photos: Path, tmp_path: Path
) -> None:
    json_ = tmp_path / "report.json"
    protect(photos, "--json", json_)
    rows = [
        f"{image['source']},{'ant' if image['prediction_before'] != 'ant' else 'bee'}"
        for image in json.loads(json_.read_text())["images"]
    ]
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join(["file,label", *rows]))
    (tmp_path / "out").rename(tmp_path / "before")
    ended = protect(photos, "--labels", labels)
    assert "reads none of the originals as labeled; check the labels" in ended.out


def test_workers_need_an_engine_that_has_some(
    protect: Anamorph, photos: Path, tmp_path: Path
) -> None:
    ended = protect(photos, "--workers", 2)
    assert ended.code == 2
    assert "--workers is for --engine ray" in ended.err
    assert not (tmp_path / "out").exists()


def test_figures_are_of_all_files_that_are_there(protect: Anamorph, photos: Path) -> None:
    first = protect(photos).out.splitlines()[-1]
    assert first.startswith("largest change")
    assert protect(photos, "--resume").out.splitlines()[-1] == first


def test_several_authorized_models_are_repeated(
    anamorph: Anamorph, card: MakeCard, photos: Path, tmp_path: Path
) -> None:
    ended = anamorph(
        *("protect", photos, "--out", tmp_path / "out", "--steps", 6),
        *("--authorized", card(), "--authorized", "portraits:identity-depthwise"),
        *("--json", tmp_path / "report.json"),
    )
    assert ended.code == 0
    told = " ".join(ended.out.split())
    assert "keeps 100.0% of its 5 right readings, from the files" in told
    assert "identity-depthwise keeps 100.0% of its 5 readings" in told
    assert "after jpeg75 all of them read" in told
    models = json.loads((tmp_path / "report.json").read_text())["models"]
    assert [one["name"] for one in models["also_authorized"]] == ["identity-depthwise"]


def test_a_model_that_is_authorized_twice_is_refused(
    anamorph: Anamorph, card: MakeCard, photos: Path, tmp_path: Path
) -> None:
    named = ("--authorized", card(), "--authorized", card())
    ended = anamorph("protect", photos, "--out", tmp_path / "out", *named)
    assert ended.code == 2
    assert "is authorized twice" in ended.err
    assert not (tmp_path / "out").exists()
