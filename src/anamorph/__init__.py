"""Pictures and face features that only the models their owner trusts can use.

    >>> import anamorph
    >>> model = anamorph.load("portraits:identity-residual")  # doctest: +SKIP
    >>> report = anamorph.protect(["photos"], "protected", model)  # doctest: +SKIP

Names are imported when they are first used: `import anamorph` alone does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anamorph.app.protect import protect, protect_images
    from anamorph.app.protecting import Writing
    from anamorph.app.records import ProtectReport
    from anamorph.errors import AnamorphError
    from anamorph.methods.fmd import FMD, PRESETS
    from anamorph.models import Model, load, wrap

__version__ = "0.1.0"

__all__ = [
    "FMD",
    "PRESETS",
    "AnamorphError",
    "Model",
    "ProtectReport",
    "Writing",
    "__version__",
    "load",
    "protect",
    "protect_images",
    "wrap",
]

_HOMES = {
    "FMD": "anamorph.methods.fmd",
    "PRESETS": "anamorph.methods.fmd",
    "AnamorphError": "anamorph.errors",
    "Model": "anamorph.models",
    "ProtectReport": "anamorph.app.records",
    "Writing": "anamorph.app.protecting",
    "load": "anamorph.models",
    "protect": "anamorph.app.protect",
    "protect_images": "anamorph.app.protect",
    "wrap": "anamorph.models",
}
"""The modules that public names come from."""


def __getattr__(name: str) -> Any:
    """A public name, imported on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return list(__all__)
