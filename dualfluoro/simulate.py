"""A trial that never was: two fluoroscopes, a walking person's head, and films of its own look.

Nothing here uses the renderer, the film model or the camera model that the program works with.
World: x to the right, y forwards, z up, of the standing person, mm.
"""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt16
from scipy.spatial.transform import Rotation

from .ray_march import Panel

SID_MM, SOD_MM, FIELD_MM, ANGLE_DEG = 1100.0, 750.0, 300.0, 60.0
NECK_BELOW_MM = 60.0


class Station(NamedTuple):
    """One fluoroscope in the world, and the numbers that rig.json has of it."""

    name: str
    panel_world: Panel
    cam_from_world: Float[np.ndarray, "4 4"]
    K: Float[np.ndarray, "3 3"]
    pixel_mm: float


class Look(NamedTuple):
    """How one fluoroscope's films look."""

    hardness: float
    scatter_to_primary: float
    scatter_mm: float
    blur_px: float
    quanta: float
    readout_sd: float
    gamma: float
    vignette: float
    field_centre_px: tuple[float, float]
    field_radius_px: float


def stations(rng: np.random.Generator, size_px: int) -> tuple[Station, Station]:
    """Two fluoroscopes 60 deg apart in front of the person, none of them quite as planned."""
    first, second = (
        _station(name, side * ANGLE_DEG / 2, rng, size_px) for name, side in (("A", -1), ("B", 1))
    )
    return first, second


def _station(name: str, azimuth_deg: float, rng: np.random.Generator, size_px: int) -> Station:
    turn = Rotation.from_euler("ZX", [azimuth_deg + rng.uniform(-2, 2), rng.uniform(-3, 3)], True)
    forward, right = turn.apply([0, -1.0, 0]), turn.apply([-1.0, 0, 0])
    down = np.cross(forward, right)
    source = -SOD_MM * forward + rng.uniform(-4, 4, 3)
    pixel_mm = 1.02 * FIELD_MM / size_px
    foot_px = (size_px - 1) / 2 + rng.uniform(-0.02, 0.02, 2) * size_px
    foot = source + SID_MM * forward
    corner = foot - pixel_mm * (foot_px[0] * right + foot_px[1] * down)
    cam_from_world = np.eye(4)
    cam_from_world[:3, :3] = np.stack([right, down, forward])
    cam_from_world[:3, 3] = -cam_from_world[:3, :3] @ source
    focal_px = SID_MM / pixel_mm
    K = np.array([[focal_px, 0, foot_px[0]], [0, focal_px, foot_px[1]], [0, 0, 1]])
    panel = Panel(source, corner, pixel_mm * right, pixel_mm * down)
    return Station(name, panel, cam_from_world, K, pixel_mm)


def head_motion(
    rng: np.random.Generator, centre_ct: Float[np.ndarray, "3"], times_s: Float[np.ndarray, "frame"]
) -> Float[np.ndarray, "frame 4 4"]:
    """world_from_ct while walking: nodding with the step, sway, and a slow look to both sides.

    Yaw reaches 25 deg; the head turns about the neck, so that angles also move it.
    """
    phase, rate = rng.uniform(0, 2 * np.pi, 6), 2 * np.pi * rng.uniform(0.9, 1.1)
    look, step = times_s[:, None] * 1.25 * rate, times_s[:, None] * 1.8 * rate
    yaw = 25 * rng.uniform(0.8, 1) * np.sin(look + phase[0])
    pitch = 4 * np.sin(look / 2 + phase[1]) + 2.5 * np.sin(step + phase[2])
    roll = 3.5 * np.sin(look / 2 + phase[3])
    sway = [9 * np.sin(step / 2 + phase[4]), 5 * np.sin(step + phase[5]), 10 * np.sin(step)]
    turns = Rotation.from_euler("ZXY", np.hstack([yaw, pitch, roll]), degrees=True)
    neck = np.array([0, 0, -NECK_BELOW_MM])
    world_from_ct = np.tile(np.eye(4), (len(times_s), 1, 1))
    world_from_ct[:, :3, :3] = turns.as_matrix()
    # p_world = R (p_ct - centre - neck) + neck + sway
    world_from_ct[:, :3, 3] = -turns.apply(centre_ct + neck) + neck + np.hstack(sway)
    return world_from_ct


def draw_look(rng: np.random.Generator, size_px: int) -> Look:
    """A fluoroscope's look, drawn broadly."""
    return Look(
        hardness=rng.uniform(0.85, 1.1),
        scatter_to_primary=rng.uniform(0.3, 1.0),
        scatter_mm=rng.uniform(30, 60),
        blur_px=rng.uniform(0.6, 1.1),
        quanta=rng.uniform(1500, 6000),
        readout_sd=rng.uniform(0.002, 0.004),
        gamma=rng.uniform(0.45, 0.65),
        vignette=rng.uniform(0.05, 0.2),
        field_centre_px=tuple((size_px - 1) / 2 + rng.uniform(-0.01, 0.01, 2) * size_px),
        field_radius_px=FIELD_MM / (1.02 * FIELD_MM / size_px) / 2 * rng.uniform(0.96, 0.99),
    )


def film(
    attenuation: Float[np.ndarray, "height width"], look: Look, rng: np.random.Generator
) -> UInt16[np.ndarray, "height width"]:
    """A 16-bit film, bright where x-rays come through, dark outside of the round field."""
    rows, columns = np.mgrid[: attenuation.shape[0], : attenuation.shape[1]].astype(np.float32)
    u, v = look.field_centre_px
    radius = np.hypot(columns - u, rows - v) / look.field_radius_px
    field = np.clip((1 - radius) * look.field_radius_px / 2.5 + 0.5, 0, 1)
    beam = 0.6 * np.exp(-0.92 * look.hardness * attenuation)  # two energies: it hardens
    primary = field * (beam + 0.4 * np.exp(-1.12 * look.hardness * attenuation))
    sd_px = look.scatter_mm / (1.02 * FIELD_MM / attenuation.shape[1])
    scatter = cv2.GaussianBlur(field - primary, (0, 0), sd_px)
    shadow = (field > 0.5) & (attenuation > 1)
    scatter *= look.scatter_to_primary * primary[shadow].mean() / max(scatter[shadow].mean(), 1e-6)
    signal = cv2.GaussianBlur(primary + scatter * field, (0, 0), look.blur_px)
    signal = rng.poisson(signal * look.quanta) / look.quanta
    signal = signal + rng.normal(0, look.readout_sd, signal.shape)
    shaded = np.clip(signal, 0, 1.05) * (1 - look.vignette * np.minimum(radius, 1.2) ** 2)
    grey = 0.03 + 0.9 * shaded**look.gamma * (field > 0.02)
    return np.round(np.clip(grey, 0, 1) * 65535).astype(np.uint16)
