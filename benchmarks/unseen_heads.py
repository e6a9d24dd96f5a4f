"""The model of any head on heads it never saw: ITK-RTK's projections, looks of other means.

    python benchmarks/unseen_heads.py OUT [--frames 5000] [--heads 50] [--first-head 2000000]

Digital heads of seeds never trained on, undeformed, from directions all around, each frame with a
field of its own (round, rectangular, both; 70 to 300 mm wide), a magnification of its own, and one
of translator_trials.py's looks. `--real` takes the two real heads of hand_landmarks.py in their
place. The field is found in the image. OUT.csv gets a row a frame and
goes on where it stopped; OUT.png shows the errors against the visible share of the skull.

One radiograph hardly tells whether the face looks toward the source: `--facing given` says it, as
the room does in practice, `unknown` leaves it open.

Errors are mm at the head; `at_distance` are those in 3D once the head's distance is the true one.
"""

import argparse
import csv
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import itk
import make_trial
import numpy as np
import translator_trials
from hand_landmarks import HAND
from scipy.spatial.transform import Rotation

from calibration import Camera
from detector.head_model import read_head_model
from drr import LANDMARK_NAMES, digital_head

SIZE, SPACING_MM = 256, 2.0
COLUMNS = (
    "head,frame,look,field_mm,visible,facing,part,count,mean_mm,within_10,xyz_within_10,"
    "at_distance_within_10,within_1_sd,within_2_sd,at_distance_mean_mm,lens_mm,lens_at_distance_mm"
).split(",")
make_trial.SIZE = translator_trials.SIZE = SIZE


class Scene:
    """A head for RTK, and those of its landmarks that are known (ct, RAS, mm)."""

    def __init__(self, attenuation, landmarks: dict):
        self.attenuation = attenuation
        self.of = [n for n, name in enumerate(LANDMARK_NAMES) if name in landmarks]
        self.points = np.array([landmarks[LANDMARK_NAMES[n]] for n in self.of], np.float64)

    @staticmethod
    def digital(seed: int) -> "Scene":
        volume, landmarks = digital_head(seed, SPACING_MM)
        mu = 0.02 * np.maximum(0, 1 + np.asarray(volume.data_hu, np.float32) / 1000)
        low = volume.ct_from_voxel[:3, 3]
        high = low + SPACING_MM * (np.array(mu.shape) - 1)
        turned = mu[::-1, ::-1].transpose(2, 1, 0)  # RTK's axes are LPS
        attenuation = itk.image_from_array(np.ascontiguousarray(turned))
        attenuation.SetSpacing([SPACING_MM] * 3)
        attenuation.SetOrigin([float(-high[0]), float(-high[1]), float(low[2])])
        return Scene(attenuation, landmarks)

    @staticmethod
    def real(ct: Path) -> "Scene":
        attenuation, _ = make_trial.read_head(ct)
        return Scene(attenuation, HAND[ct.name.split(".")[0]])

    def project(self, K: np.ndarray, cam_from_ct: np.ndarray) -> np.ndarray:
        """Line integrals, SIZE x SIZE."""
        pixel_mm = make_trial.SID_MM / float(K[0, 0])
        camera = {"K": K.tolist(), "cam_from_world": cam_from_ct, "pixel_spacing_mm": pixel_mm}
        return make_trial.project(self.attenuation, camera, np.eye(4)).astype(np.float64)


def drawn_view(scene: Scene, rng: np.random.Generator):
    """K, cam_from_ct, the field's mask and its width in mm at the head."""
    azimuth, tilt = rng.uniform(-180, 180), np.clip(rng.normal(0, 15), -40, 40)
    roll = np.clip(rng.normal(0, 12), -40, 40)
    upright = np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]])
    R = Rotation.from_euler("z", roll, degrees=True).as_matrix() @ upright
    R = R @ Rotation.from_euler("xz", [tilt, azimuth], degrees=True).as_matrix()
    depth, width_mm = rng.uniform(560, 950), rng.uniform(150, 300)
    f = depth * SIZE / width_mm
    K = np.array([[f, 0, SIZE / 2 - 0.5], [0, f, SIZE / 2 - 0.5], [0, 0, 1]])
    pose = np.eye(4)
    pose[:3, :3] = R
    pose[:3, 3] = [*rng.normal(0, 0.15 * width_mm, 2), depth] - R @ scene.points.mean(0)
    rows, columns = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    size = rng.uniform(0.45, 1.0) * SIZE / 2
    off = rng.uniform(-0.7, 0.7, 2) * (SIZE / 2 - size)
    x, y = columns - off[0], rows - off[1]
    kind = rng.choice(["round", "blades", "both"])
    mask = np.ones((SIZE, SIZE))
    if kind != "blades":
        mask *= np.clip(size - np.hypot(x, y), 0, 1)
    if kind != "round":
        a, b = rng.uniform(0.55, 0.95, 2) * size
        mask *= np.clip(a - np.abs(x), 0, 1) * np.clip(b - np.abs(y), 0, 1)
    return K, pose, mask, 2 * size * width_mm / SIZE


def shown(line_integrals: np.ndarray, mask: np.ndarray, rng: np.random.Generator):
    """A look's name and the image that it makes, the field's outside dark."""
    name = str(rng.choice(["physics", "film", "video"]))
    look, noise = translator_trials.drawn_look(name, int(rng.integers(1 << 30)), 0)
    signal = translator_trials.signal_of(line_integrals, look, noise)
    beam = mask > 0.5
    signal = np.where(beam, signal, np.median(signal[beam]))  # exposure is set for the field
    image = translator_trials.look_image(name, signal, look, noise) * mask
    image = image + 0.01 + 0.003 * rng.standard_normal(mask.shape)
    bits = 255 if name == "film" else 4095
    return name, (np.clip(image, 0, 1) * bits).round().astype(np.float32) / bits


def frame_rows(model, scene: Scene, name: str, number: int, seed: int, given: bool) -> list[list]:
    rng = np.random.default_rng((seed, number))
    K, pose, mask, field_mm = drawn_view(scene, rng)
    look, image = shown(scene.project(K, pose), mask, rng)
    true = scene.points @ pose[:3, :3].T + pose[:3, 3]
    uv = true[:, :2] / true[:, 2:] * K[0, 0] + K[:2, 2]
    toward, camera = -pose[2, 1], Camera(K, np.eye(4), SIZE, SIZE)
    said = ("toward" if toward > 0 else "away") if given else "unknown"
    at = model(image, camera, facing=said)
    found = at.xyz_cam[scene.of]
    flat = np.linalg.norm(at.uv_px[scene.of] - uv, axis=1) * true[:, 2] / K[0, 0]
    off_sd = np.abs(at.uv_px[scene.of] - uv) / at.sd_px[scene.of, None]
    solid = np.linalg.norm(found - true, axis=1)
    nearer = true[:, 2].mean() / found[:, 2].mean()
    shape = np.linalg.norm(found * nearer - true, axis=1)
    u, v = np.rint(np.clip(uv, 0, SIZE - 1)).astype(int).T
    inside = (uv > -0.5).all(1) & (uv < SIZE - 0.5).all(1) & (mask[v, u] > 0.5)
    lens = np.array([LANDMARK_NAMES[n].startswith("lens") for n in scene.of])
    lenses = [f"{x[lens].mean():.2f}" if lens.any() else "nan" for x in (solid, shape)]
    facing = abs(toward) < 0.12 or (at.facing == "toward") == (toward > 0)
    first = [name, number, look, f"{field_mm:.0f}", f"{inside.mean():.3f}", int(facing)]
    rows = []
    for part, of in (("in", inside), ("out", ~inside)):
        if of.any():
            near = [f"{(x[of] < 10).mean():.4f}" for x in (flat, solid, shape)]
            near += [f"{(off_sd[of] < n).mean():.4f}" for n in (1, 2)]
            means = [f"{x[of].mean():.2f}" for x in (flat, shape)]
            rows.append([*first, part, int(of.sum()), means[0], *near, means[1], *lenses])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--heads", type=int, default=50)
    parser.add_argument("--first-head", type=int, default=2_000_000)
    parser.add_argument("--real", type=Path, nargs="*", default=[], help="CTs of hand_landmarks.py")
    parser.add_argument("--facing", choices=["given", "unknown"], default="given")
    args = parser.parse_args()
    table = args.out.with_suffix(".csv")
    if not table.exists():
        table.write_text(",".join(COLUMNS) + "\n")
    done = {row["head"] for row in csv.DictReader(table.open())}
    seeds = range(args.first_head, args.first_head + args.heads)
    scenes = {str(seed): partial(Scene.digital, seed) for seed in seeds}
    if args.real:
        scenes = {ct.name.split(".")[0]: partial(Scene.real, ct) for ct in args.real}
    given = args.facing == "given"
    model, each = read_head_model(), -(-args.frames // len(scenes))
    for place, (name, make) in enumerate(scenes.items()):
        if name in done:
            continue
        scene = make()
        seed = args.first_head + place
        rows = [row for n in range(each) for row in frame_rows(model, scene, name, n, seed, given)]
        with table.open("a", newline="") as file:
            csv.writer(file).writerows(rows)
        print(f"head {name}", flush=True)
    report(table, args.out.with_suffix(".png"))


def report(table: Path, picture: Path) -> None:
    """Shares over landmarks, and the curve."""
    rows = list(csv.DictReader(table.open()))
    count = column(rows, "count")
    inside = np.array([row["part"] == "in" for row in rows])
    measures = ("within_10", "xyz_within_10", "at_distance_within_10", "mean_mm")
    measures += ("within_1_sd", "within_2_sd")
    for words, of in (("all", count > 0), ("in field", inside), ("out of field", ~inside)):
        said = [f"{m} {np.average(column(rows, m)[of], weights=count[of]):.4f}" for m in measures]
        print(f"{words}, {int(count[of].sum())} landmarks: {', '.join(said)}")
    first = list({(row["head"], row["frame"]): row for row in rows}.values())
    lens, shape = (np.median(column(first, f"lens_{x}mm")) for x in ("", "at_distance_"))
    print(
        f"{len(first)} frames; facing right {column(first, 'facing').mean():.3f}; lens, median mm "
        f"in 3D {lens:.1f}, at the true distance {shape:.1f}"
    )
    curve(rows, count, inside, picture)


def column(rows: list[dict], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows])


def curve(rows: list[dict], count: np.ndarray, inside: np.ndarray, picture: Path) -> None:
    """Shares within 10 mm against the visible share of the landmarks."""
    canvas = np.full((420, 640, 3), 255, np.uint8)
    lines = (
        ("2D in field", "within_10", inside, (180, 80, 0)),
        ("2D out of field", "within_10", ~inside, (0, 110, 230)),
        ("3D at the true distance", "at_distance_within_10", count > 0, (80, 150, 0)),
    )
    visible, grey = column(rows, "visible"), (60, 60, 60)
    for tick in np.linspace(0.5, 1, 6):
        cv2.line(canvas, place(0, tick), place(1, tick), (225, 225, 225), 1)
        cv2.putText(canvas, f"{tick:.1f}", (18, place(0, tick)[1] + 5), 0, 0.45, grey, 1)
    for n, (words, name, of, colour) in enumerate(lines):
        points = []
        for low, high in pairwise(np.linspace(0, 1, 9)):
            chosen = of & (visible >= low) & (visible <= high)
            if count[chosen].sum() > 50:
                mean = np.average(column(rows, name)[chosen], weights=count[chosen])
                points.append(place((low + high) / 2, max(mean, 0.5)))
        cv2.polylines(canvas, [np.array(points, np.int32)], False, colour, 2, cv2.LINE_AA)
        cv2.putText(canvas, words, (80, 300 + 22 * n), 0, 0.5, colour, 1, cv2.LINE_AA)
    words = "visible share of the 55 landmarks; y: share within 10 mm"
    cv2.putText(canvas, words, (90, 405), 0, 0.5, grey, 1, cv2.LINE_AA)
    cv2.imwrite(str(picture), canvas)


def place(x: float, share: float) -> tuple[int, int]:
    """A pixel of the curve's canvas, whose y runs from 0.5 to 1."""
    return int(60 + 540 * x), int(370 - 320 * (share - 0.5) * 2)


if __name__ == "__main__":
    main()
