"""`anamorph audit shield`."""

from pathlib import Path
from typing import Any

import click

from anamorph.app.audit.shielded.audit import ATTACKED, INVERTED, UPDATES, audit_shield
from anamorph.app.audit.shielded.preparing import LEARN, PAIRS
from anamorph.app.audit.shielded.renewing import METHODS, PRESETS
from anamorph.auditing.hidden.words import figure
from anamorph.auditing.shielded.figures import Attempt, Link, Matching
from anamorph.auditing.shielded.result import ShieldAudit
from anamorph.auditing.shielded.verdict import caution, verdict, who
from anamorph.auditing.wording import counted, percent, share
from anamorph.cli.options import (
    json_found,
    max_megapixels,
    model_device,
    report_folder,
    report_formats,
)
from anamorph.cli.passphrase import open_key, passphrase_option
from anamorph.cli.render import Counter, check_json, console, table, write_json
from anamorph.cli.store import column_option, id_option, place, store_option, table_option
from anamorph.files.photo import Limits
from anamorph.templates.address import Address

_FILES = click.Path(path_type=Path)


def _several(counts: tuple[int, ...]) -> str:
    return ", ".join(map(str, counts))


@click.command("shield")
@store_option("The stolen table: a database, or a file of features.", required=True)
@table_option
@column_option
@id_option
@click.option(
    "--pictures",
    required=True,
    type=_FILES,
    help="What the features are of; rows are named like their files. A folder for each person, or "
    "a picture for each.",
)
@click.option(
    "--recognizer",
    required=True,
    metavar="MODEL",
    help="The model that made the features: a card, or timm:NAME, hf:ORG/NAME, portraits:NAME.",
)
@click.option(
    "--layer",
    metavar="NAME",
    help="Where the recognizer is cut; else its output or the card's first tap.",
)
@click.option(
    "--judge",
    required=True,
    metavar="MODEL",
    help="A model that took no part, to say who is seen in a reconstruction.",
)
@click.option(
    "--known",
    type=_FILES,
    help="Pictures of people who are not in the store, which attackers learn from; else portraits "
    "of people who do not exist.",
)
@click.option(
    "--probes",
    type=_FILES,
    help="Other pictures of the same people, foldered or named alike: for the accuracy before and "
    "after, and for links.",
)
@click.option(
    "--decoder",
    "decoders",
    multiple=True,
    metavar="FILE",
    type=_FILES,
    help="An attacker from `anamorph train attacker`, in the place of those trained here. Repeat "
    "it.",
)
@click.option(
    "--learn",
    multiple=True,
    type=click.IntRange(min=2),
    metavar="K",
    help="Records that attackers have with their pictures or, of keyed stores, with their plain "
    f"embeddings, as far as there are so many. Repeat it.  [default: {_several(LEARN)}; keyed "
    f"{_several(PAIRS)}]",
)
@click.option(
    "--updates",
    type=click.IntRange(min=1),
    default=UPDATES,
    show_default=True,
    help="Of each decoder that is trained.",
)
@click.option(
    "--method",
    type=click.Choice(METHODS),
    help="How the records were shielded, where they carry no mark.",
)
@click.option(
    "--shadow",
    "shadows",
    multiple=True,
    metavar="FILE",
    type=_FILES,
    help="For advface: a shadow that was misled; attackers have it too. Repeat it.",
)
@click.option(
    "--decoys",
    metavar="DIR",
    type=_FILES,
    help="For decoy: pictures of who is stored instead; else portraits.",
)
@click.option(
    "--preset",
    type=click.Choice(list(dict.fromkeys(name for p in PRESETS.values() for name in p))),
    default="fast",
    show_default=True,
    help="Of advface or decoy: attackers shield pictures of their own in the same way.",
)
@click.option(
    "--tail",
    metavar="FILE",
    type=_FILES,
    help="Reads shielded maps for the matcher, from `anamorph train tail`.",
)
@click.option(
    "--key",
    "key_",
    metavar="FILE",
    type=_FILES,
    help="For keyed: the store's key, for the matcher's accuracy alone.",
)
@passphrase_option
@click.option(
    "--plain",
    type=_FILES,
    help="A file of the clean features; else the recognizer makes them of the pictures.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(-1, 1),
    help="The matcher's least cosine; else that of a false accept rate of 0.1 % or 1 %.",
)
@click.option(
    "--attacked",
    type=click.IntRange(min=2),
    default=ATTACKED,
    show_default=True,
    help="Records to reconstruct.",
)
@click.option(
    "--inverted",
    type=click.IntRange(min=0),
    default=INVERTED,
    show_default=True,
    help="Faces to search for with the recognizer's weights.",
)
@report_folder
@click.option("--seed", default=0, show_default=True, help="Of who is attacked, and of learning.")
@report_formats
@model_device
@max_megapixels
@json_found
def shield(
    store: Address | Path,
    table: str,
    column: str,
    id_: str,
    key_: Path | None,
    passphrase_file: Path | None,
    max_megapixels: float,
    json_: str | None,
    **given: Any,
) -> int:
    """Steal a store of face features, and reconstruct the faces.

    Decoders that never saw a record, attackers who adapt, and whoever has the recognizer try;
    records are linked, the store is renewed, the matcher is asked before and after. Writes
    audit.json and report.html, which opens in any browser, into --out.
    """
    check_json(json_)
    with Counter("auditing") as counter:
        result = audit_shield(
            store=place(store, table, column, id_),
            key=None if key_ is None else open_key(key_, passphrase_file),
            limits=Limits(max_pixels=int(max_megapixels * 1e6)),
            found=counter.expect,
            watch=counter.advance_by,
            **given,
        )
    write_json(json_, result.as_json())
    _show(result, console(json_))
    return 0 if result.ok else 1


def _show(result: ShieldAudit, out: Any) -> None:
    for one in result.missed:
        reason = one.reason.removeprefix(f"{one.picture}: ")
        out.print(f"not audited: {one.picture}: {reason}", soft_wrap=True)
    heads = ("", "SSIM", "identity", "faces picked", "replayed", "picked of clean")
    out.print(table("what attackers make of the records", heads, map(_attempt, result.attempts)))
    found = result.accuracy
    if found.before is not None:
        sides = [_side("clean", found.before), _side("shielded", found.after)]
        columns = ("", "accuracy", *(f"TAR at FAR {far}" for far in found.before.tar))
        out.print(table("the matcher", columns, sides))
    links = [_link(link) for link in result.links]
    out.print(table("links", ("", "AUC", "D_sys", "accepted"), links))
    for note in result.notes:
        out.print(f"note: {note}", soft_wrap=True)
    out.print(verdict(result), soft_wrap=True)
    out.print(caution(result), soft_wrap=True)
    out.print(
        f"{counted(result.store.attacked, 'record')} attacked in {result.seconds:.1f} s → "
        f"{result.out}",
        soft_wrap=True,
    )


def _attempt(row: Attempt) -> tuple[str, ...]:
    shown = row.shielded
    if shown is None:
        return who(row), "failed", row.error, "", "", ""
    clean = "-" if row.clean is None else percent(row.clean.picked)
    measures = (figure(shown.ssim), figure(shown.identity))
    return who(row), *measures, share(shown.picked), share(shown.replayed), clean


def _side(name: str, side: Matching | None) -> tuple[str, ...]:
    if side is None:
        return (name, "not measured")
    return (name, share(side.accuracy), *map(share, side.tar.values()))


def _link(link: Link) -> tuple[str, ...]:
    if link.reason:
        return link.name, link.reason, "", ""
    numbers = (link.auc, link.d_sys)
    shown = ["-" if value is None else f"{value:.3f}" for value in numbers]
    return (link.name, *shown, share(link.accepted))
