"""The figures of the hiding benchmark, on crops hidden for a toy model."""

from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks.hide_files import comes_back, other_key, recompressed, shows, summary
from benchmarks.hide_pairs import _under_one_secret
from benchmarks.hide_run import Hidden, fresh, hidden
from benchmarks.page_hide import page
from benchmarks.ways import WAYS, Way, forced, picture

from anamorph.models import Model
from benchmarks import hide

SPREAD = {"mean": 0.5, "min": 0.25, "max": 0.75}
SHARE = {"share": 0.5, "n": 4, "interval": [0.15, 0.85]}
LOOKS = {"ssim": SPREAD, "block_correlation": SPREAD, "block_correlation_size": SPREAD}
BACK = {"bit_exact": SHARE, "revealed": 4, "reasons": {}, "psnr": SPREAD, "revealed_ssim": SPREAD}
REFUSED = {"refused_by_reveal": 1.0, "refused_by_force": 1.0}
COST = {"failed": 0, "steps_mean": 50.0, "cpu_seconds_each": 1.25}
FOUND = {"rank_one": 1.0, "tar": {"0.01": 0.9, "0.001": 0.8}, "genuine": 4, "impostor": 12}
NEAR = {"psnr": 12.0, "ssim": 0.3, "block_correlation": 0.4, "identity_cosine": 0.1}


def run(figures: dict[str, Any], **settings: Any) -> dict[str, Any]:
    where = {"cpu": "a processor", "threads": 1, "cores": 2, "memory_gib": 8.0}
    with_what = {"anamorph": "0", "torch": "2", "python": "3"}
    about = {"service": "the service", **settings}
    return {"date": "2026-01-02", "machine": where, "versions": with_what, "settings": about,
            "n": 4, "figures": figures}  # fmt: skip


@pytest.fixture(params=["sealed fast", "permuted fast"])
def way(request: pytest.FixtureRequest) -> Way:
    return next(way for way in WAYS if way.name == request.param)


@pytest.fixture
def files(way: Way, photos: Path, tmp_path: Path, toy: Model) -> Hidden:
    sources = sorted(photos.glob("*.*"))[:3]
    return hidden(sources, fresh(tmp_path / "run", redo=False), way, toy)


def test_what_a_stopped_run_hid_is_taken_as_it_is_and_not_timed(
    way: Way, files: Hidden, photos: Path, tmp_path: Path, toy: Model
) -> None:
    assert files.cost()["timed"] == 3
    digests = [f.output.read_bytes() for f in files.files]
    again = hidden(sorted(photos.glob("*.*"))[:4], fresh(tmp_path / "run", False), way, toy)
    assert again.cost()["timed"] == 1
    assert [f.output.read_bytes() for f in again.files[:3]] == digests
    assert fresh(tmp_path / "run", redo=True).is_dir()
    assert not any((tmp_path / "run").iterdir())


def test_the_key_brings_back_what_another_key_does_not(files: Hidden) -> None:
    back = comes_back(files.files, files.folder, files.key)
    other = other_key(files.files, files.key, judge=None)
    assert other["refused_by_reveal"] == 1
    if files.key.kind == "sealed":
        assert back["bit_exact"]["share"] == 1
        assert "psnr" not in back
        assert other["refused_by_force"] == 1
        assert forced(files.files[0].output, files.key) is not None
    else:
        assert back["bit_exact"]["share"] == 0
        assert back["psnr"]["min"] > 25
        assert other["refused_by_force"] == 0
        assert other["ssim"]["max"] < 0.5


def test_recompressed_files_are_revealed_or_refused_with_the_reason(
    files: Hidden, tmp_path: Path
) -> None:
    spoiled = recompressed(files.files, files.folder, tmp_path / "spoiled")
    back = comes_back(spoiled, tmp_path / "spoiled", files.key)
    if files.key.kind == "sealed":
        (reason,) = back["reasons"]
        assert "recompressed as JPEG" in reason
        assert str(tmp_path) not in reason
        assert back["revealed"] == 0
    else:
        assert back["reasons"] == {}
        assert back["psnr"]["min"] > 20


def test_noise_shows_nothing(files: Hidden) -> None:
    figures = shows(files.files)
    assert figures["ssim"]["max"] < 0.2
    assert figures["block_correlation_size"]["min"] >= 0


@pytest.mark.parametrize("way", ["permuted fast"], indirect=True)
def test_one_secret_for_all_keeps_every_value_or_its_counterpart(files: Hidden) -> None:
    shared = list(_under_one_secret(files.files, files.key))
    for f, one in zip(files.files, shared, strict=True):
        written = picture(f.output)
        assert one.shape == written.shape
        folded = [(x - 0.5).abs().flatten().sort().values for x in (one, written)]
        torch.testing.assert_close(folded[0], folded[1], atol=1e-6, rtol=0)
        assert not torch.equal(one, written)


def test_the_page_has_a_row_for_every_way() -> None:
    search = {"the service": {"clean": FOUND, "hidden": FOUND},
              "another": {"clean": FOUND, "hidden": FOUND}}  # fmt: skip
    face = {"shows": LOOKS, "service_cosine": SPREAD, "unauthorized_cosine": SPREAD,
            "search": search, "reveal": BACK, "other_key": {**REFUSED, **LOOKS},
            "jpeg85": {"service_cosine": SPREAD, "reveal": BACK}, "cost": COST}  # fmt: skip
    photo = {"shows": LOOKS, "kept": {"the service": SHARE, "another": SHARE}, "reveal": BACK,
             "other_key": REFUSED, "jpeg85": {"kept": SHARE, "reveal": BACK},
             "cost": COST}  # fmt: skip
    pairs = {"pictures": 10, "known": 8, "probe_r2": 0.01, "probe_r2_of_noise": -0.01,
             "subkey_each": {"8": {"mean": NEAR, "linear": NEAR}},
             "one_subkey": {"8": {"correlation": NEAR}},
             "inversion": {"from_hidden": NEAR, "from_original": NEAR}}  # fmt: skip
    text = page({"faces, x": run(face), "photos, x": run(photo), "pairs, x": run(pairs)})
    assert "| x | 4 | 0.500 (0.250 to 0.750) |" in text
    assert "| x | another (unauthorized) | 50.0 % (15.0 to 85.0, n 4) |" in text
    assert "| x | one subkey | 8 | correlation | 12.0 | 0.300 | 0.400 | 0.100 |" in text
    assert "| x | 8 | 0.01 | -0.01 |" in text
    assert "| x | hidden | 12.0 |" in text


def test_a_part_that_is_not_measured_yet_has_no_table() -> None:
    assert [line for line in page({}).splitlines() if line.startswith("## ")] == ["## Bars"]


def test_hide_says_in_one_line_that_the_faces_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hide.main(["--data", str(tmp_path), "--results", str(tmp_path / "results")]) == 0
    assert capsys.readouterr().out.startswith("hide: skipped")
    assert not (tmp_path / "results").exists()


def test_a_summary_is_mean_and_extremes() -> None:
    assert summary([0.0, 1.0, 0.5]) == {"mean": 0.5, "min": 0.0, "max": 1.0}
