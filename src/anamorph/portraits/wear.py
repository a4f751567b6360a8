"""What surrounds the face: background, neck, clothes, glasses."""

from math import cos, pi, sin

import numpy as np

from anamorph.portraits.canvas import (
    Canvas,
    Field,
    box,
    clamp,
    cover,
    ellipse,
    glow,
    plane,
    polygon,
    step,
)
from anamorph.portraits.head import Head
from anamorph.portraits.palette import BACKGROUNDS, INK, SHADE, WHITE, mix, tint
from anamorph.portraits.scene import Shot


def draw_backdrop(canvas: Canvas, index: int, phase: float) -> None:
    """A soft gradient with a large pale disk behind the head and a lower one at the side."""
    light, deep = BACKGROUNDS[index]
    turn = 2 * pi * phase
    slope = 0.5 + 0.28 * (canvas.y + 0.5 * cos(turn) * canvas.x)
    canvas.paint(np.ones_like(slope), light)
    canvas.paint(clamp(slope), deep)
    x, y = 0.45 * cos(turn), -0.25 + 0.25 * sin(turn)
    halo = ellipse(canvas.x - x, canvas.y - y, 1.12, 1.12)
    canvas.paint(0.42 * cover(halo, canvas.pixel, 0.02), mix(light, WHITE, 0.35))
    side = 1.0 if phase < 0.5 else -1.0
    low = ellipse(canvas.x - side * 1.2, canvas.y - 0.8, 0.75, 0.75)
    canvas.paint(0.22 * cover(low, canvas.pixel, 0.02), mix(deep, WHITE, 0.1))


def draw_body(body: Canvas, h: Head) -> None:
    """Neck and shoulders, in coordinates that do not tilt with the head."""
    p, s = h.person, h.shot
    body = body.window(0.0, 1.2, 2.0, 0.8)
    width = 0.27 + 0.30 * (p.face_width * p.jaw - 0.5)
    neck = np.maximum(np.abs(body.x) - width - 0.25 * step(body.y, 1.0, 1.5), 0.45 - body.y)
    mask = cover(neck, body.pixel)
    body.paint(mask, mix(p.skin, tint(p.skin, SHADE), 0.25))
    side = step(body.x * (-1 if s.light_x > 0 else 1), -0.1, 0.45)
    body.filter(mask * (0.25 + 0.4 * abs(s.light_x)) * side, SHADE)
    body.filter(0.75 * mask * (1 - step(body.y, 0.85, 1.22)), SHADE)  # cast by the chin
    _draw_clothes(body, h, width)


def _draw_clothes(body: Canvas, h: Head, neck: float) -> None:
    """A garment over the shoulders; `hole` is what its neck leaves free."""
    s = h.shot
    shoulders = 1.06 + 0.30 * np.maximum(np.abs(body.x) - neck, 0) ** 1.5
    cloth = shoulders - body.y
    if s.garment == "vneck":
        hole = np.maximum(np.abs(body.x) - np.maximum(1.48 - body.y, 0) * 0.95, body.y - 1.6)
    elif s.garment == "turtleneck":
        hole = np.full_like(body.x, 1.0)
        cloth = np.minimum(cloth, np.maximum(np.abs(body.x) - neck - 0.04, 0.98 - body.y))
    else:
        hole = ellipse(body.x, body.y - 0.98, neck + 0.11, 0.26)
    mask = cover(np.maximum(cloth, -hole), body.pixel)
    light = step(body.x * s.light_x, -1.2, 1.2)
    body.paint(mask, s.clothes)
    body.filter(mask * (0.35 - 0.35 * light), (0.62, 0.58, 0.72))
    body.paint(0.16 * mask * light, WHITE)
    if s.garment == "turtleneck":
        fold = np.abs(body.y - 1.12) - 0.012
        body.filter(0.4 * mask * cover(fold, body.pixel, 0.02), (0.6, 0.56, 0.66))
    else:
        band = np.abs(hole - 0.035) - 0.035
        trim = mix(s.clothes, WHITE if sum(s.clothes) < 1.6 else INK, 0.22)
        body.paint(0.8 * mask * cover(band, body.pixel), trim)
    if s.garment == "collar":
        _draw_collar(body, h, neck)


def _draw_collar(body: Canvas, h: Head, neck: float) -> None:
    white = mix(h.shot.clothes, WHITE, 0.72)
    for side in (-1.0, 1.0):
        wing = polygon(
            body.x * side,
            body.y,
            (
                (neck - 0.03, 0.98),
                (neck + 0.13, 1.08),
                (neck + 0.02, 1.40),
                (0.02, 1.29),
            ),
        )
        body.filter(0.35 * cover(wing - 0.02, body.pixel, 0.05), SHADE)
        body.paint(cover(wing, body.pixel), white)


def draw_glasses(h: Head) -> None:
    """Frames that sit on the nose and turn with the head."""
    p, s = h.person, h.shot
    c = h.canvas.window(0.0, p.eye_height, 1.0, 0.55)
    reach = max(0.215, p.eye_width + 0.055)
    spread = max(p.eye_distance, reach + 0.045)
    lenses: list[Field] = []
    for side in (-1.0, 1.0):
        x, y, shrink = h.place(side * spread, p.eye_height + 0.035, 0.06)
        u, v = (c.x - x) / max(shrink, 0.3), c.y - y
        if s.glasses == "round":
            lens = ellipse(u, v, reach, reach)
        else:
            lens = box(u, v, 1.06 * reach, 0.76 * reach, 0.5 * reach)
        lenses.append(lens)
        glare = np.abs(u * 0.8 + v + 0.05) - 0.05
        inside = cover(lens, c.pixel)
        c.paint(0.10 * inside, WHITE)
        c.paint(0.20 * inside * cover(glare, c.pixel, 0.02), WHITE)
    x, y, shrink = h.place(0.0, p.eye_height - 0.01, 0.12)
    gap = (spread - reach) * shrink + 0.02
    arc = c.y - y + 0.04 * (1 - ((c.x - x) / 0.2) ** 2)
    bridge = np.maximum(np.abs(arc) - 0.018, np.abs(c.x - x) - gap)
    rims = np.minimum(np.abs(lenses[0]), np.abs(lenses[1]))
    if s.glasses == "browline":
        frame = np.minimum(rims - 0.016, np.maximum(rims - 0.045, c.y - y + 0.06))
    else:
        frame = rims - 0.026
    frame = np.minimum(frame, bridge)
    below = np.roll(frame, max(1, round(0.03 / c.pixel)), axis=0)
    c.filter(0.30 * cover(below, c.pixel, 0.03), SHADE)
    c.paint(cover(frame, c.pixel), s.frame)


def light_room(canvas: Canvas, shot: Shot) -> None:
    """The color and fall of light over the whole picture."""
    tone = plane((1 + 0.045 * shot.warmth, 1.0, 1 - 0.06 * shot.warmth))
    spot = glow(canvas.x - 1.3 * shot.light_x, canvas.y - 1.5 * shot.light_y, 2.4, 2.4)
    canvas.rgb[...] *= shot.brightness * (0.93 + 0.10 * spot) * tone
