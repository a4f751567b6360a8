"""The table of what holds and what breaks, from the committed benchmarks."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any, TypeAlias

from anamorph.auditing.hidden.spread import luck_of_picks
from anamorph.auditing.hidden.verdict import RARE

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"

Figures: TypeAlias = Mapping[str, Any]
Line: TypeAlias = tuple[str, str, str, str]
"""What was made, the attack, what is left, of how many."""

PURIFIERS = ("tv", "nlm", "wavelet")
LESSONS = {
    "labels": "from {} protected photos and what is on them",
    "distilled": "from {} protected photos and their originals",
}
"""What an attacker learns from, by the name the audit gives it."""

MORE = {
    "fast, surrogate mobilenetv1_075_192": (
        "`protect --surrogates`",
        "models it never saw, where one more model was at hand",
    ),
    "strong": (
        "`protect --preset strong`",
        "models it never saw; of other attacks only jpeg75 was tried",
    ),
}
"""Runs of `protect` beside `fast`, and what their rows say."""

MOVED = "fast, survives jpeg75, flip, crop, resize"
"""The run of the audit whose files are to be read when they are mirrored, cropped and resized."""

PAIRS = "100"
"""Pictures with their hidden files, that an attacker on a network key knows."""

RECORDS = 100
"""Protected records with their pictures, that an attacker on features learns from."""


def honest() -> str:
    """One row for every attack that matters, kind or unkind."""
    lines = [*_protect(), *_hide(), *_shield(), *_keyed()]
    heads = ("", "attack", "what is left", "of")
    return "\n".join(
        f"| {' | '.join(line)} |" for line in (heads, ("---", "---", "---", "---"), *lines)
    )


def _protect() -> Iterable[Line]:
    runs = _runs("audit")
    run, learners = runs["fast"], runs["fast, learners"]["figures"]
    figures, photos = run["figures"], f"{run['n']} photos"
    noise = max(row["panel_kept_mean"] for row in figures["controls"].values())
    unseen = _percent(figures["panel_kept_mean"])
    yield (
        "`protect`",
        "models it never saw",
        f"{unseen} of their readings; after noise of the same size {_percent(noise)}; the "
        f"authorized model keeps {_percent(figures['authorized']['kept'])}",
        photos,
    )
    denoised = {name: row for name, row in figures["under"].items() if name in PURIFIERS}
    changed = {name: row for name, row in figures["under"].items() if name not in PURIFIERS}
    for what, tried in (("changes of the file", changed), ("denoisers", denoised)):
        name, best = max(tried.items(), key=lambda item: float(item[1]["panel_kept_mean"]))
        yield (
            "",
            f"the best of {len(tried)} {what}: {name}",
            f"{_percent(best['panel_kept_mean'])}; the authorized model keeps "
            f"{_percent(best['authorized'])}",
            photos,
        )
    name, worst = min(changed.items(), key=lambda item: float(item[1]["authorized"]))
    yield (
        "",
        f"what costs the authorized model most: {name}",
        f"**the authorized model keeps {_percent(worst['authorized'])}**",
        photos,
    )
    for row in learners["adaptive"]:
        yield (
            "",
            f"a model that learned {LESSONS[row['way']].format(row['pictures'])}",
            f"**{_percent(row['kept'])}**; before it learned {_percent(row['kept_before'])}",
            f"{row['held_out']} photos",
        )
    found = learners["detection"]
    yield (
        "",
        f"a detector that learned from {found['learned_from']} photos: which are protected?",
        f"**{_percent(found['accuracy'])}** right",
        f"{found['held_out']} photos",
    )
    moved, among = runs[MOVED]["figures"], runs[MOVED]["settings"]["survive"]
    kept = min(float(row["authorized"]) for name, row in moved["under"].items() if name in among)
    yield (
        "`protect --survive`",
        f"models it never saw, where files must be read after {', '.join(among)}",
        f"{_percent(moved['panel_kept_mean'])} of their readings; the authorized model keeps "
        f"{_percent(kept)} after each",
        f"{runs[MOVED]['n']} photos",
    )
    for run, (command, attack) in MORE.items():
        more = _runs("protect")[run]
        names = [model["name"] for model in more["figures"]["panel"]]
        same = [m for m in _runs("protect")["fast"]["figures"]["panel"] if m["name"] in names]
        helped = bool(more["settings"].get("surrogates"))
        alone = fmean(float(model["kept"]["share"]) for model in same)
        yield (
            command,
            attack,
            f"{_percent(more['figures']['panel_kept_mean']['share'])} of their readings"
            + (f", without it {_percent(alone)}" if helped else "")
            + "; the authorized model keeps "
            + _percent(more["figures"]["authorized"]["kept"]["share"]),
            f"{more['n']} photos",
        )


def _hide() -> Iterable[Line]:
    runs = _runs("hide")
    for kind, pairs in (("sealed", "800"), ("permuted", "800"), ("network", PAIRS)):
        figures = runs[f"pairs, {kind} fast"]["figures"]
        found = figures["subkey_each"][pairs]
        name, best = max(
            ((n, row) for n, row in found.items() if n != "mean"), key=lambda item: item[1]["ssim"]
        )
        left = f"SSIM {best['ssim']:.2f}; the mean face has {found['mean']['ssim']:.2f}"
        yield (
            f"`hide`, {kind}",
            f"{pairs} known originals, the best of {len(found) - 1} attackers: {name}",
            f"**{left}**" if kind == "network" else left,
            f"{figures['pictures'] - figures['known']} faces",
        )
        yield _searched(runs[f"faces, {kind} {'fast' if kind == 'network' else 'full'}"])


def _searched(run: Figures) -> Line:
    """Whom a face model finds that took no part, in a gallery of as many people as faces."""
    searches, n = run["figures"]["search"], run["n"]
    hidden = min((one["hidden"] for one in searches.values()), key=lambda one: one["rank_one"])
    share = hidden["rank_one"]
    left = f"{_percent(share)} of the people are found, by guessing {_percent(1 / n)}"
    wins = luck_of_picks(round(share * n), n, 1 / n) < RARE
    return (
        "",
        "a face model that took no part searches the hidden gallery",
        f"**{left}**" if wins else left,
        f"{n} faces",
    )


def _shield() -> Iterable[Line]:
    runs = _runs("shield")
    online = runs["advface online"]["figures"]["attacks"]
    unseen = {name: row for name, row in online.items() if "noise" not in name}
    noise = {name: row for name, row in online.items() if "noise" in name}
    left = f"{_most(unseen)}; after noise of the same size {_most(noise)}"
    yield ("`shield`, advface", "decoders it never saw", left, _count(unseen))
    searched = {"search": runs["maps searched for"]["figures"]["attacks"]["advface"]}
    yield (
        "",
        "a search for a picture that has this map, with the recognizer's weights",
        f"**{_most(searched)}**",
        _count(searched),
    )
    learned = {
        name: row
        for name, row in runs["advface adaptive"]["figures"]["attacks"].items()
        if name.endswith(f"k {RECORDS}")
    }
    yield (
        "",
        f"decoders that learned from {RECORDS} protected records",
        f"**{_most(learned)}**",
        _count(learned),
    )
    decoy, plain = (runs[name]["figures"]["attacks"] for name in ("decoy", "plain embedding"))
    yield (
        "`shield`, decoy",
        f"the best of all, learned from up to {max(runs['decoy']['settings']['counts'])} records",
        f"{_most(decoy)}; from the plain embedding {_most(plain)}",
        _count(decoy),
    )


def _keyed() -> Iterable[Line]:
    runs = _runs("keyed")
    without = runs["faces, with and without the key"]["figures"]["replay_into_plain"]
    faces = f"{without['n']} faces"
    left = f"{_percent(without['share'])} are let in by what was stolen"
    yield ("`shield`, keyed", "the table without the key", left, faces)
    pairs = runs["faces, known pairs"]["figures"]["64"]["replay"]
    yield ("", "64 rows whose plain features are known", f"**{_percent(pairs['share'])}**", faces)
    shape = runs["faces, shape of the cloud"]["figures"]["16 pairs, pictures of half of them"]
    yield (
        "",
        "16 such rows, and other pictures of half of the people",
        f"**{_percent(shape['replay']['share'])}**",
        f"{shape['replay']['n']} faces",
    )


def _runs(name: str) -> Mapping[str, Any]:
    content = json.loads(RESULTS.joinpath(f"{name}.json").read_text(encoding="utf-8"))
    runs: Mapping[str, Any] = content["runs"]
    return runs


def _most(attacks: Figures) -> str:
    """The highest SSIM and the highest identity, whichever attackers reach them."""
    rows = _rows(attacks)
    ssim, identity = (max(row[name]["mean"] for row in rows) for name in ("ssim", "identity"))
    return f"SSIM {ssim:.2f}, identity {identity:.2f}"


def _count(attacks: Figures) -> str:
    return f"{min(row['ssim']['n'] for row in _rows(attacks))} faces"


def _rows(attacks: Figures) -> list[Figures]:
    return [row for cleanings in attacks.values() for row in cleanings.values()]


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"
