"""Labels from a CSV, and what a run does with them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from anamorph.app.labels import label_of, read_labels
from anamorph.app.records import PictureRecord, ProtectReport
from anamorph.errors import UsageError
from anamorph.models import Model

Protect = Callable[..., ProtectReport]
ByName = Callable[[ProtectReport], dict[str, PictureRecord]]
Csv = Callable[[str], Path]


@pytest.fixture
def csv(tmp_path: Path) -> Csv:
    def write(text: str) -> Path:
        path = tmp_path / "labels.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_labels_are_class_numbers_or_names(csv: Csv) -> None:
    path = csv("file,label\na.png,2\nb.png, dog \n")
    assert read_labels(path, ("ant", "bee", "cat", "dog")) == {"a.png": 2, "b.png": 3}


def test_columns_may_come_in_any_order_with_others_between(csv: Csv) -> None:
    assert read_labels(csv("label,split,file\n1,test,a.png\n")) == {"a.png": 1}


def test_a_byte_order_mark_quotes_and_commas_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b'\xef\xbb\xbffile,label\r\n"a, b.png","cat, tabby"\r\n')
    assert read_labels(path, ("dog", "cat, tabby")) == {"a, b.png": 1}


def test_a_name_that_looks_like_a_number_is_a_name(csv: Csv) -> None:
    assert read_labels(csv("file,label\na.png,7\n"), ("7", "3")) == {"a.png": 0}


def test_rows_that_agree_are_one(csv: Csv) -> None:
    assert read_labels(csv("file,label\na.png,1\n./a.png,1\n")) == {"a.png": 1}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "none"),
        ("name,class\na.png,1\n", "columns name, class"),
        ("file,label\na.png,unicorn\n", "line 2.*'unicorn'"),
        ("file,label\na.png,\n", "line 2"),
        ("file,label\na.png\n", "line 2"),
        ("file,label\na.png,-1\n", "'-1'"),
        ("file,label\na.png,1.5\n", "'1.5'"),
        ("file,label\na.png,²\n", "'²'"),
        ("file,label\na.png,1\n./a.png,2\n", "line 3: a.png has the label 2.* says 1"),
    ],
)
def test_a_csv_that_makes_no_sense_is_refused(csv: Csv, text: str, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        read_labels(csv(text), ("ant", "bee"))


def test_a_csv_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_labels(tmp_path / "labels.csv")
    (tmp_path / "labels.csv").write_bytes(b"file,label\n\xff\xfe,1\n")
    with pytest.raises(UsageError, match="UTF-8"):
        read_labels(tmp_path / "labels.csv")


def test_the_longest_end_of_a_path_decides() -> None:
    labels = {"cat.png": 1, "a/cat.png": 2}
    assert label_of(Path("/photos/a/cat.png"), labels) == 2
    assert label_of(Path("/photos/b/cat.png"), labels) == 1
    assert label_of(Path("/photos/b/tomcat.png"), labels) is None


def test_a_whole_path_in_the_csv_is_found(csv: Csv) -> None:
    labels = read_labels(csv("file,label\n/photos/a/cat.png,4\n"))
    assert label_of(Path("/photos/a/cat.png"), labels) == 4


def test_a_run_keeps_the_labels_it_is_given(
    run: Protect, photos: Path, tmp_path: Path, csv: Csv, by_name: ByName
) -> None:
    own = by_name(run(photos, tmp_path / "own"))
    rows = [f"{name},{record.prediction_before}" for name, record in own.items()]
    given = by_name(run(photos, tmp_path / "out", labels=csv("\n".join(["file,label", *rows]))))
    for name, record in given.items():
        assert record.label is not None
        assert record.kept
        assert record.prediction_after == own[name].prediction_before


def test_pictures_without_a_fitting_label_fail_and_the_others_do_not(
    run: Protect, photos: Path, tmp_path: Path, csv: Csv, by_name: ByName
) -> None:
    path = csv("file,label\nchelsea.png,0\ncoffee.png,5\nastronaut.jpg,bee\nmore/cup.png,1\n")
    records = by_name(run(photos, tmp_path / "out", labels=str(path)))
    assert "no row in the labels" in records["rocket.png"].reason
    assert "classes 0 to 4" in records["coffee.png"].reason
    assert {name for name, record in records.items() if record.status == "failed"} == {
        "rocket.png",
        "coffee.png",
    }
    assert records["astronaut.jpg"].label == 1


def test_a_picture_the_model_reads_wrongly_does_not_count_as_kept(
    run: Protect, photos: Path, tmp_path: Path, toy: Model
) -> None:
    right = run(photos / "chelsea.png", tmp_path / "own").images[0].prediction_before
    wrong = (toy.labels.index(str(right)) + 1) % 5
    report = run(photos / "chelsea.png", tmp_path / "out", labels={"chelsea.png": wrong})
    assert report.images[0].status == "protected"
    assert report.images[0].kept is None
    assert report.summary["authorized_kept"] is None


def test_labels_for_embeddings_are_refused(
    run: Protect, photos: Path, tmp_path: Path, embedder: Model
) -> None:
    with pytest.raises(UsageError, match="embeddings"):
        run(photos, tmp_path / "out", embedder, labels={"chelsea.png": 1})
