import numpy as np
import pytest

from anamorph.errors import UsageError
from anamorph.templates.checking import as_features, check_rows, check_shape, faulty


def test_floats_of_any_size_become_float32() -> None:
    for kind in (np.float16, np.float32, np.float64):
        assert as_features(np.ones((2, 3), kind), "here").dtype == np.float32
    with pytest.raises(UsageError, match="here: values of type object"):
        as_features(np.array([[None]]), "here")
    with pytest.raises(UsageError, match=r"here: an array of shape \(3,\)"):
        as_features(np.ones(3, np.float32), "here")
    with pytest.raises(UsageError, match=r"shape \(3, 0\)"):
        as_features(np.ones((3, 0), np.float32), "here")


def test_only_the_first_of_many_faulty_rows_are_named() -> None:
    assert faulty(np.ones(7, bool), "abcdefg") == "7 rows (a, b, c, d, e, ...)"
    assert faulty(np.array([False, True]), "ab") == "1 row (b)"


def test_maps_are_checked_as_a_whole() -> None:
    maps = np.zeros((2, 2, 2, 2), np.float32)
    maps[0, 1, 1, 1] = 1
    with pytest.raises(UsageError, match=r"1 row \(b\) are all zero"):
        check_rows(["a", "b"], maps, "here")
    check_rows(["a"], maps[:1], "here")


@pytest.mark.parametrize("value", [1e-30, 1.0, 1e30])
def test_rows_of_any_length_but_zero_are_sound(value: float) -> None:
    rows = np.full((2, 3), value, np.float32)
    check_rows("ab", rows, "here")
    rows[1, 2] = np.nan
    with pytest.raises(UsageError, match=r"1 row \(b\) hold NaN or infinity"):
        check_rows("ab", rows, "here")


def test_shapes_are_told_in_words() -> None:
    with pytest.raises(UsageError, match="features of 2 x 3 values, but 512 values are expected"):
        check_shape((2, 3), (512,), "here")
