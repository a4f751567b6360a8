"""Pictures side by side: the original, what hides it, and what attackers and the key make of it."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from anamorph.auditing.gallery import QUALITY, SIDE
from anamorph.auditing.markup import text


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A picture of the report in several forms; what it shows is small, and measured nowhere."""

    name: str
    lines: tuple[str, ...]
    """What is said of it."""
    forms: tuple[tuple[str, str], ...]
    """What each form is, and the picture as a data: address; empty where there is none."""


def address(pixels: NDArray[np.uint8]) -> str:
    """Pixels (h, w, 3) as a small picture inside the page."""
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Resampling.LANCZOS)
    image.save(buffer, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def gallery(titled: Sequence[tuple[str, str, Sequence[Shot]]]) -> str:
    """Groups of pictures, each with a title and a note; empty ones are left out."""
    parts = []
    for title, note, shots in titled:
        if shots:
            figures = "\n".join(map(_figure, shots))
            parts.append(
                f'<h3>{text(title)}</h3>\n<p class="soft small">{text(note)}</p>\n'
                f'<div class="pictures wide-pictures">\n{figures}\n</div>'
            )
    return "\n".join(parts) or "<p>No picture could be shown.</p>"


def _figure(shot: Shot) -> str:
    images = "".join(
        (
            f'<div><img alt="{text(shot.name)}, {text(what)}" src="{source}">'
            if source
            else '<div><div class="nothing">nothing</div>'
        )
        + f"<span>{text(what)}</span></div>"
        for what, source in shot.forms
    )
    lines = "".join(f'<span class="range">{text(line)}</span>' for line in shot.lines)
    return (
        f'<figure><div class="three four">{images}</div><figcaption><code>{text(shot.name)}</code>'
        f"{lines}</figcaption></figure>"
    )
