"""Which shielding is meant, and who can have it anew."""

from pathlib import Path

import pytest

from anamorph.app.audit.shielded.extracting import Extractor
from anamorph.app.audit.shielded.renewing import anew, checked, method_of, renewal_notes
from anamorph.app.shield.keyed import keyed
from anamorph.app.train.shadow import read_decoder
from anamorph.errors import BadKey, UsageError
from anamorph.keys import key as keys
from anamorph.models import Model
from anamorph.models.split import split
from anamorph.templates.role import Shielding, mark


@pytest.fixture
def of_maps(recognizer: Model) -> Extractor:
    return Extractor(model=recognizer, cut=split(recognizer), shape=(6, 8, 8))


def test_the_mark_says_the_method_else_the_user_does() -> None:
    assert method_of("advface/1:ab", None) == "advface"
    assert method_of(None, "decoy") == "decoy"
    assert method_of(None, None) == "none"
    with pytest.raises(UsageError, match="which is not keyed"):
        method_of("advface/1:ab", "keyed")


def test_public_shieldings_are_made_anew_with_the_same_digest(
    of_maps: Extractor, shadow: Path, advface: Shielding
) -> None:
    another = anew("advface", "fast", of_maps, [read_decoder(shadow)])
    assert another is not None
    assert mark(another) == mark(advface)
    assert list(renewal_notes("advface", mark(advface), another)) == []
    paper = anew("advface", "paper", of_maps, [read_decoder(shadow)])
    (note,) = renewal_notes("advface", mark(advface), paper)
    assert "other shadows, decoys or parameters" in note


def test_what_cannot_be_made_anew_is_none(of_maps: Extractor, recognizer: Model) -> None:
    assert anew("advface", "fast", of_maps, []) is None
    assert anew("none", "fast", of_maps, []) is None
    embeddings = Extractor(model=recognizer, cut=None, shape=(8,))
    assert anew("decoy", "fast", embeddings, []) is None
    (note,) = renewal_notes("decoy", "decoy/1:ab", None)
    assert "decoy was not made anew (it cannot be made anew here)" in note


def test_a_new_key_is_another_one(of_maps: Extractor) -> None:
    one, two = (anew("keyed", "fast", of_maps, []) for _ in range(2))
    assert one is not None
    assert two is not None
    assert mark(one) != mark(two)
    assert list(renewal_notes("keyed", mark(one), two)) == []


def test_the_key_must_be_the_stores() -> None:
    key = keys.new("rotation")
    carried = mark(keyed(key))
    assert checked(None, "keyed", carried) is None
    assert checked(key, "keyed", carried) is not None
    assert checked(key, "keyed", None) is not None
    with pytest.raises(BadKey, match="give the store's key"):
        checked(keys.new("rotation"), "keyed", carried)
    with pytest.raises(UsageError, match="shielded by advface, which has no key"):
        checked(key, "advface", "advface/1:ab")
