"""A CT volume: Hounsfield units on a grid of voxels, and where the grid lies.

    p_ct = ct_from_voxel @ (i, j, k, 1)        mm, RAS+; a voxel's centre is at its integer index

`ct_from_voxel` is any nonsingular affine (unequal spacings, a left-handed grid, a sheared one).
"""

import hashlib
from dataclasses import dataclass
from os import PathLike

import numpy as np
from jaxtyping import Float, Num, Real, Shaped
from torch import Tensor

from calibration import Rigid

Affine = Rigid | Num[Tensor, "4 4"] | Num[np.ndarray, "4 4"]
Triple = tuple[int, int, int]


@dataclass(frozen=True, init=False, eq=False)
class Volume:
    """A CT in HU; int16 as files bring it, else float32, and never copied when it is either.

    `notes` says in words what its reader had to change, skip or doubt. `made_from` is the
    fingerprint of the CT that this one was made from by masks or interpolation.
    """

    data_hu: Real[np.ndarray, "i j k"]
    ct_from_voxel: Float[np.ndarray, "4 4"]
    notes: tuple[str, ...] = ()
    made_from: str | None = None

    def __init__(
        self,
        data_hu: Shaped[np.ndarray, "..."] | Shaped[Tensor, "..."],
        ct_from_voxel: Affine,
        notes: tuple[str, ...] = (),
        made_from: str | None = None,
    ):
        """ValueError unless the data are 3D real numbers and the affine is one with an inverse."""
        object.__setattr__(self, "data_hu", checked_data(np.asarray(data_hu)))
        object.__setattr__(self, "ct_from_voxel", checked_affine(ct_from_voxel))
        object.__setattr__(self, "notes", notes)
        object.__setattr__(self, "made_from", made_from)

    @classmethod
    def read(cls, path: str | PathLike[str]) -> "Volume":
        """The CT in a NIfTI, NRRD or MetaImage file, or in a folder with one DICOM series."""
        from .volume_files import read_volume  # the readers are slow to import

        return read_volume(path)

    @property
    def shape(self) -> Triple:
        """Number of voxels along i, j, k."""
        i, j, k = self.data_hu.shape
        return i, j, k

    @property
    def spacing_mm(self) -> Float[np.ndarray, "3"]:
        """Distance between neighbouring voxels along i, j, k."""
        return np.linalg.norm(self.ct_from_voxel[:3, :3], axis=0)

    @property
    def voxel_from_ct(self) -> Float[np.ndarray, "4 4"]:
        """The inverse of `ct_from_voxel`."""
        return np.linalg.inv(self.ct_from_voxel)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the CT as it was read: its shape, its place, its voxels in whole HU.

        It is the same for the same CT in another file, and stays through masks and interpolation.
        """
        if self.made_from is not None:
            return self.made_from
        place = np.round(self.ct_from_voxel, 4) + 0.0  # no negative zeros
        digest = hashlib.sha256(np.array(self.shape, np.int64).tobytes() + place.tobytes())
        for k in range(self.shape[2]):
            slice_hu = self.data_hu[:, :, k].T
            whole = slice_hu if slice_hu.dtype == np.int16 else np.rint(slice_hu).astype(np.int16)
            digest.update(np.ascontiguousarray(whole).data)
        return digest.hexdigest()

    @property
    def center_ct(self) -> Float[np.ndarray, "3"]:
        """The middle of the grid, mm."""
        return self.points_ct((np.array(self.shape) - 1) / 2)

    def points_ct(self, voxels: Num[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        """Where (fractional) voxel indices lie, mm."""
        return moved(self.ct_from_voxel, voxels)

    def voxels(self, points_ct: Num[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        """The fractional voxel indices of points in mm."""
        return moved(self.voxel_from_ct, points_ct)

    def cropped(self, first: Triple, stop: Triple) -> "Volume":
        """The box of voxels first <= index < stop, in place; ValueError where it is not inside."""
        if not all(0 <= a < b <= n for a, b, n in zip(first, stop, self.shape, strict=True)):
            raise ValueError(f"box {first} to {stop} is not inside a volume of shape {self.shape}")
        box = tuple(slice(a, b) for a, b in zip(first, stop, strict=True))
        ct_from_voxel = self.ct_from_voxel.copy()
        ct_from_voxel[:3, 3] = self.points_ct(np.array(first))
        return Volume(self.data_hu[box], ct_from_voxel)

    def resampled(self, spacing_mm: float) -> "Volume":
        """The same CT with voxels of one size, antialiased; its middle stays where it is."""
        from .resample import resampled_axis

        if not spacing_mm > 0:
            raise ValueError(f"spacing must be above 0 mm, found {spacing_mm}")
        steps = spacing_mm / self.spacing_mm  # new voxels in old ones
        data = self.data_hu
        voxel_from_new = np.diag([*steps, 1.0])
        for axis in np.argsort(-steps):  # what shrinks the most goes first
            count = max(1, round(self.shape[axis] / steps[axis]))
            data = resampled_axis(data, int(axis), count, float(steps[axis]))
            middle, new_middle = (self.shape[axis] - 1) / 2, (count - 1) / 2
            voxel_from_new[axis, 3] = middle - new_middle * steps[axis]
        return Volume(data, self.ct_from_voxel @ voxel_from_new)


def moved(
    affine: Float[np.ndarray, "4 4"], points: Num[np.ndarray, "*n 3"]
) -> Float[np.ndarray, "*n 3"]:
    """Points through a 4x4 affine."""
    return points @ affine[:3, :3].T + affine[:3, 3]


def checked_data(data_hu: Shaped[np.ndarray, "..."]) -> Real[np.ndarray, "i j k"]:
    """The data as int16 or float32; ValueError where they are not 3D, empty or not finite."""
    if data_hu.ndim != 3:
        raise ValueError(f"a CT volume has 3 axes, found shape {data_hu.shape}")
    if data_hu.size == 0:
        raise ValueError(f"a CT volume must have voxels, found shape {data_hu.shape}")
    if not np.issubdtype(data_hu.dtype, np.integer) and not np.issubdtype(
        data_hu.dtype, np.floating
    ):
        raise ValueError(f"a CT volume holds real numbers, found {data_hu.dtype}")
    if data_hu.dtype != np.int16:
        data_hu = data_hu.astype(np.float32, copy=False)
        if not np.isfinite(data_hu.min()) or not np.isfinite(data_hu.max()):
            raise ValueError("a CT volume holds finite HU, found NaN or infinity")
    return data_hu


def checked_affine(ct_from_voxel: Affine) -> Float[np.ndarray, "4 4"]:
    """The affine as float64; ValueError where it is not finite or has no inverse."""
    if isinstance(ct_from_voxel, Rigid):
        ct_from_voxel = ct_from_voxel.matrix()
    affine = np.asarray(ct_from_voxel).astype(np.float64)
    if not np.isfinite(affine).all():
        raise ValueError(f"ct_from_voxel must be finite, found {affine.tolist()}")
    if not np.array_equal(affine[3], [0, 0, 0, 1]):
        raise ValueError(f"the last row of ct_from_voxel must be 0 0 0 1, found {affine[3]}")
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not abs(np.linalg.det(affine[:3, :3])) > 1e-6 * lengths.prod():
        raise ValueError(f"ct_from_voxel has no inverse: {affine.tolist()}")
    return affine
