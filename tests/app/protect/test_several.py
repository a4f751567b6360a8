"""Several authorized models, which must all keep reading."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from anamorph.app.images import as_images
from anamorph.app.protect.protect import protect, protect_images
from anamorph.app.records import ProtectReport
from anamorph.errors import UsageError
from anamorph.files.photo import read
from anamorph.methods.fmd_parameters import FMD
from anamorph.models import Model

CARELESS = FMD(epsilon=1.0, step_size=1.0, steps=1, utility_weight=0, balance="sum", smoothing=0)
"""Nothing is held where keeping has no weight and all values may change."""


@pytest.fixture
def second(toy_of: Callable[..., Model], network: Callable[..., nn.Module]) -> Model:
    """Another classifier, whose classes have no names."""
    return toy_of(network(5, 9), name="second")


def right(report: ProtectReport, model: Model) -> list[bool]:
    """Whether a model reads in each file what it read in the original."""
    said = [
        [int(model.output(as_images(read(Path(p)).pixels)).argmax()) for p in (i.source, i.output)]
        for i in report.images
        if i.output
    ]
    return [before == after for before, after in said]


def test_all_of_them_read_the_files(
    photos: Path, tmp_path: Path, toy: Model, second: Model, embedder: Model
) -> None:
    models = [toy, second, embedder]
    report = protect(photos, tmp_path / "out", models, parameters=FMD(steps=8))
    assert report.summary["protected"] == 5
    assert right(report, toy) == right(report, second) == [True] * 5
    assert report.models["authorized"]["name"] == "toy"
    assert [m["name"] for m in report.models["also_authorized"]] == ["second", "toy embedder"]
    for record in report.images:
        assert record.also_kept == {"second": True, "toy embedder": True}
        assert record.prediction_after in toy.labels
    assert report.summary["also_kept"] == {"second": 1.0, "toy embedder": 1.0}
    header = json.loads((tmp_path / "out" / "manifest.jsonl").read_text().splitlines()[0])
    assert header["models"] == report.models


def test_one_alone_says_nothing_of_others(photos: Path, tmp_path: Path, toy: Model) -> None:
    alone = protect(photos, tmp_path / "alone", toy, parameters=FMD(steps=2))
    listed = protect(photos, tmp_path / "listed", [toy], parameters=FMD(steps=2))
    assert "also_authorized" not in alone.models
    assert alone.images[0].also_kept is None
    assert alone.summary["also_kept"] == {}
    assert [i.output_sha256 for i in alone.images] == [i.output_sha256 for i in listed.images]


def test_a_file_that_the_second_loses_fails_and_says_who(
    photos: Path, tmp_path: Path, toy: Model, second: Model
) -> None:
    report = protect(photos, tmp_path / "out", [toy, second], parameters=CARELESS, attempts=1)
    lost = [i for i in report.images if i.kept and i.also_kept == {"second": False}]
    assert lost
    for record in lost:
        assert record.status == "failed"
        assert record.reason.startswith("second did not keep its reading")


def test_labels_are_of_the_first_and_the_others_keep_what_they_read(
    photos: Path, tmp_path: Path, toy: Model, second: Model
) -> None:
    own = protect(photos, tmp_path / "own", toy, parameters=FMD(steps=2))
    labels = {
        str(Path(i.source).relative_to(photos)): toy.labels.index(str(i.prediction_before))
        for i in own.images
    }
    report = protect(
        photos, tmp_path / "out", [toy, second], labels=labels, parameters=FMD(steps=8)
    )
    assert report.summary["protected"] == 5
    assert [i.label for i in report.images] == list(labels.values())
    assert right(report, second) == [True] * 5


def test_both_give_up_layers_to_be_distorted(toy: Model, second: Model, quick: FMD) -> None:
    images = torch.rand(3, 3, 20, 24, generator=torch.Generator().manual_seed(1))
    images = (images * 255).round() / 255
    made = [protect_images(images, given, parameters=quick) for given in (toy, [toy, second])]
    assert not torch.equal(made[0], made[1])
    for model in (toy, second):
        assert torch.equal(model.output(made[1]).argmax(1), model.output(images).argmax(1))
    told = protect_images(
        images, [toy, second], parameters=quick, labels=toy.output(images).argmax(1)
    )
    assert torch.equal(told, made[1])


def test_models_that_cannot_be_told_apart_are_refused(
    photos: Path, tmp_path: Path, toy: Model, second: Model
) -> None:
    for models, what in (
        ([toy, toy], "toy: is authorized twice"),
        ([toy, replace(second, card=replace(second.card, name="toy"))], "have this name"),
        ([], "no authorized model"),
    ):
        with pytest.raises(UsageError, match=what):
            protect(photos, tmp_path / "out", models)
    with pytest.raises(UsageError, match="second: is an authorized model"):
        protect(photos, tmp_path / "out", [toy, second], surrogates=[second])
    assert not (tmp_path / "out").exists()


def test_resuming_with_one_more_is_another_run(
    photos: Path, tmp_path: Path, toy: Model, second: Model, quick: FMD
) -> None:
    protect(photos, tmp_path / "out", toy, parameters=quick)
    with pytest.raises(UsageError, match="also_authorized was absent, now second"):
        protect(photos, tmp_path / "out", [toy, second], parameters=quick, resume=True)


def test_a_run_of_several_goes_on_where_it_stopped(
    photos: Path, tmp_path: Path, toy: Model, second: Model, quick: FMD
) -> None:
    protect(photos, tmp_path / "out", [toy, second], parameters=quick)
    again = protect(photos, tmp_path / "out", [toy, second], parameters=quick, resume=True)
    assert again.summary["skipped"] == 5
    assert again.summary["also_kept"] == {"second": 1.0}


def test_a_label_that_the_first_misreads_is_not_kept_at_the_cost_of_the_others(
    photos: Path, tmp_path: Path, toy: Model, toy_of: Callable[..., Model]
) -> None:
    """The next version of a model, which answers alike: drawn to a wrong label, both would lose."""
    later = deepcopy(toy.network)
    noise = torch.Generator().manual_seed(1)
    for weight in later.parameters():
        weight.data += 0.03 * weight.std() * torch.randn(weight.shape, generator=noise)
    models = [toy, toy_of(later, name="later", labels=toy.labels)]
    own = protect(photos, tmp_path / "own", toy, parameters=FMD(steps=2))
    read = {Path(i.source): toy.labels.index(str(i.prediction_before)) for i in own.images}
    for wrong in range(1, 5):
        labels = {str(p.relative_to(photos)): (n + wrong) % 5 for p, n in read.items()}
        out = tmp_path / f"out{wrong}"
        report = protect(photos, out, models, labels=labels, attempts=1, parameters=FMD())
        assert report.summary["failed"] == 0
        assert report.summary["also_kept"] == {"later": 1.0}
        assert all(i.kept is None for i in report.images)


def test_a_form_that_only_the_second_loses_is_told(
    photos: Path, tmp_path: Path, toy: Model, second: Model
) -> None:
    careless = FMD(
        epsilon=1.0, step_size=1.0, steps=1, utility_weight=0, balance="sum", smoothing=0
    )
    how: dict[str, Any] = {"parameters": careless, "attempts": 1, "survive": ["flip"]}
    report = protect(photos, tmp_path / "out", [toy, second], **how)
    flipped = {i.source for i in report.images if "after flip" in i.reason}
    for record in report.images:
        if record.source in flipped:
            assert record.survives == {"flip": False}
            assert record.reason.split()[0] in ("toy", "second")
    assert flipped


def test_labels_want_a_classifier_in_front(
    photos: Path, tmp_path: Path, toy: Model, embedder: Model
) -> None:
    with pytest.raises(UsageError, match=r"toy embedder: .* name a classifier first"):
        protect(photos, tmp_path / "out", [embedder, toy], labels={})
    images = torch.full((1, 3, 16, 16), 0.5)
    with pytest.raises(UsageError, match=r"toy embedder: .* name a classifier first"):
        protect_images(images, [embedder, toy], labels=torch.tensor([0]))
    with pytest.raises(UsageError, match=r"labels reach from 5 to 5, but toy knows .* 0 to 4"):
        protect_images(images, toy, labels=torch.tensor([5]))


def test_an_embedder_may_come_first(
    photos: Path, tmp_path: Path, toy: Model, embedder: Model
) -> None:
    report = protect(photos, tmp_path / "out", [embedder, toy], parameters=FMD(steps=8))
    assert report.summary["protected"] == 5
    assert right(report, toy) == [True] * 5
    for record in report.images:
        assert record.cosine is not None
        assert record.cosine >= 0.9
        assert record.prediction_after is None
        assert record.also_kept == {"toy": True}
