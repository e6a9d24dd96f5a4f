"""Input files for MC-GPU v1.3 (Badal, FDA): one a beam, on one voxel phantom and one spectrum.

Its source has a symmetric rectangular field and no roll: each beam is aimed at its field's centre,
with apertures that just hold the field. Centimetres; the box's lower corner is the origin.
"""

import math
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from calibration.atomic import whole, write_text
from drr.spectrum import Spectrum

from .beam_list import PLANE_MM, BeamList, ListedBeam
from .deck_phantom import MATERIALS, Phantom

HISTORIES = 1e8
DETECTOR_CM, DETECTOR_DISTANCE_CM, DETECTOR_PX = 40.0, 120.0, 200


class McGpuBeam(NamedTuple):
    """The section SOURCE of one input file: cm, unit vector, full apertures in deg."""

    source_cm: Float[np.ndarray, "3"]
    direction: Float[np.ndarray, "3"]
    polar_deg: float
    azimuthal_deg: float


def write_mcgpu(folder: Path, beams: BeamList, phantom: Phantom, beam_spectrum: Spectrum) -> None:
    """Write phantom.vox, spectrum.spc, beam_NNNN.in and README.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_voxels(folder / "phantom.vox", phantom)
    _write_spectrum(folder / "spectrum.spc", beam_spectrum)
    for number, beam in enumerate(beams.beams):
        source = mcgpu_beam(beam, phantom)
        write_text(folder / f"beam_{number:04d}.in", _input(number, beam, source, phantom, beams))
    write_text(folder / "README.txt", _readme(beams))


def mcgpu_beam(beam: ListedBeam, phantom: Phantom) -> McGpuBeam:
    """The beam as MC-GPU can have it: apertures about z (azimuthal) and towards z (polar)."""
    motion = phantom.box_from_ct
    turn = motion[:3, :3]
    direction = turn @ beam.direction
    upward = np.array([0.0, 0.0, 1.0]) if abs(direction[2]) < 0.999 else np.array([0.0, 1.0, 0.0])
    across = np.cross(direction, upward)
    across /= np.linalg.norm(across)
    vertical = np.cross(across, direction)
    corners = beam.polygon_mm @ np.stack([turn @ beam.right, turn @ beam.up])
    polar, azimuthal = (
        2 * math.degrees(math.atan(float(np.abs(corners @ axis).max()) / PLANE_MM))
        for axis in (vertical, across)
    )
    source_cm = (turn @ beam.source + motion[:3, 3]) / 10
    return McGpuBeam(source_cm, direction, polar, azimuthal)


def read_mcgpu_beam(path: Path) -> McGpuBeam:
    """The section SOURCE of an input file; ValueError where there is none."""
    text = path.read_text(encoding="utf-8")
    found = re.search(r"#\[SECTION SOURCE[^\n]*\n((?:[^\n#]*#?[^\n]*\n){4})", text)
    if not found:
        raise ValueError(f"{path}: no section SOURCE of MC-GPU")
    lines = [line.split("#")[0].split() for line in found[1].splitlines()]
    try:
        position, direction, apertures = ([float(x) for x in line] for line in lines[1:4])
        polar, azimuthal = apertures
    except ValueError:
        raise ValueError(f"{path}: the section SOURCE is not that of MC-GPU v1.3") from None
    return McGpuBeam(np.array(position), np.array(direction), polar, azimuthal)


def _input(
    number: int, beam: ListedBeam, source: McGpuBeam, phantom: Phantom, beams: BeamList
) -> str:
    """One input file; the order of its lines is fixed."""
    nx, ny, nz = phantom.hu.shape
    position = "  ".join(f"{x:.6f}" for x in source.source_cm)
    cosines = "  ".join(f"{x:.9f}" for x in source.direction)
    angles = f"{source.polar_deg:.6f}  {source.azimuthal_deg:.6f}"
    materials = "\n".join(f"{name}__5-120keV.mcgpu.gz" for name, *_ in MATERIALS)
    return f"""# >>>> INPUT FILE FOR MC-GPU v1.3 >>>>
# Written by dualfluoro: frame {beam.frame}, view {beam.view}, weight {beam.weight:.9g} \
{beams.weight_unit}.
# The field is the smallest rectangle without roll that holds the true one.

#[SECTION SIMULATION CONFIG v.2009-05-12]
{HISTORIES:.1e}                 # HISTORIES, OR TIME IN SECONDS IF VALUE < 100000
{number + 1}                    # RANDOM SEED (ranecu PRNG)
0                               # GPU NUMBER WITHOUT MPI, OR TO BE AVOIDED WITH IT
128                             # GPU THREADS PER CUDA BLOCK (multiple of 32)
150                             # SIMULATED HISTORIES PER GPU THREAD

#[SECTION SOURCE v.2011-07-12]
spectrum.spc                    # X-RAY ENERGY SPECTRUM FILE
{position}                      # SOURCE POSITION: X Y Z [cm]
{cosines}                       # SOURCE DIRECTION COSINES: U V W
{angles}                        # POLAR AND AZIMUTHAL APERTURES FOR THE FAN BEAM [degrees]

#[SECTION IMAGE DETECTOR v.2009-12-02]
image_{number:04d}.dat          # OUTPUT IMAGE FILE NAME
{DETECTOR_PX}  {DETECTOR_PX}    # NUMBER OF PIXELS IN THE IMAGE: Nx Nz
{DETECTOR_CM}  {DETECTOR_CM}    # IMAGE SIZE (width, height): Dx Dz [cm]
{DETECTOR_DISTANCE_CM}          # SOURCE-TO-DETECTOR DISTANCE

#[SECTION CT SCAN TRAJECTORY v.2011-10-25]
1                               # NUMBER OF PROJECTIONS
0.0                             # ANGLE BETWEEN PROJECTIONS [degrees]
-3600.0  3600.0                 # ANGLES OF INTEREST
60.0                            # SOURCE-TO-ROTATION AXIS DISTANCE
0.0                             # VERTICAL TRANSLATION BETWEEN PROJECTIONS (HELICAL SCAN)

#[SECTION DOSE DEPOSITION v.2012-12-12]
YES                             # TALLY MATERIAL DOSE? [YES/NO]
YES                             # TALLY 3D VOXEL DOSE? [YES/NO]
dose_{number:04d}.dat           # OUTPUT VOXEL DOSE FILE NAME
1  {nx}                         # VOXEL DOSE ROI: X-index min max (first voxel has index 1)
1  {ny}                         # VOXEL DOSE ROI: Y-index min max
1  {nz}                         # VOXEL DOSE ROI: Z-index min max

#[SECTION VOXELIZED GEOMETRY FILE v.2009-11-30]
phantom.vox                     # VOXEL GEOMETRY FILE (penEasy 2008 format; .gz accepted)

#[SECTION MATERIAL FILE LIST v.2009-11-30]
{materials}

# >>>> END INPUT FILE >>>>
"""


def _write_voxels(path: Path, phantom: Phantom) -> None:
    """The phantom in penEasy's format, x fastest: material number from 1, density in g/cm^3."""
    nx, ny, nz = phantom.hu.shape
    size = "  ".join(f"{s / 10:.6f}" for s in phantom.spacing_mm)
    rows = np.column_stack(
        [phantom.material.ravel(order="F") + 1, phantom.density.ravel(order="F")]
    )
    with whole(path) as unfinished, unfinished.open("w", encoding="ascii") as file:
        file.write(
            f"[SECTION VOXELS HEADER v.2008-04-13]\n{nx} {ny} {nz}   No. OF VOXELS IN X,Y,Z\n"
            f"{size}   VOXEL SIZE (cm) ALONG X,Y,Z\n"
            " 1                  COLUMN NUMBER WHERE MATERIAL ID IS LOCATED\n"
            " 2                  COLUMN NUMBER WHERE THE MASS DENSITY IS LOCATED\n"
            " 0                  BLANK LINES AT END OF X,Y-CYCLES (1=YES,0=NO)\n"
            "[END OF VXH SECTION]\n"
        )
        np.savetxt(file, rows, fmt=["%d", "%.5g"])


def _write_spectrum(path: Path, beam: Spectrum) -> None:
    """Photons by lower edge of the energy bin (eV); a negative number ends the table."""
    step = float(beam.kev[1] - beam.kev[0])
    used = np.flatnonzero(beam.photons > 0)
    lines = [
        f"{1000 * (beam.kev[n] - step / 2):.1f}  {beam.photons[n]:.6e}"
        for n in range(used[0], used[-1] + 1)
    ]
    lines.append(f"{1000 * (beam.kev[used[-1]] + step / 2):.1f}  -1")
    write_text(path, "\n".join(lines) + "\n")


def _readme(beams: BeamList) -> str:
    names = ", ".join(f"{n} ({low:g} to {high:g} HU)" for n, low, high in MATERIALS)
    return (
        "MC-GPU v1.3 input, a file a beam. dose_NNNN.dat is per history: multiply by the weight\n"
        f"in the input file's second line ({beams.weight_unit}) and normalise to the kerma of the\n"
        "spectrum at the reference distance. The field is symmetric and without roll: it holds\n"
        "the true field and is larger. Materials by HU: "
        f"{names}.\nThe material files come with MC-GPU and are not included.\n"
    )
