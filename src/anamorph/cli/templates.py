"""`anamorph templates enroll | verify | identify`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from anamorph.app.shield.probing import probes_in
from anamorph.app.shield.stores import opened
from anamorph.app.shield.templates import enroll, identify, verify
from anamorph.cli.options import json_file, model_device
from anamorph.cli.passphrase import open_key, passphrase_option
from anamorph.cli.render import Counter, check_json, console, write_json
from anamorph.cli.render import table as drawn
from anamorph.cli.store import column_option, id_option, place, store_option, table_option
from anamorph.errors import UsageError
from anamorph.keys.key import Key
from anamorph.templates.role import Records, Store

_Command = TypeVar("_Command", bound=Callable[..., Any])

_PROBES = click.argument(
    "files", nargs=-1, required=True, metavar="FEATURES...", type=click.Path(path_type=Path)
)
_STORE = store_option("The database, or a file of features, with the people.", required=True)
_KEY = click.option(
    "--key",
    "key_",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The key of a keyed store: features are rotated by it on their way in.",
)
_RECOGNIZER = click.option(
    "--recognizer",
    metavar="MODEL",
    help="Read photos with this model, rather than features; needed where maps are stored.",
)
_LAYER = click.option(
    "--layer", metavar="NAME", help="Where maps were taken; else the first tap of its card."
)
_TAIL = click.option(
    "--tail",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Reads protected maps in its place, from `anamorph train tail`.",
)


def _people(command: _Command) -> _Command:
    """Who is meant, in which store, with which key: what all three commands ask for."""
    for option in reversed(
        (
            _PROBES,
            _STORE,
            table_option,
            column_option,
            id_option,
            _KEY,
            passphrase_option,
            _RECOGNIZER,
            model_device,
        )
    ):
        command = option(command)
    return command


def _compared(
    recognizer: str | None,
    layer: str | None,
    tail: Path | None,
    people: Store,
    files: Any,
    device: str,
) -> tuple[Store, Records]:
    """The store and the probes, as embeddings; maps need torch, which embeddings do not."""
    if recognizer is None and layer is None and tail is None and len(people.shape) == 1:
        return people, probes_in(files)
    from anamorph.app.shield.matching import compared_by

    return compared_by(recognizer, layer, tail, people, files, device)


def _read(files: Any, recognizer: str | None, device: str) -> Records:
    """The features of files; of photos with a bar, since each takes a reading."""
    if recognizer is None:
        return probes_in(files)
    with Counter("reading") as counter:
        return probes_in(
            files, recognizer, device=device, found=counter.expect, watch=counter.advance_by
        )


def _key(path: Path | None, passphrase_file: Path | None) -> Key | None:
    return None if path is None else open_key(path, passphrase_file)


@click.group("templates", short_help="Enroll and find people.")
def command() -> None:
    """Enroll, verify and identify people in a store of features, shielded or not.

    FEATURES are .npy, .npz or .parquet files; with --recognizer, photos of faces and folders of
    them, each called as it is below the folder, without the suffix.
    """


@command.command("enroll")
@_people
@json_file
def enroll_(
    files: tuple[Path, ...],
    store: Any,
    table: str,
    column: str,
    id_: str,
    key_: Path | None,
    passphrase_file: Path | None,
    recognizer: str | None,
    device: str,
    json_: str | None,
) -> None:
    """Add people: all or none. Their names are those of the rows, or of the photos."""
    check_json(json_)
    key = _key(key_, passphrase_file)
    with opened(place(store, table, column, id_)) as people:
        if recognizer is not None and len(people.shape) > 1:
            raise UsageError(
                f"{people.name}: holds feature maps, which photos become with `anamorph shield "
                "PHOTOS`; then enroll the file that it makes, without --recognizer"
            )
        report = enroll(_read(files, recognizer, device), people, key)
    write_json(json_, report.as_json())
    console(json_).print(
        f"{len(report.ids)} enrolled in {report.store}, with {report.mark or 'no shield'}",
        soft_wrap=True,
    )


@command.command("verify")
@_people
@_LAYER
@_TAIL
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="NAME",
    help="Who each probe claims to be; else the probe's own name.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(-1, 1),
    required=True,
    help="The least cosine to accept: your recognizer's, as before shielding.",
)
@json_file
def verify_(
    files: tuple[Path, ...],
    store: Any,
    table: str,
    column: str,
    id_: str,
    key_: Path | None,
    passphrase_file: Path | None,
    recognizer: str | None,
    device: str,
    layer: str | None,
    tail: Path | None,
    claims: tuple[str, ...],
    threshold: float,
    json_: str | None,
) -> int:
    """Compare each probe with the row it claims to be; exit status 1 if one is not accepted."""
    check_json(json_)
    key = _key(key_, passphrase_file)
    with opened(place(store, table, column, id_)) as people:
        people, features = _compared(recognizer, layer, tail, people, files, device)
        found = verify(features, claims or features.ids, people, key, threshold=threshold)
    write_json(json_, {"threshold": threshold, "probes": [one.as_json() for one in found]})
    rows = [
        (one.claim, f"{one.cosine:.4f}", "accepted" if one.accepted else "refused") for one in found
    ]
    console(json_).print(drawn("verified", ("claim", "cosine", ""), rows))
    return 0 if all(one.accepted for one in found) else 1


@command.command("identify")
@_people
@_LAYER
@_TAIL
@click.option(
    "--top", type=click.IntRange(min=1), default=10, show_default=True, help="Rows for each probe."
)
@json_file
def identify_(
    files: tuple[Path, ...],
    store: Any,
    table: str,
    column: str,
    id_: str,
    key_: Path | None,
    passphrase_file: Path | None,
    recognizer: str | None,
    device: str,
    layer: str | None,
    tail: Path | None,
    top: int,
    json_: str | None,
) -> None:
    """Find the rows that are nearest to each probe."""
    check_json(json_)
    key = _key(key_, passphrase_file)
    with opened(place(store, table, column, id_)) as people:
        people, features = _compared(recognizer, layer, tail, people, files, device)
        found = identify(features, people, key, count=top)
    write_json(json_, {"probes": [one.as_json() for one in found]})
    rows = [
        (one.probe, rank, match.id, f"{match.cosine:.4f}")
        for one in found
        for rank, match in enumerate(one.matches, 1)
    ]
    console(json_).print(drawn("nearest", ("probe", "rank", "row", "cosine"), rows))
