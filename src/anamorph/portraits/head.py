"""The head: its outline, how features move as it turns, and skin under light."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import cos, pi, sin, sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from anamorph.portraits.canvas import Canvas, Field, cover, ellipse, glow, plane, step
from anamorph.portraits.face import Traits
from anamorph.portraits.palette import BLUSH, SHADE, WHITE, mix, tint
from anamorph.portraits.scene import Shot

ANGLES = 720
"""Directions in which outlines are known."""

Outline: TypeAlias = NDArray[np.float32]
"""A closed curve as its radius in each of the directions, from the crown clockwise."""

_DEPTH = 0.5
"""How far the middle of the face stands out, in head lengths: sets the parallax."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One head on the canvas: everything its parts need to draw themselves."""

    person: Traits
    shot: Shot
    canvas: Canvas
    """In the coordinates of the head: origin in its middle, upright with it."""
    angle: NDArray[np.int32]
    """Around the middle of the head, from the crown clockwise, as an index into outlines."""
    radius: Field
    lit: Field
    """Light falling on a ball in place of the head, about -1 to 1."""

    def place(self, x: float, y: float, lift: float = 0.0) -> tuple[float, float, float]:
        """Where a point of the face is seen: x, y, and the factor its width shrinks by.

        Args:
            x: on the face seen from the front.
            y: likewise.
            lift: how far the point stands out above the face (negative: lies behind it).
        """
        across = x / 0.95
        bulge = sqrt(max(0.0, 1 - across**2 - (y / 1.3) ** 2))
        depth = _DEPTH * bulge + lift
        yaw, pitch = self.shot.yaw, self.shot.pitch
        shrink = cos(yaw) - sin(yaw) * _DEPTH * across / (0.95 * max(bulge, 0.45))
        return x * cos(yaw) + depth * sin(yaw), y * cos(pitch) + depth * sin(pitch), shrink

    def distance(self, outline: Outline) -> Field:
        """Signed distance to an outline given as a radius per angle."""
        return self.radius - outline[self.angle]


def head(canvas: Canvas, person: Traits, shot: Shot) -> Head:
    """Set up a head on a canvas that is in head coordinates."""
    x, y = canvas.x, canvas.y
    lean = 0.13 * sin(shot.yaw) * (0.2 + 0.8 * step(y, -0.5, 0.9))
    x = x - lean  # the chin points where the face looks, the skull stays
    turn = np.arctan2(x, -y) * (ANGLES / (2 * pi))
    up = -0.9 * shot.light_y
    side = 0.85 * shot.light_x
    ahead = 0.75
    nx, ny = x / person.face_width, y / 1.1
    nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0.02))
    bright = (nx * side - ny * up + nz * ahead) / sqrt(side * side + up * up + ahead * ahead)
    return Head(
        person=person,
        shot=shot,
        canvas=canvas,
        angle=turn.astype(np.int32) % ANGLES,
        radius=np.sqrt(x * x + y * y),
        lit=bright,
    )


@lru_cache(maxsize=256)
def _radii(points: tuple[tuple[float, float], ...]) -> Outline:
    """Radius per angle of a smooth closed curve through points of the right half, top to bottom."""
    right = np.array(points)
    left = right[-2:0:-1] * (-1, 1)
    knots = np.concatenate([right, left])
    before, after, last = (np.roll(knots, n, axis=0) for n in (1, -1, -2))
    t = np.linspace(0, 1, 40, endpoint=False)[:, None, None]
    curve = 0.5 * (
        2 * knots
        + (after - before) * t
        + (2 * before - 5 * knots + 4 * after - last) * t**2
        + (3 * knots - before - 3 * after + last) * t**3
    )
    flat = curve.transpose(1, 0, 2).reshape(-1, 2)
    angle = np.arctan2(flat[:, 0], -flat[:, 1]) % (2 * pi)
    order = np.argsort(angle)
    radius = np.hypot(flat[:, 0], flat[:, 1])[order]
    at = (np.arange(ANGLES) + 0.5) * (2 * pi / ANGLES)
    outline: Outline = np.interp(at, angle[order], radius, period=2 * pi).astype(np.float32)
    return outline


def face_outline(person: Traits, jaw_drop: float = 0.0) -> Outline:
    """Radius of the face per angle: forehead, cheekbones, jaw and chin of this person."""
    w = person.face_width
    chin = 1 + person.chin_length + 0.05 * jaw_drop
    return _radii(
        (
            (0.0, -0.98),
            (0.52 * w, -0.88),
            (person.forehead * w * 0.95, -0.50),
            (w, 0.02),
            (person.jaw * w, 0.50 + 0.04 * jaw_drop),
            (person.chin_width, 0.97 * chin - 0.06),
            (0.0, chin),
        )
    )


def skull_outline(person: Traits, volume: float) -> Outline:
    """Radius per angle of the hair around the skull; volume is its thickness over the crown."""
    w = person.face_width + 0.03 + 0.45 * volume
    return _radii(
        (
            (0.0, -1.0 - volume),
            (0.56 * w, -0.90 - 0.8 * volume),
            (0.96 * w, -0.46),
            (w, 0.05),
            (0.90 * w, 0.50),
            (0.5 * w, 0.85),
            (0.0, 0.95),
        )
    )


def draw_ears(h: Head) -> None:
    """Both ears, the one turned away nearly hidden."""
    p, size = h.person, h.person.ear_size
    for side in (-1.0, 1.0):
        x = side * (p.face_width + 0.035) * cos(h.shot.yaw) - 0.10 * sin(h.shot.yaw)
        y = p.ear_height - 0.18 * sin(h.shot.pitch)
        part = h.canvas.window(x, y, size, 1.4 * size)
        u, v = part.x - x, part.y - y
        lean = u + side * 0.18 * v
        shade = 0.35 + 0.35 * side * h.shot.light_x
        skin = mix(tint(p.skin, SHADE), p.skin, min(max(0.45 + shade, 0.0), 1.0))
        part.paint(cover(ellipse(lean, v, 0.58 * size, size), part.pixel), skin)
        inner = ellipse(lean + side * 0.02, v + 0.02, 0.34 * size, 0.66 * size)
        part.filter(0.5 * cover(inner, part.pixel, 0.06), SHADE)


def draw_skin(h: Head, jaw_drop: float) -> Field:
    """The face without features; returns its coverage."""
    c, p = h.canvas, h.person
    distance = h.distance(face_outline(p, jaw_drop))
    mask = cover(distance, c.pixel)
    shadow = tint(p.skin, SHADE)
    light = mix(p.skin, WHITE, 0.20)
    dark = 1 - step(h.lit, -0.35, 0.62)
    bright = step(h.lit, 0.55, 1.0)
    rim = step(distance, -0.22, 0.0)
    base = plane(p.skin)
    color = base + (0.75 * dark + 0.16 * rim) * (plane(shadow) - base)
    color += 0.55 * bright * (plane(light) - base)
    c.paint(mask, color)
    _draw_cheeks(h, mask)
    return mask


def _draw_cheeks(h: Head, mask: Field) -> None:
    """Blush, freckles and moles."""
    c, p = h.canvas, h.person
    strength = 0.20 + 0.22 * h.shot.muscles.blush
    for side in (-1.0, 1.0):
        x, y, shrink = h.place(side * 0.43, 0.40)
        spot = glow(c.x - x, c.y - y, 0.21 * shrink, 0.15)
        c.paint(strength * spot * mask, mix(p.skin, BLUSH, 0.6))
    if p.freckles:
        # a sunflower's spiral spreads freckles evenly over cheeks and nose
        spiral = [(2.4 * i, 0.30 * sqrt((i + 0.5) / 26)) for i in range(26)]
        spots = [(1.6 * r * cos(turn), 0.27 + 0.55 * r * sin(turn)) for turn, r in spiral]
        _dots(h, spots, radius=0.013, strength=0.55 * p.freckles)
    _dots(h, p.moles, radius=0.021, strength=0.8)


def _dots(h: Head, spots: Sequence[tuple[float, float]], *, radius: float, strength: float) -> None:
    """Small brown dots at points of the face."""
    if not spots:
        return
    x, y = np.array([h.place(*spot)[:2] for spot in spots], np.float32).T[:, :, None, None]
    part = h.canvas.window(
        float(x.mean()), float(y.mean()), float(np.ptp(x)) + 0.05, float(np.ptp(y)) + 0.05
    )
    nearest = ellipse(part.x - x, part.y - y, radius, radius).min(0)
    part.filter(strength * cover(nearest, part.pixel, radius), (0.62, 0.46, 0.42))
