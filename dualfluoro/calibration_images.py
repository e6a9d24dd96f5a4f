"""The images of a calibration.toml: read, their grids fitted, their beads found."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import Float

from calibration import Camera, Rigid
from calibration.blobs import find_spots
from calibration.pose_fit import SpotImage
from calibration.rig_start import CalibrationView

from .calibration_file import CalibrationFile, CalibrationImages, GridPlate
from .frames import DICOM

if TYPE_CHECKING:
    from calibration.grid_fit import GridFit

FIELD_MM = (50.0, 450.0)
"""What an image shows at the object, from side to side."""
MOST_SPOTS_A_BEAD = 3
CLEAR_CONTRAST, FAINT_CONTRAST = 0.1, 0.025
"""Least difference of a bead from its background; the second where few stand out clearly."""
CORNER_RADIUS_PX = 1.0
Image = Float[np.ndarray, "height width"]


@dataclass(frozen=True, eq=False)
class ReadView:
    """One view: its images, its grid's fits (before, after), and what the solver takes of them.

    `camera` knows the distortion; its pose and K are none.
    """

    images: tuple[Image, ...]
    grids: tuple["GridFit", ...]
    camera: Camera
    pixel_spacing_mm: float | None
    view: CalibrationView


def read_view(found: CalibrationImages, calibration: CalibrationFile) -> ReadView:
    """The images of a view with their beads, in undistorted pixels.

    ValueError, naming the file, on images of unequal size, a grid that shows no lattice, an image
    that cannot be read.
    """
    images = [read_image(path) for path in found.object]
    size = images[0].shape
    grids = _grids(found, calibration.grid, size)
    for path, image in zip(found.object, images, strict=True):
        _check_size(path, image, size, found.object[0])
    spacing_mm = found.pixel_spacing_mm
    if grids and calibration.grid is not None:
        spacing_mm = calibration.grid.pitch_mm / float(np.mean([g.pitch_px for g in grids]))
    focal_px = found.sid_mm / spacing_mm if found.sid_mm and spacing_mm else None
    camera = straight_camera(_distortion(grids), size)
    spots = []
    for path, image in zip(found.object, images, strict=True):
        if calibration.checkerboard is not None:
            raw = _corners(path, image, calibration.checkerboard)
        else:
            raw = _beads(path, image, found.transmission, calibration, spacing_mm)
        spots.append(_straight_image(camera, raw))
    index = {name: i for i, name in enumerate(calibration.bead_object.names)}
    references = tuple(
        {index[name]: _straight_point(camera, uv) for name, uv in named.items()}
        for named in found.references
    )
    files = tuple(path.name for path in found.object)
    view = CalibrationView(found.name, tuple(spots), files, focal_px, references)
    return ReadView(tuple(images), grids, camera, spacing_mm, view)


def read_image(path: Path) -> Image:
    """Grey values from 0 to 1 of an image or of a DICOM file with one frame."""
    if path.suffix.lower() in DICOM:
        from .dicom_frames import open_dicom

        names, read, _ = open_dicom([path])
    else:
        from .still_images import open_stills

        names, read, _ = open_stills([path])
    if len(names) > 1:
        raise ValueError(f"{path}: expected one image, found {len(names)} frames")
    image = read(0)
    if image.ndim != 2 or min(image.shape) < 64 or not np.isfinite(image).all():
        raise ValueError(
            f"{path}: expected a grey image of 64 pixels a side or more with finite values, found "
            f"shape {image.shape}"
        )
    return np.ascontiguousarray(image, dtype=np.float32)


def straight_camera(distortion: dict | None, size: tuple[int, ...]) -> Camera:
    """A camera that knows a view's distortion and its size (rows, columns), and nothing else."""
    height, width = size
    K = np.array([[width, 0, (width - 1) / 2], [0, width, (height - 1) / 2], [0, 0, 1.0]])
    return Camera(K, Rigid.identity(), width, height, distortion=distortion)


def _straight_image(camera: Camera, raw: SpotImage) -> SpotImage:
    """Spots in undistorted pixels, those beyond the grid left out."""
    if camera.distortion is None or not len(raw):
        return raw
    uv = camera.undistorted(raw.uv_px).numpy()
    known = np.isfinite(uv).all(1) & np.asarray(camera.inside_grid(np.nan_to_num(uv)))
    return SpotImage(uv[known], raw.radius_px[known], raw.width, raw.height)


def _straight_point(camera: Camera, uv: tuple[float, float]) -> tuple[float, float]:
    """A user's click in undistorted pixels."""
    if camera.distortion is None:
        return uv
    u, v = camera.undistorted(np.array([uv]))[0].tolist()
    return (u, v) if np.isfinite([u, v]).all() else uv


def _grids(
    found: CalibrationImages, plate: GridPlate | None, size: tuple[int, ...]
) -> tuple["GridFit", ...]:
    """The fits of the grid's images before and after."""
    if plate is None:
        return ()
    from calibration.grid_fit import fit_grid

    fits = []
    for path in (found.grid, found.grid_after):
        if path is None:
            continue
        image = read_image(path)
        _check_size(path, image, size, found.object[0])
        try:
            fits.append(fit_grid(image, plate.pitch_mm, plate.lattice))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    return tuple(fits)


def _distortion(grids: tuple["GridFit", ...]) -> dict | None:
    """The map of the grid; half way between those before and after, where a frame's number does
    not say how far through the trial it is."""
    if not grids:
        return None
    if len(grids) == 1:
        return grids[0].distortion
    from calibration.distortion import blended

    return blended(grids[0].distortion, grids[1].distortion, 0.5)


def _beads(
    path: Path, image: Image, transmission: bool, calibration: CalibrationFile, spacing_mm
) -> SpotImage:
    """The beads' shadows, most of them beads."""
    radius_mm = float(calibration.bead_diameter_mm or 0) / 2
    width = max(image.shape)
    scales = (1 / spacing_mm, 3 / spacing_mm) if spacing_mm else (
        width / FIELD_MM[1], width / FIELD_MM[0]
    )  # fmt: skip
    low = max(0.7 * radius_mm * scales[0], 1.0)
    high = min(max(1.3 * radius_mm * scales[1], 1.5 * low), min(image.shape) / 8)
    if low >= high:
        raise ValueError(
            f"{path}: beads of {2 * radius_mm:g} mm would be {2 * low:.0f} px across or more in an "
            "image of this size; check bead_diameter_mm and pixel_spacing_mm"
        )
    polarity = "dark" if transmission else "bright"
    count = len(calibration.bead_object)
    try:
        spots = find_spots(image, polarity, (low, high), CLEAR_CONTRAST)
        if len(spots) < count / 2:
            spots = find_spots(image, polarity, (low, high), FAINT_CONTRAST)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    usual = float(np.median(spots.radius_px[:count])) if len(spots) else 0.0
    alike = (spots.radius_px > 0.5 * usual) & (spots.radius_px < 2 * usual)
    spots = spots[alike][: MOST_SPOTS_A_BEAD * count + 10]
    return SpotImage(spots.uv_px, spots.radius_px, image.shape[1], image.shape[0])


def _corners(path: Path, image: Image, board: tuple[int, int]) -> SpotImage:
    """The inner corners of a checkerboard."""
    low, high = np.quantile(image, [0.005, 0.995])
    grey = np.clip(255 * (image - low) / max(float(high - low), 1e-6), 0, 255).astype(np.uint8)
    flags = cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_EXHAUSTIVE | cv2.CALIB_CB_ACCURACY
    found, corners = cv2.findChessboardCornersSB(grey, board, flags=flags)
    if not found:
        raise ValueError(
            f"{path}: no checkerboard with {board[0]} x {board[1]} inner corners was found; all of "
            "it must be in the image, with a light rim, and not seen from the side"
        )
    uv = corners.reshape(-1, 2).astype(np.float64)
    radius = np.full(len(uv), CORNER_RADIUS_PX)
    return SpotImage(uv, radius, image.shape[1], image.shape[0])


def _check_size(path: Path, image: Image, size: tuple[int, ...], first: Path) -> None:
    if image.shape != size:
        raise ValueError(
            f"{path}: the image is {image.shape[1]} x {image.shape[0]} pixels, but {first.name} of "
            f"the same view is {size[1]} x {size[0]}"
        )
