"""The report as Markdown, for places where pictures and colors don't go."""

import re
from collections.abc import Iterable, Sequence

from anamorph.auditing.audit import Audit
from anamorph.auditing.figures import ModelFigures
from anamorph.auditing.limits import limits, measuring, overview
from anamorph.auditing.verdict import breakers, caution, grade, verdict
from anamorph.auditing.wording import interval, percent, printable
from anamorph.metrics.accuracy import Share


def markdown(audit: Audit) -> str:
    """The whole report, without pictures."""
    parts = [
        f"# Audit: {grade(audit)}",
        _plain(verdict(audit)),
        _plain(caution(audit)),
        overview(audit),
        *(f"- {_plain(note)}" for note in audit.notes),
        "## Who still reads the pictures",
        _table(
            [
                "model",
                "role",
                "originals read right",
                "protected read right",
                "kept",
                "same answer",
            ],
            [_model(audit.authorized, "your model"), *(_model(m, _role(m)) for m in audit.panel)],
        ),
        "## What broke the protection",
        _table(
            ["attack", "unseen models kept", "your model kept", "unseen, originals attacked"],
            [
                [b.name, _share(b.panel.kept), _share(b.authorized.kept), _share(b.panel.clean)]
                for b in breakers(audit)
            ],
        ),
        "## Noise of the same size",
        _table(
            ["noise", "unseen models kept", "your model kept"],
            [
                [name, _share(kept), _share(audit.authorized.controls[name])]
                for name, kept in audit.means.controls.items()
            ],
        ),
    ]
    if audit.adaptive:
        parts += [
            "## An attacker who learns",
            _table(
                ["learned from", "model", "kept before", "kept after"],
                [
                    [
                        str(row.pictures) + ("" if row.learned else " (learned too little)"),
                        row.model,
                        _share(row.before),
                        _share(row.after),
                    ]
                    for row in audit.adaptive
                ],
            ),
        ]
    if audit.failed:
        parts += [
            "## Could not be audited",
            _table(["picture", "why"], [[f.source or f.output, f.reason] for f in audit.failed]),
        ]
    parts += [
        "## What this does not prove",
        "\n".join(f"- {_plain(line)}" for line in limits(audit)),
        "## How it was measured",
        *map(_plain, measuring(audit)),
        _code(audit.method.command),
        ", ".join(f"{name} {version}" for name, version in audit.method.versions.items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _model(model: ModelFigures, role: str) -> list[str]:
    if model.error:
        return [model.name, role, f"failed: {model.error}", "", "", ""]
    figures = (model.clean, model.protected, model.kept, model.agreement)
    return [model.name, role, *map(_share, figures)]


def _role(model: ModelFigures) -> str:
    return "was used while protecting" if model.surrogate else "unseen"


def _share(share: Share) -> str:
    return "-" if share.value is None else f"{percent(share)} {interval(share)}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _plain(text: str) -> str:
    """Text that means only itself: file names and models' names may hold anything."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", printable(text))


def _code(text: str) -> str:
    """A block that the text cannot close: indented."""
    return "    " + printable(text)
