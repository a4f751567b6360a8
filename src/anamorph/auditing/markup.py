"""Pieces of HTML that the pages of all audits are made of."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Protocol

from anamorph.auditing.audit import DIGITS
from anamorph.auditing.wording import counted, interval, percent, printable
from anamorph.metrics.accuracy import Share

NONE = '<span class="soft">–</span>'
"""Where there is no figure."""


class Weighed(Protocol):
    """A model as a report names it."""

    @property
    def name(self) -> str:
        """Its own."""
        ...

    @property
    def weights_sha256(self) -> str:
        """Of its weights."""
        ...


def text(words: str) -> str:
    """Words from files and models, for the page."""
    return escape(printable(words))


def exact(value: float, shown: str) -> str:
    """A figure for people, with the one of the JSON for machines."""
    return f'<data value="{round(value, DIGITS)!r}">{shown}</data>'


def share_cell(share: Share) -> str:
    """A share with its interval, and its exact value for machines."""
    if share.value is None:
        return NONE
    return f'{exact(share.value, percent(share))}<span class="range">{interval(share)}</span>'


def row_head(name: str, meaning: str) -> str:
    """The first field of a row."""
    about = f'<span class="about">{text(meaning)}</span>' if meaning else ""
    return f'<th scope="row">{text(name)}{about}</th>'


def figures_row(name: str, meaning: str, cells: Sequence[str], labels: Sequence[str] = ()) -> str:
    """A row of figures.

    Args:
        name: of what was measured.
        meaning: in a few words; may be empty.
        cells: as HTML.
        labels: the columns' names, for narrow screens; or none.
    """
    labeled = [f' data-label="{escape(label)}"' for label in labels] or [""] * len(cells)
    columns = "".join(
        f'<td class="number"{label}>{cell}</td>' for cell, label in zip(cells, labeled, strict=True)
    )
    return f"<tr>{row_head(name, meaning)}{columns}</tr>"


def failed_row(name: str, meaning: str, columns: int, why: str) -> str:
    """A row that says why there are no figures."""
    return (
        f'<tr>{row_head(name, meaning)}<td class="wide" colspan="{columns}">{text(why)}</td></tr>'
    )


def group_row(title: str, columns: int) -> str:
    """A row that is the title of those below it."""
    return f'<tr class="group"><th scope="rowgroup" colspan="{columns}">{escape(title)}</th></tr>'


def figures_table(caption: str, columns: Sequence[str], rows: Iterable[str]) -> str:
    """A table that scrolls where it is too wide, and stacks on narrow screens."""
    heads = "".join(
        f'<th scope="col"{" class=number" if i else ""}>{escape(column)}</th>'
        for i, column in enumerate(columns)
    )
    return (
        f'<div class="scroll" role="region" aria-label="{text(caption)}" tabindex="0">'
        f'<table class="stack"><caption>{text(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody></table></div>"
    )


def of_note(notes: Sequence[str], failed: Sequence[tuple[str, str]]) -> str:
    """What is to be known besides, and which pictures could not be audited; nothing for nothing.

    Args:
        notes: sentences.
        failed: pictures with the reason.
    """
    parts = []
    if notes:
        parts.append("<ul>" + "".join(f"<li>{text(note)}</li>" for note in notes) + "</ul>")
    if failed:
        items = "".join(
            f"<li><code>{text(picture)}</code>: {text(why)}</li>" for picture, why in failed
        )
        parts.append(
            f"<details open><summary>{counted(len(failed), 'picture')} could not be audited"
            f"</summary><ul>{items}</ul></details>"
        )
    if not parts:
        return ""
    title = '<h2 id="notes-title">Of note</h2>'
    return f'<section aria-labelledby="notes-title">{title}{"".join(parts)}</section>'


def how(
    lines: Sequence[str],
    command: str,
    versions: Mapping[str, str],
    models: Sequence[Weighed] = (),
    again: str = "To measure it again:",
) -> str:
    """How it was measured, and what to type to measure it again."""
    said = "".join(f"<p>{text(line)}</p>" for line in lines)
    weights = "".join(
        f'<tr><th scope="row">{text(model.name)}</th><td class="wide"><code>'
        f"{escape(model.weights_sha256)}</code></td></tr>"
        for model in models
    )
    weighed = (
        f'<table class="stack"><caption>SHA-256 of the weights</caption><tbody>{weights}</tbody>'
        "</table>"
    )
    made = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f'{said}<p>{again}</p><pre tabindex="0">{text(command)}</pre>'
        f'{weighed if models else ""}<p class="soft small">{text(made)}</p>'
    )
