"""Train the key network that is no secret: `anamorph.models.networks.stranger`.

    python zoo/train_stranger.py

It is made as `anamorph train key` makes keys, but from a seed that everybody knows.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from anamorph.app.train.key import train_key
from anamorph.keys import file as key_file
from anamorph.models.networks import stranger

SEED = bytes(32)


def main() -> None:
    """Train it, and put its weights into the package."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # sums in one order, whatever the machine
    with TemporaryDirectory() as folder:
        path = Path(folder) / "stranger.amkey"
        report = train_key(path, seed=SEED)
        weights = key_file.read(path).secret.reveal()
    Path(str(stranger.WEIGHTS)).write_bytes(weights)
    print(f"gives portraits back at {report.psnr:.1f} dB, after {report.seconds:.0f} s")


if __name__ == "__main__":
    main()
