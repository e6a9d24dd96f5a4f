"""`dualfluoro train landmarks`: a landmark model of any anatomy, from a folder of images."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..options import DEFAULTS, Common, Minutes


def train_landmarks(
    folder: Annotated[Path, Parameter(help="Images (2D) or volumes (3D) and landmarks.csv.")],
    /,
    *,
    out: Path,
    minutes: Minutes = 30.0,
    common: Common = DEFAULTS,
) -> Path:
    """Train a global-to-local landmark model; a run that was cut short goes on.

    The last fifth of the images, in natural order of their names, is not trained on: it chooses the
    best weights, fits the deviations, and gives the errors that are said. NAME_training.html shows
    how the training went.

    Parameters
    ----------
    out
        File to write, NAME.safetensors; the card NAME.json is written beside it, and NAME.training/
        holds checkpoints and logs.
    minutes
        Bound of the training time, runs before included.
    """
    if out.suffix != ".safetensors":
        raise ValueError(f"--out {out}: the file of a model ends in .safetensors")
    from detector.landmark_folder import read_landmark_folder
    from detector.patch_settings import settings_for
    from detector.patch_train_model import train_landmark_model

    from ..folder_lock import held
    from ..landmark_images import read_source
    from ..progress import training_bar
    from ..training_pages import write_landmark_page

    table = read_landmark_folder(folder)
    common.say(
        f"{len(table.files)} {'images' if table.dim == 2 else 'volumes'} with {len(table.names)} "
        f"landmarks; training for {minutes:g} minutes"
    )
    with held(out.with_suffix(".training"), "train landmarks"):
        with training_bar(minutes, common) as progress:
            model = train_landmark_model(
                lambda n: read_source(table.files[n], table.dim),
                table.names,
                table.world,
                out.with_suffix(".training"),
                settings_for(table.dim, minutes),
                seed=common.seed,
                device=common.torch_device(),
                progress=progress,
            )
        model.write(out)
    write_landmark_page(out, model, table)
    accuracy, unit = model.card.accuracy, model.card.unit
    common.say(
        f"wrote {out}: mean error {accuracy['mean']:.2f} {unit}, median {accuracy['median']:.2f} "
        f"{unit} on {accuracy['images']} images that were not trained on"
    )
    return out
