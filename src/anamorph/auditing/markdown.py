"""The report as Markdown, for places where pictures and colors don't go."""

import re
from collections.abc import Iterable, Sequence

from anamorph.auditing.analyses import Analysis, Quartiles
from anamorph.auditing.audit import Audit
from anamorph.auditing.figures import ModelFigures
from anamorph.auditing.learners import WAYS, told_apart
from anamorph.auditing.limits import limits, measuring, overview
from anamorph.auditing.verdict import breakers, caution, grade, verdict
from anamorph.auditing.wording import printable, share


def markdown(audit: Audit) -> str:
    """The whole report, without pictures."""
    parts = [
        f"# Audit: {grade(audit)}",
        plain(verdict(audit)),
        plain(caution(audit)),
        overview(audit),
        *(f"- {plain(note)}" for note in audit.notes),
        "## Who still reads the pictures",
        table(
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
        table(
            ["attack", "unseen models kept", "your model kept", "unseen, originals attacked"],
            [
                [b.name, share(b.panel.kept), share(b.authorized.kept), share(b.panel.clean)]
                for b in breakers(audit)
            ],
        ),
        "## Noise of the same size",
        table(
            ["noise", "unseen models kept", "your model kept"],
            [
                [name, share(kept), share(audit.authorized.controls[name])]
                for name, kept in audit.means.controls.items()
            ],
        ),
    ]
    if audit.adaptive:
        parts += [
            "## An attacker who learns",
            table(
                ["learned from", "learned what", "model", "kept before", "kept after"],
                [
                    [
                        str(row.pictures) + ("" if row.learned else " (learned too little)"),
                        WAYS[row.way],
                        row.model,
                        share(row.before),
                        share(row.after),
                    ]
                    for row in audit.adaptive
                ],
            ),
        ]
    if audit.detection is not None:
        parts += ["## Told from originals", plain(told_apart(audit.detection))]
    if audit.analyses:
        parts += [
            "## Inside the models",
            "Medians of what is the same before and after (1 is unchanged), and of the highest "
            "softmax value.",
            table(
                [
                    "model",
                    "layer",
                    "Grad-CAM, correlation",
                    "last map, cosine",
                    "all channels, cosine",
                    "softmax before",
                    "softmax after",
                ],
                [_inside(row) for row in audit.analyses],
            ),
        ]
    if audit.failed:
        parts += [
            "## Could not be audited",
            table(["picture", "why"], [[f.source or f.output, f.reason] for f in audit.failed]),
        ]
    parts += [
        "## What this does not prove",
        "\n".join(f"- {plain(line)}" for line in limits(audit)),
        "## How it was measured",
        *map(plain, measuring(audit)),
        code(audit.method.command),
        ", ".join(f"{name} {version}" for name, version in audit.method.versions.items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _model(model: ModelFigures, role: str) -> list[str]:
    if model.error:
        return [model.name, role, f"failed: {model.error}", "", "", ""]
    figures = (model.clean, model.protected, model.kept, model.agreement)
    return [model.name, role, *map(share, figures)]


def _inside(row: Analysis) -> list[str]:
    sure = row.confidence
    return [
        row.model,
        row.layer + (f" ({row.remark})" if row.remark else ""),
        *map(_median, (row.grad_cam, row.activation_map, row.activation)),
        _median(None if sure is None else sure.clean),
        _median(None if sure is None else sure.protected),
    ]


def _median(found: Quartiles | None) -> str:
    if found is None or found.median is None:
        return "-"
    return f"{found.median:.2f} (n {found.n})"


def _role(model: ModelFigures) -> str:
    return "was used while protecting" if model.surrogate else "unseen"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what cells hold is never taken for markup."""
    lines = [header, ["---"] * len(header), *([plain(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def plain(text: str) -> str:
    """Text that means only itself: file names and models' names may hold anything."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", printable(text))


def code(text: str) -> str:
    """A block that the text cannot close: indented."""
    return "    " + printable(text)
