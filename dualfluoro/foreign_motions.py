"""Motions in the formats of other programs: what moves in each, and the way to our `ct` and back.

track.csv moves the CT, a rigid-body file the frame of a mesh, a .tra the frame of Autoscoper's
volume, and JointTrack poses the frame of a mesh in one camera.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from calibration import Rig, Rigid
from calibration.atomic import whole
from registration import Track, track_of_poses, write_truth
from registration.autoscoper_tra import local_from_ct, read_tra, tra_text
from registration.body_motion import BodyMotion
from registration.jointtrack_jts import jointtrack_poses_text, read_jointtrack_poses
from registration.xmalab_rigid_body import read_rigid_bodies, rigid_bodies_text

from .file_facts import FileFacts
from .motion_exports import (
    EXPORTS,
    NEEDED_TO_EXPORT,
    read_tracks,
    times_of,
    write_export,
)

MOVES = {
    "track": "ct",
    "rigid-bodies": "mesh",
    "tra": "local",
    "jointtrack-poses": "camera",
    "mot": "ct",
    "trc": "ct",
    "c3d": "ct",
}
UNIT = "mm, cm or m of its lengths"
NEEDED_TO_READ = {
    "track": {},
    "rigid-bodies": {"unit": UNIT},
    "tra": {"unit": UNIT},
    "jointtrack-poses": {},
}
AXES = "ras or lps, the axes of the mesh that moves; our CT frame is RAS"
NEEDED_TO_CROSS = {
    "ct": {},
    "mesh": {"axes": AXES},
    "local": {"ct|local_from_ct": "where the volume of the .tra lies in the CT"},
    "camera": {
        "rig": "the rig.json whose world is meant",
        "view": "the camera of these poses",
        "axes": AXES,
    },
}
IN_UNITS = ("rigid-bodies", "tra")
NOT_STORED = {
    "track": "uncertainties, names of bodies",
    "rigid-bodies": "the unit, the axes of the mesh, the frame rate",
    "tra": "the unit, the layout, names, the place of the volume in the CT",
    "jointtrack-poses": "the camera, the axes of the mesh, frame numbers",
    "mot": "uncertainties, gaps, the frames that move, the sequence but as a remark",
    "trc": "uncertainties, the bodies that move, which axis was up",
    "c3d": "uncertainties, the bodies that move, which axis is up",
}
TIMED = ("track", *EXPORTS)


def facts_to_move(read: str, write: str) -> dict[str, str]:
    """The facts that are needed on the way from what one format moves to what the other does."""
    crossing = {}
    if MOVES[read] != MOVES[write]:
        crossing = NEEDED_TO_CROSS[MOVES[read]] | NEEDED_TO_CROSS[MOVES[write]]
    times = {"rate_hz": "frames a second"} if write in TIMED and read != "track" else {}
    return crossing | times | NEEDED_TO_EXPORT.get(write, {})


def read_motion(name: str, sources: Sequence[Path], facts: FileFacts) -> BodyMotion:
    """The motion as the file has it: of the CT, a mesh or a volume in the world or in a camera.

    Tracks are the only ones of which several files may be read: a body each.
    """
    if name == "track":
        return read_tracks(sources)
    path = sources[0]
    if name == "rigid-bodies":
        return read_rigid_bodies(path, facts.unit)
    if name == "tra":
        return read_tra(path, unit=facts.unit, layout=facts.matrix, angles=facts.angles)
    if name == "jointtrack-poses":
        poses = read_jointtrack_poses(path)
    return BodyMotion((path.stem,), np.arange(len(poses.t)), _one_body(poses), (None,))


def moved_otherwise(motion: BodyMotion, read: str, write: str, facts: FileFacts) -> BodyMotion:
    """The same motion of what the other format moves."""
    if MOVES[read] == MOVES[write]:
        return motion
    moving = motion.world_from_body
    if MOVES[read] == "camera":
        moving = _world_from_camera(facts) @ moving
    world_from_ct = moving @ _moved_from_ct(MOVES[read], facts)
    moved = world_from_ct @ _moved_from_ct(MOVES[write], facts).inverse()
    if MOVES[write] == "camera":
        moved = _world_from_camera(facts).inverse() @ moved
    return replace(motion, world_from_body=moved)


def write_motion(name: str, path: Path, motion: BodyMotion, facts: FileFacts) -> None:
    """Write the motion at the path; track.csv and JointTrack poses take the first body alone."""
    unit = facts.out_unit or facts.unit or ""
    if name in EXPORTS:
        write_export(name, path, motion, facts)
        return
    if name == "rigid-bodies":
        text = rigid_bodies_text(motion, unit)
    elif name == "tra":
        text = tra_text(motion, unit)
    elif name == "jointtrack-poses":
        text = jointtrack_poses_text(_every_frame(motion), path.suffix.lower())
    else:
        times_s = times_of(motion, facts)
        write_truth(path, track_of_poses(motion.world_from_body[0], times_s, frame=motion.frame))
        return
    path.write_text(text, encoding="utf-8")


def one_body(motion: BodyMotion, body: str | None) -> BodyMotion:
    """The motion of that body alone, or of the only one; ValueError where there are more."""
    if body is None and len(motion.names) == 1:
        return motion
    if body not in motion.names:
        asked = "" if body is None else f"no body {body!r}; "
        raise ValueError(f"{asked}choose a body with --body: {', '.join(motion.names)}")
    n = motion.names.index(body)
    return replace(
        motion,
        names=(body,),
        world_from_body=motion.world_from_body[n : n + 1],
        filter_hz=(motion.filter_hz[n],),
    )


def rewritten_track(source: Path, target: Path) -> None:
    """A track.csv with all its columns."""
    track = Track.read(source)
    with whole(target) as unfinished:
        track.write(unfinished)


def _one_body(poses: Rigid) -> Rigid:
    return Rigid(poses.R[None], poses.t[None])


def _moved_from_ct(moves: str, facts: FileFacts) -> Rigid:
    """From the CT to what moves: the mesh's frame, or that of Autoscoper's volume."""
    if moves == "ct":
        return Rigid.identity()
    if moves == "local":
        return _local_from_ct(facts)
    signs = [-1.0, -1.0, 1.0] if facts.axes == "lps" else [1.0, 1.0, 1.0]
    return Rigid(np.diag(signs), np.zeros(3))


def _local_from_ct(facts: FileFacts) -> Rigid:
    if facts.local_from_ct is not None:
        from calibration.number_lines import number_cells, text_lines

        path = facts.local_from_ct
        lines = [line for line in text_lines(path, "matrix file") if line]
        if len(lines) != 4:
            raise ValueError(f"{path}: expected 4 rows of 4 numbers, found {len(lines)} rows")
        cells = [
            number_cells(",".join(line.replace(",", " ").split()), 4, f"{path}:{n}")
            for n, line in enumerate(lines, 1)
        ]
        try:
            return Rigid.from_matrix(np.array(cells, dtype=np.float64))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    from drr import Volume

    if facts.ct is None:
        raise ValueError("give --ct or --local-from-ct")
    volume = Volume.read(facts.ct)
    try:
        return local_from_ct(volume.ct_from_voxel, volume.shape)
    except ValueError as error:
        raise ValueError(f"{facts.ct}: {error}") from error


def _world_from_camera(facts: FileFacts) -> Rigid:
    if facts.rig is None or facts.view is None:
        raise ValueError("give --rig and --view")
    return Rig.read(facts.rig)[facts.view].cam_from_world.inverse()


def _every_frame(motion: BodyMotion) -> Rigid:
    """The first body's poses in frames 0, 1, ... to the last; NaN where the motion has no row."""
    frames = motion.frame
    count = int(frames[-1]) + 1 if len(frames) else 0
    R = torch.full((count, 3, 3), torch.nan, dtype=torch.float64)
    t = torch.full((count, 3), torch.nan, dtype=torch.float64)
    R[frames], t[frames] = motion.world_from_body.R[0], motion.world_from_body.t[0]
    return Rigid(R, t)
