"""Protect photos so that the authorized models still read them and others don't."""

import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from anamorph import __version__
from anamorph.app.labels import label_of, read_labels
from anamorph.app.protect.parties import Given, check_models, loaded
from anamorph.app.protect.posing import posing
from anamorph.app.protect.protecting import Protecting, Task, Writing
from anamorph.app.protect.results import Done, Run, failure, still_protected
from anamorph.app.protect.surviving import shared, survival
from anamorph.app.records import PictureRecord, ProtectReport
from anamorph.app.runs import begun, identity, left_to_do, pictures, results_of, rounds
from anamorph.errors import FileError, ParameterError, UsageError
from anamorph.files.folders import Item, Sources
from anamorph.files.photo import Limits, probe
from anamorph.methods.fmd import Wanted
from anamorph.methods.fmd_parameters import FMD, more_effort
from anamorph.methods.keeping import keeping_for
from anamorph.models import Model
from anamorph.optimize.engine import Watch, solve
from anamorph.optimize.starts import seed_of
from anamorph.parameters import shown
from anamorph.types import Images


def protect(
    sources: Sources,
    out: str | Path,
    authorized: Given | Sequence[Given],
    *,
    surrogates: Sequence[Given] = (),
    survive: Sequence[str] | None = None,
    parameters: FMD | None = None,
    labels: str | Path | Mapping[str, int] | None = None,
    seed: int = 0,
    writing: Writing | None = None,
    attempts: int = 3,
    resume: bool = False,
    limits: Limits | None = None,
    device: str = "cpu",
    found: Callable[[int], None] | None = None,
    watch: Watch | None = None,
    done: Done | None = None,
) -> ProtectReport:
    """Protect pictures and folders of pictures with feature map distortion.

    Originals are never written to. Each result is encoded, decoded again and checked: every
    authorized model's reading is kept and the budget is respected. A picture that fails its check
    is tried again with more effort, and then reported as failed, without an output file.

    Args:
        sources: pictures and folders.
        out: the folder for the results and their manifest.
        authorized: a model, a card, or a spec such as `timm:resnet18`; or several of them, which
            must all keep reading: each what it read in the original.
        surrogates: public models that stand in for the unauthorized ones: pictures that these
            misread, others misread too. Each costs about as much time as the authorized model.
        survive: transforms (see `adversaries.transforms`) after which authorized models must
            read the file too, or the picture fails. By default JPEG at 75 is tried for and
            reported, unless the parameters are the paper's; `()` is none at all.
        parameters: of the method; the default is the preset `fast`.
        labels: a CSV with the columns `file` and `label`, or a mapping; of the first authorized
            model. Without labels, its own reading of the original is what must be kept.
        seed: of the run; each picture's randomness follows from it and the picture's pixels.
        writing: format, quality and metadata of the results.
        attempts: how often a picture is tried before it fails.
        resume: go on with a run that was stopped: what it finished stays, unless the source, its
            label or the result has changed since.
        limits: on bytes and pixels, before anything is decoded.
        device: where models are loaded that are named: `cpu`, `cuda`, `cuda:N`, or `auto`. A
            loaded model stays where it is.
        found: called once with the number of pictures.
        watch: called after every step of the engine; raise `Cancelled` to stop.
        done: called with each picture's record.

    Raises:
        UsageError: what was asked for cannot be done.
        ParameterError: fewer than one attempt.
        ModelError: a model cannot be loaded, or has no layer to tap.
        NotWritten: the manifest cannot be written.
    """
    began = time.perf_counter()
    out = Path(out)
    parameters = parameters or FMD()
    writing = writing or Writing()
    if attempts < 1:
        raise ParameterError(f"attempts is {attempts}, but must be at least 1")
    models, others = loaded(authorized, device), loaded(surrogates, device)
    lasting = survival(survive, parameters)
    header = protect_header(models, others, survive, parameters, seed, writing)
    model = models[0]
    _check_labeled(model, labels)
    table = read_labels(Path(labels), model.labels) if isinstance(labels, str | Path) else labels
    listing = pictures(sources, out, writing.format)
    if found is not None:
        found(len(listing.items) + len(listing.problems))
    manifest, past = begun(out, header, resume=resume)
    run = Run(manifest=manifest, done=done, ours=results_of(past))
    label = _labels_of(table, model)
    tasks = left_to_do(
        listing,
        past,
        run,
        kind=PictureRecord,
        failure=failure,
        stands=lambda item, record: _stands(item, label(item.source), record),
        task=lambda item: Task(item, probe(item.source, limits or Limits()), label(item.source)),
    )

    def job(attempt: int) -> Protecting:
        p = more_effort(parameters, attempt)
        return Protecting(
            authorized=models,
            parameters=p,
            pose=posing(models, others, p),
            seed=seed,
            writing=writing,
            limits=limits or Limits(),
            attempt=attempt,
            last=attempt == attempts - 1,
            survival=lasting,
        )

    rounds(run, tasks, job, attempts, watch)
    return ProtectReport(
        method="fmd",
        parameters=header["parameters"],
        models=header["models"],
        seed=seed,
        images=sorted(run.records, key=lambda r: r.source),
        seconds=time.perf_counter() - began,
        out=str(out),
        anamorph=__version__,
    )


def protect_header(
    authorized: Sequence[Model],
    surrogates: Sequence[Model],
    survive: Sequence[str] | None,
    parameters: FMD,
    seed: int,
    writing: Writing,
) -> dict[str, Any]:
    """What a manifest says of a run, and what is to be the same when the run is resumed.

    Raises:
        UsageError: a form that nobody knows, no authorized model, one of them twice or among the
            surrogates, or models on several devices.
        ModelError: a model has no layer to tap.
    """
    check_models(authorized, surrogates)
    models: dict[str, Any] = {"authorized": identity(authorized[0])}
    if len(authorized) > 1:
        models["also_authorized"] = [identity(other) for other in authorized[1:]]
    if surrogates:
        models["surrogates"] = [identity(other.as_surrogate()) for other in surrogates]
    header = {
        "method": "fmd",
        "parameters": shown(parameters),
        "seed": seed,
        "models": models,
        "format": writing.format,
        "quality": writing.quality,
        "metadata": writing.metadata,
    }
    lasting = survival(survive, parameters)
    if lasting.forms:
        header["survive"] = [form.name for form in lasting.forms]
        header["survive_required"] = lasting.required
    return header


def protect_images(
    images: Images,
    authorized: Model | Sequence[Model],
    *,
    surrogates: Sequence[Model] = (),
    survive: Sequence[str] | None = None,
    parameters: FMD | None = None,
    labels: Tensor | None = None,
    seed: int = 0,
    watch: Watch | None = None,
) -> Images:
    """Protect a batch of pictures in memory; values stay on the grid of 8-bit files.

    Args:
        images: (n, c, h, w) in [0, 1], c = 1 or 3; the result is on their device.
        authorized: the model that keeps reading, or several, on the device where all is computed.
        surrogates: public models that stand in for the unauthorized ones.
        survive: names of transforms after which the reading is kept too; as in `protect`.
        parameters: of the method; the default is the preset `fast`.
        labels: (n,) classes that the first model is to keep; without them, its own reading.
        seed: of the run.
        watch: called after every step.

    Raises:
        UsageError: the images or labels are not as described; or as `protect_header`.
        ModelError: a model has no layer to tap.
    """
    models = [authorized] if isinstance(authorized, Model) else list(authorized)
    check_models(models, surrogates)
    _check_images(images, labels)
    _check_labeled(models[0], labels)
    p = parameters or FMD()
    x = images.detach().to(models[0].device)
    wanted: list[Wanted] = []
    if labels is not None:
        if not ((labels >= 0) & (labels < (classes := _classes(models[0])))).all():
            raise UsageError(
                f"labels reach from {labels.min()} to {labels.max()}, but {models[0].name} knows "
                f"the classes 0 to {classes - 1}; correct the labels"
            )
        keepings = [keeping_for(model.task, p.least_cosine) for model in models]
        asked = [labels.to(x.device), *(None for _ in models[1:])]
        with torch.no_grad():
            wanted = list(map(Wanted.of, keepings, (m.output(x) for m in models), asked))
    seeds = [seed_of(seed, sha256(one.numpy().tobytes()).hexdigest()) for one in x.cpu()]
    forms = tuple(map(shared, survival(survive, p).forms))
    problem = posing(models, surrogates, p)(x, seeds, wanted, forms)
    return torch.stack([solved.value for solved in solve(problem, watch)]).to(images.device)


def _labels_of(labels: Mapping[str, int] | None, model: Model) -> Callable[[Path], int | None]:
    """What tells the label of a picture: none where there are no labels."""
    classes = 0 if labels is None else _classes(model)

    def label(source: Path) -> int | None:
        return None if labels is None else _label(source, labels, classes, model.name)

    return label


def _classes(model: Model) -> int:
    with torch.no_grad():
        return model.output(torch.full((1, 3, 8, 8), 0.5)).shape[1]


def _label(source: Path, labels: Mapping[str, int], classes: int, model: str) -> int:
    label = label_of(source, labels)
    if label is None:
        raise FileError(f"{source}: has no row in the labels; add one, or leave out --labels")
    if not 0 <= label < classes:
        raise FileError(
            f"{source}: its label is {label}, but {model} knows the classes 0 to "
            f"{classes - 1}; correct the labels"
        )
    return label


def _stands(item: Item, label: int | None, record: Mapping[str, Any]) -> bool:
    """Whether an earlier run's result is whole, and is of the source and label as they are now."""
    return record.get("label") == label and still_protected(item, record)


def _check_labeled(model: Model, labels: object) -> None:
    if labels is not None and model.task == "embed":
        raise UsageError(
            f"{model.name}: gives embeddings, which have no labels; leave them out, or name a "
            "classifier first"
        )


def _check_images(images: Tensor, labels: Tensor | None) -> None:
    if images.ndim != 4 or not images.numel() or not images.is_floating_point():
        raise UsageError(
            f"images are {images.dtype} {tuple(images.shape)}; expected floats (n, c, h, w)"
        )
    low, high = images.min().item(), images.max().item()
    if not (low >= 0 and high <= 1):
        raise UsageError(f"images reach from {low:g} to {high:g}; expected values in [0, 1]")
    if labels is not None and labels.shape != images.shape[:1]:
        raise UsageError(
            f"labels are {tuple(labels.shape)} for {len(images)} images; expected one for each"
        )
