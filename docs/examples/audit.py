"""Protect portraits, then let models that the protection did not know read them."""

from pathlib import Path
from tempfile import TemporaryDirectory

import anamorph
from anamorph.portraits import write_folder

with TemporaryDirectory() as folder:
    photos, protected, report = (Path(folder, name) for name in ("photos", "protected", "report"))
    labels = write_folder(photos, range(6), [1000])
    anamorph.protect([photos], protected, authorized="portraits:identity-vgg")
    audit = anamorph.audit(
        originals=photos,
        protected=protected,
        authorized="portraits:identity-vgg",
        panel=["portraits:identity-residual", "portraits:identity-depthwise"],
        labels=labels,
        out=report,
        transforms=["jpeg75", "flip"],
    )
    for model in audit.panel:
        print(model.name, "keeps", model.kept.value, "of", model.kept.n, "readings")
    print("your model keeps", audit.authorized.kept.value)
    assert (report / "report.html").exists()
