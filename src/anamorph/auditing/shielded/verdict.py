"""The verdict in one sentence, what broke the shield, and what it never stops."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from anamorph.auditing.hidden.spread import luck_of_picks
from anamorph.auditing.hidden.words import figure
from anamorph.auditing.shielded.figures import Attempt, Group
from anamorph.auditing.shielded.result import ShieldAudit
from anamorph.auditing.wording import as_percent, counted, interval, percent

FEW = 16
"""With fewer faces than this, seeing nothing proves nothing."""

BROKEN = 0.5
"""A shield that lets unseen decoders show at least this share of the faces does not stop them."""

RARE = 0.01
"""Luck is no explanation for what happens more rarely, all attackers taken together."""

REPLAYED = 0.05
"""So many reconstructions that pass for their person are no chance at a matcher's threshold."""

Grade = Literal["shielded", "too few to tell", "partly shielded", "not shielded", "unknown"]

ATTACKING: tuple[Group, ...] = ("unseen", "adaptive", "embedding", "inversion", "pairs")

WHO: dict[Group, str] = {
    "unseen": "a decoder that never saw a shielded record",
    "adaptive": "a decoder that learned from shielded records",
    "embedding": "whoever reads the record with the recognizer",
    "inversion": "whoever has the recognizer's weights",
    "pairs": "whoever knows the plain embeddings of some records",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """An attacker who gets somewhere."""

    row: Attempt
    picks: bool
    """His reconstructions point at the right faces more often than luck explains."""
    passes: bool
    """They pass for their person."""


def who(row: Attempt) -> str:
    """An attacker with what he learned from."""
    if row.learned is None:
        return row.name
    return f"{row.name}, {counted(row.learned, 'pair' if row.group == 'pairs' else 'record')}"


def breakers(audit: ShieldAudit) -> tuple[Breaker, ...]:
    """Who gets somewhere, the nearest to the faces first."""
    rows = audit.of(*ATTACKING)
    found = [
        Breaker(
            row=row,
            picks=_lucky(row, audit.method.chance, len(rows)),
            passes=row.shielded is not None and row.shielded.replayed.low > REPLAYED,
        )
        for row in rows
    ]
    return tuple(
        sorted((b for b in found if b.picks or b.passes), key=lambda b: b.row.rank, reverse=True)
    )


def best(audit: ShieldAudit, *groups: Group) -> Attempt | None:
    """Of some groups, the attacker who came nearest to the faces."""
    return max(audit.of(*groups), key=lambda row: row.rank, default=None)


def grade(audit: ShieldAudit) -> Grade:
    """How well the records are shielded, against everybody who was tried."""
    rows = audit.of(*ATTACKING)
    if not any(row.shielded is not None and row.shielded.picked.n for row in rows):
        return "unknown"
    found, unseen = breakers(audit), best(audit, "unseen")
    if unseen is not None and _half(unseen) and any(b.row is unseen for b in found):
        return "not shielded"
    if found:
        return "partly shielded"
    return "too few to tell" if audit.store.attacked < FEW else "shielded"


def verdict(audit: ShieldAudit) -> str:
    """One sentence with n and intervals."""
    store = audit.store
    records = counted(store.attacked, f"{store.method} record".replace("none ", "plain "))
    judged = grade(audit)
    if judged == "unknown":
        return f"Nothing is known of {records}: {audit.judge.name} could not judge."
    guessing = (
        f"of the faces out of a line-up where guessing picks {as_percent(audit.method.chance)}"
    )
    parts = [_picks(row, guessing if i == 0 else "") for i, row in enumerate(_told(audit))]
    return f"{judged.capitalize()}: of {records}, {'; '.join(parts)}; {matcher(audit)}."


def caution(audit: ShieldAudit) -> str:
    """What the reader must not overlook."""
    return " ".join(_caution(audit))


def matcher(audit: ShieldAudit) -> str:
    """What becomes of the matcher's accuracy, as a clause."""
    found = audit.accuracy
    if found.before is None or found.after is None:
        return f"what the matcher loses was not measured ({found.reason})"
    for far in sorted(found.before.tar, key=float):
        before, after = found.before.tar[far], found.after.tar[far]
        if before.value is not None:
            return (
                f"the matcher accepts {percent(after)} of the pairs of one person "
                f"{interval(after)} at a false accept rate of {as_percent(float(far))}, before "
                f"{percent(before)}"
            )
    before, after = found.before.accuracy, found.after.accuracy
    return (
        f"the matcher is right in {percent(after)} of pairs {interval(after)}, before "
        f"{percent(before)}"
    )


def _told(audit: ShieldAudit) -> Iterator[Attempt]:
    """The best who never saw a record, and the best of all if it is another."""
    unseen, nearest = best(audit, "unseen"), best(audit, *ATTACKING)
    if unseen is not None:
        yield unseen
    if nearest is not None and nearest is not unseen:
        yield nearest


def _picks(row: Attempt, guessing: str) -> str:
    shown = row.shielded
    if shown is None:
        return ""
    clean = "" if row.clean is None else f", from clean features {percent(row.clean.picked)}"
    passes = "" if shown.replayed.value is None else f"passes in {percent(shown.replayed)}, "
    return (
        f"{WHO[row.group]} ({who(row)}) picks {percent(shown.picked)} {interval(shown.picked)}"
        f"{' ' + guessing if guessing else ''}{clean} ({passes}SSIM {figure(shown.ssim)}, identity "
        f"{figure(shown.identity)})"
    )


def _caution(audit: ShieldAudit) -> Iterator[str]:
    found = breakers(audit)
    adapted = [b for b in found if b.row.group == "adaptive"]
    if adapted:
        least = min(b.row.learned or 0 for b in adapted)
        yield f"An attacker who adapts undoes the shield with {counted(least, 'record')}."
    passing = [b.row for b in found if b.passes and b.row.shielded is not None]
    if passing:
        row = max(passing, key=lambda r: 0 if r.shielded is None else r.shielded.replayed.low)
        if row.shielded is not None:
            yield (
                f"What {who(row)} gives passes for its person in {percent(row.shielded.replayed)} "
                f"{interval(row.shielded.replayed)}."
            )
    for link in audit.links:
        if link.d_sys is not None and link.d_sys_by_chance is not None:
            if link.d_sys > link.d_sys_by_chance:
                yield "Two stores of the same people can be linked, record by record."
            if (link.accepted.value or 0) >= BROKEN:
                yield "A stolen record still matches after the store is renewed."
    if not audit.of("adaptive") and audit.store.method != "none":
        yield "No attacker who adapts was tried."


def _lucky(row: Attempt, chance: float, tries: int) -> bool:
    if row.shielded is None or not row.shielded.picked.n:
        return False
    picked = row.shielded.picked
    hits = round((picked.value or 0) * picked.n)
    return luck_of_picks(hits, picked.n, chance) * tries < RARE


def _half(row: Attempt) -> bool:
    return row.shielded is not None and (row.shielded.picked.value or 0) >= BROKEN
