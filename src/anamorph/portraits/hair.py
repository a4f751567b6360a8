"""Hair: what lies behind the head, and what lies on it."""

from dataclasses import dataclass
from math import pi, sin
from types import MappingProxyType

import numpy as np

from anamorph.portraits.canvas import Colors, Field, clamp, cover, ellipse, plane, step
from anamorph.portraits.head import ANGLES, Head, Outline, skull_outline
from anamorph.portraits.palette import INK, WHITE, mix


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A way to wear hair, in head lengths."""

    volume: float
    """How far hair stands off the crown."""
    length: float
    """Where hair ends behind the head; below 0 there is none behind it."""
    spread: float = 0.0
    """How much wider than the skull the hair falls."""
    fringe: float = 0.0
    """How far hair comes down over the forehead."""
    sweep: float = 0.0
    """How much lower the fringe is on one side than on the other."""
    sides: float = 0.05
    """How far down hair covers the side of the face."""
    waves: float = 0.0
    """Depth of curls along the outline."""
    knot: float = 0.0
    """Radius of a bun on the crown."""
    opacity: float = 1.0


STYLES = MappingProxyType(
    {
        "crop": Style(volume=0.16, length=-1, fringe=0.06, sweep=0.10, sides=0.0),
        "swept": Style(volume=0.24, length=-1, fringe=-0.02, sweep=0.30, sides=0.08),
        "bob": Style(volume=0.16, length=0.72, spread=0.09, fringe=0.17, sides=0.5),
        "long": Style(volume=0.13, length=1.6, spread=0.10, fringe=-0.06, sweep=0.12, sides=0.5),
        "wavy": Style(volume=0.20, length=1.25, spread=0.17, sweep=0.26, sides=0.4, waves=0.035),
        "bun": Style(volume=0.10, length=-1, fringe=-0.08, sides=0.02, knot=0.25),
        "curls": Style(volume=0.34, length=0.42, spread=0.16, fringe=0.07, sides=0.14, waves=0.05),
        "buzz": Style(volume=0.045, length=-1, fringe=0.0, sides=0.0, opacity=0.86),
    }
)


def draw_back_hair(h: Head) -> None:
    """Hair behind neck and shoulders, and the bun."""
    style, c, s = STYLES[h.shot.hair_style], h.canvas, h.shot
    if style.knot:
        x, y = -0.10 * sin(s.yaw), -1.0 - style.volume - 0.30 * style.knot
        part = c.window(x, y, 1.3 * style.knot, 1.3 * style.knot)
        ball = ellipse(part.x - x, part.y - y, style.knot, 0.92 * style.knot)
        spot = ellipse(part.x - x - 0.1 * s.light_x, part.y - y + 0.06, 0.2, 0.2)
        shine = 1 - step(spot, -0.2, 0.08)
        part.paint(cover(ball, part.pixel), _colors(h, 0.25 + 0.6 * shine))
    skull = h.distance(_curly(skull_outline(h.person, style.volume), style, s.hair_phase))
    roots = np.maximum(skull + 0.02, c.y - h.person.ear_height - style.sides)
    c.paint(style.opacity * cover(roots, c.pixel), mix(s.hair, INK, 0.38))
    if style.length < 0:
        return
    w = h.person.face_width + style.spread + 0.03
    wave = style.waves * np.sin(c.y * 17 + 6 * s.hair_phase)
    half = w * (0.90 + 0.14 * step(c.y, -0.4, 0.9)) + wave
    fall = np.abs(c.x + 0.12 * sin(s.yaw)) - half
    rounded = np.maximum(np.abs(c.x) - w + 0.30, 0)
    end = c.y - style.length + 1.4 * rounded**2
    hanging = np.maximum(np.maximum(fall, end), -0.35 - c.y)
    shape = np.minimum(hanging, skull)
    strands = np.sin(c.x * 23 + 5 * s.hair_phase + 40 * wave) * step(c.y, -0.6, 0.2)
    c.paint(cover(shape, c.pixel), _colors(h, 0.21 + 0.175 * strands))


def draw_front_hair(h: Head) -> None:
    """Hair over crown, forehead and temples."""
    style, c, p, s = STYLES[h.shot.hair_style], h.canvas, h.person, h.shot
    outline = _curly(skull_outline(p, style.volume), style, s.hair_phase)
    cap = h.distance(outline)
    edge = c.y - _hairline(h, style)
    if style.waves:
        edge = edge + 0.7 * style.waves * np.sin(c.x * 15 + 9 * s.hair_phase)
    shape = np.maximum(cap, edge * 0.8)
    soft = 0.10 if s.hair_style == "buzz" else 0.008
    shadow = cover(np.maximum(cap, 0.8 * edge - 0.05), c.pixel, 0.10)
    c.filter(0.30 * shadow, (0.62, 0.46, 0.50))
    c.paint(style.opacity * cover(shape, c.pixel, soft), _colors(h, _sheen(h, style, edge)))


def _hairline(h: Head, style: Style) -> Field:
    """Height of the lower edge of the hair over each x, falling to the ears at the sides."""
    p, s, x = h.person, h.shot, h.canvas.x
    shift, top, _ = h.place(0.0, p.hairline)
    u = (x - 0.8 * shift) / p.face_width
    way = 1.0 if s.hair_phase < 0.5 else -1.0
    front: Field = top + style.fringe + 0.10 * u * u
    front = front - 0.5 * style.sweep * way * np.tanh(2.2 * (u - 0.45 * way))
    if style.fringe < 0.15:  # a full fringe hides the hairline
        front = front + p.widow_peak * np.exp(-((u / 0.22) ** 2))
    low = p.ear_height - 0.10 + style.sides
    side = step(np.abs(u), 0.80 if style.sides < 0.2 else 0.70, 1.06)
    return front + (low - front) * side


def _curly(outline: Outline, style: Style, phase: float) -> Outline:
    """The outline with curls along it, where the style has any."""
    if not style.waves:
        return outline
    turn = np.arange(len(outline)) * (2 * pi / len(outline))
    bumps = np.abs(np.sin(turn * 8 + 3 * phase)) + 0.5 * np.abs(np.sin(turn * 13 + 7 * phase))
    curled: Outline = (outline + style.waves * (bumps - 0.7)).astype(np.float32)
    return curled


def _sheen(h: Head, style: Style, edge: Field) -> Field:
    """Light on the hair: a band around the crown, and strands."""
    s = h.shot
    reach = h.radius / (1.0 + style.volume)
    band = np.exp(-(((reach - 0.80) / 0.10) ** 2)) * (0.35 + 0.65 * step(h.lit, 0.0, 0.9))
    turn = np.arange(ANGLES) * (2 * pi / ANGLES)
    locks = np.sin(turn * 26 + 11 * s.hair_phase) * np.sin(turn * 41 + 5) + 0.5 * np.sin(turn * 90)
    strands = locks.astype(np.float32)[h.angle]
    tone: Field = 0.34 + 0.22 * step(h.lit, -0.3, 0.8) + 0.22 * band + 0.045 * strands
    return tone - 0.16 * step(edge, -0.14, 0.0)


def _colors(h: Head, tone: Field) -> Colors:
    """Hair from its shadow (tone 0) over its color (0.5) to its light (1)."""
    base = h.shot.hair
    dark, middle, light = map(plane, (mix(base, INK, 0.55), base, mix(base, WHITE, 0.42)))
    low, high = clamp(2 * tone), clamp(2 * tone - 1)
    return dark + (middle - dark) * low + (light - middle) * high
