"""Which models read in an audit, and which of them may."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anamorph.auditing.parties import Labels, Party, outputs, own_numbers, surrogates_in
from anamorph.auditing.protocol import Readings
from anamorph.errors import UsageError
from anamorph.models import load
from anamorph.models.readers import load_reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The models of an audit."""

    authorized: Party
    unseen: tuple[Party, ...]
    """The panel; with `surrogates`, not all of it is unseen."""
    surrogates: frozenset[str]
    """Weight digests of the models that were used while protecting."""
    notes: tuple[str, ...]

    def classes(self) -> int:
        """How many classes the authorized model has."""
        return outputs(self.authorized)

    def is_surrogate(self, party: Party) -> bool:
        """Whether a member of the panel was used while protecting."""
        return party is not self.authorized and party.weights_digest in self.surrogates

    def readings(self, labels: Sequence[int | None]) -> tuple[Readings, ...]:
        """Empty readings, the authorized model's first.

        Args:
            labels: the right classes as the authorized model numbers them, or all None.

        Raises:
            UsageError: a model does not know a label that is used.
        """
        known = [label for label in labels if label is not None]
        return tuple(
            Readings(party=party, wanted=None)
            if party.task == "embed" or not known
            else self._labeled(party, known)
            for party in (self.authorized, *self.unseen)
        )

    def _labeled(self, party: Party, labels: Sequence[int]) -> Readings:
        given = Labels(of=tuple(labels), names=self.authorized.labels)
        try:
            own = own_numbers(party, given, self.classes())
        except UsageError:
            raise
        except Exception as error:  # whatever the network raises: its row will say so
            broken = f"{type(error).__name__}: {error}"
            return Readings(party=party, wanted=None, errors=[broken])
        return Readings(party=party, wanted=np.array([own[label] for label in labels]))


def panel_of(
    authorized: Party | str | Path,
    panel: Sequence[Party | str | Path],
    used: Mapping[str, Any],
    *,
    allow_surrogates: bool,
    answers: Path | None = None,
    device: str = "cpu",
) -> Panel:
    """Load the models and refuse those that would make the audit mean nothing.

    Args:
        authorized: the model that is to keep reading.
        panel: the models that are to fail.
        used: the models that the manifest of the protected files names.
        allow_surrogates: take those into the panel too, marked.
        answers: a file that keeps what services answer; None keeps it in memory.
        device: where models are loaded that are named.

    Raises:
        UsageError: no panel, a detector, a model twice, or one that was used while protecting.
        ModelError: a model cannot be loaded.
    """
    if not panel:
        raise UsageError("there is no panel; give at least one model with --panel")
    own = load(authorized, device=device) if isinstance(authorized, str | Path) else authorized
    unseen = tuple(
        load_reader(model, answers=answers, device=device)
        if isinstance(model, str | Path)
        else model
        for model in panel
    )
    for party in (own, *unseen):
        if party.task == "detect":
            raise UsageError(
                f"{party.name}: detectors cannot be audited; give a model with the task classify "
                "or embed"
            )
    _check_names((own, *unseen))
    surrogates = surrogates_in(used) | {own.weights_digest}
    known = [party.name for party in unseen if party.weights_digest in surrogates]
    if known and not allow_surrogates:
        raise UsageError(
            f"{', '.join(known)}: was used while protecting, so it says nothing of unseen models; "
            "take it out of --panel, or add --allow-surrogates to have it marked"
        )
    return Panel(
        authorized=own,
        unseen=unseen,
        surrogates=surrogates,
        notes=(*_surrogate_note(known), *_manifest_note(own, used)),
    )


def _check_names(parties: Sequence[Party]) -> None:
    seen: set[str] = set()
    for party in parties:
        if party.name in seen:
            raise UsageError(
                f"{party.name}: two models have this name; take one out, or give it another name "
                "in its card"
            )
        seen.add(party.name)


def _surrogate_note(known: Sequence[str]) -> tuple[str, ...]:
    if not known:
        return ()
    return (f"used while protecting, and so left out of the means: {', '.join(known)}",)


def _manifest_note(own: Party, used: Mapping[str, Any]) -> tuple[str, ...]:
    also = used.get("also_authorized")
    told = [used.get("authorized"), *(also if isinstance(also, list) else ())]
    named = {one.get("weights_sha256"): one.get("name") for one in told if isinstance(one, Mapping)}
    if not named or None in named or own.weights_digest in named:
        return ()
    names = " and ".join(map(str, named.values()))
    return (
        f"the files were protected for {names}, not for the model that is taken for authorized "
        f"here, {own.name}",
    )
