"""Protecting, hiding and revealing as use cases of a run in shards.

Models and keys are named, not sent: every worker loads them itself, so cards, weights and key
files lie under the same paths on all machines. A key never travels through the cluster.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from anamorph.app.hide.hide import PRESETS, Parameters, chosen_parameters, hide, hide_header
from anamorph.app.hide.reveal import reveal
from anamorph.app.labels import label_at, read_labels
from anamorph.app.protect.parties import loaded
from anamorph.app.protect.protect import protect, protect_header
from anamorph.app.protect.protecting import Writing
from anamorph.app.runs import identity
from anamorph.app.shards.carrying import Use, on_desk
from anamorph.app.shield.loading import Named
from anamorph.app.shield.photos import NothingRead, shield_photos
from anamorph.batch.shards import Alive
from anamorph.errors import BadKey, UsageError
from anamorph.files.photo import Limits
from anamorph.files.remote import Entry
from anamorph.keys import file as key_file
from anamorph.methods.fmd_parameters import FMD
from anamorph.models import Model, load
from anamorph.templates.role import mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Protects:
    """Protect every picture, as `protect` does."""

    authorized: tuple[str, ...]
    surrogates: tuple[str, ...] = ()
    survive: tuple[str, ...] | None = None
    parameters: FMD = field(default_factory=FMD)
    labels: Mapping[str, int] | None = None
    seed: int = 0
    writing: Writing = field(default_factory=Writing)
    limits: Limits = field(default_factory=Limits)
    device: str = "cpu"
    """Of the workers' machines."""
    good: str = "protected"
    together: bool = False

    def labeled(self, labels: Path) -> "Protects":
        """The same with the labels of a CSV, which this machine reads.

        Raises:
            UsageError: as `read_labels`.
        """
        return replace(self, labels=read_labels(labels, load(self.authorized[0]).labels))

    def header(self) -> dict[str, Any]:
        """As in the manifest of `protect`, and which labels were given."""
        header = protect_header(
            loaded(self.authorized, "cpu"),
            loaded(self.surrogates, "cpu"),
            self.survive,
            self.parameters,
            self.seed,
            self.writing,
        )
        if self.labels is None:
            return header
        told = json.dumps(dict(sorted(self.labels.items())))
        return {**header, "labels_sha256": sha256(told.encode()).hexdigest()}

    def knowing(self, pictures: Sequence[tuple[int, Entry]]) -> "Protects":
        """The same with the labels by where workers have the pictures: they see no URLs."""
        if self.labels is None:
            return self
        labels = {
            PurePosixPath(on_desk(number, entry)).as_posix(): label
            for number, entry in pictures
            if (label := label_at(entry.url, self.labels)) is not None
        }
        return replace(self, labels=labels)

    def prepared(self) -> Use:
        """Load the models."""
        models = loaded(self.authorized, self.device)
        others = loaded(self.surrogates, self.device)

        def use(sources: Sequence[Path], out: Path, alive: Alive) -> list[dict[str, Any]]:
            report = protect(
                sources,
                out,
                models,
                surrogates=others,
                survive=self.survive,
                parameters=self.parameters,
                labels=self.labels,
                seed=self.seed,
                writing=self.writing,
                limits=self.limits,
                watch=partial(_signed, alive),
                done=partial(_signed, alive),
            )
            return [record.as_json() for record in report.images]

        return use


@dataclass(frozen=True, slots=True, kw_only=True)
class Hides:
    """Hide every picture, as `hide` does."""

    service: str
    key: Path
    """The file of an unlocked key, on every machine."""
    preset: str = "full"
    limits: Limits = field(default_factory=Limits)
    device: str = "cpu"
    """Of the workers' machines."""
    good: str = "hidden"
    together: bool = False

    def header(self) -> dict[str, Any]:
        """As in the manifest of `hide`."""
        key = key_file.read(self.key)
        return hide_header(key, load(self.service), self._parameters())

    def knowing(self, pictures: Sequence[tuple[int, Entry]]) -> "Hides":
        """The same."""
        return self

    def prepared(self) -> Use:
        """Load model and key."""
        model = load(self.service, device=self.device)
        key, parameters = key_file.read(self.key), self._parameters()

        def use(sources: Sequence[Path], out: Path, alive: Alive) -> list[dict[str, Any]]:
            report = hide(
                sources,
                out,
                model,
                key,
                parameters=parameters,
                limits=self.limits,
                watch=partial(_signed, alive),
                done=partial(_signed, alive),
            )
            return [record.as_json() for record in report.images]

        return use

    def _parameters(self) -> Parameters:
        return chosen_parameters(key_file.read(self.key), self.preset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reveals:
    """Reveal every hidden picture, as `reveal` does."""

    key: Path
    """The file of an unlocked key, on every machine."""
    service: str | None = None
    limits: Limits = field(default_factory=Limits)
    device: str = "cpu"
    """Of the workers' machines."""
    good: str = "revealed"
    together: bool = False

    def header(self) -> dict[str, Any]:
        """The key by its fingerprint, and the model."""
        key = key_file.read(self.key)
        if key.kind not in PRESETS:
            raise BadKey(f"key {key.fingerprint} is a {key.kind} key, which reveals no pictures")
        return {"method": "reveal", "key": key.fingerprint, "service": self.service}

    def knowing(self, pictures: Sequence[tuple[int, Entry]]) -> "Reveals":
        """The same."""
        return self

    def prepared(self) -> Use:
        """Load model and key."""
        key = key_file.read(self.key)
        model = None if self.service is None else load(self.service, device=self.device)

        def use(sources: Sequence[Path], out: Path, alive: Alive) -> list[dict[str, Any]]:
            report = reveal(
                sources,
                out,
                key,
                service=model,
                limits=self.limits,
                device=self.device,
                done=partial(_signed, alive),
            )
            return [record.as_json() for record in report.images]

        return use


@dataclass(frozen=True, slots=True, kw_only=True)
class Shields:
    """Store the shielded features of every picture, as `shield` does: one file for every shard."""

    shielding: Named
    """Names its recognizer, and the device of the workers' machines."""
    limits: Limits = field(default_factory=Limits)
    good: str = "shielded"
    together: bool = True

    def header(self) -> dict[str, Any]:
        """The method, by the mark of its shield, and the model."""
        shielding, embeddings = replace(self.shielding, device="cpu").loaded()
        return {
            "method": shielding.name,
            "shield": mark(shielding),
            "recognizer": identity(self._recognizer("cpu")),
            "layer": self.shielding.layer,
            "stores": "embeddings" if embeddings else "maps",
        }

    def knowing(self, pictures: Sequence[tuple[int, Entry]]) -> "Shields":
        """The same."""
        return self

    def prepared(self) -> Use:
        """Load models, decoders and key."""
        shielding, embeddings = self.shielding.loaded()
        recognizer = self._recognizer(self.shielding.device)

        def use(sources: Sequence[Path], out: Path, alive: Alive) -> list[dict[str, Any]]:
            rows = _without_clashes(sources)
            left = [source for source in sources if any(map(Path.is_file, source.rglob("*")))]
            if not left:
                return rows
            out.mkdir()
            suffix = "parquet" if embeddings else "npz"  # a map fits no column
            file = out / f"features-{out.name}.{suffix}"

            def told(source: Path, why: str) -> None:
                alive()
                status = "failed" if why else self.good
                place = None if why else str(file)
                rows.append(
                    {"source": str(source), "output": place, "status": status, "reason": why}
                )

            with suppress(NothingRead):
                shield_photos(
                    left,
                    file,
                    shielding,
                    recognizer,
                    layer=self.shielding.layer,
                    embeddings=embeddings,
                    limits=self.limits,
                    told=told,
                )
            return rows

        return use

    def _recognizer(self, device: str) -> Model:
        if self.shielding.recognizer is None:
            raise UsageError("pictures have no features without a recognizer; name one")
        return load(self.shielding.recognizer, device=device)


def _without_clashes(sources: Sequence[Path]) -> list[dict[str, Any]]:
    """Take pictures away whose rows would have one name; the records of their failures."""
    called: dict[str, list[Path]] = {}
    for source in sources:
        for path in filter(Path.is_file, sorted(source.rglob("*"))):
            called.setdefault(str(path.relative_to(source).with_suffix("")), []).append(path)
    rows: list[dict[str, Any]] = []
    for name, paths in called.items():
        for path in paths if len(paths) > 1 else ():
            others = ", ".join(str(other) for other in paths if other != path)
            why = f"{path}: would be called {name!r}, as would {others}; rename one"
            rows.append({"source": str(path), "output": None, "status": "failed", "reason": why})
            path.unlink()
    return rows


def _signed(alive: Alive, _: object) -> None:
    alive()
