"""Takes everything that could run code out of an exported program, or refuses it.

`torch.export.load` unpickles what an archive marks as pickled, falls back to full unpickling for
sample inputs, executes the guards, loads compiled libraries, and pastes names and shape expressions
from the file into Python source. So a clean archive is written in memory: tensors as raw bytes, no
samples, no guards, no other files, and a graph of tensor operators whose names are plain.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

GRAPH = "models/model.json"
PAYLOADS = ("data/weights", "data/constants")
FIXED = ("archive_format", "archive_version", "byteorder", ".data/version")
SAMPLES = "data/sample_inputs/model.pt"

OPERATOR = re.compile(
    r"torch\.ops\.(aten\.(?!from_file|save)|prims\.|higher_order\.)[\w.]+"
    r"|_operator\.(add|sub|mul|truediv|floordiv|mod|neg|pow|eq|ne|lt|le|gt|ge|getitem)"
    r"|torch\.sym_(int|float|max|min|not|ite|sqrt)|math\.(ceil|floor|trunc)"
)
PLAIN = re.compile(r"[\w.@-]*")
WORD = re.compile(r"[A-Za-z_]\w*")
SHAPE_WORD = re.compile(
    r"[a-z]{1,6}\d+|Max|Min|Mod|PythonMod|FloorDiv|CeilDiv|IntTrueDiv|Eq|Ne|Le|Lt|Ge|Gt"
    r"|And|Or|Not|True|False|ceiling|floor"
)
SYMBOL = re.compile(r"Symbol\('([a-z]{1,6}\d+)'(, (positive|integer|nonnegative)=True)*\)")
SHAPE = re.compile(r"[\w\s+*/(),<>=&|~-]*")
CONTAINERS = ("builtins.tuple", "builtins.list", "builtins.dict", None)
FREE = ("as_string", "torch_version", "forward_arg_names")


def clean(path: Path) -> io.BytesIO:
    """The archive without anything that runs code, ready for `torch.export.load`.

    Raises:
        ValueError: the file is no such archive, or cannot do without code.
    """
    cleaned = io.BytesIO()
    with (
        zipfile.ZipFile(path) as archive,
        zipfile.ZipFile(cleaned, "w", zipfile.ZIP_STORED) as out,
    ):
        files = {str(PurePosixPath(*PurePosixPath(n).parts[1:])): n for n in archive.namelist()}
        if GRAPH not in files:
            raise ValueError(f"there is no {GRAPH} in it")

        def put(name: str, content: bytes) -> None:
            out.writestr(f"model/{name}", content)

        for name in FIXED:
            if name in files:
                put(name, archive.read(files[name]))
        put(GRAPH, json.dumps(_clean_graph(json.loads(archive.read(files[GRAPH])))).encode())
        put(SAMPLES, b"")
        for folder in PAYLOADS:
            name = f"{folder}/model_{folder.rpartition('/')[2]}_config.json"
            config = json.loads(archive.read(files[name]))
            put(name, json.dumps(config).encode())
            for payload in sorted({_payload(entry) for entry in config["config"].values()}):
                put(f"{folder}/{payload}", archive.read(files[f"{folder}/{payload}"]))
    cleaned.seek(0)
    return cleaned


def _payload(entry: dict[str, Any]) -> str:
    """The file with one tensor's bytes."""
    name = str(entry["path_name"])
    if entry["use_pickle"] is not False or not re.fullmatch(r"(weight|tensor)_\d+", name):
        raise ValueError(f"{name} in it is a pickle, which could run code")
    return name


def _clean_graph(program: dict[str, Any]) -> dict[str, Any]:
    program["guards_code"] = []
    for node in program["graph_module"]["graph"]["nodes"]:
        stack = node["metadata"].get("nn_module_stack")
        node["metadata"] = {} if stack is None else {"nn_module_stack": stack}
    for key, text in _texts(program):
        if not _harmless(key, text):
            raise ValueError(f"{key} {text[:60]!r} in it is not part of a plain tensor graph")
    return program


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in JSON with the key it stands under; names of keys count as texts."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, key)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield "key", name
            yield from _texts(item, name)


def _harmless(key: str, text: str) -> bool:
    if key in ("target", "as_operator"):
        return OPERATOR.fullmatch(text) is not None
    if key == "expr_str":
        bare = SYMBOL.sub(r"\1", text)
        words = all(SHAPE_WORD.fullmatch(word) for word in WORD.findall(bare))
        return words and SHAPE.fullmatch(bare) is not None
    if key in ("in_spec", "out_spec"):
        return all(kind in CONTAINERS for kind in _container_types(json.loads(text)))
    if key == "nn_module_stack":
        return "(" not in text
    return key in FREE or PLAIN.fullmatch(text) is not None


def _container_types(spec: Any) -> Iterator[str | None]:
    if isinstance(spec, list):
        for item in spec:
            yield from _container_types(item)
    elif isinstance(spec, dict):
        if "type" in spec:
            yield spec["type"]
        for item in spec.values():
            yield from _container_types(item)
