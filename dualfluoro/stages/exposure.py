"""`dualfluoro exposure`: what the beams hit in every frame of a track."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ..options import DEFAULTS, Common, TrialFolder
from ..trial import load_trial


def exposure(
    trial: TrialFolder,
    /,
    *,
    track: Path | None = None,
    out: Path | None = None,
    picture: Path | None = None,
    beams: Path | None = None,
    deck: Literal["mcgpu", "gate"] | None = None,
    deck_folder: Path | None = None,
    dose_sr: Path | None = None,
    rdsr: Path | None = None,
    event: Annotated[tuple[int, ...], Parameter(negative=())] = (),
    common: Common = DEFAULTS,
) -> Path:
    """Write exposure.csv, exposure.json and skin.vtp of a track.

    Parameters
    ----------
    track
        A track.csv; that of the trial if left out.
    out
        Folder of the outputs; the trial's if left out.
    picture
        A PNG to write besides: the head from six sides, coloured by what its skin received.
    beams
        A .json or .csv to write besides: every beam in the CT's frame, for other programs.
    deck
        Monte-Carlo input to write besides, with the CT as voxel phantom; needs kvp and
        filtration_al_mm in [exposure].
    deck_folder
        Folder of the deck; deck_mcgpu or deck_gate beside the outputs if left out.
    dose_sr
        A DICOM Enhanced X-Ray Radiation Dose SR to write besides.
    rdsr
        A dose report of the fluoroscope to take kerma, KAP and kVp from.
    event
        Number (from 0) of the report's event of each view, in the order of the views; those
        with as many pulses as the trial has frames if left out.
    """
    loaded = load_trial(trial)
    if event and rdsr is None:
        raise ValueError("--event names an event of a dose report: give that with --rdsr")
    from ..dose_settings import outputs_of
    from ..dose_sr_write import frame_uid_of, write_dose_sr
    from ..exposure_covariance import with_covariances
    from ..exposure_exports import Exports, check_exports, write_exports
    from ..exposures import expose_trial, fields_of, reported_outputs, write_exposures
    from ..folder_lock import held
    from ..recording import open_tracked
    from ..subject import subject_of

    folder = loaded.folder if out is None else Path(out)
    file = loaded.folder / "track.csv" if track is None else Path(track)
    views, found = open_tracked(loaded, file)
    if all(status == "lost" for status in found.status):
        raise ValueError(f"{file}: every frame is lost, there is no pose to compute from")
    outputs, report = outputs_of(loaded.exposure.dose, len(found)), None
    if rdsr is not None:
        outputs, report = reported_outputs(loaded, rdsr, event, outputs)
    exports = Exports(picture, beams, deck, deck_folder, dose_sr)
    check_exports(exports, outputs)
    with held(folder, "exposure"):
        fields, subject = fields_of(loaded, views, common), subject_of(loaded)
        found = with_covariances(found, file, subject.center_ct)
        frames, skin_map, head = expose_trial(
            loaded, subject, found, fields, subject.center_ct, common, outputs
        )
        write_exposures(folder, loaded, frames, head, file, skin_map, report)
        skin_map.write(folder / "skin.vtp")
        common.say(f"wrote exposure.csv, exposure.json and skin.vtp in {folder}")
        for said in write_exports(exports, folder, frames, skin_map, loaded.rig, outputs):
            common.say(said)
        if dose_sr is not None:
            uid = frame_uid_of(loaded.ct, subject.volume.fingerprint)
            distance_mm = loaded.exposure.reference_distance_mm
            write_dose_sr(dose_sr, frames, loaded.rig, head, uid, distance_mm)
            common.say(f"wrote {dose_sr}")
    return folder / "exposure.csv"
