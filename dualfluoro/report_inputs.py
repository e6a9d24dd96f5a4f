"""What a report was made from: inputs by fingerprint, versions, settings; never a file's name."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from itertools import combinations
from pathlib import Path

import numpy as np

from calibration import Camera, Rig

from .exposures import sha256_of
from .frames import Frames, files_of
from .report_page import folded, note, section, table
from .trial import Trial

PROGRAMS = ("dualfluoro", "numpy", "torch", "numba", "scipy", "opencv-python-headless", "pyvista")
LARGEST_CARD_BYTES = 4 << 20
MOST_ENTRIES = 60
CARD_WORDS = {"detector": "Landmark detector", "translator": "Translator (GAN)"}


def inputs_section(trial: Trial, views: tuple[Frames, ...]) -> str:
    """Inputs, settings and versions."""
    rows = [["CT", "", sha256_of(trial.ct)]]
    rows += [["rig", f"{len(trial.rig)} cameras", sha256_of(path)] for path in trial.rig_files]
    if trial.landmarks.is_file():
        rows.append(["landmarks", "", sha256_of(trial.landmarks)])
    for view, frames in zip(trial.views, views, strict=True):
        size = f"{len(frames)} frames, {frames.camera.width} x {frames.camera.height} px"
        rows.append([f"frames {view.name}", size, _together(files_of(view.frames))])
    for name in ("detector", "translator"):
        file = trial.models / f"{name}.safetensors"
        if file.is_file():
            rows.append([f"model: {name}", "", sha256_of(file)])
    return section(
        "What was done",
        table(["setting", "value"], _settings(trial)),
        folded("Inputs by fingerprint", table(["input", "size", "SHA-256"], rows)),
        folded("Versions", table(["program", "version"], _versions())),
    )


def _settings(trial: Trial) -> list[list[str]]:
    rate = "from the files" if trial.rate_hz is None else f"{trial.rate_hz:g} Hz"
    reference = trial.exposure.reference_distance_mm
    rows = [
        ["frame rate", "a column of times" if trial.times is not None else rate],
        ["skin threshold", f"{trial.skin_threshold_hu:g} HU"],
        ["reference distance", "not given" if reference is None else f"{reference:g} mm"],
    ]
    for view in trial.views:
        kind = "transmission" if view.transmission else "attenuation"
        words = [kind, "distorted, corrected by the rig" if view.distorted else "undistorted"]
        if view.time_offset_s:
            words.append(f"exposed {1000 * view.time_offset_s:+.2f} ms after the pose's time")
        given = view.name in trial.exposure.field_px
        words.append("field given" if given else "field found in the image")
        rows.append([f"view {view.name}", ", ".join(words)])
    return rows


def _versions() -> list[list[str]]:
    rows = [["Python", platform.python_version()]]
    for name in PROGRAMS:
        try:
            rows.append([name, version(name)])
        except PackageNotFoundError:
            rows.append([name, "not installed"])
    return [*rows, ["system", f"{platform.system()} {platform.machine()}"]]


def _together(files: list[Path]) -> str:
    """One fingerprint of files in their order."""
    import hashlib

    digest = hashlib.sha256()
    for file in files:
        digest.update(bytes.fromhex(sha256_of(file)))
    return digest.hexdigest()


def rig_section(rig: Rig) -> str:
    """The cameras, and how well their calibration knows them."""
    rows = []
    for camera in rig:
        K, spacing = camera.K.numpy(), camera.pixel_spacing_mm
        sid = "" if spacing is None else f"{K[0, 0] * spacing:.1f}"
        sd = _deviations(rig, camera)
        rows.append(
            [
                camera.name,
                f"{camera.width} x {camera.height}",
                f"{K[0, 0]:.1f}, {K[1, 1]:.1f}",
                f"{K[0, 2]:.1f}, {K[1, 2]:.1f}",
                sid,
                "map" if camera.distortion else "none",
                sd,
            ]
        )
    header = ["view", "size, px", "fx, fy, px", "cx, cy, px", "SID, mm", "distortion"]
    parts = [table([*header, "sd fx, fy, cx, cy, px"], rows)]
    angles = [f"{a.name} and {b.name} {_angle_deg(a, b):.1f} deg" for a, b in combinations(rig, 2)]
    parts.append(note("Between the optical axes: " + "; ".join(angles) + "."))
    if rig.uncertainty is None:
        parts.append(note("The rig brings no uncertainty; deviations of poses leave it out."))
    return section("Calibration", *parts)


def _deviations(rig: Rig, camera: Camera) -> str:
    if rig.uncertainty is None:
        return ""
    try:
        names = [f"{camera.name}.{name}_px" for name in ("fx", "fy", "cx", "cy")]
        return ", ".join(f"{rig.uncertainty.sd_of(name):.2f}" for name in names)
    except (KeyError, ValueError):
        return ""


def _angle_deg(a: Camera, b: Camera) -> float:
    cosine = float(a.cam_from_world.R[2].numpy() @ b.cam_from_world.R[2].numpy())
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def cards_section(trial: Trial) -> str:
    """The models' cards; nothing where there is no model."""
    parts = []
    for name, title in CARD_WORDS.items():
        file = trial.models / f"{name}.json"
        if file.is_file():
            parts.append(f"<h3>{title}</h3>")
            parts.append(_card(file))
    return section("Models", *parts) if parts else ""


def _card(file: Path) -> str:
    """A card as a table; one that cannot be read says so."""
    try:
        if file.stat().st_size > LARGEST_CARD_BYTES:
            raise ValueError("too large")
        content = json.loads(file.read_text(encoding="utf-8"))
        rows = card_rows(content)
    except (OSError, ValueError, RecursionError):
        return note("This card cannot be read.")
    return folded("Card", table(["entry", "value"], rows))


def _all_floats(values: list) -> bool:
    return all(isinstance(value, float) for value in values)


def card_rows(content: object, prefix: str = "", depth: int = 0) -> list[list[str]]:
    """The entries of a card, nested ones under dotted names; long lists and maps by their size."""
    if not isinstance(content, dict):
        raise ValueError("a card is a JSON object")
    rows: list[list[str]] = []
    for key, value in list(content.items())[:MOST_ENTRIES]:
        name = f"{prefix}{key}"
        if (
            isinstance(value, dict)
            and depth < 2
            and len(value) <= MOST_ENTRIES
            and key != "landmarks"
        ):
            rows += card_rows(value, f"{name}.", depth + 1)
        elif isinstance(value, list) and 0 < len(value) < 4 and _all_floats(value):
            rows.append([name, ", ".join(f"{v:.5g}" for v in value)])
        elif isinstance(value, dict | list) and len(str(value)) > 80:
            rows.append([name, f"{len(value)} entries"])
        elif isinstance(value, float):
            rows.append([name, f"{value:.5g}"])
        else:
            rows.append([name, str(value)[:120]])
    return rows
