"""From readings to figures: what each model kept, alone and under every attack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anamorph.auditing.protocol import Readings
from anamorph.auditing.views import CLEAN, PROTECTED, View
from anamorph.metrics.accuracy import NOTHING, Share, mean_share, share
from anamorph.types import Task

LEARNED = 0.8
"""Of the originals it read before, an attacker who learned anything still reads this share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Under:
    """What one model reads under one attack, of the pictures it reads right when clean."""

    kept: Share
    """Still right when protected and attacked."""
    clean: Share
    """Still right when only attacked: what the attack costs by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFigures:
    """What one model made of the pictures."""

    name: str
    task: Task
    sha256: str
    weights_sha256: str
    surrogate: bool
    """Whether it was used while protecting, so that its figures say nothing of unseen models."""
    error: str
    """Why the model stopped reading; its figures are empty then."""
    clean: Share
    """Right readings of the originals; nothing without labels, as nobody knows what is right."""
    protected: Share
    """Right readings of the protected pictures; without labels equal to `kept`."""
    kept: Share
    """Of those right when clean, the ones right when protected. Lower is better protection."""
    agreement: Share
    """Readings of the protected pictures that equal the model's own clean ones."""
    confidence_clean: Share
    """Mean highest softmax value on the originals; nothing for embedding models."""
    confidence_protected: Share
    cosine: float | None
    """Of embedding models: mean cosine between the embeddings before and after."""
    under: Mapping[str, Under]
    """By attack."""
    controls: Mapping[str, Share]
    """By kind of noise: of those right when clean, the ones right with noise."""

    @property
    def counts(self) -> bool:
        """Whether it belongs to the mean over unseen models."""
        return not self.error and not self.surrogate


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelMeans:
    """The mean over the models of the panel that were not used while protecting."""

    models: int
    kept: Share
    under: Mapping[str, Under]
    controls: Mapping[str, Share]


Way = Literal["labels", "distilled"]
"""What an attacker learned: the right labels, or what a model answers for the originals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveFigures:
    """What a model of the panel reads after it has learned from protected pictures."""

    way: Way
    model: str
    pictures: int
    """Learned from."""
    held_out: int
    """Others, which the figures are of."""
    before: Share
    """Of the held-out originals read right before learning, those read right protected."""
    after: Share
    """The same after learning."""
    clean_before: Share
    """Held-out originals read right."""
    clean_after: Share
    complete: bool
    """False where time ran out."""

    @property
    def learned(self) -> bool:
        """Whether it still reads originals: else it unlearned, and its figures prove nothing."""
        before, after = self.clean_before.value or 0, self.clean_after.value or 0
        return after >= LEARNED * before


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionFigures:
    """How well protected pictures are told from originals by a detector that learned from some."""

    accuracy: Share
    """Of originals and protected pictures together; 0.5 is chance."""
    auc: Share
    """How often a protected picture scores above an original; 0.5 is chance. Its interval is at
    the number of pictures, which is as wide as it can be: its variance is at most that of a
    share of them (Birnbaum and Klose 1957)."""
    learned_from: int
    """Pictures, half of them protected."""
    held_out: int
    """Pictures, half of them protected, which the figures are of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureReading:
    """What one model made of one picture."""

    model: str
    answer_clean: str | int | None
    """The class, by name where it has one; None of embedding models."""
    answer_protected: str | int | None
    right_clean: bool
    right_protected: bool
    confidence_clean: float
    """The highest softmax value; of embedding models, the cosine to the clean embedding."""
    confidence_protected: float


def model_figures(
    readings: Readings,
    attacks: Sequence[str],
    controls: Sequence[str],
    *,
    surrogate: bool,
) -> ModelFigures:
    """The figures of one model."""
    error = readings.errors[0] if readings.errors else ""
    void, labeled = bool(error), readings.wanted is not None
    right = NONE if void else readings.right(CLEAN)

    def all_of(hits: NDArray[np.bool_], view: View) -> Share:
        return _among(hits, readings.read(view))

    def kept(view: View) -> Share:
        return NOTHING if void else _among(readings.right(view), right & readings.read(view))

    def confidence(view: View) -> Share:
        return NOTHING if void or readings.embeds else _mean(readings.confidence[view])

    party = readings.party
    return ModelFigures(
        name=party.name,
        task=party.task,
        sha256=party.digest,
        weights_sha256=party.weights_digest,
        surrogate=surrogate,
        error=error,
        clean=all_of(right, CLEAN) if labeled and not void else NOTHING,
        protected=NOTHING if void else all_of(readings.right(PROTECTED), PROTECTED),
        kept=kept(PROTECTED),
        agreement=NOTHING if void else all_of(readings.same(PROTECTED), PROTECTED),
        confidence_clean=confidence(CLEAN),
        confidence_protected=confidence(PROTECTED),
        cosine=_mean_cosine(readings) if readings.embeds and not void else None,
        under={
            a: Under(kept=kept(View("protected", a)), clean=kept(View("clean", a))) for a in attacks
        },
        controls={name: kept(View(name)) for name in controls},
    )


def panel_means(
    panel: Sequence[ModelFigures], attacks: Sequence[str], controls: Sequence[str]
) -> PanelMeans:
    """The mean over the panel, without models that crashed or were used while protecting."""
    counted = [model for model in panel if model.counts]
    return PanelMeans(
        models=len(counted),
        kept=mean_share([m.kept for m in counted]),
        under={
            a: Under(
                kept=mean_share([m.under[a].kept for m in counted]),
                clean=mean_share([m.under[a].clean for m in counted]),
            )
            for a in attacks
        },
        controls={c: mean_share([m.controls[c] for m in counted]) for c in controls},
    )


def picture_reading(readings: Readings, index: int) -> PictureReading:
    """What a model made of one picture."""

    def answer(view: View) -> str | int | None:
        number = int(readings.answers[view][index])
        labels = readings.party.labels
        if readings.embeds:
            return None
        return labels[number] if number < len(labels) else number

    return PictureReading(
        model=readings.party.name,
        answer_clean=answer(CLEAN),
        answer_protected=answer(PROTECTED),
        right_clean=bool(readings.right(CLEAN)[index]),
        right_protected=bool(readings.right(PROTECTED)[index]),
        confidence_clean=float(readings.confidence[CLEAN][index]),
        confidence_protected=float(readings.confidence[PROTECTED][index]),
    )


NONE = np.zeros(0, dtype=np.bool_)
"""The right readings of a model that crashed."""


def _among(hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> Share:
    return share(int((hits & among).sum()), int(among.sum()))


def _mean(values: NDArray[np.float64]) -> Share:
    known = values[~np.isnan(values)]
    return share(float(known.sum()), len(known))


def _mean_cosine(readings: Readings) -> float | None:
    known = readings.confidence[PROTECTED]
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else None
