"""Draws `images/hide.png`: what hiding makes of portraits, and what keys make of that."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import anamorph
from anamorph import portraits
from anamorph.app.audit.hidden.keys import forced
from anamorph.files.notice import notice_in
from anamorph.files.photo import Limits, read

SERVICE = "portraits:identity-residual"
PEOPLE = (3, 8)
SIDE, GAP, HEAD = 112, 6, 18


def main() -> None:
    """Write the picture beside this file."""
    target = Path(__file__).parent / "images" / "hide.png"
    with tempfile.TemporaryDirectory() as folder:
        titles, columns = _columns(Path(folder))
    width = len(columns) * (SIDE + GAP) - GAP
    sheet = Image.new("RGB", (width, HEAD + len(PEOPLE) * (SIDE + GAP) - GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (title, column) in enumerate(zip(titles, columns, strict=True)):
        draw.text((i * (SIDE + GAP), 2), title, fill="black")
        for j, pixels in enumerate(column):
            place = (i * (SIDE + GAP), HEAD + j * (SIDE + GAP))
            sheet.paste(Image.fromarray(pixels).resize((SIDE, SIDE)), place)
    sheet.save(target, optimize=True)


def _columns(folder: Path) -> tuple[list[str], list[list[NDArray[np.uint8]]]]:
    originals = folder / "originals"
    portraits.write_folder(originals, PEOPLE, (0,), size=128)
    titles, columns = ["original"], [_pixels(originals)]
    for kind in ("sealed", "permuted"):
        key, other = anamorph.new_key(kind), anamorph.new_key(kind)
        hidden, back = folder / kind, folder / f"{kind}-back"
        anamorph.hide([originals], hidden, SERVICE, key)
        anamorph.reveal([hidden], back, key)
        titles += [f"hidden ({kind})", f"revealed ({kind})"]
        columns += [_pixels(hidden), _pixels(back)]
        if kind == "permuted":  # the seal of the other kind lets nothing out
            titles.append("by another key")
            columns.append([_by_force(path, other) for path in sorted(hidden.rglob("*.png"))])
    return titles, columns


def _by_force(path: Path, other: anamorph.Key) -> NDArray[np.uint8]:
    """What somebody gets who does not care that the file names another key."""
    notice = notice_in(path.read_bytes(), path.name)
    if notice is None:
        raise LookupError(path.name)
    made = forced(read(path).pixels, notice, other, Limits())
    if made is None:
        raise LookupError(path.name)
    pixels: NDArray[np.uint8] = (255 * made[0]).round().byte().permute(1, 2, 0).numpy()
    return pixels


def _pixels(folder: Path) -> list[NDArray[np.uint8]]:
    return [read(path).pixels[..., :3] for path in sorted(folder.rglob("*.png"))]


if __name__ == "__main__":
    main()
