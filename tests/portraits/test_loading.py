from pathlib import Path

import pytest
import torch

import anamorph.portraits as portraits
from anamorph.errors import WeightsError
from anamorph.portraits import PortraitSet, loading


@pytest.fixture(scope="module")
def known() -> PortraitSet:
    """Pictures of known people that no model was trained on, at the networks' size."""
    return portraits.dataset(range(40), range(2000, 2004), size=64)


@pytest.fixture(scope="module")
def strangers() -> PortraitSet:
    return portraits.dataset(range(300, 340), range(4), size=64)


@pytest.mark.parametrize("name", portraits.names())
def test_a_model_reads_new_portraits_as_well_as_its_card_says(
    name: str, known: PortraitSet, strangers: PortraitSet
) -> None:
    identity = name.startswith("identity")
    people = known if identity else strangers
    labels = people.identities if identity else people.expressions
    network, _ = portraits.build(name)
    pixels = torch.from_numpy(people.images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        read = network((pixels - 0.5) / 0.5).argmax(1).numpy()
    assert (read == labels).mean() > portraits.accuracy(name).clean - 0.05


@pytest.mark.parametrize("name", portraits.names())
def test_a_model_is_ready_to_read(name: str) -> None:
    network, fields = portraits.build(name)
    assert not network.training
    assert all(p.dtype == torch.float32 for p in network.parameters())
    assert set(fields["tap"]) <= dict(network.named_modules()).keys()
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, len(fields["labels"]))


def test_building_draws_no_random_numbers() -> None:
    before = torch.get_rng_state()
    portraits.build("identity-vgg")
    assert torch.equal(before, torch.get_rng_state())


def test_weights_of_another_model_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "identity-vgg.safetensors"
    file.write_bytes(loading._WEIGHTS.joinpath("identity-residual.safetensors").read_bytes())
    monkeypatch.setattr(loading, "_WEIGHTS", tmp_path)
    with pytest.raises(WeightsError, match="portraits:identity-vgg cannot be used"):
        portraits.build("identity-vgg")
    file.write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="install anamorph again"):
        portraits.build("identity-vgg")


def test_the_package_has_no_other_lazy_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'paint'"):
        _ = portraits.paint
