"""Pictures hidden behind a key network: what the key gives back, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from anamorph.app.hide.construction import Original
from anamorph.app.hide.hide import hide
from anamorph.app.hide.networking import WEAKNESS, Networking, network_of, reveal_with
from anamorph.app.hide.reveal import reveal
from anamorph.app.images import as_images
from anamorph.errors import BadKey, DamagedKey
from anamorph.keys import key as keys
from anamorph.keys.key import Key, network_key
from anamorph.methods.avih import AVIH
from anamorph.metrics.image import psnr
from anamorph.models import Model, wrap
from anamorph.models.networks import generator, stranger

SIDE = 48
QUICK = AVIH(steps=60, variance_weight=0.0001)
CELL_VALUES = 16
"""Values of one color in a cell: rolled by these, the key swaps colors around."""

Crop = Callable[..., NDArray[np.uint8]]


@pytest.fixture(scope="module")
def key() -> Key:
    """The stranger's network with its channels in another order: another key as good as it."""
    network = stranger.network()
    state = {name: t.clone() for name, t in network.state_dict().items()}
    state["read.inward.weight"] = state["read.inward.weight"].roll(CELL_VALUES, 1)
    state["write.outward.weight"] = state["write.outward.weight"].roll(CELL_VALUES, 0)
    state["write.outward.bias"] = state["write.outward.bias"].roll(CELL_VALUES, 0)
    other = generator.Generator()
    other.load_state_dict(state)
    return network_key(generator.dump(other))


@pytest.fixture(scope="module")
def model(network: Callable[..., nn.Module]) -> Model:
    half = (0.5, 0.5, 0.5)
    return wrap(network(8, 1), name="eyes", task="embed", size=(SIDE, SIDE), mean=half, std=half)


@pytest.fixture
def shown(crop: Crop) -> Tensor:
    return as_images(crop("astronaut", SIDE, SIDE))


@pytest.fixture
def hidden(key: Key, model: Model, crop: Crop, tmp_path: Path) -> Path:
    (tmp_path / "photos" / "more").mkdir(parents=True)
    Image.fromarray(crop("astronaut", SIDE, SIDE)).save(tmp_path / "photos" / "a.png")
    Image.fromarray(crop("coffee", 60, 90)).save(tmp_path / "photos" / "more" / "b.jpg")
    report = hide([tmp_path / "photos"], tmp_path / "hidden", model, key, parameters=QUICK)
    assert report.ok, [record.reason for record in report.images]
    assert report.weakness == WEAKNESS
    for record in report.images:
        assert record.revealed
        assert record.kept
        assert record.revealed_psnr is not None
        assert record.revealed_psnr > 18
        assert record.other_key_refused is None
        assert record.revealed_ssim is not None
        assert record.other_key_ssim is not None
        assert record.other_key_ssim < record.revealed_ssim
    return tmp_path / "hidden"


def test_a_folder_comes_back_nearly_the_same_in_its_tree(
    hidden: Path, key: Key, model: Model, tmp_path: Path, shown: Tensor
) -> None:
    report = reveal([hidden], tmp_path / "back", key, service=model)
    assert report.ok
    assert report.summary["exact"] == 0
    assert all(record.cosine is not None for record in report.images)
    assert (tmp_path / "back" / "more" / "b.png").exists()
    with Image.open(tmp_path / "back" / "a.png") as image:
        assert psnr(shown, as_images(np.asarray(image))).item() > 18


def test_the_manifest_says_how_weak_it_is_and_not_what_the_key_is(hidden: Path, key: Key) -> None:
    manifest = (hidden / "manifest.jsonl").read_text()
    assert WEAKNESS in manifest.splitlines()[0]
    assert key.secret.reveal()[-16:].hex() not in manifest


def test_it_survives_jpeg_and_that_is_said(hidden: Path, key: Key, tmp_path: Path) -> None:
    with Image.open(hidden / "a.png") as image:
        image.save(hidden / "a.jpg", quality=95, subsampling=0)
    report = reveal([hidden / "a.jpg"], tmp_path / "back", key)
    assert report.images[0].reason == "recompressed since it was hidden"


def test_another_key_is_refused_by_its_fingerprint(hidden: Path, key: Key, tmp_path: Path) -> None:
    other = network_key(generator.dump(stranger.network()))
    for wrong in (other, keys.new("sealed")):
        for record in reveal([hidden], tmp_path / "back", wrong).images:
            assert record.status == "failed"
            assert f"was hidden with the network key {key.fingerprint}" in record.reason
    assert not (tmp_path / "back").exists()


def test_a_resized_one_is_refused_and_named(hidden: Path, key: Key, tmp_path: Path) -> None:
    with Image.open(hidden / "a.png") as image:
        image.resize((40, 40)).save(hidden / "a.jpg", comment=image.info["comment"])
    (record,) = reveal([hidden / "a.jpg"], tmp_path / "back", key).images
    assert "is 40 x 40, but was hidden as 48 x 48: it was resized or cropped" in record.reason


def test_a_file_that_does_not_come_back_well_has_a_fault(key: Key, crop: Crop) -> None:
    networking = Networking(
        key=key, network=network_of(key), parameters=AVIH(), height=SIDE, width=SIDE, model="0" * 32
    )
    original = Original("a.png", b"", as_images(crop("astronaut", SIDE, SIDE)))
    prepared = networking.prepare(original, networking.fit(original.name, 0))
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    assert "dB only; take more steps" in networking.check(noise, original, prepared).fault


def test_what_comes_back_is_what_a_file_can_hold(key: Key, crop: Crop) -> None:
    revealed = reveal_with(network_of(key), crop("chelsea", 24, 30))
    assert revealed.shape == (1, 3, 24, 30)
    torch.testing.assert_close(revealed * 255, (revealed * 255).round(), rtol=0, atol=1e-4)


def test_a_key_that_is_no_network_is_refused_before_anything_is_written(
    model: Model, photos: Path, tmp_path: Path
) -> None:
    damaged = network_key(b"no weights")
    with pytest.raises(DamagedKey, match=f"^key {damaged.fingerprint}: holds no weights"):
        hide([photos], tmp_path / "out", model, damaged)
    assert not (tmp_path / "out").exists()
    with pytest.raises(BadKey, match="is a sealed key, which is no network"):
        network_of(keys.new("sealed"))
