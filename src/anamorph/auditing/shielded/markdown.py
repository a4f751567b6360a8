"""The report as Markdown, for places where pictures and colors don't go."""

from collections.abc import Iterator

from anamorph.auditing.hidden.spread import Spread
from anamorph.auditing.hidden.words import extent, figure
from anamorph.auditing.markdown import code, plain, table
from anamorph.auditing.shielded.figures import GROUPS, Attempt, Link, Matching
from anamorph.auditing.shielded.limits import limits, measuring, overview
from anamorph.auditing.shielded.result import ShieldAudit
from anamorph.auditing.shielded.verdict import caution, grade, verdict, who
from anamorph.auditing.wording import share
from anamorph.metrics.accuracy import NOTHING


def markdown(audit: ShieldAudit) -> str:
    """The whole report, without pictures."""
    parts = [
        f"# Audit: {grade(audit)}",
        plain(verdict(audit)),
        plain(caution(audit)),
        plain(overview(audit)),
        *(f"- {plain(note)}" for note in audit.notes),
        "## What attackers make of the records",
        table(
            [
                "who",
                "has",
                "from",
                "SSIM",
                "PSNR, dB",
                "identity cosine",
                "faces picked",
                "replayed",
            ],
            [line for row in audit.attempts for line in _attempt(row)],
        ),
        "## The matcher before and after",
        *_accuracy(audit),
        "## Linking, and renewing the store",
        table(
            ["what", "pairs", "AUC", "equal error rate", "D_sys", "by chance", "accepted"],
            map(_link, audit.links),
        ),
    ]
    if audit.missed:
        rows = [[one.picture, one.reason] for one in audit.missed]
        parts += ["## Could not be audited", table(["picture", "why"], rows)]
    parts += [
        "## What this does not stop, and does not prove",
        "\n".join(f"- {plain(line)}" for line in limits(audit)),
        "## How it was measured",
        *map(plain, measuring(audit)),
        code(audit.method.command),
        ", ".join(f"{name} {version}" for name, version in audit.method.versions.items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _attempt(row: Attempt) -> Iterator[list[str]]:
    told = [who(row), GROUPS[row.group]]
    if row.error:
        yield [*told, f"failed: {row.error}", "", "", "", "", ""]
    for side, shown in (("record", row.shielded), ("clean", row.clean)):
        if shown is not None:
            measures = [_spread(shown.ssim), _spread(shown.psnr, 1), _spread(shown.identity)]
            yield [*told, side, *measures, share(shown.picked), share(shown.replayed)]


def _accuracy(audit: ShieldAudit) -> Iterator[str]:
    found = audit.accuracy
    if found.before is not None:
        fars = list(found.before.tar)
        yield table(
            ["", "accuracy", *(f"TAR at FAR {far}" for far in fars), "accepted"],
            [
                [*_side("clean features", found.before, fars), ""],
                [*_side("shielded records", found.after, fars), share(found.accepted)],
            ],
        )
        yield (
            f"{found.genuine} pairs of one person and {found.impostor} of two; probes: "
            f"{plain(found.probes)}."
        )
    if found.reason:
        yield plain(found.reason)


def _side(name: str, side: Matching | None, fars: list[str]) -> list[str]:
    if side is None:
        return [name, "-", *["-"] * len(fars)]
    return [name, share(side.accuracy), *(share(side.tar.get(far, NOTHING)) for far in fars)]


def _link(link: Link) -> list[str]:
    if link.reason:
        return [link.name, f"not measured: {link.reason}", "", "", "", "", ""]
    numbers = (link.auc, link.equal_error_rate, link.d_sys, link.d_sys_by_chance)
    shown = ["-" if value is None else f"{value:.3f}" for value in numbers]
    return [link.name, f"{link.mated} and {link.others} others", *shown, share(link.accepted)]


def _spread(measure: Spread | None, digits: int = 3) -> str:
    return "-" if measure is None else f"{figure(measure, digits)} {extent(measure, digits)}"
