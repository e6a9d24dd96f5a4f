"""Make a trial from a head CT with a projector that is not ours: ITK-RTK's Joseph filter.

    python benchmarks/make_trial.py CT.nii.gz OUT [--frames 24] [--seed 0] [--facing-deg 0]
                                    [--motion walking|neck|collimated] [--lag 0.05] [--bits 12]
                                    [--field-mm 300]

Nothing of `dualfluoro` is imported: geometry is NumPy and SciPy, projection is RTK, files are
SimpleITK and OpenCV. Two views 60 deg apart, SID 1100 mm, SOD 750 mm, a round field on 512 x 512
pixels (300 mm wide at the detector; 228.6 mm is an intensifier's 9-inch mode), the world turned at
random.
"""

import argparse
import json
from pathlib import Path

import cv2
import itk
import numpy as np
import SimpleITK as sitk
from itk import RTK as rtk
from scipy import ndimage
from scipy.spatial.transform import Rotation

SIZE = 512
SID_MM, SOD_MM = 1100.0, 750.0
PIXELS_A_FIELD = SIZE / 1.02
LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0])


def read_head(path: Path) -> tuple[itk.Image, np.ndarray]:
    """The head as attenuation per mm in LPS, couch removed, and the bone's centroid (RAS, mm)."""
    image = sitk.DICOMOrient(sitk.ReadImage(str(path)), "LPS")
    hu = sitk.GetArrayFromImage(image).astype(np.float32)  # (k, j, i)
    spacing = np.array(image.GetSpacing())
    tissue = ndimage.binary_opening(hu > -350, iterations=max(2, round(6 / spacing[0])))
    labels, count = ndimage.label(tissue)
    head = labels == 1 + np.argmax(ndimage.sum(tissue, labels, range(1, count + 1)))
    grown = ndimage.binary_dilation(head, iterations=max(3, round(8 / spacing[0])))
    hu[~grown] = -1000
    k, j, i = np.nonzero(hu > 300)
    centroid_lps = np.array(image.GetOrigin()) + spacing * np.array([i.mean(), j.mean(), k.mean()])
    attenuation = itk.image_from_array(0.02 * np.maximum(0, 1 + hu / 1000))
    attenuation.SetSpacing([float(s) for s in spacing])
    attenuation.SetOrigin([float(o) for o in image.GetOrigin()])
    return attenuation, LPS_FROM_RAS @ centroid_lps


def make_rig(
    rng: np.random.Generator, angle_deg: float, field_mm: float
) -> tuple[list[dict], np.ndarray]:
    """Two cameras whose axes nearly meet; `world` is turned and moved at random."""
    world_from_room = np.eye(4)
    world_from_room[:3, :3] = Rotation.random(random_state=int(rng.integers(2**31))).as_matrix()
    world_from_room[:3, 3] = rng.uniform(-80, 80, 3)
    cameras = []
    for name, side in (("A", -1), ("B", 1)):
        azimuth = np.radians(side * angle_deg / 2 + rng.uniform(-2, 2))
        forward = np.array([-np.sin(azimuth), -np.cos(azimuth), rng.uniform(-0.05, 0.05)])
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0, 0, 1.0])
        right /= np.linalg.norm(right)
        R = np.stack([right, np.cross(forward, right), forward])  # rows: x right, y down, z forward
        source = -SOD_MM * forward + rng.uniform(-4, 4, 3)
        cam_from_room = np.eye(4)
        cam_from_room[:3, :3], cam_from_room[:3, 3] = R, -R @ source
        centre = (SIZE - 1) / 2 + rng.uniform(-8, 8, 2)
        pixel_mm = field_mm / PIXELS_A_FIELD
        f = SID_MM / pixel_mm
        cameras.append(
            {
                "name": name,
                "width": SIZE,
                "height": SIZE,
                "K": [[f, 0, centre[0]], [0, f, centre[1]], [0, 0, 1]],
                "cam_from_world": (cam_from_room @ np.linalg.inv(world_from_room)).tolist(),
                "pixel_spacing_mm": pixel_mm,
                "distortion": None,
            }
        )
    return cameras, world_from_room


def motion(name: str, frames: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Smooth yaw, pitch, roll (deg) and shift (mm) of the head in the room, a row a frame."""
    s = np.linspace(0, 2 * np.pi, frames, endpoint=False)[:, None]
    if name == "neck":
        angles, shift = np.array([60.0, 12, 10]), np.array([45.0, 35, 25])
    else:
        angles, shift = np.array([20.0, 9, 6]), np.array([18.0, 14, 12])
    phase = rng.uniform(0, 2 * np.pi, (2, 3))
    euler = angles * (0.8 * np.sin(s + phase[0]) + 0.2 * np.sin(2 * s + phase[1]))
    return euler, shift * np.sin(s + rng.uniform(0, 2 * np.pi, 3))


def project(attenuation: itk.Image, camera: dict, world_from_ct: np.ndarray) -> np.ndarray:
    """Line integrals of one view by RTK's Joseph filter, with the CT as RTK's world."""
    ct_from_cam = np.linalg.inv(np.array(camera["cam_from_world"]) @ world_from_ct)
    R, source = LPS_FROM_RAS @ ct_from_cam[:3, :3], LPS_FROM_RAS @ ct_from_cam[:3, 3]
    detector = source + SID_MM * R[:, 2]
    geometry = rtk.ThreeDCircularProjectionGeometry.New()
    row, column = (itk.Vector[itk.D, 3](axis.tolist()) for axis in (R[:, 0], R[:, 1]))
    if not geometry.AddProjection(source.tolist(), detector.tolist(), row, column):
        raise ValueError("RTK refused the geometry")
    kind = itk.Image[itk.F, 3]
    detector_image = rtk.ConstantImageSource[kind].New()
    cx, cy, pixel_mm = camera["K"][0][2], camera["K"][1][2], camera["pixel_spacing_mm"]
    detector_image.SetOrigin([-cx * pixel_mm, -cy * pixel_mm, 0.0])
    detector_image.SetSpacing([pixel_mm, pixel_mm, 1.0])
    detector_image.SetSize([SIZE, SIZE, 1])
    projector = rtk.JosephForwardProjectionImageFilter[kind, kind].New()
    projector.SetInput(0, detector_image.GetOutput())
    projector.SetInput(1, attenuation)
    projector.SetGeometry(geometry)
    projector.Update()
    return itk.array_from_image(projector.GetOutput())[0].copy()


def blades(frame: int, frames: int, look: dict) -> np.ndarray:
    """Share of the beam that passes two pairs of moving blades, 45 to 75 % of the field wide."""
    phase = look["blade_phase"] + 2 * np.pi * frame / frames
    rows, columns = np.mgrid[:SIZE, :SIZE]
    passed = np.ones((SIZE, SIZE))
    for place, at in enumerate((columns, rows)):
        half = look["radius_px"] * (0.6 + 0.15 * np.sin(phase[place]))
        centre = look["centre"][place] + 0.25 * look["radius_px"] * np.sin(phase[2 + place])
        passed *= np.clip((half - abs(at - centre)) / 3 + 0.5, 0, 1)
    return passed


def film(
    line_integrals: np.ndarray, passed: np.ndarray, rng: np.random.Generator, look: dict
) -> np.ndarray:
    """A radiograph in [0, 1]: scatter, blur, quanta, gamma, a round field; nothing of `drr`."""
    primary = np.exp(-line_integrals * look["hardness"]) * passed
    scatter = cv2.GaussianBlur(primary * line_integrals, (0, 0), 60)  # interactions, spread wide
    ratio = np.median((scatter / primary)[(line_integrals > 1) & (passed > 0.9)])
    blurred = cv2.GaussianBlur(primary + look["spr"] / ratio * scatter, (0, 0), look["blur_px"])
    signal = rng.poisson(blurred * look["photons"]) / look["photons"]
    rows, columns = np.mgrid[:SIZE, :SIZE]
    radius = np.hypot(rows - look["centre"][1], columns - look["centre"][0])
    field = np.clip((look["radius_px"] - radius) / 3 + 0.5, 0, 1)
    vignette = 1 - 0.15 * (radius / look["radius_px"]) ** 2
    signal = signal / np.quantile(signal[(field > 0.9) & (passed > 0.9)], 0.98)
    image = (0.9 * np.clip(signal * vignette, 0, 1.1) ** look["gamma"]) * field
    return image + 0.02 + rng.normal(0, 0.003, image.shape)


def stored(image: np.ndarray, bits: int) -> np.ndarray:
    """Grey values of so many bits, in the highest bits of a 16-bit image."""
    steps = 2**bits - 1
    return np.round(np.round(np.clip(image, 0, 1) * steps) * (65535 / steps)).astype(np.uint16)


def draw_look(rng: np.random.Generator) -> dict:
    """The look of one view."""
    return {
        "hardness": rng.uniform(0.85, 1.05),
        "spr": rng.uniform(0.4, 1.0),  # median scatter-to-primary ratio in the head's shadow
        "blur_px": rng.uniform(0.8, 1.4),
        "photons": rng.uniform(800, 3000),
        "gamma": rng.uniform(0.45, 0.7),
        "centre": (SIZE - 1) / 2 + rng.uniform(-5, 5, 2),
        "radius_px": PIXELS_A_FIELD / 2 - 3,
        "blade_phase": rng.uniform(0, 2 * np.pi, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ct", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--angle-deg", type=float, default=60.0)
    parser.add_argument(
        "--facing-deg", type=float, default=0.0, help="0: towards the middle of the sources"
    )
    parser.add_argument("--motion", choices=["walking", "neck", "collimated"], default="walking")
    parser.add_argument("--lag", type=float, default=0.0, help="share of a frame left in the next")
    parser.add_argument("--field-mm", type=float, default=300.0, help="width at the detector")
    parser.add_argument("--bits", type=int, default=16, choices=[8, 12, 16])
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    attenuation, centroid_ras = read_head(args.ct)
    cameras, world_from_room = make_rig(rng, args.angle_deg, args.field_mm)
    euler_deg, shift_mm = motion(args.motion, args.frames, rng)
    looks = {camera["name"]: draw_look(rng) for camera in cameras}
    args.out.mkdir(parents=True, exist_ok=True)
    last: dict[str, np.ndarray] = {}
    rows = ["frame,time_s,status,x_mm,y_mm,z_mm,qw,qx,qy,qz"]
    for frame in range(args.frames):
        turn = Rotation.from_euler("ZXY", euler_deg[frame] + [args.facing_deg, 0, 0], degrees=True)
        room_from_ct = np.eye(4)
        room_from_ct[:3, :3] = turn.as_matrix()
        room_from_ct[:3, 3] = shift_mm[frame] - turn.apply(centroid_ras)
        world_from_ct = world_from_room @ room_from_ct
        q = np.roll(Rotation.from_matrix(world_from_ct[:3, :3]).as_quat(), 1)
        numbers = ",".join(f"{x:.9f}" for x in [*world_from_ct[:3, 3], *q])
        rows.append(f"{frame},{frame / 30:.6f},ok,{numbers}")
        for camera in cameras:
            look = looks[camera["name"]]
            passed = np.ones((SIZE, SIZE))
            if args.motion == "collimated":
                passed = blades(frame, args.frames, look)
            image = film(project(attenuation, camera, world_from_ct), passed, rng, look)
            image = last[camera["name"]] = image + args.lag * (
                last.get(camera["name"], image) - image
            )
            folder = args.out / camera["name"]
            folder.mkdir(exist_ok=True)
            cv2.imwrite(str(folder / f"{frame:04d}.png"), stored(image, args.bits))
    (args.out / "truth.csv").write_text("\n".join(rows) + "\n")
    rig = {"format": "dualfluoro-rig", "version": 1, "unit": "mm", "cameras": cameras}
    (args.out / "rig.json").write_text(json.dumps(rig, indent=1))
    (args.out / "trial.toml").write_text(
        f'[subject]\nct = "{args.ct.resolve()}"\n\n[rig]\nfile = "rig.json"\n\n'
        '[[view]]\nname = "A"\nframes = "A/*.png"\n\n[[view]]\nname = "B"\nframes = "B/*.png"\n\n'
        "[time]\nrate_hz = 30.0\n\n[exposure]\nreference_distance_mm = 600.0\n"
    )


if __name__ == "__main__":
    main()
