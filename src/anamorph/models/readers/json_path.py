"""One value of a JSON document, found by a dotted path."""

from typing import Any

SHOWN = 5


def value_at(document: Any, path: str) -> Any:
    """The value at a path of keys and list indices, such as `predictions.0.label`.

    Raises:
        LookupError: there is none, saying how far the path leads and what is there instead.

    Example:
        >>> value_at({"predictions": [{"label": "cat"}]}, "predictions.0.label")
        'cat'
        >>> value_at({"predictions": []}, "predictions.0.label")
        Traceback (most recent call last):
            ...
        LookupError: no '0' in predictions, which is an empty list
    """
    found, passed = document, "the answer"
    for step in path.split("."):
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            raise LookupError(f"no {step!r} in {passed}, which is {_described(found)}")
        passed = step if passed == "the answer" else f"{passed}.{step}"
    return found


def _described(found: Any) -> str:
    if isinstance(found, dict) and found:
        keys = ", ".join(repr(key) for key in list(found)[:SHOWN])
        return f"a table of {keys}" + (" ..." if len(found) > SHOWN else "")
    if isinstance(found, dict | list):
        kind = "table" if isinstance(found, dict) else "list"
        return f"a {kind} of {len(found)}" if found else f"an empty {kind}"
    return f"a {type(found).__name__}"
