"""The report as Markdown, for places where pictures and colors don't go."""

from collections.abc import Iterator

from anamorph.auditing.hidden.figures import Attempt, KindFigures, ReaderFigures
from anamorph.auditing.hidden.limits import limits, measuring, overview
from anamorph.auditing.hidden.result import HideAudit
from anamorph.auditing.hidden.spread import Spread
from anamorph.auditing.hidden.verdict import caution, grade, verdict
from anamorph.auditing.hidden.words import extent, figure, who
from anamorph.auditing.markdown import code, plain, table
from anamorph.auditing.wording import share


def markdown(audit: HideAudit) -> str:
    """The whole report, without pictures."""
    parts = [
        f"# Audit: {grade(audit)}",
        plain(verdict(audit)),
        plain(caution(audit)),
        plain(overview(audit)),
        *(f"- {plain(note)}" for note in audit.notes),
        *(part for kind in audit.kinds for part in _kind(kind)),
    ]
    if audit.failed:
        rows = [[image.source or image.output, image.reason] for image in audit.failed]
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


def _kind(kind: KindFigures) -> Iterator[str]:
    readers = [kind.service] + ([kind.judge] if kind.judge is not None else [])
    yield f"## {kind.kind.capitalize()}: who reads the pictures"
    yield table(
        ["model", "read as the original", "cosine", "found in the gallery"], map(_reader, readers)
    )
    shows, wrong = kind.shows, kind.wrong_keys
    yield f"## {kind.kind.capitalize()}: what shows without the key"
    yield table(
        ["measure", "figure"],
        [
            ["SSIM", _spread(shows.ssim)],
            ["block correlation, size", _spread(shows.block_correlation)],
            ["linear probe, R2", "-" if shows.probe_r2 is None else f"{shows.probe_r2:.3f}"],
            ["pictures in which the original shows", share(shows.readable)],
            ["originals picked by blocks of light", share(shows.looked_at.picked)],
            ["wrong keys refused", share(wrong.refused)],
            ["wrong keys used by force that get nothing", share(wrong.nothing)],
            ["SSIM under a wrong key", _spread(wrong.ssim)],
            ["identity cosine under a wrong key", _spread(wrong.identity)],
        ],
    )
    attempts = [
        *(("without looking", row) for row in kind.references),
        *(("a subkey each", row) for row in kind.attackers),
        *(("one subkey for all (simulated)", row) for row in kind.shared),
        *(("the service model, no pairs", row) for row in kind.inverted),
    ]
    if attempts:
        yield f"## {kind.kind.capitalize()}: attackers"
        yield table(
            ["with", "who", "SSIM", "block correlation", "identity cosine", "originals picked"],
            [_attempt(what, row) for what, row in attempts],
        )
    if kind.spoiled:
        yield f"## {kind.kind.capitalize()}: when the file is spoiled"
        yield table(
            ["change", "read", "revealed", "bit for bit", "PSNR, dB", "SSIM", "refused"],
            [
                [
                    row.meaning,
                    share(row.read),
                    share(row.revealed),
                    share(row.exact),
                    _spread(row.psnr, 1),
                    _spread(row.ssim),
                    "; ".join(f"{n} x {why}" for why, n in row.reasons.items()),
                ]
                for row in kind.spoiled
            ],
        )


def _reader(reader: ReaderFigures) -> list[str]:
    if reader.error:
        return [reader.name, f"not measured: {reader.error}", "", ""]
    return [reader.name, share(reader.kept), _spread(reader.cosine), share(reader.found)]


def _attempt(what: str, row: Attempt) -> list[str]:
    if row.error:
        return [what, who(row), f"failed: {row.error}", "", "", ""]
    measures = (row.ssim, row.block_correlation, row.identity)
    return [what, who(row), *map(_spread, measures), share(row.picked)]


def _spread(measure: Spread | None, digits: int = 3) -> str:
    return "-" if measure is None else f"{figure(measure, digits)} {extent(measure, digits)}"
