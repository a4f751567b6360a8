"""Eyes, brows, nose and mouth.

Each is drawn in coordinates of its own: u or s runs along it, v across, zero in its middle. The
many numbers are proportions and strengths of color, set by eye.
"""

import numpy as np

from anamorph.portraits.canvas import Canvas, Field, clamp, cover, ellipse, glow, step
from anamorph.portraits.face import Traits
from anamorph.portraits.head import Head
from anamorph.portraits.palette import (
    INK,
    LIPS,
    MOUTH,
    RGB,
    SCLERA,
    SHADE,
    TEETH,
    TONGUE,
    WHITE,
    mix,
    tint,
)


def draw_eyes(h: Head) -> None:
    """Both eyes with lids and lashes."""
    for side in (-1.0, 1.0):
        _draw_eye(h, side)


def _draw_eye(h: Head, side: float) -> None:
    p, m = h.person, h.shot.muscles
    x, y, shrink = h.place(side * p.eye_distance, p.eye_height)
    half = p.eye_width
    part = h.canvas.window(x, y, 1.7 * half, 1.7 * half)
    dx, dy = (part.x - x) * side, part.y - y
    tilt = p.eye_tilt - 0.10 * m.brows_in
    u = (dx - tilt * dy) / (half * shrink)  # inner corner -1, outer corner 1
    v = (dy + tilt * dx) / half
    round_ = np.maximum(1 - u * u, 0)
    height = p.eye_openness * (1 + 0.55 * m.eyes_wide)
    upper = -1.15 * height * round_ * (1 - 0.12 * u)
    lower = 0.62 * height * round_ * (1 - 0.55 * m.lower_lids) * (1 + 0.15 * u)
    px = part.pixel / half
    beyond = (np.abs(u) - 1) * shrink

    part.filter(0.22 * glow(u, v + 0.35, 1.5, 1.1), SHADE)  # the socket
    crease = np.abs(v - upper * 1.12 + 0.24) - 0.035
    part.filter(0.55 * cover(np.maximum(crease, beyond + 0.1), px, 0.08), SHADE)

    white = cover(np.maximum(np.maximum(upper - v, v - lower), beyond), px)
    lid_shadow = 0.34 * (1 - step(v - upper, 0.0, 0.5))
    part.paint(white, SCLERA)
    part.filter(white * lid_shadow, (0.62, 0.60, 0.72))
    _draw_iris(part, h, u * shrink, v, white, side, px)

    thick = 0.085 + 0.075 * step(u, -1.0, 0.9)
    lash = np.abs(v - upper + 0.03) - thick
    part.paint(cover(np.maximum(lash, np.abs(u - 0.03) - 1.12), px, 0.03), INK)
    lower_line = np.maximum(np.abs(v - lower) - 0.03, beyond)
    part.filter(0.7 * cover(lower_line, px, 0.05), tint(SHADE, (0.7, 0.62, 0.62)))


def _draw_iris(
    part: Canvas, h: Head, u: Field, v: Field, white: Field, side: float, px: float
) -> None:
    """Iris, pupil and the light in them, inside the white of an eye."""
    p, s = h.person, h.shot
    r = p.iris_size
    du = u - side * (0.30 * s.gaze + 0.12 * s.yaw)
    dv = v + 0.10 * p.eye_openness
    distance = ellipse(du, dv, r, r)
    inside = white * cover(distance, px)
    part.paint(inside, mix(p.iris, INK, 0.45))
    part.paint(white * cover(distance + 0.10, px, 0.04), p.iris)
    part.paint(0.5 * inside * glow(du, dv - 0.7 * r, 0.8 * r, 0.5 * r), mix(p.iris, WHITE, 0.6))
    part.paint(white * cover(ellipse(du, dv, 0.46 * r, 0.46 * r), px), INK)
    sparkle = ellipse(du - side * 0.34 * r * s.light_x, dv + 0.42 * r, 0.25 * r, 0.25 * r)
    part.paint(0.95 * white * cover(sparkle, px), WHITE)


def draw_brows(h: Head) -> None:
    """Both brows, in a darker shade of the person's natural hair."""
    p, m = h.person, h.shot.muscles
    color = mix(mix(p.natural_hair, INK, 0.42), p.skin, 0.08)
    for side in (-1.0, 1.0):
        lift = 0.11 * m.brows_up
        x, y, shrink = h.place(
            side * (p.eye_distance + 0.01 - 0.022 * max(m.brows_in, 0)),
            p.eye_height - p.brow_gap - lift,
            0.02,
        )
        half = p.brow_length
        part = h.canvas.window(x, y, 1.3 * half, 0.26)
        u = (part.x - x) * side / (half * shrink)
        slope = p.brow_tilt * 0.16 + 0.085 * m.brows_in
        arch = p.brow_arch + 0.035 * max(m.brows_up, 0)
        middle = -arch * (1 - (u - 0.25) ** 2) - slope * u + 0.3 * arch
        thick = p.brow_thickness * (1 - 0.62 * step(u, -0.2, 1.1)) * step(u, -1.25, -0.7)
        distance = np.maximum(np.abs(part.y - y - middle) - thick, (np.abs(u) - 1) * half)
        part.paint(0.92 * cover(distance, part.pixel, 0.012), color)


def draw_nose(h: Head) -> None:
    """A nose of light and shadow, with a soft lower edge."""
    p, s = h.person, h.shot
    top_x, top_y, _ = h.place(0.0, p.eye_height + 0.02, 0.04)
    x, y, shrink = h.place(0.0, p.eye_height + p.nose_length, 0.14)
    w = p.nose_width
    part = h.canvas.window((x + top_x) / 2, (y + top_y) / 2, 0.42, 0.45)
    dx, dy = part.x - x, part.y - y
    along = clamp((part.y - top_y) / (y - top_y))
    ridge = part.x - (top_x + (x - top_x) * along)
    width = p.nose_bridge + (0.62 * w - p.nose_bridge) * along**2
    fall = step(along, 0.0, 0.35) * (1 - step(dy, -0.02, 0.10))
    away = -1.0 if s.light_x > 0 else 1.0
    flank = np.exp(-(((ridge - away * width) / (0.75 * width)) ** 2))
    part.filter((0.20 + 0.30 * abs(s.light_x)) * fall * flank, SHADE)
    shine = np.exp(-((ridge / (0.55 * p.nose_bridge)) ** 2))
    part.paint(0.30 * fall * shine, mix(p.skin, WHITE, 0.55))

    part.filter(0.5 * glow(dx, dy - 0.085, 1.0 * w, 0.055), SHADE)  # cast on the lip
    wings = np.minimum(
        ellipse(dx - 0.68 * w * shrink, dy - 0.005, 0.40 * w, 0.055),
        ellipse(dx + 0.68 * w * shrink, dy - 0.005, 0.40 * w, 0.055),
    )
    ball = np.minimum(ellipse(dx, dy, 0.62 * w, 0.078), wings)
    part.paint(0.55 * cover(ball, part.pixel, 0.05), mix(p.skin, tint(p.skin, SHADE), 0.22))
    edge = cover(ball, part.pixel, 0.01) * step(dy, 0.0, 0.06)
    part.filter(0.55 * edge, SHADE)
    for side in (-1.0, 1.0):
        hole = ellipse(dx - side * 0.46 * w * shrink, dy - 0.045, 0.19 * w, 0.017)
        part.filter(0.8 * cover(hole, part.pixel, 0.02), tint(SHADE, (0.55, 0.42, 0.45)))
    tip = glow(dx - 0.25 * w * s.light_x, dy + 0.035, 0.30 * w, 0.032)
    part.paint(0.45 * tip, mix(p.skin, WHITE, 0.7))


def draw_mouth(h: Head) -> None:
    """Lips, and what shows between them."""
    p, m = h.person, h.shot.muscles
    x, y, shrink = h.place(0.0, p.mouth_height, 0.06)
    half = p.mouth_width * (1 + m.wide_mouth) * shrink
    part = h.canvas.window(x, y + 0.06, 1.35 * half, 0.42)
    s = (part.x - x) / half
    bow = np.maximum(1 - s * s, 0)
    v = part.y - y
    corner = -0.085 * m.smile
    middle = corner * (s * s - 0.35)
    gap = 0.20 * max(m.open_mouth, 0.0)
    wide = bow**0.6 if gap else bow
    parted = middle - (0.42 * gap * bow if m.smile <= 0 else 0)
    thin = 1 - 0.22 * max(m.smile, 0.0)
    top = parted - p.upper_lip * thin * bow**0.7 * (1 - p.cupid_bow * np.exp(-((s / 0.2) ** 2)))
    inner_low = middle + gap * wide
    bottom = inner_low + p.lower_lip * thin * bow**0.75
    beyond = (np.abs(s) - 1) * half

    part.filter(0.42 * glow(s, v - np.max(bottom) - 0.045, 0.55, 0.035), SHADE)
    lips = _lip_color(p)
    mask = cover(np.maximum(np.maximum(top - v, v - bottom), beyond), part.pixel)
    part.paint(0.92 * mask, lips)
    part.filter(0.30 * mask * (1 - step(v - middle, -0.005, 0.01)), SHADE)
    shine = glow(s - 0.2 * h.shot.light_x, v - inner_low - 0.45 * p.lower_lip, 0.34, 0.018)
    part.paint(0.34 * mask * shine, mix(lips, WHITE, 0.7))
    if gap:
        _draw_inside(part, s, v, parted, inner_low, beyond, teeth=0.075 if m.smile > 0 else 0.03)
    line = np.maximum(np.abs(v - parted) - 0.010, beyond - 0.012)
    part.paint(0.62 * cover(line, part.pixel, 0.012), mix(lips, MOUTH, 0.75))
    if m.smile > 0:
        for side in (-1.0, 1.0):
            dimple = glow(s - side * 1.14, v - corner * 0.6, 0.09, 0.06)
            part.filter(0.35 * dimple, SHADE)


def _draw_inside(
    part: Canvas, s: Field, v: Field, top: Field, bottom: Field, beyond: Field, *, teeth: float
) -> None:
    inside = cover(np.maximum(np.maximum(top - v, v - bottom), beyond + 0.02), part.pixel)
    part.paint(inside, MOUTH)
    part.paint(inside * cover(v - top - teeth, part.pixel, 0.01) * (np.abs(s) < 0.86), TEETH)
    tongue = ellipse(s, (v - np.max(bottom)) / 0.3, 0.55, 0.28)
    part.paint(0.85 * inside * cover(tongue * 0.2, part.pixel, 0.02), TONGUE)


def _lip_color(person: Traits) -> RGB:
    return mix(tint(person.skin, (0.96, 0.78, 0.76)), LIPS, 0.38)
