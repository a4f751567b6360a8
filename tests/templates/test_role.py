from dataclasses import dataclass

from anamorph.templates.role import Features, Shielding, mark


@dataclass(frozen=True)
class Negation:
    name: str = "negation"
    version: int = 2
    digest: str = "ab12"

    def __call__(self, features: Features) -> Features:
        return -features


def test_a_mark_says_method_version_and_digest() -> None:
    assert isinstance(Negation(), Shielding)
    assert mark(Negation()) == "negation/2:ab12"
