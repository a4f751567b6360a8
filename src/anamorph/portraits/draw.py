"""A picture of a person, painted from back to front."""

import numpy as np
from numpy.typing import NDArray

from anamorph.portraits.canvas import blank
from anamorph.portraits.face import Traits
from anamorph.portraits.features import draw_brows, draw_eyes, draw_mouth, draw_nose
from anamorph.portraits.hair import draw_back_hair, draw_front_hair
from anamorph.portraits.head import draw_ears, draw_skin, head
from anamorph.portraits.scene import Shot
from anamorph.portraits.wear import draw_backdrop, draw_body, draw_glasses, light_room


def draw(person: Traits, shot: Shot, size: int) -> NDArray[np.uint8]:
    """Paint a person as taken: (size, size, 3), sRGB."""
    sheet = blank(size)
    body = sheet.turned(angle=0.0, zoom=shot.zoom, shift=(shot.shift_x, shot.shift_y + 0.10))
    tilted = body.turned(angle=shot.roll, zoom=1.0, shift=(0.5 * shot.roll, 0.0))
    h = head(tilted, person, shot)

    draw_backdrop(sheet, shot.backdrop, shot.backdrop_phase)
    draw_back_hair(h)
    draw_body(body, h)
    draw_ears(h)
    draw_skin(h, max(shot.muscles.open_mouth, 0.0))
    draw_nose(h)
    draw_eyes(h)
    draw_mouth(h)
    draw_front_hair(h)
    draw_brows(h)
    if shot.glasses:
        draw_glasses(h)
    light_room(sheet, shot)
    return (np.clip(sheet.rgb, 0, 1).transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)
