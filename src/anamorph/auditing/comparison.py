"""Ways to change pictures beside each other: who still reads what each of them made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anamorph.auditing.audit import DIGITS
from anamorph.auditing.matrix import Cell, Column, cell_json, column_json, share_json
from anamorph.metrics.accuracy import LEVEL, Share, mean_share

SCHEMA = "anamorph_comparison"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What one way did."""

    way: str
    meaning: str
    parameters: Mapping[str, Any]
    """On the scale that users type."""
    made: int
    """Pictures."""
    failed: int
    cells: tuple[Cell, ...]
    """The authorized model's first, then the panel's."""
    psnr_mean: float | None
    """In dB."""
    ssim_mean: float | None
    linf_max: float | None
    """Largest change of a value, in 8-bit levels."""
    seconds_per_picture: float | None
    """Of wall time, decoding and encoding included."""
    cpu_seconds_per_picture: float | None

    @property
    def own(self) -> Share:
        """What the authorized model keeps."""
        return self.cells[0].kept

    @property
    def panel(self) -> Share:
        """The mean over the panel."""
        return mean_share([cell.kept for cell in self.cells[1:]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What `audit compare` found."""

    models: tuple[Column, ...]
    """The authorized one first."""
    surrogates: tuple[str, ...]
    rows: tuple[Compared, ...]
    pictures: int
    labeled: bool
    seed: int
    command: str
    versions: Mapping[str, str]
    seconds: float
    out: str

    @property
    def ok(self) -> bool:
        """Whether every picture was made in every way, and every model read them all."""
        return not (
            any(model.error for model in self.models)
            or any(row.failed for row in self.rows)
            or any(cell.error for row in self.rows for cell in row.cells)
        )

    def as_json(self) -> dict[str, Any]:
        """The contract of `comparison.json`."""
        return {
            SCHEMA: VERSION,
            "authorized": column_json(self.models[0]),
            "panel": [column_json(model) for model in self.models[1:]],
            "surrogates": list(self.surrogates),
            "ways": [compared_json(row) for row in self.rows],
            "summary": {
                "pictures": self.pictures,
                "ways": len(self.rows),
                "seconds": round(self.seconds, 3),
            },
            "measuring": {
                "right": "the label" if self.labeled else "the model's own clean reading",
                "tries": "one for each picture: a reading that is lost is not tried again",
                "interval": f"{LEVEL:.0%} Wilson score interval of n; of a mean over models, at "
                "the smallest n of any of them",
                "seed": self.seed,
                "command": self.command,
                "versions": dict(self.versions),
            },
        }


def compared_json(row: Compared) -> dict[str, Any]:
    """A row as plain values."""
    return {
        "way": row.way,
        "meaning": row.meaning,
        "parameters": dict(row.parameters),
        "authorized_kept": share_json(row.own),
        "panel_kept_mean": share_json(row.panel),
        "cells": [cell_json(cell) for cell in row.cells],
        "made": row.made,
        "failed": row.failed,
        **{
            name: None if value is None else round(value, DIGITS)
            for name, value in (
                ("psnr_mean", row.psnr_mean),
                ("ssim_mean", row.ssim_mean),
                ("linf_max", row.linf_max),
                ("seconds_per_picture", row.seconds_per_picture),
                ("cpu_seconds_per_picture", row.cpu_seconds_per_picture),
            )
        },
    }
