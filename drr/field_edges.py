"""Edges of an x-ray field: points where a scan meets one, the circles and blades behind them."""

from dataclasses import dataclass

import cv2
import numpy as np

from .collimation import circle_polygon

STEP_PX = 3  # pixels averaged on either side of a step
TOLERANCE_PX = 1.2
RIM_PX = 10  # how far outside of the field an undistorted image may end
GLARE = 0.25  # of the signal: less lies outside of the field (the level of IEC 60601-1-3)
FEWEST = 14  # points that make an edge
MOST_EDGES = 9  # an octagon and a circle
TRIALS = 150


@dataclass(frozen=True, eq=False)
class Edge:
    """A circle (radius > 0), whose inside is the field, or a blade: normal . point <= offset.

    Args:
        centre: of the circle, or the outward unit normal of the blade, (2,).
        radius: of the circle, px; 0 for a blade.
        offset: of the blade, px.
    """

    centre: np.ndarray
    radius: float = 0.0
    offset: float = 0.0

    def outside(self, points: np.ndarray) -> np.ndarray:
        """How far points (n, 2) lie outside, px, negative inside."""
        if self.radius > 0:
            return np.linalg.norm(points - self.centre, axis=-1) - self.radius
        return points @ self.centre - self.offset

    def normals(self, points: np.ndarray) -> np.ndarray:
        """Outward unit normals at points (n, 2)."""
        if self.radius > 0:
            away = points - self.centre
            return away / np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), 1e-9)
        return np.broadcast_to(self.centre, points.shape)

    def region(self, far_px: int) -> np.ndarray:
        """A polygon (n, 2) of the inside, as far as thrice `far_px` from the blade."""
        if self.radius > 0:
            return circle_polygon((self.centre[0], self.centre[1]), self.radius)
        along = np.array([-self.centre[1], self.centre[0]])
        foot, far = self.centre * self.offset, 3 * far_px
        corners = [foot - far * along, foot + far * along]
        return np.array([*corners, corners[1] - far * self.centre, corners[0] - far * self.centre])

    def scaled(self, scale: float) -> "Edge":
        """The same edge in an image resized by `scale`; pixel centres stay pixel centres."""
        shift = (scale - 1) / 2
        if self.radius > 0:
            return Edge(self.centre * scale + shift, self.radius * scale)
        return Edge(self.centre, 0.0, self.offset * scale + shift * float(self.centre.sum()))


def edge_points(image: np.ndarray, clear: float = 6.0) -> np.ndarray:
    """Points (n, 2) px where scans from the four sides first step up from a quiet border."""
    low, high = np.percentile(image, [1, 98])
    noise = np.median(np.abs(cv2.Laplacian(image, cv2.CV_32F))) / 2
    threshold = max(clear * float(noise), 0.05 * float(high - low), 1e-12)
    found = []
    for transposed in (False, True):
        for flipped in (False, True):
            lines = image.T if transposed else image
            lines = lines[:, ::-1] if flipped else lines
            row, column = first_steps(np.ascontiguousarray(lines), threshold)
            column = lines.shape[1] - 1 - column if flipped else column
            found.append(np.stack([row, column] if transposed else [column, row], axis=1))
    return np.concatenate(found)


def first_steps(lines: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Line numbers and positions (between pixels) of the first step up of each line that has one.

    Before it there must be no step of half its height, down or up.
    """
    total = np.cumsum(lines, axis=1, dtype=np.float64)
    mean = (total[:, STEP_PX:] - total[:, :-STEP_PX]) / STEP_PX  # of pixels n + 1 to n + STEP_PX
    step = mean[:, STEP_PX:] - mean[:, :-STEP_PX]  # between pixels n + STEP_PX and the next
    inner = step[:, 1:-1]
    peak = (inner >= step[:, :-2]) & (inner > step[:, 2:]) & (inner > threshold)
    before = np.maximum.accumulate(np.abs(step), axis=1)
    quiet = np.zeros_like(inner)
    quiet[:, STEP_PX:] = before[:, : inner.shape[1] - STEP_PX]
    good = peak & (quiet < 0.5 * inner)
    rows = np.flatnonzero(good.any(axis=1))
    first = _within_glare(good[rows], inner[rows], lines[rows], mean[rows])
    return rows.astype(float), first + 1 + STEP_PX + 0.5


def _within_glare(
    good: np.ndarray, step: np.ndarray, lines: np.ndarray, mean: np.ndarray
) -> np.ndarray:
    """The first good step of each line, or that further in before which there is only glare.

    An image that was undistorted ends where its grid did, a little outside of the field. There
    glare steps up from nothing, to less than a quarter of what the field's own edge steps up to.
    """
    row = np.arange(len(good))
    first = good.argmax(axis=1)
    place = np.arange(good.shape[1])[None]
    near = good & (place >= first[:, None]) & (place <= first[:, None] + RIM_PX)
    best = np.where(near, step, -np.inf).argmax(axis=1)
    # Glare is the level where the line is flattest between the two steps.
    pixel = np.arange(lines.shape[1] - 1)[None] - 1 - STEP_PX
    between = (pixel > first[:, None]) & (pixel < best[:, None])
    flattest = np.where(between, np.abs(np.diff(lines, axis=1)), np.inf).argmin(axis=1)
    glare = lines[row, flattest] - mean[row, first + 1]
    inside = mean[row, best + 1 + STEP_PX] - mean[row, first + 1]
    return np.where(between.any(axis=1) & (glare < GLARE * inside), best, first)


def find_edges(points: np.ndarray, size: int) -> list[Edge]:
    """The circle and the blades behind the points (n, 2) of an image whose longer side is `size`.

    Points inside of them (a bone's edge, a wire) are left over; hardly any may be outside.
    """
    rng = np.random.default_rng(0)
    edges: list[Edge] = []
    left = points
    while len(left) >= FEWEST and len(edges) < MOST_EDGES:
        candidates = [_best_blade(left, points, rng)]
        if all(edge.radius == 0 for edge in edges):
            candidates.append(_best_circle(left, points, rng, size))
        score, best = max(candidates, key=lambda candidate: candidate[0])
        if score < max(FEWEST, 0.05 * len(points)):
            break
        edges.append(best)
        left = left[np.abs(best.outside(left)) > 1.5 * TOLERANCE_PX]
    return edges


def _scores(outside_left: np.ndarray, outside_all: np.ndarray) -> np.ndarray:
    """Points on each edge, less those outside of it, which no true edge has; (edge, point) in."""
    on = np.count_nonzero(np.abs(outside_left) < TOLERANCE_PX, axis=1)
    return on - 2.0 * np.count_nonzero(outside_all > 2 * TOLERANCE_PX, axis=1)


def _best_blade(
    left: np.ndarray, points: np.ndarray, rng: np.random.Generator
) -> tuple[float, Edge]:
    """The best line through a random pair, its outside away from the other points."""
    a, b = left[rng.integers(len(left), size=(2, TRIALS))]
    along = b - a
    length = np.maximum(np.linalg.norm(along, axis=1), 1e-9)
    normal = np.stack([along[:, 1], -along[:, 0]], axis=1) / length[:, None]
    offset = (normal * a).sum(axis=1)
    turn = np.where(normal @ points.mean(axis=0) > offset, -1.0, 1.0)
    normal, offset = normal * turn[:, None], offset * turn
    scores = _scores(normal @ left.T - offset[:, None], normal @ points.T - offset[:, None])
    best = int(np.argmax(np.where(length > 8, scores, -np.inf)))
    return float(scores[best]), Edge(normal[best], 0.0, float(offset[best]))


def _best_circle(
    left: np.ndarray, points: np.ndarray, rng: np.random.Generator, size: int
) -> tuple[float, Edge]:
    """The best circle through a random triple; it must beat a blade clearly."""
    a, b, c = left[rng.integers(len(left), size=(3, 2 * TRIALS))]
    matrix = 2 * np.stack([b - a, c - a], axis=1)
    rhs = np.stack([(b * b - a * a).sum(axis=1), (c * c - a * a).sum(axis=1)], axis=1)
    keep = np.abs(np.linalg.det(matrix)) > 50
    centres = np.linalg.solve(matrix[keep], rhs[keep][..., None])[..., 0]
    radii = np.linalg.norm(centres - a[keep], axis=1)
    plausible = (radii > 0.12 * size) & (radii < 0.9 * size)
    centres, radii = centres[plausible].astype(np.float32), radii[plausible].astype(np.float32)
    if len(radii) == 0:
        return -np.inf, Edge(np.zeros(2))

    def outside(where: np.ndarray) -> np.ndarray:
        u, v = (where[None, :, n].astype(np.float32) - centres[:, None, n] for n in range(2))
        return np.sqrt(u * u + v * v) - radii[:, None]

    scores = _scores(outside(left), outside(points))
    best = int(np.argmax(scores))
    return 0.9 * float(scores[best]), Edge(centres[best].astype(float), float(radii[best]))


def refined(edges: list[Edge], frame: np.ndarray, step_px: float) -> tuple[list[Edge], np.ndarray]:
    """Edges fitted to the half-signal points of the full frame, and how much of each shows.

    The second is (edge, 2): places along the outline where the edge shows, and all of them.

    Args:
        step_px: what a pixel of the search was.
    """
    height, width = frame.shape
    noise = np.median(np.abs(np.diff(frame[::4, ::4], axis=1)))
    smooth = cv2.GaussianBlur(frame, (0, 0), max(0.6 * step_px, 0.5))
    shown, better = [], []
    for edge in edges:
        start = edge.region(width + height)
        points = _along(np.vstack([start, start[:1]]), 1.5 * step_px)
        inside = (points > 2 * step_px).all(axis=1)
        inside &= (points < [width - 1 - 2 * step_px, height - 1 - 2 * step_px]).all(axis=1)
        inside &= np.abs(edge.outside(points)) < step_px
        inside &= np.all([other.outside(points) < step_px for other in edges], axis=0)
        points = points[inside]
        if len(points) == 0:
            continue  # an edge that only touches the frame's border
        half, clear = _half_signal(edge, points, smooth, step_px, 2 * float(noise))
        fitted = _fitted(edge, half[clear])
        on = np.count_nonzero(np.abs(fitted.outside(half[clear])) < 1.5 * step_px)
        shown.append((on, len(points)))
        better.append(fitted)
    return better, np.array(shown, np.int64).reshape(-1, 2)


def _along(outline: np.ndarray, step_px: float) -> np.ndarray:
    """Points every `step_px` along a closed outline."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(outline, axis=0), axis=1))])
    at = np.arange(0, length[-1], step_px)
    return np.stack([np.interp(at, length, outline[:, n]) for n in range(2)], axis=1)


def _half_signal(
    edge: Edge, points: np.ndarray, smooth: np.ndarray, step_px: float, least: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where the signal across the edge is half way between outside and inside, and where clear."""
    reach = np.linspace(4.5, -4.5, 37)  # in steps of the search; from outside to inside
    normals = edge.normals(points)
    at = points[:, None] + (reach * step_px)[None, :, None] * normals[:, None]
    u, v = at[..., 0].astype(np.float32), at[..., 1].astype(np.float32)
    profile = cv2.remap(smooth, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    outer, inner = profile[:, :8].mean(axis=1), profile[:, -8:].mean(axis=1)
    above = profile >= ((outer + inner) / 2)[:, None]
    first = np.maximum(above.argmax(axis=1), 1)
    rows = np.arange(len(points))
    lower, upper = profile[rows, first - 1], profile[rows, first]
    share = ((outer + inner) / 2 - lower) / np.maximum(upper - lower, 1e-12)
    offset = reach[first - 1] + np.clip(share, 0, 1) * (reach[first] - reach[first - 1])
    clear = (inner - outer > least) & (np.abs(offset) < 3.5)
    return points + offset[:, None] * step_px * normals, clear


def _fitted(edge: Edge, points: np.ndarray) -> Edge:
    """The edge through the points by least squares, twice without the worst; else as it was."""
    for _ in range(3):
        if len(points) < 8:
            return edge
        if edge.radius > 0:
            system = np.column_stack([2 * points, np.ones(len(points))])
            solution = np.linalg.lstsq(system, (points**2).sum(axis=1), rcond=None)[0]
            radius = np.sqrt(max(solution[2] + solution[:2] @ solution[:2], 1e-9))
            edge = Edge(solution[:2], float(radius))
        else:
            middle = points.mean(axis=0)
            normal = np.linalg.svd(points - middle)[2][1]
            normal = normal if normal @ edge.centre > 0 else -normal
            edge = Edge(normal, 0.0, float(normal @ middle))
        residual = np.abs(edge.outside(points))
        points = points[residual <= max(2.5 * np.median(residual), 0.3)]
    return edge
