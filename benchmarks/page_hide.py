"""The page of the hiding benchmark: one row for every way to hide, bars beside the figures."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.hide_bars import held_against
from benchmarks.runs import Run, measured_on, table


def page(runs: Mapping[str, Run]) -> str:
    """What the files show, who reads them, and what comes back."""
    parts = [
        "# Hiding real faces and photos",
        "",
        "Everything is measured on the written files. SSIM and correlation of the 8x8 blocks' mean",
        "luminance are between hidden picture and original; for unrelated noise they are about",
        "0.01, and 0.06 (faces) or 0.03 (photos) in size. Seconds are CPU seconds of `hide`, its",
        "checks of every file included. Intervals are 95 % (Wilson).",
        "",
        "## Bars",
        "",
        table(["run", "figure", "bar", "measured", "met"], held_against(runs)),
        "",
        *_faces(_of(runs, "faces")),
        *_photos(_of(runs, "photos")),
        *_pairs(_of(runs, "pairs")),
        measured_on(runs),
    ]
    return "\n".join(parts)


def spread(figures: Mapping[str, float], digits: int = 3) -> str:
    """Mean and extremes.

    Example:
        >>> spread({"mean": 0.5, "min": 0.25, "max": 1.0})
        '0.500 (0.250 to 1.000)'
    """
    mean, low, high = (f"{figures[key]:.{digits}f}" for key in ("mean", "min", "max"))
    return f"{mean} ({low} to {high})"


def percent(share: Mapping[str, Any]) -> str:
    """A share with its interval.

    Example:
        >>> percent({"share": 0.5, "n": 2, "interval": [0.1, 0.9]})
        '50.0 % (10.0 to 90.0, n 2)'
    """
    value, (low, high) = 100 * share["share"], share["interval"]
    return f"{value:.1f} % ({100 * low:.1f} to {100 * high:.1f}, n {share['n']})"


def _of(runs: Mapping[str, Run], part: str) -> dict[str, Run]:
    return {
        name.removeprefix(f"{part}, "): run for name, run in runs.items() if name.startswith(part)
    }


def _faces(runs: Mapping[str, Run]) -> Iterator[str]:
    if not runs:
        return
    about = next(iter(runs.values()))["settings"]
    yield f"## Faces, for {about['service']}\n"
    yield table(
        ["way", "faces", "hidden SSIM", "block correlation, size", "service cosine", "steps", "s"],
        [
            [
                way,
                run["n"],
                spread(f["shows"]["ssim"]),
                spread(f["shows"]["block_correlation_size"]),
                spread(f["service_cosine"]),
                f["cost"]["steps_mean"],
                f["cost"]["cpu_seconds_each"],
            ]
            for way, run, f in _figures(runs)
        ],
    )
    yield "\n### What comes back\n"
    yield table(
        ["way", "failed", *_BACK, "identity cosine, another key"],
        [
            [way, f["cost"]["failed"], *_back(f), _identity(f["other_key"])]
            for way, _, f in _figures(runs)
        ],
    )
    yield "\n### Gallery search: clean probes, clean and hidden gallery\n"
    yield table(
        ["way", "model", "rank-1 clean", "rank-1 hidden", "TAR at FAR 0.01", "0.001"],
        [
            [
                way,
                model + ("" if model == about["service"] else " (unauthorized)"),
                f"{found['clean']['rank_one']:.3f}",
                f"{found['hidden']['rank_one']:.3f}",
                *(
                    f"{found['clean']['tar'][far]:.3f}, {found['hidden']['tar'][far]:.3f}"
                    for far in found["clean"]["tar"]
                ),
            ]
            for way, _, f in _figures(runs)
            for model, found in f["search"].items()
        ],
    )
    yield "\n### After JPEG 85, 4:4:4\n"
    yield table(
        ["way", "service cosine", "revealed, dB", "SSIM", "refusal"],
        [
            [way, spread(f["jpeg85"]["service_cosine"]), *_quality(f["jpeg85"]["reveal"])]
            for way, _, f in _figures(runs)
        ],
    )
    yield ""


def _photos(runs: Mapping[str, Run]) -> Iterator[str]:
    if not runs:
        return
    about = next(iter(runs.values()))["settings"]
    yield f"## Photos, for {about['service']}\n"
    yield table(
        ["way", "photos", "hidden SSIM", "block correlation, size", "steps", "s", "kept, JPEG 85"],
        [
            [
                way,
                run["n"],
                spread(f["shows"]["ssim"]),
                spread(f["shows"]["block_correlation_size"]),
                f["cost"]["steps_mean"],
                f["cost"]["cpu_seconds_each"],
                percent(f["jpeg85"]["kept"]),
            ]
            for way, run, f in _figures(runs)
        ],
    )
    yield "\n### Whose first answer stays\n"
    yield table(
        ["way", "model", "agreement with its answer on the original"],
        [
            [way, model + ("" if model == about["service"] else " (unauthorized)"), percent(kept)]
            for way, _, f in _figures(runs)
            for model, kept in f["kept"].items()
        ],
    )
    yield "\n### What comes back of photos\n"
    yield table(
        ["way", "failed", *_BACK],
        [[way, f["cost"]["failed"], *_back(f)] for way, _, f in _figures(runs)],
    )
    yield ""


def _pairs(runs: Mapping[str, Run]) -> Iterator[str]:
    if not runs:
        return
    yield "## Attackers with pairs\n"
    yield "A subkey for each picture, as `hide` gives; the probe's control reads pictures of noise."
    yield ""
    yield table(
        ["way", "pairs known", "probe R2", "of noise"],
        [[way, f["known"], f["probe_r2"], f["probe_r2_of_noise"]] for way, _, f in _figures(runs)],
    )
    yield "\nWhat attackers make of unseen faces. *mean* guesses the mean face: more than that is"
    yield "learned from the hidden picture. *one subkey* is what `hide` never does.\n"
    yield table(
        ["way", "keys", "pairs", "attacker", "dB", "SSIM", "block correlation", "identity cosine"],
        [
            [way, said, k, name, *_near(guess)]
            for way, _, f in _figures(runs)
            for said, key in ((_each(way), "subkey_each"), ("one subkey", "one_subkey"))
            for k, guesses in f.get(key, {}).items()
            for name, guess in guesses.items()
        ],
    )
    yield "\nFeature inversion through the service model, which needs no key and no pairs:\n"
    yield table(
        ["way", "made of f of", "dB", "SSIM", "block correlation", "identity cosine"],
        [
            [way, name.removeprefix("from_"), *_near(guess)]
            for way, _, f in _figures(runs)
            for name, guess in f["inversion"].items()
        ],
    )
    yield ""


_BACK = ("bit-exact", "dB", "SSIM", "another key: refused", "if forced", "SSIM then")


def _back(f: Mapping[str, Any]) -> list[Any]:
    back, other = f["reveal"], f["other_key"]
    return [
        percent(back["bit_exact"]),
        spread(back["psnr"], 1) if "psnr" in back else "-",
        spread(back["revealed_ssim"]) if "revealed_ssim" in back else "-",
        f"{other['refused_by_reveal']:.0%}",
        f"{other['refused_by_force']:.0%}",
        spread(other["ssim"]) if "ssim" in other else "-",
    ]


def _quality(back: Mapping[str, Any]) -> list[str]:
    return [
        spread(back["psnr"], 1) if "psnr" in back else "-",
        spread(back["revealed_ssim"]) if "revealed_ssim" in back else "-",
        "; ".join(f"{count} x {reason}" for reason, count in back["reasons"].items()) or "-",
    ]


def _identity(other: Mapping[str, Any]) -> str:
    return spread(other["identity_cosine"]) if "identity_cosine" in other else "-"


def _near(guess: Mapping[str, float]) -> list[str]:
    names = ("psnr", "ssim", "block_correlation", "identity_cosine")
    return [f"{guess[name]:.{1 if name == 'psnr' else 3}f}" for name in names]


def _figures(runs: Mapping[str, Run]) -> Iterator[tuple[str, Run, Mapping[str, Any]]]:
    for way, run in runs.items():
        yield way, run, run["figures"]


def _each(way: str) -> str:
    """What the pictures of a run share: a network is the key of them all."""
    return "one network" if way.startswith("network") else "a subkey each"
