"""How the matcher reads records that were shielded, counted over a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Cosines of what the matcher makes of records with what it makes of the plain features."""

    records: int
    """Looked at; of a plan those that were tried."""
    kept: int
    """Those from the least cosine on, which count as read as before."""
    least_cosine: float
    lowest: float
    """Of all cosines."""
    median: float

    @property
    def less(self) -> int:
        """Records that count as read worse than before."""
        return self.records - self.kept

    def as_json(self) -> dict[str, Any]:
        """The contract of `matching` in `shield --json`."""
        return {
            "records": self.records,
            "kept": self.kept,
            "least_cosine": self.least_cosine,
            "lowest": round(self.lowest, _DIGITS),
            "median": round(self.median, _DIGITS),
        }


def kept(cosines: Sequence[float], least_cosine: float) -> Kept | None:
    """What is to be said of cosines; None where there are none.

    Example:
        >>> found = kept([0.95, 0.7, 0.8], 0.9)
        >>> (found.kept, found.less, found.lowest, found.median)
        (1, 2, 0.7, 0.8)
        >>> kept([], 0.9) is None
        True
    """
    if not cosines:
        return None
    return Kept(
        records=len(cosines),
        kept=sum(cosine >= least_cosine for cosine in cosines),
        least_cosine=least_cosine,
        lowest=min(cosines),
        median=median(cosines),
    )
