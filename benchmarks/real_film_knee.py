"""Both knee implants: laid onto the metal, refined, and how far the silhouettes overlap it."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from real_film_implants import Film, dice, films, first_guesses, implant_volume, silhouette
from real_film_silhouette import laid_onto

from calibration import Rigid
from drr import Projector
from registration.bone_model import bone_model
from registration.refine_pose import refine_pose
from registration.twist import distance_between
from registration.weak_turn import looked_again

ROW = 0
MARGIN_PX = 40


def implant_rows(out: Path) -> Iterator[dict]:
    """Overlap (Dice) in each view of the first guesses, as laid on the metal, and as refined."""
    for implant in ("femur", "tibia"):
        volume = implant_volume(implant)
        model, solid = bone_model(volume), Projector(volume)
        views = films(implant, ROW)
        shots = tuple(film.shot for film in views)
        laid, _ = laid_onto(views, solid, model.centre_ct)
        refined = refine_pose(shots, model, laid, len(model.projectors) - 2)
        refined = looked_again(shots, model, refined)
        stages = {f"guess of Cam{n + 1}": g for n, g in enumerate(first_guesses(implant, ROW))}
        stages |= {"laid": laid, "refined": refined.world_from_ct}
        for stage, pose in stages.items():
            yield {
                "implant": implant,
                "pose": stage,
                "dice": [round(dice(film, solid, pose), 3) for film in views],
                "from_refined_mm_deg": distance_between(
                    refined.world_from_ct, pose, model.centre_ct
                ),
            }
        yield {
            "implant": implant,
            "similarity": refined.similarity.round(3).tolist(),
            "sd_mm": refined.sd_translation_mm,
            "sd_deg": refined.sd_rotation_deg,
        }
        pictures = [picture(film, solid, refined.world_from_ct) for film in views]
        cv2.imwrite(str(out / f"{implant}.png"), np.hstack(pictures))


def picture(film: Film, solid: Projector, pose: Rigid) -> np.ndarray:
    """The box of a film with the metal found (blue) and the silhouette (orange)."""
    grey = cv2.convertScaleAbs(film.shot.image, alpha=1.8 * 255)
    image = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    shadow = silhouette(solid, film.shot.camera, pose)
    for mask, colour in ((film.metal, (233, 180, 86)), (shadow, (0, 159, 230))):
        found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, found, -1, colour, 1)
    left, top, right, bottom = film.box
    part = image[max(top - MARGIN_PX, 0) : bottom + MARGIN_PX, max(left - MARGIN_PX, 0) :]
    return cv2.resize(part[:, : right - left + 2 * MARGIN_PX], (640, 560))
