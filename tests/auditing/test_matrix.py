"""Means of a matrix, and its reports."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from anamorph.auditing.matrix import Cell, Column, Matrix, Row, Table
from anamorph.auditing.matrix_markdown import markdown
from anamorph.auditing.matrix_page import page
from anamorph.auditing.matrix_words import sentences
from anamorph.metrics.accuracy import NOTHING, mean_share, share

NAMES = ("a", "<b>b</b>", "c")


def row(authorized: str, *hits: int, error: str = "") -> Row:
    return Row(
        authorized=authorized,
        protected=10,
        failed=0,
        cells=tuple(Cell(reader=n, kept=share(h, 10)) for n, h in zip(NAMES, hits, strict=False)),
        psnr_mean=28.0,
        ssim_mean=0.8,
        seconds_per_picture=1.5,
        error=error,
    )


@pytest.fixture
def found() -> Matrix:
    rows = (row("a", 10, 2, 4), row("<b>b</b>", 1, 10, 5), row("c", 0, 6, 9))
    return Matrix(
        models=tuple(
            Column(
                name=name,
                task="classify",
                sha256="0" * 64,
                weights_sha256="1" * 64,
                clean=share(9, 10),
                error="",
            )
            for name in NAMES
        ),
        tables=(Table(preset="fast", parameters={"epsilon": 16.0}, rows=rows),),
        pictures=10,
        labeled=True,
        seed=0,
        command="anamorph audit matrix 'my photos'",
        versions={"anamorph": "0"},
        seconds=1.0,
        out="out",
    )


def test_the_panel_of_a_row_is_everyone_else(found: Matrix) -> None:
    first = found.tables[0].rows[0]
    assert first.own.value == 1
    assert first.panel == mean_share([share(2, 10), share(4, 10)])


def test_means_over_rows_count_pictures_once(found: Matrix) -> None:
    table = found.tables[0]
    assert table.panel.value == pytest.approx(0.3)
    assert table.panel.n == 10
    assert table.own.value == pytest.approx(29 / 30)
    assert table.unseen("a").value == pytest.approx(0.05)
    assert table.unseen("nobody") == NOTHING


def test_json_holds_every_share_with_its_interval(found: Matrix) -> None:
    plain: Any = json.loads(json.dumps(found.as_json(), allow_nan=False))
    cell = plain["presets"][0]["rows"][0]["cells"][1]
    assert cell["kept"]["share"] == 0.2
    assert cell["kept"]["low"] < 0.2 < cell["kept"]["high"]
    assert plain["presets"][0]["kept_unseen"]["c"]["share"] == 0.45


def test_the_sentence_names_the_best_and_the_worst_row(found: Matrix) -> None:
    (said,) = sentences(found)
    assert "still read 30.0 %" in said
    assert "fewest, 30.0 %" in said
    assert "keep 96.7 %" in said


def test_the_page_shows_every_share_and_no_markup_of_others(found: Matrix) -> None:
    html = page(found)
    HTMLParser().feed(html)
    assert "<b>b" not in html
    assert "&lt;b&gt;b&lt;/b&gt;" in html
    values = re.findall(r'<data value="([\d.]+)"', html)
    for one in found.tables[0].rows:
        for cell in one.cells:
            assert repr(cell.kept.value) in values
    assert html.count("<rect") == 18
    assert "http" not in html.replace("http-equiv", "")


def test_markdown_shows_the_same_table(found: Matrix) -> None:
    text = markdown(found)
    assert "| a | 100.0 % (n 10, 72.2 to 100.0 %) (own) | 20.0 %" in text
    assert r"\<b\>b" in text


def test_rows_that_failed_are_named_and_do_not_count(found: Matrix) -> None:
    bad = Row(
        authorized="c",
        protected=0,
        failed=0,
        cells=tuple(Cell(reader=n, kept=NOTHING) for n in NAMES),
        psnr_mean=None,
        ssim_mean=None,
        seconds_per_picture=None,
        error="no layer",
    )
    table = Table(preset="fast", parameters={}, rows=(row("a", 10, 2, 4), bad))
    assert table.panel.value == pytest.approx(0.3)
    html = page(
        Matrix(**{f: getattr(found, f) for f in Matrix.__dataclass_fields__} | {"tables": (table,)})
    )
    assert "c: no layer" in html
