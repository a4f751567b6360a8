"""The verdict in one sentence, what leaks, and what nothing of this stops."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from anamorph.auditing.hidden.figures import Attempt, HiddenPicture, KindFigures
from anamorph.auditing.hidden.result import HideAudit
from anamorph.auditing.hidden.spread import Spread, luck, luck_of_picks
from anamorph.auditing.hidden.words import who
from anamorph.auditing.wording import counted, interval, percent
from anamorph.metrics.accuracy import Share

FEW = 16
"""With fewer pictures than this, seeing nothing proves nothing, and only what is certain leaks."""

SERVED = 0.8
"""The pictures do not serve their purpose where the service model reads fewer than this."""

BROKEN = 0.5
"""Not hidden: at least this share of the originals is seen, picked or revealed."""

RARE = 0.01
"""Luck is no explanation for what happens more rarely, all attackers taken together."""

SHOWN_BY_LUCK = 1e-4
"""The share of unrelated pictures in which the original seems to show."""

SOME_R2, MUCH_R2 = 0.05, 0.3
"""From where on the probe reads something, and much."""

SOME_SSIM = 0.05
"""By how much an attacker's SSIM must exceed that of the reference."""

FORCED_SSIM = 0.25
"""What a wrong key used by force may give: flat parts of a photo resemble any flat grey."""

FORCED_IDENTITY = 0.2
"""And the cosine, above that of pictures of others."""

Grade = Literal["hidden", "too few to tell", "partly hidden", "not hidden", "unknown"]

_ORDER: tuple[Grade, ...] = ("hidden", "too few to tell", "partly hidden", "not hidden")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """Something of the originals that can be had without the key."""

    what: str
    """A clause: `an attacker ...`."""
    much: bool
    """Whether it is so much that the pictures are not hidden."""
    certain: bool
    """Whether luck is ruled out, however few pictures there are: by what was counted, all tries
    together. Means that exceed a bar rule nothing out."""


def leaks(kind: KindFigures) -> tuple[Leak, ...]:
    """All that leaks from the pictures of one kind, to those who have neither key nor model."""
    return tuple(leak for leak in _leaks(kind) if leak.certain or not _few(kind))


def kind_grade(kind: KindFigures) -> Grade:
    """How well the pictures of one kind are hidden, as they are written."""
    found = leaks(kind)
    if any(leak.much for leak in found):
        return "not hidden"
    if found:
        return "partly hidden"
    return "too few to tell" if _few(kind) else "hidden"


def grade(audit: HideAudit) -> Grade:
    """That of the kind that is hidden worst."""
    return max((kind_grade(kind) for kind in audit.kinds), key=_ORDER.index, default="unknown")


def verdict(audit: HideAudit) -> str:
    """One sentence for every kind, with n and intervals."""
    if not audit.kinds:
        return "Nothing is known: no picture could be audited."
    return " ".join(_sentence(kind) for kind in audit.kinds)


def caution(audit: HideAudit) -> str:
    """What the reader must not overlook."""
    name = audit.service.name
    parts = [
        f"This stops nobody who has {name}: it reads f(x) from every hidden picture, and with it "
        "tells who is the same, and what else f(x) tells."
    ]
    for kind in audit.kinds:
        kept = kind.service.kept
        if kept.value is not None and kept.value < SERVED:
            parts.append(f"{name} reads only {percent(kept)} of the {kind.kind} pictures.")
        lost = [
            row.name for row in kind.spoiled if row.revealed.n and (row.revealed.value or 0) < 1
        ]
        if lost:
            parts.append(f"Not every {kind.kind} picture can be revealed after {', '.join(lost)}.")
    if audit.judge is None:
        parts.append("Whether a model that took no part recognizes anything was not measured.")
    return " ".join(parts)


def best_attack(kind: KindFigures) -> Attempt | None:
    """The attacker with pairs, as written, who came nearest."""
    tried = [row for row in kind.attackers if not row.error]
    return max(tried, key=lambda row: row.rank, default=None)


def exposure(image: HiddenPicture) -> float:
    """How much of a picture shows: the larger of SSIM and the size of the block correlation."""
    return max(image.ssim or 0.0, abs(image.block_correlation or 0.0))


def _sentence(kind: KindFigures) -> str:
    found, judged = leaks(kind), kind_grade(kind)
    pictures = counted(kind.n, f"{kind.kind} picture")
    if judged == "too few to tell":
        clauses = [leak.what for leak in _leaks(kind)] or [_shown(kind), _attackers(kind)]
        start = (
            f"{judged.capitalize()}: from {pictures}, {_joined([*clauses, *_judged(kind)])}, which "
            f"may be luck; audit at least {FEW}"
        )
    elif found:
        start = f"{judged.capitalize()}: from {pictures}, {_joined([leak.what for leak in found])}"
    else:
        start = (
            f"{judged.capitalize()}: of {pictures}, {_shown(kind)}, {_attackers(kind)}, and wrong "
            "keys get nothing to be recognized"
        )
    kept = kind.service.kept
    if kept.value is None:
        return f"{start}; {kind.service.name} was not asked: {kind.service.error}."
    return f"{start}; {kind.service.name} reads {percent(kept)} of them {interval(kept)}."


def _few(kind: KindFigures) -> bool:
    return kind.n < FEW


def _shown(kind: KindFigures) -> str:
    return f"the original shows in {_told(kind.shows.readable)}"


def _judged(kind: KindFigures) -> Iterator[str]:
    """Whom the model that took no part finds, if it was asked."""
    judge = kind.judge
    if judge is not None and judge.found.value is not None:
        yield (
            f"{judge.name}, which took no part, finds {_told(judge.found)} in the gallery where "
            f"guessing finds {100 * judge.chance:.1f} %"
        )


def _attackers(kind: KindFigures) -> str:
    best = best_attack(kind)
    if best is None:
        return "no attacker was tried"
    return (
        f"the best attacker ({who(best)}) picks "
        f"{percent(best.picked)} of the originals {interval(best.picked)} where guessing picks "
        f"{100 * best.chance:.1f} %"
    )


def _leaks(kind: KindFigures) -> Iterator[Leak]:
    shows, tries = kind.shows, max(1, len(kind.attempts) + 1)
    if _above(shows.readable, SOME_R2):
        yield Leak(
            what=_shown(kind),
            much=_above(shows.readable, BROKEN),
            certain=luck(_hits(shows.readable), shows.readable.n, SHOWN_BY_LUCK) < RARE / tries,
        )
    if shows.probe_r2 is not None and shows.probe_r2 > SOME_R2 + max(
        0.0, shows.probe_r2_of_noise or 0.0
    ):
        yield Leak(
            what=f"a linear probe reads an R2 of {shows.probe_r2:.2f}",
            much=shows.probe_r2 > MUCH_R2,
            certain=False,
        )
    judge = kind.judge
    if judge is not None and _lucky(judge.found, judge.chance, tries):
        yield Leak(what=" ".join(_judged(kind)), much=_above(judge.found, BROKEN), certain=True)
    if _lucky(shows.looked_at.picked, shows.looked_at.chance, tries):
        yield _picked("who only compares blocks of light", shows.looked_at)
    gaining = [row for row in kind.attackers if _gains(row, kind.references, tries)]
    if gaining:
        best = max(gaining, key=lambda row: row.rank)
        name = f"a {best.name} attacker with {counted(best.pairs or 0, 'pair')}"
        if _lucky(best.picked, best.chance, tries):
            yield _picked(name, best)
        else:
            yield Leak(
                what=f"{name} comes nearer than who does not look (SSIM {_mean(best.ssim):.2f}, "
                f"block correlation {_mean(best.block_correlation):.2f})",
                much=False,
                certain=False,
            )
    yield from _by_wrong_keys(kind)


def _by_wrong_keys(kind: KindFigures) -> Iterator[Leak]:
    wrong = kind.wrong_keys
    if wrong.refused.value is not None and wrong.refused.value < 1:
        yield Leak(
            what=f"wrong keys are refused by {_told(wrong.refused)} only", much=True, certain=True
        )
    strangers = max((_mean(row.identity) for row in kind.references), default=0.0)
    bars = (
        (wrong.identity, "an identity cosine", max(0.0, strangers) + FORCED_IDENTITY),
        (wrong.ssim, "an SSIM", FORCED_SSIM),
    )
    for measure, name, bar in bars:
        if measure is not None and measure.mean > bar:
            yield Leak(
                what=f"a wrong key used by force gives {name} of {measure.mean:.2f}",
                much=True,
                certain=False,
            )
            return


def _picked(who: str, row: Attempt) -> Leak:
    return Leak(
        what=f"{who} picks {_told(row.picked)} of the originals where guessing picks "
        f"{100 * row.chance:.1f} %",
        much=_above(row.picked, BROKEN),
        certain=True,
    )


def _gains(row: Attempt, references: Sequence[Attempt], tries: int) -> bool:
    """Whether an attacker does better than who looks at no hidden picture."""
    known = max((_mean(reference.ssim) for reference in references), default=0.0)
    nearer = _mean(row.ssim) > known + SOME_SSIM
    follows = bool(references) and all(
        _surely_more(row.block_correlation, reference.block_correlation) for reference in references
    )
    return _lucky(row.picked, row.chance, tries) or nearer or follows


def _surely_more(one: Spread | None, other: Spread | None) -> bool:
    """Whether the intervals of two means lie apart."""
    if one is None or other is None or one.low is None or other.high is None:
        return False
    return one.low > other.high


def _lucky(found: Share, chance: float, tries: int) -> bool:
    """Whether so many hits are too rare for luck, though it was tried so often."""
    if found.value is None:
        return False
    return luck_of_picks(_hits(found), found.n, chance) < RARE / tries


def _hits(found: Share) -> int:
    return round((found.value or 0) * found.n)


def _above(found: Share, bar: float) -> bool:
    return found.value is not None and found.value >= bar


def _mean(measure: Spread | None) -> float:
    return -1.0 if measure is None else measure.mean


def _told(found: Share) -> str:
    return f"{percent(found)} {interval(found)}"


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"
