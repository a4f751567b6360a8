"""Libraries of the extra `formats`, imported when a picture needs them and not before."""

from importlib import import_module
from typing import Any

from anamorph.errors import Unsupported


def load(module: str, name: str) -> Any:
    """The module, for the picture called `name`.

    Raises:
        Unsupported: the library is not installed, with the command that installs it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise Unsupported(
            f"{name}: a color or transparent picture of 16 bits needs the library {module}, which "
            "is missing; run `pip install 'anamorph[formats]'`"
        ) from error
