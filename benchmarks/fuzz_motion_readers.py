"""Readers of motions and points of other programs, with the files that they are attacked by."""

from functools import partial
from pathlib import Path

import fuzz_seeds as seeds
import numpy as np
from fuzz_worker import Reader, Seed

from calibration import Rigid


def motion_readers(data: Path | None) -> list[Reader]:
    from dualfluoro.file_facts import FileFacts
    from dualfluoro.foreign_points import read_pixels
    from registration.autoscoper_cfg import read_cfg
    from registration.autoscoper_tra import read_tra, tra_text
    from registration.body_motion import BodyMotion
    from registration.jointtrack_jts import jointtrack_poses_text, read_jointtrack_poses
    from registration.xmalab_points2d import MarkerPixels, points2d_text, read_points2d
    from registration.xmalab_points3d import PointTracks, points3d_text, read_points3d
    from registration.xmalab_rigid_body import read_rigid_bodies, rigid_bodies_text

    frames = np.arange(6)
    poses = Rigid.exp(np.random.default_rng(1).normal(size=(1, 6, 6)))
    motion = BodyMotion(("skull",), frames, poses, (None,))
    uv = np.random.default_rng(2).uniform(0, 64, (2, 6, 3, 2))
    markers = MarkerPixels(("a", "b", "c"), (1, 2), uv)
    points = PointTracks(("a", "b"), frames, uv[..., :2, [0, 1, 0]][0], (None, None))
    cfg = (
        "Version 1.1\nmayaCam_csv a.txt\nmayaCam_csv b.txt\nCameraRootDir A\nCameraRootDir B\n"
        "VolumeFile v.tif\nVolumeFlip 0 0 0\nVoxelSize 0.4 0.4 0.6\n"
    )
    detections = "frame,view,landmark,u_px,v_px,sd_px,in_field\n" + "".join(
        f"{n},{v},{m},1.5,2.5,0.4,1\n" for n in range(4) for v in "AB" for m in "xy"
    )
    flat = poses[0] if hasattr(poses, "__getitem__") else Rigid(poses.R[0], poses.t[0])

    def of(name: str, text: str, *patterns: str) -> list[Seed]:
        return [seeds.text(name, text), *seeds.real(data, patterns)]

    return [
        Reader(
            "rigid bodies",
            "text",
            partial(read_rigid_bodies, unit="mm"),
            lambda: of(
                "a.csv",
                rigid_bodies_text(motion, "mm"),
                "xromm/blender_sample/*.csv",
                "xromm/xromm_tools/rbt.csv",
            ),
        ),
        Reader(
            ".tra",
            "text",
            partial(read_tra, unit="mm"),
            lambda: of("a.tra", tra_text(motion, "mm")),
        ),
        Reader(
            "JointTrack poses",
            "text",
            read_jointtrack_poses,
            lambda: of("a.jts", jointtrack_poses_text(flat, ".jts"), "implants/*/*.jts"),
        ),
        Reader(
            "2D points",
            "text",
            lambda p: read_points2d(p, one_based=False, y_up=False, height_px=[64, 64]),
            lambda: of("a.csv", points2d_text(markers), "xromm/dlctools/*.csv"),
        ),
        Reader(
            "3D points",
            "text",
            partial(read_points3d, unit="mm"),
            lambda: of("a.csv", points3d_text(points, "mm"), "xromm/xromm_tools/3dpts.csv"),
        ),
        Reader(
            "detections.csv",
            "text",
            lambda p: read_pixels("detections", p, FileFacts(), []),
            lambda: of("detections.csv", detections),
        ),
        Reader("Autoscoper .cfg", "text", read_cfg, lambda: of("a.cfg", cfg)),
    ]
