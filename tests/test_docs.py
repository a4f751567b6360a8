"""The documentation says what the code does."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from anamorph.cli import COMMANDS
from anamorph.methods.fmd_parameters import FMD
from anamorph.parameters import knobs

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(example), run_name="__main__")
    assert capsys.readouterr().out


def test_the_generated_parts_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_command_and_parameter_is_documented() -> None:
    commands = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "protect.md").read_text(encoding="utf-8")
    assert all(f"`anamorph {name}`" in commands for name in COMMANDS)
    assert all(f"`--{k.name.replace('_', '-')}`" in page for k in knobs(FMD))


def test_every_folder_of_the_package_is_on_the_map() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = [p.parent.name for p in (ROOT / "src" / "anamorph").glob("*/__init__.py")]
    assert folders
    assert all(f"`{name}/`" in page for name in folders)


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("docs/*.md")), ROOT / "README.md"], ids=str)
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert all((page.parent / link).exists() for link in links)
