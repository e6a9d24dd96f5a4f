"""Real film: the wrist and the knee implants of ../shared/data (docs/real_film.md).

    python benchmarks/real_film.py search  OUT [--bones radius ulna] [--frames 0002 0099]
    python benchmarks/real_film.py spread  OUT [--starts 30]
    python benchmarks/real_film.py alone   OUT
    python benchmarks/real_film.py wrong   OUT
    python benchmarks/real_film.py implant OUT
    python benchmarks/real_film.py trial   OUT --bones radius

`search` comes first: it writes poses.json, which the others read. Each step adds its figures to
OUT/<step>.jsonl. Pictures go to OUT, and none of them belongs in the repository.
"""

import argparse
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import real_film_wrist as wrist
from real_film_trial import write_trial

from calibration import Rigid
from registration.bone_model import bone_model
from registration.refine_pose import refine_pose
from registration.twist import distance_between


def main():
    parser = argparse.ArgumentParser(description="Real film: the wrist and the knee.")
    parser.add_argument("step", choices=["search", "spread", "alone", "wrong", "implant", "trial"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--bones", nargs="+", default=list(wrist.BONES), choices=list(wrist.BONES))
    parser.add_argument("--frames", nargs="+", default=list(wrist.FRAMES))
    parser.add_argument("--starts", type=int, default=30)
    arguments = parser.parse_args()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    poses = read_poses(out)
    if arguments.step == "trial":
        write_trial(out / "trial", arguments.bones[0], poses)
        return
    with (out / f"{arguments.step}.jsonl").open("a") as log:
        for row in rows(arguments.step, arguments, poses):
            line = json.dumps(row, default=float)
            print(line, flush=True)
            log.write(line + "\n")


def rows(step: str, arguments, poses: dict[str, Rigid]) -> Iterator[dict]:
    """The figures of a step, one row at a time."""
    cases = list(product(arguments.bones, arguments.frames))
    if step == "search":
        for bone, frame in cases:
            yield from searched_rows(bone, frame, arguments.out)
        draw(arguments.out)
    elif step == "implant":
        from real_film_knee import implant_rows

        yield from implant_rows(arguments.out)
    else:
        made = {"spread": spread_rows, "alone": alone_rows, "wrong": wrong_rows}[step]
        for bone, frame in cases:
            yield from made(bone, frame, poses[f"{bone} {frame}"], arguments)


def searched_rows(bone: str, frame: str, out: Path) -> Iterator[dict]:
    """The best ends of the search; the best of all is kept."""
    from real_film_search import SHAFTS, line_of, searched, starts_along

    rig, volume = wrist.wrist_rig(), wrist.bone_volume(bone)
    model, shots = bone_model(volume), wrist.wrist_radiographs(frame)
    joint, shaft = line_of(rig, frame, bone, SHAFTS[bone])
    found = searched(shots, model, starts_along(volume, joint, shaft))
    best = found[0].pose.world_from_ct
    poses = {**read_poses(out), f"{bone} {frame}": best}
    content = {name: pose.matrix().tolist() for name, pose in poses.items()}
    (out / "poses.json").write_text(json.dumps(content, indent=1))
    for end in found:
        yield {
            "case": f"{bone} {frame}",
            "similarity": end.pose.similarity.round(3).tolist(),
            "first_slice_at_joint": end.hand_end_first,
            "turn_deg": end.turn_deg,
            "from_best_mm_deg": distance_between(best, end.pose.world_from_ct, model.centre_ct),
        }


def spread_rows(bone: str, frame: str, pose: Rigid, arguments) -> Iterator[dict]:
    """The ends of random starts, refined once, and looked at again."""
    from real_film_spread import random_starts, spread_of

    from registration.weak_turn import looked_again

    model, shots = bone_model(wrist.bone_volume(bone)), wrist.wrist_radiographs(frame)
    starts = random_starts(pose, model.centre_ct, arguments.starts, seed=0)
    once = [refine_pose(shots, model, start) for start in starts]
    again = [looked_again(shots, model, end) for end in once]
    for name, ends in (("once", once), ("again", again)):
        yield {"case": f"{bone} {frame}", "looked": name, **spread_of(ends, model.centre_ct).row}


def alone_rows(bone: str, frame: str, pose: Rigid, arguments) -> Iterator[dict]:
    """Each view alone, from the pose of both."""
    model, shots = bone_model(wrist.bone_volume(bone)), wrist.wrist_radiographs(frame)
    for shot in shots:
        end = refine_pose((shot,), model, pose, len(model.projectors) - 2)
        step = (end.world_from_ct @ model.centre_ct) - (pose @ model.centre_ct)
        step_cam = shot.camera.cam_from_world.R @ step
        _, deg = distance_between(pose, end.world_from_ct, model.centre_ct)
        yield {
            "case": f"{bone} {frame}",
            "view": shot.camera.name,
            "across_mm": float(np.linalg.norm(step_cam[:2])),
            "depth_mm": float(step_cam[2]),
            "turn_deg": deg,
        }


def wrong_rows(bone: str, frame: str, pose: Rigid, arguments) -> Iterator[dict]:
    """What errors made on purpose do to the similarity, and to the pose."""
    from real_film_wrong import fits_with_errors

    centre_ct = bone_model(wrist.bone_volume(bone)).centre_ct
    for name, found, least in fits_with_errors(bone, frame, pose):
        yield {
            "case": f"{bone} {frame}",
            "wrong": name,
            "similarity": found.similarity.round(3).tolist(),
            "least": least,
            "moved_mm_deg": distance_between(pose, found.world_from_ct, centre_ct),
        }


def draw(out: Path) -> None:
    """Overlays of every frame whose bones were all found."""
    from real_film_pictures import write_overlays

    from registration.bone_model import over_flesh

    poses = read_poses(out)
    volumes = {bone: over_flesh(wrist.bone_volume(bone)) for bone in wrist.BONES}
    for frame in wrist.FRAMES:
        found = {b: poses[f"{b} {frame}"] for b in wrist.BONES if f"{b} {frame}" in poses}
        if found:
            write_overlays(frame, found, volumes, out / f"wrist_{frame}.png")


def read_poses(out: Path) -> dict[str, Rigid]:
    """world_from_ct by bone and frame, as `search` left them."""
    path = out / "poses.json"
    if not path.exists():
        return {}
    content = json.loads(path.read_text())
    return {name: Rigid.from_matrix(np.array(matrix)) for name, matrix in content.items()}


if __name__ == "__main__":
    main()
