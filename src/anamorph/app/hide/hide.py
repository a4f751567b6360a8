"""Hide photos in pictures of noise that only the service model reads and only the key reveals."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from anamorph import __version__
from anamorph.app.hide.construction import Construction
from anamorph.app.hide.hiding import Hiding, Task, source_tag
from anamorph.app.hide.networking import WEAKNESS, Networking, network_of
from anamorph.app.hide.permuting import Permuting
from anamorph.app.hide.records import HideDone, HideRecord, HideReport
from anamorph.app.hide.sealing import Sealing
from anamorph.app.ledger import Ledger
from anamorph.app.runs import (
    begun,
    identity,
    left_to_do,
    pictures,
    results_of,
    rounds,
    unchanged,
)
from anamorph.errors import BadKey, ParameterError
from anamorph.files.folders import Item, Sources
from anamorph.files.manifest import file_digest
from anamorph.files.photo import Limits, probe
from anamorph.keys import file as key_file
from anamorph.keys.key import Key, Kind
from anamorph.methods import avih, permuted, sealed
from anamorph.methods.avih import AVIH
from anamorph.methods.keeping import KeepAnswer, KeepDirection
from anamorph.methods.permuted import Permuted
from anamorph.methods.sealed import Sealed
from anamorph.models import Model, load
from anamorph.optimize.engine import Watch
from anamorph.parameters import shown

Parameters: TypeAlias = Sealed | Permuted | AVIH

PRESETS: Mapping[Kind, Mapping[str, Parameters]] = {
    "sealed": sealed.PRESETS,
    "permuted": permuted.PRESETS,
    "network": avih.PRESETS,
}
"""For each kind of key that can hide, parameters by name."""

WEAKNESSES: Mapping[Kind, str] = {"network": WEAKNESS}
"""What must be said of a kind of key before it is used; of most there is nothing."""

MODEL_DIGITS = 32
"""Hex digits of the service model's digest that a hidden picture carries."""


def hide(
    sources: Sources,
    out: str | Path,
    service: Model | str | Path,
    key: Key | str | Path,
    *,
    parameters: Parameters | str = "full",
    attempts: int = 3,
    resume: bool = False,
    limits: Limits | None = None,
    device: str = "cpu",
    found: Callable[[int], None] | None = None,
    watch: Watch | None = None,
    done: HideDone | None = None,
) -> HideReport:
    """Hide pictures and folders of pictures, in the way that the kind of the key stands for.

    Originals are never written to. Each result is encoded, decoded again and checked: the service
    model still reads the original in it, nothing of the original shows, the key reveals it, and a
    random other key does not. A picture that fails its check is tried again with more effort, and
    then reported as failed, without an output file.

    There is no seed: the randomness of a hidden picture must not follow from the photo.

    Args:
        sources: pictures and folders.
        out: the folder for the results and their manifest.
        service: the model that still reads: a model, a card, or a spec such as `timm:resnet18`.
        key: a key, or the file of one that is not locked.
        parameters: of the method, or a preset's name: `fast` or `full`, and for a network key
            `paper` or `paper-classifier`.
        attempts: how often a picture is tried before it fails.
        resume: go on with a run that was stopped: what it finished stays, unless the source or the
            result has changed since.
        limits: on bytes and pixels, of what is read and of what is written.
        device: where a service model is loaded that is named: `cpu`, `cuda`, `cuda:N`, or `auto`.
            A loaded model stays where it is; a network key computes where the model does.
        found: called once with the number of pictures.
        watch: called after every step of the engine; raise `Cancelled` to stop.
        done: called with each picture's record.

    Raises:
        UsageError: what was asked for cannot be done.
        ParameterError: fewer than one attempt, or an unknown preset.
        BadKey: the key cannot be read, or is not for hiding.
        ModelError: the model cannot be loaded.
        NotWritten: the manifest cannot be written.
    """
    began = time.perf_counter()
    out, limits = Path(out), limits or Limits()
    if attempts < 1:
        raise ParameterError(f"attempts is {attempts}, but must be at least 1")
    key = key if isinstance(key, Key) else key_file.read(Path(key))
    p, weakness = chosen_parameters(key, parameters), WEAKNESSES.get(key.kind, "")
    model = service if isinstance(service, Model) else load(service, device=device)
    first = construction_for(key, model, p, limits)
    listing = pictures(sources, out, "png")
    if found is not None:
        found(len(listing.items) + len(listing.problems))
    manifest, past = begun(out, hide_header(key, model, p), resume=resume)
    run: Ledger[HideRecord] = Ledger(manifest=manifest, done=done, ours=results_of(past))
    tasks = left_to_do(
        listing,
        past,
        run,
        kind=HideRecord,
        failure=_failure,
        stands=lambda item, record: _stands(item, record, key),
        task=lambda item: _task(item, out, first, limits),
    )
    embeds = model.task == "embed"

    def job(attempt: int) -> Hiding:
        return Hiding(
            service=model,
            keeping=KeepDirection(p.least_cosine) if embeds else KeepAnswer(),
            construction=construction_for(key, model, harder(p, attempt), limits),
            key=key,
            limits=limits,
            out=out,
            attempt=attempt,
            last=attempt == attempts - 1,
            shows=bool(weakness),
        )

    rounds(run, tasks, job, attempts, watch)
    return HideReport(
        method=key.kind,
        parameters=shown(p),
        models={"service": identity(model)},
        key=key.fingerprint,
        weakness=weakness,
        images=sorted(run.records, key=lambda r: r.source),
        seconds=time.perf_counter() - began,
        out=str(out),
        anamorph=__version__,
    )


def hide_header(key: Key, model: Model, parameters: Parameters) -> dict[str, Any]:
    """What a manifest says of a run, and what is to be the same when the run is resumed."""
    weakness = WEAKNESSES.get(key.kind, "")
    return {
        "method": key.kind,
        "parameters": shown(parameters),
        "models": {"service": identity(model)},
        "key": key.fingerprint,
        **({"weakness": weakness} if weakness else {}),
    }


def chosen_parameters(key: Key, parameters: Parameters | str) -> Parameters:
    """The parameters for this kind of key.

    Raises:
        BadKey: the key is not for hiding.
        ParameterError: no preset of that name, or parameters for another kind of key.
    """
    presets = PRESETS.get(key.kind)
    if presets is None:
        raise BadKey(
            f"key {key.fingerprint} is a {key.kind} key, which does not hide pictures; make a key "
            "with `anamorph key new --kind sealed`"
        )
    if isinstance(parameters, str):
        if parameters not in presets:
            raise ParameterError(
                f"preset is {parameters!r}, but must be one of {', '.join(presets)}"
            )
        return presets[parameters]
    wanted = type(next(iter(presets.values())))
    if not isinstance(parameters, wanted):
        raise ParameterError(
            f"parameters are {type(parameters).__name__}, but a {key.kind} key wants "
            f"{wanted.__name__}"
        )
    return parameters


def harder(p: Parameters, times: int) -> Parameters:
    """The parameters for another attempt: each time twice the steps."""
    return replace(p, steps=p.steps * 2**times)


def construction_for(key: Key, model: Model, p: Parameters, limits: Limits) -> Construction[Any]:
    """The way in which a kind of key hides pictures."""
    height, width = model.input.size
    digest = model.weights_digest[:MODEL_DIGITS]
    match p:
        case Sealed():
            most = limits.max_pixels
            return Sealing(
                key=key, parameters=p, height=height, width=width, model=digest, most_pixels=most
            )
        case Permuted():
            return Permuting(key=key, parameters=p, height=height, width=width, model=digest)
        case AVIH():
            network = network_of(key, model.device)
            return Networking(
                key=key, network=network, parameters=p, height=height, width=width, model=digest
            )


def _task(item: Item, out: Path, construction: Construction[Any], limits: Limits) -> Task:
    probe(item.source, limits)
    name = item.output.relative_to(out).with_name(item.source.name).as_posix()
    return Task(item, name, construction.fit(name, item.source.stat().st_size))


def _stands(item: Item, record: Mapping[str, Any], key: Key) -> bool:
    """Whether an earlier run's result is whole, and is of the source as it is now."""
    return (
        record["status"] == "hidden"
        and unchanged(item.output, record)
        and source_tag(file_digest(item.source), key) == record["source_tag"]
    )


def _failure(source: Path, error: Exception) -> HideRecord:
    return HideRecord(source=str(source), status="failed").failed(error)
