"""What a shielding takes and how its records are read, without the storing around it."""

import time
from dataclasses import dataclass, field

from anamorph.app.shield.kept import Kept, kept
from anamorph.templates.role import Features, Judged, Judging, Shielding


@dataclass(slots=True)
class Timed:
    """A shielding that notes its time, and how the matcher reads what it made."""

    shielding: Shielding
    records: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)
    cosines: list[float] = field(default_factory=list, init=False)

    def __call__(self, features: Features) -> Features:
        """Shield a batch; what a shielding prepares once, for its first row, is not counted."""
        if not self.records:
            self.shielding(features[:1])
        began = time.perf_counter()
        made = _judged(self.shielding, features)
        self.seconds += time.perf_counter() - began
        self.records += len(features)
        if made.cosines is not None:
            self.cosines.extend(made.cosines.tolist())
        return made.features

    @property
    def milliseconds(self) -> float | None:
        """For a record; None before the first."""
        return 1000 * self.seconds / self.records if self.records else None

    @property
    def kept(self) -> Kept | None:
        """How the matcher reads the records; None where that is not known, or nothing changes."""
        if not isinstance(self.shielding, Judging):
            return None
        return kept(self.cosines, self.shielding.least_cosine)


def _judged(shielding: Shielding, features: Features) -> Judged:
    if isinstance(shielding, Judging):
        return shielding.judged(features)
    return Judged(shielding(features), None)
