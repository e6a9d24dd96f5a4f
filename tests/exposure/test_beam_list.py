"""Beams for other programs: what is written is read back and means the same beam."""

import csv
import math
import runpy

import numpy as np
import pytest
import SimpleITK as sitk

from calibration import Rigid
from drr.spectrum import spectrum
from drr.volume import Volume
from exposure import Field, Head, Matter, TubeOutput, expose_track
from exposure.beam_list import beams_of, read_beams, thinned, write_beams
from exposure.deck_gate import gate_directions, read_gate, write_gate
from exposure.deck_mcgpu import mcgpu_beam, read_mcgpu_beam, write_mcgpu
from exposure.deck_phantom import density_of, phantom_of
from registration.track import track_of_poses

OUTLINE = np.array([[180, 190], [420, 170], [450, 400], [200, 430.0]])
# Left-handed, with exchanged axes, in front of and above the origin.
AFFINE = np.array([[0, 0, -2.0, 60], [2.5, 0, 0, -80], [0, -2.0, 0, 70], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def head(egg):
    data = np.full((64, 70, 60), -1000, np.int16)
    data[20:40, 20:50, 15:45] = 40
    data[20:22, 20:22, 15:17] = 1000  # one corner is bone: posterior, superior, right
    skull = Rigid.exp(np.array([5.0, -6, 7, 0.2, -0.1, 0.3]))
    return Head(egg, skull, matter=Matter.of(Volume(data, AFFINE)))


@pytest.fixture(scope="module")
def frames(egg, rig, head):
    poses = Rigid.exp(
        np.array([[0, 0, 0, 0, 0, 0], [3, 2, -1, 0.1, 0.2, 0.3], [1, 1, 1, 0, 0, 1.0]])
    )
    outputs = [{"A": TubeOutput(kerma_mGy=0.02), "B": TubeOutput(kerma_mGy=0.03)}] * 3
    outputs[2] = {"A": TubeOutput(kerma_mGy=0.04), "B": TubeOutput(on=False, kerma_mGy=0.0)}
    track = track_of_poses(poses, np.array([0.0, 0.1, 0.2]))
    fields = [[Field(OUTLINE, "given"), None]] * 3
    return expose_track(track, rig, head, fields, 600.0, outputs)[0]


def test_a_listed_beam_is_the_cameras_own(frames, rig, head, tmp_path):
    beams = beams_of(frames, rig, head)
    assert [(b.frame, b.view, b.weight) for b in beams.beams] == [
        (0, "A", 0.02), (0, "B", 0.03), (1, "A", 0.02), (1, "B", 0.03), (2, "A", 0.04),
    ]  # fmt: skip
    write_beams(tmp_path / "beams.json", beams)
    beam = read_beams(tmp_path / "beams.json").beams[2]
    pose = Rigid.exp(np.array([3, 2, -1, 0.1, 0.2, 0.3]))
    cam_from_ct = np.asarray(rig["A"].cam_from_world @ pose)
    source = np.linalg.inv(cam_from_ct)[:3, 3]
    assert beam.source == pytest.approx(source, abs=1e-6)
    corners = beam.source + 1000 * beam.direction + beam.polygon_mm @ [beam.right, beam.up]
    seen = np.asarray(rig["A"].project(pose @ corners))
    assert seen == pytest.approx(OUTLINE, abs=1e-6)
    write_beams(tmp_path / "beams.csv", beams)
    with (tmp_path / "beams.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[2]["source_x_mm"]) == pytest.approx(source[0], rel=1e-8)
    polygon = [[float(x) for x in p.split()] for p in rows[2]["polygon_at_1m_mm"].split(";")]
    assert np.array(polygon) == pytest.approx(beam.polygon_mm, rel=1e-4)


def test_thinned_beams_keep_the_weight_of_each_view(frames, rig, head):
    few = thinned(beams_of(frames, rig, head), 2)
    assert {b.view: b.weight for b in few.beams} == {
        "A": pytest.approx(0.08),
        "B": pytest.approx(0.06),
    }


@pytest.mark.parametrize(
    "text", ["", "{}", '{"format": "dualfluoro-beams", "weight_unit": "", "beams": [{"frame": 0}]}']
)
def test_what_is_no_list_of_beams_is_refused(tmp_path, text):
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(ValueError, match=r"b\.json: not a list of beams"):
        read_beams(tmp_path / "b.json")


def test_the_phantom_keeps_every_voxel_in_its_place(head):
    phantom = phantom_of(head.matter, 2.0)
    volume = Volume(head.matter.data_hu, AFFINE)
    bone_ct = volume.points_ct(np.argwhere(head.matter.data_hu == 1000)).mean(axis=0)
    motion = phantom.box_from_ct
    assert np.linalg.det(motion[:3, :3]) == pytest.approx(1)
    at = (motion[:3, :3] @ bone_ct + motion[:3, 3]) / phantom.spacing_mm - 0.5
    assert np.argwhere(phantom.hu > 300).mean(axis=0) == pytest.approx(at, abs=0.6)
    assert phantom.material[tuple(np.rint(at).astype(int))] == 3
    assert density_of(np.array([0.0, 1000.0, -2000.0])) == pytest.approx([1.0, 1.609, 0.00120479])


def test_mc_gpu_gets_the_same_source_and_a_field_that_holds_the_true_one(
    frames, rig, head, tmp_path
):
    beams, phantom = beams_of(frames, rig, head), phantom_of(head.matter, 4.0)
    write_mcgpu(tmp_path, beams, phantom, spectrum(80.0, 3.1))
    assert len(list(tmp_path.glob("beam_*.in"))) == 5
    beam, motion = beams.beams[2], phantom.box_from_ct
    found = read_mcgpu_beam(tmp_path / "beam_0002.in")
    assert found.source_cm * 10 == pytest.approx(
        motion[:3, :3] @ beam.source + motion[:3, 3], abs=1e-4
    )
    assert found.direction == pytest.approx(motion[:3, :3] @ beam.direction, abs=1e-8)
    assert found.polar_deg == pytest.approx(mcgpu_beam(beam, phantom).polar_deg, abs=1e-5)
    widest = np.abs(beam.polygon_mm).max() / 1000
    assert (
        math.degrees(math.atan(widest)) < found.azimuthal_deg < 4 * math.degrees(math.atan(widest))
    )
    header = (tmp_path / "phantom.vox").read_text().splitlines()
    nx, ny, nz = (int(n) for n in header[1].split()[:3])
    assert len(header) == 7 + nx * ny * nz
    middle = np.array(header[7:])[
        np.ravel_multi_index((nx // 2, ny // 2, nz // 2), (nx, ny, nz), order="F")
    ]
    assert middle.split() == ["3", "1.04"]
    energies = [line.split() for line in (tmp_path / "spectrum.spc").read_text().splitlines()]
    assert energies[-1][1] == "-1" and 79_000 < float(energies[-1][0]) <= 81_000


def test_gate_gets_the_same_rays(frames, rig, head, tmp_path):
    beams, phantom = beams_of(frames, rig, head), phantom_of(head.matter, 4.0)
    write_gate(tmp_path, beams, phantom, spectrum(80.0, 3.1))
    deck = read_gate(tmp_path)
    source, beam = deck["beams"][2], beams.beams[2]
    turn, shift = phantom.box_from_ct[:3, :3], phantom.box_from_ct[:3, 3] - phantom.size_mm / 2
    assert source["source_mm"] == pytest.approx(turn @ beam.source + shift)
    rays_ct = gate_directions(source) @ turn
    on_plane = (
        rays_ct * (1000 / (rays_ct @ beam.direction))[:, None] @ np.stack([beam.right, beam.up]).T
    )
    low, high = beam.polygon_mm.min(axis=0), beam.polygon_mm.max(axis=0)
    assert np.array([on_plane.min(axis=0), on_plane.max(axis=0)]) == pytest.approx(
        np.array([low, high]), rel=0.02
    )
    assert sum(deck["spectrum_weights"]) == pytest.approx(1)
    image = sitk.ReadImage(str(tmp_path / "phantom.mhd"))
    assert image.GetSize() == phantom.hu.shape
    assert np.transpose(sitk.GetArrayFromImage(image)) == pytest.approx(phantom.hu, abs=1)
    compile((tmp_path / "gate_deck.py").read_text(), "gate_deck.py", "exec")


def test_the_script_for_gate_builds_what_the_deck_says(frames, rig, head, tmp_path, monkeypatch):
    """Run against a stand-in of opengate that keeps what is asked of it."""
    import sys
    import types

    made = {}

    class Kept(types.SimpleNamespace):
        def __getattr__(self, name):
            value = Kept()
            setattr(self, name, value)
            return value

    class Simulation(Kept):
        def add_volume(self, kind, name):
            made[name] = Kept(kind=kind, name=name)
            return made[name]

        add_source = add_actor = add_volume

    units = types.SimpleNamespace(mm=1.0, deg=math.pi / 180, keV=1e-3)
    gate = types.SimpleNamespace(g4_units=units, Simulation=Simulation)
    monkeypatch.setitem(sys.modules, "opengate", gate)
    write_gate(
        tmp_path, beams_of(frames, rig, head), phantom_of(head.matter, 4.0), spectrum(80.0, 3.1)
    )
    runpy.run_path(str(tmp_path / "gate_deck.py"))
    assert {name for name in made if name.startswith("beam")} == {f"beam_{n}" for n in range(5)}
    assert sum(made[f"beam_{n}"].n for n in range(5)) == pytest.approx(1e7, abs=5)
    assert made["beam_2"].attached_to == "focus_2"
    assert made["beam_2"].direction.theta[0] < math.pi / 2 < made["beam_2"].direction.theta[1]
