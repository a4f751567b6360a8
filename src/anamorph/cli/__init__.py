"""The command line: parse, one use case, render. The only place where errors become exit codes.

0 all done, 1 some items failed, 2 the command or the model is wrong, 3 an unexpected error,
130 stopped by Ctrl-C.
"""

import os
import sys
from importlib import import_module
from io import TextIOWrapper

import click

from anamorph import __version__
from anamorph.errors import AnamorphError, Cancelled

COMMANDS = {
    "audit": "Attack what was protected, and report what every model still reads.",
    "demo": "Protect portraits of people who do not exist, and show what each model reads.",
    "hide": "Hide photos so that one model still reads them and only the key reveals them.",
    "key": "Make keys that hide and reveal pictures, look at them, change their passphrases.",
    "models": "List models, rank their layers, check that one works.",
    "protect": "Protect photos so that your models still read them and others don't.",
    "reveal": "Turn hidden pictures back, with the key they were hidden with.",
    "serve": "Serve all this over HTTP, with a web page.",
    "shield": "Shield stored face features, in files or in a live PostgreSQL table.",
    "templates": "Enroll, verify and identify people in a store of features, shielded or not.",
    "train": "Train networks: keys, and decoders that stand in for thieves.",
}
"""Commands and their one-line help, so that `anamorph --help` need not import them."""


class _Commands(click.Group):
    """Imports a command when it is called: `anamorph --help` stays instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"anamorph.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="anamorph")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
def anamorph(debug: bool) -> None:
    """Pictures that only the models you trust can read, and proof of it."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error: any name can be told
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command line; the exit code."""
    try:
        code = anamorph.main(arguments or ["--help"], prog_name="anamorph", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "anamorph"
        _say(f"error: {error.format_message()} (see `{command} --help`)")
        return 2
    except click.ClickException as error:
        _say(f"error: {error.format_message()}")
        return 2
    except (click.Abort, KeyboardInterrupt, Cancelled):
        _say(
            "stopped; what was finished is kept: `protect` and `hide` go on with --resume, "
            "`shield` of a table and `audit matrix` when they are called again"
        )
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except AnamorphError as error:
        _say(f"error: {error}")
        return 2
    except Exception as error:
        if "--debug" in arguments:
            raise
        _say(
            f"unexpected error: {type(error).__name__}: {error} "
            "(run `anamorph --debug ...` for details)"
        )
        return 3
    return int(code or 0)


def _say(line: str) -> None:
    click.echo(" ".join(line.split()), err=True)
