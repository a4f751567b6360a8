"""`anamorph key new | info | passwd`."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from anamorph.cli.options import json_file
from anamorph.cli.passphrase import new_passphrase, passphrase_of, passphrase_option
from anamorph.cli.render import check_json, console, table, write_json
from anamorph.errors import UsageError
from anamorph.keys import file as key_file
from anamorph.keys import key as keys
from anamorph.keys.file import KeyInfo

_FILE = click.argument("file", type=click.Path(path_type=Path))


@click.group("key", short_help="Make and inspect keys.")
def command() -> None:
    """Make keys that hide and reveal pictures, look at them, change their passphrases."""


@command.command("new")
@_FILE
@click.option(
    "--kind",
    type=click.Choice(["sealed", "permuted", "network", "rotation"]),
    default="sealed",
    show_default=True,
    help="sealed: the original file comes back bit for bit, from lossless storage. permuted: a "
    "picture comes back, also after JPEG; weaker. rotation: rotates stored face features, see "
    "`anamorph shield`. network: is trained, not drawn; see `anamorph train key`.",
)
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    help="Locks the key file with the passphrase in this file.",
)
@json_file
def new(file: Path, kind: Any, passphrase_file: Path | None, json_: str | None) -> None:
    """Make a key and write it to FILE, which must not exist.

    Whoever loses the key loses every picture hidden with it, or every record of its store: nobody
    can recover them. Keep a copy.
    """
    check_json(json_)
    passphrase = None if passphrase_file is None else new_passphrase(passphrase_file)
    key_file.write(keys.new(kind), file, passphrase)
    info = key_file.info(file)
    write_json(json_, _as_json(file, info))
    out = console(json_)
    out.print(table(f"new key {file}", ("", ""), _facts(info)), soft_wrap=True)
    out.print(
        "Lose this file"
        + (" or its passphrase" if info.locked else "")
        + f", and every {_serves(info)[0]} with it is lost: nobody can recover them. Keep a copy.",
        soft_wrap=True,
    )
    if not info.locked:
        out.print(
            f"Whoever reads this file can {_serves(info)[1]}; "
            f"`anamorph key passwd {file}` locks it with a passphrase.",
            soft_wrap=True,
        )


@command.command("info")
@_FILE
@json_file
def info(file: Path, json_: str | None) -> None:
    """Say what can be told of the key in FILE without its passphrase."""
    check_json(json_)
    found = key_file.info(file)
    write_json(json_, _as_json(file, found))
    console(json_).print(table(str(file), ("", ""), _facts(found)))


@command.command("passwd")
@_FILE
@passphrase_option
@click.option(
    "--new-passphrase-file",
    type=click.Path(path_type=Path),
    help="Holds the new passphrase. Without it the terminal asks.",
)
@click.option("--unlock", is_flag=True, help="Take the passphrase off: who reads FILE has the key.")
@json_file
def passwd(
    file: Path,
    passphrase_file: Path | None,
    new_passphrase_file: Path | None,
    unlock: bool,
    json_: str | None,
) -> None:
    """Lock the key in FILE with another passphrase. Copies elsewhere keep the old one."""
    check_json(json_)
    if unlock and new_passphrase_file is not None:
        raise UsageError("--unlock takes the passphrase off; leave --new-passphrase-file out")
    old = passphrase_of(file, passphrase_file)
    key_file.read(file, old)  # a wrong passphrase is told before a new one is asked for
    new = None if unlock else new_passphrase(new_passphrase_file)
    key_file.change_passphrase(file, old, new)
    found = key_file.info(file)
    write_json(json_, _as_json(file, found))
    state = "is locked with the new passphrase" if found.locked else "has no passphrase any more"
    console(json_).print(f"{file} {state}; copies elsewhere are as they were", soft_wrap=True)


def _serves(info: KeyInfo) -> tuple[str, str]:
    """What is lost with the key, and what its thief can do."""
    if info.kind == "rotation":
        return "record shielded", "turn the records of its store into plain ones"
    return "picture hidden", "reveal the pictures"


def _as_json(file: Path, info: KeyInfo) -> dict[str, Any]:
    return {"file": str(file), **asdict(info), "created": info.created.isoformat()}


def _facts(info: KeyInfo) -> list[tuple[str, str]]:
    return [
        ("kind", info.kind),
        ("fingerprint", info.fingerprint),
        ("locked", "with a passphrase" if info.locked else "no"),
        ("created", f"{info.created:%Y-%m-%d %H:%M:%S} UTC"),
        ("format", str(info.version)),
    ]
