"""Which layers are worth tapping: the blocks of a network, in the order they run."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from anamorph.models.taps import first_tensor

FEWEST = 4
MOST = 16
TAPS_AT = (0.25, 0.4, 0.55, 0.7)
"""Shares of the multiply-adds after which a network is tapped by default."""
SURROGATE_TAPS_AT = (*TAPS_AT, 0.85)
"""The same for one that stands in for unknown models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A layer whose output is a feature map."""

    name: str
    shape: tuple[int, ...]
    """Of its output for one picture: (c, h, w), or (t, c) for tokens."""
    share: float
    """The part of the network's multiply-adds that is done when it returns, in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One layer in the forward pass."""

    name: str
    order: int
    shape: tuple[int, ...] | None
    """None where the output is no feature map."""
    before: int
    after: int
    """Multiply-adds done when it starts and when it returns."""


def tap_candidates(network: nn.Module, example: Tensor) -> list[Candidate]:
    """The blocks of a network that could be tapped, at most 16, in the order they run.

    Walks down from the network, level by level. A level is opened while there are fewer than four
    maps to choose from, and further where all is a plain sequence of blocks and no more than 16
    result. Layers that run more than once are left out; of layers that end at the same amount
    of work (convolution, normalization, activation) the last one stands for all.

    Args:
        network: in eval mode.
        example: one preprocessed picture (1, c, h, w).
    """
    runs, total = _forward(network, example)
    level = [""]
    maps = _maps(runs, level)
    while True:
        opened = _opened(runs, level, everything=len(maps) < FEWEST)
        found = _maps(runs, opened)
        if opened == level or (len(maps) >= FEWEST and len(found) > MOST):
            break
        level, maps = opened, found
    work = max(total, 1)
    return [
        Candidate(name=run.name, shape=run.shape or (), share=run.after / work)
        for run in _thinned(maps)
    ]


def default_taps(candidates: list[Candidate]) -> tuple[str, ...]:
    """The candidates nearest to 25, 40, 55 and 70 % of the network's multiply-adds.

    Middle layers are what networks have in common; the very first ones are little more than pixels
    and the last ones are the network's own.

    Example:
        >>> early = Candidate(name="stem", shape=(8, 16, 16), share=0.1)
        >>> later = Candidate(name="blocks.1", shape=(16, 8, 8), share=0.3)
        >>> last = Candidate(name="blocks.2", shape=(16, 8, 8), share=0.9)
        >>> default_taps([early, later, last])
        ('blocks.1', 'blocks.2')
    """
    nearest = [_nearest(candidates, at).name for at in TAPS_AT if candidates]
    return tuple(dict.fromkeys(nearest))


def surrogate_taps(candidates: list[Candidate]) -> tuple[str, ...]:
    """As `default_taps` and one at 85 %, all different: a taken layer makes way for the next.

    Where one block does half of the work, `default_taps` finds one layer twice. That is enough for
    the model that is to keep its reading; one that stands in for others tells more of them by more
    layers, and by later ones.

    Example:
        >>> early = Candidate(name="stem", shape=(8, 16, 16), share=0.1)
        >>> later = Candidate(name="blocks.1", shape=(16, 8, 8), share=0.3)
        >>> last = Candidate(name="blocks.2", shape=(16, 8, 8), share=0.9)
        >>> surrogate_taps([early, later, last])
        ('stem', 'blocks.1', 'blocks.2')
    """
    left = list(candidates)
    for at in SURROGATE_TAPS_AT:
        if left:
            left.remove(_nearest(left, at))
    return tuple(candidate.name for candidate in candidates if candidate not in left)


def _nearest(candidates: list[Candidate], at: float) -> Candidate:
    return min(candidates, key=lambda candidate: abs(candidate.share - at))


def _forward(network: nn.Module, example: Tensor) -> tuple[dict[str, _Run], int]:
    """Every layer that ran exactly once, in the order they returned, and all the work."""
    runs: dict[str, _Run] = {}
    started: dict[str, int] = {}
    counts: dict[str, int] = {}
    with ExitStack() as hooks, torch.no_grad(), FlopCounterMode(display=False) as counter:
        for name, module in network.named_modules():

            def start(_module: nn.Module, _arguments: Any, name: str = name) -> None:
                started[name] = counter.get_total_flops()
                counts[name] = counts.get(name, 0) + 1

            def end(_module: nn.Module, _arguments: Any, result: Any, name: str = name) -> None:
                runs[name] = _Run(
                    name=name,
                    order=len(runs),
                    shape=_map_shape(first_tensor(result)),
                    before=started[name],
                    after=counter.get_total_flops(),
                )

            hooks.enter_context(module.register_forward_pre_hook(start))
            hooks.enter_context(module.register_forward_hook(end))
        network(example)
        total = counter.get_total_flops()
    return {name: run for name, run in runs.items() if counts[name] == 1}, total


def _map_shape(result: Tensor | None) -> tuple[int, ...] | None:
    if result is None or not result.is_floating_point():
        return None
    shape = tuple(result.shape)
    is_map = len(shape) == 4 and shape[2] > 1 and shape[3] > 1
    is_tokens = len(shape) == 3 and shape[1] > 1 and shape[2] > 1
    return shape[1:] if is_map or is_tokens else None


def _children(runs: dict[str, _Run], name: str) -> list[str]:
    """The nearest layers below one that ran, skipping lists that only hold others."""
    below = [other for other in runs if _is_below(other, name)]
    nearest = [other for other in below if not any(_is_below(other, between) for between in below)]
    return sorted(nearest, key=lambda other: runs[other].order)


def _is_below(name: str, parent: str) -> bool:
    return name != parent and (not parent or name.startswith(f"{parent}."))


def _opened(runs: dict[str, _Run], level: list[str], *, everything: bool) -> list[str]:
    """The level with its containers replaced by what is in them."""
    out: list[str] = []
    for name in level:
        children = _children(runs, name)
        opens = (
            _holds_more_maps(runs, name) if everything else _is_sequence_of_blocks(runs, children)
        )
        out.extend(children if opens else [name])
    return out


def _holds_more_maps(runs: dict[str, _Run], name: str) -> bool:
    below = [run for other, run in runs.items() if _is_below(other, name)]
    maps = {run.after for run in below if run.shape is not None}
    return len(maps) > (0 if runs[name].shape is None else 1)


def _is_sequence_of_blocks(runs: dict[str, _Run], children: list[str]) -> bool:
    numbered = all(child.rpartition(".")[2].isdigit() for child in children)
    return numbered and any(
        _children(runs, child) and runs[child].after > runs[child].before for child in children
    )


def _maps(runs: dict[str, _Run], level: list[str]) -> list[_Run]:
    """The level's feature maps; of those that end at the same work, the last to return."""
    last: dict[int, _Run] = {}
    for run in sorted((runs[name] for name in level), key=lambda run: run.order):
        if run.shape is not None and run.after > 0:
            last[run.after] = run
    return list(last.values())


def _thinned(maps: list[_Run]) -> list[_Run]:
    if len(maps) <= MOST:
        return maps
    return [maps[round(i * (len(maps) - 1) / (MOST - 1))] for i in range(MOST)]
