"""A device that is not there: it computes on the CPU, and refuses what a GPU would refuse."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only

ELSEWHERE = torch.device("lazy", 0)
"""A type of device that this build knows by name alone; autograd runs it in the caller's thread."""

_ATEN = torch.ops.aten
_COPIES = frozenset({_ATEN._to_copy.default, _ATEN.copy_.default})
_INDEXING = frozenset({_ATEN.index.Tensor, _ATEN.index_put_.default, _ATEN.index_put.default})
"""Here, too, tensors of two devices may meet: indices may be on the CPU."""


class There(Tensor):
    """A tensor that says it is elsewhere, and holds one that is here."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "There":
        """Wrap a tensor of the CPU."""
        there: There = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=ELSEWHERE,
        )
        there.held = held
        return there

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, op: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Whatever is computed with tensors of this kind."""
        return _computed(op, args, dict(kwargs or {}))

    def tolist(self) -> Any:
        """Numbers are on no device; the tensor's own method refuses classes such as this."""
        return self.held.tolist()

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        """For messages."""
        return f"There({self.held!r})"


class _Made(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Tensors that are made elsewhere; none of their arguments says so."""

    def __torch_dispatch__(
        self, op: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if _is_elsewhere(given.get("device")) or any(issubclass(t, There) for t in types):
            return _computed(op, args, given)
        return op(*args, **given)


def _computed(op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Compute here; the result is where a GPU would have it.

    Raises:
        RuntimeError: tensors of two devices; one without axes may be anywhere.
    """
    tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
    there = [t for t in tensors if isinstance(t, There)]
    here = [t for t in tensors if not isinstance(t, There) and t.dim()]
    indexed = op in _INDEXING and isinstance(args[0], There)
    if there and here and op not in _COPIES and not indexed:
        raise RuntimeError(f"{op}: tensors on two devices, {ELSEWHERE} and cpu")
    wanted = kwargs.get("device")
    if wanted is not None:
        kwargs["device"] = torch.device("cpu")
    held_args, held_kwargs = tree_map_only(There, lambda t: t.held, (tuple(args), kwargs))
    result = op(*held_args, **held_kwargs)
    if op is _ATEN.copy_.default:
        return args[0]
    if not (_is_elsewhere(wanted) if wanted is not None else there):
        return result
    result = tree_map_only(Tensor, There, result)
    if not there:
        return result
    aliased: Callable[..., Any] = return_and_correct_aliasing
    return aliased(op, tuple(args), kwargs, result)


def _is_elsewhere(device: Any) -> bool:
    return device is not None and torch.device(device).type == ELSEWHERE.type


@pytest.fixture
def elsewhere() -> Iterator[torch.device]:
    """The device; tensors can be moved to it and made on it, in this thread, during a test."""
    torch._C._set_only_lift_cpu_tensors(True)  # `torch.tensor` makes them here, then moves them
    try:
        with _Made():  # type: ignore[no-untyped-call]
            yield ELSEWHERE
    finally:
        torch._C._set_only_lift_cpu_tensors(False)


@pytest.fixture
def cuda_is_elsewhere(
    elsewhere: torch.device, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., torch.device]:
    """Lets the name `cuda` stand for it."""
    from anamorph.models import device

    known = device.device_of

    def device_of(name: str | torch.device) -> torch.device:
        return elsewhere if name == "cuda" else known(name)

    for user in _USERS:
        monkeypatch.setattr(f"{user}.device_of", device_of)
    return device_of


_USERS = (
    "anamorph.models.loading",
    "anamorph.app.hide.reveal",
    "anamorph.app.shield.advface",
)
