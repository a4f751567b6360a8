"""Store decoys in the place of people: the matcher sees the person, the map shows somebody else."""

import numpy as np
import torch
from torch import nn

import anamorph
from anamorph import portraits
from anamorph.app.shield.shield import features_of, shield
from anamorph.methods.decoy import Decoy
from anamorph.models.split import split


class Recognizer(nn.Module):
    """Stands in for yours: a small network with random weights."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.rest = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU())
        self.embed = nn.Linear(16 * 16, 32)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures (n, 3, 64, 64) to embeddings (n, 32)."""
        maps = nn.functional.adaptive_avg_pool2d(self.rest(self.stem(x)), 4)
        embeddings: torch.Tensor = self.embed(maps.flatten(1))
        return embeddings


def main() -> None:
    """Shield four people and compare."""
    half = (0.5, 0.5, 0.5)
    recognizer = anamorph.wrap(
        Recognizer(), name="mine", size=(64, 64), mean=half, std=half, task="embed", tap=("stem",)
    )
    people = portraits.dataset(range(1000, 1004), range(1), size=64).images
    pictures = np.ascontiguousarray(people.transpose(0, 3, 1, 2))
    clean = features_of(pictures, recognizer)
    records = shield(clean, "decoy", recognizer=recognizer, parameters=Decoy(steps=40))
    tail = split(recognizer).tail
    with torch.no_grad():
        own, seen = tail(torch.from_numpy(clean)), tail(torch.from_numpy(records))
    same = torch.cosine_similarity(own, seen, dim=1)
    print(f"embedding of the record and of the person, cosine: {same.min():.3f} at least")
    alike = np.corrcoef(clean.reshape(4, -1), records.reshape(4, -1))[:4, 4:].diagonal()
    print(f"map of the record and of the person, correlation: {alike.mean():.2f}")


if __name__ == "__main__":
    main()
