import pytest

from anamorph.models.readers.json_path import value_at

ANSWER = {"found": [{"name": "cat", "p": 0.5}, {"name": "dog"}], "0": "zero"}


@pytest.mark.parametrize(
    ("path", "value"), [("found.0.name", "cat"), ("found.1.name", "dog"), ("0", "zero")]
)
def test_keys_and_indices_lead_to_a_value(path: str, value: str) -> None:
    assert value_at(ANSWER, path) == value


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("label", "no 'label' in the answer, which is a table of 'found', '0'"),
        ("found.2.name", "no '2' in found, which is a list of 2"),
        ("found.-1", "no '-1' in found"),
        ("found.0.p.x", "no 'x' in found.0.p, which is a float"),
    ],
)
def test_a_path_that_ends_early_says_where(path: str, says: str) -> None:
    with pytest.raises(LookupError) as caught:
        value_at(ANSWER, path)
    assert str(caught.value).startswith(says)
