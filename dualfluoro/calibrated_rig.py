"""From a solved calibration to the cameras of rig.json."""

from collections.abc import Sequence

from calibration import Camera, Rigid
from calibration.left_out import matrix_of
from calibration.solve_rig import SolvedRig

from .calibration_file import CalibrationFile
from .calibration_images import ReadView


def calibrated_cameras(
    calibration: CalibrationFile, reads: Sequence[ReadView], solved: SolvedRig
) -> tuple[Camera, ...]:
    """The views as cameras; the pixel spacing is that of the grid, else given, else by sid_mm."""
    state, cameras = solved.bundle.state, []
    for v, (read, files) in enumerate(zip(reads, calibration.views, strict=True)):
        height, width = read.images[0].shape
        spacing_mm = read.pixel_spacing_mm
        if spacing_mm is None and files.sid_mm is not None:
            spacing_mm = files.sid_mm / float(state.focal_px[v].mean())
        distortion = read.camera.distortion
        if state.lens[v].any():
            distortion = {"model": "opencv", "coefficients": state.lens[v].tolist()}
        cameras.append(
            Camera(
                matrix_of(state, v),
                Rigid(state.R_view[v], state.t_view[v]),
                width,
                height,
                name=files.name,
                pixel_spacing_mm=spacing_mm,
                distortion=distortion,
            )
        )
    return tuple(cameras)
