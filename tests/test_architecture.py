"""What the code may not do, whoever writes it."""

import ast
import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
MOST_LINES = 400
VAGUE = {"base", "common", "helper", "helpers", "manager", "misc", "tools", "util", "utils"}
LOOP_COUNTS = {"iterations", "steps"}

PACKAGE = ROOT / "src" / "anamorph"
MAY_SEED = (PACKAGE / "optimize" / "starts.py", PACKAGE / "portraits")
MAY_PRINT = (PACKAGE / "cli",)
MAY_READ_ENVIRONMENT = (PACKAGE / "batch" / "ray_data.py",)  # to tell Ray to report nothing
MAY_LOOP_OVER_STEPS = (PACKAGE / "optimize" / "engine.py",)


def _nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path)))


def _within(path: Path, places: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(place) for place in places)


def _names(node: ast.AST) -> set[str]:
    """Every name and attribute in an expression."""
    inside = list(ast.walk(node))
    names = {part.id for part in inside if isinstance(part, ast.Name)}
    return names | {part.attr for part in inside if isinstance(part, ast.Attribute)}


def _methods(path: Path) -> set[str]:
    calls = (node.func for node in _nodes(path) if isinstance(node, ast.Call))
    return {call.attr for call in calls if isinstance(call, ast.Attribute)}


def _builtins(path: Path) -> set[str]:
    calls = (node.func for node in _nodes(path) if isinstance(node, ast.Call))
    return {call.id for call in calls if isinstance(call, ast.Name)}


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in _nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def _loops(path: Path) -> Iterator[ast.expr]:
    for node in _nodes(path):
        if isinstance(node, ast.For | ast.comprehension):
            yield node.iter
        elif isinstance(node, ast.While):
            yield node.test


def test_there_are_sources_to_look_at() -> None:
    assert PACKAGE / "optimize" / "engine.py" in SOURCES


def test_layers_and_roles_are_respected() -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert code == 0, said.getvalue()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_keeps_the_rules(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    imported = _imported(path)
    assert ast.get_docstring(ast.parse(text)), "has no docstring"
    assert text.count("\n") <= MOST_LINES
    assert path.stem not in VAGUE
    assert not any(isinstance(node, ast.Assert) for node in _nodes(path)), "asserts"
    assert not {"pickle", "dill", "cloudpickle"} & {name.partition(".")[0] for name in imported}
    assert "__future__.annotations" not in imported
    assert not {"eval", "exec", "compile"} & _builtins(path)
    if not _within(path, MAY_SEED):
        assert not {"manual_seed", "manual_seed_all", "seed_all"} & _methods(path)
    if not _within(path, MAY_PRINT):
        assert "print" not in _builtins(path)
    if not _within(path, MAY_READ_ENVIRONMENT):
        assert not {"os.environ", "os.getenv"} & imported
        assert not {"environ", "getenv", "putenv"} & set().union(*map(_names, _nodes(path)))
    if not _within(path, MAY_LOOP_OVER_STEPS):
        assert not any(LOOP_COUNTS & _names(loop) for loop in _loops(path)), "a second loop"


def test_weights_are_only_ever_opened_without_running_code() -> None:
    for path in SOURCES:
        for node in _nodes(path):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
                assert keywords.get("weights_only") == "True", f"{path}:{node.lineno}"


def test_tests_mirror_the_sources() -> None:
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        folder = path.parent.relative_to(ROOT / "tests")
        mirrored = (PACKAGE / folder).is_dir() or (ROOT / folder).is_dir()
        assert mirrored or str(folder) == "laws", path
