"""`anamorph protect`, `hide` and `reveal` over URLs."""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from anamorph.cli import passphrase
from anamorph.files import remote
from anamorph.keys import file as key_file
from anamorph.keys import key as keys
from anamorph.keys.lock import Cost

pytest.importorskip("fsspec", reason="needs fsspec: pip install 'anamorph[cloud]'")
pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'anamorph[cloud]'")

Anamorph = Callable[..., Any]
Card = Callable[..., Path]


@pytest.fixture
def protect(anamorph: Anamorph, card: Card, photos: Path, tmp_path: Path) -> Anamorph:
    """Protects the photos over URLs with few steps."""

    def run(*arguments: object, out: str = f"file://{tmp_path}/out") -> Any:
        model = ("--authorized", card(), "--steps", 3)
        return anamorph("protect", f"file://{photos}", "--out", out, *model, *arguments)

    return run


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "a.amkey"
    key_file.write(keys.new("sealed"), path)
    return path


def test_photos_are_protected_over_urls_and_what_was_done_is_told(
    protect: Anamorph, tmp_path: Path
) -> None:
    ended = protect("--json", tmp_path / "report.json")
    assert ended.code == 0, ended.err
    assert "5 protected, 0 done before, 0 failed" in ended.out
    assert f"file://{tmp_path}/out/manifest/*.parquet" in ended.out
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["method"] == "fmd"
    assert report["parameters"]["steps"] == 3
    assert report["manifest"] == f"file://{tmp_path}/out/manifest"
    summary = report["summary"]
    assert (summary["images"], summary["protected"], summary["kept"]) == (5, 5, 1.0)
    assert report["failed"] == []
    assert len(list((tmp_path / "out").rglob("*.png"))) == 5


def test_a_report_on_standard_output_is_nothing_but_json(protect: Anamorph, photos: Path) -> None:
    (photos / "broken.png").write_bytes(b"broken")
    ended = protect("--json", "-")
    assert ended.code == 1
    report = json.loads(ended.out)
    assert report["summary"]["failed"] == 1
    assert report["failed"][0]["source"] == f"file://{photos}/broken.png"
    assert "5 protected" in ended.err


def test_a_failed_picture_is_named_and_a_mended_one_joins(protect: Anamorph, photos: Path) -> None:
    good = (photos / "rocket.png").read_bytes()
    (photos / "rocket.png").write_bytes(b"broken")
    ended = protect("--shard", 2)
    assert ended.code == 1
    assert "4 protected, 0 done before, 1 failed" in ended.out
    assert "rocket.png" in ended.err
    ended = protect()
    assert ended.code == 2
    assert "add --resume" in ended.err
    (photos / "rocket.png").write_bytes(good)
    ended = protect("--resume", "--shard", 2)
    assert ended.code == 0, ended.err
    assert "1 protected, 4 done before, 0 failed" in ended.out


def test_one_url_is_enough_to_run_in_shards(
    anamorph: Anamorph, card: Card, photos: Path, tmp_path: Path
) -> None:
    model = ("--authorized", card(), "--steps", 3)
    ended = anamorph("protect", photos, "--out", f"file://{tmp_path}/one", *model)
    assert ended.code == 0, ended.err
    assert (tmp_path / "one/manifest/run.json").exists()
    ended = anamorph("protect", f"file://{photos}", "--out", tmp_path / "two", *model)
    assert ended.code == 0, ended.err
    assert (tmp_path / "two/manifest/run.json").exists()
    ended = anamorph("protect", photos, "--out", tmp_path / "three", *model)
    assert ended.code == 0, ended.err
    assert (tmp_path / "three/manifest.jsonl").exists()


def test_photos_are_hidden_and_revealed_over_urls(
    anamorph: Anamorph, card: Card, photos: Path, tmp_path: Path, key: Path
) -> None:
    hidden, back = f"file://{tmp_path}/hidden", f"file://{tmp_path}/back"
    secret = key_file.read(key).secret.reveal().hex()
    ended = anamorph("hide", f"file://{photos}", "--out", hidden, "--service", card(), "--key",
                     key, "--preset", "fast", "--json", "-")  # fmt: skip
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["summary"]["hidden"] == 5
    assert secret not in ended.out + ended.err
    ended = anamorph("reveal", hidden, "--out", back, "--key", key)
    assert ended.code == 0, ended.err
    assert "5 revealed, 0 done before, 0 failed" in ended.out
    for path in photos.rglob("*.*"):
        assert (tmp_path / "back" / path.relative_to(photos)).read_bytes() == path.read_bytes()
    ended = anamorph("reveal", hidden, "--out", back, "--key", key, "--resume")
    assert "0 revealed, 5 done before, 0 failed" in ended.out


def test_a_revealed_photo_never_replaces_another_of_its_name(
    anamorph: Anamorph, card: Card, photos: Path, tmp_path: Path, key: Path
) -> None:
    hidden, back = tmp_path / "hidden", f"file://{tmp_path}/back"
    for one, folder in (("chelsea", "a"), ("coffee", "b")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "0.png").write_bytes((photos / f"{one}.png").read_bytes())
        ended = anamorph("hide", tmp_path / folder, "--out", hidden / folder, "--service", card(),
                         "--key", key, "--preset", "fast")  # fmt: skip
        assert ended.code == 0, ended.err
    reveal = ("reveal", f"file://{hidden}", "--out", back, "--key", key, "--shard", 1)
    for again in ((), ("--resume",)):
        ended = anamorph(*reveal, *again)
        assert ended.code == 1
        assert "1 failed" in ended.out
        assert f"{back}/0.png: exists, and another picture's result is in it" in ended.err
        there = (tmp_path / "back/0.png").read_bytes()
        assert there == (photos / "chelsea.png").read_bytes()


@pytest.mark.parametrize("command", ["hide", "reveal"])
@pytest.mark.parametrize("given", [True, False])
def test_a_locked_key_is_refused_and_nobody_is_asked_for_its_passphrase(
    anamorph: Anamorph,
    card: Card,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    given: bool,
) -> None:
    path, words = tmp_path / "locked.amkey", tmp_path / "words.txt"
    cheap = Cost(memory_kib=2**13, passes=1, lanes=1)
    key_file.write(keys.new("sealed"), path, b"open sesame", cost=cheap)
    words.write_bytes(b"open sesame")

    def asked(*_: object, **__: object) -> bytes:
        raise AssertionError("asked for a passphrase")

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(passphrase, "_asked", asked)
    service = ("--service", card()) if command == "hide" else ()
    unlocking = ("--passphrase-file", words) if given else ()
    ended = anamorph(command, f"file://{photos}", "--out", f"file://{tmp_path}/out", "--key", path,
                     *service, *unlocking)  # fmt: skip
    assert ended.code == 2
    assert "is locked, and workers cannot ask" in ended.err
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--workers", 2), "--workers is for --engine ray"),
        (("--shard", 0), "--shard"),
        (("--engine", "pigeons"), "--engine"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_before_anything_is_written(
    protect: Anamorph, tmp_path: Path, arguments: tuple[object, ...], said: str
) -> None:
    ended = protect(*arguments)
    assert ended.code == 2
    assert said in ended.err
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("pigeon://loft/photos", "pigeon"),
        ("s3://somebody:hunter2@bucket/out", "credentials in the environment"),
    ],
)
def test_a_place_that_cannot_be_is_refused_in_one_line(
    protect: Anamorph, out: str, said: str
) -> None:
    ended = protect(out=out)
    assert ended.code == 2
    assert said in ended.err
    assert "hunter2" not in ended.out + ended.err
    assert ended.err.count("\n") == 1


def test_where_nothing_can_be_written_nothing_is_begun(protect: Anamorph, photos: Path) -> None:
    ended = protect(out=f"file://{photos}/rocket.png/out")
    assert ended.code == 2
    assert "a file stands where a folder is needed; choose another --out" in ended.err
    assert ended.err.count("\n") == 1


NAMES = [
    "[red]x.png",
    "[bold] y.png",
    "back\\slash\\.png",
    "two  spaces.png",
    "Zoë 北京.png",
    "new\nline.png",
    "-dash.png",
    "%20 #1?.png",
    b"caf\xe9.png".decode(errors="surrogateescape"),
]


def test_names_of_all_kinds_survive(
    anamorph: Anamorph, card: Card, photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "[link=x] 100% photos"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes((photos / "chelsea.png").read_bytes())
        (folder / f"broken {name}").write_bytes(b"broken")
    ended = anamorph("protect", folder, "--out", f"file://{tmp_path}/out", "--authorized", card(),
                     "--steps", 3, "--json", tmp_path / "report.json")  # fmt: skip
    assert ended.code == 1, ended.err
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["summary"]["protected"], report["summary"]["failed"]) == (len(NAMES),) * 2
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == set(NAMES)
    assert {row["source"] for row in report["failed"]} == {
        f"file://{folder}/broken {name}" for name in NAMES
    }


def test_a_source_that_is_not_there_is_told_of(
    anamorph: Anamorph, card: Card, tmp_path: Path
) -> None:
    ended = anamorph(
        "protect", f"file://{tmp_path}/none", "--out", tmp_path / "out", "--authorized", card()
    )
    assert ended.code == 2
    assert f"error: file://{tmp_path}/none: no such file or folder" in ended.err
    assert not (tmp_path / "out").exists()


def test_without_its_library_the_extra_is_named(
    protect: Anamorph, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing(name: str) -> Any:
        if name.startswith("fsspec"):
            raise ImportError(name)
        return import_module(name)

    monkeypatch.setattr(remote, "import_module", missing)
    ended = protect()
    assert ended.code == 2
    assert "pip install 'anamorph[cloud]'" in ended.err
    assert not (tmp_path / "out").exists()


def test_a_run_that_is_stopped_goes_on(protect: Anamorph, monkeypatch: pytest.MonkeyPatch) -> None:
    records = import_module("anamorph.app.shards.records")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(records.Records, "finish", stop)
        ended = protect("--shard", 2)
    assert ended.code == 130
    assert "go on with --resume" in ended.err
    ended = protect("--resume", "--shard", 2)
    assert ended.code == 0, ended.err
    assert "5 protected, 0 done before, 0 failed" in ended.out
