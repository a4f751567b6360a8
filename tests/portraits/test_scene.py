from dataclasses import replace

import pytest

from anamorph.errors import UsageError
from anamorph.portraits.face import HAIR_STYLES, traits
from anamorph.portraits.hair import STYLES
from anamorph.portraits.scene import EXPRESSIONS, MUSCLES, Muscles, directed, shot


def test_a_picture_is_taken_the_same_way_every_time() -> None:
    assert shot(traits(5), 9) == shot(traits(5), 9)


def test_expressions_are_about_equally_frequent() -> None:
    taken = [shot(traits(i), n).expression for i in range(20) for n in range(50)]
    assert all(150 < taken.count(name) < 250 for name in EXPRESSIONS)


def test_hair_is_a_hint_and_no_shortcut() -> None:
    person = traits(7)
    worn = [shot(person, n).hair_style for n in range(400)]
    usual = worn.count(person.favorite_style) / len(worn)
    assert 0.38 < usual < 0.57
    assert set(worn) == set(HAIR_STYLES)


def test_what_is_not_chosen_stays_as_it_was_drawn() -> None:
    taken = shot(traits(3), 4)
    chosen = directed(taken, expression="happy")
    assert chosen.expression == "happy"
    assert replace(chosen, expression=taken.expression) == taken


def test_glasses_can_be_put_on_and_taken_off() -> None:
    taken = shot(traits(3), 4)
    assert directed(taken, glasses=True).glasses is not None
    assert directed(taken, glasses=False).glasses is None


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    taken = shot(traits(0), 0)
    with pytest.raises(UsageError, match=r"expression 'bored'.*neutral, happy"):
        directed(taken, expression="bored")
    with pytest.raises(UsageError, match=r"hair style 'mohawk'.*crop"):
        directed(taken, hair_style="mohawk")


def test_every_expression_has_its_muscles_and_every_style_its_hair() -> None:
    assert tuple(MUSCLES) == EXPRESSIONS
    assert tuple(STYLES) == HAIR_STYLES


def test_a_stronger_expression_pulls_further() -> None:
    assert Muscles(smile=0.5, brows_in=-1.0).scaled(2) == Muscles(smile=1.0, brows_in=-2.0)
