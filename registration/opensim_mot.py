"""Coordinates of OpenSim (.mot): three rotations and three translations of each body.

OpenSim's axes are x forward, y up, z to the right. The coordinates are those of a CustomJoint with
the rotations about z (flexion), x (bending) and y (rotation), each of the body as turned by those
before, R = Rz(flexion) Rx(bending) Ry(rotation), degrees, and the place of the child's origin
along the parent's x, y and z, m. They are the angles of `joint_angles.py`, whose axes are x to the
right, y to the front, z up; they lock where a head lies on its side, wherever it faces.
"""

import re
import warnings
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from calibration import Rigid

from .joint_angles import grood_suntay_deg

COORDINATES = ("flexion", "bending", "rotation", "tx", "ty", "tz")
OPENSIM_FROM_RAS = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
"""Of a body's axes: ours are x right, y front, z up."""
Y_UP_FROM = {
    "x": [[0.0, -1, 0], [1, 0, 0], [0, 0, 1]],
    "-x": [[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]],
    "y": [[1.0, 0, 0], [0, 1, 0], [0, 0, 1]],
    "-y": [[1.0, 0, 0], [0, -1, 0], [0, 0, -1]],
    "z": [[1.0, 0, 0], [0, 0, 1], [0, -1, 0]],
    "-z": [[1.0, 0, 0], [0, 0, -1], [0, 1, 0]],
}
"""The rotation into a world with y up, by the axis that points up in ours."""


def mot_text(
    title: str,
    joints: Sequence[str],
    time_s: Float[np.ndarray, "frame"],
    parent_from_child: Rigid,
) -> str:
    """The file of joints (joint, frame), between frames with OpenSim's axes.

    A frame in which one is unknown is left out: the parser of OpenSim knows no gaps, and runs
    through them; a warning says how many there are. Rotations are unwrapped, so that none leaps by
    360 degrees.

    Raises:
        ValueError: no frame is known in all joints, or a name holds blanks.
    """
    for name in joints:
        if not re.fullmatch(r"[^\s=]+", name):
            raise ValueError(f"a coordinate of OpenSim has a name without blanks, found {name!r}")
    to_opensim = Rigid(OPENSIM_FROM_RAS, np.zeros(3))
    angles_deg = grood_suntay_deg(to_opensim.inverse() @ parent_from_child @ to_opensim)
    values = np.concatenate([angles_deg, parent_from_child.t.numpy() / 1000], axis=-1)
    known = np.isfinite(values).all((0, 2)) & np.isfinite(time_s)
    if not known.any():
        raise ValueError("no frame has a pose of all bodies, and a .mot knows no gaps")
    if lost := int(np.count_nonzero(~known)):
        warnings.warn(
            f"{lost} of {len(known)} frames lack a pose, or have locked angles; they are left out "
            "of the .mot, and OpenSim will run a line through the gap",
            stacklevel=2,
        )
    values = values[:, known]
    values[..., :3] = np.unwrap(values[..., :3], period=360, axis=1)
    columns = [f"{joint}_{name}" for joint in joints for name in COORDINATES]
    lines = [
        title,
        "version=1",
        f"nRows={known.sum()}",
        f"nColumns={1 + len(columns)}",
        "inDegrees=yes",
        "Rotations are body-fixed: flexion about z, bending about x, rotation about y. Metres.",
        "endheader",
        "\t".join(["time", *columns]),
    ]
    for time, row in zip(time_s[known], np.swapaxes(values, 0, 1), strict=True):
        lines.append("\t".join([f"{time:.6f}", *(f"{value:.9f}" for value in row.ravel())]))
    return "\n".join(lines) + "\n"
