"""CT files to a `Volume`: NIfTI, NRRD, MetaImage, or a folder with one DICOM series.

Everything comes out in RAS+ mm and HU on perpendicular axes, int16 where the numbers allow it. What
lies below -1024 HU (padding outside the scan circle) is set to -1024. No header but the geometry is
kept; what was changed, left out or is odd stands in the volume's notes.
"""

import math
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import cast

import nibabel
import numpy as np
import SimpleITK as sitk
from jaxtyping import Float
from nibabel.arrayproxy import ArrayProxy

from .gantry_tilt import upright
from .hounsfield import checked_hu, hounsfield
from .itk_header import check_itk_header
from .volume import Volume, moved

NIFTI = (".nii", ".nii.gz")
ITK = (".nrrd", ".nhdr", ".mha", ".mhd")
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
MM_PER_UNIT = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
FORMS_APART_MM = 0.1
LARGEST_VOXELS = 2**31
SPACING_RANGE_MM = (0.01, 25.0)


def read_volume(path: str | PathLike[str]) -> Volume:
    """The CT at a path; FileNotFoundError where there is none, ValueError where it is not a CT."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"CT not found: {path}")
    try:
        volume = read_stored(path)
        _check_spacing(volume)
        data_hu, notes = checked_hu(volume.data_hu)
        return upright(Volume(data_hu, volume.ct_from_voxel, (*volume.notes, *notes)))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_stored(path: Path) -> Volume:
    """What a file holds and where, scaled as its header says, whatever the numbers mean."""
    name = path.name.lower()
    if path.is_dir():
        from .volume_dicom import read_dicom_series

        return read_dicom_series(path)
    if name.endswith(NIFTI):
        return _read_nifti(path)
    if name.endswith(ITK):
        return _read_itk(path)
    supported = ", ".join((*NIFTI, *ITK))
    raise ValueError(
        f"unsupported CT file {path.suffix!r}: expected {supported}, or a folder of DICOM slices"
    )


def _read_nifti(path: Path) -> Volume:
    try:
        image = nibabel.Nifti1Image.from_filename(path)
        _check_count(image.shape)
        stored = cast(ArrayProxy, image.dataobj)
        raw = np.asanyarray(stored.get_unscaled())
        ct_from_voxel = _nifti_affine(image)
    except ValueError:
        raise
    except Exception as error:  # whatever broken bytes make nibabel stumble over
        raise ValueError(f"cannot be read, truncated or not NIfTI ({error})") from error
    while raw.ndim > 3 and raw.shape[-1] == 1:
        raw = raw[..., 0]
    return Volume(hounsfield(raw, float(stored.slope), float(stored.inter)), ct_from_voxel)


def _nifti_affine(image: nibabel.Nifti1Image) -> Float[np.ndarray, "4 4"]:
    """The sform where its code is positive, else the qform, in mm."""
    header = image.header
    sform_code, qform_code = int(header["sform_code"]), int(header["qform_code"])
    if sform_code <= 0 and qform_code <= 0:
        raise ValueError("neither sform nor qform is set (both codes are 0): where the CT lies is "
                         "unknown; save it again with an orientation")  # fmt: skip
    unit = MM_PER_UNIT[str(image.header.get_xyzt_units()[0])]
    to_mm = np.diag([unit, unit, unit, 1.0])
    sform, qform = np.asarray(header.get_sform()), np.asarray(header.get_qform())
    if sform_code > 0 and qform_code > 0:
        last = np.array(image.shape[:3]) - 1
        corners = np.indices((2, 2, 2)).reshape(3, 8).T * last
        apart = moved(to_mm @ sform, corners) - moved(to_mm @ qform, corners)
        apart_mm = np.linalg.norm(apart, axis=1).max()
        if not apart_mm <= FORMS_APART_MM:
            raise ValueError(
                f"sform and qform disagree by {apart_mm:.2f} mm at a corner of the volume, at most "
                f"{FORMS_APART_MM} mm is allowed: sform {sform.tolist()}, qform {qform.tolist()}"
            )
    return to_mm @ (sform if sform_code > 0 else qform)


def _read_itk(path: Path) -> Volume:
    check_itk_header(path)
    try:
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        _check_count(reader.GetSize())
        image = reader.Execute()
    except RuntimeError as error:
        raise ValueError("cannot be read, truncated or not an image") from error
    if path.suffix.lower() in (".nrrd", ".nhdr") and not image.HasMetaDataKey("NRRD_space"):
        raise ValueError("the NRRD header has no 'space' (such as left-posterior-superior): which "
                         "way its axes point is unknown; save it again with one")  # fmt: skip
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise ValueError(f"a CT has one value per voxel, found "
                         f"{image.GetNumberOfComponentsPerPixel()}")  # fmt: skip
    raw = sitk.GetArrayFromImage(image).transpose()  # (k, j, i) to (i, j, k)
    if raw.ndim != 3:
        raise ValueError(f"a CT volume has 3 axes, found shape {raw.shape}")
    lps_from_voxel = np.eye(4)
    lps_from_voxel[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    lps_from_voxel[:3, 3] = image.GetOrigin()
    return Volume(hounsfield(raw, 1.0, 0.0), RAS_FROM_LPS @ lps_from_voxel)


def _check_count(shape: Sequence[int]) -> None:
    """ValueError where a header promises more than any CT holds; reading it would fill memory."""
    count = math.prod(int(n) for n in shape)
    if not 0 < count <= LARGEST_VOXELS:
        raise ValueError(f"not a CT: the header says {' x '.join(map(str, shape))} voxels")


def _check_spacing(volume: Volume) -> None:
    low, high = SPACING_RANGE_MM
    spacing_mm = volume.spacing_mm
    if spacing_mm.min() < low or spacing_mm.max() > high:
        raise ValueError(
            f"voxel size {spacing_mm.round(6).tolist()} mm is not that of a CT, expected {low} to "
            f"{high} mm: is the unit of the file right?"
        )
