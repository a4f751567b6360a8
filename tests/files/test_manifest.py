import errno
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anamorph.errors import FileError, NotWritten, UsageError
from anamorph.files.manifest import NAME, Manifest, file_digest, records_in

_HEADER = {
    "version": "0.1.0",
    "created": "2026-01-02",
    "method": "fmd",
    "parameters": {"epsilon": 16.0, "steps": 100},
    "seed": 7,
    "models": {"authorized": "ab12"},
}
_RECORDS: list[dict[str, Any]] = [
    {"source": "a.jpg", "psnr": 33.5},
    {"source": "zo\u00eb\udcff.jpg", "psnr": None},
]


def _run(out: Path) -> Path:
    manifest = Manifest.start(out, _HEADER)
    for record in _RECORDS:
        manifest.append(record)
    return manifest.path


def test_a_run_is_a_header_and_a_line_for_every_picture(tmp_path: Path) -> None:
    path = _run(tmp_path / "new" / "out")
    header, *records = map(json.loads, path.read_text().splitlines())
    assert header == {"anamorph_manifest": 1, **_HEADER}
    assert records == _RECORDS


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    path = _run(tmp_path)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="add --resume or choose another --out"):
        Manifest.start(tmp_path, _HEADER)
    assert path.read_bytes() == before


def test_resume_gives_back_the_records_and_goes_on(tmp_path: Path) -> None:
    path = _run(tmp_path)
    later = {**_HEADER, "created": "later", "version": "0.2.0"}
    manifest, records = Manifest.resume(tmp_path, later)
    assert list(records) == _RECORDS
    manifest.append({"source": "b.jpg"})
    assert json.loads(path.read_text().splitlines()[-1]) == {"source": "b.jpg"}


def test_resume_where_nothing_started_starts(tmp_path: Path) -> None:
    manifest, records = Manifest.resume(tmp_path / "out", _HEADER)
    assert records == ()
    assert manifest.path.exists()


def test_a_manifest_torn_at_any_byte_is_resumed_with_its_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # a thousand of them take seconds
    path = _run(tmp_path)
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        lines = whole[:end].count(b"\n")
        manifest, records = Manifest.resume(tmp_path, _HEADER)
        assert list(records) == _RECORDS[: max(0, lines - 1)]
        manifest.append({"source": "next"})
        _, records = Manifest.resume(tmp_path, _HEADER)
        assert records[-1] == {"source": "next"}
        assert len(records) == max(0, lines - 1) + 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 8}, "seed was 7, now 8"),
        ({"parameters": {"epsilon": 8.0, "steps": 100}}, "parameters.epsilon was 16.0, now 8.0"),
        ({"models": {}}, 'models.authorized was "ab12", now absent'),
        ({"format": "png"}, 'format was absent, now "png"'),
    ],
)
def test_resume_refuses_another_run_and_names_what_differs(
    change: dict[str, Any], told: str, tmp_path: Path
) -> None:
    path = _run(tmp_path)
    torn = path.read_bytes() + b'{"torn'
    path.write_bytes(torn)
    with pytest.raises(UsageError, match=told):
        Manifest.resume(tmp_path, {**_HEADER, **change})
    assert path.read_bytes() == torn


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ([{"name": "b", "sha256": "2"}], "models was a, now b;"),
        ([{"name": "a", "sha256": "2"}], 'models 1.sha256 was "1", now "2";'),
        (
            [{"name": "a", "sha256": "1"}, {"name": "b", "sha256": "2"}],
            "models was a, now a and b;",
        ),
        ({"name": "b", "sha256": "2"}, "models was a, now b;"),
        ([], "models was a, now [];"),
    ],
)
def test_other_models_are_told_by_their_names(now: object, told: str, tmp_path: Path) -> None:
    Manifest.start(tmp_path, {"models": [{"name": "a", "sha256": "1"}]})
    with pytest.raises(UsageError, match=re.escape(told)):
        Manifest.resume(tmp_path, {"models": now})


def test_tuples_and_lists_are_the_same_setting(tmp_path: Path) -> None:
    Manifest.start(tmp_path, {"tap": ("a", "b")})
    assert Manifest.resume(tmp_path, {"tap": ["a", "b"]})[1] == ()


def test_a_manifest_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"anamorph_manifest": 2}\n')
    with pytest.raises(UsageError, match=r"newer anamorph \(manifest 2, .* 1\); update"):
        Manifest.resume(tmp_path, {})


@pytest.mark.parametrize("text", ["notes", "[1]\n", "{}\n", '{"a": 1}\n', "42"])
def test_a_file_that_is_no_manifest_is_left_alone(text: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(FileError, match=r"manifest\.jsonl: not a manifest"):
        Manifest.resume(tmp_path, _HEADER)
    assert (tmp_path / NAME).read_text() == text


@pytest.mark.parametrize("line", [b"{nonsense", b'{"a": NaN}', b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_line_is_named(line: bytes, tmp_path: Path) -> None:
    path = _run(tmp_path)
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(FileError, match=r"manifest\.jsonl: line 4 is damaged"):
        Manifest.resume(tmp_path, _HEADER)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", object()])
def test_what_json_cannot_hold_is_refused_and_not_written(value: Any, tmp_path: Path) -> None:
    path = _run(tmp_path)
    before = path.read_bytes()
    with pytest.raises(NotWritten, match="use null for NaN and infinity"):
        Manifest(path).append({"psnr": value})
    assert path.read_bytes() == before


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_line_that_cannot_be_saved_is_taken_back(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _run(tmp_path)
    before = path.read_bytes()

    def fail(descriptor: int) -> None:
        raise error

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fail)
        with pytest.raises((NotWritten, KeyboardInterrupt)):
            Manifest(path).append({"source": "b.jpg"})
    assert path.read_bytes() == before


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(st.dictionaries(st.text(), _JSON, max_size=4), max_size=3))
def test_any_json_comes_back_as_it_was(records: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / NAME).unlink(missing_ok=True)
    manifest = Manifest.start(tmp_path, _HEADER)
    for record in records:
        manifest.append(record)
    assert list(Manifest.resume(tmp_path, _HEADER)[1]) == records


def test_the_digest_of_a_file_is_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_digest(tmp_path / "a").startswith("ba7816bf8f01cfea")
    with pytest.raises(FileError, match="missing: cannot be read: No such file"):
        file_digest(tmp_path / "missing")


def test_the_records_of_a_run_can_be_read_without_going_on_with_it(tmp_path: Path) -> None:
    assert records_in(tmp_path) is None
    manifest = Manifest.start(tmp_path, {"method": "sealed"})
    manifest.append({"name": "a.png"})
    with manifest.path.open("ab") as stream:
        stream.write(b'{"torn": ')
    found = records_in(tmp_path)
    assert found is not None
    assert found[0]["method"] == "sealed"
    assert found[1] == ({"name": "a.png"},)
    assert manifest.path.read_bytes().endswith(b'{"torn": ')
