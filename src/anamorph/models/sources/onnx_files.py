"""The files an ONNX model is made of: found without the onnx package, nothing of them executed.

Only the way to the tensors is followed through the protobuf messages of onnx.proto, to learn which
side files they name.
"""

from collections.abc import Iterator, Mapping
from hashlib import file_digest, sha256
from pathlib import Path

from anamorph.errors import ModelError

_TENSOR = "tensor"
_WAYS: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "function": {7: "node"},
    "graph": {1: "node", 5: _TENSOR, 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: _TENSOR, 6: "graph", 10: _TENSOR, 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: _TENSOR, 2: _TENSOR},
    _TENSOR: {13: "entry"},
    "entry": {},
}
"""By message: the fields that lead towards the tensors' side files."""
_KEY, _VALUE = 1, 2
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_DEEPEST = 64


def side_files(path: Path) -> tuple[Path, ...]:
    """The files beside a model that hold some of its weights, sorted.

    Raises:
        ModelError: one is missing, or lies outside the model's folder.
        ValueError: the file is no protobuf message.
    """
    folder = path.parent.resolve()
    found = []
    for name in sorted(set(_locations(memoryview(path.read_bytes()), "model", _DEEPEST))):
        side = (folder / name).resolve()
        if not side.is_relative_to(folder):
            raise ModelError(
                f"{path}: takes weights from {name!r}, outside its folder, which is refused; "
                "save the model again as one file"
            )
        if not side.is_file():
            raise ModelError(f"{path}: its weights {name!r} are missing; put them beside it")
        found.append(side)
    return tuple(found)


def model_digest(path: Path, sides: tuple[Path, ...]) -> str:
    """SHA-256 of the file; with side files, of the digests of all of them.

    Raises:
        OSError: a file cannot be read.
    """
    digests = [_file_digest(file) for file in (path, *sides)]
    return sha256("\n".join(digests).encode()).hexdigest() if sides else digests[0]


def _file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _locations(message: memoryview, kind: str, depth: int) -> Iterator[str]:
    if depth == 0:
        raise ValueError("nested too deeply")
    for field, content in _fields(message):
        below = _WAYS[kind].get(field)
        if below == "entry":
            entry = dict(_fields(content))
            if bytes(entry.get(_KEY, b"")) == b"location":
                yield bytes(entry.get(_VALUE, b"")).decode()
        elif below is not None:
            yield from _locations(content, below, depth - 1)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The fields that hold bytes: texts, messages, packed numbers."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        size, wire = 0, tag & 7
        if wire == _VARINT:
            _, at = _varint(message, at)
        elif wire == _BYTES:
            size, at = _varint(message, at)
        elif wire in (_EIGHT, _FOUR):
            size = 8 if wire == _EIGHT else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + size > len(message):
            raise ValueError("cut short")
        if wire == _BYTES:
            yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number and the place after it."""
    value = 0
    for n, byte in enumerate(message[at : at + 10]):
        value |= (byte & 0x7F) << (7 * n)
        if byte < 0x80:
            return value, at + n + 1
    raise ValueError("no end of a number")
