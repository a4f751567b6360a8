"""The page that shows what the demo did: one HTML file that needs nothing else."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anamorph import __version__
from anamorph.methods.fmd_parameters import FMD
from anamorph.parameters import shown

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
class Protected:
    """One protected portrait."""

    name: str
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """One hidden portrait, and what came back."""

    name: str
    before: NDArray[np.uint8]
    hidden: NDArray[np.uint8]
    revealed: NDArray[np.uint8]
    read_as: str
    """The service model's answer on the hidden picture."""
    exact: bool
    """Whether the original file came back bit for bit."""
    wrong_key: str
    """What another key got."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Theft:
    """What a thief makes of one table, and what the matcher does with it."""

    stored: str
    thief: str
    ssim: float
    """Of the reconstructions with the portraits, in the mean."""
    named: float
    """Share of them on which a model that took no part names the person."""
    found: float
    """Share of new portraits for which the matcher finds their person's record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stolen:
    """One stored portrait, and what thieves reconstruct."""

    name: str
    before: NDArray[np.uint8]
    guesses: tuple[tuple[str, NDArray[np.uint8]], ...]
    """What was stored and who decoded it, with the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What the audit of the protected portraits said."""

    verdict: str
    caution: str
    report: str
    """Its page, relative to this one."""


def page(
    readings: Sequence[Readings],
    protected: Sequence[Protected],
    hidden: Sequence[Hidden],
    thefts: Sequence[Theft],
    stolen: Sequence[Stolen],
    audited: Audited,
    *,
    parameters: FMD,
) -> str:
    """The whole page; the first of the readings is the authorized model's."""
    template = files("anamorph.app.demo").joinpath("pages/demo.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        intro=escape(_intro(readings)),
        limits=escape(
            "People recognize the protected faces as before. Models that were not tried may read "
            "them, recompression and purification weaken the protection, and an attacker who "
            "trains a model on protected pictures will learn to read them. Hidden pictures: "
            "whoever has the service model can still read off what it reads. Shielded features: a "
            "thief who learns from records that advface shields undoes it, and whoever has the "
            "matcher still reads from any record whose it is."
        ),
        rows="\n".join(_row(r) for r in readings),
        figures="\n".join(_protected(one, i, readings) for i, one in enumerate(protected)),
        hidden="\n".join(_hidden(one) for one in hidden),
        thefts="\n".join(_theft(one) for one in thefts),
        stolen="\n".join(_stolen(one) for one in stolen),
        verdict=escape(audited.verdict),
        caution=escape(audited.caution),
        report=escape(audited.report),
        reader=escape(readings[0].model),
        n=len(protected),
        gain=GAIN,
        epsilon=f"{parameters.epsilon * 255:g}",
        version=escape(__version__),
        settings=escape(", ".join(f"{k} {v}" for k, v in shown(parameters).items())),
    )


def _intro(readings: Sequence[Readings]) -> str:
    own = readings[0]
    unseen = [r for r in readings if r.role == "unauthorized"]
    mean = sum(r.protected for r in unseen) / len(unseen)
    surrogates = [r.model for r in readings if r.role == "surrogate"]
    stood_in = f" {', '.join(surrogates)} stood in for unknown models." if surrogates else ""
    return (
        f"{own.model} was authorized and still names {own.protected:.0%} of the people. The "
        f"{len(unseen)} unauthorized models, which anamorph never saw while protecting, fall to "
        f"{mean:.0%} on average.{stood_in}"
    )


def _row(r: Readings) -> str:
    name, role = escape(r.model), escape(r.role)
    return (
        f'<tr><th scope="row">{name}</th><td>{role}</td>'
        f'<td class="number">{r.clean:.0%}</td><td class="number">{r.protected:.0%}</td></tr>'
    )


def _protected(one: Protected, index: int, readings: Sequence[Readings]) -> str:
    difference = (one.after.astype(np.int16) - one.before) * GAIN + 128
    images = _images(
        one.name,
        ("original", one.before),
        ("protected", one.after),
        ("difference", difference.clip(0, 255).astype(np.uint8)),
    )
    lines = "".join(_answer(r.model, r.after[index], one.name) for r in readings)
    return (
        f"<figure>{images}<figcaption><strong>{escape(one.name)}</strong>, protected, is read as"
        f"<ul>{lines}</ul></figcaption></figure>"
    )


def _hidden(one: Hidden) -> str:
    images = _images(
        one.name,
        ("original", one.before),
        ("hidden", one.hidden),
        ("revealed", one.revealed),
    )
    back = "the original file, bit for bit" if one.exact else "a picture, but not the original"
    lines = (
        _answer("service model", one.read_as, one.name)
        + f"<li><span>the key</span><span>{back}</span></li>"
        + f"<li><span>another key</span><span>{escape(one.wrong_key)}</span></li>"
    )
    name = escape(one.name)
    return (
        f"<figure>{images}<figcaption><strong>{name}</strong><ul>{lines}</ul></figcaption></figure>"
    )


def _theft(one: Theft) -> str:
    return (
        f'<tr><th scope="row">{escape(one.stored)}</th><td>{escape(one.thief)}</td>'
        f'<td class="number">{one.ssim:.2f}</td><td class="number">{one.named:.0%}</td>'
        f'<td class="number">{one.found:.0%}</td></tr>'
    )


def _stolen(one: Stolen) -> str:
    images = _images(one.name, ("stored portrait", one.before), *one.guesses)
    name = escape(one.name)
    return f"<figure>{images}<figcaption><strong>{name}</strong></figcaption></figure>"


def _answer(model: str, answer: str, truth: str) -> str:
    kind = "right" if answer == truth else "wrong"
    return f'<li><span>{escape(model)}</span><span class="{kind}">{escape(answer)}</span></li>'


def _images(name: str, *pictures: tuple[str, NDArray[Any]]) -> str:
    images = "".join(
        f'<div><img width="{pixels.shape[1]}" height="{pixels.shape[0]}" '
        f'alt="{escape(name)}, {what}" src="{_data_url(pixels)}"><span>{what}</span></div>'
        for what, pixels in pictures
    )
    return f'<div class="row" style="--n:{len(pictures)}">{images}</div>'


def _data_url(pixels: NDArray[Any]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
