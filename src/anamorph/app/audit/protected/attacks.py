"""What an audit does to the pictures before models read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anamorph.adversaries.purify import purifier
from anamorph.adversaries.transforms import transforms_named
from anamorph.auditing.views import Attack


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacks:
    """What is done to the pictures, by name, and what it means."""

    of: Mapping[str, Attack]
    meanings: Mapping[str, str]


def attacks_named(transforms: Sequence[str], purify: Sequence[str]) -> Attacks:
    """Transforms and purifiers by their names.

    Raises:
        UsageError: one that nobody knows.
    """
    chosen = transforms_named(transforms)
    attacks: dict[str, Attack] = {t.name: t for t in chosen}
    meanings = {t.name: t.meaning for t in chosen}
    for name in dict.fromkeys(purify):
        attacks[name] = purifier(name)
        meanings[name] = "purified: a denoiser that knows nothing of the protection"
    return Attacks(of=attacks, meanings=meanings)
