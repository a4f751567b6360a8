"""Where networks come from: one function per kind of source, each imported only when used."""

from anamorph.models.sources.build import build
from anamorph.models.sources.built import Built

__all__ = ["Built", "build"]
