"""A shielding from the names of what it needs: a model, decoders, a key, pictures of decoys."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anamorph.app.shield.keyed import keyed
from anamorph.app.shield.shield import shielding_for
from anamorph.app.train.pictures import seen_by
from anamorph.app.train.shadow import read_decoder
from anamorph.errors import UsageError
from anamorph.keys import file as key_file
from anamorph.models import load
from anamorph.templates.role import Shielding


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a shielding is made of."""

    method: str
    recognizer: str | None = None
    layer: str | None = None
    key: Path | None = None
    """The file of an unlocked key, for `keyed`."""
    shadows: Sequence[Path] = ()
    decoys: Sequence[Path] = ()
    parameters: Any = None
    device: str = "cpu"
    """Of recognizer and shadows."""

    def loaded(self) -> tuple[Shielding, bool]:
        """The shielding, and whether it is for what the recognizer ends with.

        Raises:
            UsageError: something the method needs is missing, or a decoy cannot be read.
            FileError, BadKey, ModelError: what is named cannot be loaded.
        """
        if self.method == "keyed":
            if self.key is None:
                raise UsageError("keyed rotates by a key; give one")
            return keyed(key_file.read(self.key)), True
        if self.method == "decoy" and self.recognizer is None:
            raise UsageError(
                "--method decoy needs the model whose maps are stored: --recognizer MODEL"
            )
        recognizer = None if self.recognizer is None else load(self.recognizer, device=self.device)
        shadows = [read_decoder(path) for path in self.shadows]
        decoys = None
        if recognizer is not None and self.decoys:
            seen = seen_by(recognizer, self.decoys)
            if seen.skipped:
                raise UsageError(f"a decoy cannot be read: {seen.skipped[0]}")
            decoys = seen.pictures
        shielding = shielding_for(
            self.method,
            recognizer=recognizer,
            layer=self.layer,
            shadows=shadows,
            decoys=decoys,
            parameters=self.parameters,
            device=self.device,
        )
        return shielding, bool(shadows) and len(shadows[0].design.feature) == 1
