"""Projection data of xReg: HDF5 with a group a projection, of which the cameras are read.

Pixels are (column, row), 0 at the centre of the top-left one; lengths are mm. Three camera frames
are in use. In two of them the stored image is a mirror image of what the source sees: the pose
stays proper and the image must be flipped, which a warning says. Nothing essential is missing;
images, landmarks and metadata are not read.
"""

import warnings
from pathlib import Path

import h5py
import numpy as np

from .camera import Camera
from .lens_terms import lens_terms
from .rig import Rig
from .rigid import Rigid

POSITIVE_Z = "origin-at-focal-pt-det-pos-z"
NEGATIVE_Z = "origin-at-focal-pt-det-neg-z"
ON_DETECTOR = "origin-on-det"
MOST_PROJECTIONS = 10_000
LARGEST_CHUNK = 1 << 20


def read_xreg(path: str | Path) -> Rig:
    """The cameras of all projections, named proj-000, proj-001, ... as their groups are."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such HDF5 file")
    try:
        with h5py.File(path, "r") as file:
            return Rig(tuple(_cameras(path, file)))
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        if str(error).startswith(f"{path}:"):
            raise
        text = " ".join(str(error).split())[:120]
        raise ValueError(f"{path}: the HDF5 file cannot be read: {text}") from None


def write_xreg(path: str | Path, rig: Rig) -> None:
    """Write the cameras of a rig in the frame that is ours; no images, names or distortion.

    ValueError where a camera has no pixel spacing: xReg's files must have one.
    """
    for camera in rig:
        if camera.pixel_spacing_mm is None:
            raise ValueError(f"camera {camera.name!r} has no pixel spacing; xReg needs it in mm")
        lens_terms(camera, "an xReg file", 0)
    with h5py.File(path, "w") as file:
        file.attrs["xreg-type"] = np.bytes_("proj-data")
        file["num-projs"] = np.uint64(len(rig))
        for number, camera in enumerate(rig):
            group = file.create_group(f"proj-{number:03d}/cam")
            group.attrs["xreg-type"] = np.bytes_("cam-model")
            group["num-rows"], group["num-cols"] = np.uint64(camera.height), np.uint64(camera.width)
            group["row-spacing"] = group["col-spacing"] = np.float64(camera.pixel_spacing_mm)
            group["cam-coord-frame-type"] = np.bytes_(POSITIVE_Z)
            group["intrinsic"] = camera.K.numpy()
            group["extrinsic"] = np.asarray(camera.cam_from_world)


def _cameras(path: Path, file: h5py.File) -> list[Camera]:
    if _text(file.attrs.get("xreg-type")) != "proj-data":
        if "proj-params" in file:
            raise ValueError(
                f"{path}: this is a DeepFluoro file: its cameras are not read, because it does not "
                "say which of xReg's three camera frames it uses"
            )
        raise ValueError(f"{path}: not xReg projection data, its xreg-type is not 'proj-data'")
    count = int(_array(path, file, "num-projs", ())[()])
    if not 1 <= count <= MOST_PROJECTIONS:
        raise ValueError(f"{path}: num-projs must be from 1 to {MOST_PROJECTIONS}, found {count}")
    return [_camera(path, file, f"proj-{number:03d}") for number in range(count)]


def _camera(path: Path, file: h5py.File, name: str) -> Camera:
    group = f"{name}/cam"
    K = _array(path, file, f"{group}/intrinsic", (3, 3))
    extrinsic = _array(path, file, f"{group}/extrinsic", (4, 4))
    height, width = (_side(path, file, f"{group}/num-{side}") for side in ("rows", "cols"))
    row_mm, column_mm = (
        float(_array(path, file, f"{group}/{side}-spacing", ())[()]) for side in ("row", "col")
    )
    if not (0 < row_mm < np.inf and 0 < column_mm < np.inf):
        raise ValueError(f"{path}: {group}: the spacings must be positive, in mm")
    kind = _text(_dataset(path, file, f"{group}/cam-coord-frame-type")[()])
    try:
        K, ours_from_file, flipped = _in_our_frame(kind, K, width, height, row_mm, column_mm)
        cam_from_world = ours_from_file @ Rigid.from_matrix(extrinsic)
        spacing = row_mm if row_mm == column_mm else None
        camera = Camera(K, cam_from_world, width, height, name=name, pixel_spacing_mm=spacing)
    except ValueError as error:
        raise ValueError(f"{path}: {group}: {error}") from error
    if flipped:
        warnings.warn(f"{path}: {name}: the image must be flipped: {flipped}", stacklevel=5)
    return camera


def _in_our_frame(
    kind: str, K: np.ndarray, width: int, height: int, row_mm: float, column_mm: float
) -> tuple[np.ndarray, Rigid, str]:
    """K and the change of camera frame that make the pose proper, and how the image must turn."""
    ours = K / K[2, 2] if K[2, 2] else K
    if kind == POSITIVE_Z:
        return ours, Rigid.identity(), ""
    turned = np.abs(np.diag([ours[0, 0], ours[1, 1], 1.0]))
    if kind == NEGATIVE_Z:  # points have z < 0 and the focal lengths are negative
        if ours[0, 0] >= 0 or ours[1, 1] >= 0:
            raise ValueError("intrinsic must have negative focal lengths where z is negative")
        turned[:2, 2] = width - 1 - ours[0, 2], ours[1, 2]
        return turned, Rigid(np.diag([-1.0, 1.0, -1.0]), np.zeros(3)), "image[:, ::-1]"
    if kind == ON_DETECTOR:  # z to the source, the origin on the detector, rows counted upwards
        if ours[0, 0] <= 0 or ours[1, 1] <= 0:
            raise ValueError(
                "intrinsic must have positive focal lengths in the frame origin-on-det"
            )
        focal_mm = (ours[0, 0] * column_mm + ours[1, 1] * row_mm) / 2
        turned[:2, 2] = ours[0, 2], height - 1 - ours[1, 2]
        shift = np.array([0.0, 0.0, focal_mm])
        return turned, Rigid(np.diag([1.0, -1.0, -1.0]), shift), "image[::-1]"
    raise ValueError(
        f"cam-coord-frame-type must be {POSITIVE_Z}, {NEGATIVE_Z} or {ON_DETECTOR}, found {kind!r}"
    )


def _side(path: Path, file: h5py.File, name: str) -> int:
    value = float(_array(path, file, name, ())[()])
    if not 1 <= value < 1e6 or value != int(value):
        raise ValueError(f"{path}: {name} must be a whole number of pixels, found {value:g}")
    return int(value)


def _array(path: Path, file: h5py.File, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The finite numbers of a data set of that shape; the shape is checked before it is read."""
    data = _dataset(path, file, name)
    if data.dtype.kind not in "fiu" or data.size != int(np.prod(shape)) or data.ndim > 2:
        raise ValueError(
            f"{path}: {name} must hold numbers of shape {shape}, found {data.dtype} {data.shape}"
        )
    values = np.asarray(data[()], dtype=np.float64).reshape(shape)
    if not np.isfinite(values).all():
        raise ValueError(f"{path}: {name} must hold finite numbers, found {values.tolist()}")
    return values


def _dataset(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    """A data set that lies in this file alone and is small."""
    *groups, last = name.split("/")
    group: h5py.Group = file
    for part in (*groups, last):
        if isinstance(group.get(part, getlink=True), h5py.ExternalLink):
            raise ValueError(f"{path}: {name} points into another file, which is not followed")
        found = group.get(part)
        if isinstance(found, h5py.Group):
            group = found
    data = group.get(last)
    if not isinstance(data, h5py.Dataset) or data.name != f"/{name}":
        raise ValueError(f"{path}: there is no data set {name!r}")
    chunk = int(np.prod(data.chunks or (1,)))
    if data.external or data.is_virtual or max(chunk, data.size or 0) > LARGEST_CHUNK:
        raise ValueError(f"{path}: {name} is not a small data set of this file itself")
    return data


def _text(value: object) -> str:
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size == 1 else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
