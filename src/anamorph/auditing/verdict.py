"""The verdict in one sentence, and what broke the protection."""

from dataclasses import dataclass
from typing import Literal

from anamorph.auditing.audit import Audit, PictureFigures
from anamorph.auditing.figures import Under
from anamorph.auditing.wording import counted, interval, percent

STRONG = 0.2
"""Protected: fewer of the readings than this are left, even at the interval's upper end."""

BROKEN = 0.5
"""Not protected: this share of the readings, or more, is left."""

UNUSABLE = 0.8
"""The own model is broken too where it keeps less than this."""

Grade = Literal["protected", "partly protected", "not protected", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """An attack, and what the panel reads under it."""

    name: str
    meaning: str
    panel: Under
    authorized: Under

    @property
    def breaks(self) -> bool:
        """Whether the pictures are not protected any more under it."""
        return self.panel.kept.value is not None and self.panel.kept.value >= BROKEN

    @property
    def spoils(self) -> bool:
        """Whether the own model loses its readings under it."""
        kept = self.authorized.kept.value
        return kept is not None and kept < UNUSABLE


def grade(audit: Audit) -> Grade:
    """How well the pictures are protected against the panel as they are, unattacked."""
    kept = audit.means.kept
    if kept.value is None:
        return "unknown"
    if kept.value >= BROKEN:
        return "not protected"
    return "protected" if kept.high <= STRONG else "partly protected"


def verdict(audit: Audit) -> str:
    """One sentence with n and the interval."""
    kept, own = audit.means.kept, audit.authorized.kept
    keeps = f"{audit.authorized.name} keeps {percent(own)} of its readings {interval(own)}"
    if kept.value is None:
        return f"Nothing is known of other models, since none could be measured; {keeps}."
    models = counted(audit.means.models, "model")
    return (
        f"{grade(audit).capitalize()}: {models} that the protection did not know still read "
        f"{percent(kept)} of what they read before {interval(kept)}, and {keeps}."
    )


def breakers(audit: Audit) -> tuple[Breaker, ...]:
    """All the attacks, the one that gives most readings back first."""
    found = [
        Breaker(
            name=name,
            meaning=audit.method.attacks[name],
            panel=under,
            authorized=audit.authorized.under[name],
        )
        for name, under in audit.means.under.items()
    ]
    return tuple(sorted(found, key=lambda b: -(b.panel.kept.value or 0)))


def caution(audit: Audit) -> str:
    """What the reader must not overlook, in one sentence or two."""
    attacks = breakers(audit)
    if audit.means.kept.value is None:
        return "Choose other models for the panel."
    parts = []
    broken = [b for b in attacks if b.breaks]
    if broken and grade(audit) != "not protected":
        listed = ", ".join(f"{b.name} ({percent(b.panel.kept)})" for b in broken[:3])
        parts.append(f"These give the readings back: {listed}.")
    elif attacks and grade(audit) != "not protected":
        worst = attacks[0]
        parts.append(
            f"Of {counted(len(attacks), 'attack')} tried, {worst.name} gives most back: "
            f"{percent(worst.panel.kept)} {interval(worst.panel.kept)}."
        )
    able = [row for row in audit.adaptive if row.learned]
    learned = max(able, key=lambda row: row.after.value or 0, default=None)
    if learned is not None:
        parts.append(
            f"An attacker who learned from {counted(learned.pictures, 'protected picture')} keeps "
            f"{percent(learned.after)} of the readings {interval(learned.after)}."
        )
    spoiled = [b.name for b in attacks if b.spoils]
    if spoiled:
        parts.append(f"{audit.authorized.name} loses its own readings under {', '.join(spoiled)}.")
    noise = [s for s in audit.means.controls.values() if s.value is not None]
    best = min(noise, key=lambda s: s.value or 0, default=None)
    if best is not None and (best.value or 0) <= (audit.means.kept.value or 0):
        parts.append("Plain noise of the same size does as much as this protection.")
    if not attacks:
        parts.append("No attack was tried, so this holds for untouched files only.")
    return " ".join(parts)


def exposure(image: PictureFigures, names: frozenset[str]) -> tuple[float, float] | None:
    """How much models read of a protected picture: share of those that could, their confidence.

    Args:
        image: an audited picture.
        names: the models that count.

    Returns:
        None where no model read the original right, so that there was nothing to protect.
    """
    able = [r for r in image.readings if r.model in names and r.right_clean]
    if not able:
        return None
    still = [r.confidence_protected for r in able if r.right_protected]
    return len(still) / len(able), sum(still) / len(able)


def ranked(audit: Audit) -> tuple[PictureFigures, ...]:
    """Pictures from the one that is protected worst to the one protected best."""
    names = frozenset(model.name for model in audit.panel if model.counts)
    known = [(e, image) for image in audit.audited if (e := exposure(image, names)) is not None]
    return tuple(image for _, image in sorted(known, key=lambda pair: pair[0], reverse=True))
