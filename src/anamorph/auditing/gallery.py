"""Pictures side by side: the original, what was made of it, and the difference."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from anamorph.auditing.audit import Audit, PictureFigures
from anamorph.auditing.figures import PictureReading
from anamorph.auditing.views import rgb8
from anamorph.auditing.wording import as_percent, printable

SIDE = 256
"""The longer side of a picture in the report, at most."""

GAIN = 8
"""How many times as strong differences are shown."""

QUALITY = 85
"""Of the report's JPEG pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A picture of the report; what it shows is small, and measured nowhere."""

    figures: PictureFigures
    size: tuple[int, int]
    """Width and height of the three images."""
    original: str
    """As data: addresses."""
    protected: str
    difference: str


def shot(figures: PictureFigures, clean: NDArray[Any], protected: NDArray[Any]) -> Shot:
    """The three images of a picture, from pixels (h, w, c) of one size."""
    before, after = rgb8(clean), rgb8(protected)
    strong = (after.astype(np.int16) - before) * GAIN + 128
    height, width = before.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    difference = strong.clip(0, 255).astype(np.uint8)
    return Shot(
        figures=figures,
        size=size,
        original=_address(before, size, Resampling.LANCZOS),
        protected=_address(after, size, Resampling.LANCZOS),
        # Averaging would hide a difference that changes from pixel to pixel.
        difference=_address(difference, size, Resampling.NEAREST),
    )


def gallery(audit: Audit, worst: Sequence[Shot], best: Sequence[Shot]) -> str:
    """The pictures that are protected worst, then those protected best."""
    if not worst and not best:
        return "<p>No unseen model read any original right, so there is nothing to rank.</p>"
    note = (
        '<p class="soft small">Left the original, in the middle the protected file, right the '
        f"difference, {GAIN} times as strong. Below, what each model answers for the protected "
        "file, and how sure it is.</p>"
    )
    parts = [note]
    for title, shots in (("Protected worst", worst), ("Protected best", best)):
        if shots:
            figures = "\n".join(_figure(one, audit.authorized.name) for one in shots)
            parts.append(f'<h3>{title}</h3>\n<div class="pictures">\n{figures}\n</div>')
    return "\n".join(parts)


def _figure(one: Shot, authorized: str) -> str:
    name = escape(printable(one.figures.source))
    width, height = one.size
    images = "".join(
        f'<div><img width="{width}" height="{height}" alt="{name}, {what}" src="{address}">'
        f"<span>{what}</span></div>"
        for what, address in (
            ("original", one.original),
            ("protected", one.protected),
            ("difference", one.difference),
        )
    )
    lines = "".join(_line(r, authorized) for r in one.figures.readings)
    looks = ", ".join(_looks(one.figures))
    return (
        f'<figure><div class="three">{images}</div><figcaption><code>{name}</code>'
        f'<span class="range">{looks}</span><ul>{lines}</ul></figcaption></figure>'
    )


def _line(reading: PictureReading, authorized: str) -> str:
    own = ' class="own-model"' if reading.model == authorized else ""
    if not reading.right_clean:
        answer = '<span class="soft">misread the original too</span>'
    else:
        kind = "right" if reading.right_protected else "wrong"
        said = "cosine" if reading.answer_protected is None else str(reading.answer_protected)
        sure = as_percent(reading.confidence_protected)
        if reading.answer_protected is None:
            sure = f"{reading.confidence_protected:.3f}"
        answer = f'<span class="{kind}">{kind}: {escape(printable(said))}, {sure}</span>'
    return f"<li{own}><span>{escape(printable(reading.model))}</span>{answer}</li>"


def _looks(figures: PictureFigures) -> list[str]:
    found = []
    if figures.linf is not None:
        found.append(f"changed by {figures.linf:.4g} of 255 levels at most")
    if figures.psnr is not None:
        found.append(f"PSNR {figures.psnr:.1f} dB")
    if figures.ssim is not None:
        found.append(f"SSIM {figures.ssim:.3f}")
    return found


def _address(pixels: NDArray[np.uint8], size: tuple[int, int], kernel: Resampling) -> str:
    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels)).resize(size, kernel)
    image.save(buffer, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
