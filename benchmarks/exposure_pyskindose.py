"""The beams of PySkinDose's own example reports, against ours: corners, distances, k_isq.

Only where PySkinDose is right: a centred rectangular field, no detector roll, the first event's
reference distance for all, four or more cells. Its defects are run and shown beside.

    python benchmarks/exposure_pyskindose.py REPORT.dcm... --peer PYTHON_WITH_PYSKINDOSE
"""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np

from calibration import Camera, Rig, Rigid
from dualfluoro.dose_rdsr import read_rdsr
from exposure import Field, Head, Skin, expose
from exposure.beam import beam_of

PEER = """
import json, logging, sys, warnings
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
import numpy as np
import pydicom
from pyskindose import Beam, PyskindoseSettings, load_settings_example_json
from pyskindose import check_new_geometry, rdsr_normalizer, rdsr_parser
from pyskindose.corrections import calculate_k_isq

CELLS = np.array([[x, y, 0.5 * x] for x in (-8.0, 0, 8) for y in (-3.0, 2, 5)])
out = []
for path in sys.argv[1:]:
    settings = PyskindoseSettings(settings=load_settings_example_json())
    norm = rdsr_normalizer(rdsr_parser(pydicom.dcmread(path)), settings)
    events = []
    for n in range(len(norm)):
        beam, row = Beam(norm, event=n), norm.loc[n]
        event = {name: float(row[name]) for name in ("Ap1", "Ap2", "DSI", "DSD", "DSIRP")}
        event["field"] = [float(row.FS_long), float(row.FS_lat)]
        event["r"] = beam.r.tolist()
        event["k_isq"] = calculate_k_isq(beam.r[0], CELLS, float(row.DSIRP)).tolist()
        events.append(event)
    few = [
        np.ravel(calculate_k_isq(np.zeros(3), np.full((m, 3), 50 / 3**0.5), 100.0)).tolist()
        for m in (1, 2, 4)
    ]
    new = norm.copy()
    for name in new.columns:
        if name[:2] in ("Ap", "At", "FS") or name in ("Tx", "Ty", "Tz"):
            new[name] = 0.0
    new["DSD"] = np.arange(100.0, 100.0 + len(new))
    turned = norm.copy()
    turned["Ap3"] = 30.0
    same = np.allclose(Beam(turned, event=0).r, Beam(norm.assign(Ap3=0.0), event=0).r)
    out.append({
        "events": events,
        "few": few,
        "new_geometry": sum(bool(x) for x in check_new_geometry(new)),
        "roll_ignored": bool(same),
    })
print(json.dumps(out))
"""


def peer_numbers(python: str, files: list[Path]) -> list[dict]:
    done = subprocess.run(
        [python, "-c", PEER, *map(str, files)], capture_output=True, text=True, timeout=600
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def our_corners_mm(primary_deg, isocenter_mm, detector_mm, width_mm, height_mm) -> np.ndarray:
    """Source and field corners in LPS about the isocentre, by our camera and beam.

    At angle 0 the source is behind the patient, +P in LPS.
    """
    a = np.radians(primary_deg)
    u = np.array([np.sin(a), -np.cos(a), 0.0])  # DICOM PS3.3 C.8.7.5.1.2, secondary 0
    down = np.array([0.0, 0.0, -1.0])
    R = np.stack([np.cross(down, u), down, u])
    cam_from_lps = np.eye(4)
    cam_from_lps[:3, :3], cam_from_lps[:3, 3] = R, isocenter_mm * R @ u
    focal = detector_mm
    camera = Camera(np.diag([focal, focal, 1.0]), cam_from_lps, 8, 8)
    x, y = width_mm / 2, height_mm / 2
    field = Field(np.array([[-x, -y], [x, -y], [x, y], [-x, y]]), "given")
    beam = beam_of(camera, field, np.linalg.inv(cam_from_lps))
    corners = beam.source + beam.rays * (detector_mm / (beam.rays @ beam.principal))[:, None]
    return np.vstack([beam.source, corners])


def our_k_isq(source_mm: np.ndarray, cell_mm: np.ndarray, reference_mm: float) -> float:
    """k_isq of a tiny plate at a cell that faces the source: the column itself."""
    toward = cell_mm - source_mm
    distance = np.linalg.norm(toward)
    z = toward / distance
    x = np.cross(z, [0.3, 0.5, 0.8])
    x /= np.linalg.norm(x)
    R = np.stack([x, np.cross(z, x), z])
    motion = np.eye(4)
    motion[:3, :3], motion[:3, 3] = R, -R @ source_mm
    camera = Camera(np.diag([1000.0, 1000.0, 1.0]), motion, 9, 9, name="A")
    corners = cell_mm + 5 * np.array([[1, 0, 0], [-1, 1, 0], [-1, -1, 0.0]]) @ R
    tip = cell_mm + 5 * z
    faces = np.array([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]])
    skin = Skin.from_mesh(np.vstack([corners, tip]), faces)
    field = Field.circle(np.zeros(2), 2.0, "given")
    return expose(Rigid.identity(), Rig((camera,)), Head(skin), [field], reference_mm)[0].k_isq


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", nargs="+", type=Path)
    parser.add_argument("--peer", required=True)
    args = parser.parse_args()
    cells = 10 * np.array([[x, y, 0.5 * x] for x in (-8.0, 0, 8) for y in (-3.0, 2, 5)])
    for path, theirs in zip(args.reports, peer_numbers(args.peer, args.reports), strict=True):
        ours = read_rdsr(path)
        corner_share, k_share, angles, distances = [], [], [], []
        for event, peer in zip(ours.events, theirs["events"], strict=True):
            angles.append(abs(event.primary_deg - peer["Ap1"]))
            distances.append(abs(event.source_isocenter_mm / 10 - peer["DSI"]))
            r = 10 * np.array(peer["r"])
            if abs(peer["Ap2"]) < 1e-9:
                mine = our_corners_mm(peer["Ap1"], 10 * peer["DSI"], 10 * peer["DSD"],
                                      10 * peer["field"][0], 10 * peer["field"][1])  # fmt: skip
                off = [np.linalg.norm(mine[1:] - corner, axis=1).min() for corner in r[1:]]
                off.append(np.linalg.norm(mine[0] - r[0]))
                corner_share.append(max(off) / (10 * peer["DSD"]))
            mine_k = [our_k_isq(r[0], cell, 10 * peer["DSIRP"]) for cell in cells]
            k_share.append(np.abs(np.array(mine_k) / peer["k_isq"] - 1).max())
        print(f"{path.name}: {len(ours.events)} events")
        print(f"  primary angle differs by at most {max(angles):.2g} deg, "
              f"source-isocentre by {max(distances):.2g} cm")  # fmt: skip
        if corner_share:
            print(f"  source and corners, {len(corner_share)} events at secondary 0: "
                  f"worst {100 * max(corner_share):.2g} % of the distance")  # fmt: skip
        print(f"  k_isq, {len(k_share)} events x 9 cells: worst {100 * max(k_share):.2g} %")
        print(f"  defect (a): k_isq of 1, 2, 4 cells at half of r_ref, must be 4: {theirs['few']}")
        print(f"  defect (b): the DSD differs in every event; geometries seen as new: "
              f"{theirs['new_geometry']} of {len(ours.events)}")  # fmt: skip
        print(f"  defect (c): a detector turned by 30 deg leaves its beam unturned: "
              f"{theirs['roll_ignored']}")  # fmt: skip
    ours_of_one = our_k_isq(np.zeros(3), np.full(3, 500 / 3**0.5), 1000.0)
    print(f"ours at half of r_ref, a single cell: {ours_of_one:.6f}")


if __name__ == "__main__":
    main()
