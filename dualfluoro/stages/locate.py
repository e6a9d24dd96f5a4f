"""`dualfluoro locate`: landmarks in images or CTs by a landmark model."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ..options import DEFAULTS, Common

HEAD, CT = "head", "ct"


def locate(
    images: Annotated[list[Path], Parameter(help="Images or volumes; a folder: all in it.")],
    /,
    *,
    model: str,
    out: Path,
    rig: Path | None = None,
    view: str | None = None,
    intensity: Literal["transmission", "attenuation"] = "transmission",
    distorted: bool = False,
    facing: Literal["toward", "away", "unknown"] = "unknown",
    common: Common = DEFAULTS,
) -> Path:
    """Find landmarks in images or volumes; a CSV with a row for each, and a sheet to look at.

    Parameters
    ----------
    model
        File of a landmark model, NAME.safetensors; or `head`, the released model of 55 landmarks of
        the head in radiographs; or `ct`, the same landmarks in CTs.
    out
        CSV to write; a PNG of the same name shows the landmarks over the first images.
    rig
        rig.json; with `view`, the model `head` gives positions in the frame of that camera.
    view
        A camera of the rig.
    intensity
        For the model `head`: transmission where brighter means more x-rays, attenuation where it
        means less.
    distorted
        For the model `head`: the images are as they were recorded, and the rig's map takes the
        distortion out. Results are in undistorted pixels.
    facing
        For the model `head`: whether the face looks toward the source or away from it. One
        radiograph hardly tells; where the room does, say it.
    """
    if (rig is None) != (view is None):
        raise ValueError("--rig and --view belong together: a rig.json, and the name of a camera")
    if model != HEAD and rig is not None:
        raise ValueError("--rig and --view are of use to the model `head` alone")
    if model != HEAD and (distorted or intensity != "transmission" or facing != "unknown"):
        raise ValueError("--intensity, --distorted, --facing: of use to the model `head` alone")
    if out.suffix.lower() != ".csv":
        raise ValueError(f"--out {out}: the file of the results ends in .csv")
    if not images:
        raise ValueError("there are no images to look at")
    from ..located import locate_in_cts, locate_with_head, locate_with_model, write_located
    from ..located_sheet import write_sheet

    if model == HEAD:
        located = locate_with_head(
            images,
            rig,
            view,
            common,
            transmission=intensity == "transmission",
            distorted=distorted,
            facing=facing,
        )
    elif model == CT:
        located = locate_in_cts(images, common)
    else:
        located = locate_with_model(images, Path(model), common)
    write_located(out, located)
    sheet = write_sheet(out.with_suffix(".png"), located)
    strange = [item.name for item in located if not item.recognised]
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        common.say(f"{strange[0]}{more}: does not look like what the model was trained on")
    common.say(f"wrote {out}: {len(located)} images; look at {sheet}")
    return out
