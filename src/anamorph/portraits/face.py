"""Who a person is: what stays the same from one picture to the next.

Lengths are in head heights from the middle of the head to the chin: y is 0 at the middle of the
head, 1 at the chin of a face without a chin of its own, and grows downwards; x grows to the right.
"""

from dataclasses import dataclass
from functools import lru_cache

from anamorph.portraits.draws import chance, pick, stream, uniform
from anamorph.portraits.palette import HAIR, IRIS, NATURAL_HAIR, RGB, SKIN, ramp

HAIR_STYLES = ("crop", "swept", "bob", "long", "wavy", "bun", "curls", "buzz")
"""Ways to wear hair, from `hair.py`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """One person. Geometry tells people apart; skin, freckles and moles are weak hints."""

    identity: int
    face_width: float
    forehead: float
    """Width of the forehead as a share of the face's width."""
    jaw: float
    """Width of the jaw as a share of the face's width."""
    chin_width: float
    chin_length: float
    eye_distance: float
    """From the middle of the face to the middle of an eye."""
    eye_height: float
    eye_width: float
    eye_openness: float
    """Height of the open eye as a share of its width."""
    eye_tilt: float
    """Radians; positive raises the outer corner."""
    iris_size: float
    iris: RGB
    brow_gap: float
    brow_length: float
    brow_thickness: float
    brow_arch: float
    brow_tilt: float
    nose_length: float
    nose_width: float
    nose_bridge: float
    mouth_height: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    cupid_bow: float
    ear_size: float
    ear_height: float
    hairline: float
    """Height of the hairline over the forehead."""
    widow_peak: float
    skin: RGB
    freckles: float
    """How visible freckles are, 0 for none."""
    moles: tuple[tuple[float, float], ...]
    natural_hair: RGB
    favorite_style: str

    @property
    def geometry(self) -> tuple[float, ...]:
        """The lengths and shares alone, scaled so that each spans about one over all people."""
        return tuple(
            (getattr(self, name) - low) / (high - low) for name, (low, high) in _SPREAD.items()
        )


_SPREAD = {
    "face_width": (0.66, 0.84),
    "forehead": (0.82, 1.0),
    "jaw": (0.66, 0.93),
    "chin_width": (0.19, 0.40),
    "chin_length": (-0.03, 0.09),
    "eye_distance": (0.275, 0.375),
    "eye_height": (-0.02, 0.12),
    "eye_width": (0.145, 0.200),
    "eye_openness": (0.40, 0.74),
    "eye_tilt": (-0.14, 0.22),
    "iris_size": (0.50, 0.66),
    "brow_gap": (0.17, 0.27),
    "brow_length": (0.17, 0.25),
    "brow_thickness": (0.020, 0.052),
    "brow_arch": (0.0, 0.075),
    "brow_tilt": (-0.10, 0.10),
    "nose_length": (0.30, 0.46),
    "nose_width": (0.095, 0.185),
    "nose_bridge": (0.03, 0.07),
    "mouth_height": (0.60, 0.70),
    "mouth_width": (0.20, 0.33),
    "upper_lip": (0.030, 0.075),
    "lower_lip": (0.045, 0.10),
    "cupid_bow": (0.0, 0.55),
    "ear_size": (0.15, 0.25),
    "ear_height": (0.05, 0.18),
    "hairline": (-0.62, -0.42),
    "widow_peak": (-0.06, 0.09),
}
"""The range of each length and share, drawn evenly so that people fill it."""


@lru_cache(maxsize=1024)
def traits(identity: int) -> Traits:
    """The person behind a number: the same person for the same number, always.

    >>> traits(7) == traits(7)
    True
    """
    rng = stream(identity)
    lengths = {name: uniform(rng, low, high) for name, (low, high) in _SPREAD.items()}
    return Traits(
        identity=identity,
        skin=ramp(SKIN, uniform(rng, 0.0, 1.0) ** 1.35),
        iris=pick(rng, IRIS),
        freckles=uniform(rng, 0.35, 0.8) if chance(rng, 0.22) else 0.0,
        moles=tuple(
            (uniform(rng, -0.42, 0.42), uniform(rng, 0.28, 0.72))
            for _ in range(int(uniform(rng, 0.0, 1.8)))
        ),
        natural_hair=pick(rng, HAIR[:NATURAL_HAIR]),
        favorite_style=pick(rng, HAIR_STYLES),
        **lengths,
    )
