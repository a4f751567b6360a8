"""What people see says what was in it."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from anamorph.app.records import PictureRecord
from anamorph.cli.render import Bar, Counter, check_json, console, number, table, write_json
from anamorph.errors import NotWritten


def _shown(width: int, *rows: tuple[str, ...]) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width).print(table("title", ("a", "b"), rows))
    return stream.getvalue()


def test_markup_in_a_table_is_text() -> None:
    assert "[red]x[/red]" in _shown(80, ("[red]x[/red]", "back\\"))


def test_a_long_name_in_a_table_is_folded_and_not_cut() -> None:
    shown = _shown(40, ("abcdefghij" * 8, "why"))
    assert shown.count("abcdefghij"[0]) >= 8
    assert "…" not in shown


def test_a_figure_over_nothing_is_a_dash() -> None:
    assert number([None]) == "-"
    assert number([1.0, None, 2.0, 4.0]) == "2"
    assert number([1.0, 15.99999], max) == "16"


def test_progress_is_silent_where_nobody_watches(capfd: pytest.CaptureFixture[str]) -> None:
    with Bar("working", 10) as bar, Counter("counting") as counter:
        bar.expect(2)
        counter.expect(2)
        counter.advance("one")
        bar.done(PictureRecord(source="a.png", status="protected", steps=10))
    assert capfd.readouterr() == ("", "")


def test_a_failure_is_told_at_once_and_in_one_piece(capfd: pytest.CaptureFixture[str]) -> None:
    reason = "/a/" + "long/" * 40 + "[red]name.png: damaged"
    with Bar("working", 10) as bar:
        bar.done(PictureRecord(source="a.png", status="failed", reason=reason))
        assert capfd.readouterr().err == f"failed {reason}\n"


def test_tables_make_room_for_json(capfd: pytest.CaptureFixture[str]) -> None:
    console("-").print("[bold]to errors")
    console("file.json").print("[bold]to output")
    assert capfd.readouterr() == ("[bold]to output\n", "[bold]to errors\n")


def test_json_is_strict_and_whole(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = {"a": [1, None, "é\udce9\n"]}
    write_json("-", content)
    assert json.loads(capfd.readouterr().out) == content
    write_json(str(tmp_path / "a.json"), content)
    assert json.loads((tmp_path / "a.json").read_text()) == content
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json("-", {"a": float("nan")})
    assert capfd.readouterr().out == ""


def test_nothing_is_written_where_no_json_was_asked_for(
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_json(None, {})
    assert capfd.readouterr() == ("", "")


def test_json_that_has_no_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotWritten, match="nowhere"):
        check_json(str(tmp_path / "nowhere" / "a.json"))
    with pytest.raises(NotWritten, match="could not be written"):
        write_json(str(tmp_path), {})
    check_json(str(tmp_path / "a.json"))
    check_json("-")
    check_json(None)
