"""The wrist of ../shared/data: bones as CT volumes, two cameras, frames 0002 and 0099.

The volumes are stacks of masked bone, 0 outside, 12 bits, with no word of spacing or place. Their
spacing is that of the program they come with. `data[i, j, k]` is column, row, slice; as stored the
first slice is the far end (at the hand), and a right-handed affine fits the film.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Real
from PIL import Image

from calibration import Rig, read_mayacam
from drr import Volume, find_field
from registration.radiograph import Radiograph, radiograph

DATA = Path(__file__).parents[2] / "shared/data/wrist"
BONES = {"radius": "rad_dcm_cropped.tif", "ulna": "uln_dcm_cropped.tif"}
FRAMES = ("0002", "0099")
SPACING_MM = (0.39625, 0.39625, 0.625)
STORED_AT_0_HU = 1024
"""Fat marrow in the shaft reads about 920, spongy bone 1300, and 12 bits end at 4095."""


def stack_of(path: Path) -> Real[np.ndarray, "column row slice"]:
    """The pages of a TIFF as one array."""
    with Image.open(path) as image:
        pages = []
        for page in range(getattr(image, "n_frames", 1)):
            image.seek(page)
            pages.append(np.asarray(image))
    return np.stack(pages).transpose(2, 1, 0)


def bone_volume(
    bone: str,
    scale: float = 1.0,
    mirrored: bool = False,
    folder: Path = DATA,
) -> Volume:
    """A bone in HU, its middle at the origin; what is not bone is air.

    `scale` multiplies the spacing, `mirrored` reflects the bone: errors made on purpose.
    """
    stored = stack_of(folder / BONES[bone]).astype(np.int16)
    data_hu = np.where(stored > 0, stored - STORED_AT_0_HU, -1000).astype(np.int16)
    steps = np.array(SPACING_MM) * scale
    if mirrored:
        steps[0] *= -1
    ct_from_voxel = np.diag([*steps, 1.0])
    ct_from_voxel[:3, 3] = -steps * (np.array(stored.shape) - 1) / 2
    return Volume(data_hu, ct_from_voxel)


def wrist_rig(folder: Path = DATA) -> Rig:
    """The two cameras."""
    files = [folder / f"xr_calib_wrist_cam0{number}.txt" for number in (1, 2)]
    return read_mayacam(files, unit="mm", names=["cam01", "cam02"])


def image_of(frame: str, view: str, folder: Path = DATA) -> Float[np.ndarray, "h w"]:
    """Grey values from 0 to 1; the files have been undistorted already."""
    with Image.open(folder / view / f"xr_rad_uln_{view}_UND.{frame}.tif") as image:
        return np.asarray(image.convert("L"), dtype=np.float32) / 255


def wrist_radiographs(frame: str, rig: Rig | None = None) -> tuple[Radiograph, ...]:
    """Both views of a frame, within the fields found in them."""
    rig = wrist_rig() if rig is None else rig
    shots = []
    for camera, view in zip(rig, ("cam01", "cam02"), strict=True):
        image = image_of(frame, view)
        shots.append(radiograph(camera, image, find_field(image, True)[0]))
    return tuple(shots)
