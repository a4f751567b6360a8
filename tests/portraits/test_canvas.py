import numpy as np
import pytest

from anamorph.portraits.canvas import HALF_FRAME, Field, blank, box, cover, ellipse, polygon


def area(coverage: Field, pixel: float) -> float:
    return float(coverage.sum()) * pixel**2


@pytest.mark.parametrize("size", [32, 64, 129])
def test_a_disk_covers_its_area_at_every_size(size: int) -> None:
    c = blank(size)
    disk = cover(ellipse(c.x - 0.1, c.y + 0.2, 0.7, 0.7), c.pixel)
    assert area(disk, c.pixel) == pytest.approx(np.pi * 0.7**2, rel=0.01)


def test_a_box_without_round_corners_covers_its_area() -> None:
    c = blank(128)
    assert area(cover(box(c.x, c.y, 0.6, 0.3, 0.0), c.pixel), c.pixel) == pytest.approx(
        4 * 0.6 * 0.3, rel=0.02
    )


def test_a_polygon_is_inside_where_its_corners_run_clockwise() -> None:
    at = np.array([[0.2, 2.0]], np.float32)
    inside = polygon(at, at, ((0, 0), (1, 0), (1, 1), (0, 1))) < 0
    assert inside.tolist() == [[True, False]]


def test_half_a_coverage_paints_half_way() -> None:
    c = blank(16)
    c.paint(np.full((16, 16), 0.5, np.float32), (1.0, 0.5, 0.0))
    assert np.allclose(c.rgb[:, 3, 3], [0.5, 0.25, 0.0])


def test_a_filter_multiplies() -> None:
    c = blank(16)
    c.paint(np.ones((16, 16), np.float32), (0.8, 0.8, 0.8))
    c.filter(np.ones((16, 16), np.float32), (0.5, 1.0, 0.25))
    assert np.allclose(c.rgb[:, 3, 3], [0.4, 0.8, 0.2])


def test_a_window_shows_where_it_looks_and_paints_the_whole() -> None:
    c = blank(64).turned(angle=0.4, zoom=1.1, shift=(0.1, -0.2))
    w = c.window(0.3, 0.4, 0.2, 0.1)
    assert w.x.size < c.x.size / 4
    assert np.hypot(w.x - 0.3, w.y - 0.4).min() < c.pixel
    near = (np.abs(c.x - 0.3) < 0.2) & (np.abs(c.y - 0.4) < 0.1)
    w.paint(np.ones_like(w.x), (1.0, 1.0, 1.0))
    assert (c.rgb[0][near] == 1).all()


def test_turning_there_and_back_changes_nothing() -> None:
    c = blank(32)
    back = c.turned(angle=0.3, zoom=1.0, shift=(0.0, 0.0)).turned(
        angle=-0.3, zoom=1.0, shift=(0.0, 0.0)
    )
    assert np.allclose(back.x, c.x, atol=1e-6)
    assert np.allclose(back.to_pixels, c.to_pixels, atol=1e-6)


def test_zooming_in_shows_less() -> None:
    c = blank(32).turned(angle=0.0, zoom=2.0, shift=(0.0, 0.0))
    assert np.abs(c.x).max() < HALF_FRAME / 2
