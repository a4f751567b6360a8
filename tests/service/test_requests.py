"""Requests that cannot be understood: every fault is named, with what may have been meant."""

import pytest

from anamorph.service.refusals import Malformed
from anamorph.service.requests import parsed


@pytest.mark.parametrize(
    ("verb", "fields", "says"),
    [
        (
            "protect",
            {"modelx": ["toy"]},
            "model: Field required; modelx: is no field that is known; is model meant?",
        ),
        ("protect", {"model": ["toy"], "epsilom": ["8"]}, "epsilom: is no field .* is epsilon"),
        ("reveal", {"pasphrase": ["x"]}, "pasphrase: .* is passphrase meant"),
        ("reveal", {"zzz": ["x"]}, "zzz: .*; known are stored_key, passphrase$"),
        ("read", {"originalx": ["x"]}, "originalx: .* is original meant"),
        ("protect", {"model": ["toy"], "picture": ["x"]}, "curl -F picture=@FILE"),
        ("protect", {"model": ["toy"], "q" * 10_000: ["x"]}, r"q{40}\.\.\.: is no field"),
        ("protect", {"model": ["toy", "toy"]}, "model: is given 2 times"),
    ],
)
def test_what_is_unknown_is_named_with_what_is_near(
    verb: str, fields: dict[str, list[str]], says: str
) -> None:
    with pytest.raises(Malformed, match=says) as caught:
        parsed(verb, fields)
    assert "Extra inputs" not in str(caught.value)
    assert len(str(caught.value)) < 300
