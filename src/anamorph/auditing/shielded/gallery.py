"""Faces beside what every attacker makes of them, from clean features and from records."""

from collections.abc import Sequence
from typing import NamedTuple

from anamorph.auditing.markup import text


class Face(NamedTuple):
    """A face with what was made of it."""

    name: str
    forms: Sequence[tuple[str, str]]
    """What each form is, and the picture as a data: address."""


class Group(NamedTuple):
    """The faces of one attacker."""

    title: str
    note: str
    faces: Sequence[Face]


def gallery(groups: Sequence[Group]) -> str:
    """A row of faces for every attacker."""
    return "\n".join(map(_group, groups)) or "<p>Nothing could be reconstructed.</p>"


def _group(group: Group) -> str:
    figures = "\n".join(map(_face, group.faces))
    return (
        f'<h3>{text(group.title)}</h3>\n<p class="soft small">{text(group.note)}</p>\n'
        f'<div class="pictures">\n{figures}\n</div>'
    )


def _face(face: Face) -> str:
    images = "".join(
        f'<div><img alt="{text(face.name)}, {text(what)}" src="{source}"><span>{text(what)}</span>'
        "</div>"
        for what, source in face.forms
    )
    name = f"<code>{text(face.name)}</code>"
    return f'<figure><div class="three">{images}</div><figcaption>{name}</figcaption></figure>'
