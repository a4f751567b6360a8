"""Forms of a shared file that the authorized model is to read still."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from anamorph import portraits
from anamorph.adversaries.transforms import TRANSFORMS, Transform
from anamorph.app.images import as_images
from anamorph.app.protect.protect import protect, protect_images
from anamorph.app.protect.surviving import forms_named, shared, survival
from anamorph.errors import UsageError
from anamorph.files.photo import read
from anamorph.methods.fmd_parameters import FMD, PRESETS
from anamorph.models import Model, load


@pytest.fixture(scope="module")
def model() -> Model:
    return load("portraits:identity-residual")


def test_each_picture_is_changed_by_itself_and_gray_stays_gray() -> None:
    levels = torch.randint(0, 256, (3, 3, 16, 24), generator=torch.Generator().manual_seed(0))
    x = levels.float() / 255
    t = shared(TRANSFORMS["jpeg75"])
    together = t(x)
    assert together.shape == x.shape
    assert not torch.equal(together, x)
    assert torch.equal(together[1:2], t(x[1:2]))
    assert t(x[:, :1]).shape == (3, 1, 16, 24)


def test_what_changes_the_size_or_is_unknown_is_refused() -> None:
    assert [form.name for form in forms_named(["resize", "jpeg75"])] == ["jpeg75", "resize"]
    assert forms_named([]) == ()
    with pytest.raises(UsageError, match="smaller: changes the size"):
        forms_named(["smaller"])
    with pytest.raises(UsageError, match="there is no transform 'jpg75'"):
        forms_named(["jpg75"])


def test_none_has_nothing_beside_it() -> None:
    with pytest.raises(UsageError, match=r"none, flip: .* exclude each other"):
        survival(["none", "flip"], FMD())
    assert survival(["none", "none"], FMD()).forms == ()


def test_the_written_file_is_read_after_recompression(model: Model, tmp_path: Path) -> None:
    portraits.write_folder(tmp_path / "in", (0, 1, 2), (0,), size=64)
    report = protect(
        [tmp_path / "in"],
        tmp_path / "out",
        model,
        survive=["jpeg50"],
        parameters=FMD(steps=6, comfort=4.0),
    )
    header = json.loads((tmp_path / "out" / "manifest.jsonl").read_text().splitlines()[0])
    assert header["survive"] == ["jpeg50"]
    for record in report.images:
        assert record.status == "protected"
        assert record.survives == {"jpeg50": True}
        x = as_images(read(Path(str(record.output))).pixels)
        after = model.output(shared(TRANSFORMS["jpeg50"])(x))
        assert model.label(int(after.argmax())) == record.prediction_before


def test_a_file_that_does_not_survive_fails_and_says_after_what(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    portraits.write_folder(tmp_path / "in", (0,), (0,), size=64)
    black = Transform(name="jpeg50", change=np.zeros_like, meaning="all is black")
    monkeypatch.setattr("anamorph.app.protect.surviving.forms_named", lambda _: (black,))
    report = protect(
        [tmp_path / "in"],
        tmp_path / "out",
        model,
        survive=["jpeg50"],
        parameters=FMD(steps=2),
        attempts=2,
    )
    (record,) = report.images
    assert record.status == "failed"
    assert record.survives == {"jpeg50": False}
    assert "did not keep its reading after jpeg50 in 2 attempts" in record.reason
    assert not list((tmp_path / "out").glob("*.png"))


def test_without_being_asked_jpeg_is_tried_for_and_reported(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    portraits.write_folder(tmp_path / "in", (0, 1), (0,), size=64)
    report = protect([tmp_path / "in"], tmp_path / "a", model, parameters=FMD(steps=6))
    assert [record.survives for record in report.images] == [{"jpeg75": True}] * 2
    assert report.summary["survives"] == {"jpeg75": 1.0}
    black = Transform(name="jpeg75", change=np.zeros_like, meaning="all is black")
    monkeypatch.setattr("anamorph.app.protect.surviving.forms_named", lambda _: (black,))
    report = protect([tmp_path / "in"], tmp_path / "b", model, parameters=FMD(steps=2))
    assert report.summary["protected"] == 2
    assert report.summary["survives"]["jpeg75"] < 1


def test_the_papers_own_parameters_and_none_look_at_the_picture_alone(
    model: Model, tmp_path: Path
) -> None:
    portraits.write_folder(tmp_path / "in", (0,), (0,), size=64)
    paper = replace(PRESETS["paper"], steps=2)
    for name, how in (("a", {"parameters": paper}), ("b", {"survive": ["none"]})):
        report = protect([tmp_path / "in"], tmp_path / name, model, **how)
        assert [record.survives for record in report.images] == [None]
        header = (tmp_path / name / "manifest.jsonl").read_text().splitlines()[0]
        assert "survive" not in json.loads(header)


def test_pictures_in_memory_survive_too(model: Model) -> None:
    x = as_images(*portraits.dataset((0, 1), (0,), size=64).images)
    p = FMD(steps=6, comfort=4.0)
    made = protect_images(x, model, survive=["jpeg75"], parameters=p)
    after = model.output(shared(TRANSFORMS["jpeg75"])(made))
    assert torch.equal(after.argmax(1), model.output(x).argmax(1))
