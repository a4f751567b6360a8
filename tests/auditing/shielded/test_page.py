"""The page: whole, escaped, in need of nothing else, and with the figures of the JSON."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from anamorph.auditing.hidden.gallery import address
from anamorph.auditing.shielded.figures import Attempt
from anamorph.auditing.shielded.gallery import Face, Group
from anamorph.auditing.shielded.page import page
from anamorph.auditing.shielded.result import ShieldAudit

AuditOf = Callable[..., ShieldAudit]
RowOf = Callable[..., Attempt]
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
def made(audit_of: AuditOf, row_of: RowOf) -> tuple[ShieldAudit, str]:
    crashed = replace(row_of("adaptive", 1, 9), shielded=None, error="<b>out</b> of memory")
    audit = audit_of(row_of("references"), row_of("unseen", 12), row_of("pairs", 2, 16), crashed)
    pixels = np.zeros((300, 600, 3), np.uint8)
    face = Face('"><script>.png', [("face", address(pixels)), ("made", address(pixels))])
    return audit, page(audit, [Group("unet & all", "a note", [face])])


def test_every_tag_closes_and_nothing_comes_from_elsewhere(made: tuple[ShieldAudit, str]) -> None:
    checker = Checker()
    checker.feed(made[1])
    checker.close()
    assert checker.open == []
    assert not {"script", "link", "iframe"} & {tag for tag, _ in checker.tags}
    images = [attributes for tag, attributes in checker.tags if tag == "img"]
    assert images
    assert all(str(image["src"]).startswith("data:image/jpeg;base64,") for image in images)
    assert all(image.get("alt") for image in images)
    assert "default-src 'none'" in made[1]
    assert "$" not in made[1]


def test_names_notes_and_reasons_are_shown_as_they_are(made: tuple[ShieldAudit, str]) -> None:
    text = made[1]
    for shown in (
        "&lt;faces&gt;.npz",
        "a &lt;note&gt;",
        "&lt;a&gt;.png",
        "what &lt;it&gt; does",
        "failed: &lt;b&gt;out&lt;/b&gt; of memory",
        "pictures in &lt;probes&gt;",
        "needs 1000 pairs of two people",
        "not measured: too few",
    ):
        assert shown in text


def test_every_figure_of_the_page_is_in_the_json(made: tuple[ShieldAudit, str]) -> None:
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
    made: tuple[ShieldAudit, str],
) -> None:
    text = made[1]
    for target in re.findall(r'href="#([^"]+)"', text):
        assert f'id="{target}"' in text
    assert text.count('tabindex="0"') >= 4


def test_what_broke_it_is_named_and_where_nobody_did_that_is_said(
    made: tuple[ShieldAudit, str], audit_of: AuditOf
) -> None:
    assert "<li>Decoders that never saw a shielded record: a unseen one picks 60.0 %" in made[1]
    assert "None of the attackers that were tried. Others may." in page(audit_of(), [])


def test_accuracy_without_probes_says_what_to_give(audit_of: AuditOf) -> None:
    audit = audit_of()
    blind = replace(audit.accuracy, before=None, after=None, reason="give --probes")
    assert "<p>Give --probes.</p>" in page(replace(audit, accuracy=blind), [])
