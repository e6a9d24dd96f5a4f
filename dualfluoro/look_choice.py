"""Which look the detector is shown the frames in, chosen by what two views say of the same head.

Without labels: landmarks are detected in frames spread over the trial, the pose is solved, and the
distance of the landmarks from where the pose has them is measured, as is their distance from the
epipolar line of their partner. A look in which the detector errs makes the two views disagree.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import shapely

from calibration import Rig
from calibration.atomic import whole
from detector import Detector
from detector.detector import Translate
from drr.field_window import field_mask, look_through
from drr.standardised import restandardised, standardised, without_rim
from gan import Translator, histogram_matched
from gan.histogram import LEVELS
from registration.hypotheses import solve_ambiguous_pose

from .tracking import Moments
from .trial import Trial

FORMAT = "dualfluoro-look"
AS_THEY_ARE, HISTOGRAM, GAN = "none", "histogram", "gan"
LOOKS = (AS_THEY_ARE, HISTOGRAM, GAN)
FRAMES = 24
MEDIAN_OF_RAYLEIGH = 1.1774
"""Median distance, over the deviation of each axis."""
NOT_A_CHOICE = ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError
GAIN = 0.9
"""Of the disagreement as the frames are: what another look must be below to be preferred."""
SAME_LOOK = 2.0
"""Mean deviations of the look's features beyond which a translator knows another look."""


@dataclass(frozen=True)
class Agreement:
    """What the views say of each other, medians over frames and landmarks in the field."""

    reprojection_px: float
    """Distance of the landmarks from where the solved pose has them."""
    epipolar_px: float
    surprise: float
    """The distance from the pose over the deviation that the detector gives; some 1 is expected."""
    unsolved: float
    """Share of the frames without a pose."""
    frames: int


@dataclass(frozen=True)
class LookChoice:
    """The look chosen, and what it was chosen by."""

    chosen: str
    quantiles: list[float]
    """Of the radiographs' grey values, for histogram matching."""
    agreement: dict[str, Agreement]
    detector: str
    """Fingerprint of the detector it was chosen for."""

    def write(self, path: Path) -> None:
        """Write `look.json`."""
        content = {"format": FORMAT, "version": 1} | asdict(self)
        with whole(path) as unfinished:
            unfinished.write_text(json.dumps(content, indent=1) + "\n")

    @staticmethod
    def read(path: Path) -> "LookChoice":
        """Read `look.json`; ValueError says what is wrong with it."""
        try:
            content = json.loads(path.read_text())
            if content["format"] != FORMAT or content["chosen"] not in LOOKS:
                raise ValueError(f'expected "format": "{FORMAT}" and a look of {LOOKS}')
            quantiles = [float(x) for x in content["quantiles"]]
            if len(quantiles) != LEVELS or not (np.diff(quantiles) >= 0).all():
                raise ValueError(f"'quantiles' must be {LEVELS} rising numbers")
            agreement = {n: Agreement(**a) for n, a in content["agreement"].items()}
            return LookChoice(content["chosen"], quantiles, agreement, str(content["detector"]))
        except (*NOT_A_CHOICE,) as error:
            raise ValueError(f"{path}: not the choice of a look: {error}; delete it") from None


def look_file(trial: Trial) -> Path:
    """Where the choice is kept, beside the models."""
    return trial.models / "look.json"


def translate_of(
    look: str, translator: Translator | None, quantiles: list[float], rim: bool = True
) -> Translate | None:
    """What the detector is given to change the look with; None is nothing.

    Args:
        rim: frames that are left as they are keep the rim of the field, as machines drawn at
            random have it; radiographs without a machine have none.
    """
    if look == GAN:
        if translator is None:
            raise ValueError("there is no translator; make it with: dualfluoro train gan TRIAL")
        translator.check("to_drr")
        return translator.through
    if look == HISTOGRAM:
        return _histogram(np.asarray(quantiles, dtype=np.float64))
    return None if rim else _rimless


def _rimless(frame, window, polygon_px) -> np.ndarray:
    mask = without_rim(field_mask(polygon_px, window))
    return standardised(look_through(frame, window) * mask, mask)


def _histogram(quantiles: np.ndarray) -> Translate:
    def through(frame, window, polygon_px):
        mask = without_rim(field_mask(polygon_px, window))
        seen = standardised(look_through(frame, window) * mask, mask)
        return restandardised(histogram_matched(seen, mask, quantiles), mask)

    return through


def agreement_of(moments: Moments, detector: Detector) -> Agreement:
    """How well the views agree on frames spread over the trial."""
    numbers = np.linspace(0, len(moments) - 1, min(FRAMES, len(moments))).round().astype(int)
    reading = Moments(moments.trial, moments.views, detector)
    reading.fields = moments.fields
    rig, points_ct = moments.trial.rig, np.asarray(detector.points_ct, dtype=np.float64)
    apart, epipolar, surprise, unsolved = [], [], [], 0
    for number in np.unique(numbers):
        moment = reading[int(number)]
        if moment.pixels is None or moment.sd_px is None:
            continue
        try:
            chosen = solve_ambiguous_pose(rig, points_ct, moment.pixels, moment.sd_px)
        except ValueError:
            unsolved += 1
            continue
        pixels = np.stack([v[h] for v, h in zip(moment.pixels, chosen.chosen, strict=True)])
        fields = moments.fields_of(int(number))
        shown = np.stack([_inside(f.outline_px, uv) for f, uv in zip(fields, pixels, strict=True)])
        world = (chosen.estimate.world_from_ct @ points_ct).numpy()
        meant = np.stack([camera.project(world).numpy() for camera in rig])
        off = np.linalg.norm(pixels - meant, axis=-1)
        sd = np.stack([v[h] for v, h in zip(moment.sd_px, chosen.chosen, strict=True)])
        apart.append(off[shown])
        surprise.append((off / (sd * MEDIAN_OF_RAYLEIGH))[shown])
        pair = Rig(rig.cameras[:2])
        epipolar.append(pair.epipolar_distance(pixels[:2, shown[0] & shown[1]]).numpy())
    count = len(np.unique(numbers))
    medians = (_median(np.concatenate(x)) if x else np.inf for x in (apart, epipolar, surprise))
    reprojection_px, epipolar_px, beyond = medians
    return Agreement(reprojection_px, epipolar_px, beyond, unsolved / count, count)


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if values.size else float("inf")


def _inside(outline_px: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    return shapely.contains_xy(shapely.Polygon(outline_px), pixels[:, 0], pixels[:, 1])


def choose_look(
    moments: Moments,
    detector: Detector,
    translator: Translator | None,
    quantiles: list[float],
    rim: bool = True,
) -> LookChoice:
    """The look in which the views agree best; as the frames are, unless another is 10 % better."""
    found: dict[str, Agreement] = {}
    for look in LOOKS:
        if look == GAN and (translator is None or "to_drr" in translator.card.refused):
            continue
        shown = replace(detector, translate=translate_of(look, translator, quantiles, rim))
        found[look] = agreement_of(moments, shown)
    best = min(found, key=lambda look: _disagreement(found[look]))
    if _disagreement(found[best]) > GAIN * _disagreement(found[AS_THEY_ARE]):
        best = AS_THEY_ARE
    weights = moments.trial.detector.read_bytes()
    of = hashlib.sha256(weights).hexdigest()[:16]
    return LookChoice(best, list(quantiles), found, of)


def _disagreement(agreement: Agreement) -> float:
    """Frames without a pose count as ten times the others."""
    return agreement.reprojection_px * (1 + 10 * agreement.unsolved)


def said(choice: LookChoice) -> str:
    """The choice and its reasons, in one line."""
    names = {AS_THEY_ARE: "as they are", HISTOGRAM: "histogram matched", GAN: "translated"}
    reasons = ", ".join(
        f"{names[look]} {a.reprojection_px:.2f} px"
        + (f" ({a.unsolved:.0%} without a pose)" if a.unsolved else "")
        for look, a in choice.agreement.items()
    )
    return (
        f"the detector is shown the frames {names[choice.chosen]}: the views disagree by {reasons}"
    )
