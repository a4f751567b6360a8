import torch
from torch import Tensor, nn

from anamorph.models import Candidate, default_taps, surrogate_taps, tap_candidates
from anamorph.models.candidates import MOST

X = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def names(network: nn.Module, x: Tensor = X) -> list[str]:
    return [candidate.name for candidate in tap_candidates(network.eval(), x)]


def test_blocks_are_offered_and_not_their_parts(tiny: nn.Module) -> None:
    candidates = tap_candidates(tiny.eval(), X)
    assert [c.name for c in candidates] == ["bn", "blocks.0", "blocks.1", "blocks.2", "blocks.3"]
    assert candidates[1].shape == (6, 8, 8)


def test_shares_rise_to_the_whole_of_the_work(tiny: nn.Module) -> None:
    shares = [candidate.share for candidate in tap_candidates(tiny.eval(), X)]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.2
    assert 0.9 < shares[-1] <= 1


def test_a_plain_chain_of_layers_is_offered_by_convolution() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )
    assert names(network) == ["2", "5"]


def test_a_network_inside_a_wrapper_is_found() -> None:
    inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert names(nn.Sequential(inner)) == ["0.1"]


def test_a_deep_network_offers_no_more_than_the_most() -> None:
    layers = [nn.Conv2d(3, 3, 3, padding=1) for _ in range(40)]
    found = names(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    assert len(found) == MOST
    assert [int(name) for name in found] == sorted(int(name) for name in found)


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 3, 3, padding=1)
        self.again = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.again(self.again(self.first(x)))
        return y.mean((2, 3))


def test_a_layer_that_runs_twice_is_left_out() -> None:
    assert names(Shared()) == ["first"]


def test_tokens_of_a_transformer_are_maps_too() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Conv2d(3, 8, 4, stride=4)
            self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(4))

        def forward(self, x: Tensor) -> Tensor:
            tokens = self.embed(x).flatten(2).transpose(1, 2)
            for layer in self.layers:
                tokens = layer(tokens)
            out: Tensor = tokens.mean(1)
            return out

    candidates = tap_candidates(Tokens().eval(), X)
    assert [c.name for c in candidates] == ["embed", *(f"layers.{i}" for i in range(4))]
    assert candidates[-1].shape == (16, 8)


def test_a_network_without_maps_offers_nothing() -> None:
    assert names(nn.Sequential(nn.Flatten(), nn.Linear(768, 3))) == []


def test_no_hook_stays_behind(tiny: nn.Module) -> None:
    names(tiny)
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in tiny.modules())


def test_the_default_taps_are_spread_over_the_middle_of_the_work() -> None:
    made = [
        Candidate(name=f"b{i}", shape=(1, 2, 2), share=share)
        for i, share in enumerate((0.05, 0.21, 0.31, 0.9))
    ]
    assert default_taps(made) == ("b1", "b2", "b3")
    assert default_taps([]) == ()


def test_surrogate_taps_take_the_next_layer_where_one_does_most_of_the_work() -> None:
    made = [
        Candidate(name=f"b{i}", shape=(1, 2, 2), share=share)
        for i, share in enumerate((0.02, 0.48, 0.76, 0.83, 0.91, 0.96, 1.0))
    ]
    assert default_taps(made) == ("b1", "b2")
    assert surrogate_taps(made) == ("b1", "b2", "b3", "b4", "b5")
    assert surrogate_taps(made[:2]) == ("b0", "b1")
    assert surrogate_taps([]) == ()


def test_surrogate_taps_are_the_default_ones_and_a_later_one_where_those_differ() -> None:
    made = [
        Candidate(name=f"b{i}", shape=(1, 2, 2), share=share)
        for i, share in enumerate((0.1, 0.24, 0.41, 0.5, 0.6, 0.72, 0.9))
    ]
    assert surrogate_taps(made) == (*default_taps(made), "b6")
