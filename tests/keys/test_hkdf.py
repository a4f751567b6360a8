import hashlib
import hmac

import pytest

from anamorph.keys.hkdf import hkdf

# RFC 5869, appendix A: secret, salt, info, output.
VECTORS = [
    (
        "0b" * 22,
        bytes(range(0x0D)).hex(),
        bytes(range(0xF0, 0xFA)).hex(),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)).hex(),
        bytes(range(0x60, 0xB0)).hex(),
        bytes(range(0xB0, 0x100)).hex(),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
        "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
        "cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        "0b" * 22,
        "",
        "",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]


@pytest.mark.parametrize(("secret", "salt", "info", "output"), VECTORS)
def test_the_vectors_of_the_rfc_come_out(secret: str, salt: str, info: str, output: str) -> None:
    derived = hkdf(
        bytes.fromhex(secret),
        salt=bytes.fromhex(salt),
        info=bytes.fromhex(info),
        size=len(output) // 2,
    )
    assert derived.hex() == output


def test_it_is_the_two_steps_of_the_rfc_written_out() -> None:
    extracted = hmac.digest(b"salt", b"secret", hashlib.sha256)
    expanded = hmac.digest(extracted, b"info\x01", hashlib.sha256)
    assert hkdf(b"secret", salt=b"salt", info=b"info", size=32) == expanded
