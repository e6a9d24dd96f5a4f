"""DLT coefficients as XMALab writes them: 11 rows, a column a camera.

u = (L1 X + L2 Y + L3 Z + L4) / (L9 X + L10 Y + L11 Z + 1), v likewise with L5 to L8; pixels count
from 1 with y upwards. Not stored: the unit, the size of the images, distortion.
"""

from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase

import numpy as np
from jaxtyping import Float

from .camera import Camera
from .length_unit import MM_PER_UNIT, checked_unit
from .lens_terms import lens_terms
from .mayacam import UNITS
from .number_lines import joined, number_cells, text_lines
from .rig import Rig
from .rigid import Rigid

ROWS = 11
LARGEST_SKEW = 1e-6
"""Of the focal length: what is below is the rounding of the file's 12 digits."""


def read_dlt(
    path: str | Path,
    *,
    unit: str | None = None,
    size_px: Sequence[tuple[int, int]] = (),
) -> Rig:
    """The rig of a file of DLT coefficients, its cameras named A, B, ...

    `unit` is "mm" or "cm", `size_px` the (width, height) of every camera's images, or one for all:
    the file stores neither, and there is no default. ValueError on a reflection or a skewed camera.
    """
    path = Path(path)
    unit = checked_unit(unit, path, "a DLT file", UNITS)
    lines = text_lines(path, "DLT file")
    if len(lines) != ROWS:
        raise ValueError(f"{path}: a DLT file has {ROWS} rows, found {len(lines)}")
    count = lines[0].count(",") + 1
    cells = [number_cells(line, count, f"{path}:{n}") for n, line in enumerate(lines, 1)]
    if count > len(ascii_uppercase) or len(size_px) not in (1, count):
        raise ValueError(
            f"{path}: a DLT file does not store the size of its images; give the width and height "
            f"in pixels of each of its {count} cameras, or one for all"
        )
    sizes = list(size_px) if len(size_px) == count else list(size_px) * count
    coefficients = np.array(cells, dtype=np.float64).T
    return Rig(
        tuple(
            _camera(column, size, MM_PER_UNIT[unit], name, f"{path}: column {number}")
            for number, (column, size, name) in enumerate(
                zip(coefficients, sizes, ascii_uppercase, strict=False), 1
            )
        )
    )


def dlt_text(rig: Rig, unit: str) -> str:
    """The file of DLT coefficients of a rig; warns where a distortion is left out."""
    mm_per_unit = MM_PER_UNIT[checked_unit(unit, "the DLT file to be written", "it", UNITS)]
    columns = []
    for camera in rig:
        lens_terms(camera, "a DLT file", 0)
        file_from_pixel = np.array([[1.0, 0, 1], [0, -1, camera.height], [0, 0, 1]])
        P = file_from_pixel @ camera.K.numpy() @ np.asarray(camera.cam_from_world)[:3]
        P[:, :3] *= mm_per_unit
        if abs(P[2, 3]) < 1e-9 * np.abs(P[2, :3]).max():
            raise ValueError(
                f"camera {camera.name!r}: the world's origin lies beside the source, where DLT "
                "coefficients are not defined"
            )
        columns.append((P / P[2, 3]).ravel()[:ROWS])
    return "".join(joined(row) + "\n" for row in np.array(columns).T.tolist())


def _camera(
    coefficients: Float[np.ndarray, "11"],
    size: tuple[int, int],
    mm_per_unit: float,
    name: str,
    where: str,
) -> Camera:
    width, height = size
    P = np.append(coefficients, 1.0).reshape(3, 4)
    P[:, :3] /= mm_per_unit
    P = np.array([[1.0, 0, -1], [0, -1, height], [0, 0, 1]]) @ P
    K, R, scale = _factors(P[:, :3], where)
    if np.linalg.det(R) < 0:
        raise ValueError(
            f"{where}: the image is a reflection of what the source sees (or the world's origin "
            "lies behind the source): flip one image axis, then calibrate again"
        )
    if abs(K[0, 1]) > LARGEST_SKEW * K[0, 0]:
        raise ValueError(f"{where}: the camera has a skew of {K[0, 1]:g} px, must be 0")
    t = np.linalg.solve(K, P[:, 3] / scale)
    K[0, 1] = 0.0
    try:
        return Camera(K, Rigid(R, t), width, height, name=name)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _factors(M: Float[np.ndarray, "3 3"], where: str) -> tuple[np.ndarray, np.ndarray, float]:
    """K, R and the scale with M = scale K R, K upper triangular, positive, with K[2, 2] = 1."""
    scale = float(np.linalg.norm(M[2]))
    if not scale > 0 or abs(np.linalg.det(M / np.abs(M).max())) < 1e-15:
        raise ValueError(f"{where}: not a camera, the projection is not invertible")
    r2, K = M[2] / scale, np.eye(3)
    across = M[1] - (M[1] @ r2) * r2
    r1 = across / np.linalg.norm(across)
    along = M[0] - (M[0] @ r2) * r2 - (M[0] @ r1) * r1
    r0 = along / np.linalg.norm(along)
    K[0] = np.array([M[0] @ r0, M[0] @ r1, M[0] @ r2]) / scale
    K[1, 1:] = np.array([M[1] @ r1, M[1] @ r2]) / scale
    return K, np.stack([r0, r1, r2]), scale
