"""Straight lines in a frame, and what shows along them.

Lines are sought by a Hough transform in which a pixel votes only for those that its gradient is
normal to (Ballard, Pattern Recognition 13:111, 1981, section 2): that direction is the same under
any grey scale, so neither gamma nor the size of a step matters.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from .field_edges import Edge

VOTING_PX = 200  # longer side of the copy whose pixels vote
WINDOW_DEG = 9  # between a pixel's gradient and the normals it votes for
MOST_LINES = 10
FEWEST_VOTES = 12.0
SEGMENT_PX = 12  # of a line, judged together
FEWEST_SEGMENTS = 4  # in a row must show
REACH_PX = 12  # across a line
OFF_LINE_PX = 1.5  # a segment whose steepest place is farther from the line does not show it
CLEAR = 2.0  # a step that shows is larger than its noise


@dataclass(frozen=True, eq=False)
class Line:
    """What shows along a straight line, a row a segment of SEGMENT_PX.

    Args:
        edge: the line; its outward normal points to the darker side.
        middle: of each segment on the line, (n, 2) px.
        step: signal just inside less that just outside, (n,).
        wide: the same a little further from the line, (n,).
        noise: standard deviation of `step`, (n,).
        offset: of the steepest place from the line, outward, px, (n,).
        level: signal just inside, (n,).
    """

    edge: Edge
    middle: np.ndarray
    step: np.ndarray
    wide: np.ndarray
    noise: np.ndarray
    offset: np.ndarray
    level: np.ndarray

    @property
    def shows(self) -> np.ndarray:
        """Which segments show a step where the line is, (n,) bool."""
        return (self.step > CLEAR * self.noise) & (np.abs(self.offset) < OFF_LINE_PX)


def straight_lines(frame: np.ndarray, within: np.ndarray) -> list[Edge]:
    """Lines with the most votes of pixels `within` (height, width; uint8), strongest first."""
    size = max(frame.shape)
    scale = min(1.0, VOTING_PX / size)
    shape = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
    small = cv2.resize(frame, shape, interpolation=cv2.INTER_AREA) if scale < 1 else frame
    small = cv2.GaussianBlur(small, (0, 0), 1.0)
    inside = cv2.resize(within, shape, interpolation=cv2.INTER_NEAREST) > 0
    du, dv = cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)
    rows, columns = np.nonzero(inside & _crest(du, dv))
    outward = np.degrees(np.arctan2(-dv[rows, columns], -du[rows, columns]))
    centre = (np.array(shape) - 1) / 2
    u, v = columns - centre[0], rows - centre[1]
    half = int(np.hypot(*shape) / 2) + 3
    votes = np.zeros((360, 2 * half + 1))
    for turn in range(-WINDOW_DEG, WINDOW_DEG + 1):
        angle = np.rint(outward).astype(int) + turn
        radians = np.radians(angle)
        place = u * np.cos(radians) + v * np.sin(radians) + half
        low = np.floor(place).astype(int)
        share = place - low
        index = (angle % 360) * votes.shape[1] + low
        votes += np.bincount(index, 1 - share, votes.size).reshape(votes.shape)
        votes += np.bincount(index + 1, share, votes.size).reshape(votes.shape)
    votes[:, 1:-1] = votes[:, 1:-1] + 0.5 * (votes[:, :-2] + votes[:, 2:])
    edges = []
    for angle, place in _peaks(votes):
        normal = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        offset = float(place - half + normal @ centre)
        edges.append(Edge(normal, 0.0, offset).scaled(1 / scale))
    return edges


def _crest(du: np.ndarray, dv: np.ndarray) -> np.ndarray:
    """Where the gradient is at least as steep as on both sides along its direction."""
    steep = np.hypot(du, dv)
    height, width = steep.shape
    rows, columns = np.mgrid[:height, :width]
    right = np.rint(du / np.maximum(steep, 1e-12)).astype(int)
    down = np.rint(dv / np.maximum(steep, 1e-12)).astype(int)
    crest = steep > 0
    for sign in (-1, 1):
        row = np.clip(rows + sign * down, 0, height - 1)
        column = np.clip(columns + sign * right, 0, width - 1)
        crest &= steep >= steep[row, column]
    return crest


def _peaks(votes: np.ndarray) -> list[tuple[int, int]]:
    """Angle and place of the highest votes, none within 6 deg and 3 px of a higher one."""
    left, found = votes.copy(), []
    while len(found) < MOST_LINES:
        angle, place = np.unravel_index(int(np.argmax(left)), left.shape)
        if left[angle, place] < FEWEST_VOTES:
            break
        found.append((int(angle), int(place)))
        near = (int(angle) + np.arange(-6, 7)) % 360
        left[near, max(int(place) - 3, 0) : int(place) + 4] = 0
    return found


def look_along(edge: Edge, frame: np.ndarray, within: np.ndarray) -> Line | None:
    """What shows along a line, after it is moved onto the steepest places; None if hardly any."""
    line = _sampled(edge, frame, within, every_px=3)
    for fewest, every_px in ((2, 2), (FEWEST_SEGMENTS, 1)):
        if line is None:
            return None
        good = line.step > CLEAR * line.noise
        if np.count_nonzero(good) < FEWEST_SEGMENTS:
            return None
        line = _sampled(_through(line, good), frame, within, every_px)
        if line is None or _longest_run(line.shows) < fewest:
            return None
    return line


def _sampled(edge: Edge, frame: np.ndarray, within: np.ndarray, every_px: int) -> Line | None:
    """What shows along a line as it stands, sampled `every_px` along it; None if too short."""
    height, width = frame.shape
    along = np.array([-edge.centre[1], edge.centre[0]])
    far = np.arange(-height - width, height + width, 1.0)
    foot = edge.centre * edge.offset
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    points = foot + (far + (middle - foot) @ along)[:, None] * along
    at = np.rint(points).astype(int)
    inside = ((at >= 0) & (at < [width, height])).all(axis=1)
    points, at = points[inside], at[inside]
    points = points[within[at[:, 1], at[:, 0]] > 0]
    count = len(points) // SEGMENT_PX
    if count < FEWEST_SEGMENTS:
        return None
    points = points[: count * SEGMENT_PX : every_px]
    samples = SEGMENT_PX // every_px
    across = np.arange(-REACH_PX, REACH_PX + 1.0)  # inside to outside
    sample = (points[:, None] + across[:, None] * edge.centre).astype(np.float32)
    strip = cv2.remap(
        frame, sample[..., 0], sample[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).reshape(count, samples, len(across))
    inner, outer = slice(REACH_PX - 6, REACH_PX - 1), slice(REACH_PX + 2, REACH_PX + 7)
    noise = np.sqrt(
        sum(strip[..., side].var(axis=(1, 2)) / (5 * samples) for side in (inner, outer))
    )
    profile = strip.mean(axis=1)
    total = np.cumsum(np.pad(profile, ((0, 0), (1, 0))), axis=1)
    mean = (total[:, 5:] - total[:, :-5]) / 5  # of across[n : n + 5]
    response = mean[:, :-5] - mean[:, 5:]  # the step between across[n + 4] and across[n + 5]
    where = across[4:-5] + 0.5
    near = np.abs(where) <= 6.5
    response, where = response[:, near], where[near]
    best = np.clip(response.argmax(axis=1), 1, len(where) - 2)
    rows = np.arange(count)
    a, b, c = (response[rows, best + n] for n in (-1, 0, 1))
    bend = np.minimum(a - 2 * b + c, -1e-12)
    return Line(
        edge,
        points.reshape(count, samples, 2).mean(axis=1),
        profile[:, inner].mean(axis=1) - profile[:, outer].mean(axis=1),
        profile[:, :5].mean(axis=1) - profile[:, -5:].mean(axis=1),
        np.maximum(noise, 1e-9),
        where[best] + np.clip((a - c) / (2 * bend), -1, 1),
        profile[:, inner].mean(axis=1),
    )


def _through(line: Line, good: np.ndarray) -> Edge:
    """The line through the steepest places of the good segments, without the worst."""
    points = line.middle[good] + line.offset[good, None] * line.edge.centre
    edge = line.edge
    for _ in range(3):
        middle = points.mean(axis=0)
        normal = np.linalg.svd(points - middle)[2][1]
        normal = normal if normal @ edge.centre > 0 else -normal
        edge = Edge(normal, 0.0, float(normal @ middle))
        residual = np.abs(edge.outside(points))
        kept = points[residual <= max(2.5 * float(np.median(residual)), 0.5)]
        if len(kept) < 3 or len(kept) == len(points):
            break
        points = kept
    return edge


def _longest_run(shows: np.ndarray) -> int:
    """How many in a row are true."""
    ends = np.flatnonzero(~np.pad(shows, 1))
    return int(np.diff(ends).max()) - 1
