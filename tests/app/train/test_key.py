"""From photos to a key file that holds a network; stopped, gone on with, and refused."""

import stat
from pathlib import Path

import pytest
from PIL import Image

from anamorph.app.hide.networking import network_of
from anamorph.app.train import saving
from anamorph.app.train.key import TrainKeyReport, train_key
from anamorph.app.train.key_training import KeyTraining
from anamorph.errors import BadKey, Cancelled, NotWritten, UsageError
from anamorph.keys import file as key_file
from anamorph.keys.lock import Cost

QUICK = KeyTraining(updates=4, batch=2, side=16)
CHEAP = Cost(memory_kib=2**13, passes=1, lanes=1)
SEED = bytes(range(32))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anamorph.app.train.key.SIDE", 32)
    monkeypatch.setattr(saving, "SAVED_EVERY", 2)
    monkeypatch.setattr("anamorph.app.train.key.PEOPLE", 2)
    monkeypatch.setattr("anamorph.app.train.key.SHOTS", 1)


def trained(out: Path, photos: Path, **how: object) -> TrainKeyReport:
    options = {"sources": [photos], "parameters": QUICK, "seed": SEED, "cost": CHEAP, **how}
    return train_key(out, **options)  # type: ignore[arg-type]


def secret(path: Path, passphrase: bytes | None = None) -> bytes:
    return key_file.read(path, passphrase).secret.reveal()


class Stop:
    """Cancels at the given update."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, loss: float) -> None:
        self.left -= 1
        if self.left == 0:
            raise Cancelled


def test_photos_make_a_key_that_only_its_owner_can_read(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.amkey"
    expected: list[int] = []
    report = trained(out, photos, found=expected.append)
    key = key_file.read(out)
    assert key.kind == "network"
    assert report.fingerprint == key.fingerprint
    assert (report.pictures, report.skipped, expected) == (5, [], [4])
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert network_of(key) is not None
    assert not list(tmp_path.glob("*.training"))


def test_portraits_stand_in_for_photos(tmp_path: Path) -> None:
    report = train_key(tmp_path / "mine.amkey", parameters=QUICK)
    assert report.pictures == 2
    assert key_file.info(tmp_path / "mine.amkey").kind == "network"


def test_two_trainings_make_two_keys_unless_they_share_a_seed(photos: Path, tmp_path: Path) -> None:
    for name, seed in (("a", SEED), ("b", SEED), ("c", None)):
        trained(tmp_path / name, photos, seed=seed)
    assert secret(tmp_path / "a") == secret(tmp_path / "b") != secret(tmp_path / "c")


def test_a_stopped_training_goes_on_where_it_was_saved(photos: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole.amkey", tmp_path / "mine.amkey"
    trained(whole, photos)
    with pytest.raises(Cancelled):
        trained(out, photos, passphrase=b"open sesame", watch=Stop(3))
    saved = tmp_path / "mine.amkey.training"
    assert not out.exists()
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert key_file.info(saved).locked
    assert SEED not in saved.read_bytes()
    with pytest.raises(UsageError, match=r"mine\.amkey\.training: exists, .* add --resume"):
        trained(out, photos)
    with pytest.raises(BadKey, match="passphrase"):
        trained(out, photos, resume=True)
    expected: list[int] = []
    trained(out, photos, passphrase=b"open sesame", resume=True, seed=None, found=expected.append)
    assert expected == [2]
    assert secret(out, b"open sesame") == secret(whole)
    assert not saved.exists()


def test_an_unfinished_training_hides_nothing(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        trained(tmp_path / "mine.amkey", photos, watch=Stop(3))
    with pytest.raises(BadKey, match="holds the weights of another network"):
        network_of(key_file.read(tmp_path / "mine.amkey.training"))


def test_no_key_is_overwritten_and_a_missing_folder_is_told_at_once(
    photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.amkey").write_text("mine")
    with pytest.raises(NotWritten, match="is not overwritten"):
        trained(tmp_path / "mine.amkey", photos)
    with pytest.raises(NotWritten, match="its folder does not exist"):
        trained(tmp_path / "nowhere" / "mine.amkey", photos)
    assert (tmp_path / "mine.amkey").read_text() == "mine"


def test_pictures_that_cannot_be_read_are_skipped_and_told(photos: Path, tmp_path: Path) -> None:
    (photos / "bad.png").write_bytes(b"\x89PNG nonsense")
    report = trained(tmp_path / "mine.amkey", photos)
    assert report.pictures == 5
    assert [why for why in report.skipped if "bad.png" in why]
    for path in photos.rglob("*.*"):
        if path.name != "bad.png":
            path.unlink()
    with pytest.raises(UsageError, match="no picture can be read to learn from"):
        trained(tmp_path / "other.amkey", photos)


def test_many_pictures_are_thinned_out_and_grey_ones_are_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anamorph.app.train.key.MOST_PHOTOS", 2)
    (tmp_path / "photos").mkdir()
    for level in range(5):
        Image.new("L", (40 + level, 30), level * 20).save(tmp_path / "photos" / f"{level}.png")
    assert trained(tmp_path / "mine.amkey", tmp_path / "photos").pictures == 2


def test_a_seed_of_another_size_is_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a seed has 32 bytes, not 3"):
        trained(tmp_path / "mine.amkey", photos, seed=b"abc")
