"""Every reader of the project with the files that it is attacked by."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import fuzz_seeds as seeds
import numpy as np
from fuzz_binary_readers import binary_readers
from fuzz_film_seeds import png
from fuzz_motion_readers import motion_readers
from fuzz_worker import Reader, Seed

from calibration import Rig, Rigid

CAMERA_KEYS = [{part: f"{part}1" for part in ("K", "D", "R", "t", "width", "height")}]


def readers(data: Path | None) -> list[Reader]:
    """All of them; `data` is a folder of real files, or None."""
    return [
        *_trial_readers(data),
        *_camera_readers(data),
        *motion_readers(data),
        *binary_readers(data),
    ]


def _track_csv() -> list[Seed]:
    from registration import track_of_poses, write_truth

    poses = Rigid.exp(np.random.default_rng(0).normal(size=(6, 6)))
    track = track_of_poses(poses, np.arange(6) / 30)
    return [
        seeds.written("truth.csv", lambda path: write_truth(path, track)),
        seeds.written("track.csv", track.write),
    ]


def _trial_readers(data: Path | None) -> list[Reader]:
    from detector.landmark_files import read_landmarks, write_landmarks
    from detector.landmark_folder import read_landmark_folder
    from dualfluoro.calibration_file import load_calibration
    from dualfluoro.csv_column import read_column
    from dualfluoro.foreign_files import sniffed
    from dualfluoro.frames import open_frames
    from dualfluoro.motion_table import read_motion
    from dualfluoro.trial import load_trial
    from registration import Track

    def trial_seeds() -> list[Seed]:
        return [seeds.text("trial.toml", *seeds.trial())]

    def trial_and_frames(path: Path) -> None:
        views, _ = open_frames(load_trial(path))
        _ = [view[k] for view in views for k in range(len(view))]

    def landmark_seeds() -> list[Seed]:
        points = {"nasion": np.array([0.0, 90, 10]), "porion_left": np.array([-60.5, 0, 0])}
        made = [
            seeds.written(name, lambda path: write_landmarks(path, points))
            for name in ("landmarks.json", "x.mrk.json", "x.fcsv")
        ]
        return made + seeds.real(data, ["markups/*.mrk.json"])

    def folder_seeds() -> list[Seed]:
        rows = "image,landmark,x,y\n" + "".join(
            f"{n}.png,a,{n},2\n{n}.png,b,3,1\n{n}.png,c,1,2\n" for n in range(4)
        )
        return [seeds.text("landmarks.csv", rows, {f"{n}.png": b"" for n in range(4)})]

    def calibration_seeds() -> list[Seed]:
        toml = """unit = "mm"
[object]
points = "cube.csv"
bead_diameter_mm = 2.0
[grid]
pitch_mm = 10.0
lattice = "square"
[[view]]
name = "A"
grid = "g.png"
object = ["a.png", "b.png", "c.png"]
sid_mm = 1100.0
references = "refs.csv"
[[view]]
name = "B"
object = ["a.png", "b.png", "c.png"]
intensity = "attenuation"
grid = "g.png"
"""
        cube = "x,y,z,name\n" + "".join(
            f"{n % 3 * 10},{n // 3 * 10},{n * 7 % 30},b{n}\n" for n in range(9)
        )
        refs = "image,name,u,v\na.png,b1,3,4\nb.png,b2,5,6\n"
        images = {f"{name}.png": png() for name in "abcg"}
        files = {"cube.csv": cube.encode(), "refs.csv": refs.encode(), "calibration.toml": b""}
        files |= {"calibration.toml": toml.encode(), **images}
        return [
            Seed(name, files[name], {n: f for n, f in files.items() if n != name})
            for name in ("calibration.toml", "cube.csv", "refs.csv")
        ]

    def column_seeds() -> list[Seed]:
        return [seeds.text("times.csv", "frame,time_s\n0,0.1\n1,0.2\n2,0.3\n")]

    def motion_seeds() -> list[Seed]:
        from dualfluoro.motion_table import TrackedFrame, write_motion
        from registration import track_of_poses

        track = track_of_poses(Rigid.exp(np.ones((5, 6)) * 0.1), np.arange(5) / 30)
        head = TrackedFrame(track, np.zeros(3), Rigid.identity())
        return [seeds.written("motion.csv", lambda path: write_motion(path, head, {"jaw": head}))]

    def foreign_seeds() -> list[Seed]:
        trc = "PathFileType\t4\t(X/Y/Z)\thead.trc\nDataRate\tCameraRate\n30\t30\n"
        mot = "head\nversion=1\nnRows=2\nnColumns=7\ninDegrees=yes\nendheader\ntime\ta\n0\t1\n"
        c3d = b"\x02\x50" + bytes(510) + b"\x01\x50\x02\x54" + bytes(508)
        real = seeds.real(
            data,
            ["calibration/*/*[0-9].txt", "xromm/*/*.csv", "implants/*/*.jts", "markups/*.json"],
        )
        others = [
            Seed("head.trc", trc.encode()),
            Seed("head.mot", mot.encode()),
            Seed("head.c3d", c3d),
        ]
        return [
            *(seed._replace(refused=True) for seed in others),
            *_track_csv(),
            *_rig_json(),
            *landmark_seeds(),
            *real,
        ]

    return [
        Reader("trial.toml", "text", load_trial, trial_seeds),
        Reader("trial.toml and frames", "text", trial_and_frames, trial_seeds),
        Reader(
            "calibration.toml",
            "text",
            lambda p: load_calibration(p.with_name("calibration.toml")),
            calibration_seeds,
        ),
        Reader("track.csv", "text", Track.read, _track_csv),
        Reader("landmarks", "json", read_landmarks, landmark_seeds),
        Reader("landmark folder", "text", lambda p: read_landmark_folder(p.parent), folder_seeds),
        Reader("column of a csv", "text", lambda p: read_column(p, "time_s", 3), column_seeds),
        Reader("motion.csv", "text", read_motion, motion_seeds),
        Reader("format by content", "text", sniffed, foreign_seeds),
    ]


def _rig_json() -> list[Seed]:
    return [seeds.written("rig.json", seeds.rig().write)]


def _camera_readers(data: Path | None) -> list[Reader]:
    from calibration.anipose_toml import anipose_text, read_anipose
    from calibration.dlt_file import dlt_text, read_dlt
    from calibration.jointtrack_calibration import (
        jointtrack_calibration_text,
        read_jointtrack_calibration,
    )
    from calibration.mayacam import mayacam_text, read_mayacam
    from calibration.mayacam1 import mayacam1_text, read_mayacam1
    from calibration.opencv_yaml import opencv_yaml_text, read_opencv_yaml
    from calibration.rtk_geometry import centred_image, read_rtk, rtk_text
    from calibration.xreg_hdf5 import read_xreg, write_xreg

    plain = Rig(tuple(_without_map(camera) for camera in seeds.rig()))
    one = Rig(plain.cameras[:1])
    at_source = Rig((_at_source(one.cameras[0]),))
    image = centred_image(one.cameras[0], (0.4, 0.4))

    def of(name: str, text: str, *patterns: str) -> list[Seed]:
        return [seeds.text(name, text), *seeds.real(data, patterns)]

    return [
        Reader("rig.json", "json", Rig.read, _rig_json),
        Reader(
            "MayaCam 2.0",
            "text",
            partial(read_mayacam, unit="mm"),
            lambda: of(
                "a.txt", mayacam_text(one.cameras[0], "mm"), "calibration/mayacam*/*[0-9].txt"
            ),
        ),
        Reader(
            "MayaCam 1.0",
            "text",
            partial(read_mayacam1, unit="mm"),
            lambda: of("a.csv", mayacam1_text(one.cameras[0], "mm")),
        ),
        Reader(
            "DLT",
            "text",
            lambda p: read_dlt(p, unit="mm", size_px=[(64, 64)]),
            lambda: of("a.csv", dlt_text(one, "mm")),
        ),
        Reader(
            "OpenCV YAML",
            "text",
            lambda p: read_opencv_yaml(p, unit="mm", keys=CAMERA_KEYS),
            lambda: of("a.yaml", opencv_yaml_text(one, "mm")),
        ),
        Reader(
            "anipose",
            "text",
            partial(read_anipose, unit="mm"),
            lambda: of("a.toml", anipose_text(plain, "mm")),
        ),
        Reader(
            "JointTrack calibration",
            "text",
            lambda p: read_jointtrack_calibration(p, (64, 64)),
            lambda: of("a.txt", jointtrack_calibration_text(at_source)),
        ),
        Reader(
            "RTK", "text", lambda p: read_rtk(p, image, "mm"), lambda: of("a.xml", rtk_text(one))
        ),
        Reader(
            "xReg",
            "binary",
            read_xreg,
            lambda: [seeds.written("a.h5", lambda path: write_xreg(path, plain))],
        ),
    ]


def _without_map(camera):
    return replace(camera, distortion=None)


def _at_source(camera):
    return replace(camera, cam_from_world=Rigid.identity())
