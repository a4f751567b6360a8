"""Grad-CAM against its closed form, per sample."""

import torch
from torch import Tensor, nn

from anamorph.auditing.gradcam import activation_maps, correlation, grad_cam


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def linear(activation: Tensor) -> Tensor:
    """Three logits, each a weighted sum of the channels' means."""
    return activation.mean((2, 3)) @ random(4, 3, seed=1)


def test_of_a_linear_head_it_is_the_class_activation_map() -> None:
    activation = random(2, 4, 5, 6).requires_grad_()
    found = grad_cam(activation, linear(activation), torch.tensor([2, 0]))
    weights = random(4, 3, seed=1)[:, [2, 0]].T[:, :, None, None]
    wanted = (weights * activation.detach()).sum(1).relu()
    torch.testing.assert_close(found, wanted / wanted.amax((1, 2), keepdim=True))


def test_a_sample_is_mapped_alone_as_in_a_batch() -> None:
    layer = nn.Linear(4 * 9, 3)
    layer.weight.data = random(3, 36, seed=2)
    network = nn.Sequential(nn.Flatten(), layer)
    whole = random(3, 4, 3, 3).requires_grad_()
    together = grad_cam(whole, network(whole), torch.tensor([0, 1, 2]))
    for i in range(3):
        one = whole.detach()[i : i + 1].requires_grad_()
        torch.testing.assert_close(
            grad_cam(one, network(one), torch.tensor([i])), together[i : i + 1]
        )


def test_maps_reach_from_zero_to_one() -> None:
    activation = random(4, 4, 5, 5).requires_grad_()
    maps = grad_cam(activation, linear(activation), torch.tensor([0, 1, 2, 0]))
    assert float(maps.min()) >= 0
    torch.testing.assert_close(maps.amax((1, 2)), torch.ones(4))


def test_where_nothing_speaks_for_the_class_the_map_is_empty() -> None:
    activation = torch.ones(1, 2, 3, 3, requires_grad=True)
    output = -activation.sum((2, 3))
    assert not grad_cam(activation, output, torch.tensor([0])).any()


def test_an_output_that_ignores_the_map_leaves_it_empty() -> None:
    activation = torch.ones(1, 2, 3, 3, requires_grad=True)
    elsewhere = torch.ones(1, 2, requires_grad=True)
    assert not grad_cam(activation, elsewhere, torch.tensor([0])).any()


def test_correlation_knows_no_scale_and_no_offset() -> None:
    a = random(2, 4, 4)
    torch.testing.assert_close(correlation(a, 3 * a + 7), torch.ones(2))
    assert float(correlation(random(1, 50, 50), random(1, 50, 50, seed=9)).abs()) < 0.1


def test_a_constant_map_has_no_correlation() -> None:
    assert correlation(torch.zeros(1, 2, 2), random(1, 2, 2)).isnan().all()


def test_an_activation_map_is_the_mean_over_channels() -> None:
    torch.testing.assert_close(
        activation_maps(torch.arange(8.0).view(1, 2, 2, 2)), torch.tensor([[[2.0, 3], [4, 5]]])
    )
