"""`dualfluoro calibrate`: the rig from images of a calibration object, and a page that shows it."""

from pathlib import Path

from ..options import DEFAULTS, Common


def calibrate(calibration: Path, /, *, out: Path | None = None, common: Common = DEFAULTS) -> Path:
    """Write rig.json and calibration.html from the images that a calibration.toml names.

    Parameters
    ----------
    calibration
        A calibration.toml.
    out
        The rig file; rig.json beside the calibration.toml if left out. calibration.html goes to
        the same folder.
    """
    from ..calibration_file import load_calibration

    found = load_calibration(calibration)
    target = found.path.parent / "rig.json" if out is None else Path(out)
    if target.is_dir():
        raise ValueError(f"{target}: is a folder; --out names the rig file, such as rig.json")
    from calibration.atomic import write_text
    from calibration.left_out import left_out_beads
    from calibration.rig_file import write_cameras
    from calibration.rig_uncertainty import rig_uncertainty, uncertainty_entry
    from calibration.solve_rig import solved_rig

    from ..calibrated_rig import calibrated_cameras
    from ..calibration_images import read_view
    from ..calibration_report import calibration_page
    from ..progress import counted

    reads = []
    with counted("views", len(found.views), common) as progress:
        for view in found.views:
            reads.append(read_view(view, found))
            progress(len(reads))
    solved = solved_rig(
        [read.view for read in reads], found.bead_object, found.bead_diameter_mm, found.lens_terms
    )
    names = tuple(view.name for view in found.views)
    uncertainty = rig_uncertainty(solved.bundle, solved.bead_object, solved.seen, names)
    left_out = left_out_beads(solved.bundle, solved.bead_object, solved.seen, common.seed)
    cameras = calibrated_cameras(found, reads, solved)
    page = calibration_page(found, reads, solved, cameras, uncertainty, left_out)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_cameras(target, cameras, uncertainty_entry(uncertainty))
    write_text(target.parent / "calibration.html", page)
    for note in solved.notes:
        common.say(f"note: {note}")
    common.say(_result(solved, left_out))
    common.say(f"wrote {target} and calibration.html")
    return target


def _result(solved, left_out) -> str:
    """The figures to judge by, in one line."""
    import numpy as np

    inlier = solved.bundle.inlier
    text = (
        f"{inlier.sum()} beads in {sum(len(v.images) for v in solved.views)} images, "
        f"{(~inlier).sum()} outliers; reprojection {solved.bundle.rms_px:.3f} px RMS"
    )
    if len(left_out.bead):
        text += f"; left-out beads {np.median(left_out.distance_mm):.3f} mm (median)"
    return text
