"""Pictures and face features that only the models their owner trusts can use.

    >>> import anamorph
    >>> model = anamorph.load("portraits:identity-residual")  # doctest: +SKIP
    >>> report = anamorph.protect(["photos"], "protected", model)  # doctest: +SKIP

Names are imported when they are first used: `import anamorph` alone does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anamorph.app.audit.compare.compare import compare
    from anamorph.app.audit.hidden.audit import audit_hide
    from anamorph.app.audit.matrix.matrix import matrix
    from anamorph.app.audit.protected.audit import audit
    from anamorph.app.audit.shielded.audit import audit_shield
    from anamorph.app.hide.hide import hide
    from anamorph.app.hide.records import HideReport, RevealReport
    from anamorph.app.hide.reveal import reveal
    from anamorph.app.protect.protect import protect, protect_images
    from anamorph.app.protect.protecting import Writing
    from anamorph.app.records import ProtectReport
    from anamorph.app.shield.shield import shield
    from anamorph.auditing.audit import Audit
    from anamorph.auditing.comparison import Comparison
    from anamorph.auditing.hidden.result import HideAudit
    from anamorph.auditing.matrix import Matrix
    from anamorph.auditing.shielded.result import ShieldAudit
    from anamorph.errors import AnamorphError
    from anamorph.keys.file import read as read_key
    from anamorph.keys.file import write as write_key
    from anamorph.keys.key import Key
    from anamorph.keys.key import new as new_key
    from anamorph.methods.fmd_parameters import FMD, PRESETS
    from anamorph.methods.permuted import Permuted
    from anamorph.methods.sealed import Sealed
    from anamorph.models import Model, load, wrap

__version__ = "0.1.0"

__all__ = [
    "FMD",
    "PRESETS",
    "AnamorphError",
    "Audit",
    "Comparison",
    "HideAudit",
    "HideReport",
    "Key",
    "Matrix",
    "Model",
    "Permuted",
    "ProtectReport",
    "RevealReport",
    "Sealed",
    "ShieldAudit",
    "Writing",
    "__version__",
    "audit",
    "audit_hide",
    "audit_shield",
    "compare",
    "hide",
    "load",
    "matrix",
    "new_key",
    "protect",
    "protect_images",
    "read_key",
    "reveal",
    "shield",
    "wrap",
    "write_key",
]

_HOMES = {
    "FMD": "anamorph.methods.fmd_parameters",
    "PRESETS": "anamorph.methods.fmd_parameters",
    "AnamorphError": "anamorph.errors",
    "Audit": "anamorph.auditing.audit",
    "Comparison": "anamorph.auditing.comparison",
    "HideAudit": "anamorph.auditing.hidden.result",
    "HideReport": "anamorph.app.hide.records",
    "Key": "anamorph.keys.key",
    "Matrix": "anamorph.auditing.matrix",
    "Model": "anamorph.models",
    "Permuted": "anamorph.methods.permuted",
    "ProtectReport": "anamorph.app.records",
    "RevealReport": "anamorph.app.hide.records",
    "Sealed": "anamorph.methods.sealed",
    "ShieldAudit": "anamorph.auditing.shielded.result",
    "Writing": "anamorph.app.protect.protecting",
    "audit": "anamorph.app.audit.protected.audit",
    "audit_hide": "anamorph.app.audit.hidden.audit",
    "audit_shield": "anamorph.app.audit.shielded.audit",
    "compare": "anamorph.app.audit.compare.compare",
    "hide": "anamorph.app.hide.hide",
    "load": "anamorph.models",
    "matrix": "anamorph.app.audit.matrix.matrix",
    "new_key": "anamorph.keys.key:new",
    "protect": "anamorph.app.protect.protect",
    "protect_images": "anamorph.app.protect.protect",
    "read_key": "anamorph.keys.file:read",
    "reveal": "anamorph.app.hide.reveal",
    "shield": "anamorph.app.shield.shield",
    "wrap": "anamorph.models",
    "write_key": "anamorph.keys.file:write",
}
"""The modules that public names come from, with the name there where it is another."""


def __getattr__(name: str) -> Any:
    """A public name, imported on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, _, inside = _HOMES[name].partition(":")
    value = globals()[name] = getattr(import_module(home), inside or name)
    return value


def __dir__() -> list[str]:
    return list(__all__)
