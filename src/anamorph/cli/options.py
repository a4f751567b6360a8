"""Command-line options: those that commands share, and those from parameters declared once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from anamorph.parameters import Knob, knobs

P = TypeVar("P")
F = TypeVar("F", bound=Callable[..., Any])

resume_run = click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
max_megapixels = click.option(
    "--max-megapixels",
    type=click.FloatRange(min=0, min_open=True),
    default=100.0,
    show_default=True,
    help="Larger pictures are refused: neither read nor written.",
)
json_file = click.option(
    "--json", "json_", metavar="FILE", help="Write what was done; - for standard output."
)
json_found = click.option(
    "--json", "json_", metavar="FILE", help="Write what was found; - for standard output."
)
model_device = click.option(
    "--device",
    default="cpu",
    show_default=True,
    metavar="NAME",
    help="Where models compute: cpu, cuda, cuda:N, or auto, the first GPU if there is one. Results "
    "differ a little between a GPU and a CPU, which is why none is taken unasked.",
)
_AUTHORIZED = (
    "The model that is to keep reading: a card, or timm:NAME, torchvision:NAME, hf:ORG/NAME, "
    "portraits:NAME."
)
authorized_model = click.option("--authorized", required=True, metavar="MODEL", help=_AUTHORIZED)
authorized_models = click.option(
    "--authorized",
    required=True,
    multiple=True,
    metavar="MODEL",
    help=f"{_AUTHORIZED} Repeat it for several that must all keep reading; labels and answers in "
    "the report are of the first.",
)
panel_models = click.option(
    "--panel",
    required=True,
    multiple=True,
    metavar="MODEL",
    help="A model that is to fail, not used while protecting. Repeat it.",
)
judging_labels = click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="CSV with the columns file,label; it judges only. Without it each model's own reading of "
    "the original counts as right.",
)
report_formats = click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["html", "md", "json"]),
    default=("html", "json"),
    show_default=True,
    help="Of the report: report.html, report.md, audit.json. Repeat it.",
)
report_folder = click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder for the report."
)
run_seed = click.option(
    "--seed",
    default=0,
    show_default=True,
    help="Of the run; the same run twice gives the same files.",
)


def method_options(presets: Mapping[str, Any], default: str) -> Callable[[F], F]:
    """A `--preset` and one option for every knob of the presets' dataclass."""
    declared = [(k, _help(k)) for k in knobs(presets[default])]
    return _options(list(presets), default, declared)


def methods_options(
    methods: Mapping[str, Mapping[str, Any]], default: str, *, without: Sequence[str] = ()
) -> Callable[[F], F]:
    """A `--preset` and one option for every knob of several methods, which may share knobs.

    Args:
        methods: the presets of each method.
        default: a preset that all of them have.
        without: names of knobs that are not to be chosen.
    """
    merged: dict[str, tuple[Knob, dict[str, list[str]]]] = {}
    for method, presets in methods.items():
        for k in knobs(presets[default]):
            if k.name not in without:
                _, helps = merged.setdefault(k.name, (k, {}))
                helps.setdefault(_help(k), []).append(method)
    declared = [
        (k, " ".join(f"For {' and '.join(names)}: {text}" for text, names in helps.items()))
        for k, helps in merged.values()
    ]
    names = dict.fromkeys(name for presets in methods.values() for name in presets)
    return _options(list(names), default, declared)


def knob_option(k: Knob, what: str) -> Callable[[F], F]:
    """The option of a single knob.

    Args:
        k: the knob.
        what: said before its meaning.
    """
    return _option(k, f"{what}: {_help(k)}")


def _option(k: Knob, text: str) -> Callable[[F], F]:
    return click.option(_flag(k), k.name, type=_type(k), default=None, help=text)


def _options(
    presets: Sequence[str], default: str, declared: Sequence[tuple[Knob, str]]
) -> Callable[[F], F]:
    def decorate(command: F) -> F:
        for k, text in reversed(declared):
            command = _option(k, text)(command)
        return click.option(
            "--preset",
            type=click.Choice(presets),
            default=default,
            show_default=True,
            help="Parameters to start from; the options below change single ones.",
        )(command)

    return decorate


def chosen(presets: Mapping[str, P], preset: str, given: Mapping[str, Any]) -> P:
    """The preset's parameters with what was given on the command line.

    Raises:
        ParameterError: a value outside its range.
    """
    declared = {k.name: k for k in knobs(presets[preset])}
    changes = {
        name: value / declared[name].scale if declared[name].scale != 1 else value
        for name, value in given.items()
        if name in declared and value is not None
    }
    return replace(presets[preset], **changes)  # type: ignore[type-var]


def _flag(k: Knob) -> str:
    return "--" + k.name.replace("_", "-")


def _type(k: Knob) -> Any:
    if k.choices:
        return click.Choice(k.choices)
    return int if k.type is int else float


def _help(k: Knob) -> str:
    symbol = f" ({k.symbol})" if k.symbol else ""
    limits = f" [{k.range}]" if k.range and not k.choices else ""
    return f"{k.meaning}{symbol}{limits}"
