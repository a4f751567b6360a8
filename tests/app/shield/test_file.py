from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch

from anamorph.app.shield.decoy import disguising
from anamorph.app.shield.file import shield_file
from anamorph.app.shield.keyed import keyed, rekeyed
from anamorph.errors import Cancelled, UsageError
from anamorph.keys import key as keys
from anamorph.losses import cosine
from anamorph.methods.decoy import Decoy
from anamorph.models import Model
from anamorph.models.split import split
from anamorph.templates.files import open_file
from anamorph.templates.role import mark


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.npz"
    features = np.random.default_rng(5).normal(size=(12, 8)).astype(np.float32)
    np.savez(path, features=features, ids=np.arange(12))
    return path


def test_a_file_is_shielded_and_shielded_again_with_a_new_key(plain: Path) -> None:
    old, new = keys.new("rotation"), keys.new("rotation")
    out, later = plain.with_name("out.npz"), plain.with_name("later.npz")
    seen: list[int] = []
    report = shield_file(
        open_file(plain), out, keyed(old), batch=5, found=seen.append, watch=seen.append
    )
    assert seen == [12, 5, 5, 2]
    assert (report.mode, report.state, report.rows, report.shielded) == ("file", "done", 12, 12)
    change = rekeyed(old, new)
    report = shield_file(open_file(out), later, change, takes=mark(keyed(old)))
    assert report.as_json()["replaces"] == f"keyed/1:{old.fingerprint}"
    expected = keyed(new)(open_file(plain).table.features)
    np.testing.assert_allclose(open_file(later).table.features, expected, atol=1e-6)


def test_what_is_shielded_already_is_refused(plain: Path) -> None:
    key, out, again = keys.new("rotation"), plain.with_name("o.npz"), plain.with_name("a.npz")
    shield_file(open_file(plain), out, keyed(key))
    with pytest.raises(UsageError, match="12 of 12 rows are shielded with this already"):
        shield_file(open_file(out), again, keyed(key))
    with pytest.raises(UsageError, match="give that one with --from-key"):
        shield_file(open_file(out), again, keyed(keys.new("rotation")))
    assert not again.exists()


def test_a_dry_run_reads_all_and_writes_nothing(plain: Path) -> None:
    out = plain.with_name("out.npz")
    report = shield_file(open_file(plain), out, keyed(keys.new("rotation")), dry_run=True)
    assert (report.state, report.shielded) == ("planned", 12)
    assert report.shield_ms is not None
    assert not out.exists()


def test_a_stopped_run_leaves_no_file(plain: Path) -> None:
    def stop(rows: int) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        shield_file(
            open_file(plain), plain.with_name("o.npz"), keyed(keys.new("rotation")), watch=stop
        )
    assert [p.name for p in plain.parent.iterdir()] == ["plain.npz"]
    with pytest.raises(UsageError, match="a batch of 0 rows"):
        shield_file(open_file(plain), "o.npz", keyed(keys.new("rotation")), batch=0)


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_rows_of_one_name_are_refused_before_anything_is_written(
    tmp_path: Path, suffix: str, dry_run: bool
) -> None:
    path, out = tmp_path / f"twice{suffix}", tmp_path / f"out{suffix}"
    names = ["a", "b", "a", "c", "b", "a", "d", "d", "e", "e"]
    features = np.ones((10, 4), np.float32)
    if suffix == ".npz":
        np.savez(path, features=features, ids=names)
    else:
        table = pyarrow.table({"id": names, "features": list(features)})
        pyarrow.parquet.write_table(table, path)
    said = r"several rows of one name: a \(3 rows\), b \(2 rows\), d \(2 rows\) and 1 other; give"
    with pytest.raises(UsageError, match=said):
        shield_file(open_file(path), out, keyed(keys.new("rotation")), dry_run=dry_run)
    assert not out.exists()


def test_how_the_matcher_reads_the_records_is_reported(tmp_path: Path, embedder: Model) -> None:
    pictures = torch.randint(0, 256, (9, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    cut, plain, out = split(embedder), tmp_path / "maps.npy", tmp_path / "out.npy"
    z = cut.head(pictures / 255).detach()
    np.save(plain, z.numpy())
    shown = pictures[:3].to(torch.uint8)
    shielding = disguising(embedder, shown, Decoy(steps=1, least_cosine=0.96), secret=bytes(32))
    report = shield_file(open_file(plain), out, shielding, batch=4)
    with torch.no_grad():
        cosines = cosine(cut.tail(z), cut.tail(torch.from_numpy(np.load(out))))
    assert report.as_json()["matching"] == {
        "records": 9,
        "kept": int((cosines >= 0.96).sum()),
        "least_cosine": 0.96,
        "lowest": pytest.approx(cosines.min().item(), abs=1e-4),
        "median": pytest.approx(cosines.median().item(), abs=1e-4),
    }
    assert report.matching is not None
    assert report.matching.less > 0
    tried = shield_file(open_file(plain), out, shielding, batch=4, dry_run=True)
    assert tried.matching is not None
    assert tried.matching.records == 4


def test_of_a_rotation_there_is_nothing_to_report(plain: Path) -> None:
    report = shield_file(open_file(plain), plain.with_name("o.npz"), keyed(keys.new("rotation")))
    assert report.as_json()["matching"] is None
