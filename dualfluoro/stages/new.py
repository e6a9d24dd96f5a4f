"""`dualfluoro new`: a commented trial.toml to fill in."""

from pathlib import Path

from ..options import DEFAULTS, Common

TEMPLATE = """\
# A dualfluoro trial. Paths are relative to this file; a line with # in front is optional.

[subject]
ct = "ct.nii.gz"                  # NIfTI, NRRD, MetaImage, or a folder with one DICOM series; HU
# landmarks = "landmarks.json"    # named points of the skull; Slicer .mrk.json and .fcsv too
# skin_threshold_hu = -300
# cranium_labels = "labels.nii.gz"   # what is rigid, in place of the automatic mask
# cranium_label_values = [1]         # which of its labels; all but 0 without it

[rig]
file = "rig.json"
# mayacam = ["cam1.txt", "cam2.txt"]   # in place of `file`: one a view, in the views' order,
# unit = "mm"                          # and their unit, "mm" or "cm"

[[view]]
name = "A"                        # a camera of the rig
frames = "A/*.png"                # images, a multi-page TIFF, an AVI/MP4, or a DICOM XA/RF file
# intensity = "transmission"      # brighter = more x-rays; "attenuation" is the inverse
# distorted = false               # true: the rig's distortion map is applied first

[[view]]
name = "B"
frames = "B/*.png"

[time]
rate_hz = 30.0                    # or: times = "times.csv" with a column time_s; DICOM has its own

# [[body]]                        # a second bone to track, such as the jaw: track_mandible.csv
# name = "mandible"
# labels = "labels.nii.gz"        # where it is in the subject's CT; or: ct = ... and init = ...
# label_values = [2]

# [models]
# folder = "models"               # may be shared by many trials of one subject

# [exposure]
# reference_distance_mm = 600.0   # source to the reference point
# kerma_mGy = { A = 0.02, B = 0.02 }   # per frame at the reference point, a number or a CSV
# collimation = "auto"            # or polygons: { A = [[10, 10], [500, 10], [500, 500]] }
"""


def new(folder: Path, /, *, common: Common = DEFAULTS) -> Path:
    """Make a folder with a commented trial.toml.

    Parameters
    ----------
    folder
        The trial's folder; made if it is not there yet.
    """
    from calibration.atomic import write_text

    target = Path(folder) / "trial.toml"
    if target.exists():
        raise ValueError(f"{target} is there already; take another folder, or edit it")
    write_text(target, TEMPLATE)
    common.say(f"wrote {target}; fill it in, then: dualfluoro prepare {folder}")
    return target
