from pathlib import Path
from typing import Any

import pytest

from anamorph.errors import CardError
from anamorph.models import Card
from anamorph.models.readers.service import Service, service_of


def described(
    http: dict[str, Any], source: str = "https://h.test/a?b=c", folder: Path = Path()
) -> Service:
    return service_of(Card(name="t", source=source, folder=folder), http, "card.toml")


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ("https://h.test/a?b=c", "https://h.test/a?b=c"),
        ("http://h.test:81", "http://h.test:81"),
        ("http:https://h.test/a", "https://h.test/a"),
    ],
)
def test_the_address_stands_in_the_source(source: str, url: str) -> None:
    assert described({"label": "l"}, source).url == url


@pytest.mark.parametrize(
    "source",
    [
        "http:h.test",
        "https://user:secret@h.test/",
        "https:///a",
        "https://h.test/ a",
        "https://h.test:x/",
        "https://h.test/#a",
        "http:file:///etc/passwd",
        "https://h.test/\r\nX: y",
    ],
)
def test_other_addresses_are_refused_and_not_repeated(source: str) -> None:
    with pytest.raises(CardError, match="source is no address that can be asked") as caught:
        described({"label": "l"}, source)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("http", "says"),
    [
        ({}, "label is missing, expected a path such as 'result.label'"),
        ({"label": "l", "lable": "l"}, "unknown key 'lable'; the nearest known one is 'label'"),
        ({"label": "a..b"}, r"label is 'a\.\.b', expected a path"),
        ({"label": 3}, "label is 3, expected a path"),
        ({"label": "l", "field": 'a"b'}, "field is 'a\"b', expected letters"),
        ({"label": "l", "per_second": "2"}, "per_second is '2', expected a number"),
        ({"label": "l", "per_second": 0}, "per_second is 0, but must be above 0"),
        ({"label": "l", "timeout": 1e9}, "timeout is 1e[+]09, but must be above 0, at most 600"),
        ({"label": "l", "header": "X-Key"}, "header is of no use without token_file"),
        (
            {"label": "l", "token_file": "f", "header": "Host"},
            "header is 'Host', expected the name",
        ),
        ({"label": "l", "token_file": "f", "header": "X\r\n"}, "header is .* expected the name"),
        ({"label": "l", "token_file": "missing"}, "missing: cannot be read"),
    ],
)
def test_tables_that_cannot_be_are_refused(http: dict[str, Any], says: str) -> None:
    with pytest.raises(CardError, match=says):
        described(http)


@pytest.mark.parametrize("content", ["", "  \n", "two\nlines", "gr\u00fc\u00df", "x" * 9000])
def test_a_file_without_a_token_is_refused_and_not_repeated(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content, encoding="utf-8")
    with pytest.raises(CardError, match="holds no token; expected one line") as caught:
        described({"label": "l", "token_file": "token"}, folder=tmp_path)
    assert not content.strip() or content not in str(caught.value)


def test_nothing_of_the_token_stands_in_the_service(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("Bearer s3cret\n")
    service = described({"label": "l", "token_file": "token"}, folder=tmp_path)
    assert service.token() == "Bearer s3cret"
    assert "s3cret" not in repr(service)


def test_messages_show_neither_path_nor_query_nor_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    service = described({"label": "l", "token_file": "token"}, folder=tmp_path)
    assert service.place == "https://h.test"
    assert service.without_token("you said 'S3CRET'") == "you said '***'"


def test_only_what_decides_the_answers_is_in_the_digest() -> None:
    plain = Service(url="http://h.test/", label="l")
    assert Service(url="http://h.test/", label="l", per_second=9, timeout=1).digest == plain.digest
    assert Service(url="http://h.test/", label="l", field="f").digest != plain.digest
