"""Other libraries, installed into a folder of their own by the benchmark; never dependencies."""

import importlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.places import WORK

REQUIREMENTS = (
    "torchattacks==3.5.1",
    "foolbox==3.3.4",
    "adversarial-robustness-toolbox==1.20.1",
    # What the last two import besides what this environment has.
    "eagerpy==0.30.0",
    "gitpython",
    "gitdb",
    "smmap",
    "scikit-learn",
    "joblib",
    "threadpoolctl",
    "cloudpickle",
    "narwhals",
    "six",
)
FOLDER = WORK / ".rivals"
"""Hidden, so that linters and type checkers pass it by."""

_INSTALLED = "installed"
"""The file that says that all of them are there."""


class Absent(Exception):
    """It cannot be installed or imported here."""


def rival_module(name: str) -> Any:
    """A module of one of them; torch and the like come from this environment.

    Raises:
        Absent: with the last line of what pip or the import said.
    """
    if not (FOLDER / _INSTALLED).exists():
        install(REQUIREMENTS, FOLDER)
        (FOLDER / _INSTALLED).touch()
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    try:
        return importlib.import_module(name)
    except Exception as error:  # another library's import may raise anything
        raise Absent(f"{name}: {error}") from error


def install(requirements: Sequence[str], folder: Path) -> None:
    """Put packages into a folder, without what they depend on.

    Raises:
        Absent: with the last line of what pip said.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    done = subprocess.run(
        [*command, "--target", str(folder), *requirements],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["pip failed"]
        raise Absent(f"{', '.join(requirements[:3])}: {said[-1]}")
