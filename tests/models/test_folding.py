"""Folded norms: the same answers, the same feature maps, and the original where they differ."""

import pytest
import torch
from torch import Tensor, nn

from anamorph.models import Model, wrap
from anamorph.models.folding import fold_norms
from anamorph.models.torchvision_compat import make_torchvision_importable

SIZE = (16, 16)


class Shared(nn.Module):
    """A convolution whose raw output is used beside the norm's, so it cannot be folded."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        raw = self.convolution(x)
        out: Tensor = self.head((raw + self.norm(raw)).mean((2, 3)))
        return out


def plain() -> nn.Sequential:
    """Two convolutions with norms, the second without a bias and without an affine map."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 8, 3, bias=False),
        nn.BatchNorm2d(8, affine=False),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )


def lived_in(network: nn.Module) -> nn.Module:
    """Give the norms statistics and weights as training leaves them."""
    generator = torch.Generator().manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.copy_(torch.randn(module.num_features, generator=generator))
            module.running_var.copy_(torch.rand(module.num_features, generator=generator) + 0.1)
            if module.weight is not None:
                weight = torch.rand(module.num_features, generator=generator) - 0.5
                module.weight.data.copy_(weight)
                module.bias.data.copy_(weight + 1)
    return network.eval()


def model_of(network: nn.Module, *tap: str) -> Model:
    """The network as a model."""
    return wrap(network, name="net", size=SIZE, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4), tap=tap)


@pytest.fixture
def pictures() -> Tensor:
    """Two of the network's size."""
    return torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def test_answers_as_the_original(pictures: Tensor) -> None:
    network = lived_in(plain())
    folded = fold_norms(network, pictures)
    assert folded is not None
    assert folded.changed == {"0", "3"}
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.network.modules())
    with torch.no_grad():
        torch.testing.assert_close(folded.network(pictures), network(pictures))


def test_a_transposed_convolution_of_one_group_takes_its_norm(pictures: Tensor) -> None:
    def enlarging(groups: int) -> nn.Module:
        convolution = nn.ConvTranspose2d(3, 6, 4, 2, 1, groups=groups, bias=False)
        return lived_in(nn.Sequential(convolution, nn.BatchNorm2d(6), nn.ReLU()))

    network = enlarging(1)
    folded = fold_norms(network, pictures)
    assert folded is not None
    assert folded.changed == {"0"}
    with torch.no_grad():
        torch.testing.assert_close(folded.network(pictures), network(pictures))
    assert fold_norms(enlarging(3), pictures) is None


def test_leaves_the_original_alone(pictures: Tensor) -> None:
    network = lived_in(plain())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fold_norms(network, pictures)
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_nothing_to_fold(pictures: Tensor) -> None:
    assert fold_norms(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval(), pictures) is None


def test_gradients_agree(pictures: Tensor) -> None:
    network = lived_in(plain()).requires_grad_(False)
    folded = fold_norms(network, pictures)
    assert folded is not None
    gradients = []
    for form in (network, folded.network):
        x = pictures.clone().requires_grad_()
        gradients.append(torch.autograd.grad(form(x).square().sum(), x)[0])
    torch.testing.assert_close(gradients[1], gradients[0])


@pytest.mark.parametrize("tap", ["0", "1", "2", "3", "4", "5"])
def test_taps_return_what_they_always_did(pictures: Tensor, tap: str) -> None:
    network = lived_in(plain())
    model = model_of(network, tap)
    assert model.folded is not None
    seen: list[Tensor] = []
    handle = model.network.get_submodule(tap).register_forward_hook(lambda *a: seen.append(a[2]))
    with torch.no_grad():
        mean, std = (torch.tensor(t)[:, None, None] for t in (model.input.mean, model.input.std))
        model.network((pictures - mean) / std)
        handle.remove()
        torch.testing.assert_close(model(pictures).features[0], seen[0])


def test_a_norm_with_activation_keeps_it(pictures: Tensor) -> None:
    make_torchvision_importable()
    timm_layers = pytest.importorskip("timm.layers")
    network = lived_in(
        nn.Sequential(
            nn.Conv2d(3, 6, 3),
            timm_layers.BatchNormAct2d(6),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
    )
    folded = fold_norms(network, pictures)
    assert folded is not None
    assert folded.changed == {"0"}
    with torch.no_grad():
        out = folded.network(pictures)
        torch.testing.assert_close(out, network(pictures))
        assert (out >= 0).all()


def test_where_the_raw_output_is_used_too_the_original_runs(pictures: Tensor) -> None:
    model = model_of(lived_in(Shared()))
    assert model.folded is None
    assert model.output(pictures).isfinite().all()


def test_a_layer_that_runs_twice_is_not_folded(pictures: Tensor) -> None:
    block = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3))
    assert fold_norms(lived_in(nn.Sequential(block, block)), pictures) is None
