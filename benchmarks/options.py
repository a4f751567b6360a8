"""The options that benchmarks share, declared once."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from benchmarks.places import DATA, RESULTS

_SHARED: dict[str, dict[str, Any]] = {
    "photos": {"type": int, "help": "how many"},
    "first": {"type": int, "default": 0, "help": "where in the list to begin"},
    "seed": {"type": int, "default": 0},
    "threads": {"type": int, "default": 0, "help": "of torch; 0 leaves its choice"},
    "redo": {"action": "store_true", "help": "measure finished runs again"},
    "results": {"type": Path, "default": RESULTS, "help": "folder of the results"},
    "work": {"type": Path, "help": "folder for what is made"},
    "data": {"type": Path, "default": DATA, "help": "folder of models and photos"},
}


def add_shared(parser: ArgumentParser, *names: str, **defaults: object) -> None:
    """Add some of the shared options: those named, and those whose default is given.

    Example:
        >>> parser = ArgumentParser()
        >>> add_shared(parser, "seed", threads=1)
        >>> vars(parser.parse_args(["--seed", "3"]))
        {'seed': 3, 'threads': 1}
    """
    for name in names:
        parser.add_argument(f"--{name}", **_SHARED[name])
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", **{**_SHARED[name], "default": default})
