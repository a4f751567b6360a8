import numpy as np

from anamorph.portraits.face import HAIR_STYLES, traits
from anamorph.portraits.palette import HAIR


def test_a_person_is_the_same_every_time() -> None:
    assert traits(12) == traits(12)


def test_geometry_fills_its_range_without_leaving_it() -> None:
    geometry = np.array([traits(i).geometry for i in range(200)])
    assert geometry.min() >= 0
    assert geometry.max() < 1
    assert (geometry.std(0) > 0.24).all()


def test_no_two_of_the_first_people_are_nearly_alike() -> None:
    geometry = np.array([traits(i).geometry for i in range(40)])
    apart = np.linalg.norm(geometry[:, None] - geometry[None], axis=-1)
    assert apart[~np.eye(40, dtype=bool)].min() > 1.0


def test_skin_runs_from_light_to_deep() -> None:
    brightness = np.array([sum(traits(i).skin) / 3 for i in range(100)])
    assert brightness.min() < 0.35
    assert brightness.max() > 0.82


def test_people_are_born_with_natural_hair_and_like_every_style() -> None:
    people = [traits(i) for i in range(100)]
    assert {p.natural_hair for p in people} < set(HAIR)
    assert {p.favorite_style for p in people} == set(HAIR_STYLES)
