"""The page of the keyed benchmark."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.page_hide import percent
from benchmarks.runs import Run, measured_on, table


def page(runs: Mapping[str, Run]) -> str:
    """What a migration keeps, what the key keeps, and what breaks it."""
    parts = [
        "# Keyed rotation of stored embeddings",
        "",
        "A secret rotation for each store: `anamorph shield --method keyed`. Intervals are 95 %",
        "(Wilson).",
        "",
        *_migrations({k: r for k, r in runs.items() if k.startswith("migration")}),
        *_cost(runs.get("cost of a record")),
        *_accuracy(runs.get("faces, with and without the key")),
        *_attack(
            "Attackers who know pairs",
            "Plain and stored embeddings of k people; replayed are guesses for enrolled people, "
            "who are others, at a matcher that knows another picture of them (FAR 1e-3).",
            runs.get("faces, known pairs"),
        ),
        *_attack(
            "Attackers who lay faces of their own over the store",
            "No pairs, or too few for least squares alone; the rest from the shape of the cloud, "
            "and from pictures of strangers or of half of the enrolled people, whose rows are "
            "unknown. Judged on the other half.",
            runs.get("faces, shape of the cloud"),
        ),
        measured_on(runs),
    ]
    return "\n".join(parts)


def _migrations(runs: Mapping[str, Run]) -> Iterator[str]:
    if not runs:
        return
    yield "## Migration of a live table, killed with SIGKILL\n"
    header = ["embeddings", "rows", "kills", "lost", "doubled", "half-done"]
    header += ["top 10 as before", "index recall before, after", "seconds"]
    rows = []
    for name, run in runs.items():
        f = run["figures"]
        rows.append(
            [
                name.removeprefix("migration, "),
                run["n"],
                f"{len(f['kills'])}, at {', '.join(map(str, f['kills']))} rows",
                *(f[what] for what in ("lost", "doubled", "half_done")),
                f"{f['top10_as_before']:.0%} of {run['settings']['probes']}",
                f"{f['index_recall_before']:.3f}, {f['index_recall_after']:.3f}",
                f"{f['seconds']:.0f}",
            ]
        )
    yield table(header, rows)
    yield ""
    yield "Top 10: by comparing with all rows; of rows that are as near, such as pictures that are"
    yield "there twice, any will do. An index of pgvector is approximate, and one that is built"
    yield "anew errs elsewhere. Seconds: all runs together, the killed ones included.\n"


def _cost(run: Run | None) -> Iterator[str]:
    if run is None:
        return
    f, s = run["figures"], run["settings"]
    ms = f["ms_per_record"]
    yield "## What a record costs\n"
    yield (
        f"An embedding of {s['width']} values, milliseconds of processor time on one core: "
        f"{ms['batch']:.3f} in batches of {s['batch']}, {ms['alone']:.3f} alone, "
        f"{ms['alone_checked']:.3f} alone with the checks for NaN and zeros that a store makes. "
        f"The first record takes {f['ms_first']:.0f} ms: the matrix is made of the key.\n"
    )


def _accuracy(run: Run | None) -> Iterator[str]:
    if run is None:
        return
    f = run["figures"]
    yield "## Accuracy with the key and without\n"
    rows = [
        [name, f"{100 * f[key]['rank_one']:.2f} %", *_tars(f[key])]
        for name, key in (
            ("plain", "plain"),
            ("keyed, with the key", "with_key"),
            ("keyed, after a new key took over", "after_rekeying"),
            ("keyed, plain probes (no key)", "without_key"),
        )
    ]
    yield table(["store", "rank-1", "TAR at FAR 1e-2", "TAR at FAR 1e-3"], rows)
    yield ""
    rows = [
        ["a plain probe against its own stored row", percent(f["accepted_without_key"])],
        ["a stolen row replayed into a plain store", percent(f["replay_into_plain"])],
        ["a stolen row replayed into a store of another key", percent(f["replay_into_other_key"])],
        ["the same picture in two stores of two keys", percent(f["linked_across_keys"])],
    ]
    yield table(["without the key, at the plain threshold for FAR 1e-3", "accepted"], rows)
    yield ""
    yield (
        f"{f['people']} people, mean cosine without the key {f['cosine_without_key']:.4f}; largest "
        f"change of a cosine with it {f['largest_change_of_cosine']:.1e}.\n"
    )


def _tars(figures: Mapping[str, Any]) -> list[str]:
    return [f"{100 * figures['tar'][far]:.2f} %" for far in ("0.01", "0.001")]


def _attack(title: str, what: str, run: Run | None) -> Iterator[str]:
    if run is None:
        return
    yield f"## {title}\n"
    yield f"{what}\n"
    rows = [
        [name, percent(f["replay"]), f"{f['cosine']:.3f}"] for name, f in run["figures"].items()
    ]
    yield table(["attacker", "replay succeeds", "cosine with the plain embedding"], rows)
    yield ""
