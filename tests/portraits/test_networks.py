import pytest
import torch
from torch import nn

from anamorph.portraits.networks.families import FAMILIES, SIZE


@pytest.fixture(params=FAMILIES, scope="module")
def network(request: pytest.FixtureRequest) -> nn.Module:
    return FAMILIES[request.param](7).eval()


def test_every_family_has_between_100_and_350_thousand_parameters() -> None:
    for build in FAMILIES.values():
        assert 100_000 <= sum(p.numel() for p in build(40).parameters()) <= 350_000


def test_every_family_has_the_same_three_parts(network: nn.Module) -> None:
    assert [name for name, _ in network.named_children()] == ["stem", "stages", "head"]


def test_a_picture_reads_the_same_alone_and_in_a_batch(network: nn.Module) -> None:
    pictures = torch.rand(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        together = network(pictures)
        alone = torch.cat([network(p[None]) for p in pictures])
    assert together.shape == (3, 7)
    assert torch.allclose(together, alone, atol=1e-5)


def test_gradients_reach_every_parameter_and_the_picture(network: nn.Module) -> None:
    picture = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    picture.requires_grad_()
    torch.autograd.backward(network(picture).square().sum())
    assert picture.grad is not None
    assert (picture.grad != 0).float().mean() > 0.99
    assert all(p.grad is not None for p in network.parameters())
    network.zero_grad()
