"""What can be asked for: one form for each verb, whose fields are checked before anything runs."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from anamorph.app.hide.hide import PRESETS as HIDE_PRESETS
from anamorph.app.protect.protecting import Writing
from anamorph.app.protect.surviving import survival
from anamorph.errors import UsageError
from anamorph.files.encoding import Format
from anamorph.files.metadata import Metadata
from anamorph.methods.fmd_parameters import FMD
from anamorph.methods.fmd_parameters import PRESETS as PROTECT_PRESETS
from anamorph.parameters import knobs
from anamorph.service.media import kept_suffix
from anamorph.service.queue import UNSORTED
from anamorph.service.refusals import Malformed
from anamorph.service.settings import Settings

_LONGEST_NAME = 40
"""Characters of a field's name that errors repeat: whoever sends it chooses how long it is."""

_Name = Annotated[str, Field(min_length=1, max_length=100)]


def _knob(parameters: type, name: str, default: float | None = None) -> Any:
    """A field that may be left out, with the range and meaning of a parameter."""
    (one,) = (known for known in knobs(parameters) if known.name == name)
    ends = {"gt": one.above, "ge": one.at_least, "le": one.at_most}
    scaled: dict[str, Any] = {end: at * one.scale for end, at in ends.items() if at is not None}
    return Field(default, description=one.meaning, **scaled)


class Form(BaseModel):
    """What the forms of all verbs share: nothing unknown is taken, and nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scope: ClassVar[str] = "protect"
    """What a token needs."""
    together: ClassVar[bool] = False
    """Whether pictures of one size run in one batch."""
    keyed: ClassVar[bool] = False
    """Whether a key may be sent along."""
    files: ClassVar[str] = "picture"
    """The name of the part that holds an upload."""
    several: ClassVar[bool] = True
    """Whether every upload is an item of its own."""

    def check(self, settings: Settings, *, key: bool) -> None:
        """Refuse what the operator's settings do not know.

        Args:
            settings: the operator's.
            key: whether a key was sent.

        Raises:
            UsageError: naming what there is.
        """

    def check_upload(self, name: str) -> None:
        """Refuse a file by its name.

        Raises:
            UsageError: naming what is taken.
        """

    def lane(self, key: str) -> str:
        """Items of one lane may share batches, if their sizes agree.

        Args:
            key: fingerprint of the key that was sent; empty for none.
        """
        if self.together:
            return UNSORTED
        return f"alone:{self.digest(key)}"

    def digest(self, key: str) -> str:
        """Tells requests apart."""
        told = json.dumps([type(self).__name__, self.model_dump(mode="json"), key])
        return sha256(told.encode()).hexdigest()[:32]


class Protect(Form):
    """Protect photos, so that people and the models named still read them."""

    together: ClassVar[bool] = True

    model: _Name = Field(description="The model that keeps reading; see `GET /v1/models`.")
    also_authorized: list[_Name] = Field(
        default=[],
        max_length=4,
        description="Further models of the service that must read what they read in the original.",
    )
    preset: Literal["fast", "paper", "strong"] = Field("fast", description="How much effort.")
    epsilon: float | None = _knob(FMD, "epsilon")
    seed: int = Field(0, ge=0, le=2**31, description="The same seed gives the same result.")
    surrogates: list[_Name] = Field(
        default=[],
        max_length=4,
        description="Models of the service that stand in for unauthorized ones.",
    )
    survive: list[_Name] = Field(
        default=[],
        max_length=4,
        description="What happens to a shared file, after which the model must read it still: "
        "`jpeg75`, another transform that keeps the size. Without it, `jpeg75` is tried for; "
        "`none` turns that off.",
    )
    format: Format = Field("png", description="Of the results.")
    quality: int = _knob(Writing, "quality", Writing().quality)
    metadata: Metadata = Field("strip", description="What happens to EXIF and XMP.")

    def check(self, settings: Settings, *, key: bool) -> None:
        """See `Form`."""
        authorized = (self.model, *self.also_authorized)
        for name in (*authorized, *self.surrogates):
            _known(name, settings.models, "model")
        for name in authorized:
            if authorized.count(name) > 1:
                raise UsageError(f"{name}: is authorized twice; name it once")
            if name in self.surrogates:
                raise UsageError(f"{name}: is a model that keeps reading, and no surrogate")
        survival(self.survive or None, PROTECT_PRESETS[self.preset])


class Hide(Form):
    """Hide photos in noise that one model still reads and only the key reveals."""

    together: ClassVar[bool] = True
    keyed: ClassVar[bool] = True

    model: _Name = Field(description="The model that still reads; see `GET /v1/models`.")
    preset: Literal["full", "fast"] = Field("full", description="How much effort.")
    stored_key: _Name | None = Field(
        None, description="A key of the service, in the place of one that is sent as `key`."
    )

    def check(self, settings: Settings, *, key: bool) -> None:
        """See `Form`."""
        _known(self.model, settings.models, "model")
        _one_key(self.stored_key, settings, sent=key)


class Reveal(Form):
    """Turn hidden pictures back, with the key they were hidden with."""

    scope: ClassVar[str] = "reveal"
    keyed: ClassVar[bool] = True

    stored_key: _Name | None = Field(
        None, description="A key of the service, in the place of one that is sent as `key`."
    )

    def check(self, settings: Settings, *, key: bool) -> None:
        """See `Form`."""
        _one_key(self.stored_key, settings, sent=key)


class Shield(Form):
    """Shield face features in a file (.npz or .parquet)."""

    keyed: ClassVar[bool] = True
    files: ClassVar[str] = "features"

    method: Literal["keyed", "decoy", "advface"] = Field(description="How to shield.")
    stored_key: _Name | None = Field(
        None, description="For keyed: a key of the service, in the place of one that is sent."
    )
    model: _Name | None = Field(
        None, description="For decoy: the model whose feature maps are stored."
    )
    layer: str | None = Field(
        None, max_length=200, description="For decoy: where the maps are taken."
    )
    shadows: list[_Name] = Field(
        default=[], max_length=8, description="For advface: decoders of the service to mislead."
    )

    def check(self, settings: Settings, *, key: bool) -> None:
        """See `Form`."""
        if self.method == "keyed":
            _one_key(self.stored_key, settings, sent=key)
        elif key or self.stored_key:
            raise UsageError(f"{self.method} needs no key; leave it out")
        if self.method == "decoy":
            _known(self.model or "", settings.models, "model")
        if self.method == "advface":
            for name in self.shadows or [""]:
                _known(name, settings.shadows, "shadow")

    def check_upload(self, name: str) -> None:
        """See `Form`."""
        if not kept_suffix(name):
            raise UsageError(
                f"{name}: is neither .npz nor .parquet; send one of them (a .npy file has no room "
                "for the mark that says it is shielded)"
            )


class Read(Form):
    """Say how each model reads a picture, and what was made of it."""

    several: ClassVar[bool] = False

    models: list[_Name] = Field(
        default=[], max_length=32, description="Which; without any, all of the service."
    )

    def check(self, settings: Settings, *, key: bool) -> None:
        """See `Form`."""
        for name in self.models:
            _known(name, settings.models, "model")


FORMS: Mapping[str, type[Form]] = {
    "protect": Protect,
    "hide": Hide,
    "reveal": Reveal,
    "shield": Shield,
    "read": Read,
}

PRESETS = {"protect": tuple(PROTECT_PRESETS), "hide": tuple(HIDE_PRESETS["sealed"])}
"""What the forms must offer; see their tests."""


def parsed(verb: str, fields: Mapping[str, list[str]]) -> Form:
    """The form that the text fields of a request make.

    Raises:
        Malformed: naming every field that is wrong, and why.
    """
    form = FORMS[verb]
    several = {name for name, field in form.model_fields.items() if field.default == []}
    values: dict[str, Any] = {}
    for name, texts in fields.items():
        if len(texts) > 1 and name not in several:
            raise Malformed(f"{name}: is given {len(texts)} times; give it once")
        values[name] = texts if name in several else texts[0]
    try:
        return form.model_validate(values)
    except ValidationError as error:
        raise Malformed("; ".join(_fault(form, dict(e)) for e in error.errors())) from error


def file_parts(form: type[Form]) -> tuple[str, ...]:
    """The names of the parts that hold files."""
    uploads = (form.files,) if form.several else ("original", "result")
    return (*uploads, *(("key",) if form.keyed else ()))


def _fault(form: type[Form], found: Mapping[str, Any]) -> str:
    """What is wrong with a field, from what pydantic says of it."""
    name = ".".join(map(str, found["loc"]))
    if found["type"] != "extra_forbidden":
        return f"{name}: {found['msg']}"
    if name in file_parts(form):
        return f"{name}: is sent as text, but is a file; send it as `curl -F {name}=@FILE` does"
    known = (*form.model_fields, *(("passphrase",) if form.keyed else ()))
    shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
    nearest = get_close_matches(shown, (*known, *file_parts(form)), n=1)
    meant = f"is {nearest[0]} meant?" if nearest else f"known are {', '.join(known)}"
    return f"{shown}: is no field that is known; {meant}"


def stored(verb: str, request: str) -> Form:
    """The form that `model_dump_json` wrote into the queue."""
    return FORMS[verb].model_validate_json(request)


def _known(name: str, names: Mapping[str, str], what: str) -> None:
    if name not in names:
        raise UsageError(
            f"no {what} is called {name!r} here; there are {', '.join(names) or 'none'}"
        )


def _one_key(stored: str | None, settings: Settings, *, sent: bool) -> None:
    if sent == (stored is not None):
        raise UsageError("give one key: the file as `key`, or its name here as `stored_key`")
    if stored is not None:
        _known(stored, settings.keys, "key")
