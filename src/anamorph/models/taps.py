"""Taps: what named layers return, captured in the forward pass that happens anyway."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from difflib import get_close_matches
from threading import get_ident
from typing import Any, NamedTuple

from torch import Tensor, nn

from anamorph.errors import LayerNotFound
from anamorph.models.convolutions import run


class Captured(NamedTuple):
    """One forward pass."""

    output: Any
    """What the network returned, untouched."""
    features: tuple[Tensor, ...]
    """What the tapped layers returned, in the order of the taps."""
    runs: tuple[int, ...]
    """How often each tapped layer ran; the features are of its last run."""


class _Done(Exception):
    """Every tapped layer has run: the rest of the forward pass is not needed."""


def capture(network: nn.Module, taps: Sequence[str], x: Tensor) -> Captured:
    """Run a network and keep what the tapped layers return.

    Raises:
        LayerNotFound: a tap that names no layer, or a layer that did not run or gave no tensor.
    """
    seen = _Seen(taps)
    with _hooked(network, taps, seen.record):
        output = run(network, x)
    return Captured(output, seen.features(), tuple(seen.runs))


def capture_features(
    network: nn.Module, taps: Sequence[str], x: Tensor, runs: Sequence[int]
) -> tuple[Tensor, ...]:
    """Only the features: the forward pass stops once each tapped layer has run `runs` times.

    Raises:
        LayerNotFound: as `capture`.
    """
    seen = _Seen(taps)

    def record(index: int, result: Any) -> None:
        seen.record(index, result)
        if all(ran >= wanted for ran, wanted in zip(seen.runs, runs, strict=True)):
            raise _Done

    with _hooked(network, taps, record), suppress(_Done):
        run(network, x)
    return seen.features()


class _Seen:
    """What the tapped layers returned so far."""

    __slots__ = ("results", "runs", "taps")

    def __init__(self, taps: Sequence[str]) -> None:
        self.taps = taps
        self.runs = [0] * len(taps)
        self.results: list[Tensor | None] = [None] * len(taps)

    def record(self, index: int, result: Any) -> None:
        tensor = first_tensor(result)
        # A later layer may work in place on what this one returned.
        self.results[index] = None if tensor is None else tensor.clone()
        self.runs[index] += 1

    def features(self) -> tuple[Tensor, ...]:
        found = []
        for tap, result in zip(self.taps, self.results, strict=True):
            if result is None:
                raise LayerNotFound(
                    f"layer {tap!r} gave no tensor in the forward pass; "
                    "choose another, list them with `anamorph models layers MODEL`"
                )
            found.append(result)
        return tuple(found)


def first_tensor(result: Any) -> Tensor | None:
    """A layer's result, or the first tensor of a tuple of results."""
    if isinstance(result, Tensor):
        return result
    if isinstance(result, tuple | list):
        return next((part for part in result if isinstance(part, Tensor)), None)
    return None


def check_taps(network: nn.Module, taps: Sequence[str], name: str) -> None:
    """Refuse taps that name no layer.

    Raises:
        LayerNotFound: with the nearest names.
    """
    layers = [layer for layer, _ in network.named_modules() if layer]
    for tap in taps:
        if tap not in layers:
            nearest = ", ".join(get_close_matches(tap, layers, n=3, cutoff=0.0)) or "none"
            raise LayerNotFound(
                f"layer {tap!r} is not in {name}; nearest: {nearest}. "
                "List them with `anamorph models layers MODEL`"
            )


@contextmanager
def _hooked(
    network: nn.Module, taps: Sequence[str], record: Callable[[int, Any], None]
) -> Iterator[None]:
    check_taps(network, taps, "the network")
    thread = get_ident()

    def hook_for(index: int) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, arguments: Any, result: Any) -> None:
            del module, arguments
            if get_ident() == thread:  # another thread may be running the same network
                record(index, result)

        return hook

    with ExitStack() as hooks:
        for index, tap in enumerate(taps):
            layer = network.get_submodule(tap)
            hooks.enter_context(layer.register_forward_hook(hook_for(index)))
        yield
