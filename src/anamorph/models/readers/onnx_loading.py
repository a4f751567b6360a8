"""From a card to an ONNX network that is known to read."""

from collections.abc import Sequence

import torch

from anamorph.errors import CardError, MissingExtra, ModelError, first_line
from anamorph.models.card import Card, Input
from anamorph.models.preprocess import example
from anamorph.models.readers.onnx import TYPES, OnnxReader, Port, Session
from anamorph.models.sources.onnx_files import model_digest, side_files

OPTIONS = ("output", "probabilities")
"""What a card may say of the network."""

_FATAL = 4  # onnxruntime's log level: errors are raised, and need not be logged too


def onnx_reader(card: Card, *, threads: int = 1) -> OnnxReader:
    """Load an ONNX file and try it on two pictures.

    Args:
        card: with the source `onnx:FILE`, relative to the card.
        threads: of onnxruntime, within one operator.

    Raises:
        MissingExtra: onnxruntime is not installed.
        CardError: the card does not fit the network.
        ModelError: no such file, no ONNX, weights outside its folder, or it fails on the pictures.
    """
    if card.input is None:
        raise CardError(f"{card.name}: the card has no [input]; add size, mean and std")
    _check_options(card)
    path = card.folder / card.what
    if not path.is_file():
        raise ModelError(f"{card.name}: there is no file {path}; check the source in the card")
    try:
        sides = side_files(path)
        digest = model_digest(path, sides)
        session = _session(str(path), threads)
    except ModelError:
        raise
    except Exception as error:  # whatever a hostile or damaged file makes the parser raise
        raise ModelError(
            f"{card.name}: {path} is not an ONNX file that onnxruntime runs ({first_line(error)}); "
            "write it with torch.onnx.export"
        ) from None
    reader = OnnxReader(
        card=card,
        input=card.input,
        weights_digest=digest,
        session=session,
        port=_input(session, card, card.input),
        chosen=_output(session, card),
    )
    _try(reader)
    return reader


def _session(path: str, threads: int) -> Session:
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtra(
            "onnxruntime is not installed; run `pip install 'anamorph[onnx]'`"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    session: Session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    return session


def _check_options(card: Card) -> None:
    for key in card.options:
        if key not in OPTIONS:
            raise CardError(f"{card.name}: unknown option {key!r}, expected {' or '.join(OPTIONS)}")
    if not isinstance(card.options.get("probabilities", False), bool):
        raise CardError(f"{card.name}: the option probabilities is true or false")


def _input(session: Session, card: Card, input: Input) -> Port:
    ports = session.get_inputs()
    if len(ports) != 1:
        names = ", ".join(repr(port.name) for port in ports) or "none"
        raise ModelError(
            f"{card.name}: the network has the inputs {names}, expected one, the pictures; "
            "export it with the others filled in"
        )
    port = ports[0]
    if port.type not in TYPES:
        raise ModelError(
            f"{card.name}: the input {port.name!r} is {port.type}, expected {', '.join(TYPES)}; "
            "export the network without its preprocessing"
        )
    wanted = ("n", len(input.mean), *input.size)
    if not port.shape or _fits(port.shape, wanted):  # a shape that is not told is tried
        return port
    said = f"{card.name}: the input {port.name!r} is {_shown(port.shape)}"
    if _fits(port.shape, (wanted[0], *wanted[2:], wanted[1])):
        raise ModelError(f"{said}, channels last; export it with the channels before the rows")
    raise CardError(f"{said}, but the card says {_shown(wanted)}; correct size or mean in [input]")


def _fits(shape: Sequence[int | str | None], wanted: Sequence[int | str]) -> bool:
    sides = zip(shape[1:], wanted[1:], strict=False)
    return len(shape) == len(wanted) and all(
        side == fit for side, fit in sides if isinstance(side, int)
    )


def _shown(shape: Sequence[int | str | None]) -> str:
    return f"({', '.join(str(side or '?') for side in shape)})"


def _output(session: Session, card: Card) -> str:
    names = [port.name for port in session.get_outputs()]
    chosen = card.options.get("output", names[0])
    if chosen not in names:
        raise CardError(
            f"{card.name}: there is no output {chosen!r}, expected one of {', '.join(names)}; "
            "correct output in options"
        )
    return str(chosen)


def _try(reader: OnnxReader) -> None:
    """Read two test pictures and refuse a network that does not fit its card."""
    input = reader.input
    output = reader.output(torch.cat([example(input), example(input, value=0.5)]))
    if output.shape[1] < 2:
        raise ModelError(
            f"{reader.name}: the output {reader.chosen!r} has one number for a picture, expected "
            "at least 2; name another output in options"
        )
    if reader.labels and len(reader.labels) != output.shape[1]:
        raise CardError(
            f"{reader.name}: the card has {len(reader.labels)} labels, "
            f"but the network has {output.shape[1]} outputs"
        )
