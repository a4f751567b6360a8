"""The reports of an audit, and the folder they are written to."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from anamorph.auditing.audit import SCHEMA, Audit, PictureFigures
from anamorph.auditing.gallery import Shot, shot
from anamorph.auditing.looks import Look
from anamorph.auditing.markdown import markdown
from anamorph.auditing.page import page
from anamorph.auditing.verdict import ranked
from anamorph.errors import UsageError
from anamorph.files.photo import Limits, read
from anamorph.files.write import write_whole

Report: TypeAlias = Literal["html", "md", "json"]
"""A kind of report."""

PICTURES = 10
"""How many of the worst and of the best the page shows."""

_MARKS: Mapping[str, str] = {
    "audit.json": f'"{SCHEMA}": ',
    "report.html": 'content="anamorph audit',
    "report.md": "# Audit: ",
    "answers.jsonl": '{"anamorph_answers": ',
}
"""The files that audits write, and how one knows them again."""

_LOOKED_AT = 4096


def check_formats(formats: Sequence[str]) -> None:
    """Refuse kinds of report that do not exist.

    Raises:
        UsageError: naming it.
    """
    for kind in formats:
        if kind not in get_args(Report):
            raise UsageError(f"there is no report {kind!r}; choose {', '.join(get_args(Report))}")


def check_out(out: Path, **given: Path) -> None:
    """Refuse a folder that holds anything but an earlier audit.

    Args:
        out: where the audit goes.
        given: the folders that it is of, by the names of their options.

    Raises:
        UsageError: naming what is there.
    """
    if out.is_dir():
        for option, place in given.items():
            if place.exists() and out.samefile(place):
                raise UsageError(f"{out}: is --{option} too; choose another --out")
        for path in sorted(out.iterdir()):
            if not _ours(path):
                raise UsageError(
                    f"{out}: holds {path.name}, which no audit wrote; remove it or choose another "
                    "--out"
                )
    elif out.exists():
        raise UsageError(f"{out}: is a file; choose a folder for --out")


def _ours(path: Path) -> bool:
    mark = _MARKS.get(path.name)
    if mark is None or not path.is_file():
        return False
    with path.open("rb") as stream:
        return mark.encode() in stream.read(_LOOKED_AT)


def write_reports(
    audit: Audit,
    out: Path,
    formats: Sequence[Report],
    limits: Limits,
    looks: Sequence[Look] = (),
) -> None:
    """Write the reports; those of an earlier audit are replaced.

    Raises:
        NotWritten: the disk refuses.
    """
    made: Mapping[Report, tuple[str, Callable[[], str]]] = {
        "json": ("audit.json", lambda: json.dumps(audit.as_json(), indent=2, allow_nan=False)),
        "html": ("report.html", lambda: _page(audit, limits, looks)),
        "md": ("report.md", lambda: markdown(audit)),
    }
    for kind in dict.fromkeys(formats):
        name, text = made[kind]
        write_whole(out / name, (text() + "\n").encode("utf-8", "replace"), overwrite=True)


def replace_reports(reports: Mapping[str, str], out: Path) -> None:
    """Write what reports hold, by their names; those of an earlier audit are replaced.

    Raises:
        NotWritten: the disk refuses.
    """
    for name, text in reports.items():
        write_whole(out / name, text.encode("utf-8"), overwrite=True)


def _page(audit: Audit, limits: Limits, looks: Sequence[Look]) -> str:
    order = ranked(audit)
    some = min(PICTURES, (len(order) + 1) // 2)
    worst, best = order[:some], order[some:][-PICTURES:][::-1]
    return page(
        audit,
        [_shot(one, limits) for one in worst],
        [_shot(one, limits) for one in best],
        looks,
    )


def _shot(one: PictureFigures, limits: Limits) -> Shot:
    clean, protected = read(Path(one.source), limits), read(Path(one.output), limits)
    return shot(one, clean.pixels, protected.pixels)
