"""What users type is a contract: it changes only on purpose.

After a change on purpose, with its line in CHANGELOG.md: `python tests/test_public_api.py --write`.
"""

import inspect
import json
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest

import anamorph
from anamorph import cli
from anamorph.app.hide.records import HideRecord, HideReport, RevealRecord, RevealReport
from anamorph.app.records import PictureRecord, ProtectReport
from anamorph.models.card_file import CARD_KEYS, INPUT_KEYS

INVENTORY = Path(__file__).with_name("api_surface.json")


def _signature(thing: Any) -> str:
    """Names, order, kinds and defaults of parameters."""
    signature = inspect.signature(thing)
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty))


def _described(thing: Any) -> Any:
    if isinstance(thing, dict):
        return sorted(thing)
    if not isinstance(thing, type):
        return _signature(thing) if callable(thing) else type(thing).__name__
    if issubclass(thing, Exception):
        return "exception"
    members = {
        name: _signature(member) if inspect.isfunction(member) else "value"
        for name, member in vars(thing).items()
        if not name.startswith("_")
    }
    return {"made by": _signature(thing), **dict(sorted(members.items()))}


def _options(command: click.Command) -> Any:
    if isinstance(command, click.Group):
        context = click.Context(command)
        found = {
            name: command.get_command(context, name) for name in command.list_commands(context)
        }
        return {name: _options(inner) for name, inner in found.items() if inner is not None}
    return sorted(
        "/".join(parameter.opts) if isinstance(parameter, click.Option) else str(parameter.name)
        for parameter in command.params
    )


def surface() -> dict[str, Any]:
    """Everything that users type or read by name."""
    report = ProtectReport(
        method="", parameters={}, models={}, seed=0, images=(), seconds=0.0, out=""
    )
    hidden = HideReport(
        method="sealed", parameters={}, models={}, key="", images=(), seconds=0.0, out=""
    )
    revealed = RevealReport(key="", images=(), seconds=0.0, out="")
    return {
        "python": {name: _described(getattr(anamorph, name)) for name in anamorph.__all__},
        "commands": _options(cli.anamorph),
        "protect --json": {
            "report": sorted(report.as_json()),
            "summary": sorted(report.summary),
            "images": sorted(field.name for field in fields(PictureRecord)),
        },
        "hide --json": {
            "report": sorted(hidden.as_json()),
            "summary": sorted(hidden.summary),
            "images": sorted(field.name for field in fields(HideRecord)),
        },
        "reveal --json": {
            "report": sorted(revealed.as_json()),
            "summary": sorted(revealed.summary),
            "images": sorted(field.name for field in fields(RevealRecord)),
        },
        "card": {"keys": sorted(CARD_KEYS), "input": sorted(INPUT_KEYS)},
    }


def _flat(value: Any, name: str = "") -> dict[str, str]:
    if isinstance(value, dict):
        return {k: v for key in value for k, v in _flat(value[key], f"{name} > {key}").items()}
    return {name: json.dumps(value)}


def test_the_public_surface_is_what_the_inventory_says() -> None:
    now, then = _flat(surface()), _flat(json.loads(INVENTORY.read_text(encoding="utf-8")))
    changed = {key for key in now | then if now.get(key) != then.get(key)}
    assert not changed, (
        "public names changed; if on purpose, add a line to CHANGELOG.md and run "
        "`python tests/test_public_api.py --write`"
    )


def test_public_names_are_sorted_and_are_all_there_is() -> None:
    names = anamorph.__all__
    assert names == sorted(names, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
    assert len(set(names)) == len(names)
    assert sorted(dir(anamorph)) == sorted(names)
    for name in names:
        assert getattr(anamorph, name) is getattr(anamorph, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'protekt'"):
        anamorph.protekt  # noqa: B018


def test_the_version_is_the_one_of_the_distribution() -> None:
    project = Path(__file__).parents[1] / "pyproject.toml"
    assert tomllib.loads(project.read_text())["project"]["version"] == anamorph.__version__


def test_every_public_name_says_what_it_is_for() -> None:
    for name in anamorph.__all__:
        value = getattr(anamorph, name)
        if callable(value):
            assert inspect.getdoc(value), name


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python tests/test_public_api.py --write")
    INVENTORY.write_text(json.dumps(surface(), indent=2) + "\n", encoding="utf-8")
