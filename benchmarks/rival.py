"""torchattacks, installed into a folder of its own by the benchmark; never a dependency."""

import importlib
import subprocess
import sys
from typing import Any

from benchmarks.places import WORK

REQUIREMENT = "torchattacks==3.5.1"
FOLDER = WORK / ".torchattacks"
"""Hidden, so that linters and type checkers pass it by."""


class Absent(Exception):
    """It cannot be installed or imported here."""


def torchattacks() -> Any:
    """The module; the libraries it needs come from this environment.

    Raises:
        Absent: with the last line of what pip or the import said.
    """
    if not (FOLDER / "torchattacks").is_dir():
        _install()
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    try:
        return importlib.import_module("torchattacks")
    except Exception as error:  # another library's import may raise anything
        raise Absent(f"{REQUIREMENT}: {error}") from error


def _install() -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    done = subprocess.run(
        [*command, "--target", str(FOLDER), REQUIREMENT],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["pip failed"]
        raise Absent(f"{REQUIREMENT}: {said[-1]}")
