"""The [http] table of a card: how a service on the network is asked, and what it is told.

[http]
field = "image"                  # of a form; without it the file alone is the body
label = "predictions.0.label"    # where the answer names the class
score = "predictions.0.score"    # where it says how sure it is, in [0, 1]; optional
token_file = "token.txt"         # what to send in the header, never written in the card
header = "Authorization"
per_second = 2.0
timeout = 30.0
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from dataclasses import field as attribute
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from anamorph.errors import CardError, ParameterError
from anamorph.models.card import Card, place
from anamorph.parameters import check, knob

LONGEST_TOKEN = 8192
_LONGEST_QUOTE = 200
_WORD = re.compile(r"[\w.\-\[\]]+", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9\-]+")
_TOKEN = re.compile(r"[\x20-\x7e]+")
_ADDRESS = re.compile(r"[\x21-\x7e]+")
_OURS = ("host", "connection", "transfer-encoding", "expect", "upgrade")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that reads pictures. The token is read when it is sent, and held nowhere."""

    url: str = attribute(repr=False)
    """With http or https, without user and password."""
    label: str
    """Dotted path to the label in the JSON of an answer."""
    score: str = ""
    """Dotted path to the score; empty for none."""
    field: str = ""
    """Of a multipart form; empty to send the file alone."""
    header: str = "Authorization"
    """In which the token goes."""
    token_file: Path | None = None
    per_second: float = knob(2.0, "Most pictures sent in a second.", above=0, at_most=1000)
    timeout: float = knob(30.0, "Seconds to wait for an answer.", above=0, at_most=600)

    def __post_init__(self) -> None:
        """Refuse rates and times outside their ranges."""
        check(self)

    @property
    def place(self) -> str:
        """The address as messages show it: paths and queries may hold secrets."""
        return place(self.url)

    @property
    def digest(self) -> str:
        """Sha256 over what decides the answers."""
        said = [self.url, self.field, self.label, self.score]
        return sha256(json.dumps(said).encode()).hexdigest()

    def token(self) -> str:
        """What the token file holds, without the white space around it; empty without one.

        Raises:
            CardError: it cannot be read, or is no one line of plain characters.
        """
        if self.token_file is None:
            return ""
        try:
            with self.token_file.open("rb") as stream:
                text = stream.read(LONGEST_TOKEN + 1).decode("ascii", "replace").strip()
        except OSError as error:
            raise CardError(f"{self.token_file}: cannot be read: {error.strerror}") from None
        if len(text) > LONGEST_TOKEN or not _TOKEN.fullmatch(text):
            raise CardError(
                f"{self.token_file}: holds no token; expected one line of plain characters, at "
                f"most {LONGEST_TOKEN}"
            )
        return text

    def without_token(self, quoted: str) -> str:
        """What a service said, fit for a message: it may repeat what it was sent."""
        token = self.token()
        for form in {token, repr(token)[1:-1]} - {""}:
            quoted = re.sub(re.escape(form), "***", quoted, flags=re.IGNORECASE)
        return quoted[:_LONGEST_QUOTE]


def service_of(card: Card, http: Mapping[str, Any], where: str) -> Service:
    """The service that a card describes.

    Args:
        card: with the source `http:URL`, `http://...` or `https://...`.
        http: its [http] table.
        where: names the card in errors.

    Raises:
        CardError: an address, a key or a value that cannot be.
    """
    known = [f.name for f in fields(Service) if f.name != "url"]
    for key in http:
        if key not in known:
            nearest = get_close_matches(key, known, n=1, cutoff=0.0)[0]
            raise CardError(
                f"{where} [http]: unknown key {key!r}; the nearest known one is {nearest!r}"
            )
    if "label" not in http:
        raise CardError(f"{where} [http]: label is missing, expected a path such as 'result.label'")
    for key, value in http.items():
        _check_value(key, value, f"{where} [http]")
    given = dict(http)
    if "token_file" in given:
        given["token_file"] = card.folder / given["token_file"]
    elif "header" in given:
        raise CardError(f"{where} [http]: header is of no use without token_file; add it")
    try:
        service = Service(url=_address(card, where), **given)
    except ParameterError as error:
        raise CardError(f"{where} [http]: {error}") from None
    service.token()
    return service


def _check_value(key: str, value: Any, where: str) -> None:
    if key in ("per_second", "timeout"):
        fits, expected = type(value) in (int, float), "a number"
    elif key == "field":
        fits, expected = _matches(_WORD, value), "letters, digits and ._-[]"
    elif key == "header":
        fits = _matches(_HEADER, value) and not value.lower().startswith(("content-", *_OURS))
        expected = "the name of a header that carries a token, such as 'Authorization'"
    elif key == "token_file":
        fits, expected = isinstance(value, str) and value != "", "a file, relative to the card"
    else:
        fits = isinstance(value, str) and all(value.split("."))
        expected = "a path of keys and indices, such as 'predictions.0.label'"
    if not fits:
        raise CardError(f"{where}: {key} is {value!r}, expected {expected}")


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _address(card: Card, where: str) -> str:
    url = card.what if "://" in card.what else card.source
    try:
        parts = urlsplit(url)
        fits = _ADDRESS.fullmatch(url) is not None and _plain(parts)
    except ValueError:  # a port that is no number
        fits = False
    if not fits:
        raise CardError(
            f"{where}: source is no address that can be asked; expected http://HOST/PATH or "
            "https://HOST/PATH, without user, password and #"
        )
    return url


def _plain(parts: SplitResult) -> bool:
    known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    return known and "@" not in parts.netloc and not parts.fragment
