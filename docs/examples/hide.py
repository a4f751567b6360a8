"""Hide portraits so that only one model reads them, and turn them back with the key."""

from pathlib import Path
from tempfile import TemporaryDirectory

import anamorph
from anamorph.portraits import write_folder

with TemporaryDirectory() as folder:
    photos, hidden, back = Path(folder, "photos"), Path(folder, "hidden"), Path(folder, "back")
    write_folder(photos, range(2), [7])
    key = anamorph.new_key("sealed")
    anamorph.write_key(key, Path(folder, "mine.amkey"))  # lose it, and the portraits are lost
    report = anamorph.hide(
        [photos],
        hidden,
        service="portraits:identity-residual",
        key=key,
        parameters="fast",
    )
    print(report.summary)
    assert report.ok

    assert anamorph.reveal([hidden], back, key).ok
    assert all((back / p.name).read_bytes() == p.read_bytes() for p in photos.glob("*.png"))

    stranger = anamorph.reveal([hidden], Path(folder, "nothing"), anamorph.new_key("sealed"))
    print(stranger.images[0].reason)
    assert stranger.summary["revealed"] == 0
