"""Results go to their places, and the record goes first."""

import hashlib
import json
from pathlib import Path

import pytest

from anamorph.app.ledger import check_free
from anamorph.app.protect.results import Outcome, Run, failure
from anamorph.app.records import PictureRecord
from anamorph.errors import NotAnImage, NotWritten
from anamorph.files.manifest import Manifest

DATA = b"a protected picture"


def _outcome(output: Path, data: bytes = DATA) -> Outcome:
    record = PictureRecord(
        source="a.png",
        output=str(output),
        status="protected",
        output_sha256=hashlib.sha256(DATA).hexdigest(),
    )
    return Outcome(record, data)


def _statuses(out: Path) -> list[str]:
    lines = (out / "manifest.jsonl").read_text().splitlines()
    return [json.loads(line)["status"] for line in lines[1:]]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def run(out: Path) -> Run:
    return Run(manifest=Manifest.start(out, {}), done=None)


def test_a_finished_picture_is_recorded_and_put_in_its_place(run: Run, out: Path) -> None:
    run.settle(_outcome(out / "sub" / "a.png"))
    assert (out / "sub" / "a.png").read_bytes() == DATA
    assert _statuses(out) == ["protected"]
    assert [record.status for record in run.records] == ["protected"]


def test_a_file_that_reads_back_differently_has_failed(run: Run, out: Path) -> None:
    run.settle(_outcome(out / "a.png", b"other bytes than the record says"))
    assert _statuses(out) == ["protected", "failed"]
    assert [record.status for record in run.records] == ["failed"]
    assert "reads back differently" in run.records[0].reason
    assert not (out / "a.png").exists()


def test_what_is_not_ours_stays_and_is_never_recorded_as_a_result(run: Run, out: Path) -> None:
    (out / "a.png").write_bytes(b"mine")
    run.settle(_outcome(out / "a.png"))
    assert (out / "a.png").read_bytes() == b"mine"
    assert _statuses(out) == ["failed"]
    assert run.records[0].output is None


def test_what_is_ours_is_replaced(out: Path) -> None:
    place = out / "a.png"
    run = Run(manifest=Manifest.start(out, {}), done=None, ours=frozenset({place.absolute()}))
    place.write_bytes(b"the result of an earlier run")
    run.settle(_outcome(place))
    assert place.read_bytes() == DATA


def test_a_record_without_a_file_is_only_told(run: Run, out: Path) -> None:
    told: list[PictureRecord] = []
    record = PictureRecord(source="a.png", status="failed", reason="why")
    Run(manifest=run.manifest, done=told.append).settle(Outcome(record))
    assert told == [record]
    assert _statuses(out) == ["failed"]
    assert {path.name for path in out.iterdir()} == {"manifest.jsonl"}


def test_a_record_that_json_cannot_hold_fails_its_picture_alone(run: Run, out: Path) -> None:
    outcome = _outcome(out / "a.png")
    broken = PictureRecord(
        source="a.png", output=outcome.record.output, status="protected", ssim=float("nan")
    )
    run.settle(Outcome(broken, DATA))
    assert _statuses(out) == ["failed"]
    assert not (out / "a.png").exists()


def test_a_broken_link_also_takes_a_place(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(NotWritten, match="exists"):
        check_free(tmp_path / "a.png")
    check_free(tmp_path / "b.png")


def test_errors_of_ours_speak_for_themselves_and_others_are_named() -> None:
    assert failure(Path("a.png"), NotAnImage("a.png: damaged")).reason == "a.png: damaged"
    assert failure(Path("a.png"), ValueError("odd")).reason == "a.png: ValueError: odd"
