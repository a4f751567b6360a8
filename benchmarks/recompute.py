"""The figures of an audit again, by a script that shares no code with it.

    python benchmarks/recompute.py REPORT/audit.json --labels photos/labels.csv

Reads the files with Pillow and the models as the report's command names them, counts with numpy,
and compares: shares and their intervals must be equal to the last digit that `audit.json` holds.
Attacks are not repeated. Ends with status 1 where a figure differs.
"""

import argparse
import csv
import json
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from anamorph import Model, load

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution."""

DIGITS = 6
LEAST_COSINE = 0.9


def main(arguments: Sequence[str] | None = None) -> int:
    """Recompute and compare; the exit code."""
    parser = argparse.ArgumentParser(description="The figures of an audit, recomputed.")
    parser.add_argument("report", type=Path, help="audit.json")
    parser.add_argument("--labels", type=Path, help="the CSV that the audit was given")
    options = parser.parse_args(arguments)
    report = json.loads(options.report.read_text(encoding="utf-8"))
    labels = None if options.labels is None else _labels(options.labels)
    wrong = differences(report, labels)
    for line in wrong:
        print(line)
    print(f"{_counted(report)} figures recomputed, {len(wrong)} differ")
    return 1 if wrong else 0


def differences(report: Mapping[str, Any], labels: Mapping[str, str] | None) -> list[str]:
    """The figures that come out otherwise, one line each.

    Args:
        report: `audit.json`.
        labels: the label of each file name; None where the audit had none.
    """
    pictures = [image for image in report["images"] if image["status"] == "audited"]
    given = shlex.split(report["measuring"]["command"])
    names = [given[i + 1] for i, word in enumerate(given) if word in ("--authorized", "--panel")]
    own = load(names[0])
    shares = {}
    wrong: list[str] = []
    for name, said in zip(names, (report["authorized"], *report["panel"]), strict=True):
        if said["error"]:
            continue
        model = load(name)
        found = _figures(model, pictures, _wanted(model, own, pictures, labels))
        for figure, (value, n) in found.items():
            wrong += _compare(f"{model.name}, {figure}", said, figure, value, n)
        if not said["surrogate"] and said is not report["authorized"]:
            shares[model.name] = found["kept"]
    known = [(value, n) for value, n in shares.values() if n]
    if known:
        least = min(n for _, n in known)
        mean = math.fsum(value for value, _ in known) / len(known)
        wrong += _compare("panel_kept_mean", report, "panel_kept_mean", mean, least)
    return wrong


def _figures(
    model: Model, pictures: Sequence[Mapping[str, Any]], wanted: NDArray[np.int64] | None
) -> dict[str, tuple[float, int]]:
    """Shares with the number that each is of."""
    before = np.stack([_output(model, image["source"]) for image in pictures])
    after = np.stack([_output(model, image["output"]) for image in pictures])
    if model.task == "embed":
        norms = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
        same = (before * after).sum(1) / norms >= LEAST_COSINE
    else:
        same = before.argmax(1) == after.argmax(1)
    clean = np.ones(len(same), bool) if wanted is None else before.argmax(1) == wanted
    now = same if wanted is None else after.argmax(1) == wanted
    found = {
        "protected": _share(now),
        "kept": _share(now[clean]),
        "agreement": _share(same),
    }
    return found if wanted is None else {"clean": _share(clean), **found}


def _share(hits: NDArray[np.bool_]) -> tuple[float, int]:
    return (float(hits.sum()) / len(hits) if len(hits) else math.nan, len(hits))


def _output(model: Model, path: str) -> NDArray[np.float64]:
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    pixels = torch.from_numpy(np.array(image, dtype=np.float32)).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        row: NDArray[np.float64] = model.output(pixels)[0].double().numpy()
    return row


def _wanted(
    model: Model,
    own: Model,
    pictures: Sequence[Mapping[str, Any]],
    labels: Mapping[str, str] | None,
) -> NDArray[np.int64] | None:
    """The right classes in the model's own numbers."""
    if labels is None or model.task == "embed":
        return None
    numbers = []
    for image in pictures:
        label = labels[Path(image["source"]).name]
        number = own.labels.index(label) if label in own.labels else int(label)
        both = bool(model.labels and own.labels)
        numbers.append(model.labels.index(own.labels[number]) if both else number)
    return np.array(numbers)


def _labels(path: Path) -> dict[str, str]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        return {Path(row["file"]).name: row["label"] for row in csv.DictReader(stream)}


def _compare(what: str, said: Mapping[str, Any], name: str, value: float, n: int) -> list[str]:
    """A line for each part of a figure that differs from what the report says."""
    low, high = _wilson(value, n)
    found = {
        "": None if n == 0 else round(value, DIGITS),
        ", n": n,
        ", low": round(low, DIGITS),
        ", high": round(high, DIGITS),
    }
    told = {
        "": said[name],
        ", n": said["n"][name],
        ", low": said["low"][name],
        ", high": said["high"][name],
    }
    return [
        f"{what}{part}: the report says {told[part]}, the files say {found[part]}"
        for part in found
        if told[part] != found[part]
    ]


def _wilson(share: float, n: int) -> tuple[float, float]:
    """The score interval, as Wilson wrote it down in 1927."""
    if n == 0:
        return 0.0, 1.0
    middle = share + Z * Z / (2 * n)
    reach = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    whole = 1 + Z * Z / n
    return max(0.0, (middle - reach) / whole), min(1.0, (middle + reach) / whole)


def _counted(report: Mapping[str, Any]) -> int:
    models = [m for m in (report["authorized"], *report["panel"]) if not m["error"]]
    figures = 4 if report["measuring"]["labeled"] else 3
    return 4 * (figures * len(models) + 1)


if __name__ == "__main__":
    sys.exit(main())
