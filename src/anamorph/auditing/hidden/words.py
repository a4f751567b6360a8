"""Measures in words, the same in every report of hidden pictures."""

from anamorph.auditing.hidden.figures import Attempt
from anamorph.auditing.hidden.spread import Spread


def figure(measure: Spread | None, digits: int = 3) -> str:
    """A mean.

    Example:
        >>> figure(Spread(mean=0.5, low=None, high=None, least=0.4, most=0.6, n=2))
        '0.500'
    """
    return "-" if measure is None else f"{measure.mean:.{digits}f}"


def extent(measure: Spread, digits: int = 3) -> str:
    """The extremes of a measure, with n and the mean's interval, in brackets.

    Example:
        >>> extent(Spread(mean=0.5, low=0.3, high=0.7, least=0.4, most=0.6, n=3), 1)
        '(n 3, mean 0.3 to 0.7; all 0.4 to 0.6)'
    """
    mean = (
        ""
        if measure.low is None or measure.high is None
        else f"mean {measure.low:.{digits}f} to {measure.high:.{digits}f}; "
    )
    return f"(n {measure.n}, {mean}all {measure.least:.{digits}f} to {measure.most:.{digits}f})"


def who(row: Attempt) -> str:
    """An attacker with his pairs."""
    return row.name if row.pairs is None else f"{row.name}, {row.pairs} pairs"
