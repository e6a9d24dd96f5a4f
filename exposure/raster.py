"""Which faces of a closed mesh a beam meets first: visibility of points, seen from the source.

Everything is in the plane z = 1 of the camera frame, where lines stay lines and 1/z is linear.
"""

import math
from typing import no_type_check

import numba
import numpy as np

from .outline import is_inside

SUBDIVISIONS = 6  # a face cut by the field's edge counts by 36 equal parts


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def projected(vertices, cam_from_ct):
    """(x/z, y/z, 1/z) of each vertex, 1/z = 0 behind the source."""
    out = np.zeros((len(vertices), 3))
    m = cam_from_ct
    for i in range(len(vertices)):
        x, y, z = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        depth = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3]
        if depth > 1.0:
            out[i, 0] = (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]) / depth
            out[i, 1] = (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]) / depth
            out[i, 2] = 1.0 / depth
    return out


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def faces_in_box(faces, xyw, box):
    """Numbers of the faces before the source that touch a box: those that turn their outside
    to the source, and those that turn it away.
    """
    front, back = np.empty(len(faces), np.int64), np.empty(len(faces), np.int64)
    fronts, backs = 0, 0
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if xyw[a, 2] == 0.0 or xyw[b, 2] == 0.0 or xyw[c, 2] == 0.0:
            continue
        ax, ay, bx, by, cx, cy = xyw[a, 0], xyw[a, 1], xyw[b, 0], xyw[b, 1], xyw[c, 0], xyw[c, 1]
        if max(ax, bx, cx) < box[0] or min(ax, bx, cx) > box[1]:
            continue
        if max(ay, by, cy) < box[2] or min(ay, by, cy) > box[3]:
            continue
        turn = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if turn < 0.0:
            front[fronts] = f
            fronts += 1
        elif turn > 0.0:
            back[backs] = f
            backs += 1
    return front[:fronts].copy(), back[:backs].copy()


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def shares_in_field(faces, number, xyw, outline, rows):
    """Share of each numbered face's area in the outline, and its centroid (x/z, y/z, 1/z)."""
    known = np.full(len(xyw), -1, np.int8)
    share = np.zeros(len(number))
    middle = np.zeros((len(number), 3))
    for n in range(len(number)):
        inside = 0
        for corner in range(3):
            v = faces[number[n], corner]
            if known[v] < 0:
                known[v] = 1 if is_inside(outline, rows, xyw[v, 0], xyw[v, 1]) else 0
            inside += known[v]
        a, b, c = faces[number[n], 0], faces[number[n], 1], faces[number[n], 2]
        za, zb, zc = 1.0 / xyw[a, 2], 1.0 / xyw[b, 2], 1.0 / xyw[c, 2]
        depth = za + zb + zc
        middle[n, 0] = (xyw[a, 0] * za + xyw[b, 0] * zb + xyw[c, 0] * zc) / depth
        middle[n, 1] = (xyw[a, 1] * za + xyw[b, 1] * zb + xyw[c, 1] * zc) / depth
        middle[n, 2] = 3.0 / depth
        if inside == 3:
            share[n] = 1.0
        elif inside > 0:
            share[n] = _share_of_parts(xyw[a], xyw[b], xyw[c], (za, zb, zc), outline, rows)
    return share, middle


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def _share_of_parts(a, b, c, z, outline, rows):
    """Share of a face's 36 equal parts whose middle lies inside the outline."""
    n = SUBDIVISIONS
    inside = 0
    for i in range(n):
        for j in range(2 * (n - i) - 1):
            upright = j % 2 == 0
            s = (i + (1.0 if upright else 2.0) / 3) / n
            t = (j // 2 + (1.0 if upright else 2.0) / 3) / n
            wa, wb, wc = (1 - s - t) * z[0], s * z[1], t * z[2]
            depth = wa + wb + wc
            x = (wa * a[0] + wb * b[0] + wc * c[0]) / depth
            y = (wa * a[1] + wb * b[1] + wc * c[1]) / depth
            inside += is_inside(outline, rows, x, y)
    return inside / n**2


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def _nearness(x, y, ax, ay, aw, bx, by, bw, cx, cy, cw):
    """1/z of a triangle at a point, 0 where the point lies outside."""
    p = (bx - x) * (cy - y) - (by - y) * (cx - x)
    if p > 0.0:
        return 0.0
    q = (cx - x) * (ay - y) - (cy - y) * (ax - x)
    if q > 0.0:
        return 0.0
    r = (ax - x) * (by - y) - (ay - y) * (bx - x)
    if r > 0.0 or p + q + r == 0.0:
        return 0.0
    return (p * aw + q * bw + r * cw) / (p + q + r)


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def _bin(value, low, scale, side):
    """The bin of a coordinate among `side` bins, the nearest one outside of them."""
    return min(max(int((value - low) * scale), 0), side - 1)


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def _in_bins(middle, wanted, side, x0, y0, sx, sy):
    """The wanted points sorted into bins: starts, numbers, (x/z, y/z, 1/z), least 1/z of a bin."""
    start = np.zeros(side * side + 1, np.int64)
    least = np.full(side * side, np.inf)
    bins = np.empty(len(middle), np.int64)
    for n in range(len(middle)):
        i, j = _bin(middle[n, 0], x0, sx, side), _bin(middle[n, 1], y0, sy, side)
        bins[n] = j * side + i
        if wanted[n]:
            start[bins[n] + 1] += 1
            least[bins[n]] = min(least[bins[n]], middle[n, 2])
    start = np.cumsum(start)
    cursor = start[:-1].copy()
    number = np.empty(start[-1], np.int64)
    points = np.empty((start[-1], 3))
    for n in range(len(middle)):
        if wanted[n]:
            k = cursor[bins[n]]
            number[k] = n
            points[k] = middle[n]
            cursor[bins[n]] += 1
    return start, number, points, least


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def hidden(faces, back, xyw, middle, wanted):
    """Which of the wanted points lie behind a closed mesh, given its faces that turn away.

    What hides a point has a far side before it; on a head there are few such faces, and the others
    are farther than every point of their bins.
    """
    x0, y0 = middle[:, 0].min(), middle[:, 1].min()
    side = max(1, int(math.sqrt(len(middle) / 8)))
    sx = side / max(middle[:, 0].max() - x0, 1e-12)
    sy = side / max(middle[:, 1].max() - y0, 1e-12)
    start, order, points, least = _in_bins(middle, wanted, side, x0, y0, sx, sy)
    covered = np.zeros(len(middle), np.bool_)
    for n in range(len(back)):
        a, b, c = faces[back[n], 0], faces[back[n], 1], faces[back[n], 2]
        ax, ay, aw, bx, by, bw = xyw[a, 0], xyw[a, 1], xyw[a, 2], xyw[b, 0], xyw[b, 1], xyw[b, 2]
        cx, cy, cw = xyw[c, 0], xyw[c, 1], xyw[c, 2]
        closest = max(aw, bw, cw)
        i0, i1 = _bin(min(ax, bx, cx), x0, sx, side), _bin(max(ax, bx, cx), x0, sx, side)
        j0, j1 = _bin(min(ay, by, cy), y0, sy, side), _bin(max(ay, by, cy), y0, sy, side)
        for j in range(j0, j1 + 1):
            for i in range(i0, i1 + 1):
                if closest <= least[j * side + i]:
                    continue
                for k in range(start[j * side + i], start[j * side + i + 1]):
                    if closest <= points[k, 2]:
                        continue
                    x, y = points[k, 0], points[k, 1]
                    w = _nearness(x, y, ax, ay, aw, cx, cy, cw, bx, by, bw)
                    if w > points[k, 2] * (1 + 1e-9):
                        covered[order[k]] = True
    return covered


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def first_hits(faces, number, xyw, box, side):
    """On a side x side grid of rays over a box: the face met first (-1: none), and its 1/z."""
    face = np.full((side, side), -1, np.int64)
    near = np.zeros((side, side))
    dx, dy = (box[1] - box[0]) / side, (box[3] - box[2]) / side
    for n in range(len(number)):
        a, b, c = faces[number[n], 0], faces[number[n], 1], faces[number[n], 2]
        ax, ay, aw, bx, by, bw = xyw[a, 0], xyw[a, 1], xyw[a, 2], xyw[b, 0], xyw[b, 1], xyw[b, 2]
        cx, cy, cw = xyw[c, 0], xyw[c, 1], xyw[c, 2]
        i0 = max(math.ceil((min(ax, bx, cx) - box[0]) / dx - 0.5), 0)
        i1 = min(math.floor((max(ax, bx, cx) - box[0]) / dx - 0.5), side - 1)
        j0 = max(math.ceil((min(ay, by, cy) - box[2]) / dy - 0.5), 0)
        j1 = min(math.floor((max(ay, by, cy) - box[2]) / dy - 0.5), side - 1)
        for j in range(j0, j1 + 1):
            for i in range(i0, i1 + 1):
                x, y = box[0] + (i + 0.5) * dx, box[2] + (j + 0.5) * dy
                w = _nearness(x, y, ax, ay, aw, bx, by, bw, cx, cy, cw)
                if w > near[j, i]:
                    near[j, i] = w
                    face[j, i] = number[n]
    return face, near


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def shares_of_beam(face, near, on_cut, outline, box):
    """Shares of the outline's solid angle that meet nothing, and a cut; least distance met.

    Each row of the grid is a line from edge to edge of the outline (even-odd rule).
    """
    side = len(face)
    dx, dy = (box[1] - box[0]) / side, (box[3] - box[2]) / side
    total, missed, cut, nearest = 0.0, 0.0, 0.0, np.inf
    edge_x = np.empty(len(outline))
    for j in range(side):
        y = box[2] + (j + 0.5) * dy
        edges = 0
        for k in range(len(outline)):
            ay, by = outline[k - 1, 1] - y, outline[k, 1] - y
            if (ay > 0.0) != (by > 0.0):
                ax, bx = outline[k - 1, 0], outline[k, 0]
                edge_x[edges] = ax + (bx - ax) * ay / (ay - by)
                edges += 1
        stops = np.sort(edge_x[:edges])
        for k in range(0, edges - 1, 2):
            first = max(math.ceil((stops[k] - box[0]) / dx - 0.5), 0)
            last = min(math.floor((stops[k + 1] - box[0]) / dx - 0.5), side - 1)
            for i in range(first, last + 1):
                x = box[0] + (i + 0.5) * dx
                secant = math.sqrt(1.0 + x * x + y * y)
                weight = 1.0 / (secant * secant * secant)
                total += weight
                if face[j, i] < 0:
                    missed += weight
                    continue
                nearest = min(nearest, secant / near[j, i])
                if on_cut[face[j, i]]:
                    cut += weight
    return missed / total, cut / total, nearest
