"""Hidden files find their originals, and say what they are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from anamorph.app.audit.hidden.pairs import HiddenPairs, hidden_pairs, notice_of
from anamorph.app.hide.hide import hide
from anamorph.app.hide.revealing import manifests
from anamorph.errors import FileError, UsageError
from anamorph.files.photo import Limits
from anamorph.keys import key as keys
from anamorph.keys.key import Key
from anamorph.methods.permuted import Permuted
from anamorph.methods.sealed import Sealed
from anamorph.models import Model


@pytest.fixture(scope="module")
def key() -> Key:
    return keys.new("sealed")


@pytest.fixture
def originals(tmp_path: Path, crop: Callable[..., NDArray[np.uint8]]) -> Path:
    folder = tmp_path / "originals"
    folder.mkdir()
    for name in ("coffee", "rocket"):
        Image.fromarray(crop(name)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def hidden(originals: Path, embedder: Model, key: Key) -> Path:
    folder = originals.parent / "hidden"
    assert hide([originals], folder, embedder, key, parameters=Sealed(steps=15)).ok
    return folder


def paired(originals: Path, hidden: Path) -> HiddenPairs:
    return hidden_pairs(originals, hidden, Path("nowhere"), Limits(), manifests())


def test_the_manifest_pairs_even_files_that_were_renamed_on_the_side_of_the_originals(
    originals: Path, hidden: Path, key: Key
) -> None:
    found = paired(originals, hidden)
    assert {(p.source.name, p.output.name) for p in found.pairs} == {
        ("coffee.png", "coffee.png"),
        ("rocket.png", "rocket.png"),
    }
    assert {p.notice.fingerprint for p in found.pairs} == {key.fingerprint}
    assert found.problems == ()
    assert found.models["service"]["name"] == "toy embedder"


def test_without_a_manifest_names_pair(originals: Path, hidden: Path) -> None:
    (hidden / "manifest.jsonl").unlink()
    found = paired(originals, hidden)
    assert [p.source.stem for p in found.pairs] == [p.output.stem for p in found.pairs]
    assert found.models == {}


def test_what_does_not_pair_is_named_with_what_to_do(originals: Path, hidden: Path) -> None:
    (hidden / "rocket.png").rename(hidden / "stray.png")
    found = paired(originals, hidden)
    reasons = {Path(p.source or p.output).name: p.reason for p in found.problems}
    assert set(reasons) == {"rocket.png", "stray.png"}
    assert "hide it, or take it away" in reasons["rocket.png"]
    assert "add its original" in reasons["stray.png"]


def test_a_picture_that_hide_gave_up_is_told_so(
    originals: Path, embedder: Model, key: Key, tmp_path: Path
) -> None:
    (originals / "rocket.png").write_bytes(b"broken")
    hide([originals], tmp_path / "hidden", embedder, key, parameters=Sealed(steps=15))
    (problem,) = paired(originals, tmp_path / "hidden").problems
    assert problem.reason.startswith("was not hidden: ")


def test_where_nothing_pairs_both_folders_are_named(originals: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(UsageError, match=r"no pictures there, coffee.png, rocket.png here"):
        paired(originals, other)
    with pytest.raises(UsageError, match="check --hidden"):
        paired(originals, tmp_path / "missing")
    with pytest.raises(UsageError, match="both --originals and --hidden"):
        paired(originals, originals)


def test_a_file_without_its_comment_is_known_by_its_pixels_or_its_manifest(
    originals: Path, hidden: Path, embedder: Model, tmp_path: Path
) -> None:
    sealed = hidden / "coffee.png"
    Image.open(sealed).convert("RGB").save(tmp_path / "bare.png")
    notice = notice_of(tmp_path / "bare.png", Limits(), lambda _: None)
    assert (notice.kind, notice.model) == ("sealed", embedder.weights_digest[:32])
    hide([originals], tmp_path / "p", embedder, keys.new("permuted"), parameters=Permuted(steps=20))
    permuted = tmp_path / "p" / "coffee.png"
    known = notice_of(permuted, Limits(), lambda _: None)
    Image.open(permuted).convert("RGB").save(permuted)
    assert notice_of(permuted, Limits(), manifests()) == known
    with pytest.raises(FileError, match="is no hidden picture"):
        notice_of(permuted, Limits(), lambda _: None)
