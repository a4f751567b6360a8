"""Train a tail: the rest of a recognizer learns to read features that AdvFace protects."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from anamorph import __version__
from anamorph.app.labels import label_of, read_labels
from anamorph.app.records import rounded
from anamorph.app.shield.advface import AdvFaceShielding, adversarial
from anamorph.app.shield.parts import SECRET_SIZE
from anamorph.app.train import saving, tail_training
from anamorph.app.train.pictures import Seen, seen_by
from anamorph.app.train.tail_training import Lessons, TailTraining, Trained
from anamorph.errors import UsageError
from anamorph.files.folders import Sources
from anamorph.files.write import write_whole, writing
from anamorph.losses import cosine
from anamorph.methods.advface import AdvFace
from anamorph.metrics.verification import Found, search
from anamorph.models import Model
from anamorph.models.networks.decoders import Decoder
from anamorph.models.split import Split, split
from anamorph.parameters import shown

OFFLINE = AdvFace(epsilon=0.8, step_size=0.55)
"""What a tail is for: a change that the recognizer as it is would not stand."""

HELD_OUT = 5
"""Every so manieth person (without labels: picture) is not learned from; the report is of these."""

_AT_ONCE = 16
_NO_SECRET = bytes(SECRET_SIZE)  # nobody of the pictures is in the store; a run can be gone on with


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """How clean probes find their people among stored features."""

    cosine: float
    """Of the answer to a stored feature with that to the clean one, in the mean."""
    rank_one: float
    tar: dict[str, float]
    """True accept rate at each false accept rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainTailReport:
    """What was trained."""

    file: str
    recognizer: str
    layer: str
    parameters: dict[str, Any]
    method: dict[str, Any]
    """Of AdvFace."""
    pictures: int
    """How many the tail learned from."""
    skipped: Sequence[str]
    """Those that could not be read, and why."""
    people: int | None
    """How many the figures are of; None without labels: mirrored pictures look for themselves."""
    probes: int
    clean: Matching
    """The recognizer and clean features: what there is to lose."""
    before: Matching
    """The recognizer and protected features."""
    after: Matching
    """The new tail and protected features."""
    seconds: float
    anamorph: str = __version__

    def as_json(self) -> dict[str, Any]:
        """The contract of `train tail --json`."""
        nested = {name: rounded(asdict(getattr(self, name))) for name in _MATCHINGS}
        return {**rounded(asdict(self)), **nested}


_MATCHINGS = ("clean", "before", "after")


class Tested(NamedTuple):
    """Whom the figures are of."""

    probes: Tensor
    """Clean features."""
    people: Tensor
    clean: Tensor
    """Features of other pictures of them, or of the same ones."""
    protected: Tensor
    enrolled: Tensor


def train_tail(
    sources: Sources,
    recognizer: Model,
    shadows: Sequence[Decoder],
    out: str | Path,
    *,
    parameters: TailTraining | None = None,
    method: AdvFace | None = None,
    layer: str | None = None,
    labels: Path | None = None,
    resume: bool = False,
    found: Callable[[int], None] | None = None,
    watch: Callable[[int], None] | None = None,
) -> TrainTailReport:
    """Protect the features of pictures, teach a tail to read them, and write it to a file.

    On the way the training is saved beside the file.

    Args:
        sources: pictures and folders of them, of people who are not in the store.
        recognizer: whose features are stored; the tail learns on its device.
        shadows: the decoders that the store is shielded with.
        out: the safetensors file, which must not exist.
        parameters: how the tail is trained.
        method: the parameters of AdvFace that the store is shielded with.
        layer: where the recognizer is cut; by default at the first tap of its card.
        labels: who is on the pictures, for figures of people who were not learned from; a CSV with
            the columns `file` and `label`.
        resume: go on with a training that was stopped.
        found: called once with the number of pictures to protect and of updates, together.
        watch: called with the number of those that are done; raise `Cancelled` to stop.

    Raises:
        UsageError: too few pictures, shadows for other features, or a training that is not to be
            resumed, or was another one.
        ModelError: the recognizer cannot be cut there.
        NotWritten: the file exists, or the disk refuses.
    """
    began = time.perf_counter()
    out, p, method = Path(out), parameters or TailTraining(), method or OFFLINE
    saved = saving.beside(out, resume=resume)
    cut = split(recognizer, layer)
    shielding = adversarial(shadows, method, recognizer=recognizer, layer=layer, secret=_NO_SECRET)
    if shielding.feature != cut.shape:
        raise UsageError(
            f"the shadows decode features {shielding.feature}, but {recognizer.name} makes "
            f"{cut.shape} at {cut.layer}; give shadows of the same layer"
        )
    seen = seen_by(recognizer, sources, out)
    people = None if labels is None else _people(seen, labels)
    taught, tested = _parted(len(seen.pictures), people)

    clean = _in_parts(lambda x: cut.head(x.float().div(255)).half(), seen.pictures)
    told = watch or saving.unwatched
    if found is not None:
        found(len(clean) + p.updates)
    records = _protected(shielding, clean, told)
    lessons = Lessons(clean[taught], records[taught])
    if saved.exists():
        trained = tail_training.load(saving.read(saved), str(saved), cut, lessons, p)
    else:
        trained = tail_training.begin(cut, lessons, p)
    told(trained.done)

    def advance(trained: Trained, upto: int) -> Trained:
        return tail_training.advance(trained, cut, lessons, upto, p, lambda _: told(1))

    def save(trained: Trained) -> None:
        write_whole(saved, tail_training.dump(trained), overwrite=True)

    trained = saving.to_the_end(trained, p.updates, advance, save)
    write_whole(out, tail_training.dump_tail(trained))
    with writing(saved):
        saved.unlink(missing_ok=True)
    judged = _tested(cut, seen, clean, records, tested, people)
    return TrainTailReport(
        file=str(out),
        recognizer=recognizer.name,
        layer=cut.layer,
        parameters=shown(p),
        method=shown(method),
        pictures=len(lessons.clean),
        skipped=seen.skipped,
        people=None if people is None else len(set(people[tested].tolist())),
        probes=len(judged.probes),
        clean=_matching(cut, cut, judged, judged.clean),
        before=_matching(cut, cut, judged, judged.protected),
        after=_matching(read_tail(out, recognizer), cut, judged, judged.protected),
        seconds=time.perf_counter() - began,
    )


def read_tail(path: str | Path, recognizer: Model) -> Split:
    """A recognizer with the tail from the file that `train_tail` wrote.

    Raises:
        FileError: the file cannot be read.
        WeightsError: it holds no tail, or one for another recognizer.
    """
    return tail_training.load_tail(saving.read(Path(path)), str(path), recognizer)


def _protected(shielding: AdvFaceShielding, clean: Tensor, told: Callable[[int], None]) -> Tensor:
    parts = []
    for part in torch.split(clean, _AT_ONCE):
        parts.append(torch.from_numpy(shielding(part.float().numpy())).half())
        told(len(part))
    return torch.cat(parts)


def _people(seen: Seen, labels: Path) -> Tensor:
    numbers = read_labels(labels)
    known = [label_of(source, numbers) for source in seen.sources]
    missing = [str(s) for s, person in zip(seen.sources, known, strict=True) if person is None]
    if missing:
        raise UsageError(f"{labels}: has no label for {missing[0]}; add it, or leave --labels out")
    return torch.tensor(known)


def _parted(count: int, people: Tensor | None) -> tuple[Tensor, Tensor]:
    """Rows that are learned from, and rows that are not."""
    who = list(range(count)) if people is None else people.tolist()
    everybody = sorted(set(who))
    held_out = set(everybody[HELD_OUT - 1 :: HELD_OUT])
    if len(held_out) < 2:
        what = "pictures" if people is None else "people"
        raise UsageError(
            f"{len(everybody)} {what} are too few to learn from some and to judge by others; give "
            f"{2 * HELD_OUT} or more"
        )
    judged = torch.tensor([person in held_out for person in who])
    return (~judged).nonzero()[:, 0], judged.nonzero()[:, 0]


def _tested(
    cut: Split, seen: Seen, clean: Tensor, records: Tensor, rows: Tensor, people: Tensor | None
) -> Tested:
    """Of each person the first picture is enrolled, and the others look for it."""
    if people is None:
        mirrored = _in_parts(
            lambda x: cut.head(x.flip(-1).float().div(255)).half(), seen.pictures[rows]
        )
        return Tested(mirrored, rows, clean[rows], records[rows], rows)
    known, enrolled, probes = set[int](), list[int](), list[int]()
    for row, person in zip(rows.tolist(), people[rows].tolist(), strict=True):
        (probes if person in known else enrolled).append(row)
        known.add(person)
    if not probes:
        raise UsageError("the labels give no person two pictures; leave --labels out, or add some")
    return Tested(
        clean[probes], people[probes], clean[enrolled], records[enrolled], people[enrolled]
    )


def _matching(read_by: Split, original: Split, judged: Tested, stored: Tensor) -> Matching:
    def answers(cut: Split, features: Tensor) -> Tensor:
        return _in_parts(lambda z: cut.tail(z.float()), features)

    gallery = answers(read_by, stored)
    found: Found = search(answers(read_by, judged.probes), judged.people, gallery, judged.enrolled)
    same = cosine(gallery, answers(original, judged.clean)).mean().item()
    return Matching(cosine=same, rank_one=found.rank_one, tar=found.tar)


def _in_parts(make: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([make(part) for part in torch.split(rows, _AT_ONCE)])
