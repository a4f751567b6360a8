"""The attacker who learns from protected pictures, as rows of an audit."""

from collections.abc import Sequence

from anamorph.adversaries.adaptive import Training
from anamorph.app.adaptive import Adaptation, adapt
from anamorph.app.audit_loading import Cases
from anamorph.auditing.figures import AdaptiveFigures
from anamorph.auditing.protocol import Readings
from anamorph.errors import ModelError, UsageError
from anamorph.files.photo import Limits
from anamorph.models import Model


def adaptive_figures(
    counts: Sequence[int],
    readings: Sequence[Readings],
    surrogates: frozenset[str],
    found: Cases,
    seed: int,
    limits: Limits,
) -> tuple[tuple[AdaptiveFigures, ...], tuple[str, ...]]:
    """Let the first unseen classifier of the panel learn, and read what it did not learn from.

    Args:
        counts: of the protected pictures to learn from, each one a training of its own.
        readings: of the panel, with labels.
        surrogates: weight digests of the models that were used while protecting.
        found: the pictures that were audited.
        seed: of the training.
        limits: on bytes and pixels.

    Returns:
        A row for each count, and why there is none where there is none.
    """
    if not counts:
        return (), ()
    for one in readings:
        model = one.party
        unseen = model.weights_digest not in surrogates
        if isinstance(model, Model) and one.wanted is not None and unseen and not one.errors:
            labels = {
                found.cases[i].item.source.absolute().as_posix().lstrip("/"): int(one.wanted[i])
                for i in found.looks
            }
            items = [found.cases[i].item for i in sorted(found.looks)]
            try:
                adaptation = adapt(
                    items,
                    labels,
                    model,
                    counts=counts,
                    training=Training(seed=seed),
                    limits=limits,
                )
            except (UsageError, ModelError) as error:
                return (), (f"no attacker could learn: {error}",)
            return _rows(adaptation), ()
    return (), ("no attacker could learn: the panel has no unseen classifier that can be trained",)


def _rows(adaptation: Adaptation) -> tuple[AdaptiveFigures, ...]:
    return tuple(
        AdaptiveFigures(
            model=adaptation.model,
            pictures=learned.pictures,
            held_out=adaptation.held_out,
            before=adaptation.before.kept,
            after=learned.after.kept,
            clean_before=adaptation.before.clean,
            clean_after=learned.after.clean,
            complete=learned.complete,
        )
        for learned in adaptation.learned
    )
