"""`python:package.module:factory` and `python:path/file.py:factory`: code the user names."""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from anamorph.errors import CardError, ModelError, first_line
from anamorph.models.card import Card
from anamorph.models.sources.built import Built


def build(card: Card) -> Built:
    """Call the factory with the card's options.

    Raises:
        CardError: a source that is not `python:MODULE:FACTORY`.
        ModelError: the code cannot be imported, fails, or returns no `nn.Module`.
    """
    where, _, name = card.what.rpartition(":")
    if not where or not name:
        raise CardError(
            f"{card.name}: source is {card.source!r}, expected python:package.module:factory "
            "or python:path/file.py:factory"
        )
    try:
        module = _from_file(card.folder / where) if where.endswith(".py") else _from_package(where)
        factory: Callable[..., Any] | None = getattr(module, name, None)
        if factory is None:
            raise ModelError(f"{card.name}: {where} has no {name!r}; check the name in the card")
        network = factory(**card.options)
    except ModelError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise ModelError(
            f"{card.name}: {card.source} failed with {type(error).__name__}: {first_line(error)}"
        ) from error
    if not isinstance(network, nn.Module):
        raise ModelError(
            f"{card.name}: {card.source} returned a {type(network).__name__}; expected an nn.Module"
        )
    return Built(network=network, card=card)


def _from_package(name: str) -> ModuleType:
    return importlib.import_module(name)


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ModelError(f"there is no file {path}; a python: source is relative to its card")
    unique = f"anamorph_source_{sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(unique, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"{path} cannot be imported as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module  # a dataclass of a module looks its module up while it is made
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[unique]
        raise
    return module
