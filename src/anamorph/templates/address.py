"""Where a database is: a URL, whose password nobody is ever told."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from anamorph.errors import FileError, UsageError

SCHEMES = ("postgresql", "postgres")

_HIDDEN = "***"
_SECRET_OPTIONS = frozenset({"password", "sslpassword", "oauth_client_secret", "passfile"})
_LONGEST = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A URL, and what may be said of it."""

    url: str = field(repr=False)
    shown: str
    """Server, port, database and user; what errors, logs and reports name."""
    secrets: tuple[str, ...] = field(repr=False)

    def scrub(self, text: str) -> str:
        """A message without the secrets, should a library have repeated one."""
        for secret in self.secrets:
            text = text.replace(secret, _HIDDEN)
        return text


def is_address(text: str) -> bool:
    """Whether this is the URL of a database, not the name of a file."""
    return text.partition("://")[0] in SCHEMES


def address(url: str) -> Address:
    """What a URL says.

    Example:
        >>> address("postgresql://ada:hunter2@db.example/faces?sslmode=require")
        Address(shown='postgresql://ada@db.example/faces')

    Raises:
        UsageError: not a URL of PostgreSQL; the message does not repeat it.
    """
    try:
        parts = urlsplit(url.strip())
        port = f":{parts.port}" if parts.port else ""
        options = dict(parse_qsl(parts.query))
    except ValueError:
        raise _refusal() from None
    if parts.scheme not in SCHEMES or not parts.netloc + parts.path.strip("/") + parts.query:
        raise _refusal()
    user = f"{parts.username}@" if parts.username else ""
    host = parts.hostname or ("socket" if "host" in options else "")
    return Address(
        url=url.strip(),
        shown=f"postgresql://{user}{host}{port}{parts.path}",
        secrets=_secrets(parts, options),
    )


def address_in(path: Path) -> Address:
    """The URL in the first line of a file.

    Raises:
        FileError: the file cannot be read.
        UsageError: it holds something else.
    """
    try:
        with path.open(encoding="utf-8") as stream:
            return address(stream.read(_LONGEST).partition("\n")[0])
    except (OSError, UnicodeError) as error:
        raise FileError(f"{path}: the store's URL cannot be read from it; check it") from error


def _secrets(parts: SplitResult, options: dict[str, str]) -> tuple[str, ...]:
    found = {parts.password or "", *(options.get(name, "") for name in _SECRET_OPTIONS)}
    found |= {unquote(secret) for secret in found}
    return tuple(sorted(filter(None, found), key=len, reverse=True))


def _refusal() -> UsageError:
    return UsageError(
        "the store's URL is not of the form postgresql://USER@HOST:PORT/DATABASE (percent-encode "
        "special characters); it is not repeated here, as it may hold a password"
    )
