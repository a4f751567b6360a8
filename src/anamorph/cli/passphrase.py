"""Where passphrases come from: a file, or the terminal; never the command line."""

import sys
from pathlib import Path

import click

from anamorph.errors import UsageError
from anamorph.keys import file as key_file
from anamorph.keys.key import Key

passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    help="Holds the key's passphrase. Without it a locked key asks at the terminal.",
)


def open_key(path: Path, passphrase_file: Path | None) -> Key:
    """The key in a file; a locked one asks for its passphrase if there is a terminal.

    Warns on standard error of an unlocked one that others can read.

    Raises:
        FileError, BadKey: as `keys.file.read`.
    """
    key = key_file.read(path, passphrase_of(path, passphrase_file))
    if why := key_file.exposure(path):
        click.echo(f"warning: {why}", err=True)
    return key


def passphrase_of(path: Path, passphrase_file: Path | None) -> bytes | None:
    """The passphrase of a key file: from the file, from the terminal, or None.

    Raises:
        FileError, BadKey: the key or the passphrase file cannot be read.
    """
    if passphrase_file is not None:
        return key_file.passphrase_from_file(passphrase_file)
    if key_file.info(path).locked and sys.stdin.isatty():
        return _asked(f"Passphrase of {path}", twice=False)
    return None


def new_passphrase(passphrase_file: Path | None) -> bytes:
    """A new passphrase: from the file, or typed twice at the terminal.

    Raises:
        FileError: the file cannot be read.
        UsageError: it is empty, or there is neither a file nor a terminal.
    """
    if passphrase_file is not None:
        return key_file.passphrase_from_file(passphrase_file)
    if not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask at; give the new passphrase with --new-passphrase-file, "
            "or --unlock to have none"
        )
    return _asked("New passphrase", twice=True)


def _asked(prompt: str, *, twice: bool) -> bytes:
    typed: str = click.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True)
    return typed.encode("utf-8")
