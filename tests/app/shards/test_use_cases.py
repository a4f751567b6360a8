"""Protecting, hiding and revealing in shards: what they write, here and in an object store."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from anamorph.app.protect.protect import protect
from anamorph.app.protect.protecting import Writing
from anamorph.app.shards.run import run
from anamorph.app.shards.use_cases import Hides, Protects, Reveals
from anamorph.batch.shards import Here
from anamorph.errors import BadKey, ModelError, UsageError
from anamorph.files.remote import entries, exists, fetch, put
from anamorph.keys import file as key_file
from anamorph.keys import key as keys
from anamorph.methods.fmd_parameters import FMD
from anamorph.portraits import write_folder

pytest.importorskip("fsspec", reason="needs fsspec: pip install 'anamorph[cloud]'")
pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'anamorph[cloud]'")

Tree = Callable[[Path], dict[str, tuple[bytes, int]]]
QUICK = FMD(steps=3)
SECOND = "portraits:identity-depthwise"


@pytest.fixture
def protects(card: str) -> Protects:
    return Protects(authorized=(card,), parameters=QUICK)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "a.amkey"
    key_file.write(keys.new("sealed"), path)
    return path


def pngs(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.png"))}


def test_a_run_in_shards_tells_what_each_authorized_model_keeps(
    protects: Protects, photos: Path, tmp_path: Path
) -> None:
    several = replace(protects, authorized=(*protects.authorized, SECOND), parameters=FMD(steps=8))
    report = run([photos], tmp_path / "out", several, Here(), pictures=2)
    assert report.as_json()["models"]["also_authorized"][0]["name"] == "identity-depthwise"
    assert report.also_kept == {"identity-depthwise": (5, 5)}
    assert report.as_json()["summary"]["also_kept"] == {"identity-depthwise": 1.0}
    again = run([photos], tmp_path / "out", several, Here(), pictures=2, resume=True)
    assert (again.counts, again.also_kept) == ({"skipped": 5}, report.also_kept)
    alone = replace(several, authorized=protects.authorized)
    with pytest.raises(UsageError, match="also_authorized was identity-depthwise, now absent"):
        run([photos], tmp_path / "out", alone, Here(), pictures=2, resume=True)


def upload(folder: Path, url: str) -> None:
    for path in folder.rglob("*.*"):
        put(f"{url}/{path.relative_to(folder).as_posix()}", path.read_bytes())


@pytest.mark.parametrize("pictures", [1, 2, 64])
def test_protected_pictures_are_those_of_a_run_without_shards(
    disk: Any,
    protects: Protects,
    card: str,
    photos: Path,
    tmp_path: Path,
    tree: Tree,
    pictures: int,
) -> None:
    before = tree(photos)
    report = disk.run(protects, pictures=pictures)
    plain = protect([photos], tmp_path / "plain", card, parameters=QUICK)
    assert report.counts == {"protected": 5}
    assert report.kept[0] == sum(record.kept is True for record in plain.images)
    assert tree(photos) == before
    assert pngs(tmp_path / "out") == pngs(tmp_path / "plain")
    rows = disk.rows()
    for record in plain.images:
        row = rows[Path(record.source).relative_to(photos).as_posix()]
        assert (row["status"], row["output_sha256"]) == (record.status, record.output_sha256)
        assert row["linf"] == record.as_json()["linf"]


def test_portraits_are_protected_with_the_model_that_comes_with_the_package(
    disk: Any, photos: Path, tmp_path: Path
) -> None:
    labels = write_folder(tmp_path / "photos", range(1), range(2), size=48)
    use_case = Protects(authorized=("portraits:identity-depthwise",), parameters=FMD(steps=2))
    report = replace(disk, source=f"{disk.source}/person000_000.png").run(use_case.labeled(labels))
    assert report.counts == {"protected": 1}
    assert report.header["models"]["authorized"]["name"] == "identity-depthwise"
    assert len(report.header["labels_sha256"]) == 64
    (row,) = disk.rows().values()
    assert row["label"] == 0


def test_labels_hold_where_their_pictures_lie_and_other_labels_are_another_run(
    disk: Any, protects: Protects, photos: Path, tmp_path: Path
) -> None:
    table = tmp_path / "labels.csv"
    told = {"astronaut.jpg": "bee", "chelsea.png": "ant", "coffee.png": "2", "more/cup.png": "0"}
    table.write_text("\n".join(["file,label", *(",".join(item) for item in told.items())]))
    report = disk.run(protects.labeled(table))
    rows = disk.rows()
    labels = {name: row["label"] for name, row in rows.items() if name in told}
    assert labels == {"astronaut.jpg": 1, "chelsea.png": 0, "coffee.png": 2, "more/cup.png": 0}
    assert "rocket.png: has no row in the labels" in rows["rocket.png"]["reason"]
    assert not report.ok
    with pytest.raises(UsageError, match="labels_sha256"):
        disk.run(protects, resume=True)


def test_labels_may_name_the_folders_that_are_the_sources_and_whole_urls(
    place: Any, protects: Protects, photos: Path, tmp_path: Path
) -> None:
    for name in ("a/0.png", "a/1.png", "b/2.png", "b/3.png"):
        put(f"{place.source}/{name}", (photos / "chelsea.png").read_bytes())
    told = {"a/0.png": 1, "b/2.png": 2, f"{place.source}/a/1.png": 0, "a/3.png": 1}
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["file,label", *(f"{file},{told[file]}" for file in told)]))
    sources = [f"{place.source}/a", f"{place.source}/b"]
    report = run(sources, place.out, protects.labeled(table), Here())
    rows = place.rows()
    labels = {name: row["label"] for name, row in rows.items() if row["label"] is not None}
    assert labels == {"a/0.png": 1, "b/2.png": 2, "a/1.png": 0}
    missing = f"{place.source}/b/3.png"
    assert f"{missing}: has no row in the labels" in dict(report.failures)[missing]
    put(f"{place.source}/b/4.png", (photos / "coffee.png").read_bytes())
    again = run(sources, place.out, protects.labeled(table), Here(), resume=True)
    assert again.counts["skipped"] == report.counts.get("protected", 0)


def test_what_is_no_picture_fails_under_its_own_name(
    disk: Any, protects: Protects, photos: Path
) -> None:
    (photos / "broken.png").write_bytes(b"broken")
    (photos / "moving.gif").write_bytes(b"GIF89a")
    report = disk.run(protects)
    assert report.counts == {"protected": 5, "failed": 2}
    for source, why in report.failures:
        assert source.startswith(f"{disk.source}/")
        assert why.startswith(f"{source}: ")
        assert "anamorph-shard" not in why


@pytest.mark.parametrize("pictures", [1, 64])
def test_two_pictures_that_would_have_one_name_both_fail(
    disk: Any, protects: Protects, photos: Path, tmp_path: Path, pictures: int
) -> None:
    Image.open(photos / "chelsea.png").convert("RGB").save(photos / "chelsea.jpg")
    (tmp_path / "others/more").mkdir(parents=True)
    Image.open(photos / "coffee.png").save(tmp_path / "others/more/cup.png")
    sources = [disk.source, tmp_path / "others"]
    report = run(sources, disk.out, protects, Here(), pictures=pictures)
    assert report.counts == {"protected": 3, "failed": 4}
    reasons = dict(report.failures)
    one, other = f"{disk.source}/chelsea.jpg", f"{disk.source}/chelsea.png"
    assert f"would be written to one file with {other} ({disk.out}/chelsea.png)" in reasons[one]
    assert f"would be written to one file with {one}" in reasons[other]
    assert f"file://{tmp_path}/others/more/cup.png" in reasons
    assert not exists(f"{disk.out}/chelsea.png")


def test_with_their_own_formats_they_do_not_clash(
    disk: Any, protects: Protects, photos: Path
) -> None:
    Image.open(photos / "chelsea.png").convert("RGB").save(photos / "chelsea.jpg")
    report = disk.run(replace(protects, writing=Writing(format="keep")))
    assert report.ok, report.failures
    names = {name for name in disk.results() if name.startswith("chelsea")}
    assert names == {"chelsea.jpg", "chelsea.png"}


def test_a_file_that_is_named_goes_straight_into_the_folder_even_if_it_is_hidden(
    disk: Any, protects: Protects, photos: Path
) -> None:
    (photos / "more/cup.png").rename(photos / "more/.cup.png")
    sources = [f"{disk.source}/more/.cup.png", f"{disk.source}/rocket.png"]
    report = run(sources, disk.out, protects, Here(), pictures=1)
    assert sum(report.counts.values()) == 2
    assert "rocket.png" in disk.results()
    assert disk.rows().keys() == {"more/.cup.png", "rocket.png"}


def test_a_run_with_other_settings_is_not_gone_on_with(
    disk: Any, protects: Protects, photos: Path
) -> None:
    disk.run(protects)
    others = [
        replace(protects, seed=1),
        replace(protects, parameters=FMD(steps=4)),
        replace(protects, writing=Writing(format="webp")),
    ]
    for other in others:
        with pytest.raises(UsageError, match="choose another --out"):
            disk.run(other, resume=True)
    assert disk.run(protects, resume=True).counts == {"skipped": 5}


def test_a_model_or_key_that_cannot_be_loaded_stops_the_run_before_it_begins(
    disk: Any, protects: Protects, photos: Path, tmp_path: Path, card: str
) -> None:
    key_file.write(keys.new("rotation"), tmp_path / "r.amkey")
    with pytest.raises(ModelError):
        disk.run(replace(protects, authorized=(str(tmp_path / "none.toml"),)))
    with pytest.raises(BadKey):
        disk.run(Hides(service=card, key=tmp_path / "r.amkey"))
    with pytest.raises(BadKey, match="reveals no pictures"):
        disk.run(Reveals(key=tmp_path / "r.amkey"))
    assert not exists(disk.out)


def test_pictures_of_a_bucket_are_protected_into_it_and_the_run_goes_on(
    bucket: str, place_at: Any, protects: Protects, photos: Path
) -> None:
    place = place_at(bucket)
    upload(photos, place.source)
    put(f"{place.source}/rocket.png", b"broken")
    before = entries(place.source)
    assert place.run(protects).counts == {"protected": 4, "failed": 1}
    assert entries(place.source) == before
    put(f"{place.source}/rocket.png", (photos / "rocket.png").read_bytes())
    report = place.run(protects, resume=True)
    assert report.counts == {"skipped": 4, "protected": 1}
    assert place.results().keys() == {
        "astronaut.png", "chelsea.png", "coffee.png", "more/cup.png", "rocket.png"
    }  # fmt: skip
    assert len(place.rows()) == 5


def test_what_is_hidden_in_a_bucket_comes_back_bit_for_bit(
    bucket: str, place_at: Any, photos: Path, tmp_path: Path, card: str, key: Path
) -> None:
    place = place_at(bucket)
    upload(photos, place.source)
    report = place.run(Hides(service=card, key=key, preset="fast"))
    assert report.counts == {"hidden": 5}, report.failures
    secret = key_file.read(key).secret.reveal()
    manifest = b"".join(fetch(entry.url) for entry in entries(f"{place.out}/manifest"))
    assert secret not in manifest
    assert secret.hex().encode() not in manifest
    back = place_at(f"file://{tmp_path / 'back'}")
    back = replace(back, source=place.out)
    report = back.run(Reveals(key=key, service=card))
    assert report.counts == {"revealed": 5}, report.failures
    assert all(row["exact"] for row in back.rows().values())
    revealed = tmp_path / "back/out"
    for path in photos.rglob("*.*"):
        assert (revealed / path.relative_to(photos)).read_bytes() == path.read_bytes()
    assert back.run(Reveals(key=key, service=card), resume=True).counts == {"skipped": 5}


def test_another_key_reveals_nothing_and_says_so(
    disk: Any, photos: Path, tmp_path: Path, card: str, key: Path
) -> None:
    source = f"{disk.source}/rocket.png"
    assert replace(disk, source=source).run(Hides(service=card, key=key, preset="fast")).ok
    key_file.write(keys.new("sealed"), tmp_path / "b.amkey")
    back = replace(disk, source=disk.out, out=f"{disk.out}-back")
    report = back.run(Reveals(key=tmp_path / "b.amkey"))
    assert report.counts == {"failed": 1}
    assert key_file.read(key).fingerprint in report.failures[0][1]


def test_pixels_stay_within_the_budget(
    disk: Any, protects: Protects, photos: Path, tmp_path: Path
) -> None:
    disk.run(protects, pictures=1)
    for name in ("chelsea.png", "more/cup.png"):
        one, other = (np.asarray(Image.open(top / name), np.int64) for top in
                      (photos, tmp_path / "out"))  # fmt: skip
        assert 0 < np.abs(one - other).max() <= 16
