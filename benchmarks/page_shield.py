"""The page of the shield benchmark: a table of attackers, one of the matcher, and the bars."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.runs import Run, measured_on, table


def page(runs: Mapping[str, Run]) -> str:
    """What thieves reconstruct, and whether the matcher still works."""
    parts = [
        "# Stored features of real faces",
        "",
        "SSIM and identity cosine of reconstructions with the originals, judged by a model that",
        "took no part; means with 95 % intervals. Nobody who is tested on trained anything. SSIM",
        "alone says little: see the rows of the mean face and of an impostor's photo.",
        "",
        "## Bars",
        "",
        table(["row", "figure", "bar", "measured", "met"], bars(runs)),
        "",
        "## What attackers show",
        "",
        table(
            ["store", "attacker", "before decoding", "n", "SSIM", "PSNR, dB", "identity cosine"],
            _attacks(runs),
        ),
        "",
        "## Whether the matcher still works",
        "",
        "Protected features in the store, clean probes. TPR: at the threshold that the clean store",
        "has for the rate. Accuracy: of LFW's pairs in the tested folds, at the best threshold of",
        "the clean store.",
        "",
        table(_MATCHING, _matching(runs)),
        "",
        *_replays(runs),
        measured_on(runs),
    ]
    return "\n".join(parts)


def worst(run: Run, figure: str, only: str = "") -> float:
    """The best that any attacker gets, of those whose names hold `only`; controls do not count.

    Example:
        >>> run = {"figures": {"attacks": {"unet": {"none": {"ssim": {"mean": 0.25}}}}}}
        >>> worst(run, "ssim")
        0.25
    """
    best: float = max(
        found[figure]["mean"]
        for name, ways in run["figures"]["attacks"].items()
        if only in name and "noise" not in name
        for found in ways.values()
    )
    return best


def bars(runs: Mapping[str, Run]) -> Iterator[list[Any]]:
    """The figures that were to be reached."""
    if run := runs.get("advface online"):
        yield _below("advface online", "SSIM, unseen decoders", worst(run, "ssim"), 0.28)
        yield _below("advface online", "identity cosine, the same", worst(run, "identity"), 0.25)
        yield _above("advface online", "TAR at FAR 0.001", _match(run, "tar@0.001"), 0.99)
        if run["figures"]["cpu_ms_each"] is not None:
            yield _below("advface online", "ms a feature", run["figures"]["cpu_ms_each"], 80)
    if run := runs.get("advface offline"):
        yield _below("advface offline", "SSIM, unseen decoders", worst(run, "ssim"), 0.12)
        yield _above("advface offline", "accuracy", _match(run, "accuracy"), 0.993)
        yield _above("advface offline", "TAR at FAR 0.001", _match(run, "tar@0.001"), 0.99)
    if run := runs.get("decoy"):
        yield _below("decoy", "SSIM, best of all attackers", worst(run, "ssim"), 0.42)
        yield _below("decoy", "identity cosine, the same", worst(run, "identity"), 0.42)
        if plain := runs.get("plain embedding"):
            limit = worst(plain, "identity")
            yield _below("decoy", "identity, of the embedding", worst(run, "identity"), limit)
        if clean := runs.get("clean"):
            drop = _genuine(clean) - _genuine(run)
            yield _below("decoy", "drop of the genuine cosine", round(drop, 4), 0.02)
            yield from (_as_clean(clean, run, far) for far in ("0.01", "0.001"))
        if run["figures"]["cpu_ms_each"] is not None:
            yield _below("decoy", "ms a record", run["figures"]["cpu_ms_each"], 600)


def _below(row: str, figure: str, value: float, bar: float) -> list[Any]:
    return [row, figure, f"<= {bar:g}", f"{value:g}", "yes" if value <= bar else "no"]


def _above(row: str, figure: str, value: float, bar: float) -> list[Any]:
    return [row, figure, f">= {bar:g}", f"{value:g}", "yes" if value >= bar else "no"]


def _as_clean(clean: Run, run: Run, far: str) -> list[Any]:
    """Genuine pairs that pass at the clean threshold, and how often chance alone parts them so.

    A sign test: were the records as good as clean ones, each of the pairs that one store lets in
    and the other does not would fall either way.
    """
    figure = f"tpr at the clean threshold of {far}"
    before, after = _match(clean, figure), _match(run, figure)
    lost = round((before - after) * run["figures"]["matching"]["genuine"])
    chance = min(1.0, 2 * 0.5 ** abs(lost))
    said = f"{after:.4f}, {lost} pairs lost, p = {chance:g}"
    return ["decoy", f"TPR at the clean threshold of {far}", f"as clean, {before:g}", said,
            "yes" if chance > 0.05 else "no"]  # fmt: skip


def _match(run: Run, figure: str) -> float:
    value: float = run["figures"]["matching"][figure]
    return value


def _genuine(run: Run) -> float:
    value: float = run["figures"]["matching"]["genuine_cosine"]["mean"]
    return value


def _attacks(runs: Mapping[str, Run]) -> Iterator[list[Any]]:
    for row, run in runs.items():
        for name, ways in run["figures"]["attacks"].items():
            for cleaning, f in ways.items():
                yield [
                    row,
                    name,
                    cleaning,
                    f["ssim"]["n"],
                    _spread(f["ssim"]),
                    f"{f['psnr']['mean']:.1f}",
                    _spread(f["identity"]),
                ]


_MATCHING = ["store", "genuine", "impostor", "TAR at FAR 0.01", "0.001", "TPR 0.01", "0.001",
             "accuracy", "genuine cosine", "self-cosine", "ms"]  # fmt: skip


_MATCHINGS = {"matching": "", "matching before fine-tuning": ", before fine-tuning"}


def _matching(runs: Mapping[str, Run]) -> Iterator[list[Any]]:
    for row, run in runs.items():
        for key, said in _MATCHINGS.items():
            if (m := run["figures"].get(key)) is None:
                continue
            cost = run["figures"].get("cpu_ms_each")
            yield [
                row + said,
                m["genuine"],
                m["impostor"],
                *(f"{m[f'tar@{far}']:.4f}" for far in ("0.01", "0.001")),
                *(f"{m[f'tpr at the clean threshold of {far}']:.4f}" for far in ("0.01", "0.001")),
                f"{m['accuracy']:.4f}",
                _spread(m["genuine_cosine"]),
                _spread(m["self_cosine"]),
                "-" if cost is None else f"{cost:g}",
            ]


def _replays(runs: Mapping[str, Run]) -> Iterator[str]:
    rows = [
        [row, name, found["n"], f"{found['replayed']:.1%}", f"{found['cosine']:.3f}"]
        for row, run in runs.items()
        for name, found in run["figures"].get("replay", {}).items()
    ]
    if rows:
        yield "## Replay: pictures made of embeddings by inversion, at the threshold for 0.001\n"
        yield table(["row", "embeddings", "n", "let in", "cosine"], rows)
        yield ""


def _spread(figure: Mapping[str, Any]) -> str:
    low, high = figure["interval"]
    return f"{figure['mean']:.3f} ({low:.3f} to {high:.3f})"
