import numpy as np
import pytest

from anamorph.app.shield.keyed import keyed, rekeyed, rotation_of
from anamorph.errors import BadKey, UsageError
from anamorph.keys import key as keys
from anamorph.keys.key import Key, Secret
from anamorph.templates.role import Features, Shielding, mark


@pytest.fixture
def key() -> Key:
    """The rotation key of 00 01 02 ... 1f."""
    known = keys.new("rotation")
    return Key(kind="rotation", secret=Secret(bytes(range(32))), created=known.created)


@pytest.fixture
def other() -> Key:
    return keys.new("rotation")


@pytest.fixture
def features() -> Features:
    return np.random.default_rng(0).normal(size=(20, 16)).astype(np.float32)


def test_the_rotation_of_a_key_never_changes(key: Key) -> None:
    drawn = [
        -0.825909100649435,
        0.349636282086028,
        0.442299251314652,
        0.540979359781271,
        0.712394551315372,
        0.447029457135452,
        0.158793859311652,
        -0.608480462714481,
        0.777519155223639,
    ]
    np.testing.assert_allclose(rotation_of(key, 3).matrix.ravel(), drawn, atol=1e-12)


def test_a_key_plays_the_role_of_a_shielding(key: Key, features: Features) -> None:
    shielding = keyed(key)
    assert isinstance(shielding, Shielding)
    assert mark(shielding) == f"keyed/1:{key.fingerprint}"
    shielded = shielding(features)
    np.testing.assert_array_equal(shielded, rotation_of(key, 16)(features))
    np.testing.assert_array_equal(shielding(features[:, :4]), rotation_of(key, 4)(features[:, :4]))


def test_keys_and_widths_have_rotations_of_their_own(key: Key, other: Key) -> None:
    a, b, c = rotation_of(key, 8).matrix, rotation_of(other, 8).matrix, rotation_of(key, 9).matrix
    assert abs(a - b).max() > 0.1
    assert abs(a - c[:8, :8]).max() > 0.1


def test_a_new_key_takes_the_place_of_an_old_one(key: Key, other: Key, features: Features) -> None:
    change = rekeyed(key, other)
    assert mark(change) == mark(keyed(other))
    np.testing.assert_allclose(change(keyed(key)(features)), keyed(other)(features), atol=1e-6)


def test_keys_of_another_kind_are_refused(key: Key, other: Key) -> None:
    sealed = keys.new("sealed")
    with pytest.raises(BadKey, match="is a sealed key, which does not rotate"):
        keyed(sealed)
    with pytest.raises(BadKey, match="is a sealed key"):
        rekeyed(sealed, key)
    with pytest.raises(BadKey, match="both keys are"):
        rekeyed(key, key)
    assert rekeyed(key, other).digest == other.fingerprint


def test_what_is_no_embedding_is_refused(key: Key) -> None:
    with pytest.raises(UsageError, match="features of 2 x 4 x 4 values, but 4 values"):
        keyed(key)(np.ones((1, 2, 4, 4), np.float32))
    with pytest.raises(UsageError, match="2 to 4096"):
        keyed(key)(np.ones((1, 5000), np.float32))
    with pytest.raises(UsageError, match="2 to 4096"):
        keyed(key)(np.ones((1, 1), np.float32))


def test_a_shielding_shows_nothing_of_its_key(key: Key) -> None:
    shielding = keyed(key)
    shielding(np.ones((1, 4), np.float32))
    assert repr(shielding) == f"Keyed(digest='{key.fingerprint}')"
