"""What changes from one picture of a person to the next: face pulled, light, hair, clothes."""

from dataclasses import dataclass, replace
from types import MappingProxyType

from anamorph.errors import UsageError
from anamorph.portraits.draws import chance, pick, stream, uniform
from anamorph.portraits.face import HAIR_STYLES, Traits
from anamorph.portraits.palette import BACKGROUNDS, CLOTHES, FRAMES, HAIR, RGB

EXPRESSIONS = ("neutral", "happy", "sad", "surprised", "angry")
"""The labels of the expression models, in the order of their outputs."""

GLASSES = ("round", "square", "browline")
GARMENTS = ("crew", "vneck", "collar", "turtleneck")


@dataclass(frozen=True, slots=True, kw_only=True)
class Muscles:
    """How far an expression pulls each part of the face from rest."""

    smile: float = 0.0
    """Corners of the mouth, up."""
    open_mouth: float = 0.0
    wide_mouth: float = 0.0
    brows_up: float = 0.0
    brows_in: float = 0.0
    """Inner ends of the brows, down (negative: up, as in sorrow)."""
    eyes_wide: float = 0.0
    lower_lids: float = 0.0
    """Lower lids, pushed up by the cheeks."""
    blush: float = 0.0

    def scaled(self, strength: float) -> "Muscles":
        """The same expression, weaker or stronger."""
        return Muscles(**{name: getattr(self, name) * strength for name in self.__slots__})


MUSCLES = MappingProxyType(
    {
        "neutral": Muscles(),
        "happy": Muscles(
            smile=1.0, open_mouth=0.55, wide_mouth=0.28, brows_up=0.18, lower_lids=0.5, blush=0.6
        ),
        "sad": Muscles(
            smile=-0.85, wide_mouth=-0.12, brows_in=-1.0, eyes_wide=-0.28, brows_up=0.1
        ),
        "surprised": Muscles(
            open_mouth=1.0, wide_mouth=-0.38, brows_up=1.0, brows_in=-0.15, eyes_wide=0.45
        ),
        "angry": Muscles(
            smile=-0.5, wide_mouth=0.04, brows_up=-0.35, brows_in=1.15, eyes_wide=-0.22,
            lower_lids=0.25, blush=0.25,
        ),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture of a person: everything that is not who they are."""

    identity: int
    shot: int
    expression: str
    strength: float
    """How strongly the expression shows, about 1."""
    yaw: float
    """Radians; positive turns the face to the right of the picture."""
    pitch: float
    roll: float
    light_x: float
    """Where the light comes from, -1 left to 1 right."""
    light_y: float
    warmth: float
    """Color of the light, -1 cool to 1 warm."""
    brightness: float
    hair_style: str
    hair: RGB
    hair_phase: float
    """Which way this day's hair falls, in [0, 1)."""
    glasses: str | None
    frame: RGB
    backdrop: int
    backdrop_phase: float
    garment: str
    clothes: RGB
    zoom: float
    shift_x: float
    shift_y: float
    gaze: float

    @property
    def muscles(self) -> Muscles:
        """The pull of the expression at its strength."""
        return MUSCLES[self.expression].scaled(self.strength)


def shot(person: Traits, index: int) -> Shot:
    """Picture number `index` of a person.

    Hair follows the person half of the time only, so that it is a hint and no shortcut; glasses,
    clothes, light and background never follow the person.
    """
    rng = stream(person.identity, index)
    return Shot(
        identity=person.identity,
        shot=index,
        expression=pick(rng, EXPRESSIONS),
        strength=uniform(rng, 0.8, 1.15),
        yaw=uniform(rng, -0.36, 0.36),
        pitch=uniform(rng, -0.16, 0.16),
        roll=uniform(rng, -0.12, 0.12),
        light_x=uniform(rng, -1.0, 1.0),
        light_y=uniform(rng, -0.9, -0.2),
        warmth=uniform(rng, -1.0, 1.0),
        brightness=uniform(rng, 0.9, 1.06),
        hair_style=person.favorite_style if chance(rng, 0.4) else pick(rng, HAIR_STYLES),
        hair=person.natural_hair if chance(rng, 0.4) else pick(rng, HAIR),
        hair_phase=uniform(rng, 0.0, 1.0),
        glasses=pick(rng, GLASSES) if chance(rng, 0.3) else None,
        frame=pick(rng, FRAMES),
        backdrop=int(uniform(rng, 0, len(BACKGROUNDS))),
        backdrop_phase=uniform(rng, 0.0, 1.0),
        garment=pick(rng, GARMENTS),
        clothes=pick(rng, CLOTHES),
        zoom=uniform(rng, 0.95, 1.06),
        shift_x=uniform(rng, -0.06, 0.06),
        shift_y=uniform(rng, -0.04, 0.05),
        gaze=uniform(rng, -0.5, 0.5),
    )


def directed(
    taken: Shot,
    *,
    expression: str | None = None,
    glasses: bool | None = None,
    hair_style: str | None = None,
) -> Shot:
    """The same picture with some of it chosen; what is None stays as it was drawn.

    Raises:
        UsageError: for an expression or a hair style that does not exist.
    """
    if expression is not None:
        _known("expression", expression, EXPRESSIONS)
        taken = replace(taken, expression=expression)
    if hair_style is not None:
        _known("hair style", hair_style, HAIR_STYLES)
        taken = replace(taken, hair_style=hair_style)
    if glasses is not None:
        taken = replace(taken, glasses=(taken.glasses or GLASSES[0]) if glasses else None)
    return taken


def _known(what: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise UsageError(f"{what} {name!r} does not exist; choose one of {', '.join(names)}")
