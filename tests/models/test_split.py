"""A recognizer cut in two: the halves make the whole, or the cut is refused."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from anamorph.errors import LayerNotFound, ModelError
from anamorph.models import Model
from anamorph.models.split import split


def pictures(n: int = 3) -> Tensor:
    return torch.rand(n, 3, 20, 18, generator=torch.Generator().manual_seed(0))


class Shortcut(nn.Module):
    """The first layer's map is added behind the second."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(2))
        self.head = nn.Linear(3, 4)
        generator = torch.Generator().manual_seed(0)
        for weight in self.parameters():
            weight.data = torch.randn(weight.shape, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x)
        out: Tensor = self.head((first + self.second(first)).mean((2, 3)))
        return out


class Counting(Shortcut):
    """Shapes its maps by how many pictures came in."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.first(x).reshape(len(x), 3, -1).mean(2))
        return out


def test_head_and_tail_make_the_whole(embedder: Model) -> None:
    cut = split(embedder)
    features = cut.head(pictures())
    assert cut.layer == "early"
    assert features.shape[1:] == cut.shape
    assert_close(cut.tail(features), embedder.output(pictures()))


def test_gradients_reach_the_features_and_the_pictures(embedder: Model) -> None:
    cut = split(embedder)
    x = pictures().requires_grad_()
    features = cut.head(x)
    gradients = torch.autograd.grad(cut.tail(features).sum(), [features, x])
    assert all(g.abs().sum() > 0 for g in gradients)


def test_the_network_is_left_without_hooks(embedder: Model) -> None:
    cut = split(embedder)
    before = embedder.output(pictures())
    cut.tail(cut.head(pictures()) + 1)
    assert_close(embedder.output(pictures()), before)


def test_a_layer_with_a_way_around_is_refused(toy_of: Callable[..., Model]) -> None:
    model = toy_of(Shortcut(), tap=("first",), task="embed")
    assert split(model).layer == "first"
    with pytest.raises(
        ModelError,
        match=r"cannot be cut at 'second': other layers go around it; it can be cut at 'first', "
        r"by default at 'first'$",
    ):
        split(model, "second")


class Chain(nn.Module):
    """Ten layers in a row, the third of which has a way around."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(3, 3, 3, padding=1) for _ in range(10))
        generator = torch.Generator().manual_seed(0)
        for weight in self.parameters():
            weight.data = torch.randn(weight.shape, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        for number, layer in enumerate(self.layers):
            x = x + layer(x) if number == 6 else layer(x)
        return x.mean((2, 3))


def test_the_nearest_layers_where_it_can_be_cut_are_named(toy_of: Callable[..., Model]) -> None:
    model = toy_of(Chain(), tap=("layers.0",), task="embed")
    with pytest.raises(ModelError) as refused:
        split(model, "layers.6")
    named = [f"'layers.{number}'" for number in (3, 4, 5, 7, 8)]
    said = f"it can be cut at {', '.join(named)} (and 4 more), by default at 'layers.0'"
    assert str(refused.value).endswith(said)
    for number in (0, 3, 8):
        assert split(model, f"layers.{number}").shape == (3, 16, 16)


def test_where_no_layer_can_be_cut_that_is_said(toy_of: Callable[..., Model]) -> None:
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            both: Tensor = self.one(x) + self.two(x)
            return both.mean((2, 3))

    model = toy_of(Around(), tap=("one",), task="embed")
    with pytest.raises(ModelError, match="go around it, as around every block that was tried"):
        split(model)


def test_a_network_that_counts_its_pictures_runs_on_as_many(toy_of: Callable[..., Model]) -> None:
    model = toy_of(Counting(), tap=("first",), task="embed")
    cut = split(model)
    assert cut.whole
    assert_close(cut.tail(cut.head(pictures())), model.output(pictures()))


def test_an_unknown_layer_is_refused_with_the_nearest(embedder: Model) -> None:
    with pytest.raises(LayerNotFound, match="nearest: early"):
        split(embedder, "earli")
