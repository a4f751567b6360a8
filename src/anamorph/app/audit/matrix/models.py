"""Which models make a matrix, and what is right in the numbers of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anamorph.app.audit.matrix.writing import folder_of
from anamorph.app.audit.readings import File
from anamorph.app.labels import label_of, read_labels
from anamorph.auditing.matrix import Column
from anamorph.auditing.parties import Labels, Party, outputs, own_numbers
from anamorph.errors import AnamorphError, UsageError
from anamorph.metrics.accuracy import NOTHING
from anamorph.models import Model, load

FEWEST = 2
"""Models in a matrix: one is authorized, another reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is right."""

    classes: Mapping[str, Sequence[int | None]]
    """By model, in its own numbers, one for every picture; None without labels."""
    broken: Mapping[str, str]
    """Why some models crashed when they were asked how many classes they have."""


def loaded(model: Model | str | Path, device: str = "cpu") -> Model | Column:
    """A model, or the column of one that cannot be loaded."""
    if isinstance(model, Model):
        return model
    try:
        return load(model, device=device)
    except AnamorphError as error:
        return Column(
            name=str(model),
            task=None,
            sha256="",
            weights_sha256="",
            clean=NOTHING,
            error=str(error),
        )


def check(columns: Sequence[Model | Column], rows: Sequence[str]) -> None:
    """Refuse models that make no matrix.

    Args:
        columns: all of them.
        rows: the names of those that are to be authorized.

    Raises:
        UsageError: too few, one twice, or a row that is none of them.
    """
    if len(columns) < FEWEST:
        raise UsageError(
            f"a matrix needs {FEWEST} models at least, each in turn authorized and read by the "
            f"others; got {len(columns)}"
        )
    for kind, names in (
        ("name", [folder_of(column.name).casefold() for column in columns]),
        ("weights", [c.weights_digest for c in columns if isinstance(c, Model)]),
    ):
        twice = [i for i, name in enumerate(names) if name in names[:i]]
        if twice:
            raise UsageError(
                f"{columns[twice[0]].name if kind == 'name' else 'two models'}: two models have "
                f"the same {kind}; take one out"
            )
    for name in rows:
        if name not in [column.name for column in columns]:
            known = ", ".join(column.name for column in columns)
            raise UsageError(f"{name}: is none of the models; choose rows among {known}")


def wanted_of(
    readers: Sequence[Party], sources: Sequence[File], labels: str | Path | Mapping[str, int] | None
) -> Wanted:
    """The right classes of the pictures in the numbers of each model.

    Args:
        readers: the models; labels are as the first classifier among them numbers its classes.
        sources: the pictures.
        labels: a CSV, a mapping, or None.

    Raises:
        UsageError: a picture has no label, or a model does not know one that is used.
    """
    classes: dict[str, Sequence[int | None]] = {m.name: [None] * len(sources) for m in readers}
    broken: dict[str, str] = {}
    first, count = None, 0
    for model in readers if labels is not None else ():
        if model.task == "embed":
            continue
        try:
            if first is None:
                count = outputs(model)
                first = model
                given = _given(model, count, sources, labels)
            own = own_numbers(model, given, count)
        except UsageError:
            raise
        except Exception as error:  # whatever the network raises: its row and column say so
            broken[model.name] = f"{type(error).__name__}: {error}"
        else:
            classes[model.name] = [own[label] for label in given.of]
    return Wanted(classes=classes, broken=broken)


def _given(
    first: Party,
    classes: int,
    sources: Sequence[File],
    labels: str | Path | Mapping[str, int] | None,
) -> Labels:
    table = read_labels(Path(labels), first.labels) if isinstance(labels, str | Path) else labels
    found = []
    for one in sources:
        label = None if one.path is None or table is None else label_of(one.path, table)
        if label is None:
            raise UsageError(
                f"{one.path}: has no row in the labels; add one, or leave out the labels"
            )
        if not 0 <= label < classes:
            raise UsageError(
                f"{one.path}: its label is {label}, but {first.name} knows the classes 0 to "
                f"{classes - 1}; correct the labels"
            )
        found.append(label)
    return Labels(of=tuple(found), names=first.labels)
