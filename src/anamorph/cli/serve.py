"""`anamorph serve` and `anamorph serve token new | list | revoke`."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from anamorph.cli.options import json_file
from anamorph.cli.render import check_json, console, table, write_json
from anamorph.errors import MissingExtra, UsageError
from anamorph.keys.file import exposure
from anamorph.service.settings import Settings, read_settings

F = TypeVar("F", bound=Callable[..., Any])

_DAY = 24 * 3600


class _Named(click.ParamType[tuple[str, str]]):
    name = "NAME=VALUE"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, str]:
        """Part at the first equals sign."""
        name, equals, what = str(value).partition("=")
        if not (name and equals and what):
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        return name, what


def _where(command: F) -> F:
    """Options that say where data and database are."""
    command = click.option(
        "--database",
        envvar="ANAMORPH_DATABASE",
        metavar="URL",
        help="Where jobs and tokens are: postgresql://...  By default SQLite in --data. Also read "
        "from ANAMORPH_DATABASE.",
    )(command)
    command = click.option(
        "--data",
        type=click.Path(path_type=Path),
        help="Folder of uploads, results and the database.  [default: anamorph-service]",
    )(command)
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        help="A TOML file with all of this and the limits; see docs/service.md.",
    )(command)


@click.group("serve", invoke_without_command=True, short_help="HTTP service with a web page.")
@_where
@click.option(
    "--model",
    "models",
    multiple=True,
    type=_Named(),
    metavar="NAME=MODEL",
    help="A model that requests may name: a card or a spec. Repeat it. By default models of "
    "portraits, to try things out.",
)
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=_Named(),
    metavar="NAME=FILE",
    help="A key that requests may name; it never leaves the server. Repeat it.",
)
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.  [default: 8000]")
@click.option(
    "--workers", type=click.IntRange(1, 256), help="Processes that compute.  [default: 1]"
)
@click.option(
    "--device",
    metavar="NAME",
    help="Where models compute: cpu, cuda, cuda:N, or auto; workers share it.  [default: cpu]",
)
@click.option("--certificate", type=click.Path(path_type=Path), help="For https: its PEM file.")
@click.option(
    "--private-key", type=click.Path(path_type=Path), help="For https: the certificate's key."
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    models: tuple[tuple[str, str], ...],
    keys: tuple[tuple[str, str], ...],
    certificate: Path | None,
    private_key: Path | None,
    **given: Any,
) -> None:
    """Serve protect, hide, reveal and shield over HTTP, with a web page.

    Jobs survive workers that are killed, and the service itself. Every request needs a token; if
    there is none yet, one for this run is made and shown with the page's address.
    """
    _check_extra()
    settings = _settings(models=dict(models) or None, keys=dict(keys) or None, **given)
    ctx.obj = settings
    if ctx.invoked_subcommand is None:
        from anamorph.service.running import run

        if (certificate is None) != (private_key is None):
            raise UsageError("https needs both --certificate and --private-key")
        _warn_of_keys(settings)
        with suppress(KeyboardInterrupt):  # the way to stop it
            run(_with_models(settings), certificate, private_key, said=_said)


@command.group("token", short_help="Make, list and revoke tokens.")
def token() -> None:
    """Make, list and revoke the tokens that requests need."""


@token.command("new")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(["protect", "reveal", "admin"]),
    help="protect: everything but revealing. reveal: that. admin: all, also of others. Repeat it.",
)
@click.option("--note", default="", help="What it is for.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="How long it is taken.")
@json_file
@click.pass_obj
def new(
    settings: Settings, scopes: tuple[str, ...], note: str, days: float | None, json_: str | None
) -> None:
    """Make a token and show it, once: only its hash is kept."""
    from anamorph.service.core import open_tokens

    check_json(json_)
    with open_tokens(settings) as tokens:
        made = tokens.new(scopes, note, None if days is None else days * _DAY)
    write_json(json_, {"token": made, "scopes": sorted(set(scopes)), "note": note})
    if json_ != "-":
        click.echo(made)


@token.command("list")
@json_file
@click.pass_obj
def list_(settings: Settings, json_: str | None) -> None:
    """List what is known of the tokens; the tokens themselves are not."""
    from anamorph.service.core import open_tokens

    check_json(json_)
    with open_tokens(settings) as tokens:
        found = tokens.all()
    write_json(json_, {"tokens": [asdict(one) for one in found]})
    rows = [
        (
            one.id,
            " ".join(one.scopes),
            one.note,
            _day(one.created),
            _day(one.expires) if one.valid else "not taken",
        )
        for one in found
    ]
    console(json_).print(table("tokens", ("id", "scopes", "note", "made", "until"), rows))


@token.command("revoke")
@click.argument("id_", metavar="ID")
@click.pass_obj
def revoke(settings: Settings, id_: str) -> None:
    """Take the token with this ID no longer, at once."""
    from anamorph.service.core import open_tokens

    with open_tokens(settings) as tokens:
        tokens.revoke(id_)
    click.echo(f"{id_} is no longer taken", err=True)


def _settings(config: Path | None, **given: Any) -> Settings:
    base = Settings(data=Path("anamorph-service")) if config is None else read_settings(config)
    return replace(base, **{name: value for name, value in given.items() if value is not None})


def _with_models(settings: Settings) -> Settings:
    """Where no model is named, those of portraits that differ most: enough to try things out."""
    if settings.models:
        return settings
    names = ("identity-residual", "identity-vgg", "identity-transformer", "expression-depthwise")
    return replace(settings, models={name: f"portraits:{name}" for name in names})


def _check_extra() -> None:
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtra(
            f"the service needs {error.name}: pip install 'anamorph[serve]'"
        ) from error


def _warn_of_keys(settings: Settings) -> None:
    """Say which of the operator's keys others can read; those that cannot be read end it here.

    Raises:
        FileError, BadKey: as `keys.file.read`.
    """
    for file in settings.keys.values():
        if why := exposure(Path(file)):
            _said(f"warning: {why}")


def _said(line: str) -> None:
    click.echo(line, err=True)


def _day(seconds: float | None) -> str:
    return "-" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
