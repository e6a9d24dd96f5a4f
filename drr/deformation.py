"""Another head from a CT: a smooth random deformation of the volume and of its landmarks.

A point p of the new head was at p + u(p) in the old one. u is a tensor product of cubic B-splines
(Rueckert et al. 1999, doi:10.1109/42.796284, eq. 1) with normally distributed coefficients. Where
the largest stretch of u (the 2-norm of its derivative) stays below 1 the map is one to one and
smooth both ways, with a Jacobian determinant above 0 (u is then a contraction, and p is found from
p + u(p) by fixed-point steps): a deformation that comes near to it is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float, Num, Real

from .volume import Volume

LARGEST_STRETCH = 0.8
SAMPLES_PER_CONTROL = 4  # along an axis, where the stretch is looked at
SHORTEST_VOXELS = 4.0
SPLINE_SD = (151 / 315) ** 1.5  # of the spline where its coefficients have sd 1
compiled = numba.njit(nogil=True, cache=False)  # each with `no_type_check`: the type checker's
# wrapper cannot be compiled
Landmarks = Mapping[str, Float[np.ndarray, "3"]]


@dataclass(frozen=True, eq=False)
class Deformation:
    """old = new + displacement(new), ct mm, for the volume it was drawn for.

    Args:
        coefficients_mm: of the B-spline; point 1, 1, 1 lies on the volume's first voxel.
        control_from_ct: affine to the indices of these points.
        last: the control index of the volume's last voxel; outside, the displacement of the
            nearest point of the volume's box.
    """

    coefficients_mm: Float[np.ndarray, "a b c 3"]
    control_from_ct: Float[np.ndarray, "4 4"]
    last: Float[np.ndarray, "3"]


def deformed(
    volume: Volume,
    landmarks: Landmarks,
    seed: int,
    amplitude_mm: float | int = 3.0,
    length_mm: float | int = 60.0,
) -> tuple[Volume, dict[str, Float[np.ndarray, "3"]]]:
    """A random smooth deformation of a CT, and where its landmarks (ct, mm) have gone.

    Args:
        amplitude_mm: the standard deviation of the displacement along each axis.
        length_mm: distance of the spline's control points; bumps are about twice as wide.

    Raises:
        ValueError: the deformation would fold or nearly fold: the amplitude is too large for
            the length (a tenth of it is safe); or one of the numbers makes no sense.
    """
    change = random_deformation(volume, seed, amplitude_mm, length_mm)
    moved = {name: new_points(change, point[None])[0] for name, point in landmarks.items()}
    return warped(volume, change), moved


def random_deformation(
    volume: Volume, seed: int, amplitude_mm: float | int = 3.0, length_mm: float | int = 60.0
) -> Deformation:
    """A smooth one-to-one deformation drawn from a seed; ValueError as for `deformed`."""
    if not 0 <= amplitude_mm < np.inf:
        raise ValueError(f"amplitude_mm must be 0 or more, found {amplitude_mm}")
    shortest = SHORTEST_VOXELS * float(volume.spacing_mm.max())
    if not shortest <= length_mm < np.inf:
        raise ValueError(
            f"length_mm must be at least {SHORTEST_VOXELS:g} voxels ({shortest:g} mm), "
            f"found {length_mm}"
        )
    extent = (np.array(volume.shape) - 1) * volume.spacing_mm / length_mm
    shape = np.floor(extent).astype(int) + 4
    rng = np.random.default_rng(seed)
    coefficients = rng.standard_normal((*shape, 3)) * (amplitude_mm / SPLINE_SD)
    control_from_voxel = np.diag([*(volume.spacing_mm / length_mm), 1.0])
    control_from_voxel[:3, 3] = 1.0
    change = Deformation(coefficients, control_from_voxel @ volume.voxel_from_ct, extent + 1)
    stretch = largest_stretch(change)
    if stretch > LARGEST_STRETCH:
        raise ValueError(
            f"amplitude_mm {amplitude_mm:g} is too large for length_mm {length_mm:g}: the "
            f"deformation stretches by {stretch:.2f} (at most {LARGEST_STRETCH}), and folds at 1; "
            f"take less than {amplitude_mm * LARGEST_STRETCH / stretch:.3g} mm with this seed"
        )
    return change


def displacement(
    change: Deformation, points_ct: Num[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 3"]:
    """u at points of the new head, mm."""
    return _spline(change, points_ct, derivative=None)


def old_points(change: Deformation, points_ct: Num[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Where points of the new head were in the old one."""
    return points_ct + displacement(change, points_ct)


def new_points(change: Deformation, points_ct: Num[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Where points of the old head have gone, to 1e-9 mm: the inverse of `old_points`."""
    new = points_ct.astype(np.float64)
    for _ in range(300):  # the error falls by LARGEST_STRETCH a step
        step = points_ct - displacement(change, new) - new
        new = new + step
        if not step.size or np.abs(step).max() < 1e-10:
            break
    return new


def jacobian(change: Deformation, points_ct: Num[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3 3"]:
    """The derivative of `old_points`, (old, new)."""
    rows = [_spline(change, points_ct, derivative=axis) for axis in range(3)]
    by_control = np.stack(rows, axis=-1)
    return np.eye(3) + by_control @ change.control_from_ct[:3, :3]


def largest_stretch(change: Deformation) -> float:
    """The largest 2-norm of the derivative of u, on a grid finer than the spline's."""
    counts = np.ceil(change.last * SAMPLES_PER_CONTROL).astype(int) + 1
    axes = [np.linspace(1, end, count) for end, count in zip(change.last, counts, strict=True)]
    control = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    ct_from_control = np.linalg.inv(change.control_from_ct)
    points = control @ ct_from_control[:3, :3].T + ct_from_control[:3, 3]
    return float(np.linalg.norm(jacobian(change, points) - np.eye(3), 2, axis=(1, 2)).max())


def warped(volume: Volume, change: Deformation) -> Volume:
    """The new head on the old grid: trilinear, in the old type; outside, the ends go on."""
    coefficients = change.coefficients_mm @ volume.voxel_from_ct[:3, :3].T  # in voxels
    control_from_voxel = change.control_from_ct @ volume.ct_from_voxel
    bases = []
    for axis, count in enumerate(volume.shape):
        first, weights = _basis(1 + control_from_voxel[axis, axis] * np.arange(count), None)
        bases += [first, weights.astype(np.float32)]
    new = np.empty(volume.shape, np.float32)
    data = np.ascontiguousarray(volume.data_hu, dtype=np.float32)
    _warp(data, coefficients.astype(np.float32), tuple(bases), new)
    return Volume(as_type_of(new, volume), volume.ct_from_voxel)


def as_type_of(data_hu: Float[np.ndarray, "i j k"], volume: Volume) -> Real[np.ndarray, "i j k"]:
    """HU in the type of a volume's: rounded where that is int16."""
    if volume.data_hu.dtype != np.int16:
        return data_hu
    return np.rint(data_hu, out=data_hu).astype(np.int16)


def _spline(
    change: Deformation, points_ct: Num[np.ndarray, "n 3"], derivative: int | None
) -> Float[np.ndarray, "n 3"]:
    """u, or its derivative along one axis of the control points; flat outside the volume's box."""
    control = points_ct @ change.control_from_ct[:3, :3].T + change.control_from_ct[:3, 3]
    inside = np.clip(control, 1, change.last)
    bases = [_basis(inside[:, a], a if a == derivative else None) for a in range(3)]
    total = np.zeros((len(points_ct), 3))
    for taps in product(range(4), repeat=3):
        weight = np.prod([bases[a][1][:, taps[a]] for a in range(3)], axis=0, dtype=np.float64)
        places = tuple(bases[a][0] + taps[a] for a in range(3))
        total += weight[:, None] * change.coefficients_mm[places]
    return total


def _basis(at: Real[np.ndarray, "n"], derivative: int | None):
    """First control point (n,) and weights (n, 4) of the cubic B-spline, or of its slope."""
    first = np.maximum(np.ceil(at).astype(int) - 2, 0)  # at a whole number, from below
    t = at - first - 1
    if derivative is None:
        rows = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    else:
        rows = [-3 * (1 - t) ** 2, 9 * t**2 - 12 * t, -9 * t**2 + 6 * t + 3, 3 * t**2]
    return first, np.stack(rows, axis=1) / 6


@compiled
@no_type_check
def _warp(data, coefficients, bases, new):
    """Fill `new` with data at voxel + displacement in voxels, trilinear."""
    i_first, i_weights, j_first, j_weights, k_first, k_weights = bases
    n_i, n_j, n_k = data.shape
    line = np.empty(coefficients.shape[2:], np.float32)
    for i in range(n_i):
        for j in range(n_j):
            for c in range(len(line)):
                for axis in range(3):
                    total = np.float32(0)
                    for a in range(4):
                        for b in range(4):
                            weight = i_weights[i, a] * j_weights[j, b]
                            total += weight * coefficients[i_first[i] + a, j_first[j] + b, c, axis]
                    line[c, axis] = total
            for k in range(n_k):
                x, y, z = np.float32(i), np.float32(j), np.float32(k)
                for c in range(4):
                    weight = k_weights[k, c]
                    x += weight * line[k_first[k] + c, 0]
                    y += weight * line[k_first[k] + c, 1]
                    z += weight * line[k_first[k] + c, 2]
                new[i, j, k] = trilinear(data, x, y, z)


@compiled
@no_type_check
def trilinear(data, x, y, z):
    """The value between voxels; outside, that of the nearest point on the grid."""
    n_i, n_j, n_k = data.shape
    x = min(max(x, np.float32(0)), np.float32(n_i - 1))
    y = min(max(y, np.float32(0)), np.float32(n_j - 1))
    z = min(max(z, np.float32(0)), np.float32(n_k - 1))
    i, j = min(int(x), max(n_i - 2, 0)), min(int(y), max(n_j - 2, 0))
    k = min(int(z), max(n_k - 2, 0))
    u, v, w = x - np.float32(i), y - np.float32(j), z - np.float32(k)
    i1, j1, k1 = min(i + 1, n_i - 1), min(j + 1, n_j - 1), min(k + 1, n_k - 1)
    one = np.float32(1)
    low = (one - v) * ((one - w) * data[i, j, k] + w * data[i, j, k1])
    low += v * ((one - w) * data[i, j1, k] + w * data[i, j1, k1])
    high = (one - v) * ((one - w) * data[i1, j, k] + w * data[i1, j, k1])
    high += v * ((one - w) * data[i1, j1, k] + w * data[i1, j1, k1])
    return (one - u) * low + u * high
