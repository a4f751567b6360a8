"""Everything that an audit of shielded features works with, before anybody attacks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from anamorph.app.audit.shielded.command import AskedShield
from anamorph.app.audit.shielded.comparing import Matcher, matcher
from anamorph.app.audit.shielded.extracting import known_faces
from anamorph.app.audit.shielded.learning import Meter, unseen_kinds
from anamorph.app.audit.shielded.pairing import numbers
from anamorph.app.audit.shielded.parting import parted, without
from anamorph.app.audit.shielded.planning import counts_for, lessons_for, work
from anamorph.app.audit.shielded.renewing import anew, checked, method_of
from anamorph.app.audit.shielded.run import Thieves
from anamorph.app.audit.shielded.stealing import Stolen, stolen
from anamorph.app.shield.keyed import NAME
from anamorph.app.train.pictures import seen_by
from anamorph.app.train.shadow import read_decoder
from anamorph.auditing.hidden.witness import Witness
from anamorph.auditing.shielded.attacking import Knowing, Sides
from anamorph.auditing.shielded.scene import scene
from anamorph.errors import UsageError
from anamorph.files.photo import Limits
from anamorph.keys.key import Key
from anamorph.models import Model
from anamorph.models.networks.decoders import Decoder
from anamorph.templates.role import Shielding

LEARN = (100, 400, 1000)
"""Shielded records that attackers who adapt learn from."""

PAIRS = (16, 64, 256)
"""Plain embeddings that attackers of a keyed store know."""

DRAWN, MOST_KNOWN = 400, 1000
"""Pictures that attackers learn from, drawn and given, unless more records are learned from."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Theft:
    """A store, and who attacks it."""

    stolen: Stolen
    attacked: Tensor
    """Numbers of the records that are reconstructed."""
    thieves: Thieves
    matcher: Matcher
    known_from: str
    another: Shielding | None
    """The same shielding with other secrets; None where it cannot be had."""
    wanted: Sequence[int]
    """How many records attackers are to learn from."""


def prepared(
    asked: AskedShield,
    model: Model,
    judge: Witness,
    key: Key | None,
    limits: Limits,
    meter: Meter,
    found: Callable[[int], None] | None,
) -> Theft:
    """Read the store and the pictures, and give every attacker what he has.

    Args:
        asked: the arguments of the audit.
        model: the recognizer.
        judge: took no part.
        key: the store's.
        limits: on bytes and pixels.
        meter: of the work.
        found: told how much of it there is.

    Raises:
        UsageError: records and pictures that don't pair, too few people, or decoders of others.
        BadKey: a key of another store.
        FileError, StoreFailed: something cannot be read.
    """
    misled = [read_decoder(path) for path in asked.shadows]
    where = asked.store, asked.pictures
    taken = stolen(*where, model, asked.layer, limits, asked.plain, asked.tail)
    made_by, method = taken.made_by, method_of(taken.mark, asked.method)
    own_key = checked(key, method, taken.mark)
    given = _given(asked.decoders, made_by.shape, taken.name)
    decoys = None if asked.decoys is None else seen_by(model, [asked.decoys]).pictures
    another = anew(method, asked.preset, made_by, misled, decoys, lambda _: meter.tell(0))
    public = None if method == NAME else another
    people = numbers(picture.person for picture in taken.pictures)
    part = parted(
        [people[picture.person] for picture in taken.pictures],
        asked.seed,
        asked.attacked,
        rest=method != "none" and public is None,
    )
    wanted = tuple(asked.learn) or (PAIRS if method == NAME else LEARN)
    most = max(DRAWN if asked.known is None else MOST_KNOWN, *wanted)
    faces, known_from = known_faces(asked.known, made_by, most, limits)
    known = without(faces, taken.faces)
    there = len(known.features) if public is not None else len(part.rest)
    counts, kinds = counts_for(wanted, there), unseen_kinds(made_by.shape, misled)
    todo = work(
        *(made_by, 0 if given else len(kinds), counts, asked.updates),
        invert=asked.inverted > 0,
        shield=public is not None,
    )
    meter.begin(todo, found)
    lessons = None
    if counts:
        lessons = lessons_for(taken, part.rest, known, public, max(counts), meter)
    compared = matcher(taken, people, asked.probes, method, own_key, asked.threshold, limits)
    chosen = part.attacked
    knowing = None
    if method == NAME:
        knowing = Knowing(taken.clean[part.rest], taken.records[part.rest], known.features)
    thieves = Thieves(
        method=method,
        made_by=made_by,
        sides=Sides(taken.clean[chosen], taken.records[chosen]),
        scene=scene(
            taken.faces.pictures[chosen].float().div(255),
            compared.people[chosen],
            judge,
            model.output,
            compared.clean[chosen],
            compared.limit.value,
        ),
        known=known,
        given=given,
        kinds=kinds,
        lessons=lessons,
        knowing=knowing,
        counts=counts,
        updates=asked.updates,
        inverted=asked.inverted,
        seed=asked.seed,
        meter=meter,
    )
    return Theft(
        stolen=taken,
        attacked=chosen,
        thieves=thieves,
        matcher=compared,
        known_from=known_from,
        another=another,
        wanted=wanted,
    )


def _given(paths: Sequence[Path], shape: tuple[int, ...], where: str) -> Mapping[str, Decoder]:
    """The user's decoders by the names of their files."""
    found = {}
    for path in paths:
        decoder = read_decoder(path)
        if decoder.design.feature != shape:
            raise UsageError(
                f"{path}: decodes features of shape {decoder.design.feature}, but those of {where} "
                f"have {shape}; train it on this recognizer and layer"
            )
        found[path.stem] = decoder
    return found
