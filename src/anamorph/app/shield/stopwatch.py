"""How long a shielding takes, without the reading and the writing around it."""

import time
from dataclasses import dataclass, field

from anamorph.templates.role import Features, Shielding


@dataclass(slots=True)
class Timed:
    """A shielding that notes its time."""

    shielding: Shielding
    records: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)

    def __call__(self, features: Features) -> Features:
        """Shield a batch; what a shielding prepares once, for its first row, is not counted."""
        if not self.records:
            self.shielding(features[:1])
        began = time.perf_counter()
        shielded = self.shielding(features)
        self.seconds += time.perf_counter() - began
        self.records += len(features)
        return shielded

    @property
    def milliseconds(self) -> float | None:
        """For a record; None before the first."""
        return 1000 * self.seconds / self.records if self.records else None
