"""The audit of protected files, against a recomputation that shares none of its code."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from anamorph.app.audit.protected.audit import audit
from anamorph.app.protect.protect import protect
from anamorph.auditing.audit import Audit
from anamorph.errors import ModelError, UsageError
from anamorph.methods.fmd_parameters import FMD
from anamorph.models import Model

Run: TypeAlias = Callable[..., Audit]
ToyOf: TypeAlias = Callable[..., Model]
LABELS = {"astronaut.jpg": 0, "chelsea.png": 1, "coffee.png": 2, "rocket.png": 3, "cup.png": 4}


class Crash(nn.Module):
    """Reads two pictures, which is what loading takes, and then no more."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.early = inside
        self.broken = False

    def forward(self, x: Tensor) -> Tensor:
        if self.broken:
            raise RuntimeError("<b>out</b> of memory")
        answer: Tensor = self.early(x)
        return answer


@pytest.fixture
def panel(network: Callable[..., nn.Module], toy_of: ToyOf) -> list[Model]:
    return [toy_of(network(5, seed), name=f"panel {seed}") for seed in (11, 12, 13)]


@pytest.fixture
def protected(photos: Path, toy: Model, tmp_path: Path) -> Path:
    out = tmp_path / "protected"
    protect([photos], out, toy, parameters=FMD(steps=4))
    return out


@pytest.fixture
def run(photos: Path, protected: Path, toy: Model, panel: list[Model], tmp_path: Path) -> Run:
    """`audit` of the protected photos unless told otherwise."""

    def start(**how: Any) -> Audit:
        given = {
            "originals": photos,
            "protected": protected,
            "authorized": toy,
            "panel": panel,
            "out": tmp_path / "report",
            **how,
        }
        return audit(**given)

    return start


def _answers(model: Model, files: list[Path], quality: int | None = None) -> list[int]:
    """Read with Pillow, one by one; optionally through a JPEG file."""
    answers = []
    for path in files:
        image = Image.open(path).convert("RGB")
        if quality is not None:
            jpeg = path.with_suffix(".again.jpg")
            image.save(jpeg, quality=quality)
            image = Image.open(jpeg)
        pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None] / 255
        answers.append(int(model.output(pixels).argmax()))
        if quality is not None:
            jpeg.unlink()
    return answers


def _wilson(hits: float, n: int) -> tuple[float, float]:
    """The roots of (p - q)^2 = z^2 q (1 - q) / n, as a quadratic in q."""
    z2, p = NormalDist().inv_cdf(0.975) ** 2, hits / n
    low, high = sorted(np.roots([1 + z2 / n, -(2 * p + z2 / n), p * p]).real)
    return max(low, 0.0), min(high, 1.0)


@pytest.mark.parametrize("labels", [LABELS, None])
def test_every_figure_equals_an_independent_recomputation(
    run: Run,
    photos: Path,
    protected: Path,
    toy: Model,
    panel: list[Model],
    labels: dict[str, int] | None,
    tmp_path: Path,
) -> None:
    run(labels=labels, transforms=["jpeg50"], controls=False)
    told = json.loads((tmp_path / "report" / "audit.json").read_text())
    sources = sorted(p for p in photos.rglob("*") if p.suffix in (".png", ".jpg"))
    outputs = [protected / p.relative_to(photos).with_suffix(".png") for p in sources]
    shown = set(re.findall(r'<data value="([^"]+)"', (tmp_path / "report/report.html").read_text()))
    kept_by_model = []
    for row, model in zip([told["authorized"], *told["panel"]], [toy, *panel], strict=True):
        clean, after = _answers(model, sources), _answers(model, outputs)
        under = _answers(model, outputs, 50)
        truth = clean if labels is None else [LABELS[p.name] for p in sources]
        able = [a == t for a, t in zip(clean, truth, strict=True)]
        figures = {
            "protected": fmean(a == t for a, t in zip(after, truth, strict=True)),
            "agreement": fmean(a == c for a, c in zip(after, clean, strict=True)),
        }
        if labels is not None:
            figures["clean"] = fmean(able)
        for name, value in figures.items():
            assert row[name] == pytest.approx(value, abs=1e-6)
            assert row["n"][name] == len(sources)
            low, high = _wilson(value * 5, 5)
            assert (row["low"][name], row["high"][name]) == pytest.approx((low, high), abs=1e-6)
            assert repr(value) in shown
        n = sum(able)
        assert row["n"]["kept"] == n
        for said, answers in ((row, after), (row["under"]["jpeg50"], under)):
            hits = sum(a == t for a, t, ok in zip(answers, truth, able, strict=True) if ok)
            assert said["kept"] == (pytest.approx(hits / n, abs=1e-6) if n else None)
        if n and model is not toy:
            kept_by_model.append(row["kept"])
    assert told["panel_kept_mean"] == pytest.approx(fmean(kept_by_model), abs=1e-5)


def test_every_number_of_the_page_is_one_of_the_audit(run: Run, tmp_path: Path) -> None:
    run(labels=LABELS, transforms=["jpeg75", "flip"], seed=3)
    told = json.loads((tmp_path / "report" / "audit.json").read_text())

    def numbers(value: Any) -> set[float]:
        if isinstance(value, dict):
            return set().union(*(numbers(v) for v in value.values()))
        if isinstance(value, list):
            return set().union(*(numbers(v) for v in value))
        return {round(value, 6)} if isinstance(value, int | float) else set()

    page = (tmp_path / "report" / "report.html").read_text()
    shown = re.findall(r'<data value="([^"]+)">([^<]+)</data>', page)
    assert len(shown) > 30
    for exact, words in shown:
        assert round(float(exact), 6) in numbers(told)
        assert words == f"{100 * float(exact):.1f} %"


def test_the_authorized_model_keeps_its_readings(run: Run) -> None:
    result = run()
    assert result.authorized.kept.value == 1
    assert result.means.models == 3
    assert result.ok
    assert len(result.audited) == 5
    assert result.quality.linf_max == pytest.approx(16, abs=0.01)


def test_json_holds_what_the_contract_names(run: Run, tmp_path: Path) -> None:
    run()
    told = json.loads((tmp_path / "report" / "audit.json").read_text())
    assert {"authorized", "panel", "panel_kept_mean", "quality", "controls", "adaptive"} <= set(
        told
    )
    assert {"name", "clean", "protected", "n", "low", "high"} <= set(told["authorized"])
    row = told["panel"][0]
    assert {"name", "clean", "protected", "kept", "under", "surrogate", "error"} <= set(row)
    assert set(row["under"]) == {"jpeg75", "jpeg50", "resize", "blur"}
    assert {"kept", "authorized", "clean", "n", "low", "high"} <= set(row["under"]["jpeg75"])
    assert set(told["controls"]) == {"sign noise", "gaussian noise"}
    assert "anamorph audit protect --originals" in told["measuring"]["command"]


def test_the_same_audit_gives_the_same_figures(run: Run, tmp_path: Path) -> None:
    one, again = run(out=tmp_path / "one").as_json(), run(out=tmp_path / "two").as_json()
    for told in (one, again):
        del told["summary"]["seconds"], told["measuring"]["command"]
    assert one == again


def test_purifiers_are_attacks_among_others(run: Run) -> None:
    result = run(transforms=["none"], purify=["tv"], controls=False)
    assert list(result.means.under) == ["tv"]
    assert result.authorized.under["tv"].kept.n == 5


def test_the_surrogates_of_the_manifest_are_refused_as_panel(run: Run, toy: Model) -> None:
    with pytest.raises(UsageError, match="twin: was used while protecting"):
        run(panel=[_renamed(toy, "twin")])


def test_surrogates_that_are_allowed_are_marked_and_not_counted(
    run: Run, toy: Model, panel: list[Model]
) -> None:
    result = run(panel=[_renamed(toy, "twin"), panel[0]], allow_surrogates=True)
    assert [m.surrogate for m in result.panel] == [True, False]
    assert result.means.kept == result.panel[1].kept
    assert any("left out of the means: twin" in note for note in result.notes)


def test_a_panel_model_that_crashes_says_so_and_the_rest_stands(
    run: Run, toy_of: ToyOf, network: Callable[..., nn.Module], panel: list[Model], tmp_path: Path
) -> None:
    model = toy_of(Crash(network(5, 21)), name="crash", tap=("early.early",))
    for module in (model.network, *([] if model.folded is None else [model.folded.network])):
        for inner in module.modules():
            if isinstance(inner, Crash):
                inner.broken = True
    result = run(panel=[model, panel[0]])
    assert result.panel[0].error.endswith("<b>out</b> of memory")
    assert result.panel[1].kept.value is not None
    assert result.means.models == 1
    assert not result.ok
    page = (tmp_path / "report" / "report.html").read_text()
    assert "failed: RuntimeError: &lt;b&gt;out" in page


def test_an_authorized_model_that_crashes_ends_the_audit(run: Run, toy: Model) -> None:
    class Broken:
        name, task, labels, digest, weights_digest = "broken", "classify", (), "d", "w"

        def output(self, _: Tensor) -> Tensor:
            raise RuntimeError("no")

    with pytest.raises(ModelError, match="broken: the authorized model failed: RuntimeError: no"):
        run(authorized=Broken())


def test_a_model_of_other_classes_is_refused(
    run: Run, toy_of: ToyOf, network: Callable[..., nn.Module]
) -> None:
    other = toy_of(network(3, 5), name="other", labels=("ant", "bee", "cow"))
    with pytest.raises(UsageError, match="other: does not know the labels 'cat'"):
        run(panel=[other], labels=LABELS)
    assert run(panel=[other]).panel[0].clean.value is None  # its own reading counts


def test_a_model_that_names_the_classes_in_another_order_is_mapped(
    run: Run, toy: Model, toy_of: ToyOf
) -> None:
    class Reversed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.early = toy.network

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.early(x)
            return logits.flip(1)

    turned = toy_of(
        Reversed(), name="reversed", labels=tuple(reversed(toy.labels)), tap=("early.early",)
    )
    result = run(panel=[turned], labels=LABELS, controls=False)
    assert result.panel[0].clean == result.authorized.clean
    assert result.panel[0].kept == result.authorized.kept


def test_an_embedding_model_is_judged_by_cosine(run: Run, embedder: Model) -> None:
    result = run(panel=[embedder], labels=LABELS)
    (row,) = result.panel
    assert row.clean.value is None
    assert row.kept.n == 5
    assert row.cosine is not None
    assert -1 <= row.cosine < 1
    assert result.as_json()["measuring"]["least_cosine"] == 0.9


def test_a_picture_of_another_size_fails_and_the_rest_stands(run: Run, protected: Path) -> None:
    Image.fromarray(np.zeros((3, 3, 3), np.uint8)).save(protected / "coffee.png")
    result = run()
    (failed,) = result.failed
    assert Path(failed.source).name == "coffee.png"
    assert "3 x 3 pixels, but its original 32 x 24" in failed.reason
    assert result.authorized.kept.n == 4
    assert not result.ok


def test_a_damaged_file_fails_and_the_rest_stands(run: Run, protected: Path) -> None:
    whole = (protected / "rocket.png").read_bytes()
    (protected / "rocket.png").write_bytes(whole[: len(whole) // 2])
    result = run()
    assert [Path(f.output).name for f in result.failed] == ["rocket.png"]
    assert result.authorized.kept.n == 4


def test_a_picture_without_a_label_fails_by_name(run: Run) -> None:
    some = {name: label for name, label in LABELS.items() if name != "cup.png"}
    (failed,) = run(labels=some).failed
    assert "has no row in the labels" in failed.reason


def test_a_folder_with_something_else_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "audit.json").write_text('{"somebody": "else"}')
    with pytest.raises(UsageError, match=r"holds audit\.json, which no audit wrote"):
        run()


def test_an_earlier_audit_is_replaced(run: Run, tmp_path: Path) -> None:
    run(formats=["html", "md", "json"])
    first = (tmp_path / "report" / "report.md").read_text()
    run(formats=["html", "md", "json"], transforms=["flip"])
    assert first != (tmp_path / "report" / "report.md").read_text()
    assert {p.name for p in (tmp_path / "report").iterdir()} == {
        *("audit.json", "report.html", "report.md")
    }


def test_without_out_nothing_is_written(run: Run, tmp_path: Path) -> None:
    result = run(out=None)
    assert result.out == ""
    assert not (tmp_path / "report").exists()


def test_progress_adds_up(run: Run) -> None:
    total: list[int] = []
    seen: list[int] = []
    run(found=total.append, watch=seen.append)
    assert sum(seen) == total[0] == 5 * (2 + 2 * 4 + 2)


def test_an_attacker_who_learns_is_a_row(run: Run, panel: list[Model], tmp_path: Path) -> None:
    result = run(labels=LABELS, adaptive=[2], transforms=["none"], controls=False)
    (row,) = result.adaptive
    assert (row.model, row.pictures) == (panel[0].name, 2)
    assert row.after.n == row.before.n <= row.held_out
    told = json.loads((tmp_path / "report" / "audit.json").read_text())
    assert len(told["adaptive"]) == len(result.adaptive)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"adaptive": [2]}, "an attacker learns from labels"),
        ({"panel": []}, "there is no panel"),
        ({"transforms": ["jpg"]}, "there is no transform 'jpg'"),
        ({"purify": ["magic"]}, "there is no purifier 'magic'"),
        ({"formats": ["pdf"]}, "there is no report 'pdf'"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_work(
    run: Run, how: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        run(**how)
    assert not (tmp_path / "report").exists()


def test_two_models_of_one_name_are_refused(run: Run, panel: list[Model]) -> None:
    with pytest.raises(UsageError, match="two models have this name"):
        run(panel=[panel[0], _renamed(panel[1], panel[0].name)])


def _renamed(model: Model, name: str) -> Model:
    return replace(model, card=replace(model.card, name=name))
