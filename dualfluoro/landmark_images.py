"""Images and volumes that a landmark model is trained on or applied to."""

from pathlib import Path

import numpy as np

from drr import Volume

from .frames import DICOM

VOLUMES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")


def read_source(path: Path, dim: int) -> np.ndarray | Volume:
    """A grey image (rows first, 0 to 1) where `dim` is 2, a CT where it is 3.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such an image; says what it is.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file")
    if dim == 3:
        return Volume.read(path)
    if path.is_dir() or path.name.lower().endswith(VOLUMES):
        raise ValueError(f"{path}: a volume, but the landmarks are those of 2D images")
    if path.suffix.lower() in DICOM:
        from .dicom_frames import open_dicom

        return open_dicom([path])[1](0)
    from .still_images import read_still

    return read_still(path, 0)
