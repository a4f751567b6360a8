"""What the service refuses by itself, beside the errors of the library."""

from anamorph.errors import AnamorphError


class Refusal(AnamorphError):
    """A request that the service does not take."""


class Unauthorized(Refusal):
    """No token, or one that is not known, has run out, or was revoked."""


class Forbidden(Refusal):
    """A token without the scope that is needed."""


class Missing(Refusal):
    """There is nothing of that name, or it belongs to somebody else."""


class Malformed(Refusal):
    """A request that cannot be understood."""


class Conflict(Refusal):
    """Not in the state that this needs."""


class TooLong(Refusal):
    """A request with more bytes or parts than are taken."""


class TooSlow(Refusal):
    """A request whose bytes did not arrive in time."""


class Throttled(Refusal):
    """More requests than one client may make; `seconds` says when to come back."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Busy(Refusal):
    """The queue is full, or no worker is ready; `seconds` says when to come back."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Unprotected(Refusal):
    """The work was done and its check failed: there is no result."""


class Abandoned(Refusal):
    """Every worker that took it up ended over it."""
