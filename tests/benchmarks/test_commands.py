"""Every line that `make bench` runs names a script, and options that it takes."""

import shlex
from importlib import import_module
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "commands"
LINES = [line for line in FILE.read_text().splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_understood(line: str) -> None:
    script, *options = shlex.split(line)
    parser = import_module(f"benchmarks.{Path(script).stem}")._parser()
    assert parser.parse_args(options)


def test_no_line_stands_twice() -> None:
    assert len(set(LINES)) == len(LINES) > 13
