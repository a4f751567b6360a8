"""Which protected file was made of which original."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anamorph.app.audit.pairs import Paired, pairs
from anamorph.errors import UsageError
from anamorph.files.manifest import Manifest

Fill = Callable[..., Path]
NOWHERE = Path("nowhere")


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """Makes a folder with tiny pictures of these names."""

    def make(folder: str, *names: str) -> Path:
        top = tmp_path / folder
        top.mkdir(exist_ok=True)
        for name in names:
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(top / name)
        return top

    return make


def _told(paired: Paired, a: Path, b: Path) -> dict[str, str]:
    return {
        i.source.relative_to(a).as_posix(): i.output.relative_to(b).as_posix() for i in paired.items
    }


def test_files_pair_by_their_path_without_the_suffix(fill: Fill) -> None:
    a, b = (
        fill("a", "x.jpg", "sub/x.jpg", "sub/y.png"),
        fill("b", "x.png", "sub/x.png", "sub/y.png"),
    )
    assert _told(pairs(a, b, NOWHERE), a, b) == {
        "x.jpg": "x.png",
        "sub/x.jpg": "sub/x.png",
        "sub/y.png": "sub/y.png",
    }


def test_the_same_name_with_its_suffix_comes_first(fill: Fill) -> None:
    a, b = fill("a", "x.jpg", "x.png"), fill("b", "x.jpg", "x.png")
    assert _told(pairs(a, b, NOWHERE), a, b) == {"x.jpg": "x.jpg", "x.png": "x.png"}


def test_files_that_moved_pair_by_name(fill: Fill) -> None:
    a, b = fill("a", "deep/down/x.jpg"), fill("b", "x.png")
    assert _told(pairs(a, b, NOWHERE), a, b) == {"deep/down/x.jpg": "x.png"}


def test_what_the_manifest_tells_counts_more_than_names(fill: Fill) -> None:
    a, b = fill("a", "x.jpg", "y.jpg"), fill("b", "x.png", "y.png")
    manifest = Manifest.start(b, {"models": {"authorized": {"weights_sha256": "w"}}})
    for source, output in (("x.jpg", "y.png"), ("y.jpg", "x.png")):
        manifest.append(
            {"source": str(a / source), "output": str(b / output), "status": "protected"}
        )
    paired = pairs(a, b, NOWHERE)
    assert _told(paired, a, b) == {"x.jpg": "y.png", "y.jpg": "x.png"}
    assert paired.models == {"authorized": {"weights_sha256": "w"}}


def test_a_picture_that_failed_to_be_protected_is_told_with_its_reason(fill: Fill) -> None:
    a, b = fill("a", "x.jpg", "y.jpg"), fill("b", "x.png")
    manifest = Manifest.start(b, {})
    manifest.append(
        {"source": str(a / "y.jpg"), "output": None, "status": "failed", "reason": "odd"}
    )
    (problem,) = pairs(a, b, NOWHERE).problems
    assert problem.source == str(a / "y.jpg")
    assert problem.reason == "was not protected: odd"


def test_pictures_without_a_partner_are_named_on_both_sides(fill: Fill) -> None:
    a, b = fill("a", "x.jpg", "lonely.jpg"), fill("b", "x.png", "orphan.png")
    paired = pairs(a, b, NOWHERE)
    assert [i.source.name for i in paired.items] == ["x.jpg"]
    assert {Path(p.source or p.output).name for p in paired.problems} == {
        "lonely.jpg",
        "orphan.png",
    }
    assert all("pairs with it" in p.reason for p in paired.problems)


def test_a_name_that_leaves_a_doubt_pairs_with_nothing(fill: Fill) -> None:
    a, b = fill("a", "x.jpg", "x.tif", "y.jpg"), fill("b", "x.png", "y.png")
    paired = pairs(a, b, NOWHERE)
    assert _told(paired, a, b) == {"y.jpg": "y.png"}
    assert len(paired.problems) == 3


def test_folders_that_share_nothing_are_refused_with_names(fill: Fill) -> None:
    a, b = fill("a", "cat.jpg"), fill("b", "dog.png")
    with pytest.raises(UsageError, match=r"dog\.png there, cat\.jpg here"):
        pairs(a, b, NOWHERE)


def test_one_folder_for_both_is_refused(fill: Fill) -> None:
    a = fill("a", "cat.jpg")
    with pytest.raises(UsageError, match="both --originals and --protected"):
        pairs(a, a, NOWHERE)


def test_a_missing_folder_is_named(fill: Fill) -> None:
    a = fill("a", "cat.jpg")
    with pytest.raises(UsageError, match="gone: no such file or folder; check --protected"):
        pairs(a, a.with_name("gone"), NOWHERE)


def test_a_protected_folder_inside_the_originals_is_no_original(fill: Fill) -> None:
    a, b = fill("a", "x.jpg", "protected/x.png"), fill("a/protected")
    paired = pairs(a, b, NOWHERE)
    assert _told(paired, a, b) == {"x.jpg": "x.png"}
    assert not paired.problems


def test_two_files_pair_whatever_their_names(fill: Fill) -> None:
    a, b = fill("a", "cat.jpg") / "cat.jpg", fill("b", "dog.png") / "dog.png"
    paired = pairs(a, b, NOWHERE)
    assert [(i.source, i.output) for i in paired.items] == [(a, b)]
