"""The leave-one-out matrix: each model is authorized in turn, all the others are the panel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anamorph.auditing.audit import DIGITS
from anamorph.auditing.protocol import LEAST_COSINE
from anamorph.metrics.accuracy import LEVEL, NOTHING, Share, mean_share
from anamorph.types import Task

SCHEMA = "anamorph_matrix"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A model as a reader of originals."""

    name: str
    task: Task | None
    """None where it could not be loaded."""
    sha256: str
    weights_sha256: str
    clean: Share
    """Right readings of the originals; nothing without labels, as nobody knows what is right."""
    error: str
    """Why it could not be loaded, or stopped reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one model reads in the pictures that were protected for one model."""

    reader: str
    kept: Share
    """Of those it reads right when clean, the ones still right when protected."""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What all models read in the pictures that were protected for one of them."""

    authorized: str
    protected: int
    """Pictures that were."""
    failed: int
    cells: tuple[Cell, ...]
    """One for every model, in the order of the columns; the authorized one's own among them."""
    psnr_mean: float | None
    """In dB, over the pictures that were protected."""
    ssim_mean: float | None
    seconds_per_picture: float | None
    """Of wall time, when they were protected."""
    error: str
    """Why nothing could be protected for this model."""

    @property
    def own(self) -> Share:
        """What the authorized model keeps."""
        return next((c.kept for c in self.cells if c.reader == self.authorized), NOTHING)

    @property
    def panel(self) -> Share:
        """The mean over the other models."""
        return mean_share([c.kept for c in self.cells if c.reader != self.authorized])


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """All rows of one preset."""

    preset: str
    parameters: Mapping[str, Any]
    """On the scale that users type."""
    rows: tuple[Row, ...]

    @property
    def own(self) -> Share:
        """The mean over the rows of what the authorized model keeps."""
        return mean_share([row.own for row in self.rows])

    @property
    def panel(self) -> Share:
        """The mean over the rows of what the others keep."""
        return mean_share([row.panel for row in self.rows])

    def unseen(self, reader: str) -> Share:
        """What a model keeps on average where another one is authorized."""
        return mean_share(
            [
                cell.kept
                for row in self.rows
                for cell in row.cells
                if cell.reader == reader != row.authorized
            ]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """What a run of `audit matrix` found."""

    models: tuple[Column, ...]
    tables: tuple[Table, ...]
    pictures: int
    labeled: bool
    """Whether right means a given label; else it means the model's own clean reading."""
    seed: int
    command: str
    """What to type to go on, or to measure it again."""
    versions: Mapping[str, str]
    seconds: float
    out: str
    """Where the reports are."""

    @property
    def ok(self) -> bool:
        """Whether every picture was protected in every row, and every model read them all."""
        rows = [row for table in self.tables for row in table.rows]
        return not (
            any(model.error for model in self.models)
            or any(row.error or row.failed for row in rows)
            or any(cell.error for row in rows for cell in row.cells)
        )

    def as_json(self) -> dict[str, Any]:
        """The contract of `matrix.json`."""
        return {
            SCHEMA: VERSION,
            "models": [column_json(model) for model in self.models],
            "presets": [_table(table, self.models) for table in self.tables],
            "summary": {
                "pictures": self.pictures,
                "models": len(self.models),
                "rows": sum(len(table.rows) for table in self.tables),
                "seconds": round(self.seconds, 3),
            },
            "measuring": {
                "right": "the label" if self.labeled else "the model's own clean reading",
                "kept": "of the pictures a model reads right when clean, those still read right "
                "when protected; an embedding is read right while its cosine to the clean one is "
                f"at least {LEAST_COSINE}",
                "interval": f"{LEVEL:.0%} Wilson score interval of n; of a mean, at the smallest "
                "n of what it is the mean of",
                "protected": "without labels: what a model keeps is its own reading",
                "seed": self.seed,
                "command": self.command,
                "versions": dict(self.versions),
            },
        }


def row_json(row: Row) -> dict[str, Any]:
    """A row as plain values."""
    return {
        "authorized": row.authorized,
        "authorized_kept": share_json(row.own),
        "panel_kept_mean": share_json(row.panel),
        "cells": [cell_json(cell) for cell in row.cells],
        "protected": row.protected,
        "failed": row.failed,
        "psnr_mean": _rounded(row.psnr_mean),
        "ssim_mean": _rounded(row.ssim_mean),
        "seconds_per_picture": _rounded(row.seconds_per_picture),
        "error": row.error or None,
    }


def cell_json(cell: Cell) -> dict[str, Any]:
    """A cell as plain values."""
    return {"reader": cell.reader, "kept": share_json(cell.kept), "error": cell.error or None}


def share_json(share: Share) -> dict[str, Any]:
    """A share with its n and its interval."""
    return {
        "share": _rounded(share.value),
        "n": share.n,
        "low": _rounded(share.low),
        "high": _rounded(share.high),
    }


def column_json(model: Column) -> dict[str, Any]:
    """A column as plain values."""
    return {
        "name": model.name,
        "task": model.task,
        "clean": share_json(model.clean),
        "error": model.error or None,
        "sha256": model.sha256,
        "weights_sha256": model.weights_sha256,
    }


def _table(table: Table, models: Sequence[Column]) -> dict[str, Any]:
    return {
        "preset": table.preset,
        "parameters": dict(table.parameters),
        "authorized_kept_mean": share_json(table.own),
        "panel_kept_mean": share_json(table.panel),
        "kept_unseen": {model.name: share_json(table.unseen(model.name)) for model in models},
        "rows": [row_json(row) for row in table.rows],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
