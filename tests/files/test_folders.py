import os
from pathlib import Path

import pytest

from anamorph.errors import FileError, UsageError
from anamorph.files.encoding import Format
from anamorph.files.folders import Listing, find, gather


def _touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def _pairs(listing: Listing, root: Path) -> list[tuple[str, str]]:
    return [
        (str(item.source.relative_to(root)), str(item.output.relative_to(root)))
        for item in listing.items
    ]


def test_folders_keep_their_tree_in_a_fixed_order(tmp_path: Path) -> None:
    _touch(tmp_path, "in/b.jpg", "in/a.JPEG", "in/z/c.tiff", "in/m/n/d.webp", "single.bmp")
    listing = find([tmp_path / "single.bmp", tmp_path / "in"], tmp_path / "out")
    assert _pairs(listing, tmp_path) == [
        ("single.bmp", "out/single.png"),
        ("in/a.JPEG", "out/a.png"),
        ("in/b.jpg", "out/b.png"),
        ("in/m/n/d.webp", "out/m/n/d.png"),
        ("in/z/c.tiff", "out/z/c.png"),
    ]
    assert (listing.problems, listing.ignored) == ((), 0)


def test_hidden_entries_and_other_files_are_counted_and_passed_over(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.jpg", "in/.b.jpg", "in/.git/c.jpg", "in/notes.txt", "in/movie.mp4")
    listing = find([tmp_path / "in"], tmp_path / "out")
    assert _pairs(listing, tmp_path) == [("in/a.jpg", "out/a.png")]
    assert listing.ignored == 4


def test_a_file_named_by_itself_is_always_taken(tmp_path: Path) -> None:
    _touch(tmp_path, ".hidden.jpg", "odd.dat")
    listing = find([tmp_path / ".hidden.jpg", tmp_path / "odd.dat"], tmp_path / "out")
    assert [item.output.name for item in listing.items] == [".hidden.png", "odd.png"]


def test_pictures_we_cannot_read_are_taken_so_that_reading_reports_them(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.heic", "in/b.gif")
    assert len(find([tmp_path / "in"], tmp_path / "out").items) == 2


@pytest.mark.parametrize(
    ("format", "name"), [("png", "a.b.png"), ("webp", "a.b.webp"), ("keep", "a.b.JPG")]
)
def test_the_format_gives_the_suffix(format: Format, name: str, tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.b.JPG")
    (item,) = find([tmp_path / "in"], tmp_path / "out", format=format).items
    assert item.output == tmp_path / "out" / name


def test_results_inside_a_source_are_not_taken_by_a_second_run(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.jpg", "in/out/a.png", "in/out/sub/b.png")
    listing = find([tmp_path / "in"], tmp_path / "in" / "out")
    assert _pairs(listing, tmp_path) == [("in/a.jpg", "in/out/a.png")]


def test_out_reached_through_a_link_is_not_taken_either(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.jpg", "out/a.png")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    listing = find([tmp_path / "in"], tmp_path / "out")
    assert _pairs(listing, tmp_path) == [("in/a.jpg", "out/a.png")]


def test_out_that_is_a_source_is_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    for out in (tmp_path / "in", tmp_path / "in" / ".." / "in", tmp_path / "link"):
        with pytest.raises(UsageError, match="choose another --out"):
            find([tmp_path / "in"], out)


def test_a_result_that_would_replace_its_source_is_a_problem(tmp_path: Path) -> None:
    _touch(tmp_path, "a.png", "b.jpg")
    listing = find([tmp_path / "a.png", tmp_path / "b.jpg"], tmp_path)
    assert _pairs(listing, tmp_path) == [("b.jpg", "b.png")]
    (problem,) = listing.problems
    assert "would be overwritten by its own result" in str(problem.error)


@pytest.mark.parametrize(
    "names", [("a.jpg", "a.png"), ("A.jpg", "a.png"), ("é.jpg", "e\u0301.png")]
)
def test_all_that_would_become_one_file_are_problems(
    names: tuple[str, str], tmp_path: Path
) -> None:
    one, two = names
    _touch(tmp_path, f"in/{one}", f"in/{two}", "in/other.jpg")
    listing = find([tmp_path / "in"], tmp_path / "out")
    assert _pairs(listing, tmp_path) == [("in/other.jpg", "out/other.png")]
    errors = {problem.path.name: problem.error for problem in listing.problems}
    assert errors.keys() == {one, two}
    assert two in str(errors[one])
    assert "--format keep" in str(errors[one])
    if one.lower() == one:
        assert len(find([tmp_path / "in"], tmp_path / "out", format="keep").items) == 3


def test_two_folders_with_one_name_clash(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.jpg", "more/a.jpg")
    listing = find([tmp_path / "in", tmp_path / "more"], tmp_path / "out")
    assert (len(listing.items), len(listing.problems)) == (0, 2)


def test_a_picture_named_twice_is_taken_once(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.jpg")
    sources = [tmp_path / "in", tmp_path / "in" / "a.jpg", tmp_path / "in" / ".." / "in"]
    assert len(find(sources, tmp_path / "out").items) == 1


def test_loops_of_links_come_to_an_end_and_lose_nothing(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a/a.jpg", "in/b/b.jpg", "elsewhere/c.jpg")
    (tmp_path / "in" / "a" / "up").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "a" / "b").symlink_to(tmp_path / "in" / "b")
    (tmp_path / "in" / "b" / "a").symlink_to(tmp_path / "in" / "a")
    (tmp_path / "in" / "b" / "elsewhere").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "self").symlink_to(tmp_path / "in" / "self")
    listing = find([tmp_path / "in"], tmp_path / "out")
    assert _pairs(listing, tmp_path) == [
        ("in/a/a.jpg", "out/a/a.png"),
        ("in/b/b.jpg", "out/b/b.png"),
        ("in/b/elsewhere/c.jpg", "out/b/elsewhere/c.png"),
    ]


def test_a_missing_source_is_a_problem_and_the_others_go_on(tmp_path: Path) -> None:
    _touch(tmp_path, "a.jpg")
    listing = find([tmp_path / "gone", tmp_path / "a.jpg"], tmp_path / "out")
    assert len(listing.items) == 1
    (problem,) = listing.problems
    assert problem.path == tmp_path / "gone"
    assert "gone: no such file or folder" in str(problem.error)


def test_an_unreadable_folder_is_a_problem_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _touch(tmp_path, "in/a.jpg", "in/locked/b.jpg", "in/z.jpg")
    listed = Path.iterdir

    def refuse(self: Path) -> object:
        if self.name == "locked":
            raise PermissionError(13, os.strerror(13))
        return listed(self)

    monkeypatch.setattr(Path, "iterdir", refuse)
    listing = find([tmp_path / "in"], tmp_path / "out")
    assert [item.source.name for item in listing.items] == ["a.jpg", "z.jpg"]
    (problem,) = listing.problems
    assert isinstance(problem.error, FileError)
    assert "locked: cannot be read: Permission denied" in str(problem.error)


def test_pictures_that_are_only_read_may_share_their_names(tmp_path: Path) -> None:
    _touch(tmp_path, "a/1.jpg", "a/1.png", "b/1.png", "b/notes.txt", "b/out/2.png")
    found = gather([tmp_path / "a", tmp_path / "b", tmp_path / "c"], tmp_path / "b" / "out")
    assert [str(path.relative_to(tmp_path)) for path in found.pictures] == [
        "a/1.jpg",
        "a/1.png",
        "b/1.png",
    ]
    assert [problem.path.name for problem in found.problems] == ["c"]
