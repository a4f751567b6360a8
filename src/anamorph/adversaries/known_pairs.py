"""Attackers on a keyed rotation: those who know pairs, and those who know only what faces are like.

    x' = Q x      known: k pairs (x, x')

    Q' = argmin_Q sum ||x' - Q x||^2 = U V^T,    U S V^T = sum x' x^T       (Procrustes)

With k below the dimension d only the k directions that the pairs span are known; the guess for a
stored x' is then its part there, Q'^T x' = V_k U_k^T x'. From k = d on Q is known, and with it
every record of the store, now and later.

Without pairs, a cloud of other faces from the same recognizer may be laid over the stored one: main
axes on main axes, their signs by their third moments; then, again and again, rows that are each
other's nearest are taken for pairs.
"""

import numpy as np
from jaxtyping import Float64

_NO_DIRECTION = 1e-9

Rows = Float64[np.ndarray, "n d"]


def turned_back(
    plain: Float64[np.ndarray, "k d"], stored: Float64[np.ndarray, "k d"], stolen: Rows
) -> Rows:
    """What somebody with k pairs makes of stolen rows: their plain embeddings, as far as known.

    Args:
        plain: embeddings whose stored form is known.
        stored: the same, rotated.
        stolen: rotated embeddings of others.

    Example:
        >>> q = np.array([[0.0, 1.0], [-1.0, 0.0]])
        >>> plain = np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> turned_back(plain, plain @ q.T, np.array([[0.6, 0.8]]) @ q.T).round(6)
        array([[0.6, 0.8]])
    """
    guess: Rows = stolen @ procrustes(plain, stored)
    return guess


def procrustes(
    plain: Float64[np.ndarray, "k d"], stored: Float64[np.ndarray, "k d"]
) -> Float64[np.ndarray, "d d"]:
    """U_k V_k^T: the rotation in the directions that the pairs span, nothing in the others."""
    u, s, vt = np.linalg.svd(stored.T @ plain)
    known = int((s > _NO_DIRECTION * s[0]).sum())
    rotation: Float64[np.ndarray, "d d"] = u[:, :known] @ vt[:known]
    return rotation


def laid_over(
    public: Float64[np.ndarray, "p d"],
    stored: Rows,
    rounds: int,
    start: Float64[np.ndarray, "d d"] | None = None,
) -> Float64[np.ndarray, "d d"]:
    """A rotation guessed without pairs, from the shape of the two clouds alone.

    Args:
        public: unit embeddings of faces that the attacker has.
        stored: rotated unit embeddings.
        rounds: how often nearest rows are taken for pairs.
        start: where to begin, instead of the main axes.
    """
    guess = _axes(stored) @ _axes(public).T if start is None else start
    for _ in range(rounds):
        cosines = (stored @ guess) @ public.T
        there, back = cosines.argmax(1), cosines.argmax(0)
        mutual = np.flatnonzero(back[there] == np.arange(len(stored)))
        guess = procrustes(public[there[mutual]], stored[mutual])
    return guess


def _axes(rows: Rows) -> Float64[np.ndarray, "d d"]:
    """The main axes, the longest first, each pointing where its third moment does."""
    _, axes = np.linalg.eigh(rows.T @ rows)
    axes = axes[:, ::-1]
    moments = ((rows @ axes) ** 3).sum(0)
    pointed: Float64[np.ndarray, "d d"] = axes * np.where(moments < 0, -1.0, 1.0)
    return pointed
