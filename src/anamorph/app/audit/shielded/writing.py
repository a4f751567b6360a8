"""The reports of an audit of shielded features, and the faces in them."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from anamorph.app.audit.writing import Report
from anamorph.auditing.hidden.gallery import address
from anamorph.auditing.shielded.attacking import Tried
from anamorph.auditing.shielded.figures import GROUPS
from anamorph.auditing.shielded.gallery import Face, Group
from anamorph.auditing.shielded.markdown import markdown
from anamorph.auditing.shielded.page import page
from anamorph.auditing.shielded.result import ShieldAudit
from anamorph.auditing.shielded.verdict import who
from anamorph.files.write import write_whole
from anamorph.types import Images

FACES = 3
"""How many of the attacked faces the page shows for each attacker."""


def write_shield_reports(
    audit: ShieldAudit,
    tried: Sequence[Tried],
    faces: Images,
    names: Sequence[str],
    out: Path,
    formats: Sequence[Report],
) -> None:
    """Write the reports; those of an earlier audit are replaced.

    Args:
        audit: where every number comes from.
        tried: what attackers made.
        faces: (n, 3, h, w) the attacked ones.
        names: of their pictures.
        out: the folder.
        formats: of the reports.

    Raises:
        NotWritten: the disk refuses.
    """

    def html() -> str:
        return page(audit, [_group(one, faces, names) for one in tried if _is_shown(one)])

    made: Mapping[Report, tuple[str, Callable[[], str]]] = {
        "json": ("audit.json", lambda: json.dumps(audit.as_json(), indent=2, allow_nan=False)),
        "html": ("report.html", html),
        "md": ("report.md", lambda: markdown(audit)),
    }
    for kind in dict.fromkeys(formats):
        name, text = made[kind]
        write_whole(out / name, (text() + "\n").encode("utf-8", "replace"), overwrite=True)


def _is_shown(one: Tried) -> bool:
    return one.shielded is not None and one.row.group != "controls"


def _group(one: Tried, faces: Images, names: Sequence[str]) -> Group:
    row = one.row
    made = [images for images in (one.clean, one.shielded) if images is not None]
    count = min(FACES, len(faces), *map(len, made))
    return Group(
        title=who(row),
        note=f"{GROUPS[row.group].capitalize()}. {row.meaning.capitalize()}.",
        faces=[_face(i, one, faces, names[i]) for i in range(count)],
    )


def _face(i: int, one: Tried, faces: Images, name: str) -> Face:
    forms = [("face", _address(faces[i]))]
    if one.clean is not None:
        forms.append(("from clean", _address(one.clean[i])))
    if one.shielded is not None:
        what = "guess" if one.row.group == "references" else "from record"
        forms.append((what, _address(one.shielded[i])))
    return Face(name, forms)


def _address(image: Tensor) -> str:
    levels = image.clamp(0, 1).mul(255).round().permute(1, 2, 0).numpy().astype(np.uint8)
    return address(levels)
