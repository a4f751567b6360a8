"""Small pictures of where models look, and their section of the report."""

import base64
import io
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from anamorph.auditing.analyses import Analysis, Confidence, quartiles
from anamorph.auditing.audit import Audit
from anamorph.auditing.looks import HEAT, SIDE, Look, Seen, colored, look, overlay
from anamorph.auditing.markdown import markdown
from anamorph.auditing.page import page
from anamorph.metrics.accuracy import share

MakeAudit = Callable[..., Audit]


def seen(**changes: object) -> Seen:
    heat = np.zeros((2, 4, 4))
    heat[0, 0, 0] = heat[1, 3, 3] = 1
    about = {
        "model": "a <model>",
        "pictures": np.full((2, 3, 32, 64), 0.5),
        "grad_cam": heat,
        "activation": 10 * heat,
        "cosine": 0.25,
    }
    return Seen(**{**about, **changes})  # type: ignore[arg-type]


def analysis(**changes: object) -> Analysis:
    about = {
        "model": "mine",
        "layer": "stages.2",
        "remark": "",
        "grad_cam": quartiles([0.5, 0.6, 0.7]),
        "activation_map": quartiles([0.8]),
        "activation": quartiles([0.9]),
        "confidence": Confidence(
            clean=quartiles([0.9]),
            protected=quartiles([0.4]),
            histogram_clean=(0, 0, 0, 0, 0, 0, 0, 0, 0, 4),
            histogram_protected=(0, 2, 0, 0, 0, 0, 0, 0, 0, 1),
        ),
    }
    return Analysis(**{**about, **changes})  # type: ignore[arg-type]


@pytest.fixture
def analyzed(audit_of: MakeAudit) -> Audit:
    rows = (
        analysis(),
        analysis(model="b<b>", layer="", remark="has no <conv>", grad_cam=quartiles([])),
    )
    return replace(audit_of(share(10, 100)), analyses=rows)


def pixels(address: str) -> NDArray[np.uint8]:
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_heat_is_where_the_map_is_large(analyzed: Audit) -> None:
    row = look(analyzed.images[0], [seen()]).rows[0]
    assert row.grad_cam is not None
    before, after = (pixels(one).astype(int).sum(2) for one in row.grad_cam)
    assert np.unravel_index(before.argmax(), before.shape) < (8, 16)
    assert before[0, 0] > before[-1, -1]
    assert after[-1, -1] > after[0, 0]


def test_pictures_are_small_and_keep_their_shape(analyzed: Audit) -> None:
    large = seen(pictures=np.full((2, 3, 224, 448), 0.5))
    row = look(analyzed.images[0], [large]).rows[0]
    assert row.size == (SIDE, SIDE // 2)
    assert pixels(row.activation[0]).shape == (SIDE // 2, SIDE, 3)


def test_both_feature_maps_share_one_scale(analyzed: Audit) -> None:
    maps = np.stack([np.full((2, 2), 1.0), np.full((2, 2), 3.0)])
    row = look(analyzed.images[0], [seen(activation=maps)]).rows[0]
    assert pixels(row.activation[0])[0, 0].tolist() == list(HEAT[0])
    assert pixels(row.activation[1])[0, 0].tolist() == list(HEAT[-1])


def test_a_flat_feature_map_is_shown_too(analyzed: Audit) -> None:
    row = look(analyzed.images[0], [seen(activation=np.ones((2, 2, 2)))]).rows[0]
    assert pixels(row.activation[0])[0, 0].tolist() == list(HEAT[0])


def test_colors_grow_brighter_throughout() -> None:
    light = colored(np.linspace(0, 1, 64)[None]).astype(float) @ [0.299, 0.587, 0.114]
    assert (np.diff(light[0]) > 0).all()


def test_the_picture_shows_below_the_heat() -> None:
    grey = np.array([[0.0, 1.0]])
    dark, bright = overlay(grey, np.zeros((1, 2)))[0].astype(int).sum(1)
    assert bright > dark


def test_the_page_shows_what_was_analyzed(analyzed: Audit) -> None:
    text = page(analyzed, [], [], [look(analyzed.images[0], [seen()])])
    assert '<a href="#inside">' in text
    assert 'id="inside"' in text
    assert '<data value="0.6">0.60</data>' in text
    assert text.count("data:image/png") == 4
    assert "a &lt;model&gt;" in text
    assert "has no &lt;conv&gt;" in text


def test_a_model_without_gradients_shows_its_maps_alone(analyzed: Audit) -> None:
    text = page(analyzed, [], [], [look(analyzed.images[0], [seen(grad_cam=None)])])
    assert text.count("data:image/png") == 2


def test_histograms_grow_from_the_middle(analyzed: Audit) -> None:
    text = page(analyzed, [], [])
    up = re.search(r'<rect class="own" x="90.5" y="([\d.]+)" width="9" height="([\d.]+)"', text)
    down = re.search(r'<rect class="panel" x="10.5" y="([\d.]+)" width="9" height="([\d.]+)"', text)
    assert up is not None
    assert down is not None
    assert float(up[1]) + float(up[2]) == pytest.approx(40)
    assert float(down[1]) == 40
    assert float(down[2]) == pytest.approx(float(up[2]) / 2)


def test_without_analyses_there_is_no_such_section(audit_of: MakeAudit) -> None:
    assert "Inside the models" not in page(audit_of(share(10, 100)), [], [])
    assert "Inside the models" not in markdown(audit_of(share(10, 100)))


def test_tags_close(analyzed: Audit) -> None:
    class Tags(HTMLParser):
        opened: list[str]

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in {"meta", "img", "rect", "line", "br"}:
                self.opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if tag not in {"rect", "line"}:
                assert self.opened.pop() == tag

    tags = Tags()
    tags.opened = []
    shown: list[Look] = [look(analyzed.images[0], [seen()])]
    tags.feed(page(analyzed, [], [], shown))
    assert tags.opened == []


def test_markdown_has_the_medians(analyzed: Audit) -> None:
    text = markdown(analyzed)
    assert "| mine | stages.2 | 0.60 (n 3) | 0.80 (n 1) | 0.90 (n 1) | 0.90 (n 1) |" in text
    assert "has no \\<conv\\>" in text


def test_json_has_every_figure(analyzed: Audit) -> None:
    row = analyzed.as_json()["analyses"][0]
    assert row["grad_cam"] == {"low": 0.55, "median": 0.6, "high": 0.65, "n": 3}
    assert row["confidence"]["histogram_protected"] == [0, 2, 0, 0, 0, 0, 0, 0, 0, 1]
