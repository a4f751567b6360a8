"""Weights from files that cannot run code, and the digest that names them."""

import warnings
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from anamorph.errors import WeightsError

CONVERT = "convert it with safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')"
WRAPPERS = ("state_dict", "model")
SHOWN = 3


def read_weights(path: Path) -> dict[str, Tensor]:
    """The named tensors in a `.safetensors` file, or in a `.pt`/`.pth` file that holds only them.

    Raises:
        WeightsError: missing, damaged, of another type, or a pickle of anything but tensors.
    """
    if not path.is_file():
        raise WeightsError(f"there are no weights at {path}; check the path in the card")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise WeightsError(f"{path}: damaged safetensors file: {error}") from None
    if path.suffix in (".pt", ".pth"):
        return _read_torch(path)
    raise WeightsError(
        f"{path}: weights of type {path.suffix or 'none'!r} are not read, "
        f"expected .safetensors, .pt or .pth; {CONVERT}"
    )


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # whatever a hostile or damaged file makes the parser raise
        raise WeightsError(
            f"{path}: holds more than tensors, or is damaged, so it is not opened; {CONVERT}"
        ) from None
    for key in WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not all(isinstance(t, Tensor) for t in found.values()):
        raise WeightsError(f"{path}: holds no table of named tensors; {CONVERT}")
    return dict(found)


def load_weights(network: nn.Module, path: Path) -> None:
    """Load weights into a network; every name and shape must fit. Half precision is widened.

    Raises:
        WeightsError: naming the first few that are missing, unexpected or of another shape.
    """
    given, wanted = read_weights(path), network.state_dict()
    problems = [
        *_listed("missing", [key for key in wanted if key not in given]),
        *_listed("unexpected", [key for key in given if key not in wanted]),
        *_listed(
            "of another shape or type",
            [
                f"{key} {_difference(given[key], tensor)}"
                for key, tensor in wanted.items()
                if key in given and not _fits(given[key], tensor)
            ],
        ),
    ]
    if problems:
        raise WeightsError(f"{path} does not fit the network: {'; '.join(problems)}")
    network.load_state_dict(given)


def _fits(given: Tensor, wanted: Tensor) -> bool:
    return given.shape == wanted.shape and _same_kind(given, wanted)


def _same_kind(given: Tensor, wanted: Tensor) -> bool:
    """Whether one can be taken for the other: floats of any width, or none."""
    return given.is_floating_point() == wanted.is_floating_point()


def _difference(given: Tensor, wanted: Tensor) -> str:
    """Shapes; and types only where they are what does not fit."""
    if _same_kind(given, wanted):
        return f"{list(given.shape)} instead of {list(wanted.shape)}"
    return f"{_described(given)} instead of {_described(wanted)}"


def _described(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"


def _listed(what: str, names: list[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"{what}: {', '.join(names[:SHOWN])}{more}"]


def weights_digest(state: Mapping[str, Tensor]) -> str:
    """Sha256 over names, types, shapes and bytes, in the order of the names.

    Example:
        >>> a, b = torch.zeros(2), torch.ones(3)
        >>> weights_digest({"a": a, "b": b}) == weights_digest({"b": b, "a": a})
        True
    """
    digest = sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
