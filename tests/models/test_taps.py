import threading
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from anamorph.errors import LayerNotFound
from anamorph.models.taps import capture, capture_features

X = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_features_are_what_the_layers_returned_in_the_order_of_the_taps(tiny: nn.Module) -> None:
    tiny.eval()
    seen = capture(tiny, ["blocks.1", "stem"], X)
    stem = tiny.get_submodule("stem")(X)
    assert seen.features[0].shape == (2, 6, 8, 8)
    torch.testing.assert_close(seen.features[1], stem)
    assert seen.runs == (1, 1)


def test_gradients_flow_through_captured_features(tiny: nn.Module) -> None:
    x = X.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(capture(tiny, ["blocks.0"], x).features[0].sum(), x)
    assert gradient.abs().max() > 0


def test_a_feature_is_not_changed_by_a_later_layer_that_works_in_place() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True))
    (feature,) = capture(network, ["0"], X).features
    assert feature.min() < 0


def test_hooks_are_gone_afterwards_even_after_an_error(tiny: nn.Module) -> None:
    with pytest.raises(RuntimeError):
        capture(tiny, ["stem"], torch.zeros(1, 5, 16, 16))
    assert not tiny.get_submodule("stem")._forward_hooks


def test_a_wrong_name_is_answered_with_the_nearest(tiny: nn.Module) -> None:
    with pytest.raises(LayerNotFound, match=r"'block.1' is not in .*; nearest: blocks.1"):
        capture(tiny, ["block.1"], X)


def test_a_layer_that_gives_no_tensor_is_named() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3))
    network.add_module("unused", nn.ReLU())
    network.forward = lambda x: network[0](x)  # type: ignore[method-assign]
    with pytest.raises(LayerNotFound, match="'unused' gave no tensor"):
        capture(network, ["unused"], X)


def test_a_layer_that_returns_a_tuple_is_tapped_at_its_first_tensor() -> None:
    network = nn.Sequential(nn.Flatten(2), nn.LSTM(256, 5, batch_first=True))
    assert capture(network, ["1"], X).features[0].shape == (2, 3, 5)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.after = 0

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(self.conv(x))
        self.after += 1
        return y


def test_of_a_layer_that_runs_twice_the_last_run_counts() -> None:
    network = Twice()
    seen = capture(network, ["conv"], X)
    torch.testing.assert_close(seen.features[0], seen.output)
    assert seen.runs == (2,)
    torch.testing.assert_close(capture_features(network, ["conv"], X, seen.runs)[0], seen.output)


def test_features_alone_stop_the_forward_pass_early() -> None:
    network = Twice()
    capture_features(network, ["conv"], X, (1,))
    assert network.after == 0


def test_threads_do_not_see_each_others_features(tiny: nn.Module) -> None:
    tiny.eval()
    wanted = [capture(tiny, ["blocks.1"], X * scale).features[0] for scale in (0.0, 1.0)]
    wrong: list[int] = []

    def read(index: int, scales: Sequence[float] = (0.0, 1.0)) -> None:
        for _ in range(20):
            (seen,) = capture(tiny, ["blocks.1"], X * scales[index]).features
            if not torch.allclose(seen, wanted[index], atol=1e-5):
                wrong.append(index)

    threads = [threading.Thread(target=read, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
