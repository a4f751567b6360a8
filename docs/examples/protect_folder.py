"""Protect a folder of portraits, and see that the authorized model still reads them."""

from pathlib import Path
from tempfile import TemporaryDirectory

import anamorph
from anamorph.portraits import write_folder

with TemporaryDirectory() as folder:
    photos, out = Path(folder, "photos"), Path(folder, "protected")
    labels = write_folder(photos, range(4), [7])
    report = anamorph.protect(
        [photos],
        out,
        authorized="portraits:identity-residual",
        labels=labels,
        parameters=anamorph.FMD(steps=5),
    )
    print(report.summary)
    assert report.ok
    assert len(list(out.glob("*.png"))) == 4
