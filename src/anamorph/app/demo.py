"""The methods at work on portraits of people who do not exist, with a page that shows it."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from anamorph import __version__, portraits
from anamorph.app.labels import read_labels
from anamorph.app.protect import protect
from anamorph.app.protecting import as_images
from anamorph.app.records import ProtectReport
from anamorph.app.results import Done
from anamorph.errors import ModelError, UsageError
from anamorph.files.photo import read
from anamorph.files.write import write_whole
from anamorph.methods.fmd import PRESETS
from anamorph.models import Model, load
from anamorph.optimize.engine import Watch

AUTHORIZED = "identity-residual"
PEOPLE = 12
SHOT = 1000  # far from the pictures the models were trained on
SIZE = 128
PRESET = "fast"
GAIN = 8
"""How many times as strong differences are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What one model makes of the originals and of the protected pictures."""

    model: str
    role: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    clean: float
    """Share of the originals read right."""
    protected: float
    """Share of the protected pictures read right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the demo did."""

    report: ProtectReport
    readings: tuple[Readings, ...]
    """The authorized model first."""
    page: str

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "page": self.page,
            "readings": [asdict(r) for r in self.readings],
            "protect": self.report.as_json(),
        }


def demo(
    out: str | Path,
    *,
    found: Callable[[int], None] | None = None,
    watch: Watch | None = None,
    done: Done | None = None,
) -> Demo:
    """Draw portraits, protect them, let six models read them, and write a page about it.

    Args:
        out: a new or empty folder.
        found: called once with the number of pictures.
        watch: called after every step of the engine.
        done: called with each picture's record.

    Raises:
        UsageError: `out` holds something already.
        NotWritten: the disk refuses.
    """
    out = Path(out)
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out}: is not empty; remove it or choose another --out")
    originals = out / "originals"
    labels = read_labels(portraits.write_folder(originals, range(PEOPLE), [SHOT], size=SIZE))
    if found is not None:
        found(PEOPLE)
    report = protect(
        [originals],
        out / "protected",
        f"portraits:{AUTHORIZED}",
        parameters=PRESETS[PRESET],
        watch=watch,
        done=done,
    )
    pairs = [(r.source, r.output) for r in report.images if r.output is not None]
    if not pairs:
        raise ModelError("no portrait could be protected; install anamorph again")
    before = [read(Path(source)).pixels for source, _ in pairs]
    after = [read(Path(output)).pixels for _, output in pairs]
    names = sorted(portraits.names(), key=lambda name: (name != AUTHORIZED, name))
    panel = [load(f"portraits:{name}") for name in names if name.startswith("identity-")]
    truth = [panel[0].label(labels[Path(source).name]) for source, _ in pairs]
    readings = tuple(_readings(model, before, after, truth) for model in panel)
    page = out / "index.html"
    write_whole(page, _page(readings, before, after, truth).encode(), overwrite=True)
    return Demo(report=report, readings=readings, page=str(page))


def _readings(
    model: Model,
    before: Sequence[NDArray[Any]],
    after: Sequence[NDArray[Any]],
    truth: Sequence[str],
) -> Readings:
    read_before, read_after = _answers(model, before), _answers(model, after)
    return Readings(
        model=model.name,
        role="authorized" if model.name == AUTHORIZED else "unauthorized",
        before=read_before,
        after=read_after,
        clean=_share(read_before, truth),
        protected=_share(read_after, truth),
    )


def _answers(model: Model, pictures: Sequence[NDArray[Any]]) -> tuple[str, ...]:
    with torch.no_grad():
        logits = model.output(as_images(*pictures))
    return tuple(model.label(i) for i in logits.argmax(1).tolist())


def _share(answers: Sequence[str], truth: Sequence[str]) -> float:
    return sum(a == t for a, t in zip(answers, truth, strict=True)) / max(len(truth), 1)


def _page(
    readings: Sequence[Readings],
    before: Sequence[NDArray[Any]],
    after: Sequence[NDArray[Any]],
    truth: Sequence[str],
) -> str:
    template = files("anamorph.app").joinpath("pages/demo.html").read_text(encoding="utf-8")
    own, others = readings[0], readings[1:]
    mean = sum(r.protected for r in others) / len(others)
    figures = [
        _figure(truth[i], before[i], after[i], [(r.model, r.after[i]) for r in readings])
        for i in range(len(truth))
    ]
    return Template(template).substitute(
        intro=escape(
            f"{own.model} was authorized and still names {own.protected:.0%} of the people. The "
            f"{len(others)} other models, none of which anamorph knew while protecting, fall to "
            f"{mean:.0%} on average."
        ),
        limits=escape(
            "People recognize the faces as before. Models that were not tried may read them, "
            "recompression and purification weaken the protection, and an attacker who trains a "
            "model on protected pictures will learn to read them."
        ),
        rows="\n".join(_row(r) for r in readings),
        figures="\n".join(figures),
        n=len(truth),
        gain=GAIN,
        epsilon=f"{PRESETS[PRESET].epsilon * 255:g}",
        version=escape(__version__),
        preset=PRESET,
    )


def _row(r: Readings) -> str:
    name, role = escape(r.model), escape(r.role)
    return (
        f'<tr><th scope="row">{name}</th><td>{role}</td>'
        f'<td class="number">{r.clean:.0%}</td><td class="number">{r.protected:.0%}</td></tr>'
    )


def _figure(
    name: str,
    before: NDArray[Any],
    after: NDArray[Any],
    answers: Sequence[tuple[str, str]],
) -> str:
    difference = (after.astype(np.int16) - before) * GAIN + 128
    shown = (
        ("original", before),
        ("protected", after),
        ("difference", difference.clip(0, 255).astype(np.uint8)),
    )
    images = "".join(
        f'<div><img width="{SIZE}" height="{SIZE}" alt="{escape(name)}, {what}" '
        f'src="{_data_url(pixels)}"><span>{what}</span></div>'
        for what, pixels in shown
    )
    lines = "".join(
        f"<li><span>{escape(model)}</span>"
        f'<span class="{"right" if answer == name else "wrong"}">{escape(answer)}</span></li>'
        for model, answer in answers
    )
    return (
        f'<figure><div class="three">{images}</div>'
        f"<figcaption><strong>{escape(name)}</strong>, protected, is read as"
        f"<ul>{lines}</ul></figcaption></figure>"
    )


def _data_url(pixels: NDArray[Any]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
