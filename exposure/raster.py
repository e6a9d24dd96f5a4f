"""Which faces of a closed mesh a beam can meet, their share in its field, what its rays meet first.

Everything is in the plane z = 1 of the camera frame, where lines stay lines and 1/z is linear.
"""

import math
from typing import no_type_check

import numba
import numpy as np

from .outline import are_inside

SPARE = 1e-9  # of a ray: what rounding may take from a range
SUBDIVISIONS = 6  # a face cut by the field's edge counts by 36 equal parts


@numba.njit(cache=True, nogil=True, error_model="numpy")
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


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check  # the type checker's wrapper cannot be compiled
def faces_in_box(faces, xyw, box):
    """Numbers of the faces before the source that touch a box and turn their outside to it."""
    number = np.empty(len(faces), np.int64)
    found = 0
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if xyw[a, 2] == 0.0 or xyw[b, 2] == 0.0 or xyw[c, 2] == 0.0:
            continue
        ax, ay, bx, by, cx, cy = xyw[a, 0], xyw[a, 1], xyw[b, 0], xyw[b, 1], xyw[c, 0], xyw[c, 1]
        if max(ax, bx, cx) < box[0] or min(ax, bx, cx) > box[1]:
            continue
        if max(ay, by, cy) < box[2] or min(ay, by, cy) > box[3]:
            continue
        if (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) < 0.0:
            number[found] = f
            found += 1
    return number[:found].copy()


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check  # the type checker's wrapper cannot be compiled
def shares_in_field(faces, number, xyw, rows):
    """Share of each numbered face's area in the outline, and its centroid (x/z, y/z, 1/z)."""
    vertex_inside = are_inside(rows, xyw[:, 0], xyw[:, 1])
    share = np.zeros(len(number))
    middle = np.zeros((len(number), 3))
    cut = np.empty(len(number), np.int64)
    cuts = 0
    for n in range(len(number)):
        a, b, c = faces[number[n], 0], faces[number[n], 1], faces[number[n], 2]
        za, zb, zc = 1.0 / xyw[a, 2], 1.0 / xyw[b, 2], 1.0 / xyw[c, 2]
        depth = za + zb + zc
        middle[n, 0] = (xyw[a, 0] * za + xyw[b, 0] * zb + xyw[c, 0] * zc) / depth
        middle[n, 1] = (xyw[a, 1] * za + xyw[b, 1] * zb + xyw[c, 1] * zc) / depth
        middle[n, 2] = 3.0 / depth
        inside = int(vertex_inside[a]) + int(vertex_inside[b]) + int(vertex_inside[c])
        if inside == 3:
            share[n] = 1.0
        elif inside > 0:
            cut[cuts] = n
            cuts += 1
    x, y = _middles_of_parts(faces, number[cut[:cuts]], xyw)
    parts_inside = are_inside(rows, x, y)
    parts = SUBDIVISIONS**2
    for k in range(cuts):
        share[cut[k]] = parts_inside[k * parts : (k + 1) * parts].sum() / parts
    return share, middle


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check  # the type checker's wrapper cannot be compiled
def _middles_of_parts(faces, number, xyw):
    """x/z and y/z of the middles of 36 equal parts of each numbered face."""
    n = SUBDIVISIONS
    x, y = np.empty(len(number) * n * n), np.empty(len(number) * n * n)
    at = 0
    for f in number:
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        za, zb, zc = 1.0 / xyw[a, 2], 1.0 / xyw[b, 2], 1.0 / xyw[c, 2]
        for i in range(n):
            for j in range(2 * (n - i) - 1):
                third = 1.0 / 3 if j % 2 == 0 else 2.0 / 3
                s, t = (i + third) / n, (j // 2 + third) / n
                wa, wb, wc = (1 - s - t) * za, s * zb, t * zc
                depth = wa + wb + wc
                x[at] = (wa * xyw[a, 0] + wb * xyw[b, 0] + wc * xyw[c, 0]) / depth
                y[at] = (wa * xyw[a, 1] + wb * xyw[b, 1] + wc * xyw[c, 1]) / depth
                at += 1
    return x, y


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check  # the type checker's wrapper cannot be compiled
def nearness(x, y, ax, ay, aw, bx, by, bw, cx, cy, cw):
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


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check  # the type checker's wrapper cannot be compiled
def first_hits(faces, number, xyw, box, side):
    """On a side x side grid of rays over a box: the face met first (-1: none), and its 1/z."""
    face = np.full((side, side), -1, np.int64)
    near = np.zeros((side, side))
    dx, dy = (box[1] - box[0]) / side, (box[3] - box[2]) / side
    sx, sy = 1.0 / dx, 1.0 / dy
    for n in range(len(number)):
        a, b, c = faces[number[n], 0], faces[number[n], 1], faces[number[n], 2]
        ax, ay, aw, bx, by, bw = xyw[a, 0], xyw[a, 1], xyw[a, 2], xyw[b, 0], xyw[b, 1], xyw[b, 2]
        cx, cy, cw = xyw[c, 0], xyw[c, 1], xyw[c, 2]
        i0 = max(math.ceil((min(ax, bx, cx) - box[0]) * sx - 0.5 - SPARE), 0)
        i1 = min(math.floor((max(ax, bx, cx) - box[0]) * sx - 0.5 + SPARE), side - 1)
        j0 = max(math.ceil((min(ay, by, cy) - box[2]) * sy - 0.5 - SPARE), 0)
        j1 = min(math.floor((max(ay, by, cy) - box[2]) * sy - 0.5 + SPARE), side - 1)
        for j in range(j0, j1 + 1):
            for i in range(i0, i1 + 1):
                x, y = box[0] + (i + 0.5) * dx, box[2] + (j + 0.5) * dy
                w = nearness(x, y, ax, ay, aw, bx, by, bw, cx, cy, cw)
                if w > near[j, i]:
                    near[j, i] = w
                    face[j, i] = number[n]
    return face, near


@numba.njit(cache=True, nogil=True, error_model="numpy")
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
