import math
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from anamorph.errors import TooLarge, WrongKey
from anamorph.keys import sealing
from anamorph.keys.derive import subkey
from anamorph.keys.key import KINDS, Key, Kind, Secret, new
from anamorph.keys.sealing import open_sealed, seal, sealed_size

REFUSAL = r"^key 4738-3801-1229-716a-9f5f does not open this, or it was changed since it was"

# `seal(b"a picture", key, b"manifest")` with the nonce 00 01 ... 0f.
FROZEN = bytes.fromhex("""
    000102030405060708090a0b0c0d0e0fa24415ebe63e490d659dd7826b42e7f27f39987f65c55028
    a562c9364d9b917b4deb4f07e69e105cc3cf59af3ab2bf3f098fa5118d3254d0b4e7cba82dd392f2
    d1b3e15cb56610fd16578b20e144923cb6ccbf1d723a285e043ecd7a2b359b258e44923a0225a271
    74e6c0cab76a38bb9cfcf01118416240bcaa521c7450f2461686f269787f1c2314ebdb0fa3158806
    bfe48ee03d32eba091434c41d1e5beaea511ec6b584531035e7050249e8018a76384d14cf9183835
    8a46449fd4e7dc22f8b832130877e8b879ba4d8212b1a0ac09b76ce74092be6d9f639098dcfcc0a9
    4d6c8a23eaf64402ba9e69af8a2ac89ea5a32d33aec4d1e3d1de0f336a1bc97621778565f3aae94e
    2eba525d08240fb2
""")


@pytest.fixture(scope="module")
def sealed(key: Key) -> bytes:
    return seal(b"a picture", key, b"manifest")


def test_what_was_sealed_by_version_1_opens(key: Key) -> None:
    assert open_sealed(FROZEN, key, b"manifest") == b"a picture"


@given(st.binary(max_size=2000), st.binary(max_size=50), st.sampled_from(KINDS))
def test_what_is_sealed_opens_with_the_same_key(
    plaintext: bytes, associated: bytes, kind: Kind
) -> None:
    key = replace(new("sealed"), kind=kind)
    sealed = seal(plaintext, key, associated)
    assert open_sealed(sealed, key, associated) == plaintext
    assert len(sealed) == sealed_size(len(plaintext))


@pytest.mark.parametrize("size", [0, 247, 248, 249, 4095, 65_528, 65_529, 300_001])
def test_sizes_about_the_steps_come_back_exactly(key: Key, size: int) -> None:
    plaintext = bytes([7]) * size
    sealed = seal(plaintext, key, b"")
    assert open_sealed(sealed, key, b"") == plaintext
    assert len(sealed) == sealed_size(size)


def test_every_seal_is_another(key: Key) -> None:
    seals = [seal(b"a picture", key, b"") for _ in range(50)]
    assert len({sealed[:16] for sealed in seals}) == 50
    assert len({sealed[16:32] for sealed in seals}) == 50


def test_every_flipped_bit_is_refused(key: Key, sealed: bytes) -> None:
    for i in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[i // 8] ^= 1 << i % 8
        with pytest.raises(WrongKey, match=REFUSAL):
            open_sealed(bytes(changed), key, b"manifest")


def test_every_truncation_and_extension_is_refused(key: Key, sealed: bytes) -> None:
    for cut in range(len(sealed)):
        with pytest.raises(WrongKey, match=REFUSAL):
            open_sealed(sealed[:cut], key, b"manifest")
    with pytest.raises(WrongKey, match=REFUSAL):
        open_sealed(sealed + b"\0", key, b"manifest")


def test_another_secret_kind_or_manifest_is_refused_alike(key: Key, sealed: bytes) -> None:
    others = [(replace(key, secret=Secret(bytes(32))), b"manifest")]
    others += [(replace(key, kind=kind), b"manifest") for kind in KINDS if kind != "sealed"]
    others += [(key, b""), (key, b"manifesT")]
    messages = set()
    for other, associated in others:
        with pytest.raises(WrongKey) as caught:
            open_sealed(sealed, other, associated)
        assert caught.value.__cause__ is None
        messages.add(str(caught.value).replace(other.fingerprint, "..."))
    assert len(messages) == 1


@given(st.binary(max_size=600))
def test_noise_is_refused_and_nothing_else_happens(noise: bytes) -> None:
    with pytest.raises(WrongKey):
        open_sealed(noise, new("sealed"), b"")


@pytest.mark.parametrize("length", [249, 2**40, 2**64 - 1])
def test_an_authentic_seal_with_an_impossible_length_is_refused(key: Key, length: int) -> None:
    nonce = bytes(16)
    inside = length.to_bytes(8, "big") + bytes(248)
    ciphertext = AESGCM(subkey(key, nonce, "seal")).encrypt(bytes(12), inside, b"")
    with pytest.raises(WrongKey, match=REFUSAL):
        open_sealed(nonce + ciphertext, key, b"")


def test_the_length_of_up_to_16_mib_tells_at_most_8_point_6_bits() -> None:
    sizes, size = set(), 0
    while size <= 2**24:
        sizes.add(sealed_size(size))
        size += sealed_size(size) - 40 - size + 1  # the least size that needs the next step
    assert math.log2(len(sizes)) < 8.6
    within_a_factor_of_two = {s for s in sizes if 2**23 < s <= 2**24}
    assert len(within_a_factor_of_two) <= 33


@given(st.integers(0, 2**30))
def test_padding_costs_at_most_the_stated_share(size: int) -> None:
    inside, padded = size + 8, sealed_size(size) - 32
    assert padded >= inside
    if inside > 256:
        assert padded - inside <= inside * (0.0313 if inside > 2**16 else 0.0625)


def test_more_than_fits_is_refused(key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "LARGEST", 8)
    assert open_sealed(seal(bytes(8), key, b""), key, b"") == bytes(8)
    with pytest.raises(TooLarge, match="cannot seal 9 bytes, only 8"):
        seal(bytes(9), key, b"")
