"""Rigs in the formats of other programs: which facts each needs, and its reader and writer."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from calibration import Camera, Rig

from .file_facts import FileFacts
from .foreign_files import sniffed

MAYACAM_UNIT = "mm or cm, that of the calibration object (XROMM practice is cm)"
UNIT = "mm, cm or m of its lengths, those of the calibration object"
SIZE = "width and height of the images in pixels"
NEEDED_TO_READ = {
    "rig": {},
    "mayacam2": {"unit": MAYACAM_UNIT},
    "mayacam1": {"unit": MAYACAM_UNIT},
    "dlt": {"unit": MAYACAM_UNIT, "size": SIZE},
    "opencv-yaml": {"unit": UNIT, "keys": "which entry is K, D, R, t, size"},
    "anipose": {"unit": UNIT + "; anipose writes mm, Pose2Sim m"},
    "jointtrack-calibration": {"size": SIZE},
    "xreg": {},
    "rtk": {
        "unit": UNIT,
        "size": SIZE,
        "spacing_mm": "size of a pixel along x and y, in the projection images' header",
        "origin_mm": "where the first pixel lies, in the projection images' header",
    },
    "autoscoper-cfg": {"unit": MAYACAM_UNIT},
}
IN_UNITS = ("mayacam2", "mayacam1", "dlt", "opencv-yaml", "anipose")
WITH_SPACING = ("jointtrack-calibration", "xreg", "rtk")
ONE_CAMERA_A_FILE = ("mayacam2", "mayacam1")
NOT_STORED = {
    "rig": "",
    "mayacam2": "the unit, names, pixel spacing",
    "mayacam1": "the unit, names, pixel spacing, a second focal length, distortion",
    "dlt": "the unit, names, image size, pixel spacing, distortion",
    "opencv-yaml": "the unit, names, pixel spacing, which entry is which",
    "anipose": "the unit, pixel spacing",
    "jointtrack-calibration": "names, image size, the world, distortion",
    "xreg": "names, distortion, images",
    "rtk": "the unit, names, distortion, the images' header",
}


def read_rig(name: str, paths: Sequence[Path], facts: FileFacts) -> Rig:
    """The rig of one file, or of one file a camera; ValueError where there are more files."""
    from calibration.anipose_toml import read_anipose
    from calibration.dlt_file import read_dlt
    from calibration.jointtrack_calibration import read_jointtrack_calibration
    from calibration.mayacam import read_mayacam
    from calibration.mayacam1 import read_mayacam1
    from calibration.opencv_yaml import read_opencv_yaml
    from calibration.rtk_geometry import read_rtk
    from calibration.xreg_hdf5 import read_xreg

    if len(paths) > 1 and name not in ONE_CAMERA_A_FILE:
        raise ValueError(f"{paths[1]}: a rig of the format {name} is one file, not {len(paths)}")
    path, unit = paths[0], facts.unit
    match name:
        case "mayacam2":
            return read_mayacam(paths, unit)
        case "mayacam1":
            return read_mayacam1(paths, unit)
        case "dlt":
            return read_dlt(path, unit=unit, size_px=facts.size)
        case "opencv-yaml":
            return read_opencv_yaml(path, unit=unit, keys=[parts_of(text) for text in facts.keys])
        case "anipose":
            return read_anipose(path, unit)
        case "jointtrack-calibration":
            return read_jointtrack_calibration(path, _one_size(facts))
        case "xreg":
            return read_xreg(path)
        case "rtk":
            return read_rtk(path, _detector_image(facts), unit)
        case "autoscoper-cfg":
            return _rig_of_cfg(path, facts)
    return Rig.read(path)


def write_rig(name: str, path: Path, rig: Rig, facts: FileFacts) -> None:
    """Write the rig at the path; ValueError where the format cannot hold it."""
    from calibration.anipose_toml import anipose_text
    from calibration.dlt_file import dlt_text
    from calibration.jointtrack_calibration import jointtrack_calibration_text
    from calibration.mayacam import mayacam_text
    from calibration.mayacam1 import mayacam1_text
    from calibration.opencv_yaml import opencv_yaml_text
    from calibration.rtk_geometry import rtk_text
    from calibration.xreg_hdf5 import write_xreg

    if facts.spacing_mm is not None and name in ("jointtrack-calibration", "xreg"):
        rig = _with_spacing(rig, facts.spacing_mm)
    unit = facts.out_unit or facts.unit or ""
    match name:
        case "rig":
            rig.write(path)
            return
        case "xreg":
            write_xreg(path, rig)
            return
        case "mayacam2":
            text = mayacam_text(rig.cameras[0], unit)
        case "mayacam1":
            text = mayacam1_text(rig.cameras[0], unit)
        case "dlt":
            text = dlt_text(rig, unit)
        case "opencv-yaml":
            text = opencv_yaml_text(rig, unit)
        case "anipose":
            text = anipose_text(rig, unit)
        case "jointtrack-calibration":
            text = jointtrack_calibration_text(rig)
        case _:
            text = rtk_text(rig, facts.spacing_mm)
    path.write_text(text, encoding="utf-8")


def parts_of(text: str) -> dict[str, str]:
    """The entries named by a text such as "K=M1 D=D1 size=image_size"; ValueError on another."""
    pairs = [word.split("=", 1) for word in text.replace(",", " ").split()]
    if not pairs or any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise ValueError(f'--keys {text!r}: expected for example "K=M1 D=D1 size=image_size"')
    return dict(pairs)


def one_camera(rig: Rig, view: str | None) -> Rig:
    """The rig with that camera alone, or as it is."""
    return rig if view is None else Rig((rig[view],))


def _with_spacing(rig: Rig, spacing_mm: tuple[float, float]) -> Rig:
    if spacing_mm[0] != spacing_mm[1]:
        raise ValueError(
            f"--spacing-mm {spacing_mm}: this format has square pixels, give one twice"
        )

    def spaced(camera: Camera) -> Camera:
        return replace(camera, pixel_spacing_mm=spacing_mm[0])

    return Rig(tuple(map(spaced, rig)))


def _one_size(facts: FileFacts) -> tuple[int, int]:
    if len(facts.size) != 1:
        raise ValueError(f"--size is needed once for this format, found {len(facts.size)}")
    return facts.size[0]


def _detector_image(facts: FileFacts):
    from calibration.rtk_geometry import DetectorImage

    width, height = _one_size(facts)
    if facts.origin_mm is None or facts.spacing_mm is None:
        return None
    return DetectorImage(facts.origin_mm, facts.spacing_mm, width, height)


def _rig_of_cfg(path: Path, facts: FileFacts) -> Rig:
    """The rig of the MayaCam files that an Autoscoper trial names."""
    from registration.autoscoper_cfg import read_cfg

    files = read_cfg(path).mayacam
    names = {sniffed(file) for file in files}
    if len(names) != 1 or not names <= set(ONE_CAMERA_A_FILE):
        raise ValueError(f"{path}: its mayaCam_csv must all be MayaCam 2.0 or 1.0, found {names}")
    return read_rig(names.pop(), files, facts)
