"""The tree of errors. Each says what was seen, what was expected, and what to do.

    AnamorphError
    ├── UsageError            what the caller asked for cannot be done
    │   └── ParameterError    a parameter outside its range
    ├── ModelError            a model could not be loaded or does not fit its card
    │   ├── CardError         the card itself
    │   ├── MissingExtra      a library that is not installed, or is broken
    │   ├── LayerNotFound     a tap that names no layer
    │   └── WeightsError      weights that do not fit, or are not safe to load
    ├── FileError             a file could not be read or written
    │   ├── NotAnImage        not a picture, or a damaged one
    │   ├── TooLarge          more bytes or pixels than the limits allow
    │   ├── Unsupported       a picture of a kind we refuse to spoil
    │   └── NotWritten        the output could not be written
    ├── StoreFailed           a store could not be reached, or refuses
    ├── BadKey                a key that cannot be used
    │   ├── DamagedKey        not a key file, or a damaged one
    │   ├── WrongPassphrase   the passphrase is wrong, missing, or not wanted
    │   └── WrongKey          the key does not open this
    └── Cancelled             the caller asked to stop

The library raises these; only the command line and the service turn them into exit codes.
"""


class AnamorphError(Exception):
    """Anything the library refuses to do, with a message meant for the user."""


class UsageError(AnamorphError):
    """What the caller asked for cannot be done."""


class ParameterError(UsageError):
    """A parameter is outside its range."""


class ModelError(AnamorphError):
    """A model could not be loaded or does not fit its card."""


class CardError(ModelError):
    """A model card is missing, malformed, or says something impossible."""


class MissingExtra(ModelError):
    """A library that this source or format needs is not installed, or is broken."""


class LayerNotFound(ModelError):
    """A tap names a layer the network does not have."""


class WeightsError(ModelError):
    """Weights that do not fit the network, or that are not safe to load."""


class FileError(AnamorphError):
    """A file could not be read or written."""


class NotAnImage(FileError):
    """The file is not a picture, or a damaged one."""


class TooLarge(FileError):
    """The file has more bytes or pixels than the limits allow."""


class Unsupported(FileError):
    """A picture of a kind that would be spoiled by protecting it."""


class NotWritten(FileError):
    """The output file could not be written."""


class StoreFailed(AnamorphError):
    """A store of features could not be reached, or refused what was asked of it."""


class BadKey(AnamorphError):
    """A key cannot be used."""


class DamagedKey(BadKey):
    """The file is not a key file, or a damaged one."""


class WrongPassphrase(BadKey):
    """The passphrase is wrong, missing, or not wanted."""


class WrongKey(BadKey):
    """The key does not open this, or it was changed since."""


class Cancelled(AnamorphError):
    """The caller asked to stop."""


def first_line(error: BaseException) -> str:
    """What went wrong, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
