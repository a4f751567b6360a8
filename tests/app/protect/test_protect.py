"""From folders of photos to folders of protected ones."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from anamorph.app.protect.protect import protect, protect_images
from anamorph.app.protect.protecting import Writing
from anamorph.app.records import PictureRecord, ProtectReport
from anamorph.errors import ModelError, NotWritten, ParameterError, UsageError
from anamorph.methods.fmd_parameters import FMD
from anamorph.models import Model

Protect = Callable[..., ProtectReport]
Decode = Callable[[Path], NDArray[np.int64]]
Tree = Callable[[Path], dict[str, tuple[bytes, int]]]
ByName = Callable[[ProtectReport], dict[str, PictureRecord]]


def test_a_folder_of_photos_is_protected_within_the_budget(
    run: Protect, photos: Path, tmp_path: Path, pixels: Decode
) -> None:
    report = run(photos, tmp_path / "out")
    assert report.ok
    assert report.summary["protected"] == report.summary["images"] == 5
    assert report.summary["authorized_kept"] == 1.0
    for record in report.images:
        before, after = pixels(Path(record.source)), pixels(Path(record.output or ""))
        change = np.abs(after - before).max()
        assert 0 < change <= 16
        assert record.linf == pytest.approx(change, abs=1e-3)
        assert record.kept
        assert record.prediction_before == record.prediction_after


def test_one_source_needs_no_list(
    run: Protect, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos.parent)
    (picture, *_) = sorted(photos.glob("*.png"))
    assert run(str(photos.relative_to(photos.parent)), tmp_path / "named").summary["images"] == 5
    assert run(picture, tmp_path / "alone").summary["images"] == 1


def test_results_keep_the_tree_and_originals_stay_as_they_were(
    run: Protect, photos: Path, tmp_path: Path, tree: Tree
) -> None:
    before = tree(photos)
    run(photos, tmp_path / "out")
    assert tree(photos) == before
    assert set(tree(tmp_path / "out")) == {
        "manifest.jsonl",
        *(str(Path(name).with_suffix(".png")) for name in before),
    }


def test_a_smaller_budget_is_respected_to_the_level(
    run: Protect, photos: Path, tmp_path: Path, pixels: Decode
) -> None:
    report = run(photos, tmp_path / "out", parameters=FMD(steps=3, epsilon=5 / 255))
    for record in report.images:
        change = pixels(Path(record.output or "")) - pixels(Path(record.source))
        assert np.abs(change).max() == 5


def test_a_budget_between_two_levels_is_respected(
    run: Protect, photos: Path, tmp_path: Path
) -> None:
    report = run(photos, tmp_path / "out", parameters=FMD(steps=3, epsilon=2.5 / 255))
    assert report.ok
    assert all(record.linf == pytest.approx(2, abs=1e-3) for record in report.images)


def test_a_picture_that_was_not_changed_is_not_called_protected(
    run: Protect, photos: Path, tmp_path: Path
) -> None:
    report = run(photos, tmp_path / "out", parameters=FMD(steps=2, epsilon=0.5 / 255))
    assert report.summary["failed"] == 5
    assert all("nothing was changed" in record.reason for record in report.images)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["manifest.jsonl"]


@pytest.mark.parametrize("format", ["png", "webp"])
def test_a_picture_comes_out_the_same_alone_and_among_others_in_any_order(
    run: Protect, photos: Path, tmp_path: Path, pixels: Decode, format: Any
) -> None:
    names = ["astronaut.jpg", "chelsea.png", "coffee.png", "rocket.png"]
    together = [photos / name for name in names]
    writing = Writing(format=format)
    run(together, tmp_path / "together", writing=writing)
    run(together[::-1], tmp_path / "backward", writing=writing)
    for source in together:
        alone = tmp_path / f"alone-{source.stem}"
        run(source, alone, writing=writing)
        result = f"{source.stem}.{format}"
        expected = pixels(alone / result)
        for other in ("together", "backward"):
            # Equal here; where a convolution sums a batch in another order, the sign of a gradient
            # that is all but zero may differ.
            assert (pixels(tmp_path / other / result) == expected).mean() > 0.99


def test_one_seed_gives_the_same_bytes_and_another_seed_others(
    run: Protect, photos: Path, tmp_path: Path
) -> None:
    def result(out: str, seed: int) -> bytes:
        run(photos / "chelsea.png", tmp_path / out, seed=seed)
        return (tmp_path / out / "chelsea.png").read_bytes()

    first = result("first", 7)
    assert result("again", 7) == first
    assert result("other", 8) != first


def test_an_embedding_model_keeps_the_direction_of_its_reading(
    run: Protect, photos: Path, tmp_path: Path, embedder: Model
) -> None:
    report = run(photos, tmp_path / "out", embedder, parameters=FMD(steps=6, least_cosine=0.8))
    assert report.summary["protected"] == 5
    for record in report.images:
        assert record.prediction_before is None
        assert record.cosine is not None
        assert 0.8 <= record.cosine < 1


def test_the_manifest_holds_what_the_report_says(
    run: Protect, photos: Path, tmp_path: Path
) -> None:
    (photos / "broken.png").write_bytes(b"not a picture")
    report = run(photos, tmp_path / "out", seed=3).as_json()
    lines = (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    header, *records = map(json.loads, lines)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert sorted(records, key=lambda record: str(record["source"])) == report["images"]
    for key in ("method", "parameters", "seed", "models"):
        assert header[key] == report[key]
    assert header["parameters"]["epsilon"] == 16.0
    assert report["models"]["authorized"]["tap"] == ["early"]


def test_the_number_of_pictures_and_each_record_are_told(
    run: Protect, photos: Path, tmp_path: Path
) -> None:
    found: list[int] = []
    done: list[PictureRecord] = []
    report = run(photos, tmp_path / "out", found=found.append, done=done.append)
    assert found == [5]
    assert sorted(done, key=lambda record: record.source) == list(report.images)


def test_an_output_folder_inside_the_source_is_not_taken_for_a_source(
    run: Protect, photos: Path
) -> None:
    first = run(photos, photos / "out")
    again = run(photos, photos / "out", resume=True)
    assert first.summary["images"] == again.summary["images"] == 5
    assert again.summary["skipped"] == 5


def test_pictures_that_would_be_one_file_all_fail_and_say_so(
    run: Protect, photos: Path, tmp_path: Path, by_name: ByName
) -> None:
    Image.open(photos / "chelsea.png").save(photos / "chelsea.bmp")
    report = run(photos, tmp_path / "out")
    assert report.summary["failed"] == 2
    assert "chelsea.png" in by_name(report)["chelsea.bmp"].reason
    assert not (tmp_path / "out" / "chelsea.png").exists()


def test_the_output_folder_may_not_be_the_source(run: Protect, photos: Path, tree: Tree) -> None:
    before = tree(photos)
    with pytest.raises(UsageError, match="--out"):
        run(photos, photos)
    assert tree(photos) == before


def test_a_second_run_into_the_same_folder_wants_resume(
    run: Protect, photos: Path, tmp_path: Path, tree: Tree
) -> None:
    run(photos, tmp_path / "out")
    before = tree(tmp_path / "out")
    with pytest.raises(UsageError, match="--resume"):
        run(photos, tmp_path / "out")
    assert tree(tmp_path / "out") == before


def test_a_folder_without_pictures_is_refused(run: Protect, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no pictures"):
        run(tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_made_ends_the_run(
    run: Protect, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotWritten, match="file"):
        run(photos, tmp_path / "file" / "out")


def test_a_model_without_taps_is_refused(photos: Path, tmp_path: Path, toy: Model) -> None:
    with pytest.raises(ModelError, match="tap"):
        protect([photos], tmp_path / "out", toy.with_taps())


def test_no_attempts_are_refused(run: Protect, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="attempts is 0"):
        run(photos, tmp_path / "out", attempts=0)


def test_images_in_memory_are_protected_on_the_grid_of_files(toy: Model, quick: FMD) -> None:
    x = torch.randint(0, 256, (2, 3, 20, 24), generator=torch.Generator().manual_seed(0)) / 255
    before = x.clone()
    protected = protect_images(x, toy, parameters=quick)
    levels = (protected - x) * 255
    assert torch.equal(x, before)
    assert 0 < levels.abs().max().item() <= 16.001
    assert torch.allclose(levels, levels.round(), atol=1e-3)
    assert torch.equal(toy.output(protected).argmax(1), toy.output(x).argmax(1))
    alone = protect_images(x[1:], toy, parameters=quick)
    assert torch.equal(alone, protected[1:])


@pytest.mark.parametrize(
    ("images", "labels", "what"),
    [
        (torch.full((1, 3, 8, 8), 200.0), None, "reach from 200 to 200"),
        (torch.full((1, 3, 8, 8), torch.nan), None, "nan"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), None, "uint8"),
        (torch.zeros(3, 8, 8), None, r"\(3, 8, 8\)"),
        (torch.zeros(0, 3, 8, 8), None, r"\(0, 3, 8, 8\)"),
        (torch.zeros(2, 3, 8, 8), torch.zeros(1, dtype=torch.long), "one for each"),
        (torch.zeros(1, 4, 8, 8), None, "4 channels"),
    ],
)
def test_images_in_memory_that_make_no_sense_are_refused(
    toy: Model, images: torch.Tensor, labels: torch.Tensor | None, what: str
) -> None:
    with pytest.raises(UsageError, match=what):
        protect_images(images, toy, labels=labels)


def test_surrogates_are_named_in_manifest_and_report(
    run: Protect, photos: Path, tmp_path: Path, embedder: Model, toy: Model
) -> None:
    plain = run(photos, tmp_path / "plain")
    report = run(photos, tmp_path / "out", surrogates=[embedder])
    assert report.ok
    assert [m["name"] for m in report.models["surrogates"]] == ["toy embedder"]
    header = json.loads((tmp_path / "out" / "manifest.jsonl").read_text().splitlines()[0])
    assert header["models"] == report.models
    assert "surrogates" not in plain.models
    digests = [[i.output_sha256 for i in r.images] for r in (plain, report)]
    assert digests[0] != digests[1]


def test_the_authorized_model_cannot_be_a_surrogate(
    run: Protect, photos: Path, tmp_path: Path, toy: Model
) -> None:
    with pytest.raises(UsageError, match="toy: is an authorized model"):
        run(photos, tmp_path / "out", surrogates=[toy])


def test_resuming_with_other_surrogates_is_another_run(
    run: Protect, photos: Path, tmp_path: Path, embedder: Model
) -> None:
    run(photos, tmp_path / "out")
    with pytest.raises(UsageError):
        run(photos, tmp_path / "out", surrogates=[embedder], resume=True)


def test_images_in_memory_take_surrogates(toy: Model, embedder: Model, quick: FMD) -> None:
    images = torch.rand(2, 3, 20, 24, generator=torch.Generator().manual_seed(1))
    images = (images * 255).round() / 255
    alone = protect_images(images, toy, parameters=quick)
    both = protect_images(images, toy, surrogates=[embedder], parameters=quick)
    assert not torch.equal(alone, both)
    assert (both - images).abs().max() <= quick.epsilon + 1e-6


def test_surrogates_are_distorted_at_their_own_taps(
    run: Protect, photos: Path, tmp_path: Path, toy: Model, embedder: Model, quick: FMD
) -> None:
    more = replace(embedder, surrogate_taps=("early", "pool"))
    report = run(photos, tmp_path / "out", surrogates=[more])
    assert report.models["surrogates"][0]["tap"] == ["early", "pool"]
    images = torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(1))
    made = [
        protect_images(images, toy, surrogates=[surrogate], parameters=quick)
        for surrogate in (embedder, more, embedder.with_taps("early", "pool"))
    ]
    assert not torch.equal(made[0], made[1])
    assert torch.equal(made[1], made[2])
