"""What holds for every command: help, exit codes, one line for every error."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from anamorph import __version__, cli
from anamorph.errors import Cancelled, ModelError

Anamorph = Callable[..., Any]

HEAVY = ("torch", "torchvision", "timm", "transformers", "numpy", "PIL", "rich")


def test_help_and_version_come_at_once() -> None:
    code = (
        "import sys\n"
        "import anamorph\n"
        "from anamorph.cli import run\n"
        "assert run(['--help']) == run(['--version']) == run(['-h']) == run([]) == 0\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.endswith("heavy: []\n")
    assert __version__ in ended.stdout
    assert all(name in ended.stdout for name in cli.COMMANDS)


def _commands(command: click.Command, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield names
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _commands(found, (*names, name))


def test_every_command_and_every_option_has_help(anamorph: Anamorph) -> None:
    for names in _commands(cli.anamorph, ()):
        ended = anamorph(*names, "--help")
        assert ended.code == 0
        assert ended.out.startswith(f"Usage: {' '.join(('anamorph', *names))}")
        assert not ended.err
        command: Any = cli.anamorph
        for name in names:
            command = command.get_command(click.Context(command), name)
        assert command.help
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help, parameter.name


def test_the_commands_that_are_listed_are_the_commands_there_are() -> None:
    folder = Path(cli.__file__).parent
    shared = {"__init__", "options", "passphrase", "render", "sharded", "store"}
    modules = {path.stem for path in folder.glob("*.py")} - shared
    below = {name for name in modules if name.partition("_")[0] in cli.COMMANDS and "_" in name}
    assert set(cli.COMMANDS) == modules - below


@pytest.mark.parametrize(
    "arguments",
    [
        ("protekt",),
        ("--unknown",),
        ("protect",),
        ("protect", "a.png"),
        ("protect", "a.png", "--out", "out"),
        ("protect", "a.png", "--out", "out", "--authorized", "m", "--unknown"),
        ("protect", "a.png", "--out", "out", "--authorized", "m", "--steps", "many"),
        ("protect", "a.png", "--out", "out", "--authorized", "m", "--preset", "best"),
        ("protect", "a.png", "--out", "out", "--authorized", "m", "--format", "gif"),
        ("protect", "a.png", "--out", "out", "--authorized", "m", "--quality", "101"),
        ("models", "check"),
        ("models", "check", "no-such-kind:resnet18"),
        ("models", "check", "nowhere.toml"),
        ("models", "layers", "portraits:nobody"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_one_line(
    anamorph: Anamorph, arguments: tuple[str, ...]
) -> None:
    ended = anamorph(*arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1
    assert ended.err.endswith("\n")


def test_a_wrong_option_is_named_with_where_to_look(anamorph: Anamorph) -> None:
    ended = anamorph("protect", "--epsilom", "8")
    assert "--epsilom" in ended.err
    assert "`anamorph protect --help`" in ended.err


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Gives the command line one command that raises."""

    def use(error: BaseException) -> None:
        @click.command()
        def command() -> None:
            raise error

        monkeypatch.setattr(cli.anamorph, "get_command", lambda context, name: command)

    return use


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ModelError("m: broken\nin two"), 2, "error: m: broken in two\n"),
        (KeyboardInterrupt(), 130, "stopped; "),
        (Cancelled("stop"), 130, "stopped; "),
        (ZeroDivisionError("oh"), 3, "unexpected error: ZeroDivisionError: oh (run `anamorph"),
    ],
    ids=repr,
)
def test_errors_become_exit_codes_and_one_line(
    anamorph: Anamorph,
    raising: Callable[[BaseException], None],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    raising(error)
    ended = anamorph("protect")
    assert ended.code == code
    line = ended.err.removeprefix("\n")  # ends the line of the terminal's ^C
    assert line.startswith(said)
    assert line.count("\n") == 1


def test_debug_shows_where_an_unexpected_error_came_from(
    anamorph: Anamorph, raising: Callable[[BaseException], None]
) -> None:
    raising(ZeroDivisionError("oh"))
    with pytest.raises(ZeroDivisionError):
        anamorph("--debug", "protect")


def test_main_exits_with_the_code(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["protekt"])
    assert stop.value.code == 2
    assert "protekt" in capfd.readouterr().err
