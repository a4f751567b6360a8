"""A parameter is declared once; command line, manifests, docs and checks derive from it.

Example:
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, kw_only=True)
    ... class Demo:
    ...     epsilon: float = knob(16 / 255, "Largest change of a pixel.", symbol="ε", above=0,
    ...                           scale=255)
    ...     def __post_init__(self) -> None:
    ...         check(self)
    >>> [k.name for k in knobs(Demo)]
    ['epsilon']
    >>> shown(Demo())
    {'epsilon': 16.0}
    >>> Demo(epsilon=-1)
    Traceback (most recent call last):
        ...
    anamorph.errors.ParameterError: epsilon is -255, but must be above 0
"""

import math
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields
from numbers import Integral, Real
from typing import Any, get_args, get_type_hints

from anamorph.errors import ParameterError


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """What is known of one parameter."""

    name: str
    type: Any
    default: Any
    meaning: str
    symbol: str = ""
    above: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    choices: tuple[str, ...] = ()
    scale: float = 1.0
    """Users type and read `value * scale`: budgets are in [0, 1] inside, 0..255 outside."""

    @property
    def range(self) -> str:
        """The allowed values in words, on the scale users type."""
        if self.choices:
            return ", ".join(self.choices)
        parts = []
        if self.above is not None:
            parts.append(f"above {self.above * self.scale:g}")
        if self.at_least is not None:
            parts.append(f"at least {self.at_least * self.scale:g}")
        if self.at_most is not None:
            parts.append(f"at most {self.at_most * self.scale:g}")
        return ", ".join(parts)


def knob(
    default: Any,
    meaning: str,
    *,
    symbol: str = "",
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    choices: Sequence[str] = (),
    scale: float = 1.0,
) -> Any:
    """A dataclass field that carries its symbol, range, unit and meaning."""
    about = {
        "meaning": meaning,
        "symbol": symbol,
        "above": above,
        "at_least": at_least,
        "at_most": at_most,
        "choices": tuple(choices),
        "scale": scale,
    }
    return field(default=default, metadata={"knob": about})


def knobs(parameters: type[Any] | Any) -> tuple[Knob, ...]:
    """The parameters of a dataclass, in the order they are declared."""
    cls = parameters if isinstance(parameters, type) else type(parameters)
    types = get_type_hints(cls)
    return tuple(
        Knob(
            name=f.name,
            type=types[f.name],
            default=None if f.default is MISSING else f.default,
            **f.metadata["knob"],
        )
        for f in fields(cls)
        if "knob" in f.metadata
    )


def check(parameters: Any) -> None:
    """Refuse values of another type, or outside their range.

    Raises:
        ParameterError: naming the parameter, its value and what is allowed.
    """
    for k in knobs(parameters):
        value = getattr(parameters, k.name)
        if wanted := _wanted(k, value):
            seen = f"{value * k.scale:g}" if _is(Real, value) else repr(value)
            raise ParameterError(f"{k.name} is {seen}, but must be {wanted}")


def _wanted(k: Knob, value: Any) -> str:
    """What a value should have been; nothing if it is."""
    kinds = get_args(k.type) or (k.type,)
    if k.choices:
        return "" if value in k.choices else f"one of {k.range}"
    if value is None and type(None) in kinds:
        return ""
    if bool in kinds:
        return "" if isinstance(value, bool) else "True or False"
    if not _is(Integral if int in kinds else Real, value):
        return "a whole number" if int in kinds else "a number"
    allowed = math.isfinite(value) and (
        (k.above is None or value > k.above)
        and (k.at_least is None or value >= k.at_least)
        and (k.at_most is None or value <= k.at_most)
    )
    return "" if allowed else k.range or "finite"


def _is(kind: type, value: Any) -> bool:
    """Whether a value is a number of that kind; Python takes True for one."""
    return isinstance(value, kind) and not isinstance(value, bool)


def shown(parameters: Any) -> dict[str, Any]:
    """The values on the scale users type: what manifests record."""
    out: dict[str, Any] = {}
    for k in knobs(parameters):
        value = getattr(parameters, k.name)
        if _is(Real, value):
            value = int(value) if _is(Integral, value) else float(value)  # of numpy's, too
        out[k.name] = round(value * k.scale, 9) if k.scale != 1.0 else value
    return out
