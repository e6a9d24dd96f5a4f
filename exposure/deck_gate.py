"""A script for GATE 10 (opengate): the CT as voxels, and a source a beam.

The field of each source is the rectangle in its own axes that just holds the true field: exact to
the left and right, and above and below to 1 % at 8 degrees from the axis. Sources and phantom are
in the frame of the box about its middle, which GATE puts at the world's origin.
"""

import json
import math
from pathlib import Path

import numpy as np

from calibration.atomic import write_json, write_text
from drr.spectrum import Spectrum

from .beam_list import PLANE_MM, BeamList, ListedBeam
from .deck_phantom import MATERIALS, Phantom

G4_NAMES = {
    "air": "G4_AIR",
    "adipose": "G4_ADIPOSE_TISSUE_ICRP",
    "soft_tissue": "G4_TISSUE_SOFT_ICRP",
    "bone": "G4_BONE_COMPACT_ICRU",
}
PHOTONS = 10_000_000
SCRIPT = """# Written by dualfluoro for opengate 10: python gate_deck.py; needs opengate.

import json
from pathlib import Path

import numpy as np
import opengate as gate

here = Path(__file__).parent
deck = json.loads((here / "gate_deck.json").read_text())
mm, deg, keV = gate.g4_units.mm, gate.g4_units.deg, gate.g4_units.keV

sim = gate.Simulation()
sim.output_dir = here / "output"
sim.random_seed = 1
sim.physics_manager.physics_list_name = "G4EmStandardPhysics_option4"
sim.world.size = [size * mm for size in deck["world_size_mm"]]
sim.world.material = "G4_AIR"

head = sim.add_volume("Image", "head")
head.image = str(here / "phantom.mhd")
head.material = "G4_AIR"
head.voxel_materials = deck["voxel_materials"]

total = sum(beam["weight"] for beam in deck["beams"])
for number, beam in enumerate(deck["beams"]):
    focus = sim.add_volume("Box", f"focus_{number}")
    focus.size = [0.01 * mm] * 3
    focus.material = "G4_AIR"
    focus.translation = [x * mm for x in beam["source_mm"]]
    focus.rotation = np.array(beam["world_from_beam"])  # beam: x ahead, y left, z up
    source = sim.add_source("GenericSource", f"beam_{number}")
    source.attached_to = focus.name
    source.particle = "gamma"
    source.n = round(deck["photons"] * beam["weight"] / total)
    source.position.type = "disc"
    source.position.radius = 0 * mm
    source.direction_relative_to_attached_volume = True
    source.direction.type = "iso"
    source.direction.theta = [angle * deg for angle in beam["theta_deg"]]
    source.direction.phi = [angle * deg for angle in beam["phi_deg"]]
    source.energy.type = "histogram"
    source.energy.histogram_energy = [energy * keV for energy in deck["spectrum_keV"]]
    source.energy.histogram_weight = deck["spectrum_weights"]

dose = sim.add_actor("DoseActor", "dose")
dose.attached_to = head
dose.size = deck["voxels"]
dose.spacing = [spacing * mm for spacing in deck["spacing_mm"]]
dose.output_filename = "dose.mhd"
dose.dose.active = True

if __name__ == "__main__":
    sim.run()
"""


def write_gate(folder: Path, beams: BeamList, phantom: Phantom, beam_spectrum: Spectrum) -> None:
    """Write phantom.mhd (and .raw), gate_deck.json with all numbers, and gate_deck.py."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_image(folder / "phantom.mhd", phantom)
    used = beam_spectrum.photons > 0
    sources = [gate_beam(beam, phantom) for beam in beams.beams]
    reach = max((np.abs(source["source_mm"]).max() for source in sources), default=0.0)
    document = {
        "format": "dualfluoro-gate",
        "version": 1,
        "weight_unit": beams.weight_unit,
        "photons": PHOTONS,
        "world_size_mm": [float(2 * max(reach, s) + 100) for s in phantom.size_mm],
        "voxels": list(phantom.hu.shape),
        "spacing_mm": phantom.spacing_mm.tolist(),
        "voxel_materials": [
            [max(low, -5000.0), min(high, 30000.0), G4_NAMES[name]] for name, low, high in MATERIALS
        ],
        "spectrum_keV": beam_spectrum.kev[used].tolist(),
        "spectrum_weights": (beam_spectrum.photons[used] / beam_spectrum.photons.sum()).tolist(),
        "box_from_ct": phantom.box_from_ct.tolist(),
        "beams": [
            source | {"frame": beam.frame, "view": beam.view, "weight": beam.weight}
            for source, beam in zip(sources, beams.beams, strict=True)
        ],
    }
    write_json(folder / "gate_deck.json", document)
    write_text(folder / "gate_deck.py", SCRIPT)


def gate_beam(beam: ListedBeam, phantom: Phantom) -> dict:
    """Source (mm, about the box's middle), axes and angles as `iso` sources have them.

    Geant4's isotropic flux moves along -(sin t cos p, sin t sin p, cos t): at t = p - 90 = 90 deg
    ahead along x; more p turns it to the left (y), more t upwards (z).
    """
    motion = phantom.box_from_ct
    turn = motion[:3, :3]
    ahead, up = turn @ beam.direction, turn @ beam.up
    low, high = beam.polygon_mm.min(axis=0) / PLANE_MM, beam.polygon_mm.max(axis=0) / PLANE_MM
    sides = (high[0], -low[0], high[1], -low[1])
    right, left, above, below = (math.degrees(math.atan(side)) for side in sides)
    source = turn @ beam.source + motion[:3, 3] - phantom.size_mm / 2
    return {
        "source_mm": source.tolist(),
        "world_from_beam": np.stack([ahead, np.cross(up, ahead), up], axis=1).tolist(),
        "theta_deg": [90 - below, 90 + above],
        "phi_deg": [180 - right, 180 + left],
    }


def gate_directions(source: dict, corners: int = 2) -> np.ndarray:
    """Unit directions at the edges of a source's field, in the box, by Geant4's formula."""
    theta, phi = (
        np.radians(np.linspace(source[name][0], source[name][1], corners))
        for name in ("theta_deg", "phi_deg")
    )
    t, p = np.meshgrid(theta, phi, indexing="ij")
    local = -np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], axis=-1)
    return local.reshape(-1, 3) @ np.array(source["world_from_beam"]).T


def read_gate(folder: Path) -> dict:
    """The numbers of a deck; ValueError where they are none."""
    path = folder / "gate_deck.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not isinstance(document, dict) or document.get("format") != "dualfluoro-gate":
        raise ValueError(f"{path}: not a deck for GATE that was written here")
    return document


def _write_image(path: Path, phantom: Phantom) -> None:
    """A MetaImage with identity axes: GATE takes a box's voxels, not its place in the scanner."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(np.transpose(phantom.hu).astype(np.int16))
    image.SetSpacing(phantom.spacing_mm.tolist())
    sitk.WriteImage(image, str(path))
