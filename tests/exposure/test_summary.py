"""A trial in few numbers, and its skin map as a picture."""

import json

import cv2
import numpy as np
import pytest
import pyvista as pv

from calibration import Rig, Rigid
from exposure import (
    Head,
    Lens,
    TubeOutput,
    expose_track,
    summary_of,
    write_exposure_json,
    write_skin_picture,
)
from exposure.skin_picture import MARGIN_PX, SIDE_PX, shown_of, skin_picture
from exposure.subject_map import summed_maps, write_summed_maps
from registration.track import track_of_poses


@pytest.fixture(scope="module")
def trial(coarse_sphere, make_camera, cone):
    """A sphere that turns by 10 degrees a frame before one source at its back, then is lost."""
    head = Head(coarse_sphere, lenses={"left": Lens(np.array([0.0, -80.0, 0.0]))})
    twists = np.zeros((5, 6))
    twists[:, 5] = np.radians([0, 10, 20, 30, 0])
    motion = Rigid.exp(twists)
    motion.t[4] = np.nan
    track = track_of_poses(motion, 0.04 * np.arange(5))
    track.sd_translation_mm[:4], track.sd_rotation_deg[:4] = 0.1, 0.1
    outputs = [{"A": TubeOutput(kerma_mGy=0.5)}] * 3 + [{"A": TubeOutput(on=False)}] * 2
    rig = Rig((make_camera(0.0),))
    frames, skin_map = expose_track(track, rig, head, [[cone(3)]] * 5, 600.0, outputs)
    return head, frames, skin_map


def test_frames_times_and_sums_are_those_of_the_rows(trial):
    _, frames, skin_map = trial
    summary = summary_of(frames, skin_map)
    view = summary["views"]["A"]
    assert (summary["frames"], summary["lost"]) == (5, 1)
    assert (view["frames_exposed"], view["frames_tube_off"]) == (3, 1)
    assert view["time_exposed_s"] == pytest.approx(0.12)
    rows = [frame.views[0] for frame in frames]
    kerma = sum(row.entrance_kerma_mGy for row in rows[:3])
    assert view["incident_kerma_mGy_sum"] == pytest.approx(kerma)
    assert view["skin_dose_mGy_sum"] is None
    # The head turns to its left, so the detector goes round to its right: 0, -10, -20 degrees.
    assert view["primary_angle_deg"]["least"] == pytest.approx(-20)
    assert view["primary_angle_deg"]["most"] == pytest.approx(0, abs=1e-9)
    assert sum(part["frames"] for part in view["head_angles"]) == 3
    lens = view["lenses"]["left"]
    inside = [row for row in rows[:3] if row.lens_left_in_field]
    assert lens["frames_in_field"] == len(inside) == 3 - (not rows[2].lens_left_in_field)
    assert lens["time_in_field_s"] == pytest.approx(0.04 * len(inside))
    free = sum(0.5 * (600 / row.lens_left_distance_mm) ** 2 for row in inside)
    assert lens["kerma_free_in_air_mGy"] == pytest.approx(free)
    assert lens["frames_expected"] == pytest.approx(sum(r.lens_left_probability for r in rows[:3]))
    assert summary["lenses"]["right"] is None
    peak = summary["skin"]["peak_kerma_sum_mGy"]
    assert peak["value"] == skin_map.kerma_sum_mGy.max()
    assert peak["place_skull_mm"][1] < -70  # where the cones overlap, at the back


def test_the_summary_stands_in_the_json(trial, tmp_path):
    head, frames, skin_map = trial
    write_exposure_json(tmp_path / "e.json", frames, head, {}, summary_of(frames, skin_map))
    document = json.loads((tmp_path / "e.json").read_text())
    assert document["summary"]["views"]["A"]["frames_exposed"] == 3
    assert document["lenses_ct"]["left"]["model"] == "sphere of radius 4.5 mm, marked"


def test_without_kerma_the_values_are_relative_and_it_is_said(coarse_sphere, make_camera):
    track = track_of_poses(Rigid.exp(np.zeros((1, 6))), np.zeros(1))
    frames, skin_map = expose_track(track, Rig((make_camera(0.0),)), Head(coarse_sphere))
    summary = summary_of(frames, skin_map)
    assert summary["dose"] == "relative values only: no kerma given"
    assert summary["frame_duration_s"] is None
    assert shown_of(skin_map).label == "frames hit, all views"
    assert "peak_kerma_sum_mGy" not in summary["skin"]


def test_the_picture_shows_the_back_of_the_head_in_colour_and_its_front_grey(trial, tmp_path):
    _, _, skin_map = trial
    assert shown_of(skin_map).label == "incident air kerma, mGy"
    picture = skin_picture(skin_map).astype(int)
    colour = np.ptp(picture, axis=2) > 30
    front, back = (
        colour[MARGIN_PX : MARGIN_PX + SIDE_PX, n * SIDE_PX : (n + 1) * SIDE_PX].mean()
        for n in (0, 1)
    )
    assert front == 0 and back > 0.05
    write_skin_picture(tmp_path / "skin.png", skin_map)
    assert cv2.imread(str(tmp_path / "skin.png")).shape == picture.shape
    with pytest.raises(ValueError, match=r"end its name in \.png"):
        write_skin_picture(tmp_path / "skin.jpg", skin_map)


def test_the_trials_of_one_subject_add_up_on_its_skin(trial, make_sphere, tmp_path):
    _, _, skin_map = trial
    for name in ("a.vtp", "b.vtp"):
        skin_map.write(tmp_path / name)
    write_summed_maps([tmp_path / "a.vtp", tmp_path / "b.vtp"], tmp_path / "both.vtp")
    both = pv.read(tmp_path / "both.vtp")
    assert np.array_equal(both.cell_data["frames_hit"], 2 * skin_map.frames_hit.sum(axis=0))
    assert both.cell_data["kerma_sum_mGy"] == pytest.approx(2 * skin_map.kerma_sum_mGy)
    skin = make_sphere(2)
    other = pv.PolyData.from_regular_faces(skin.vertices_ct, skin.faces)
    for name in ("frames_hit", "frames_overlapping", "k_isq_sum", "kerma_sum_mGy"):
        other.cell_data[name] = np.zeros(len(skin.faces))
    other.save(tmp_path / "c.vtp")
    with pytest.raises(ValueError, match=r"c\.vtp: its skin is not that of"):
        summed_maps([tmp_path / "a.vtp", tmp_path / "c.vtp"])
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        summed_maps([tmp_path / "none.vtp"])
    with pytest.raises(ValueError, match="no skin map to sum"):
        summed_maps([])
