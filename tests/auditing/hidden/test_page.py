"""The page: whole, escaped, in need of nothing else, and with the figures of the JSON."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import numpy as np
import pytest

from anamorph.auditing.hidden.figures import KindFigures
from anamorph.auditing.hidden.gallery import Shot, address
from anamorph.auditing.hidden.page import page
from anamorph.auditing.hidden.result import HideAudit

KindOf = Callable[..., KindFigures]
AuditOf = Callable[..., HideAudit]
VOID = {"meta", "img", "br"}


class Checker(HTMLParser):
    """Complains where tags do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def made(kind_of: KindOf, audit_of: AuditOf) -> tuple[HideAudit, str]:
    audit = audit_of(kind_of(forced_ssim=0.1))
    pixels = np.zeros((300, 600, 3), np.uint8)
    shot = Shot(
        name='"><script>alert(1)</script>.png',
        lines=("SSIM 0.010", "<b>"),
        forms=(("original", address(pixels)), ("revealed", "")),
    )
    return audit, page(audit, [("Worst & best", "a note", [shot]), ("empty", "", [])])


def test_every_tag_closes_and_nothing_comes_from_elsewhere(made: tuple[HideAudit, str]) -> None:
    checker = Checker()
    checker.feed(made[1])
    checker.close()
    assert checker.open == []
    assert not {"script", "link", "iframe"} & {tag for tag, _ in checker.tags}
    sources = [attributes["src"] for tag, attributes in checker.tags if tag == "img"]
    assert sources
    assert all(str(source).startswith("data:image/jpeg;base64,") for source in sources)
    assert all(attributes.get("alt") for tag, attributes in checker.tags if tag == "img")
    assert "default-src 'none'" in made[1]
    assert "$" not in made[1]


def test_names_and_reasons_are_shown_as_they_are(made: tuple[HideAudit, str]) -> None:
    text = made[1]
    assert "&lt;script&gt;alert(1)" in text
    assert "h/&lt;i&gt;.png" in text
    assert "a &lt;note&gt;" in text
    assert "refused 40 times: it was &lt;recompressed&gt;" in text
    assert '<div class="nothing">nothing</div>' in text


def test_every_figure_of_the_page_is_in_the_json(made: tuple[HideAudit, str]) -> None:
    audit, text = made
    numbers: set[float] = set()

    def collect(value: object) -> None:
        if isinstance(value, dict):
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)
        elif isinstance(value, int | float):
            numbers.add(float(value))

    collect(json.loads(json.dumps(audit.as_json(), allow_nan=False)))
    shown = [float(value) for value in re.findall(r'<data value="([^"]+)">', text)]
    assert len(shown) > 20
    assert set(shown) <= numbers


def test_links_lead_to_sections_and_tables_can_be_reached_by_keyboard(
    made: tuple[HideAudit, str],
) -> None:
    text = made[1]
    for target in re.findall(r'href="#([^"]+)"', text):
        assert f'id="{target}"' in text
    assert text.count('tabindex="0"') >= 5


def test_several_kinds_have_a_title_each(kind_of: KindOf, audit_of: AuditOf) -> None:
    assert "<h3>Sealed</h3>" not in page(audit_of(kind_of()), [])
    assert page(audit_of(kind_of(), kind_of(kind="permuted")), []).count("<h3>Permuted</h3>") == 4
    assert "No picture could be audited." in page(audit_of(), [])
