"""The page: whole, escaped, and in need of nothing else."""

import base64
import io
import re
from collections.abc import Callable
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from anamorph.auditing.audit import Audit, PictureFigures
from anamorph.auditing.gallery import GAIN, SIDE, Shot, shot
from anamorph.auditing.page import page
from anamorph.metrics.accuracy import NOTHING, share

MakeAudit = Callable[..., Audit]
VOID = {"meta", "img", "rect", "line", "br"}


class Checker(HTMLParser):
    """Keeps what matters of a page, and complains where tags do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def _shot(source: str, size: tuple[int, int] = (300, 600)) -> Shot:
    rng = np.random.default_rng(0)
    clean = rng.integers(0, 255, (*size, 3), dtype=np.uint8)
    return shot(PictureFigures(source=source, output="x", linf=16.0, psnr=None), clean, clean)


@pytest.fixture
def checked(audit_of: MakeAudit) -> Checker:
    audit = audit_of(share(10, 100), jpeg75=share(60, 100), blur=share(20, 100))
    checker = Checker()
    checker.feed(page(audit, [_shot('"><script>alert(1)</script>.png')], [_shot("b.png")]))
    checker.close()
    return checker


def test_every_tag_closes(checked: Checker) -> None:
    assert checked.open == []


def test_nothing_is_fetched_and_nothing_runs(checked: Checker) -> None:
    names = {tag for tag, _ in checked.tags}
    assert not names & {"script", "iframe", "object", "embed", "link"}
    assert not any(key.startswith("on") for _, attributes in checked.tags for key in attributes)
    assert all((i["src"] or "").startswith("data:image/jpeg;base64,") for i in checked.all("img"))
    assert all((a["href"] or "").startswith("#") for a in checked.all("a"))


def test_links_lead_to_sections(checked: Checker) -> None:
    targets = {attributes.get("id") for _, attributes in checked.tags}
    assert all((a["href"] or "")[1:] in targets for a in checked.all("a"))


def test_images_have_a_size_and_a_text(checked: Checker) -> None:
    assert len(checked.all("img")) == 6
    for image in checked.all("img"):
        assert (image["width"], image["height"]) == (str(SIDE), str(SIDE // 2))
        assert image["alt"]
    assert all(svg.get("aria-label") or svg.get("aria-hidden") for svg in checked.all("svg"))


def test_hostile_text_is_shown_and_does_nothing(audit_of: MakeAudit) -> None:
    text = page(audit_of(share(1, 100)), [_shot("<b>x</b>\x00\n.png")], [])
    assert "<i>bad" not in text
    assert "&lt;i&gt;bad&lt;/i&gt;\ufffd.png" in text
    assert "no &lt;b&gt;partner&lt;/b&gt;" in text
    assert "a &lt;note&gt;" in text
    assert "&lt;b&gt;x&lt;/b&gt;\ufffd\ufffd.png" in text
    assert "\u202e" not in text


def test_what_broke_the_protection_comes_first(audit_of: MakeAudit) -> None:
    text = page(audit_of(share(10, 100), blur=share(20, 100), jpeg75=share(60, 100)), [], [])
    assert "Half of the readings or more are back under jpeg75, of 2 attacks tried." in text
    assert text.index(">jpeg75<") < text.index(">blur<")


def test_bars_are_as_long_as_their_shares(audit_of: MakeAudit) -> None:
    text = page(audit_of(share(10, 100), jpeg75=share(60, 100)), [], [])
    drawn = {
        float(w) for w in re.findall(r'<rect class="panel" x="0" y="2" width="([\d.]+)"', text)
    }
    assert {10.0, 60.0, 90.0} <= drawn


def test_an_audit_of_nothing_still_makes_a_page(audit_of: MakeAudit) -> None:
    text = page(audit_of(NOTHING), [], [])
    assert "Nothing is known of other models" in text
    assert "nothing to rank" in text


def test_pictures_are_small_and_the_difference_is_amplified() -> None:
    clean = np.full((40, 30, 3), 100, np.uint8)
    made = shot(PictureFigures(source="a", output="b"), clean, clean + 4)
    assert made.size == (30, 40)
    pixels = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))
        for address in (made.original, made.protected, made.difference)
    ]
    assert [round(float(p.mean())) for p in pixels] == [100, 104, 128 + 4 * GAIN]


def test_a_very_flat_picture_has_a_size() -> None:
    made = _shot("flat", (1, 2000))
    assert made.size == (SIDE, 1)
