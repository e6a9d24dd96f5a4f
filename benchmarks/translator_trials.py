"""Trials whose look was made by other means than training's, to judge translators on.

    python benchmarks/translator_trials.py project CT.nii.gz CACHE [--frames 96] [--seed 0]
    python benchmarks/translator_trials.py look CACHE OUT --look physics|film|video|plain [--seed 0]

`project` stores ITK-RTK's line integrals of a head in motion at 256 x 256 (make_trial.py's scene).
`look` makes a trial of them; nothing of `drr` is used. The looks:

physics  other physics: a beam of two energies, scatter 0.8 to 1.3 of the primary, 15 % lag, and a
         logarithmic display
film     the same with film's S curve, unsharp masking and 8 bits, as a digitised film
plain    the primary beam alone, for comparison
video    a camera on an intensifier: vignetting, CLAHE, a low gamma, correlated grain, JPEG
"""

import argparse
import json
from pathlib import Path

import cv2
import make_trial
import numpy as np
from scipy.spatial.transform import Rotation

SIZE = 256
make_trial.SIZE = SIZE
make_trial.PIXELS_A_FIELD = SIZE / 1.02
LOOKS = ("physics", "film", "video", "plain")


def project(ct: Path, cache: Path, frames: int, seed: int) -> None:
    """Line integrals, rig and true poses of a head in motion; goes on where it stopped."""
    rng = np.random.default_rng([seed, 88])
    attenuation, centroid_ras = make_trial.read_head(ct)
    cameras, world_from_room = make_trial.make_rig(rng, 60.0, 300.0)
    euler_deg, shift_mm = make_trial.motion("walking", frames, rng)
    cache.mkdir(parents=True, exist_ok=True)
    rows = ["frame,time_s,status,x_mm,y_mm,z_mm,qw,qx,qy,qz"]
    for frame in range(frames):
        room_from_ct = np.eye(4)
        turn = Rotation.from_euler("ZXY", euler_deg[frame], degrees=True)
        room_from_ct[:3, :3] = turn.as_matrix()
        room_from_ct[:3, 3] = shift_mm[frame] - turn.apply(centroid_ras)
        world_from_ct = world_from_room @ room_from_ct
        q = np.roll(Rotation.from_matrix(world_from_ct[:3, :3]).as_quat(), 1)
        numbers = ",".join(f"{x:.9f}" for x in [*world_from_ct[:3, 3], *q])
        rows.append(f"{frame},{frame / 30:.6f},ok,{numbers}")
        for camera in cameras:
            path = cache / f"{camera['name']}_{frame:04d}.npy"
            if not path.exists():
                images = make_trial.project(attenuation, camera, world_from_ct)
                np.save(path, images.astype(np.float16))
    rig = {"format": "dualfluoro-rig", "version": 1, "unit": "mm", "cameras": cameras}
    (cache / "rig.json").write_text(json.dumps(rig, indent=1))
    (cache / "truth.csv").write_text("\n".join(rows) + "\n")
    (cache / "ct.txt").write_text(str(ct.resolve()))


def signal_of(line_integrals: np.ndarray, look: dict, rng: np.random.Generator) -> np.ndarray:
    """What falls on the detector, over the open beam: hardening, scatter, blur, quanta."""
    hard = look["hard"]
    primary = 0.5 * np.exp(-line_integrals * (1 + hard)) + 0.5 * np.exp(
        -line_integrals * (1 - hard)
    )
    scatter = cv2.GaussianBlur(primary * line_integrals, (0, 0), 26)
    scatter *= look["spr"] / float(np.median((scatter / primary)[line_integrals > 1]))
    blurred = cv2.GaussianBlur(primary + scatter, (0, 0), look["blur_px"])
    return rng.poisson(blurred * look["photons"]) / look["photons"]


def physics(signal: np.ndarray, look: dict, rng: np.random.Generator) -> np.ndarray:
    log = np.log1p(60 * np.clip(signal / np.quantile(signal, 0.97), 0, 1.1)) / np.log(61)
    return log ** look["gamma"] * 0.85 + 0.03


def film(signal: np.ndarray, look: dict, rng: np.random.Generator) -> np.ndarray:
    """Film's curve on log exposure, unsharp masking, 8 bits, grain."""
    exposure = np.log10(np.maximum(signal / np.median(signal), 1e-3))
    curve = 1 / (1 + np.exp(-look["contrast"] * exposure))
    curve += 0.8 * (curve - cv2.GaussianBlur(curve, (0, 0), 4))
    grain = cv2.GaussianBlur(rng.standard_normal(curve.shape), (0, 0), 0.7)
    return np.round(np.clip(curve + 0.02 * grain, 0, 1) * 255) / 255


def video(signal: np.ndarray, look: dict, rng: np.random.Generator) -> np.ndarray:
    """Vignetting, a low gamma, local equalisation, grain along the lines, JPEG."""
    rows, columns = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    shown = np.clip(signal / np.quantile(signal, 0.98), 0, 1) ** look["gamma"]
    shown = shown * (1 - 0.4 * (rows**2 + columns**2) / (SIZE / 2) ** 2 / 2)
    grain = cv2.GaussianBlur(rng.standard_normal(shown.shape), (0, 0), sigmaX=1.5, sigmaY=0.4)
    shown = np.round(np.clip(shown + 0.015 * grain, 0, 1) * 255).astype(np.uint8)
    shown = cv2.createCLAHE(clipLimit=3.0, tileGridSize=(6, 6)).apply(shown)
    _, code = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 45])
    return cv2.imdecode(code, cv2.IMREAD_GRAYSCALE).astype(np.float64) / 255


def drawn_look(name: str, seed: int, view: int) -> tuple[dict, np.random.Generator]:
    """The look of one view, and the generator of its noise."""
    rng = np.random.default_rng([seed, LOOKS.index(name), view])
    look = {
        "hard": rng.uniform(0.4, 0.55),
        "spr": rng.uniform(0.8, 1.3),
        "blur_px": rng.uniform(0.8, 1.3),
        "photons": rng.uniform(8e3, 3e4),
        "gamma": rng.uniform(1.0, 1.5) if name == "physics" else rng.uniform(0.3, 0.45),
        "contrast": rng.uniform(2.5, 3.5),
        "centre": (SIZE - 1) / 2 + rng.uniform(-3, 3, 2),
    }
    return look, rng


def look_image(name: str, signal: np.ndarray, look: dict, rng: np.random.Generator) -> np.ndarray:
    """What the machine shows of a signal, without the field."""
    if name == "plain":
        return signal
    return {"physics": physics, "film": film, "video": video}[name](signal, look, rng)


def make_look(cache: Path, out: Path, name: str, seed: int) -> None:
    """A trial of the stored line integrals in one look, drawn for each view."""
    rig = json.loads((cache / "rig.json").read_text())
    rows, columns = np.mgrid[:SIZE, :SIZE]
    for number, camera in enumerate(rig["cameras"]):
        look, rng = drawn_look(name, seed, number)
        radius = np.hypot(columns - look["centre"][0], rows - look["centre"][1])
        field = np.clip((SIZE / 2.04 - 2 - radius) / 2 + 0.5, 0, 1)
        folder, last = out / camera["name"], None
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(cache.glob(f"{camera['name']}_*.npy")):
            line_integrals = np.load(path).astype(np.float64)
            if name == "plain":
                signal, last = np.exp(-line_integrals / 4), None
            else:
                signal = signal_of(line_integrals, look, rng)
            last = signal if last is None else 0.85 * signal + 0.15 * last
            image = look_image(name, last, look, rng) * field
            if name != "plain":
                image += 0.01 + 0.002 * rng.standard_normal(field.shape)
            file = folder / f"{path.stem.split('_')[1]}.png"
            bits = {"film": 8, "plain": 16}.get(name, 12)
            cv2.imwrite(str(file), make_trial.stored(image, bits))
    for kept in ("rig.json", "truth.csv"):
        (out / kept).write_text((cache / kept).read_text())
    (out / "trial.toml").write_text(
        f'[subject]\nct = "{(cache / "ct.txt").read_text()}"\n\n[rig]\nfile = "rig.json"\n\n'
        '[[view]]\nname = "A"\nframes = "A/*.png"\n\n[[view]]\nname = "B"\nframes = "B/*.png"\n\n'
        "[time]\nrate_hz = 30.0\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("project")
    one.add_argument("ct", type=Path)
    one.add_argument("cache", type=Path)
    one.add_argument("--frames", type=int, default=96)
    two = commands.add_parser("look")
    two.add_argument("cache", type=Path)
    two.add_argument("out", type=Path)
    two.add_argument("--look", choices=LOOKS, required=True)
    for command in (one, two):
        command.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.command == "project":
        project(args.ct, args.cache, args.frames, args.seed)
    else:
        make_look(args.cache, args.out, args.look, args.seed)


if __name__ == "__main__":
    main()
