"""`anamorph models list | layers | check`."""

import json
from dataclasses import asdict
from typing import Any

import click

from anamorph.app.models import LayerScore, ModelCheck, check_model, list_models, rank_layers
from anamorph.cli.options import json_found, model_device
from anamorph.cli.render import Counter, check_json, console, table, write_json
from anamorph.models.card import KINDS, SELF_DESCRIBING


@click.group("models", short_help="List, rank layers, check.")
def command() -> None:
    """List models, rank their layers, check that one works."""


@command.command("list")
@json_found
def list_(json_: str | None) -> None:
    """List the models that come with the package, and how to name others."""
    check_json(json_)
    models = list_models()
    write_json(json_, {"models": [asdict(m) for m in models]})
    out = console(json_)
    rows = [(m.spec, m.task, m.about) for m in models]
    out.print(table("models in the package", ("model", "task", "reads right"), rows))
    out.print(_others(), markup=False)


@command.command("layers")
@click.argument("model")
@click.argument("pictures", nargs=-1, type=click.Path())
@click.option("--count", default=8, show_default=True, type=click.IntRange(1, 64), help="Pictures.")
@model_device
@json_found
def layers(
    model: str, pictures: tuple[str, ...], count: int, device: str, json_: str | None
) -> None:
    """Rank the layers of MODEL as taps, by trying each on PICTURES (or on portraits)."""
    check_json(json_)
    with Counter("trying layers") as counter:
        scores = rank_layers(
            model,
            pictures,
            count=count,
            device=device,
            found=counter.expect,
            done=counter.advance,
        )
    write_json(json_, {"model": model, "layers": [asdict(s) for s in scores]})
    rows = [_row(s) for s in scores]
    columns = ("layer", "shape", "damage", "distortion", "margin left", "kept", "ms/step")
    out = console(json_)
    out.print(table(f"layers of {model}, best tap first", columns, rows))
    out.print(
        "damage: how far the model's margin falls on mirrored, smaller copies, whose reading "
        "nothing keeps: a stand-in for other models. Several taps protect better than one: "
        f"tap = {json.dumps([s.layer for s in scores[:4]])}",
        markup=False,
    )


@command.command("check")
@click.argument("model")
@model_device
@json_found
def check(model: str, device: str, json_: str | None) -> None:
    """Load MODEL, try it on test pictures, and say what it is."""
    check_json(json_)
    found = check_model(model, device=device)
    write_json(json_, asdict(found))
    console(json_).print(table(f"{found.name} works", ("", ""), _facts(found)))


def _others() -> str:
    """How models that are not in the package are named."""
    short = [kind for kind in SELF_DESCRIBING if kind != "portraits"]
    names = ", ".join(f"{kind}:{'ORG/NAME' if kind == 'hf' else 'NAME'}" for kind in short)
    *most, last = (f"{kind}:" for kind in KINDS if kind not in SELF_DESCRIBING)
    return f"others: {names}, or a card (a TOML file) for {', '.join(most)} and {last} sources"


def _outputs(found: ModelCheck) -> str:
    """The numbers of an embedding have no names."""
    return str(found.outputs) + (f", {found.labels} with a name" if found.task != "embed" else "")


def _row(s: LayerScore) -> tuple[Any, ...]:
    return (
        s.layer,
        " x ".join(map(str, s.shape)),
        f"{s.damage:.2f}",
        f"{s.distortion:.1f}",
        f"{s.margin:.2f}",
        f"{s.kept:.0%}",
        f"{s.seconds * 1000:.0f}",
    )


def _facts(found: ModelCheck) -> list[tuple[str, str]]:
    return [
        ("source", found.source),
        ("task", found.task),
        ("input", f"{found.size[0]} x {found.size[1]}, {found.resize}"),
        ("outputs", _outputs(found)),
        ("parameters", f"{found.parameters:,}"),
        ("taps", ", ".join(found.taps) or "none"),
        ("reads a picture in", f"{found.seconds_forward * 1000:.0f} ms"),
        ("gradient of a picture in", f"{found.seconds_gradient * 1000:.0f} ms"),
        ("sha256", found.sha256),
        ("sha256 of the weights", found.weights_sha256),
    ]
