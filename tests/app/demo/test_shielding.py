"""The third act of the demo, with decoders that hardly learn."""

from dataclasses import replace

import pytest

from anamorph.app.demo import shielding


def test_thieves_try_every_table_and_the_matcher_finds_its_people(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("SHADOW", "THIEF", "ADAPTED"):
        monkeypatch.setattr(shielding, name, replace(getattr(shielding, name), updates=2))
    for name, people in (("LEARNED", range(1000, 1006)), ("DECOYS", range(5000, 5002))):
        monkeypatch.setattr(shielding, name, people)
    monkeypatch.setattr(shielding, "KNOWN", 2)
    made = shielding.shielded(2, 1000)
    assert [one.stored for one in made.thefts] == ["plain", "advface", "advface", "decoy"]
    assert made.thefts[2].thief == "one that learned from 2 records"
    assert [one.name for one in made.stolen] == ["person 00", "person 01"]
    assert all(one.before.shape == (64, 64, 3) for one in made.stolen)
    assert all(len(one.guesses) == 4 for one in made.stolen)
    assert [one.found for one in made.thefts] == [1.0] * 4
    assert all(0 <= one.named <= 1 and -1 <= one.ssim <= 1 for one in made.thefts)
