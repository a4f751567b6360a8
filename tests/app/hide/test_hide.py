"""From a folder of photos to a folder of noise that one model reads and one key reveals."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from anamorph.app.hide.hide import Parameters, chosen_parameters, harder, hide
from anamorph.app.hide.records import HideRecord, HideReport
from anamorph.app.hide.reveal import reveal
from anamorph.errors import BadKey, NotWritten, ParameterError, UsageError
from anamorph.files.photo import Limits
from anamorph.keys import file as key_file
from anamorph.keys import key as keys
from anamorph.keys.key import Key
from anamorph.methods.avih import AVIH
from anamorph.methods.permuted import Permuted
from anamorph.methods.sealed import Sealed
from anamorph.models import Model

Hide = Callable[..., HideReport]
Tree = Callable[[Path], dict[str, tuple[bytes, int]]]


def _image(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image.copy()


STEPS = 20


@pytest.fixture(scope="module")
def key() -> Key:
    return keys.new("sealed")


@pytest.fixture
def run(toy: Model, key: Key) -> Hide:
    def start(sources: Path | list[Path], out: Path, model: Model = toy, **how: Any) -> Any:
        listed = sources if isinstance(sources, list) else [sources]
        with_key = how.pop("key", key)
        return hide(listed, out, model, with_key, **{"parameters": Sealed(steps=STEPS), **how})

    return start


def test_a_folder_is_hidden_and_every_picture_is_checked(
    run: Hide, photos: Path, tmp_path: Path, tree: Tree
) -> None:
    before = tree(photos)
    report = run(photos, tmp_path / "out")
    assert report.ok
    assert report.summary["hidden"] == report.summary["images"] == 5
    assert report.summary["service_kept"] == 1.0
    assert tree(photos) == before
    assert set(tree(tmp_path / "out")) == {
        "manifest.jsonl",
        *(str(Path(name).with_suffix(".png")) for name in before),
    }
    for record in report.images:
        assert record.revealed
        assert record.other_key_refused
        assert record.prediction_before == record.prediction_after
        assert record.ssim is not None
        assert abs(record.ssim) < 0.1


def test_an_embedding_model_reads_nearly_the_same_direction(
    run: Hide, photos: Path, tmp_path: Path, embedder: Model
) -> None:
    report = run(photos, tmp_path / "out", embedder)
    for record in report.images:
        assert record.prediction_before is None
        assert record.cosine is not None
        assert record.cosine >= 0.98


def test_hiding_twice_gives_pictures_that_have_nothing_in_common(
    run: Hide, photos: Path, tmp_path: Path
) -> None:
    source = photos / "chelsea.png"
    values = []
    for out in ("first", "second"):
        run(source, tmp_path / out)
        values.append(np.asarray(_image(tmp_path / out / "chelsea.png")).astype(float).ravel())
    # Both are made for the same reading, which takes a small part of their freedom.
    assert abs(np.corrcoef(values)[0, 1]) < 0.35
    assert len({len(v) for v in values}) == 1


def test_the_manifest_holds_what_the_report_says_and_nothing_that_tells_the_photo(
    run: Hide, photos: Path, tmp_path: Path, key: Key
) -> None:
    report = run(photos, tmp_path / "out").as_json()
    text = (tmp_path / "out" / "manifest.jsonl").read_text()
    header, *records = map(json.loads, text.splitlines())
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert sorted(records, key=lambda record: str(record["source"])) == report["images"]
    for name in ("method", "parameters", "models", "key"):
        assert header[name] == report[name]
    assert report["key"] == key.fingerprint
    assert key.secret.reveal().hex() not in text
    tags = {record["source_tag"] for record in records}
    assert len(tags) == len(records)
    other = run(photos, tmp_path / "other", key=keys.new("sealed"))
    assert tags.isdisjoint(record.source_tag for record in other.images)


def test_the_file_says_what_it_is_and_nothing_of_the_photo(
    run: Hide, photos: Path, tmp_path: Path, key: Key, toy: Model
) -> None:
    run(photos / "rocket.png", tmp_path / "out")
    with Image.open(tmp_path / "out" / "rocket.png") as image:
        (width, height), about = image.size, dict(image.info)
    assert about == {
        "comment": f"anamorph 1 sealed {width}x{height} key {key.fingerprint} "
        f"model {toy.weights_digest[:32]}"
    }


def test_a_longer_file_gets_a_larger_picture_and_its_exact_length_stays_hidden(
    run: Hide, tmp_path: Path, photos: Path
) -> None:
    sizes = []
    for extra in (0, 5, 40_000):
        path = tmp_path / f"{extra}.png"
        path.write_bytes((photos / "rocket.png").read_bytes() + bytes(extra))
        run(path, tmp_path / f"out-{extra}")
        sizes.append(_image(tmp_path / f"out-{extra}" / path.name).size)
    assert sizes[0] == sizes[1]
    assert sizes[2] > sizes[1]


def test_a_run_goes_on_where_it_stopped(
    run: Hide, photos: Path, tmp_path: Path, tree: Tree, key: Key
) -> None:
    run(photos, tmp_path / "out")
    before = tree(tmp_path / "out")
    (tmp_path / "out" / "coffee.png").unlink()
    (photos / "chelsea.png").write_bytes((photos / "rocket.png").read_bytes())
    report = run(photos, tmp_path / "out", resume=True)
    after = tree(tmp_path / "out")
    told = {Path(record.source).name: record.status for record in report.images}
    assert told.pop("coffee.png") == told.pop("chelsea.png") == "hidden"
    assert set(told.values()) == {"skipped"}
    untouched = [f"{Path(name).stem}.png" for name in ("astronaut.jpg", "rocket.png")]
    assert all(after[name] == before[name] for name in untouched)
    reveal([tmp_path / "out"], tmp_path / "back", key)
    assert {n: b for n, (b, _) in tree(tmp_path / "back").items()} == {
        n: b for n, (b, _) in tree(photos).items()
    }


@pytest.mark.parametrize(
    ("what", "how"),
    [
        ("key was", {"key": keys.new("sealed")}),
        ("parameters.steps was 20, now 21", {"parameters": Sealed(steps=21)}),
    ],
)
def test_another_key_or_other_settings_do_not_go_on_with_a_run(
    run: Hide, photos: Path, tmp_path: Path, what: str, how: dict[str, Any]
) -> None:
    run(photos / "rocket.png", tmp_path / "out")
    with pytest.raises(UsageError, match=what):
        run(photos / "rocket.png", tmp_path / "out", resume=True, **how)


def test_fields_that_another_version_wrote_do_not_stop_a_run(
    run: Hide, photos: Path, tmp_path: Path
) -> None:
    run(photos / "rocket.png", tmp_path / "out")
    manifest = tmp_path / "out" / "manifest.jsonl"
    header, record = manifest.read_text().splitlines()
    manifest.write_text(f"{header}\n{json.dumps({**json.loads(record), 'later': 1})}\n")
    report = run(photos / "rocket.png", tmp_path / "out", resume=True)
    assert [record.status for record in report.images] == ["skipped"]


def test_another_model_does_not_go_on_with_a_run(
    run: Hide, photos: Path, tmp_path: Path, embedder: Model
) -> None:
    run(photos / "rocket.png", tmp_path / "out")
    with pytest.raises(UsageError, match=r"models\.service was toy, now toy embedder; use"):
        run(photos / "rocket.png", tmp_path / "out", embedder, resume=True)


def test_a_second_run_into_the_same_folder_wants_resume(
    run: Hide, photos: Path, tmp_path: Path
) -> None:
    run(photos / "rocket.png", tmp_path / "out")
    with pytest.raises(UsageError, match="--resume"):
        run(photos / "rocket.png", tmp_path / "out")


def test_a_reading_that_cannot_be_kept_fails_and_leaves_no_file(
    run: Hide, photos: Path, tmp_path: Path, embedder: Model, tree: Tree
) -> None:
    p = Sealed(steps=1, step_size=1e-6, final_step=0, least_cosine=1.0)
    report = run(photos, tmp_path / "out", embedder, parameters=p)
    assert report.summary["failed"] == 5
    for record in report.images:
        assert "does not read the hidden picture" in record.reason
        assert "(tried 3 times)" in record.reason
        assert (record.attempts, record.steps, record.output) == (3, 4, None)
    assert set(tree(tmp_path / "out")) == {"manifest.jsonl"}


def test_what_cannot_be_hidden_fails_alone(run: Hide, photos: Path, tmp_path: Path) -> None:
    (photos / "broken.png").write_bytes(b"not a picture")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "coffee.png").write_bytes(b"mine")
    report = run([photos, tmp_path / "missing.png"], tmp_path / "out")
    reasons = {Path(r.source).name: r.reason for r in report.images if r.status == "failed"}
    assert "not a picture" in reasons.pop("broken.png")
    assert "no such file" in reasons.pop("missing.png")
    assert "did not write it" in reasons.pop("coffee.png")
    assert not reasons
    assert (tmp_path / "out" / "coffee.png").read_bytes() == b"mine"
    assert report.summary["hidden"] == 4


def test_a_file_too_large_to_be_carried_fails_with_what_to_do(
    run: Hide, photos: Path, tmp_path: Path
) -> None:
    path = tmp_path / "long.png"
    path.write_bytes((photos / "rocket.png").read_bytes() + bytes(50_000))
    (record,) = run(path, tmp_path / "out", limits=Limits(max_pixels=20_000)).images
    assert "save the photo smaller" in record.reason


def test_each_record_is_told(run: Hide, photos: Path, tmp_path: Path) -> None:
    found: list[int] = []
    done: list[HideRecord] = []
    report = run(photos, tmp_path / "out", found=found.append, done=done.append)
    assert found == [5]
    assert sorted(done, key=lambda record: record.source) == list(report.images)


def test_the_key_may_be_named_by_its_file(run: Hide, photos: Path, tmp_path: Path) -> None:
    key_file.write(keys.new("sealed"), tmp_path / "a.amkey")
    assert run(photos / "rocket.png", tmp_path / "out", key=tmp_path / "a.amkey").ok


def test_keys_and_parameters_that_do_not_hide_are_refused(key: Key) -> None:
    with pytest.raises(BadKey, match="rotation key, which does not hide"):
        chosen_parameters(keys.new("rotation"), "full")
    with pytest.raises(ParameterError, match="preset is 'best', but must be one of full, fast"):
        chosen_parameters(key, "best")
    with pytest.raises(ParameterError, match="Permuted, but a sealed key wants Sealed"):
        chosen_parameters(key, Permuted())
    assert chosen_parameters(key, "fast").steps <= 50


@pytest.mark.parametrize("p", [Sealed(), Permuted(), AVIH()])
def test_each_attempt_takes_twice_the_steps_of_the_last(p: Parameters) -> None:
    assert harder(p, 0) == p
    assert harder(p, 2) == replace(p, steps=4 * p.steps)


def test_no_attempts_and_an_impossible_folder_are_refused(
    run: Hide, photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(ParameterError, match="attempts is 0"):
        run(photos, tmp_path / "out", attempts=0)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotWritten, match="file"):
        run(photos, tmp_path / "file" / "out")
