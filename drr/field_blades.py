"""Blades within an outline, where scatter leaves much of the signal outside of them.

What tells a blade is not how dark it is behind it: the step is sharp, straight, and shows all along
the side, which bone and skin do not. And anatomy is seen in the field rather than behind the blade.
"""

from collections.abc import Iterable

import cv2
import numpy as np
import shapely

from .field_edges import Edge
from .field_lines import FEWEST_SEGMENTS, REACH_PX, SEGMENT_PX, Line, look_along, straight_lines

WORKING_PX = 512  # longer side of the copy on which lines are judged
SHOWN = 0.9  # share of a side that must show
SHARP = 0.65, 1.8  # of the step 10 px to both sides, there 4 px from the line
SHALLOWEST_PX = 6.0  # a blade takes at least so much of where it is sought
DETAIL = 5.0  # times the noise: what counts as a detail
SPECKLED = 0.05  # share of the places behind a blade that may show one


def blades_within(frame: np.ndarray, core: shapely.Polygon) -> list[Edge]:
    """Straight edges whose whole side shows, their bright side in; none where none is sure.

    Args:
        frame: (height, width) float32, transmission.
        core: where to look, px; its sides are not blades.
    """
    scale = min(1.0, WORKING_PX / max(frame.shape))
    if scale < 1:
        frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    within = np.zeros(frame.shape, np.uint8)
    corners = (np.array(core.exterior.coords) + 0.5) * scale - 0.5
    cv2.fillPoly(within, [np.rint(corners).astype(np.int32)], 1)
    found = [look_along(edge, frame, within) for edge in straight_lines(frame, within)]
    sharp = _distinct(line for line in found if line is not None and _sharp(line, line.shows))
    lines = [line for line in sharp if line.edge.outside(corners).max() > SHALLOWEST_PX]
    if not lines:
        return []
    points, shows = _structure(frame, within)
    lines = [line for line in lines if _empty_behind(line, sharp, points, shows)]
    while lines:
        doubts = [_doubt(line, lines) for line in lines]
        worst = int(np.argmax(doubts))
        if doubts[worst] == 0:
            break
        del lines[worst]
    return [line.edge.scaled(1 / scale) for line in lines]


def _sharp(line: Line, segments: np.ndarray) -> bool:
    """Whether the step of the segments is done within a few pixels, in bright and dark ones."""
    step, wide = line.step[segments], line.wide[segments]
    size = np.abs(step) + np.abs(wide)
    share = np.median(step / np.maximum(size, 1e-9)), np.median(wide / np.maximum(size, 1e-9))
    return bool(SHARP[0] * share[1] < share[0] < SHARP[1] * share[1])


def _doubt(line: Line, lines: list[Line]) -> float:
    """Share of a line that does not show; 0 where it does, sharply, along its whole side.

    Its side is what is inside of all the others; if hardly anything is, one of them is wrong, and
    the line counts with all of its length. Above 1 where another blade's edge is seen behind it.
    """
    others = [other for other in lines if other is not line]
    inside = [other.edge.outside(line.middle) < -SEGMENT_PX / 2 for other in others]
    side = np.all([np.ones(len(line.middle), bool), *inside], axis=0)
    if any(_seen_behind(line, other) for other in others):
        return 2.0 - float(line.shows.mean())
    if np.count_nonzero(side) < FEWEST_SEGMENTS:
        return 1.0 - 0.99 * float(line.shows.mean())
    if line.shows[side].mean() >= SHOWN and _sharp(line, side):
        return 0.0
    return 1.0 - 0.99 * float(line.shows[side].mean())


def _seen_behind(line: Line, other: Line) -> bool:
    """Whether another line, across this one, goes on behind it, which no blade's edge does."""
    behind = other.shows[line.edge.outside(other.middle) > SEGMENT_PX]
    across = abs(float(line.edge.centre @ other.edge.centre)) < 0.5
    return across and len(behind) >= FEWEST_SEGMENTS and float(behind.mean()) >= SHOWN


def _structure(frame: np.ndarray, within: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 2) px well within, 4 px apart, and whether details of a few px show there.

    Scatter has none: what is left of its glow at these scales is below the noise.
    """
    kernel = np.outer([1, -2, 1], [1, -2, 1]).astype(np.float32)
    small = cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    rough = cv2.blur(np.abs(cv2.filter2D(small, cv2.CV_32F, kernel)), (13, 13))
    # white noise, as Immerkaer, CVIU 64:300, 1996, but place by place
    noise = np.maximum(np.sqrt(np.pi / 2) / 6 * rough, 0.004 * np.ptp(small))
    detail = cv2.GaussianBlur(small, (0, 0), 1.5) - cv2.GaussianBlur(small, (0, 0), 4.0)
    shows = np.abs(detail) > DETAIL * noise * (1 / (2 * np.sqrt(np.pi) * 1.5))
    away = cv2.erode(within, np.ones((2 * REACH_PX + 1, 2 * REACH_PX + 1), np.uint8))
    rows, columns = np.nonzero(away[:-1:4, :-1:4])
    points = 4.0 * np.stack([columns, rows], axis=1)
    return points, shows[::2, ::2][rows, columns]


def _empty_behind(line: Line, lines: list[Line], points: np.ndarray, shows: np.ndarray) -> bool:
    """Whether there is less structure behind the line than before it, away from all lines."""
    away = np.all([np.abs(other.edge.outside(points)) > 2 * REACH_PX for other in lines], axis=0)
    behind = line.edge.outside(points) > 0
    share_behind, share_before = (
        np.count_nonzero(shows[away & side]) / max(np.count_nonzero(away & side), 20)
        for side in (behind, ~behind)
    )
    return bool(share_behind <= max(share_before, SPECKLED))


def _distinct(lines: Iterable[Line]) -> list[Line]:
    """Without those that have converged onto an earlier one."""
    kept: list[Line] = []
    for line in lines:
        middle = line.middle.mean(axis=0)
        twins = (
            other.edge.centre @ line.edge.centre > 0.99
            and abs(other.edge.outside(middle[None])[0]) < 8
            for other in kept
        )
        if not any(twins):
            kept.append(line)
    return kept
