"""A key: a secret of one kind, known to the world only by its fingerprint."""

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, NoReturn, TypeAlias, final, get_args

from anamorph.errors import UsageError
from anamorph.keys.hkdf import hkdf

Kind: TypeAlias = Literal["sealed", "permuted", "network", "rotation"]
"""What a key is for; no key serves two purposes."""

KINDS: tuple[Kind, ...] = get_args(Kind)

SECRET_SIZE = 32
"""Bytes of every secret but a network's."""

LARGEST_NETWORK = 64 * 2**20
"""Bytes a network's weights may have: a 9-block ResNet generator has about 45 MB in float32."""

_FINGERPRINT_SIZE = 10


@final
class Secret:
    """Bytes that show themselves only to who asks by name, with `reveal`.

    They appear in no `repr`, `str`, `format`, `vars` or `asdict`, and are never pickled.

    Example:
        >>> print([Secret(b"hunter2")])
        [Secret(hidden)]
    """

    __slots__ = ("_bytes",)

    def __init__(self, value: bytes) -> None:
        self._bytes = value

    def reveal(self) -> bytes:
        """The bytes themselves, for a cipher or a key file."""
        return self._bytes

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._bytes, other._bytes)

    def __hash__(self) -> int:
        return hash(self._bytes)

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is never pickled; write the key to a key file instead")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A secret, what it is for, and when it was made.

    The secret has 32 bytes, or is the safetensors file of a network's weights (1 byte to 64 MiB).
    `created` is in UTC and whole seconds.

    Raises:
        UsageError: an unknown kind, a secret of the wrong size, or a time that is not as above.
    """

    kind: Kind
    secret: Secret = field(repr=False)
    created: datetime
    fingerprint: str = field(init=False)
    """80 bits in groups of four hex digits, to tell keys apart; public, and no help in finding the
    secret, except that it confirms a guess: weights that were ever published are no secret."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"no kind of key is called {self.kind!r}; use {', '.join(KINDS)}")
        secret = self.secret.reveal()
        if len(secret) not in secret_sizes(self.kind):
            sizes = secret_sizes(self.kind)
            wanted = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
            raise UsageError(f"a {self.kind} key has {wanted} bytes, not {len(secret)}")
        if self.created.utcoffset() != timedelta(0) or self.created.microsecond:
            raise UsageError("a key's time must be in UTC and whole seconds; see `key.new`")
        object.__setattr__(self, "fingerprint", _fingerprint(self.kind, secret))


def new(kind: Kind) -> Key:
    """A fresh key from the operating system's randomness.

    Raises:
        UsageError: for a network key, which is trained, not drawn; or an unknown kind.
    """
    if kind == "network":
        raise UsageError("a network key is trained, not drawn; use `anamorph train key`")
    return Key(kind=kind, secret=Secret(secrets.token_bytes(SECRET_SIZE)), created=_now())


def network_key(weights: bytes) -> Key:
    """The key that is a trained network, given as the bytes of its safetensors file.

    Raises:
        UsageError: no bytes, or more than 64 MiB.
    """
    return Key(kind="network", secret=Secret(weights), created=_now())


def secret_sizes(kind: Kind) -> range:
    """The sizes in bytes that a secret of this kind may have."""
    if kind == "network":
        return range(1, LARGEST_NETWORK + 1)
    return range(SECRET_SIZE, SECRET_SIZE + 1)


def _fingerprint(kind: Kind, secret: bytes) -> str:
    # No kind is called "fingerprint", so no subkey (`derive.subkey`) ever has this label.
    label = f"anamorph/1/fingerprint/{kind}".encode("ascii")
    return hkdf(secret, salt=b"", info=label, size=_FINGERPRINT_SIZE).hex("-", 2)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
