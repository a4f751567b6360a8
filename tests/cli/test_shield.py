"""`anamorph shield` and `anamorph key new --kind rotation`, as a user types them."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from rich.console import Console

from anamorph.app.shield.kept import kept
from anamorph.app.shield.report import ShieldReport
from anamorph.cli.shield import command
from anamorph.cli.shield_methods import PRESETS
from anamorph.cli.shield_report import show
from anamorph.parameters import knobs
from anamorph.templates.files import open_file

Anamorph = Any
Faces = Any

SECRET = "hunter2-very-secret"


@pytest.fixture
def key(tmp_path: Path, anamorph: Anamorph) -> Path:
    path = tmp_path / "store.amkey"
    assert anamorph("key", "new", path, "--kind", "rotation").code == 0
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.npz"
    features = np.random.default_rng(5).normal(size=(12, 8)).astype(np.float32)
    np.savez(path, features=features, ids=np.arange(12))
    return path


@pytest.fixture
def url(tmp_path: Path, faces: Faces) -> Path:
    """A file that holds the URL, with a password."""
    path = tmp_path / "store.url"
    path.write_text(faces.url.replace("postgres:@", f"postgres:{SECRET}@"))
    return path


def test_a_key_of_a_store_says_what_it_is_for(tmp_path: Path, anamorph: Anamorph) -> None:
    ended = anamorph("key", "new", tmp_path / "a.amkey", "--kind", "rotation")
    assert "every record shielded with it is lost" in ended.out.replace("\n", " ")
    assert "turn the records of its store into plain ones" in ended.out.replace("\n", " ")


def test_a_file_is_shielded_and_its_key_renewed(
    plain: Path, key: Path, tmp_path: Path, anamorph: Anamorph
) -> None:
    out, new, later = tmp_path / "out.npz", tmp_path / "new.amkey", tmp_path / "later.npz"
    shield = ("shield", "--method", "keyed")
    ended = anamorph(*shield, plain, "--out", out, "--key", key, "--json", "-")
    assert ended.code == 0
    report = json.loads(ended.out)
    assert (report["state"], report["summary"]["shielded"]) == ("done", 12)
    assert report["shield"].startswith("keyed/1:")
    assert "Lose the key" in ended.err.replace("\n", " ")
    anamorph("key", "new", new, "--kind", "rotation")
    ended = anamorph(*shield, out, "--out", later, "--key", new, "--from-key", key)
    assert ended.code == 0
    assert set(open_file(later).marks()) != set(open_file(out).marks())


def test_a_table_is_tried_shielded_and_renewed(
    faces: Faces, url: Path, key: Path, tmp_path: Path, anamorph: Anamorph
) -> None:
    shield = [
        *("shield", "--store", f"@{url}", "--table", faces.table, "--column", "embedding"),
        *("--id", "id", "--method", "keyed", "--key", str(key)),
    ]
    said = []
    for more, state in (("--dry-run", "planned"), ("--hold", "held"), ("--batch=9", "done")):
        ended = anamorph(*shield, more, "--json", "-")
        assert ended.code == 0
        assert json.loads(ended.out)["state"] == state
        said.append(ended)
    assert "let yours use the column that ends in _next" in said[1].err.replace("\n", " ")
    assert "--erase rewrites the files" in said[2].err.replace("\n", " ")
    new = tmp_path / "new.amkey"
    anamorph("key", "new", new, "--kind", "rotation")
    again = (*shield[:-1], str(new), "--from-key", str(key), "--in-place", "--erase")
    ended = anamorph(*again, "--json", tmp_path / "report.json")
    assert ended.code == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["mode"], report["erased"], report["summary"]["shielded"]) == (
        "in-place",
        True,
        40,
    )
    said.append(ended)
    told = "".join(f"{ended.out}{ended.err}" for ended in said) + json.dumps(report)
    assert SECRET not in told
    assert faces.table in told


def test_a_move_is_given_up(faces: Faces, url: Path, key: Path, anamorph: Anamorph) -> None:
    where = ("--store", f"@{url}", "--table", faces.table, "--column", "embedding", "--id", "id")
    anamorph("shield", *where, "--method", "keyed", "--key", key, "--hold")
    ended = anamorph("shield", *where, "--abandon")
    assert ended.code == 0
    assert "is as it was" in ended.out.replace("\n", " ")
    assert anamorph("shield", *where, "--abandon").code == 2
    assert len(faces.run("SELECT * FROM {t} LIMIT 1")[0]) == 3


def test_the_environment_may_hold_the_url(
    faces: Faces, plain: Path, key: Path, anamorph: Anamorph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANAMORPH_STORE", faces.url.replace("postgres:@", f"postgres:{SECRET}@"))
    ended = anamorph(
        *("shield", "--table", faces.table, "--column", "embedding", "--id", "id"),
        *("--method", "keyed", "--key", key, "--dry-run"),
    )
    assert ended.code == 0
    assert SECRET not in ended.out + ended.err
    out = plain.with_name("out.npz")  # a file that is named goes first
    assert anamorph("shield", plain, "--out", out, "--method", "keyed", "--key", key).code == 0
    assert out.exists()


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ada:{SECRET}@db/faces",
        f"postgresql://ada@db/faces?password={SECRET}",
        f"postgresql://ada:{SECRET}@db:port/faces",
    ],
)
def test_a_password_on_the_command_line_is_refused_and_not_repeated(
    url: str, key: Path, anamorph: Anamorph
) -> None:
    ended = anamorph("shield", "--store", url, "--method", "keyed", "--key", key)
    assert ended.code == 2
    assert SECRET not in ended.out + ended.err
    assert "process" in ended.err or "not of the form" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name either a file of features or pictures or, with --store, a database"),
        (("{plain}",), "Name the new file with --out"),
        (("{plain}", "--out", "{out}"), "how to shield? Name it with --method: keyed, advface"),
        (
            ("{plain}", "--out", "{out}", "--method", "keyed"),
            "rotates by a key; give it with --key",
        ),
        (
            ("{plain}", "--out", "{out}", "--method", "keyed", "--key", "{key}", "--epsilon", "1"),
            "--epsilon: not for --method keyed",
        ),
        (
            ("{plain}", "--out", "{out}", "--method", "decoy", "--shadow", "a", "--preset", "fast"),
            "--shadow: not for --method decoy",
        ),
        (
            ("{plain}", "--out", "{out}", "--method", "decoy", "--preset", "paper"),
            "decoy has no preset 'paper'; there are fast, strong",
        ),
        (("{plain}", "{plain}", "--out", "{out}"), "one file of features at a time"),
        (("{key}", "--out", "{out}", "--method", "keyed"), "not a file of features (.npy, .npz,"),
        (("{plain}", "--out", "{out}", "--hold", "--erase"), "--hold, --erase: for the tables"),
        (("{plain}", "--out", "{out}", "--method", "advface"), "there are no shadows to mislead"),
        (("{plain}", "--out", "{out}", "--method", "decoy"), "--recognizer MODEL"),
        (("--store", "postgresql://h/d", "--out", "{out}"), "--out is for files"),
        (("--store", "postgresql://h/d", "--engine", "ray"), "--engine ray is for pictures"),
        (("--store", "people.npz", "--method", "keyed", "--key", "{key}"), "URL of a database"),
        (("--store", "postgresql://h/d", "--method", "keyed", "--key", "{key}"), "with --table"),
        (("--store", "@{out}", "--abandon"), "the store's URL cannot be read from it"),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    arguments: tuple[str, ...], said: str, plain: Path, key: Path, anamorph: Anamorph
) -> None:
    out = plain.with_name("out.npz")
    ended = anamorph("shield", *(a.format(plain=plain, out=out, key=key) for a in arguments))
    assert ended.code == 2
    assert said in ended.err
    assert not out.exists()


def test_pictures_become_decoys_and_a_bad_one_shows_in_the_exit_status(
    photos: Path, card: Any, tmp_path: Path, anamorph: Anamorph
) -> None:
    shield = ("shield", photos, "--recognizer", card(), "--method", "decoy", "--decoys", photos)
    out = tmp_path / "out.npz"
    ended = anamorph(*shield, "--steps", 2, "--out", out, "--json", "-")
    assert ended.code == 0, ended.err
    report = json.loads(ended.out)
    assert (report["mode"], report["summary"]["rows"], report["skipped"]) == ("pictures", 5, [])
    assert open_file(out).shape == (4, 7, 7)
    assert "astronaut" in open_file(out).table.ids
    (photos / "broken.png").write_bytes(b"no picture")
    fewer = (*shield[:-1], photos / "astronaut.jpg")
    ended = anamorph(*fewer, "--preset", "strong", "--out", tmp_path / "b.npz", "--json", "-")
    assert ended.code == 1
    assert "broken.png" in json.loads(ended.out)["skipped"][0]
    assert "skipped" in ended.err
    other, first = set(open_file(tmp_path / "b.npz").marks()), set(open_file(out).marks())
    assert other != first  # other decoys, other parameters
    ended = anamorph(*shield, "--out", tmp_path / "c.npz")
    assert ended.code == 2
    assert "a decoy cannot be read" in ended.err


@pytest.mark.parametrize(
    "options",
    [
        ("--dry-run",),
        ("--batch", 2),
        ("--in-place", "--hold", "--erase", "--abandon"),
        ("--store", "postgresql://h/d", "--table", "t", "--column", "c", "--id", "i"),
    ],
)
@pytest.mark.parametrize("where", ["url", "ray"])
def test_what_has_no_meaning_over_urls_and_on_clusters_is_refused(
    photos: Path,
    key: Path,
    tmp_path: Path,
    anamorph: Anamorph,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[object, ...],
    where: str,
) -> None:
    monkeypatch.setenv("ANAMORPH_STORE", "postgresql://h/d")  # is no option that was typed
    out, engine = tmp_path / "out", ("--engine", "ray") if where == "ray" else ()
    place = out if engine else f"file://{out}"
    shield = ("shield", photos, "--out", place, *engine, "--method", "keyed", "--key", key)
    ended = anamorph(*shield, *options)
    assert ended.code == 2
    flags = [word for word in options if str(word).startswith("--")]
    assert f"{', '.join(map(str, flags))}: not for pictures behind URLs or on" in ended.err
    assert ended.err.count("\n") == 1
    assert not out.exists()


def test_features_of_pictures_are_moved_as_in_the_paper(
    photos: Path, card: Any, tmp_path: Path, anamorph: Anamorph
) -> None:
    shadow, out = tmp_path / "shadow.safetensors", tmp_path / "out.npz"
    anamorph("train", "shadow", photos, "--recognizer", card(), "--out", shadow, "--updates", 2,
             "--batch", 2)  # fmt: skip
    shield = ("shield", photos, "--recognizer", card(), "--method", "advface", "--shadow", shadow)
    ended = anamorph(*shield, "--preset", "paper", "--steps", 2, "--out", out)
    assert ended.code == 0, ended.err
    assert open_file(out).shape == (4, 7, 7)
    ended = anamorph("shield", out, *shield[4:], "--preset", "paper", "--out", tmp_path / "b.npz")
    assert ended.code == 2
    assert "takes the recognizer; give it" in ended.err
    ended = anamorph(*shield, "--epsilon", -1, "--out", tmp_path / "b.npz")
    assert "epsilon is -1, but must be above 0" in ended.err


def test_every_parameter_of_a_stores_methods_has_an_option() -> None:
    options = {parameter.name: parameter for parameter in command.params}
    for method, presets in PRESETS.items():
        for knob in knobs(presets["fast"]):
            if knob.name == "target":
                continue
            option = options[knob.name]
            assert isinstance(option, click.Option)
            assert method in str(option.help)
            assert knob.meaning in str(option.help)


def test_a_table_is_shielded_without_loading_torch() -> None:
    program = (
        "import anamorph.cli.shield, anamorph.cli.templates, sys; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split() == [b"False"]


def test_records_that_are_read_less_well_are_stored_and_told(
    photos: Path, card: Any, tmp_path: Path, anamorph: Anamorph
) -> None:
    made = tmp_path / "out.npz"
    shield = ("shield", photos, "--recognizer", card(), "--method", "decoy", "--steps", 1)
    ended = anamorph(*shield, "--least-cosine", 1, "--out", made, "--json", "-")
    assert ended.code == 0
    found = json.loads(ended.out)["matching"]
    assert (found["records"], found["kept"], found["least_cosine"]) == (5, 0, 1)
    assert found["lowest"] <= found["median"] < 1
    said = " ".join(ended.err.split())
    assert "5 of 5 records are read with a cosine below 1 to what the matcher read before" in said
    assert "Nobody was dropped" in said
    assert "Shield again with --preset strong" in said
    assert "0 of 5" in said
    assert len(open_file(made).table.ids) == 5
    ended = anamorph(*shield, "--least-cosine", 1, "--out", tmp_path / "b.npz", "--dry-run")
    assert "Try --preset strong" in " ".join(ended.out.split())
    ended = anamorph(*shield, "--least-cosine", 0.01, "--epsilon", 9, "--steps", 60, "--out",
                     tmp_path / "c.npz")  # fmt: skip
    assert ended.code == 0
    assert "5 of 5" in ended.out
    assert "records are read" not in " ".join(ended.out.split())


def test_how_maps_are_read_is_known_where_the_recognizer_is_named(
    photos: Path, card: Any, tmp_path: Path, anamorph: Anamorph
) -> None:
    shadow, maps = tmp_path / "shadow.safetensors", tmp_path / "maps.npy"
    anamorph("train", "shadow", photos, "--recognizer", card(), "--out", shadow, "--updates", 2,
             "--batch", 2)  # fmt: skip
    np.save(maps, np.random.default_rng(0).normal(size=(3, 4, 7, 7)).astype(np.float32))
    shield = ("shield", maps, "--method", "advface", "--shadow", shadow)
    ended = anamorph(*shield, "--out", tmp_path / "a.npy", "--json", "-")
    assert (ended.code, json.loads(ended.out)["matching"]) == (0, None)
    assert "name it with --recognizer (and --layer)" in " ".join(ended.err.split())
    more = ("--recognizer", card(), "--least-cosine", 1, "--out", tmp_path / "b.npy")
    ended = anamorph(*shield, *more, "--json", "-")
    assert json.loads(ended.out)["matching"]["records"] == 3, ended.err
    assert "Shield again with a smaller --epsilon" in " ".join(ended.err.split())


@pytest.mark.parametrize(
    ("state", "mode", "said"),
    [
        ("done", "swap", "Try a table with --dry-run before it is shielded, with a smaller --eps"),
        ("held", "swap", "Give the move up with --abandon and take a smaller --epsilon"),
        ("planned", "swap", "Try a smaller --epsilon"),
        ("done", "file", "Shield again with a smaller --epsilon"),
    ],
)
def test_what_to_do_depends_on_where_the_records_are(state: Any, mode: Any, said: str) -> None:
    report = ShieldReport(
        method="advface", mark="m", takes=None, source="s", out="o", mode=mode, state=state,
        rows=1, shielded=1, before=0, matching=kept([0.8999], 0.9),
    )  # fmt: skip
    out = Console(file=StringIO(), width=1000)
    show(report, out)
    told = out.file.getvalue()  # type: ignore[attr-defined]
    assert "1 of 1 record is read with a cosine below 0.9" in told
    assert "the least 0.89: it may no longer find these people" in told
    assert said in told
