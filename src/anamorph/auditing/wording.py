"""Figures and names in words, the same in every report."""

from anamorph.metrics.accuracy import Share


def percent(share: Share) -> str:
    """A share without its interval.

    Example:
        >>> percent(Share(value=0.5, n=2, low=0.1, high=0.9))
        '50.0 %'
    """
    return "none to judge" if share.value is None else as_percent(share.value)


def as_percent(value: float) -> str:
    """A fraction as a percentage with one decimal."""
    return f"{100 * value:.1f} %"


def interval(share: Share) -> str:
    """The interval of a share with its n, in brackets.

    Example:
        >>> interval(Share(value=0.5, n=2, low=0.1, high=0.9))
        '(n 2, 10.0 to 90.0 %)'
    """
    return f"(n {share.n}, {100 * share.low:.1f} to {100 * share.high:.1f} %)"


def counted(n: int, what: str) -> str:
    """A number of things.

    Example:
        >>> counted(1, "model"), counted(2, "model")
        ('1 model', '2 models')
    """
    return f"{n} {what}" + ("" if n == 1 else "s")


def printable(text: str) -> str:
    r"""Text from a file name or a model as it can be shown: without control characters.

    Example:
        >>> printable("a\u202eb\udcff")
        'a�b�'
    """
    return "".join(c if c.isprintable() or c == " " else "\ufffd" for c in text)


def share(found: Share) -> str:
    """A share with its interval and n."""
    return "-" if found.value is None else f"{percent(found)} {interval(found)}"
