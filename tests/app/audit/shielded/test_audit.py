"""The audit of stores of toy features, from the files to the reports."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from anamorph.app.shield.decoy import disguising
from anamorph.app.shield.keyed import keyed
from anamorph.app.train import tail_training
from anamorph.app.train.tail_training import TailTraining
from anamorph.auditing.shielded.figures import Attempt
from anamorph.auditing.shielded.result import ShieldAudit
from anamorph.auditing.shielded.verdict import caution, grade, verdict
from anamorph.errors import BadKey, Cancelled, UsageError
from anamorph.keys import file as key_file
from anamorph.keys import key as keys
from anamorph.methods.decoy import Decoy
from anamorph.models import Model
from anamorph.models.split import split
from anamorph.templates.role import Shielding, mark
from anamorph.types import Images, Task

Run: TypeAlias = Callable[..., ShieldAudit]
StoreOf: TypeAlias = Callable[..., Path]
Features: TypeAlias = NDArray[np.float32]


def _rows(audit: ShieldAudit, group: str) -> list[Attempt]:
    return [row for row in audit.attempts if row.group == group]


def test_a_store_of_maps_is_attacked_by_everybody(
    run: Run, store_of: StoreOf, maps: Features, advface: Shielding, shadow: Path, folders: Any
) -> None:
    audit = run(store_of(maps, advface), shadows=[shadow], probes=folders.probes, inverted=1)
    assert audit.ok, [row.error for row in audit.attempts]
    assert (audit.store.method, audit.store.kind) == ("advface", "maps")
    assert (audit.store.rows, audit.store.paired, audit.store.people) == (12, 12, 12)
    assert audit.store.attacked == 12
    assert audit.store.mark == mark(advface)
    assert [row.name for row in _rows(audit, "references")] == ["mean face", "somebody else"]
    assert [row.name for row in _rows(audit, "unseen")][:4] == [
        "unet", "unet, after clip", "unet, after blur", "unet, after median"
    ]  # fmt: skip
    scratch, tuned = (row.name for row in _rows(audit, "adaptive"))
    assert scratch == "unet from scratch"
    assert tuned in ("unet fine-tuned", "linear fine-tuned")  # who does best on clean features
    assert all(row.learned == 4 for row in _rows(audit, "adaptive"))
    assert all("shielded themselves" in row.meaning for row in _rows(audit, "adaptive"))
    assert [row.name for row in _rows(audit, "embedding")] == [
        "mlp of the embedding", "embedding inverted"
    ]  # fmt: skip
    assert [row.name for row in _rows(audit, "inversion")] == ["record inverted"]
    assert len(_rows(audit, "controls")) == 3
    assert _rows(audit, "pairs") == []
    assert audit.accuracy.genuine == 12
    assert audit.accuracy.before is not None
    assert audit.accuracy.after is not None
    assert audit.accuracy.before.tar["0.01"].n == 12
    assert audit.accuracy.before.tar["0.001"].value is None
    assert audit.store.self_cosine is not None
    links = {link.name: link for link in audit.links}
    assert "too few" in links["two records"].reason
    assert links["record and clean picture"].mated == 12
    assert links["two stores"].d_sys is not None
    assert "only 12 records" in " ".join(audit.notes)
    assert not any("other shadows" in note for note in audit.notes)


def test_the_reports_hold_the_figures_and_faces_and_no_key(
    run: Run, store_of: StoreOf, embeddings: Features, tmp_path: Path
) -> None:
    key, path = keys.new("rotation"), tmp_path / "where nobody looks.amkey"
    key_file.write(key, path)
    out = tmp_path / "report"
    audit = run(store_of(embeddings, keyed(key)), key=path, out=out, formats=("html", "json", "md"))
    assert {p.name for p in out.iterdir()} == {"audit.json", "report.html", "report.md"}
    told = json.loads((out / "audit.json").read_text())
    assert told == json.loads(json.dumps(audit.as_json(), allow_nan=False))
    page = (out / "report.html").read_text()
    assert page.count("data:image/jpeg") >= 10
    for text in (page, json.dumps(told), (out / "report.md").read_text()):
        assert key.secret.reveal().hex() not in text
        assert "where nobody looks" not in text
        assert "--key KEY" in text
    assert verdict(audit).split(":")[0] in page


def test_a_keyed_store_is_useless_without_its_key_and_pairs_undo_it(
    run: Run, store_of: StoreOf, embeddings: Features, folders: Any
) -> None:
    key = keys.new("rotation")
    store = store_of(embeddings, keyed(key))
    audit = run(store, key=key, probes=folders.probes, learn=[2, 6], threshold=0.9)
    assert (audit.store.method, audit.store.kind) == ("keyed", "embeddings")
    assert audit.store.attacked == 6  # the other half is learned from
    assert audit.accuracy.before == audit.accuracy.after
    assert audit.store.self_cosine is not None
    assert audit.store.self_cosine.least == pytest.approx(1, abs=1e-5)
    pairs = {row.learned: row for row in _rows(audit, "pairs")}
    assert set(pairs) == {None, 2, 6}
    assert all("other records of the store" in row.meaning for row in _rows(audit, "adaptive"))
    assert _rows(audit, "controls") == []
    stores = audit.links[-1]
    assert stores.accepted.value is not None
    assert stores.accepted.value < 1
    blind = run(store, probes=folders.probes)
    assert blind.accuracy.before is not None
    assert blind.accuracy.after is None
    assert "give it with --key" in blind.accuracy.reason
    assert blind.store.self_cosine is None


def test_decoys_are_shielded_anew_by_attackers(
    run: Run, store_of: StoreOf, maps: Features, recognizer: Model
) -> None:
    audit = run(store_of(maps, disguising(recognizer, parameters=Decoy(steps=2))), learn=[2])
    assert audit.store.method == "decoy"
    assert audit.links[-1].d_sys is not None
    assert any("other shadows, decoys or parameters" in note for note in audit.notes)
    assert audit.accuracy.before is None  # one picture of each person, and no probes
    assert "with --probes" in audit.accuracy.reason


def test_decoys_and_presets_of_the_store_can_be_named(
    run: Run, store_of: StoreOf, maps: Features, recognizer: Model, folders: Any,
    advface: Shielding, shadow: Path, pixels_in: Callable[[Path], torch.Tensor],
) -> None:  # fmt: skip
    shown = pixels_in(folders.known).mul(255).round().to(torch.uint8)
    store = store_of(maps[:4], disguising(recognizer, shown))
    audit = run(store, learn=[2], decoys=folders.known, pictures=_some(folders.pictures, 4))
    assert not any("other shadows, decoys" in note for note in audit.notes)
    assert "--decoys" in audit.method.command
    with pytest.raises(UsageError, match="no preset 'strong' of advface; there are fast, paper"):
        run(store_of(maps, advface), shadows=[shadow], preset="strong")


def _some(folder: Path, count: int) -> Path:
    """A folder with the first of these pictures alone."""
    few = folder.parent / f"first {count}"
    for path in sorted(folder.rglob("*.png"))[:count]:
        (few / path.parent.name).mkdir(parents=True, exist_ok=True)
        (few / path.parent.name / path.name).write_bytes(path.read_bytes())
    return few


def test_a_trained_tail_reads_the_records_for_the_matcher_and_nobody_else(
    run: Run, store_of: StoreOf, maps: Features, recognizer: Model, tmp_path: Path, folders: Any
) -> None:
    features = torch.from_numpy(maps)
    lessons = tail_training.Lessons(features, features.roll(1, 0))
    p = TailTraining(updates=20, batch=4, rate=0.05)
    cut = split(recognizer)
    at = tail_training.begin(cut, lessons, p)
    at = tail_training.advance(at, cut, lessons, p.updates, p, lambda _: None)
    tail = tmp_path / "tail.safetensors"
    tail.write_bytes(tail_training.dump_tail(at))
    plain, read = (run(store_of(maps), tail=t, probes=folders.probes) for t in (None, tail))
    assert plain.accuracy.before == read.accuracy.before
    assert plain.store.self_cosine is not None
    assert read.store.self_cosine is not None
    assert read.store.self_cosine.mean < plain.store.self_cosine.mean - 1e-3
    assert _rows(plain, "unseen") == _rows(read, "unseen")
    with pytest.raises(UsageError, match="begins at early, not at pool"):
        run(store_of(maps), tail=tail, layer="pool")


def test_a_plain_store_is_not_shielded(
    run: Run, store_of: StoreOf, maps: Features, shadow: Path
) -> None:
    audit = run(store_of(maps), decoders=[shadow])
    assert audit.store.method == "none"
    (unseen, *_) = _rows(audit, "unseen")
    assert unseen.name == "shadow"
    assert unseen.shielded is not None
    assert unseen.clean is not None
    assert unseen.shielded.picked == unseen.clean.picked
    assert _rows(audit, "adaptive") == _rows(audit, "controls") == []
    assert any("taken for plain features" in note for note in audit.notes)
    assert verdict(audit)


def test_without_shadows_attackers_learn_from_other_records(
    run: Run, store_of: StoreOf, maps: Features, advface: Shielding
) -> None:
    audit = run(store_of(maps, advface), learn=[1000])
    assert audit.store.attacked == 6
    assert {row.learned for row in _rows(audit, "adaptive")} == {6}
    assert any("advface was not made anew (give --shadow)" in note for note in audit.notes)
    assert any("1000 records, but there are 6" in note for note in audit.notes)
    assert audit.links[-1].reason == "the shielding cannot be made anew here"


def test_rows_without_names_are_those_of_the_sorted_pictures(
    run: Run, maps: Features, advface: Shielding, tmp_path: Path
) -> None:
    np.save(tmp_path / "store.npy", advface(maps))
    audit = run(tmp_path / "store.npy", method="advface", plain=_plain(tmp_path, maps))
    assert audit.store.paired == 12
    assert audit.store.method == "advface"
    assert audit.store.mark == ""
    np.save(tmp_path / "few.npy", maps[:5])
    with pytest.raises(UsageError, match="5 rows without names and 12 pictures"):
        run(tmp_path / "few.npy")


def _plain(folder: Path, maps: Features) -> Path:
    np.savez(folder / "plain.npz", features=maps, ids=np.array([str(i) for i in range(len(maps))]))
    return folder / "plain.npz"


def test_pictures_and_rows_that_do_not_pair_are_named(
    run: Run, store_of: StoreOf, maps: Features, folders: Any, tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    for path in sorted(folders.pictures.rglob("*.png"))[:6]:
        (pictures / path.parent.name).mkdir(parents=True)
        (pictures / path.parent.name / path.name).write_bytes(path.read_bytes())
    Image.new("RGB", (16, 16)).save(pictures / "stray.png")
    (pictures / "p00" / "00.png").write_bytes(b"broken")
    audit = run(store_of(maps), pictures=pictures)
    assert not audit.ok
    missed = {Path(one.picture).name: one.reason for one in audit.missed}
    assert set(missed) == {"stray.png", "00.png"}
    assert "no row of the store" in missed["stray.png"]
    assert any("6 rows of the store without a picture" in note for note in audit.notes)
    for path in pictures.rglob("*.png"):
        path.rename(path.with_name(f"x{path.name}"))
    with pytest.raises(UsageError, match="no row is called like a picture in"):
        run(store_of(maps), pictures=pictures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brittle:
    """A judge that reads nothing."""

    name: str = "brittle"
    task: Task = "embed"
    labels: tuple[str, ...] = ()
    digest: str = "d"
    weights_digest: str = "w"

    def output(self, images: Images, /) -> torch.Tensor:
        raise RuntimeError("out of memory")


def test_a_judge_that_crashes_says_so_and_the_rest_stands(
    run: Run, store_of: StoreOf, maps: Features
) -> None:
    audit = run(store_of(maps), judge=Brittle())
    assert grade(audit) == "unknown"
    assert any("brittle could not judge: RuntimeError" in note for note in audit.notes)
    assert all(row.shielded is not None and row.shielded.ssim for row in audit.attempts)


def test_an_attacker_who_cannot_be_trained_has_a_row_that_says_so(
    run: Run, store_of: StoreOf, maps: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("of memory")

    monkeypatch.setattr("anamorph.app.audit.shielded.run.trained", broken)
    audit = run(store_of(maps))
    assert not audit.ok
    assert all(row.error == "RuntimeError: of memory" for row in _rows(audit, "unseen"))
    assert len(_rows(audit, "references")) == 2


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"judge": "recognizer"}, "is the recognizer, so it is no judge"),
        ({"learn": [1]}, "at least 2 records"),
        ({"attacked": 1}, "at least 2 records are attacked"),
        ({"formats": ["pdf"]}, "there is no report 'pdf'"),
        ({"method": "magic"}, "no method 'magic'"),
        ({"layer": "head"}, "but toy embedder makes embeddings of 8 values and maps of"),
        ({"pictures": "nowhere"}, "nowhere: no pictures there; check --pictures"),
        ({"known": "pictures"}, "0 known pictures that are not in the store"),
        ({"key": "rotation"}, "which has no key"),
    ],
)
def test_what_means_nothing_is_refused(
    run: Run, store_of: StoreOf, maps: Features, recognizer: Model, folders: Any,
    given: dict[str, Any], says: str,
) -> None:  # fmt: skip
    named = {
        "recognizer": recognizer,
        "pictures": folders.pictures,
        "rotation": keys.new("rotation"),
    }
    known = {k: named.get(v, v) if isinstance(v, str) else v for k, v in given.items()}
    with pytest.raises(UsageError, match=says):
        run(store_of(maps), **known)


def test_keys_and_decoders_of_others_are_refused(
    run: Run, store_of: StoreOf, maps: Features, embeddings: Features, shadow: Path
) -> None:
    store = store_of(embeddings, keyed(keys.new("rotation")))
    with pytest.raises(BadKey, match="but the rows carry keyed/1"):
        run(store, key=keys.new("rotation"))
    with pytest.raises(UsageError, match="train it on this recognizer and layer"):
        run(store, decoders=[shadow])
    with pytest.raises(UsageError, match="leave --method out"):
        run(store, method="decoy")
    with pytest.raises(UsageError, match="give those that misled"):
        run(store_of(embeddings), method="advface", shadows=[shadow])
    with pytest.raises(UsageError, match="features of 5 values, but toy embedder makes"):
        run(store_of(embeddings[:, :5]))


def test_reports_never_land_among_pictures(
    run: Run, store_of: StoreOf, maps: Features, folders: Any
) -> None:
    with pytest.raises(UsageError, match="choose another --out"):
        run(store_of(maps), out=folders.pictures)


def test_progress_adds_up_and_can_stop_it(
    run: Run, store_of: StoreOf, maps: Features, advface: Shielding, shadow: Path
) -> None:
    expected: list[int] = []
    done: list[int] = []
    store = store_of(maps, advface)
    run(store, shadows=[shadow], found=expected.append, watch=done.append)
    assert sum(done) == expected[0]

    def stop(_: int) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        run(store, shadows=[shadow], watch=stop)


def test_portraits_stand_in_for_pictures_of_others(
    run: Run, store_of: StoreOf, maps: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anamorph.app.audit.shielded.preparing.DRAWN", 6)
    audit = run(store_of(maps), known=None)
    assert audit.store.known == 6
    assert audit.store.known_from == "portraits of people who do not exist"


def test_what_is_attacked_follows_from_the_seed(
    run: Run, store_of: StoreOf, maps: Features
) -> None:
    store = store_of(maps)
    first, again, other = (run(store, attacked=4, seed=seed) for seed in (5, 5, 6))
    assert replace(first, seconds=0.0) == replace(again, seconds=0.0)
    assert first.attempts != other.attempts
    assert "No attacker who adapts" not in caution(first)
