"""Shielding pictures in shards: one file of features a shard, done again as a whole."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anamorph.app.shards import run as shards_run
from anamorph.app.shards.cutting import shard_of
from anamorph.app.shards.records import Records
from anamorph.app.shards.run import run
from anamorph.app.shards.use_cases import Shields
from anamorph.app.shield.loading import Named
from anamorph.batch.shards import Died, Here
from anamorph.errors import UsageError
from anamorph.files.remote import put, remove
from anamorph.keys import file as key_file
from anamorph.keys import key as keys
from anamorph.portraits import write_folder
from anamorph.templates.files import open_file

pytest.importorskip("fsspec", reason="needs fsspec: pip install 'anamorph[cloud]'")
pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'anamorph[cloud]'")


@pytest.fixture
def shields(card: str, tmp_path: Path) -> Shields:
    key = tmp_path / "store.amkey"
    key_file.write(keys.new("rotation"), key)
    card_file = Path(card)
    card_file.write_text(
        card_file.read_text().replace('labels = ["ant", "bee", "cat"]', 'task = "embed"')
    )
    return Shields(shielding=Named(method="keyed", key=key, recognizer=card))


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    folder = tmp_path / "faces"
    write_folder(folder, range(3), range(3), size=32)
    return folder


def stored(out: Path) -> dict[str, Any]:
    """Features by name, of all files."""
    rows: dict[str, Any] = {}
    for path in sorted(out.glob("features-*.parquet")):
        table = open_file(path).table
        for name, features in zip(table.ids, table.features, strict=True):
            assert name not in rows, "a feature is stored twice"
            rows[str(name)] = features
    return rows


def test_every_picture_has_its_row_once(shields: Shields, faces: Path, tmp_path: Path) -> None:
    (faces / "bad.png").write_bytes(b"bad")
    out = tmp_path / "out"
    report = run([faces], out, shields, Here(), pictures=3)
    assert report.counts == {"shielded": 9, "failed": 1}
    assert set(stored(out)) == {path.stem for path in faces.glob("person*.png")}
    assert report.header["stores"] == "embeddings"


def test_a_shard_that_changes_is_made_anew_and_the_old_features_go(
    shields: Shields, faces: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run([faces], out, shields, Here(), pictures=64)
    before = stored(out)
    changed = sorted(faces.glob("*.png"))[0]
    put(f"file://{changed}", sorted(faces.glob("*.png"))[-1].read_bytes())

    report = run([faces], out, shields, Here(), pictures=64, resume=True)

    after = stored(out)
    assert report.counts == {"shielded": 9}
    assert set(after) == set(before)
    assert not np.allclose(after[changed.stem], before[changed.stem])
    assert run([faces], out, shields, Here(), pictures=64, resume=True).counts == {"skipped": 9}


def test_features_of_a_picture_that_is_gone_go_too(
    shields: Shields, faces: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run([faces], out, shields, Here(), pictures=64)
    gone = sorted(faces.glob("*.png"))[0]
    remove(f"file://{gone}")
    run([faces], out, shields, Here(), pictures=64, resume=True)
    assert gone.stem not in stored(out)
    assert len(stored(out)) == 8


def test_pictures_whose_rows_would_have_one_name_fail_and_the_rest_is_stored(
    shields: Shields, faces: Path, tmp_path: Path
) -> None:
    photos = sorted(faces.glob("*.png"))
    (tmp_path / "b").mkdir()
    for photo, place in ((photos[1], "b"), (photos[2], "faces")):
        twin = tmp_path / place / photo.with_suffix(".webp").name
        twin.write_bytes(photos[0].read_bytes())
    for pictures in (1, 64):
        out = tmp_path / f"out-{pictures}"
        report = run([faces, tmp_path / "b"], out, shields, Here(), pictures=pictures)
        assert report.counts == {"shielded": 7, "failed": 4}
        assert set(stored(out)) == {path.stem for path in (photos[0], *photos[3:])}
        why = dict(report.failures)[f"file://{photos[1]}"]
        other = f"file://{tmp_path}/b/{photos[1].stem}.webp"
        assert f"would be called {photos[1].stem!r}, as would {other}; rename one" in why


def test_rows_of_one_name_fail_too_where_a_shard_is_taken_apart(
    shields: Shields, faces: Path, tmp_path: Path
) -> None:
    first, second = sorted(faces.glob("*.png"))[:2]
    first.with_suffix(".webp").write_bytes(second.read_bytes())

    class Breaks:
        """An engine that cannot finish shards of several names."""

        def run(self, prepare: Any, shards: Sequence[Any]) -> Iterator[tuple[int, Any]]:
            for place, result in Here().run(prepare, shards):
                large = len(shards[place].shard.entries) > 2
                yield place, Died() if large else result

    report = run([faces], tmp_path / "out", shields, Breaks())
    assert report.counts == {"shielded": 8, "failed": 2}
    assert first.stem not in stored(tmp_path / "out")


def test_shards_with_equal_names_of_pictures_have_files_of_their_own(
    shields: Shields, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "b").mkdir()
    first, second = sorted(faces.glob("*.png"))[:2]
    (tmp_path / "b" / first.name).write_bytes(second.read_bytes())
    apart = lambda entries, _: tuple(shard_of((entry,)) for entry in entries)  # noqa: E731
    monkeypatch.setattr(shards_run, "cut", apart)
    report = run([first, tmp_path / "b"], tmp_path / "out", shields, Here())
    assert report.counts == {"shielded": 2}
    assert len(list((tmp_path / "out").glob("features-*.parquet"))) == 2


def test_features_that_a_stopped_run_left_are_not_stored_twice(
    shields: Shields, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Records, "finish", stop)
        with pytest.raises(KeyboardInterrupt):
            run([faces], out, shields, Here())
    assert len(stored(out)) == 9
    remove(f"file://{sorted(faces.glob('*.png'))[0]}")
    assert run([faces], out, shields, Here(), resume=True).counts == {"shielded": 8}
    assert len(stored(out)) == 8


def test_a_recognizer_is_needed(shields: Shields, tmp_path: Path) -> None:
    named = Named(method="keyed", key=shields.shielding.key)
    with pytest.raises(UsageError, match="without a recognizer"):
        run([tmp_path], tmp_path / "out", Shields(shielding=named), Here())
