"""What hidden files show, what the key makes of them, and what another key does."""

import io
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

import torch
from benchmarks.intervals import share
from benchmarks.ways import another_key, forced, picture, readings
from PIL import Image

from anamorph.app.audit.hidden.side_by_side import original_beside as beside
from anamorph.app.hide.reveal import reveal
from anamorph.files.manifest import NAME
from anamorph.keys.key import Key
from anamorph.losses import cosine
from anamorph.metrics.image import psnr, ssim
from anamorph.metrics.readability import block_correlation
from anamorph.models import Model
from anamorph.types import Images


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenFile:
    """An original and the file that hides it."""

    source: Path
    output: Path


def summary(values: Sequence[float]) -> dict[str, float]:
    """Mean and extremes.

    Example:
        >>> summary([1.0, 2.0])
        {'mean': 1.5, 'min': 1.0, 'max': 2.0}
    """
    return {
        "mean": round(fmean(values), 4),
        "min": round(min(values), 4),
        "max": round(max(values), 4),
    }


def shows(files: Sequence[HiddenFile]) -> dict[str, Any]:
    """How much of the originals is seen in the hidden pictures."""
    pairs = [(original_beside(f), picture(f.output)) for f in files]
    return _likeness(pairs)


def comes_back(files: Sequence[HiddenFile], hidden: Path, key: Key) -> dict[str, Any]:
    """What `reveal` makes of a folder of hidden files."""
    with TemporaryDirectory() as back:
        report = reveal([hidden], back, key)
        outputs = {Path(r.source).stem: r for r in report.images}
        exact, pairs, reasons = [], [], Counter[str]()
        for f in files:
            record = outputs[f.output.stem]
            if record.output is None:
                reasons[_anonymous(record.reason, record.source)] += 1
                exact.append(False)
                continue
            revealed = Path(record.output)
            exact.append(revealed.read_bytes() == f.source.read_bytes())
            pairs.append((original_beside(f), picture(revealed)))
        return {
            "bit_exact": share(torch.tensor(exact).numpy()),
            "revealed": len(pairs),
            "reasons": dict(reasons),
            **(_quality(pairs) if pairs and not all(exact) else {}),
        }


def other_key(files: Sequence[HiddenFile], key: Key, judge: Model | None) -> dict[str, Any]:
    """What a random other key makes of the files, by `reveal` and by force."""
    other = another_key(key.kind)
    with TemporaryDirectory() as back:
        refused = reveal([f.output for f in files], back, other).summary["failed"]
    made = [forced(f.output, other) for f in files]
    got = [(original_beside(f), m) for f, m in zip(files, made, strict=True) if m is not None]
    figures: dict[str, Any] = {
        "refused_by_reveal": round(refused / len(files), 4),
        "refused_by_force": round(1 - len(got) / len(files), 4),
    }
    if got:
        figures |= _likeness(got)
        if judge is not None:
            before, after = (readings(judge, side) for side in zip(*got, strict=True))
            figures["identity_cosine"] = summary(cosine(before, after).tolist())
    return figures


def recompressed(files: Sequence[HiddenFile], hidden: Path, folder: Path) -> list[HiddenFile]:
    """The hidden files as JPEG of quality 85 without chroma subsampling, beside their manifest."""
    folder.mkdir(parents=True)
    shutil.copy(hidden / NAME, folder / NAME)
    made = []
    for f in files:
        buffer = io.BytesIO()
        Image.open(f.output).convert("RGB").save(buffer, "JPEG", quality=85, subsampling=0)
        path = folder / f"{f.output.stem}.jpg"
        path.write_bytes(buffer.getvalue())
        made.append(HiddenFile(source=f.source, output=path))
    return made


def original_beside(f: HiddenFile) -> Images:
    """The original at the size of its hidden picture."""
    return beside(picture(f.source), picture(f.output))


def _likeness(pairs: Sequence[tuple[Images, Images]]) -> dict[str, Any]:
    follows = [block_correlation(a, b).item() for a, b in pairs]
    return {
        "ssim": summary([ssim(a, b).item() for a, b in pairs]),
        "block_correlation": summary(follows),
        "block_correlation_size": summary([abs(r) for r in follows]),
    }


def _quality(pairs: Sequence[tuple[Images, Images]]) -> dict[str, Any]:
    return {
        "psnr": summary([psnr(a, b).item() for a, b in pairs]),
        "revealed_ssim": summary([ssim(a, b).item() for a, b in pairs]),
    }


def _anonymous(reason: str, source: str) -> str:
    return reason.removeprefix(f"{source}: ")
