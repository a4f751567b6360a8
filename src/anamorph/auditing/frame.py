"""What all reports share as pages: one file with its style inside, and nothing from elsewhere."""

from importlib.resources import files
from string import Template


def framed(name: str, *, kind: str, title: str, **parts: str) -> str:
    """A whole page.

    Args:
        name: of the page's inside, a file in `pages/` with places to fill in.
        kind: of the audit, for whoever asks the file what it is.
        title: of the page, as HTML; a place of the inside too.
        parts: as HTML, for all the other places.
    """
    inside = Template(_file(name)).substitute(parts, title=title)
    frame = Template(_file("frame.html"))
    return frame.substitute(kind=kind, title=title, style=_file("style.css"), body=inside)


def _file(name: str) -> str:
    return files("anamorph.auditing").joinpath("pages", name).read_text(encoding="utf-8")
