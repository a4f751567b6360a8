"""Cuts pictures into shards, so that a picture more or less moves only the shard it is in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import PurePosixPath
from unicodedata import normalize

from anamorph.files.remote import Entry

PICTURES = 64
"""In a shard, on average: what is lost when a worker dies, and done again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Pictures that one worker works on together, and whose records lie in one file."""

    name: str
    """Follows from its pictures: other pictures, or others' content, make another shard."""
    entries: tuple[tuple[int, Entry], ...]
    """Each with the number of the source it was found in."""

    def parts(self, *, together: bool = False) -> Iterator["Shard"]:
        """A shard for every picture, or for all that have one name, where they share a result."""
        for _, some in groupby(self.entries, lambda one: _place(one[1]) if together else one):
            yield shard_of(tuple(some))


def shard_of(entries: Sequence[tuple[int, Entry]]) -> Shard:
    """The shard of these pictures.

    Example:
        >>> cat = Entry(url="s3://b/cat.png", relative="cat.png", size=3, stamp="a")
        >>> shard_of([(0, cat)]).name == shard_of([(0, cat)]).name
        True
    """
    told = "\n".join(f"{e.url}\t{e.size}\t{e.stamp}" for _, e in entries)
    return Shard(name=_digest(told).hex()[:24], entries=tuple(entries))


def cut(entries: Sequence[tuple[int, Entry]], pictures: int = PICTURES) -> tuple[Shard, ...]:
    """Shards of half to twice as many pictures as asked for.

    Where one ends depends on the pictures' names alone. Pictures whose results would have one name
    stay together, so that the clash is seen.

    Args:
        entries: pictures, each with the number of its source.
        pictures: in a shard, on average.
    """
    ordered = sorted(entries, key=lambda one: (_place(one[1]), one[1].relative, one[0]))
    shards: list[Shard] = []
    open_: list[tuple[int, Entry]] = []
    for one in ordered:
        apart = not open_ or _place(open_[-1][1]) != _place(one[1])
        if apart and len(open_) * 2 >= pictures and _ends(open_, pictures):
            shards.append(shard_of(open_))
            open_ = []
        open_.append(one)
    if open_:
        shards.append(shard_of(open_))
    return tuple(shards)


def _ends(open_: Sequence[tuple[int, Entry]], pictures: int) -> bool:
    if len(open_) >= 2 * pictures:
        return True
    drawn = int.from_bytes(_digest(open_[-1][1].url)[:8], "big")
    return drawn % max(1, pictures // 2) == 0


def _place(entry: Entry) -> str:
    return normalize("NFC", str(PurePosixPath(entry.relative).with_suffix(""))).casefold()


def _digest(text: str) -> bytes:
    return sha256(text.encode(errors="surrogateescape")).digest()  # of names that are no text, too
