"""What is reported of pictures and runs."""

import json
from typing import Any

import pytest

from anamorph.app.records import PictureRecord, ProtectReport


def _report(*images: PictureRecord) -> ProtectReport:
    return ProtectReport(
        method="fmd", parameters={}, models={}, seed=0, images=images, seconds=1.23456, out="out"
    )


def _record(status: Any, kept: bool | None = None) -> PictureRecord:
    return PictureRecord(source="a.png", status=status, kept=kept)


def test_a_summary_counts_and_tells_the_share_of_right_readings_kept() -> None:
    summary = _report(
        _record("protected", True),
        _record("protected", None),
        _record("skipped", True),
        _record("skipped", True),
        _record("failed", False),
        _record("failed"),
    ).summary
    assert summary == {
        "images": 6,
        "protected": 2,
        "failed": 2,
        "skipped": 2,
        "authorized_kept": 0.75,
        "also_kept": {},
        "survives": {},
        "seconds": 1.235,
    }


def test_a_share_of_nothing_is_unknown() -> None:
    assert _report().summary["authorized_kept"] is None


@pytest.mark.parametrize(("status", "ok"), [("protected", True), ("skipped", True), ("failed", 0)])
def test_a_run_is_well_when_nothing_failed(status: str, ok: bool) -> None:
    assert _report(_record("protected"), _record(status)).ok == ok


def test_json_holds_plain_values_and_rounds_figures() -> None:
    record = PictureRecord(source="a.png", status="protected", linf=15.999999, psnr=30.123456789)
    plain = record.as_json()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert (plain["linf"], plain["psnr"], plain["ssim"]) == (16.0, 30.12346, None)
    assert PictureRecord(**plain) == PictureRecord(
        source="a.png", status="protected", linf=16.0, psnr=30.12346
    )
