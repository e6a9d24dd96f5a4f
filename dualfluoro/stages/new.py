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
frames = "A/*.png"                # images, multi-page TIFF, AVI/MP4, .cine, DICOM XA/RF
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

# [exposure]                      # all optional; docs/exposure.md has more of each
# reference_distance_mm = 600.0   # source to the reference point
# reference_point = "15 cm from the isocentre towards the source, calibration of 2 March"
# kerma_mGy = { A = 0.02, B = 0.02 }      # per frame at the reference point, a number or a CSV
# kap_Gycm2 = { A = 0.004, B = 0.004 }    # per frame
# kvp = { A = 80.0, B = 80.0 }            # decks and factors of dose need these three
# filtration_al_mm = { A = 3.1, B = 3.1 } # all that counts as aluminium, the tube's own too
# filtration_cu_mm = { A = 0.2, B = 0.2 }
# support_transmission = { A = 0.8 }      # what table or head rest in this beam lets through
# collimation = "auto"            # or polygons: { A = [[10, 10], [500, 10], [500, 500]] }
# structures = "labels.nii.gz"    # a label map of the CT, with the names of its labels
# structure_labels = { lens_left = 1, lens_right = 2, thyroid = 7 }
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
