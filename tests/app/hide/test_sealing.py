"""A sealed picture holds the original file for its key, and nothing for any other."""

import secrets
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from anamorph.app.hide.construction import Original
from anamorph.app.hide.sealing import Carrier, Sealing, unseal
from anamorph.errors import TooLarge, WrongKey
from anamorph.files import lowbits, sealed_header
from anamorph.files.sealed_header import SealedHeader
from anamorph.keys import key as keys
from anamorph.methods.sealed import Sealed

ORIGINAL = Original("more/zo\u00eb \udcff.jpg", b"\xff\xd8 a photo" * 40, torch.zeros(1, 3, 16, 16))


@pytest.fixture(scope="module")
def sealing() -> Sealing:
    return Sealing(
        key=keys.new("sealed"),
        parameters=Sealed(),
        height=16,
        width=24,
        model="0123456789abcdef" * 2,
        most_pixels=10**6,
    )


@pytest.fixture(scope="module")
def carrier(sealing: Sealing) -> Carrier:
    return sealing.prepare(ORIGINAL, sealing.fit(ORIGINAL.name, len(ORIGINAL.data)))


def _pixels(sealing: Sealing, carrier: Carrier, seed: int = 0) -> NDArray[np.uint8]:
    generator = np.random.default_rng(seed)
    value = torch.from_numpy(generator.random(carrier.low.shape, np.float32))
    return sealing.pixels(value, carrier)


def _header(pixels: NDArray[np.uint8]) -> SealedHeader:
    header = sealed_header.load(lowbits.header_in(pixels), "a.png")
    assert header is not None
    return header


def test_name_and_bytes_come_back_whatever_the_high_bits_are(
    sealing: Sealing, carrier: Carrier
) -> None:
    for seed in range(3):
        pixels = _pixels(sealing, carrier, seed)
        assert unseal(pixels, _header(pixels), sealing.key) == (ORIGINAL.name, ORIGINAL.data)


def test_a_good_file_passes_its_check(sealing: Sealing, carrier: Carrier) -> None:
    check = sealing.check(_pixels(sealing, carrier), ORIGINAL, carrier)
    assert check.fault == ""
    assert check.other_refused


@pytest.mark.parametrize("at", [0, 511, 512, 1000])
def test_a_changed_low_bit_is_found_before_the_file_counts(
    sealing: Sealing, carrier: Carrier, at: int
) -> None:
    pixels = _pixels(sealing, carrier)
    pixels.reshape(-1)[at] ^= 1
    fault = sealing.check(pixels, ORIGINAL, carrier).fault
    assert ("does not hold" if at < 512 else "does not reveal") in fault


def test_what_is_revealed_must_be_the_original(sealing: Sealing, carrier: Carrier) -> None:
    other = ORIGINAL._replace(data=b"another photo")
    assert "something else" in sealing.check(_pixels(sealing, carrier), other, carrier).fault


def test_the_header_is_authenticated_with_the_content(sealing: Sealing, carrier: Carrier) -> None:
    pixels = _pixels(sealing, carrier)
    header = _header(pixels)
    forged = replace(header, model="f" * 32)
    for key, claimed in ((sealing.key, forged), (keys.new("sealed"), header)):
        with pytest.raises(WrongKey):
            unseal(pixels, claimed, key)


def test_preparing_twice_shares_no_randomness(sealing: Sealing, carrier: Carrier) -> None:
    again = sealing.prepare(ORIGINAL, carrier.fit)
    assert again.seed != carrier.seed
    same = (again.low == carrier.low).double().mean().item()
    assert same == pytest.approx(2.0**-carrier.fit.bits, abs=0.05 + 512 / carrier.low.numel())


def test_the_low_bits_look_random(sealing: Sealing) -> None:
    original = Original("a.jpg", bytes(20_000), ORIGINAL.shown)
    carrier = sealing.prepare(original, sealing.fit(original.name, len(original.data)))
    counts = np.bincount(carrier.low.permute(1, 2, 0).reshape(-1)[512:].numpy(), minlength=16)
    expected = counts.sum() / 16
    assert ((counts - expected) ** 2 / expected).sum() < 60  # chi squared, 15 degrees of freedom


def test_names_and_sizes_of_one_step_get_one_picture(sealing: Sealing) -> None:
    assert sealing.fit("a.jpg", 20_000) == sealing.fit("bcd.jpg", 20_010)
    with pytest.raises(TooLarge):
        sealing.fit("a.jpg", 10**7)


def test_a_file_of_random_bytes_survives_too(sealing: Sealing) -> None:
    original = ORIGINAL._replace(data=secrets.token_bytes(5000))
    carrier = sealing.prepare(original, sealing.fit(original.name, 5000))
    assert sealing.check(_pixels(sealing, carrier), original, carrier).fault == ""
