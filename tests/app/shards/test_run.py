"""Runs in shards with a use case that only copies: what goes where, and what is told of it."""

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from anamorph.app.shards.run import run
from anamorph.batch.shards import Here
from anamorph.errors import FileError, UsageError
from anamorph.files.remote import entries, exists, fetch, put, remove

pytest.importorskip("fsspec", reason="needs fsspec: pip install 'anamorph[cloud]'")
pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'anamorph[cloud]'")

Copies = Callable[..., Any]
FIVE = {name: name for name in ("ant", "bee", "cat", "dog", "emu")}
RESULTS = {f"{name}.png": name.upper().encode() for name in FIVE}


def test_every_picture_has_its_result_and_its_record_and_originals_stay(
    place: Any, copies: Copies
) -> None:
    place.fill(**FIVE)
    put(f"{place.source}/more/fox.webp", b"fox")
    put(f"{place.source}/notes.txt", b"no picture")
    before = [(entry, fetch(entry.url)) for entry in entries(place.source)]
    counted: list[int] = []
    told: list[tuple[str, str]] = []
    report = place.run(
        copies(), found=counted.append, done=lambda status, why: told.append((status, why))
    )
    assert report.ok
    assert report.counts == {"copied": 6}
    assert (counted, told) == ([6], [("copied", "")] * 6)
    assert place.results() == RESULTS | {"more/fox.png": b"FOX"}
    rows = place.rows()
    assert rows.keys() == {f"{name}.jpg" for name in FIVE} | {"more/fox.webp"}
    assert all(rows[e.relative]["stamp"] == e.stamp for e, _ in before if e.relative in rows)
    assert rows["more/fox.webp"]["output"] == f"{place.out}/more/fox.png"
    assert [(entry, fetch(entry.url)) for entry in entries(place.source)] == before


def test_the_report_counts_and_says_where_the_records_are(disk: Any, copies: Copies) -> None:
    disk.fill(**FIVE, fox="bad")
    told = disk.run(copies(), pictures=1).as_json()
    assert told["method"] == "copy"
    assert told["manifest"] == f"{disk.out}/manifest"
    seconds = told["summary"].pop("seconds")
    assert seconds > 0
    assert told["summary"] == {
        "images": 6,
        "copied": 5,
        "failed": 1,
        "kept": 1.0,
        "also_kept": {},
        "shards": 6,
    }
    reason = f"{disk.source}/fox.jpg: is bad"
    assert told["failed"] == [{"source": f"{disk.source}/fox.jpg", "reason": reason}]


def test_paths_of_all_kinds_do_as_urls_do(
    tmp_path: Path, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = Path("[red] photos 100%20 #1?")
    source.mkdir()
    names = ["two  spaces", "Zoë 北京", "new\nline", "-dash", "%s {0}", "back\\slash\\"]
    names.append(b"caf\xe9".decode(errors="surrogateescape"))
    for name in names:
        (source / f"{name}.jpg").write_bytes(name.encode(errors="surrogateescape"))
    report = run([source], "out of it", copies(), Here(), pictures=2)
    assert report.ok
    assert {path.name for path in Path("out of it").glob("*.png")} == {f"{n}.png" for n in names}
    report = run([source], "out of it", copies(), Here(), pictures=2, resume=True)
    assert report.counts == {"skipped": len(names)}


def test_results_inside_the_source_are_no_sources(disk: Any, copies: Copies) -> None:
    disk.fill(**FIVE)
    inside = replace(disk, out=f"{disk.source}/out")
    put(f"{inside.source}/outer/fox.jpg", b"fox")
    assert inside.run(copies()).counts == {"copied": 6}
    assert inside.run(copies(), resume=True).counts == {"skipped": 6}


@pytest.mark.parametrize("end", ["", "/"])
def test_results_cannot_go_where_the_originals_are(disk: Any, copies: Copies, end: str) -> None:
    disk.fill(**FIVE)
    before = entries(disk.source)
    with pytest.raises(UsageError, match="originals are never written to"):
        replace(disk, out=disk.source + end).run(copies())
    assert entries(disk.source) == before


def test_an_original_is_not_overwritten_where_both_folders_are_one_by_another_name(
    disk: Any, copies: Copies, tmp_path: Path
) -> None:
    put(f"{disk.source}/cat.png", b"cat")
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    report = replace(disk, out=f"file://{tmp_path}/link").run(copies())
    assert report.counts == {"failed": 1}
    assert fetch(f"{disk.source}/cat.png") == b"cat"


def test_what_this_run_did_not_write_is_not_overwritten(place: Any, copies: Copies) -> None:
    place.fill(**FIVE)
    put(f"{place.out}/cat.png", b"somebody's")
    for resume in (False, True):
        report = place.run(copies(), resume=resume)
        ((source, why),) = report.failures
        assert source == f"{place.source}/cat.jpg"
        assert f"{place.out}/cat.png: exists, and this run did not write it" in why
        assert fetch(f"{place.out}/cat.png") == b"somebody's"
        assert place.rows()["cat.jpg"]["output"] is None
    remove(f"{place.out}/cat.png")
    assert place.run(copies(), resume=True).counts == {"skipped": 4, "copied": 1}
    assert place.results() == RESULTS


def test_a_picture_that_two_sources_hold_is_taken_once(disk: Any, copies: Copies) -> None:
    disk.fill(**FIVE)
    sources = [disk.source, f"{disk.source}/cat.jpg", f"{disk.source}/"]
    report = run(sources, disk.out, copies(), Here(), pictures=2)
    assert report.counts == {"copied": 5}
    assert len(disk.rows()) == 5


@pytest.mark.parametrize("where", ["source", "out"])
def test_a_url_with_a_password_is_refused_before_anything_is_written(
    disk: Any, copies: Copies, tmp_path: Path, where: str
) -> None:
    disk.fill(**FIVE)
    with pytest.raises(UsageError, match="in the environment") as caught:
        replace(disk, **{where: "s3://somebody:hunter2@bucket/photos"}).run(copies())
    assert "hunter2" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_where_there_are_no_pictures_nothing_begins(disk: Any, copies: Copies) -> None:
    put(f"{disk.source}/notes.txt", b"no picture")
    with pytest.raises(UsageError, match="no pictures in file:///"):
        disk.run(copies())
    with pytest.raises(FileError, match="no such file or folder"):
        replace(disk, source=f"{disk.source}/nowhere").run(copies())
    with pytest.raises(UsageError, match="0 pictures in a shard"):
        disk.run(copies(), pictures=0)
    assert not exists(disk.out)


def test_pictures_do_not_stay_on_the_disk_of_a_worker(
    disk: Any, copies: Copies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.fill(**FIVE)
    (tmp_path / "desks").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "desks"))
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                           capture_output=True, check=True, text=True)  # fmt: skip
    for owner in (ended.stdout.strip(), os.getpid()):
        (tmp_path / f"desks/anamorph-shard-{owner}-x").mkdir()
    seen = Counter[int]()
    disk.run(copies(), done=lambda *_: seen.update([len(list((tmp_path / "desks").iterdir()))]))
    assert [path.name for path in (tmp_path / "desks").iterdir()] == [
        f"anamorph-shard-{os.getpid()}-x"
    ]
    assert seen == {1: 5}
