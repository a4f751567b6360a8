"""Each model authorized in turn, against a count that shares none of its code."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from anamorph.app.audit.matrix.matrix import matrix
from anamorph.auditing.matrix import Matrix
from anamorph.errors import Cancelled, UsageError
from anamorph.methods.fmd_parameters import FMD
from anamorph.models import Model

Run: TypeAlias = Callable[..., Matrix]
ToyOf: TypeAlias = Callable[..., Model]
LABELS = {"astronaut.jpg": 0, "chelsea.png": 1, "coffee.png": 2, "rocket.png": 3, "cup.png": 4}
STEPS = {"few": FMD(steps=3)}


class Crash(nn.Module):
    """Reads until it is told not to."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.early = inside
        self.broken = False

    def forward(self, x: Tensor) -> Tensor:
        if self.broken:
            raise RuntimeError("out of memory")
        answer: Tensor = self.early(x)
        return answer


def switch(model: Model, *, broken: bool) -> None:
    networks = [model.network, *([] if model.folded is None else [model.folded.network])]
    for inner in (one for network in networks for one in network.modules()):
        if isinstance(inner, Crash):
            inner.broken = broken


@pytest.fixture
def models(network: Callable[..., nn.Module], toy_of: ToyOf) -> list[Model]:
    return [toy_of(network(5, seed), name=f"model {seed}") for seed in (3, 12, 13)]


@pytest.fixture
def run(photos: Path, models: list[Model], tmp_path: Path) -> Run:
    """`matrix` of the photos unless told otherwise."""

    def start(**how: Any) -> Matrix:
        given: dict[str, Any] = {
            "originals": [photos],
            "models": models,
            "out": tmp_path / "matrix",
            "labels": LABELS,
            "presets": STEPS,
            **how,
        }
        return matrix(**given)

    return start


def answer(model: Model, path: Path) -> NDArray[Any]:
    pixels = np.asarray(Image.open(path).convert("RGB"), dtype=np.float32) / 255
    with torch.no_grad():
        return model.output(torch.from_numpy(pixels).permute(2, 0, 1)[None])[0].numpy()


def figures(found: Matrix) -> Any:
    """Everything but the times."""
    plain = found.as_json()
    for table in plain["presets"]:
        for row in table["rows"]:
            row.pop("seconds_per_picture")
    return plain["models"], plain["presets"]


def test_every_cell_is_what_counting_the_files_gives(
    run: Run, models: list[Model], photos: Path, tmp_path: Path
) -> None:
    found = run()
    assert found.ok
    sources = sorted(path for path in photos.rglob("*") if path.is_file())
    (table,) = json.loads((tmp_path / "matrix" / "matrix.json").read_text())["presets"]
    assert [row["authorized"] for row in table["rows"]] == [m.name for m in models]
    for row in table["rows"]:
        folder = tmp_path / "matrix" / "few" / row["authorized"].replace(" ", "-")
        for cell, model in zip(row["cells"], models, strict=True):
            hits = []
            for source in sources:
                written = folder / source.relative_to(photos).with_suffix(".png")
                label = LABELS[source.name]
                if answer(model, source).argmax() == label:
                    hits.append(answer(model, written).argmax() == label)
            assert cell["kept"]["n"] == len(hits)
            assert cell["kept"]["share"] == (round(float(np.mean(hits)), 6) if hits else None)


def test_without_labels_the_own_clean_reading_is_right(run: Run) -> None:
    found = run(labels=None)
    for row in found.tables[0].rows:
        assert row.own.value == 1
        assert all(cell.kept.n == 5 for cell in row.cells)
    assert all(model.clean.value is None for model in found.models)


def test_embedding_models_are_compared_by_cosine(
    run: Run, models: list[Model], embedder: Model, photos: Path, tmp_path: Path
) -> None:
    found = run(models=[models[0], embedder])
    cell = found.tables[0].rows[0].cells[1]
    hits = []
    for source in photos.rglob("*.*"):
        written = tmp_path / "matrix" / "few" / "model-3" / source.relative_to(photos)
        before, after = answer(embedder, source), answer(embedder, written.with_suffix(".png"))
        cosine = before @ after / np.linalg.norm(before) / np.linalg.norm(after)
        hits.append(cosine >= 0.9)
    assert cell.kept.value == pytest.approx(np.mean(hits))


def test_what_is_done_is_not_done_again(
    run: Run, tree: Callable[[Path], dict[str, Any]], tmp_path: Path, models: list[Model]
) -> None:
    first = run()
    before = tree(tmp_path / "matrix" / "few")
    steps: list[object] = []
    again = run(watch=steps.append)
    assert not steps
    assert tree(tmp_path / "matrix" / "few") == before
    assert figures(again) == figures(first)
    assert again.tables[0].rows[0].seconds_per_picture is not None


def test_a_run_that_was_stopped_goes_on_to_the_same_result(run: Run, tmp_path: Path) -> None:
    whole = run(out=tmp_path / "whole")
    steps = iter(range(13))

    def stop(_: object) -> None:
        if next(steps) == 12:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        run(watch=stop)
    assert figures(run()) == figures(whole)


def test_a_changed_model_reads_again(
    run: Run, models: list[Model], network: Callable[..., nn.Module], toy_of: ToyOf, tmp_path: Path
) -> None:
    run(rows=("model 3",))
    other = toy_of(network(5, 77), name="model 13")
    found = run(rows=("model 3",), models=[*models[:2], other])
    fresh = run(rows=("model 3",), models=[*models[:2], other], out=tmp_path / "fresh")
    assert figures(found) == figures(fresh)


def test_rows_choose_who_is_authorized(run: Run) -> None:
    found = run(rows=("model 12",))
    assert [row.authorized for row in found.tables[0].rows] == ["model 12"]
    assert len(found.tables[0].rows[0].cells) == 3


def test_a_model_that_cannot_be_loaded_has_a_row_and_a_column_that_say_so(
    run: Run, models: list[Model]
) -> None:
    found = run(models=[*models, "portraits:nobody"])
    assert not found.ok
    *rows, bad = found.tables[0].rows
    assert "no network 'nobody'" in bad.error
    assert all("no network" in row.cells[-1].error for row in rows)
    assert all(row.panel.value is not None for row in rows)
    assert found.tables[0].own.value == 1


def test_a_model_that_crashes_leaves_the_others_standing(
    run: Run, models: list[Model], network: Callable[..., nn.Module], toy_of: ToyOf, tmp_path: Path
) -> None:
    crashing = toy_of(Crash(network(5, 20)), name="crashing")
    switch(crashing, broken=True)
    found = run(models=[*models, crashing])
    assert "out of memory" in found.models[-1].error
    assert "out of memory" in found.tables[0].rows[-1].error
    assert (
        figures(run(out=tmp_path / "three"))[1][0]["rows"][0]["panel_kept_mean"]
        == (figures(found)[1][0]["rows"][0]["panel_kept_mean"])
    )
    switch(crashing, broken=False)
    assert run(models=[*models, crashing]).ok


def test_a_model_without_layers_to_tap_reads_but_is_not_authorized(
    run: Run, models: list[Model], network: Callable[..., nn.Module], toy_of: ToyOf
) -> None:
    found = run(models=[models[0], toy_of(network(5, 9), name="untapped").with_taps()])
    reads, cannot = found.tables[0].rows
    assert reads.cells[1].kept.n > 0
    assert "no layer to tap" in cannot.error


def test_a_damaged_picture_is_counted_as_failed(run: Run, photos: Path) -> None:
    (photos / "coffee.png").write_bytes(b"no picture")
    found = run()
    assert not found.ok
    assert [row.failed for row in found.tables[0].rows] == [1, 1, 1]
    assert [row.protected for row in found.tables[0].rows] == [4, 4, 4]


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"models": ["portraits:identity-vgg"]}, "2 models at least"),
        ({"rows": ("nobody",)}, "nobody: is none of the models"),
        ({"presets": ("slow",)}, "no preset 'slow'"),
        ({"presets": ()}, "no preset"),
        ({"labels": {"coffee.png": 1}}, "has no row in the labels"),
        ({"labels": {**LABELS, "coffee.png": 9}}, "its label is 9"),
    ],
)
def test_what_makes_no_matrix_is_refused(run: Run, how: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        run(**how)


def test_one_network_under_two_names_is_refused(
    run: Run, models: list[Model], network: Callable[..., nn.Module], toy_of: ToyOf
) -> None:
    with pytest.raises(UsageError, match="same weights"):
        run(models=[*models, toy_of(network(5, 3), name="again")])
    with pytest.raises(UsageError, match="same name"):
        run(models=[*models, toy_of(network(5, 4), name="Model 3")])


def test_folders_of_others_are_left_alone(run: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match=r"holds letter\.txt"):
        run(out=tmp_path / "mine")
    with pytest.raises(UsageError, match="among the originals"):
        run(out=photos / "matrix")
    with pytest.raises(UsageError, match="is a file"):
        run(out=tmp_path / "mine" / "letter.txt")
