"""Files behind URLs: of this disk, of memory, and of an S3 of our own."""

import os
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from anamorph.errors import FileError, MissingExtra, NotWritten, UsageError
from anamorph.files import remote
from anamorph.files.remote import entries, exists, fetch, is_url, names, put, remove, url_of

pytest.importorskip("fsspec", reason="needs fsspec: pip install 'anamorph[cloud]'")

Put = Callable[..., None]
_NUMBERS = count(1)


@pytest.fixture(params=["file", "memory", "s3"])
def top(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty folder."""
    match request.param:
        case "file":
            yield f"file://{tmp_path}"
        case "memory":
            url = f"memory://folder-{next(_NUMBERS)}"
            yield url
            for entry in entries(url) if exists(url) else ():
                remove(entry.url)
        case _:
            yield f"{request.getfixturevalue('bucket')}/deep"


NAMES = [
    "a.png",
    "below/b.png",
    "below/two  spaces.png",
    "below/Zoë 北京.png",
    "below/[red] {0} 100%20 + #1?v=2&w.png",
    "zz",
]


def test_everything_below_a_folder_is_found_in_order_and_comes_back(top: str) -> None:
    for name in reversed(NAMES):
        put(f"{top}/{name}", name.encode())
    found = entries(top)
    assert [entry.relative for entry in found] == sorted(NAMES)
    for entry in found:
        assert entry.url == f"{top}/{entry.relative}"
        assert entry.size == len(entry.relative.encode())
        assert fetch(entry.url) == entry.relative.encode()


def test_hidden_files_and_folders_are_passed_over(top: str) -> None:
    for name in ("a.png", ".b.png", ".cache/c.png", "below/.git/d.png", "below/.e.png"):
        put(f"{top}/{name}", b"x")
    assert [entry.relative for entry in entries(top)] == ["a.png"]


def test_links_to_folders_are_followed_and_each_real_folder_is_listed_once(tmp_path: Path) -> None:
    for name in ("in/a.png", "in/real/b.png", "elsewhere/c.png", "out/d.png"):
        put(f"file://{tmp_path}/{name}", b"x")
    top = tmp_path / "in"
    for link, to in {"album": "elsewhere", "again": "in/real", "loop": "in", "done": "out"}.items():
        (top / link).symlink_to(tmp_path / to)
    (top / "gone").symlink_to(tmp_path / "nowhere")
    found = entries(f"file://{top}", without=f"file://{tmp_path}/out")
    assert [entry.relative for entry in found] == ["a.png", "album/c.png", "real/b.png"]
    assert fetch(found[1].url) == b"x"


def test_a_folder_to_leave_out_is_passed_over(top: str) -> None:
    for name in ("a.png", "out/b.png", "outer/c.png"):
        put(f"{top}/{name}", b"x")
    found = entries(top, without=f"{top}/out")
    assert [entry.relative for entry in found] == ["a.png", "outer/c.png"]


def test_a_single_file_is_found_by_its_name(top: str) -> None:
    put(f"{top}/below/a.png", b"four")
    (entry,) = entries(f"{top}/below/a.png")
    assert (entry.url, entry.relative, entry.size) == (f"{top}/below/a.png", "a.png", 4)


def test_a_file_has_one_stamp_however_it_is_found(bucket: str, tmp_path: Path) -> None:
    for top in (bucket, f"file://{tmp_path}"):
        put(f"{top}/a.png", b"x")
        (alone,), (within,) = entries(f"{top}/a.png"), entries(top)
        assert alone.stamp == within.stamp != ""


def test_a_slash_at_the_end_of_a_url_makes_no_difference(top: str) -> None:
    put(f"{top}/a.png", b"x")
    assert entries(url_of(f"{top}/")) == entries(top)


def test_where_nothing_is_a_listing_fails_and_names_the_url(top: str) -> None:
    with pytest.raises(FileError, match="nowhere: no such file or folder"):
        entries(f"{top}/nowhere")


def test_an_empty_folder_has_no_entries(tmp_path: Path) -> None:
    assert entries(f"file://{tmp_path}") == ()


@pytest.mark.parametrize("change", [b"others", b"longer than before"])
def test_the_stamp_or_the_size_changes_with_the_content_and_with_nothing_else(
    top: str, change: bytes
) -> None:
    put(f"{top}/a.png", b"before")
    put(f"{top}/b.png", b"before")
    before = {entry.relative: (entry.size, entry.stamp) for entry in entries(top)}
    assert all(stamp for _, stamp in before.values())
    put(f"{top}/a.png", change)
    after = {entry.relative: (entry.size, entry.stamp) for entry in entries(top)}
    assert after["a.png"] != before["a.png"]
    assert after["b.png"] == before["b.png"]


def test_what_others_change_is_seen_at_once(bucket: str, object_store: str) -> None:
    put(f"{bucket}/a.png", b"before")
    (before,) = entries(f"{bucket}/a.png")
    client = import_module("boto3").client("s3", endpoint_url=object_store)
    client.put_object(Bucket=bucket.removeprefix("s3://"), Key="a.png", Body=b"others")
    assert entries(f"{bucket}/a.png") != (before,)
    assert fetch(f"{bucket}/a.png") == b"others"
    client.delete_object(Bucket=bucket.removeprefix("s3://"), Key="a.png")
    assert not exists(f"{bucket}/a.png")
    assert names(bucket) == frozenset()


def test_names_are_those_of_one_folder_and_none_where_there_is_none(top: str) -> None:
    for name in ("a.png", "b.parquet", "below/c.png"):
        put(f"{top}/{name}", b"x")
    assert names(top) == {"a.png", "b.parquet", "below"}
    assert names(f"{top}/nowhere") == frozenset()


def test_a_file_is_there_until_it_is_removed_and_removing_twice_is_no_error(top: str) -> None:
    url = f"{top}/a.png"
    assert not exists(url)
    put(url, b"x")
    assert exists(url)
    remove(url)
    assert not exists(url)
    remove(url)


def test_what_is_not_there_cannot_be_fetched(top: str) -> None:
    with pytest.raises(FileError, match=r"a\.png: is not there"):
        fetch(f"{top}/a.png")


def test_a_file_can_be_replaced(top: str) -> None:
    put(f"{top}/a.png", b"a longer content")
    put(f"{top}/a.png", b"short")
    assert fetch(f"{top}/a.png") == b"short"


def test_a_file_of_the_disk_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(f"file://{tmp_path}/a.png", b"before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotWritten, match="free some space"):
        put(f"file://{tmp_path}/a.png", b"after")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.png": b"before"}


def test_a_bucket_that_is_not_there_is_told_of(bucket: str) -> None:
    with pytest.raises(FileError, match="s3://no-such-bucket/x: is not there"):
        entries("s3://no-such-bucket/x")
    with pytest.raises(NotWritten, match=r"s3://no-such-bucket/x: cannot be written: .*bucket"):
        put("s3://no-such-bucket/x", b"x")
    assert not exists("s3://no-such-bucket/x")


def test_a_storage_that_refuses_is_told_of_in_one_line(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Any:
        raise PermissionError("Access Denied")

    system = import_module("s3fs").S3FileSystem()
    monkeypatch.setattr(system, "find", refuse)
    monkeypatch.setattr(system, "pipe_file", refuse)
    with pytest.raises(FileError, match="access denied; check the credentials"):
        entries(bucket)
    with pytest.raises(NotWritten, match="cannot be written: Access Denied"):
        put(f"{bucket}/a.png", b"x")


@pytest.mark.parametrize(
    "url",
    [
        "s3://somebody:hunter2@bucket/photos",
        "s3://hunter2@bucket/photos",
        "s3://somebody:hun/ter2@bucket/photos",
        "https://somebody:hunter2@example.org:8080/photos",
    ],
)
def test_credentials_in_a_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="in the environment") as caught:
        url_of(url)
    assert "hun" not in str(caught.value)
    assert "somebody" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket/icon@2x.png",
        "s3://bucket/12:30.png",
        "hdfs://namenode:8020/photos",
        "http://[::1]:9000/photos",
        "file:///photos/a:b@c",
    ],
)
def test_what_is_no_credential_stays_as_it_is(url: str) -> None:
    assert url_of(url) == url


@pytest.mark.parametrize("name", ["photos", "my photos", "Zoë 100%20 #1?", "a+b&c"])
def test_a_path_becomes_a_url_that_leads_to_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "a.png").write_bytes(b"here")
    monkeypatch.chdir(tmp_path)
    for place in (tmp_path / name, str(tmp_path / name), Path(name), f"./{name}"):
        url = url_of(place)
        assert is_url(url)
        assert not is_url(place)
        (entry,) = entries(url)
        assert fetch(entry.url) == b"here"
    put(f"{url_of(name)}/b.png", b"there")
    assert (tmp_path / name / "b.png").read_bytes() == b"there"


@pytest.mark.parametrize("call", [entries, names, exists, fetch, remove, lambda u: put(u, b"x")])
def test_an_unknown_kind_of_url_is_the_callers_mistake(call: Callable[[str], object]) -> None:
    with pytest.raises(UsageError, match="pigeon"):
        call("pigeon://loft/photos")


@pytest.mark.parametrize("call", [entries, names, exists, fetch, remove, lambda u: put(u, b"x")])
def test_without_fsspec_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, call: Callable[[str], object]
) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(remote, "import_module", missing)
    with pytest.raises(MissingExtra, match=r"anamorph\[cloud\]"):
        call("memory://a.png")


@pytest.mark.parametrize("call", [entries, names, exists, fetch, remove, lambda u: put(u, b"x")])
def test_without_the_library_of_a_storage_it_is_named(
    monkeypatch: pytest.MonkeyPatch, call: Callable[[str], object]
) -> None:
    core = import_module("fsspec.core")

    def missing(url: str) -> Any:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(core, "url_to_fs", missing)
    with pytest.raises(MissingExtra, match="s3://bucket/photos: Install s3fs"):
        call("s3://bucket/photos")
