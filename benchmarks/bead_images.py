"""Calibration images with a known truth, drawn without our own camera: NumPy and OpenCV alone.

Beads are absorbing spheres: the chord of every ray through a pixel, three by three rays a pixel.
A distorted image is drawn ray by ray: the pixel's undistorted place is known in closed form.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

SIZE = 1024
BLUR_PX, PHOTONS = 1.0, 500.0
MU_STEEL_PER_MM, MU_ACRYLIC_PER_MM = 0.8, 0.02
PINCUSHION, S_SHAPE_RAD, TURN_RAD = 0.03, 0.02, 0.015  # at the corner radius


@dataclass(frozen=True)
class Truth:
    """Two views and the positions of the object; `seen_px` are projections by OpenCV."""

    K: np.ndarray  # (view, 3, 3)
    cam_from_world: np.ndarray  # (view, 4, 4)
    world_from_object: np.ndarray  # (position, 4, 4)
    points_mm: np.ndarray  # (bead, 3)
    spacing_mm: float
    bead_diameter_mm: float
    hidden: np.ndarray  # (view, position, bead)
    distorted: bool = False
    seed: int = 0
    names: list = field(default_factory=list)

    def cam_from_object(self, view, position):
        return self.cam_from_world[view] @ self.world_from_object[position]

    def projected(self, view, position):
        """Undistorted pixels (bead, 2) of the beads' centres."""
        m = self.cam_from_object(view, position)
        turn = cv2.Rodrigues(m[:3, :3])[0]
        return cv2.projectPoints(self.points_mm, turn, m[:3, 3], self.K[view], None)[0][:, 0]


def random_truth(seed, points_mm=None, positions=3, distorted=False, views=2):
    """A rig and an object in several positions, drawn from a seed."""
    random = np.random.default_rng(seed)
    points = cube_beads(random) if points_mm is None else points_mm
    spacing = 0.3
    angle = np.radians(random.uniform(50, 90))
    K, cams = [], []
    for view in range(views):
        f = random.uniform(1000, 1200) / spacing
        c = (SIZE - 1) / 2 + random.uniform(-40, 40, 2)
        K.append([[f, 0, c[0]], [0, f, c[1]], [0, 0, 1]])
        tilt = _rotation(random.normal(size=3) * 0.08) @ _rotation([0, -angle * view, 0])
        m = np.eye(4)
        m[:3, :3] = tilt
        m[:3, 3] = [*random.uniform(-8, 8, 2), random.uniform(680, 800)]
        cams.append(m)
    moves = [np.eye(4)]
    for _ in range(positions - 1):
        m = np.eye(4)
        axis = random.normal(size=3)
        m[:3, :3] = _rotation(axis / np.linalg.norm(axis) * random.uniform(0.3, 0.9))
        m[:3, 3] = random.uniform(-15, 15, 3)
        moves.append(m)
    hidden = random.random((views, positions, len(points))) < 0.1
    names = [f"b{i}" for i in range(len(points))]
    return Truth(
        np.array(K), np.array(cams), np.array(moves), points, spacing, 2.0, hidden,
        distorted, seed, names,
    )  # fmt: skip


def cube_beads(random, count=30, side_mm=80.0, apart_mm=9.0):
    """Beads on the faces of a cube, drawn at random."""
    found = []
    while len(found) < count:
        point = random.uniform(-side_mm / 2, side_mm / 2, 3)
        point[random.integers(3)] = random.choice([-1, 1]) * side_mm / 2
        if all(np.linalg.norm(point - other) > apart_mm for other in found):
            found.append(point)
    return np.array(found)


def plate_beads(rows=5, columns=5, pitch_mm=20.0):
    """A regular plate of beads about its middle, z = 0."""
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    flat = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=-1) * pitch_mm
    return flat - flat.mean(0)


def undistorted_of(raw):
    """The undistorted place of raw pixels (..., 2): pincushion, an S, a turn about the centre."""
    middle = (SIZE - 1) / 2
    x = (raw - middle) / (SIZE / np.sqrt(2))
    r2 = (x**2).sum(-1, keepdims=True)
    angle = S_SHAPE_RAD * r2[..., 0] + TURN_RAD
    c, s = np.cos(angle), np.sin(angle)
    shrunk = x * (1 - PINCUSHION * r2)
    turned = np.stack(
        [c * shrunk[..., 0] - s * shrunk[..., 1], s * shrunk[..., 0] + c * shrunk[..., 1]], -1
    )
    return turned * (SIZE / np.sqrt(2)) + middle


def raw_of(straight):
    """The raw pixels of undistorted ones, by iteration."""
    raw = np.array(straight, dtype=float)
    for _ in range(50):
        raw -= undistorted_of(raw) - straight
    return raw


def object_image(truth, view, position):
    """A radiograph (SIZE, SIZE) uint16 of the beads in an acrylic block, blurred, with noise."""
    random = np.random.default_rng([truth.seed, view, position])
    pixels = _pixel_places(truth)
    log_left = -_block(truth, view, position, pixels)
    m = truth.cam_from_object(view, position)
    radius = truth.bead_diameter_mm / 2
    centres = truth.points_mm @ m[:3, :3].T + m[:3, 3]
    places = truth.projected(view, position)
    raw = raw_of(places) if truth.distorted else places
    for bead, (centre, (u, v)) in enumerate(zip(centres, raw, strict=True)):
        reach = int(1.3 * radius * truth.K[view][0, 0] / centre[2]) + 3
        low = np.clip(np.array([u, v]).astype(int) - reach, 0, SIZE)
        high = np.clip(np.array([u, v]).astype(int) + reach + 2, 0, SIZE)
        if truth.hidden[view, position, bead] or (high <= low).any():
            continue
        part = np.s_[low[1] : high[1], low[0] : high[0]]
        log_left[part] -= MU_STEEL_PER_MM * _chords(truth, view, centre, radius, low, high)
    beam = 0.9 - 0.15 * (((pixels - SIZE / 2) / SIZE) ** 2).sum(-1)
    return _filmed(beam * np.exp(log_left), random)


def grid_image(truth, view, pitch_mm=10.0):
    """A perforated plate on the detector's face: bright holes on a dark ground."""
    random = np.random.default_rng([truth.seed, view, 99])
    pixels = _pixel_places(truth)
    pitch = pitch_mm / truth.spacing_mm
    turn = 0.01 * (1 + view)
    c, s = np.cos(turn), np.sin(turn)
    place = (pixels - (SIZE - 1) / 2 - [3.3, -5.1]) @ np.array([[c, s], [-s, c]]).T / pitch
    distance = np.linalg.norm(place - np.round(place), axis=-1) * pitch
    hole = 1 / (1 + np.exp((distance - 0.22 * pitch) / 0.4))
    return _filmed(0.15 + 0.7 * hole, random)


def _pixel_places(truth):
    """The undistorted place of every pixel of the image, (row, column, 2)."""
    v, u = np.mgrid[:SIZE, :SIZE].astype(float)
    raw = np.stack([u, v], axis=-1)
    return undistorted_of(raw) if truth.distorted else raw


def _chords(truth, view, centre, radius, low, high):
    """Mean chord (mm) of the rays of each pixel of a window with a sphere."""
    step = (np.arange(3) - 1) / 3
    v, u, dv, du = np.meshgrid(
        np.arange(low[1], high[1]), np.arange(low[0], high[0]), step, step, indexing="ij"
    )
    places = np.stack([u + du, v + dv], axis=-1)
    places = undistorted_of(places) if truth.distorted else places
    K = truth.K[view]
    rays = np.concatenate(
        [(places - K[:2, 2]) / np.diag(K)[:2], np.ones((*places.shape[:-1], 1))], axis=-1
    )
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    along = rays @ centre
    off2 = centre @ centre - along**2
    return (2 * np.sqrt(np.maximum(radius**2 - off2, 0))).mean((2, 3))


def _block(truth, view, position, pixels):
    """Attenuation of an acrylic block about the object: a soft edge among the beads."""
    m = truth.cam_from_object(view, position)
    corners = np.array(np.meshgrid(*[(-1, 1)] * 3)).reshape(3, -1).T
    half = np.abs(truth.points_mm).max(0) + 4
    corners = (corners * half) @ m[:3, :3].T + m[:3, 3]
    K = truth.K[view]
    uv = corners[:, :2] / corners[:, 2:] * np.diag(K)[:2] + K[:2, 2]
    hull = cv2.convexHull((raw_of(uv) if truth.distorted else uv).astype(np.float32))
    mask = cv2.fillConvexPoly(np.zeros((SIZE, SIZE), np.float32), hull.astype(np.int32), 1.0)
    return cv2.GaussianBlur(mask, (0, 0), 6.0).astype(float) * MU_ACRYLIC_PER_MM * 20


def _filmed(image, random):
    """Blur, photons, a gamma curve, 16 bit."""
    blurred = cv2.GaussianBlur(image, (0, 0), BLUR_PX)
    counted = random.poisson(np.maximum(blurred, 0) * PHOTONS) / PHOTONS
    return np.clip(60000 * np.clip(counted, 0, None) ** 0.8, 0, 65535).astype(np.uint16)


def _rotation(vector):
    return cv2.Rodrigues(np.asarray(vector, dtype=float))[0]


def write_calibration(
    truth, folder, grid=False, sid_error=1.0, given=True, references=(), pitch_mm=10.0
):
    """calibration.toml, the object and the images of a truth; `references` are (view, position)."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        f"{x!r},{y!r},{z!r},{name}"
        for (x, y, z), name in zip(truth.points_mm.tolist(), truth.names, strict=True)
    ]
    (folder / "cube.csv").write_text("x,y,z,name\n" + "\n".join(rows) + "\n")
    lines = ['unit = "mm"', "[object]", 'points = "cube.csv"']
    lines += [f"bead_diameter_mm = {truth.bead_diameter_mm}"]
    if grid:
        lines += ["[grid]", f"pitch_mm = {pitch_mm}", 'lattice = "square"']
    for view in range(len(truth.K)):
        name = "ABCD"[view]
        files = [f"{name}_cube_{p + 1}.png" for p in range(len(truth.world_from_object))]
        for p, file in enumerate(files):
            cv2.imwrite(str(folder / file), object_image(truth, view, p))
        lines += [
            "[[view]]",
            f'name = "{name}"',
            "object = [" + ", ".join(f'"{f}"' for f in files) + "]",
        ]
        if grid:
            cv2.imwrite(str(folder / f"{name}_grid.png"), grid_image(truth, view, pitch_mm))
            lines += [f'grid = "{name}_grid.png"']
        if given:
            sid = truth.K[view][0, 0] * truth.spacing_mm * sid_error
            lines += [f"sid_mm = {sid:.1f}", f"pixel_spacing_mm = {truth.spacing_mm}"]
        named = [(p, files[p]) for v, p in references if v == view]
        if named:
            lines += [f'references = "{name}_refs.csv"']
            rows = ["image,name,u,v"]
            for p, file in named:
                raw = truth.projected(view, p)
                raw = raw_of(raw) if truth.distorted else raw
                for bead in (0, 1, len(raw) // 2, len(raw) - 1):
                    rows.append(f"{file},{truth.names[bead]},{raw[bead, 0]:.0f},{raw[bead, 1]:.0f}")
            (folder / f"{name}_refs.csv").write_text("\n".join(rows) + "\n")
    (folder / "calibration.toml").write_text("\n".join(lines) + "\n")
    return folder / "calibration.toml"
