"""Keyed rotation: embeddings that are searched as before by whoever has the key.

    x' = Q x,    Q Q^T = 1,    cos(Q x, Q y) = cos(x, y)

Q is drawn uniformly from all orthogonal matrices (Haar), from normal numbers N that the key gives:

    N = Q_0 R  (Householder),    Q = Q_0 sign(diag R)

Without the signs Q would depend on how the decomposition is computed, and would not be uniform
(Mezzadri, "How to generate random matrices from the classical compact groups", 2007). Probes go
through the same Q, so every cosine, distance and rank stays what it was. From one key to the next:

    x'' = Q_2 Q_1^T x'

which never forms x. A construction of ours; there is no paper to differ from.

What it is worth: one x' alone fits any face, since for every direction there is a Q that leads
there. Of many x' the angles between them stay, as they must for a search to work, and with them the
shape of the whole cloud. Pairs of plain and rotated embeddings give Q away by least squares: as
many as the embedding has dimensions for all of it (`adversaries/known_pairs.py`).
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Float64

from anamorph.errors import UsageError

LARGEST_WIDTH = 4096
"""Values of an embedding: the matrix of the largest has 128 MiB."""


@dataclass(frozen=True, slots=True, eq=False)
class Rotation:
    """One orthogonal matrix; as secret as the key it comes from."""

    matrix: Float64[np.ndarray, "d d"] = field(repr=False)
    _applied: Float32[np.ndarray, "d d"] = field(init=False, repr=False)
    """The same in the precision of what is stored: a record costs the reading of this matrix."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_applied", self.matrix.astype(np.float32))

    @property
    def width(self) -> int:
        """Values of an embedding."""
        return len(self.matrix)

    def __call__(self, x: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d"]:
        """Rotate embeddings; in float32, which changes a cosine by some 1e-7.

        Raises:
            UsageError: embeddings of another width.
        """
        if x.ndim != 2 or x.shape[1] != self.width:
            raise UsageError(
                f"features of shape {x.shape[1:]} do not fit a rotation of width {self.width}"
            )
        x = x.astype(np.float32, copy=False)
        rotated: Float32[np.ndarray, "n d"] = x @ self._applied.T  # Q x
        return rotated

    def instead_of(self, first: "Rotation") -> "Rotation":
        """What turns embeddings rotated by `first` into embeddings rotated by this: Q_2 Q_1^T.

        Raises:
            UsageError: rotations of two widths.
        """
        if first.width != self.width:
            raise UsageError(f"rotations of widths {first.width} and {self.width} do not combine")
        return Rotation(self.matrix @ first.matrix.T)


def rotation(normals: Float64[np.ndarray, "d d"]) -> Rotation:
    """The rotation that independent normal numbers stand for.

    Example:
        >>> import numpy as np
        >>> q = rotation(np.array([[3.0, 0.0], [4.0, 5.0]]))
        >>> q.matrix.round(6)
        array([[ 0.6, -0.8],
               [ 0.8,  0.6]])

    Raises:
        UsageError: numbers that are not square, or more than 4096 x 4096.
    """
    if normals.ndim != 2 or normals.shape[0] != normals.shape[1]:
        raise UsageError(f"a rotation is made of d x d numbers, not of shape {normals.shape}")
    if not 2 <= len(normals) <= LARGEST_WIDTH:
        raise UsageError(
            f"features have {len(normals)} values, but a rotation needs 2 to {LARGEST_WIDTH}"
        )
    q_0, r = np.linalg.qr(normals)
    return Rotation(q_0 * np.where(np.diag(r) < 0, -1.0, 1.0))
