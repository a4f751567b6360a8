"""The stages of an audit of hidden pictures: look at each, then attack those of each kind."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from anamorph.adversaries.hidden import ATTACKERS
from anamorph.app.audit.hidden.attacks import (
    FEWEST,
    UNSEEN,
    Attacked,
    Attacking,
    Parted,
    can_share,
    counts_for,
    parted,
)
from anamorph.app.audit.hidden.figures import kind_figures
from anamorph.app.audit.hidden.pairs import HiddenPair, problem
from anamorph.app.audit.hidden.pictures import Looked, Looking
from anamorph.app.audit.hidden.writing import Showing
from anamorph.app.hide.revealing import Beside
from anamorph.app.ledger import reason
from anamorph.auditing.hidden.figures import Attempt, HiddenPicture, KindFigures
from anamorph.auditing.hidden.witness import Witness
from anamorph.auditing.wording import counted
from anamorph.errors import FileError
from anamorph.files.photo import Limits
from anamorph.keys.key import Key
from anamorph.models import Model

SPOILED = 100
"""Pictures of each kind that are spoiled in every way, at the most."""

_EFFORT = 5  # an attacker takes about as long as looking at so many pictures


class AuditedKind(NamedTuple):
    """What was found of the pictures of one kind, and what is needed to show them."""

    figures: KindFigures
    showing: Showing
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HideRun:
    """What an audit works with."""

    service: Model
    judge: Witness | None
    key: Key
    limits: Limits
    beside: Beside
    seed: int
    counts: Sequence[int]
    """How many pairs attackers are to learn from."""
    inverted: int
    watch: Callable[[int], None] | None

    def work(self, pairs: Sequence[HiddenPair]) -> int:
        """How much there is to do, in pictures."""
        return len(pairs) + len({pair.notice.kind for pair in pairs}) * self._attacks()

    def look(self, pairs: Sequence[HiddenPair]) -> tuple[list[Looked], list[HiddenPicture]]:
        """Measure every pair; what cannot be read is reported, and the others go on.

        Raises:
            ModelError: the service model failed.
        """
        looked: list[Looked] = []
        problems: list[HiddenPicture] = []
        tried: dict[str, int] = {}
        with TemporaryDirectory() as scratch:
            looking = Looking(
                service=self.service,
                judge=self.judge,
                key=self.key,
                limits=self.limits,
                beside=self.beside,
                seed=self.seed,
                scratch=Path(scratch),
            )
            for pair in pairs:
                count = tried[pair.notice.kind] = tried.get(pair.notice.kind, 0) + 1
                try:
                    looked.append(looking.look(pair, spoil=count <= SPOILED))
                except (FileError, OSError) as error:
                    why = reason(pair.source, error)
                    problems.append(problem(pair.source, pair.output, why))
                self._tell(1)
        return looked, problems

    def audit(self, kind: str, looked: Sequence[Looked]) -> AuditedKind:
        """Attack the pictures of one kind, and put together what was found.

        Args:
            kind: of their key.
            looked: what was found of each of them; at least one.

        Raises:
            FileError: a file has changed since it was looked at.
        """
        size = self.service.input.size
        attacking = Attacking(
            service=self.service,
            judge=self.judge,
            key=self.key,
            limits=self.limits,
            seed=self.seed,
            size=size,
        )
        part = parted(looked, self.seed, max(self.counts, default=0), size)
        attacked = Attacked()
        notes = list(_model_note(kind, looked, self.service))
        if part.enough:
            self._attack(attacking, part, attacked)
        else:
            notes.append(
                f"{counted(len(looked), f'{kind} picture')}: too few for attackers, who need "
                f"{FEWEST} to learn from and {FEWEST} others to be tried on"
            )
            self._tell(self._attacks())
        figures = kind_figures(
            kind,
            looked,
            self.service,
            self.judge,
            attacking.looked_at(part.unseen if part.enough else looked[:UNSEEN]),
            attacked,
            unseen=len(part.unseen) if part.enough else 0,
            known=len(part.known) if part.enough else 0,
        )
        showing = Showing(
            kind=kind,
            part=part,
            attacked=attacked,
            key=self.key,
            limits=self.limits,
            beside=self.beside,
        )
        return AuditedKind(figures, showing, tuple(notes))

    def _attack(self, attacking: Attacking, part: Parted, attacked: Attacked) -> None:
        counts, left = counts_for(self.counts, len(part.known)), self._attacks()
        pictures = attacking.prepared(part)
        left -= self._told(attacking.attack(pictures, counts, attacked))
        mine = [one.service is not None for one in part.unseen]
        if self.inverted and all(mine):
            left -= self._told(attacking.invert(pictures, self.inverted, attacked))
        if can_share(part, self.key):
            del pictures  # both would take twice the memory
            pictures = attacking.prepared(part, shared=True)
            left -= self._told(attacking.attack_shared(pictures, counts, attacked))
        self._tell(left)

    def _attacks(self) -> int:
        """How much work the attacks on one kind are, at the most."""
        rows = 2 * len(self.counts) * (len(ATTACKERS) - 1) + 2
        return rows * _EFFORT

    def _told(self, rows: Iterable[Attempt]) -> int:
        done = 0
        for _ in rows:
            done += _EFFORT
            self._tell(_EFFORT)
        return done

    def _tell(self, done: int) -> None:
        if self.watch is not None and done > 0:
            self.watch(done)


def by_kind(looked: Iterable[Looked]) -> Mapping[str, Sequence[Looked]]:
    """Pictures by the kind of their key."""
    kinds: dict[str, list[Looked]] = {}
    for one in looked:
        kinds.setdefault(one.figures.kind, []).append(one)
    return kinds


def _model_note(kind: str, looked: Sequence[Looked], service: Model) -> Iterable[str]:
    other = sum(one.service is None for one in looked)
    if other:
        yield (
            f"{counted(other, f'{kind} picture')} hidden for another model than {service.name}: of "
            "these no agreement is claimed"
        )
