"""Bearer tokens: shown once, kept as hashes, each with scopes."""

import hashlib
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from anamorph.errors import UsageError
from anamorph.service.database import Database
from anamorph.service.refusals import Missing, Unauthorized

SCOPES = ("protect", "reveal", "admin")
"""`protect`: everything but revealing; `reveal`: that; `admin`: all, of everybody."""

_PREFIX = "amt_"
_RANDOM = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who asks."""

    id: str
    """Of the token; no help in guessing it."""
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Whether the token allows this."""
        return scope in self.scopes or "admin" in self.scopes

    @property
    def sees(self) -> str | None:
        """Whose jobs it sees; None: everybody's."""
        return None if "admin" in self.scopes else self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of a token."""

    id: str
    scopes: Sequence[str]
    note: str
    created: float
    expires: float | None
    revoked: float | None

    @property
    def valid(self) -> bool:
        """Whether it is taken."""
        return self.revoked is None and (self.expires is None or self.expires > time.time())


class Tokens:
    """The tokens of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def new(self, scopes: Iterable[str], note: str = "", seconds: float | None = None) -> str:
        """A new token, which is not to be seen again.

        Args:
            scopes: some of `SCOPES`.
            note: what it is for.
            seconds: after which it is no longer taken; None: never.

        Raises:
            UsageError: an unknown scope, or none.
        """
        chosen = sorted(set(scopes))
        if not chosen or not set(chosen) <= set(SCOPES):
            raise UsageError(f"scopes are {', '.join(chosen) or 'none'}; use {', '.join(SCOPES)}")
        token, now = _PREFIX + secrets.token_urlsafe(_RANDOM), time.time()
        with self._database.transaction() as run:
            run(
                "INSERT INTO tokens (id, hash, scopes, note, created, expires) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                secrets.token_hex(4),
                _hash(token),
                " ".join(chosen),
                note,
                now,
                None if seconds is None else now + seconds,
            )
        return token

    def client(self, token: str) -> Client:
        """Who a token stands for.

        Raises:
            Unauthorized: nobody.
        """
        with self._database.transaction(write=False) as run:
            rows = run(
                "SELECT id, scopes FROM tokens WHERE hash = ? AND revoked IS NULL "
                "AND (expires IS NULL OR expires > ?)",
                _hash(token),
                time.time(),
            )
        if not rows:
            raise Unauthorized(
                "the token is not known, has run out or was revoked; ask the operator for one"
            )
        return Client(id=rows[0]["id"], scopes=frozenset(rows[0]["scopes"].split()))

    def all(self) -> list[Token]:
        """What is known of all tokens, in the order they were made."""
        with self._database.transaction(write=False) as run:
            rows = run("SELECT * FROM tokens ORDER BY created")
        return [
            Token(
                id=row["id"],
                scopes=row["scopes"].split(),
                note=row["note"],
                created=row["created"],
                expires=row["expires"],
                revoked=row["revoked"],
            )
            for row in rows
        ]

    def revoke(self, id: str) -> None:
        """Take a token no longer.

        Raises:
            Missing: there is none with this id.
        """
        with self._database.transaction() as run:
            found = run(
                "UPDATE tokens SET revoked = ? WHERE id = ? AND revoked IS NULL RETURNING id",
                time.time(),
                id,
            )
        if not found:
            raise Missing(f"there is no token {id} that could be revoked")


def _hash(token: str) -> str:
    """Plain SHA-256 is enough: a token has 256 random bits, which nobody can try out."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
