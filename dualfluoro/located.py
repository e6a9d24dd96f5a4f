"""What `dualfluoro locate` finds, and its CSV."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from calibration import Rig
from calibration.atomic import whole
from drr import Volume

from .frames import natural_key
from .landmark_images import VOLUMES, read_source
from .options import Common
from .progress import counted

COLUMNS = "image,landmark,u_px,v_px,sd_px,in_field,x_mm,y_mm,z_mm,sd_mm".split(",")
STRANGE = 3.0
"""Root mean square residual, in deviations, beyond which the landmarks are not those of a head."""
OFF_CROSSING_SD_MM = 60.0
"""How far along the beam heads stand from where the beams cross."""
NEAREST_MM = 200.0
SHOWN = 24
"""Images of which the picture is kept, for the sheet."""


@dataclass(frozen=True, eq=False)
class Located:
    """The landmarks of one image or volume; what is not known is None."""

    name: str
    names: tuple[str, ...]
    uv_px: Float[np.ndarray, "landmark 2"] | None
    sd_px: Float[np.ndarray, "landmark"] | None
    in_field: Bool[np.ndarray, "landmark"]
    xyz_mm: Float[np.ndarray, "landmark 3"] | None
    """In `ct` for volumes, in `cam` for radiographs."""
    sd_mm: Float[np.ndarray, "landmark"] | None
    recognised: bool
    source: np.ndarray | Volume | None
    """The image itself, of the first SHOWN."""


def locate_with_model(images: list[Path], path: Path, common: Common) -> list[Located]:
    """The landmarks of all images or volumes by the model of a file."""
    from detector.landmark_model import LandmarkModel

    model = LandmarkModel.read(path, common.torch_device())
    found = []
    for file, source in _sources(images, model.card.dim, common):
        try:
            at = model(source)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
        flat = model.card.dim == 2
        found.append(
            Located(
                name=file.name,
                names=at.names,
                uv_px=at.world if flat else None,
                sd_px=at.sd if flat else None,
                in_field=at.in_field,
                xyz_mm=None if flat else at.world,
                sd_mm=None if flat else at.sd,
                recognised=at.recognised,
                source=source if len(found) < SHOWN else None,
            )
        )
    return found


def locate_in_cts(volumes: list[Path], common: Common) -> list[Located]:
    """The 55 landmarks of the head in CTs, by the released model.

    Raises:
        ValueError: there is no head in one of them; its file is named.
    """
    from detector.ct_landmarks import find_ct_landmarks

    found = []
    for file, volume in _sources(volumes, 3, common):
        assert isinstance(volume, Volume)
        try:
            at = find_ct_landmarks(volume)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
        source = volume if len(found) < SHOWN else None
        places = (at.in_ct, at.xyz_ct, at.sd_mm, True, source)
        found.append(Located(file.name, at.names, None, None, *places))
    return found


def locate_with_head(
    images: list[Path],
    rig: Path | None,
    view: str | None,
    common: Common,
    *,
    transmission: bool = True,
    distorted: bool = False,
    facing: Literal["toward", "away", "unknown"] = "unknown",
) -> list[Located]:
    """The 55 landmarks of the head in radiographs, with places in `cam` where a rig is given.

    Args:
        transmission: brighter means more x-rays; False where brighter means more attenuation.
        distorted: the images are as they were recorded; the rig's map takes the distortion out.
        facing: whether the face looks toward the source.
    """
    from calibration.undistort import trial_maps, undistorted_image
    from detector.head_fit import USUAL_DEPTH_MM
    from detector.head_model import read_head_model

    camera, depth_mm = None, USUAL_DEPTH_MM
    if rig is not None and view is not None:
        of_views = Rig.read(rig)
        camera, depth_mm = of_views[view], _usual_depth_mm(of_views, view)
    maps = None
    if distorted:
        if camera is None or camera.distortion is None:
            raise ValueError("--distorted takes --rig and --view of a camera with a distortion map")
        maps = trial_maps(camera).at(0.0)
    model = read_head_model(common.torch_device())
    found = []
    for file, image in _sources(images, 2, common):
        assert isinstance(image, np.ndarray)
        seen = image if maps is None else undistorted_image(image, maps)
        try:
            options = {"transmission": transmission, "depth_mm": depth_mm, "facing": facing}
            at = model(seen, camera, **options)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
        found.append(
            Located(
                name=file.name,
                names=at.names,
                uv_px=at.uv_px,
                sd_px=at.sd_px,
                in_field=at.in_field,
                xyz_mm=at.xyz_cam,
                sd_mm=at.sd_mm,
                recognised=at.fit.surprise < STRANGE,
                source=seen if len(found) < SHOWN else None,
            )
        )
    return found


def _usual_depth_mm(rig: Rig, view: str) -> tuple[float, float]:
    """Where heads stand in a view, mm and deviation: where the beams cross, if they do."""
    from detector.head_fit import USUAL_DEPTH_MM
    from drr.labelled_radiograph import beams_cross_world

    try:
        crossing = beams_cross_world(rig)
    except ValueError:
        return USUAL_DEPTH_MM
    depth_mm = float(rig[view].depth(crossing))
    return (depth_mm, OFF_CROSSING_SD_MM) if depth_mm > NEAREST_MM else USUAL_DEPTH_MM


def write_located(path: Path, located: list[Located]) -> None:
    """A row an image and landmark; cells that are not known are empty."""
    with whole(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for item in located:
            for n, name in enumerate(item.names):
                flat = _cells(item.uv_px, item.sd_px, n, 2)
                solid = _cells(item.xyz_mm, item.sd_mm, n, 3)
                writer.writerow([item.name, name, *flat, int(item.in_field[n]), *solid])


def _cells(places: np.ndarray | None, sd: np.ndarray | None, n: int, count: int) -> list[str]:
    if places is None or sd is None:
        return [""] * (count + 1)
    return [*(f"{value:.3f}" for value in places[n]), f"{sd[n]:.3f}"]


def _sources(
    images: list[Path], dim: int, common: Common
) -> Iterator[tuple[Path, np.ndarray | Volume]]:
    files = [file for path in images for file in _files(path, dim)]
    with counted("looking", len(files), common) as progress:
        for n, file in enumerate(files):
            yield file, read_source(file, dim)
            progress(n + 1)


def _files(path: Path, dim: int) -> list[Path]:
    """A folder's images; the path itself where it is a file, or one DICOM series."""
    if not path.is_dir():
        return [path]
    inside = sorted((file for file in path.iterdir() if _may_be(file, dim)), key=natural_key)
    if not inside and dim == 3:
        return [path]
    if not inside:
        raise FileNotFoundError(f"{path}: there are no images in this folder")
    return inside


def _may_be(file: Path, dim: int) -> bool:
    if file.name.startswith(".") or not file.is_file():
        return False
    if dim == 3:
        return file.name.lower().endswith(VOLUMES)
    return file.suffix.lower() in STILLS


STILLS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".ima"}
