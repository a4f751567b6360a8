"""`anamorph train tail`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from anamorph.app.train.shadow import read_decoder
from anamorph.app.train.tail import OFFLINE, Matching, TrainTailReport, train_tail
from anamorph.app.train.tail_training import TailTraining
from anamorph.cli.options import chosen, json_file, knob_option, method_options, model_device
from anamorph.cli.render import Counter, check_json, console, table, write_json
from anamorph.models import load
from anamorph.parameters import knobs

F = TypeVar("F", bound=Callable[..., Any])

TAILS = {"fast": TailTraining(), "thorough": TailTraining(updates=1200)}

METHOD = {"offline": OFFLINE}
"""How the store is shielded that the tail is for."""

_CHANGED = ("epsilon", "step_size", "steps", "error_weight", "structure_weight")


def _advface(command: F) -> F:
    for k in reversed([k for k in knobs(OFFLINE) if k.name in _CHANGED]):
        default = getattr(OFFLINE, k.name)
        command = knob_option(k, f"Of `shield --method advface` [{default:g}]")(command)
    return command


@click.command("tail")
@click.argument("sources", metavar="SRC...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--recognizer",
    required=True,
    metavar="MODEL",
    help="The card or spec of the model whose maps are stored.",
)
@click.option(
    "--shadow",
    "shadows",
    required=True,
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A decoder that the store is shielded against, from `anamorph train shadow`; repeat for "
    "more.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The safetensors file, which must not exist; beside it the training is saved.",
)
@click.option("--layer", help="Where the recognizer is cut; by default the first tap of its card.")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="CSV with the columns file,label (a number for each person): a fifth of the people is "
    "kept apart and judges. Without it a fifth of the pictures, each by its mirror image.",
)
@method_options(TAILS, "fast")
@_advface
@click.option("--resume", is_flag=True, help="Go on with a training that was stopped.")
@model_device
@json_file
def tail(
    sources: tuple[str, ...],
    recognizer: str,
    shadows: tuple[Path, ...],
    out: Path,
    layer: str | None,
    labels: Path | None,
    preset: str,
    resume: bool,
    device: str,
    json_: str | None,
    **given: Any,
) -> None:
    """Teach the rest of a recognizer to read protected maps, so that they may be changed more.

    This is AdvFace's offline mode: shield with a larger --epsilon, and match with the tail
    (`anamorph templates ... --tail`). Embeddings and thresholds stay in use. SRC are pictures or
    folders of them, aligned as the recognizer wants its faces, of people who are not in the store.
    """
    check_json(json_)
    with Counter("training") as counter:
        report = train_tail(
            sources,
            load(recognizer, device=device),
            [read_decoder(path) for path in shadows],
            out,
            parameters=chosen(TAILS, preset, given),
            method=chosen(METHOD, "offline", given),
            layer=layer,
            labels=labels,
            resume=resume,
            found=counter.expect,
            watch=counter.advance_by,
        )
    write_json(json_, report.as_json())
    _show(report, json_)


def _show(report: TrainTailReport, json_: str | None) -> None:
    out = console(json_)
    if report.skipped:
        out.print(table("not learned from", ("why",), [(why,) for why in report.skipped]))
    who = "mirrored pictures" if report.people is None else f"people, {report.people} in all"
    rates = list(report.clean.tar)
    columns = ("features, tail", "cosine", "rank 1", *(f"TAR at {r}" for r in rates))
    rows = [
        ("clean, own", *_figures(report.clean)),
        ("protected, own", *_figures(report.before)),
        ("protected, new", *_figures(report.after)),
    ]
    out.print(table(f"{report.probes} probes of others: {who}", columns, rows))
    out.print(
        f"{report.recognizer} from {report.layer} on, learned from {report.pictures} pictures in "
        f"{report.seconds:.0f} s → {report.file}",
        soft_wrap=True,
    )


def _figures(matching: Matching) -> tuple[str, ...]:
    rates = (matching.rank_one, *matching.tar.values())
    return (f"{matching.cosine:.3f}", *(f"{rate:.1%}" for rate in rates))
