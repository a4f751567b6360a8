"""The command line in this process."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from anamorph import cli


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Anamorph = Callable[..., Ended]


@pytest.fixture
def anamorph(capfd: pytest.CaptureFixture[str]) -> Anamorph:
    """Runs the command line in this process."""

    def run(*arguments: object) -> Ended:
        capfd.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        return Ended(code, *capfd.readouterr())

    return run
