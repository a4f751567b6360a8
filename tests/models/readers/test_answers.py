from pathlib import Path

import pytest

from anamorph.errors import FileError, NotWritten
from anamorph.models.readers.answers import Answer, answers_in


def test_answers_are_there_again_in_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "out" / "answers.jsonl"
    first = answers_in(path, "card", 3)
    first.add("p", Answer(2, 0.5))
    first.add("q", Answer(-1))
    assert answers_in(path, "card", 3).known == {"p": Answer(2, 0.5), "q": Answer(-1)}


def test_answers_of_another_card_are_not_taken(tmp_path: Path) -> None:
    answers_in(tmp_path / "a", "one", 3).add("p", Answer(1))
    answers_in(tmp_path / "a", "two", 3).add("p", Answer(2))
    assert answers_in(tmp_path / "a", "one", 3).known == {"p": Answer(1)}


def test_a_torn_last_line_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    answers_in(path, "card", 3).add("p", Answer(1))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"card": "card", "pic')
    assert answers_in(path, "card", 3).known == {"p": Answer(1)}
    assert path.read_bytes() == whole


@pytest.mark.parametrize("content", [b"my notes", b"my notes\nof two lines\n", b"\x00"])
def test_somebody_elses_file_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(FileError, match="holds no answers of services"):
        answers_in(path, "card", 3)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[]",
        '{"card": "card"}',
        '{"card": "c", "picture": "p", "label": "1", "score": null}',
        '{"card": "c", "picture": "p", "label": 1, "score": 7}',
        '{"card": "c", "picture": "p", "label": 3, "score": null}',
        '{"card": "c", "picture": "p", "label": -2, "score": null}',
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a"
    answers_in(path, "c", 3).add("p", Answer(1))
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(FileError, match="line 3 is damaged"):
        answers_in(path, "c", 3)


def test_a_disk_that_refuses_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answers = answers_in(tmp_path / "file" / "a", "c", 3)
    with pytest.raises(NotWritten, match="could not be written"):
        answers.add("p", Answer(1))
