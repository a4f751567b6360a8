"""Ways to change pictures, compared on the same pictures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from PIL import Image
from torch import nn

from anamorph.app.audit.compare.compare import compare
from anamorph.app.protect.protect import protect
from anamorph.auditing.comparison import Comparison
from anamorph.errors import Cancelled, UsageError
from anamorph.methods.fmd_parameters import FMD
from anamorph.models import Model

Run: TypeAlias = Callable[..., Comparison]
ToyOf: TypeAlias = Callable[..., Model]


@pytest.fixture
def run(
    photos: Path, toy: Model, network: Callable[..., nn.Module], toy_of: ToyOf, tmp_path: Path
) -> Run:
    """`compare` of the photos unless told otherwise."""

    def start(**how: Any) -> Comparison:
        given: dict[str, Any] = {
            "originals": [photos],
            "out": tmp_path / "out",
            "authorized": toy,
            "panel": [toy_of(network(5, seed), name=f"panel {seed}") for seed in (11, 12)],
            "steps": 3,
            **how,
        }
        return compare(**given)

    return start


def test_every_way_is_measured_with_one_budget(run: Run, photos: Path, tmp_path: Path) -> None:
    found = run(epsilon=9 / 255)
    assert found.ok
    assert [row.way for row in found.rows] == [
        "fmd fast",
        "fmd paper",
        "fmd strong",
        "pgd",
        "mi-fgsm",
        "null-space noise",
        "sign noise",
        "gaussian noise",
    ]
    bounded = [row for row in found.rows if row.way not in ("null-space noise", "gaussian noise")]
    for row in bounded:
        for source in (path for path in photos.rglob("*") if path.is_file()):
            written = tmp_path / "out" / row.way.replace(" ", "-") / source.relative_to(photos)
            before = np.asarray(Image.open(source).convert("RGB"), dtype=int)
            after = np.asarray(Image.open(written.with_suffix(".png")).convert("RGB"), dtype=int)
            assert 0 < np.abs(after - before).max() <= 9


def test_noise_is_as_strong_as_the_method(run: Run) -> None:
    found = {row.way: row for row in run().rows}
    for name in ("null-space noise", "gaussian noise"):
        assert found[name].psnr_mean == pytest.approx(found["fmd fast"].psnr_mean, abs=0.6)


def test_the_method_is_what_protect_does_in_one_attempt(
    run: Run, photos: Path, toy: Model, tmp_path: Path
) -> None:
    run(only=("fmd fast",))
    protect([photos], tmp_path / "protected", toy, parameters=FMD(steps=3), attempts=1)
    for written in (tmp_path / "protected").rglob("*.png"):
        other = tmp_path / "out" / "fmd-fast" / written.relative_to(tmp_path / "protected")
        assert np.array_equal(np.asarray(Image.open(written)), np.asarray(Image.open(other)))


def test_surrogates_help_every_way_that_can_use_them(
    run: Run, network: Callable[..., nn.Module], toy_of: ToyOf
) -> None:
    found = run(surrogates=[toy_of(network(5, 9), name="stand-in")], only=("pgd", "fmd fast"))
    assert found.surrogates == ("stand-in",)
    assert "pushes surrogates" in found.rows[1].meaning
    alone = run(only=("pgd", "fmd fast"), out=Path(found.out).with_name("alone"))
    assert [row.psnr_mean for row in alone.rows] != [row.psnr_mean for row in found.rows]


def test_a_stopped_run_goes_on_to_the_same_result(run: Run, tmp_path: Path) -> None:
    ways = ("fmd fast", "gaussian noise")
    whole = run(out=tmp_path / "whole", only=ways)
    steps = iter(range(4))

    def stop(_: object) -> None:
        if next(steps) == 3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        run(watch=stop, only=ways)
    resumed = run(only=ways)
    again = run(only=ways, watch=stop)  # takes no step
    for row, other, third in zip(whole.rows, resumed.rows, again.rows, strict=True):
        assert row.cells == other.cells == third.cells
        assert row.psnr_mean == other.psnr_mean == third.psnr_mean
        assert third.seconds_per_picture is not None


def test_the_reports_hold_the_same_figures(run: Run, tmp_path: Path) -> None:
    found = run(
        only=("fmd fast", "sign noise"),
        labels={
            "coffee.png": 2,
            **dict.fromkeys(("astronaut.jpg", "chelsea.png", "rocket.png", "cup.png"), 1),
        },
    )
    plain = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert plain["ways"] == found.as_json()["ways"]
    assert plain["measuring"]["right"] == "the label"
    html = (tmp_path / "out" / "report.html").read_text()
    assert all(row.way in html for row in found.rows)
    assert "| sign noise |" in (tmp_path / "out" / "report.md").read_text()


def test_a_damaged_picture_fails_in_every_way_and_the_others_stand(run: Run, photos: Path) -> None:
    (photos / "coffee.png").write_bytes(b"no picture")
    found = run(only=("fmd fast", "gaussian noise"))
    assert not found.ok
    assert [row.failed for row in found.rows] == [1, 1]
    assert [row.made for row in found.rows] == [4, 4]


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"only": ("pgd2",)}, "no way 'pgd2'"),
        ({"only": ("gaussian noise",)}, "as strong as fmd fast; add that one too"),
        ({"panel": []}, "there is no panel"),
    ],
)
def test_what_cannot_be_compared_is_refused(run: Run, how: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        run(**how)


def test_a_surrogate_in_the_panel_is_refused(
    run: Run, network: Callable[..., nn.Module], toy_of: ToyOf
) -> None:
    twin = toy_of(network(5, 11), name="twin")
    with pytest.raises(UsageError, match="was used while protecting"):
        run(surrogates=[twin])
