"""Looking into the models of an audit, against a recomputation with hooks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from anamorph.app.audit.protected.audit import audit
from anamorph.app.protect.protect import protect
from anamorph.auditing.audit import Audit
from anamorph.methods.fmd_parameters import FMD
from anamorph.models import Model

ToyOf = Callable[..., Model]


@pytest.fixture
def protected(photos: Path, toy: Model, tmp_path: Path) -> Path:
    out = tmp_path / "protected"
    protect([photos], out, toy, parameters=FMD(steps=4))
    return out


@pytest.fixture
def run(photos: Path, protected: Path, toy: Model) -> Callable[..., Audit]:
    def start(panel: list[Any], **how: Any) -> Audit:
        about = {"transforms": ["none"], "controls": False, "analyses": True, **how}
        return audit(originals=photos, protected=protected, authorized=toy, panel=panel, **about)

    return start


@pytest.fixture
def other(toy_of: ToyOf, network: Callable[..., nn.Module]) -> Model:
    return toy_of(network(5, 11), name="other")


def decoded(path: str) -> Tensor:
    pixels = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]


def inside(model: Model, path: str, label: int | None) -> tuple[Tensor, Tensor, int]:
    """Grad-CAM, the last map and the answer of a toy, from its weights alone."""
    x = torch.nn.functional.interpolate(
        decoded(path), (16, 16), mode="bilinear", antialias=True, align_corners=False
    )
    early, head = model.network.early, model.network.head
    assert isinstance(early, nn.Conv2d)
    assert isinstance(head, nn.Linear)
    activation = early((x - 0.5) / 0.5).detach().requires_grad_()
    logits = head(nn.functional.adaptive_avg_pool2d(activation.relu(), 4).flatten(1))
    answer = int(logits.argmax())
    (slope,) = torch.autograd.grad(logits[0, answer if label is None else label], activation)
    cam = (slope.mean((2, 3), keepdim=True) * activation).sum(1).relu()[0]
    return cam.detach(), activation.detach()[0], answer


def test_figures_equal_a_recomputation(run: Callable[..., Audit], other: Model, toy: Model) -> None:
    result = run([other])
    for model, row in zip((toy, other), result.analyses, strict=True):
        cams, cosines = [], []
        for image in result.images:
            before, map_before, answer = inside(model, image.source, None)
            after, map_after, _ = inside(model, image.output, answer)
            pair = torch.stack([before.flatten(), after.flatten()])
            if bool((pair.std(1) > 0).all()):
                cams.append(float(torch.corrcoef(pair)[0, 1]))
            one, two = map_before.flatten(), map_after.flatten()
            cosines.append(float(one @ two / one.norm() / two.norm()))
        assert row.layer == "early"
        assert row.grad_cam.n == len(cams) > 0
        assert row.grad_cam.median == pytest.approx(np.median(cams), abs=2e-3)
        assert row.activation.median == pytest.approx(np.median(cosines), abs=1e-3)


def test_confidence_is_that_of_the_pictures(run: Callable[..., Audit], other: Model) -> None:
    result = run([other])
    found = result.analyses[1].confidence
    assert found is not None
    sure = [image.readings[1].confidence_protected for image in result.images]
    assert found.protected.median == pytest.approx(np.median(sure))
    assert sum(found.histogram_protected) == len(sure)


def test_models_that_cannot_be_looked_into_say_why(
    run: Callable[..., Audit], toy_of: ToyOf, embedder: Model
) -> None:
    flat = nn.Sequential(nn.Flatten(), _linear(0))
    rows = run([toy_of(flat, name="flat", tap=()), embedder]).analyses
    assert rows[1].remark == "has no convolution that leaves a map"
    assert rows[1].grad_cam.n == 0
    assert rows[1].confidence is not None
    assert "embeddings" in rows[2].remark
    assert rows[2].activation.n == 5
    assert rows[2].grad_cam.n == 0


def test_reports_show_where_models_look(
    run: Callable[..., Audit], other: Model, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    run([other], out=out, formats=("html", "json", "md"))
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == 5 * 2 * 4  # pictures, models, images of each
    written = json.loads((out / "audit.json").read_text(encoding="utf-8"))
    assert [row["model"] for row in written["analyses"]] == ["toy", "other"]
    assert "--analyses" in written["measuring"]["command"]
    assert "## Inside the models" in (out / "report.md").read_text(encoding="utf-8")


def test_where_no_model_can_be_looked_into_no_picture_is_shown(
    photos: Path, protected: Path, toy_of: ToyOf, tmp_path: Path
) -> None:
    flat = [
        toy_of(nn.Sequential(nn.Flatten(), _linear(seed)), name=f"flat {seed}", tap=())
        for seed in (1, 2)
    ]
    audit(
        originals=photos,
        protected=protected,
        authorized=flat[0],
        panel=flat[1:],
        transforms=["none"],
        controls=False,
        analyses=True,
        out=tmp_path / "report",
    )
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "has no convolution" in page
    assert "Where they look" not in page


def _linear(seed: int) -> nn.Linear:
    layer = nn.Linear(3 * 256, 5)
    layer.weight.data = torch.randn(5, 3 * 256, generator=torch.Generator().manual_seed(seed))
    return layer


def test_every_picture_counts_once_more(run: Callable[..., Audit], other: Model) -> None:
    told: list[int] = []
    counted: list[int] = []
    run([other], found=told.append, watch=counted.append)
    assert sum(counted) == told[0] == 5 * 3


def test_nothing_is_analyzed_unless_asked(run: Callable[..., Audit], other: Model) -> None:
    assert run([other], analyses=False).analyses == ()
