import csv
import json
import math

import numpy as np
import pytest
import pyvista as pv
import torch

from calibration import Rigid
from exposure import (
    COLUMNS,
    Field,
    Head,
    Lens,
    TubeOutput,
    expose,
    expose_track,
    write_exposure_csv,
    write_exposure_json,
)
from registration.track import track_of_poses

OUTLINE = np.array([[180, 190], [420, 170], [450, 400], [200, 430.0]])


@pytest.fixture
def head(egg):
    lenses = {"left": Lens(np.array([-31.0, 76.0, 12.0]))}
    return Head(egg, Rigid.identity(), "as the test has it", np.zeros(3), lenses)


def three_frames(lost=(1,)):
    """A head that turns by 10 degrees a frame; some frames are lost."""
    twists = np.zeros((3, 6))
    twists[:, 5] = np.radians([0, 10, 20])
    motion = Rigid.exp(twists)
    translation = motion.t.clone()
    translation[list(lost)] = torch.nan
    return track_of_poses(Rigid(motion.R, translation), np.array([0.0, 0.1, 0.2]))


def exposed(head, rig, **more):
    fields = [[Field(OUTLINE, "given"), None]] * 3
    return expose_track(three_frames(), rig, head, fields, 600.0, **more)


def test_every_frame_and_view_has_a_row_and_a_lost_one_only_four_cells(tmp_path, head, rig):
    frames, _ = exposed(head, rig)
    write_exposure_csv(tmp_path / "exposure.csv", frames)
    with (tmp_path / "exposure.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row[:4] for row in rows[1:]] == [
        ["0", "0", "A", "ok"],
        ["0", "0", "B", "ok"],
        ["1", "0.1", "A", "lost"],
        ["1", "0.1", "B", "lost"],
        ["2", "0.2", "A", "ok"],
        ["2", "0.2", "B", "ok"],
    ]
    assert set(rows[3][4:]) == {""}
    assert not any(cell in {"nan", "None", "-0", "inf"} for row in rows for cell in row)


def test_the_cells_are_the_numbers_of_expose(tmp_path, head, rig):
    frames, _ = exposed(head, rig)
    write_exposure_csv(tmp_path / "exposure.csv", frames)
    with (tmp_path / "exposure.csv").open(newline="") as file:
        row = list(csv.DictReader(file))[4]
    pose = Rigid.exp(np.array([0, 0, 0, 0, 0, np.radians(20)]))
    alone = expose(pose, rig, head, [Field(OUTLINE, "given"), None], 600.0)[0]
    for name in ("ssd_mm", "beam_x", "primary_angle_deg", "skin_area_mm2", "k_isq"):
        assert float(row[name]) == pytest.approx(getattr(alone, name), rel=1e-8)
    assert row["lens_left_in_field"] in ("0", "1")
    assert row["lens_right_in_field"] == ""
    assert row["field_source"] == "given"


def test_the_json_holds_the_same_with_outlines_and_provenance(tmp_path, head, rig):
    frames, _ = exposed(head, rig)
    write_exposure_json(tmp_path / "exposure.json", frames, head, {"program": "test"})
    document = json.loads((tmp_path / "exposure.json").read_text())
    assert document["format"] == "dualfluoro-exposure"
    assert document["skull_frame"] == "as the test has it"
    assert document["provenance"] == {"program": "test"}
    assert document["skin"]["sha256"] == head.skin.sha256
    first, lost = document["rows"][0], document["rows"][2]
    assert document["fields_px"][first["field"]] == OUTLINE.tolist()
    expected_mm = (OUTLINE - rig["A"].K[:2, 2].numpy()) * rig["A"].pixel_spacing_mm
    assert document["fields_mm"][first["field"]] == pytest.approx(expected_mm)
    assert [len(outline) for outline in document["fields_mm"]] == [4, 4]
    assert first["ssd_mm"] == pytest.approx(frames[0].views[0].ssd_mm, rel=1e-8)
    assert len(first["patch_outline_skull_mm"]) >= 60
    assert lost == {"frame": 1, "time_s": 0.1, "view": "A", "status": "lost"}
    assert len(document["fields_px"]) == 2


def test_a_write_that_fails_leaves_the_old_file(tmp_path, head, rig):
    path = tmp_path / "exposure.json"
    path.write_text("old")
    frames, _ = exposed(head, rig)
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_exposure_json(path, frames, head, {"program": object()})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_track_gives_its_uncertainty_where_it_has_one(head, rig):
    assert exposed(head, rig)[0][0].views[0].ssd_sd_mm is None
    track = three_frames()
    track.sd_translation_mm[:] = 0.6
    track.sd_rotation_deg[:] = 0.3
    told = expose_track(track, rig, head)[0]
    assert told[0].views[0].ssd_sd_mm > 0.3
    track.covariance[:] = np.diag([1.0, 1, 1, 0, 0, 0])
    assert expose_track(track, rig, head)[0][0].views[0].ssd_sd_mm > 0.9


def test_the_skin_map_counts_frames_and_sums_the_inverse_square(tmp_path, head, rig):
    done = []
    frames, skin_map = exposed(
        head, rig, outputs=[{"A": TubeOutput(kerma_mGy=0.02)}] * 3, progress=done.append
    )
    assert done == [1, 2, 3]
    assert skin_map.frames_hit.max() == 2  # the lost frame counts nowhere
    hit = skin_map.frames_hit > 0
    assert not (hit[0] & ~(skin_map.k_isq_sum > 0)).any()
    only_a = hit[0] & ~hit[1]
    assert skin_map.kerma_sum_mGy[only_a] == pytest.approx(0.02 * skin_map.k_isq_sum[only_a])
    assert (skin_map.kerma_sum_mGy[hit[1] & ~hit[0]] == 0).all()
    area = head.skin.area_mm2[(skin_map.frames_overlapping == 2)].sum()
    assert area < max(view.overlap_area_mm2 for view in frames[0].views) * 1.1
    skin_map.write(tmp_path / "skin.vtp")
    mesh = pv.read(tmp_path / "skin.vtp")
    assert np.array_equal(mesh.cell_data["frames_hit_A"], skin_map.frames_hit[0])
    assert [p.name for p in tmp_path.iterdir()] == ["skin.vtp"]


def test_memory_of_the_patches_is_given_back(head, rig):
    assert all(view.patch is None for frame in exposed(head, rig)[0] for view in frame.views)


def test_fields_for_the_wrong_number_of_frames_are_refused(head, rig):
    with pytest.raises(ValueError, match="fields are for 1 frames, the track has 3"):
        expose_track(three_frames(), rig, head, [[None, None]])


def entry_of(view):
    return view.entry_x_mm, view.entry_y_mm, view.entry_z_mm


def test_a_view_exposed_later_sees_the_head_moved_on(head, rig):
    """10 deg in 0.1 s: after 0.04 s it has turned by 4 deg more."""
    track = three_frames(lost=())
    offsets = [0.0] * (len(rig) - 1) + [0.04]
    frames, _ = expose_track(track, rig, head, time_offsets_s=offsets)
    twist = np.array([0, 0, 0, 0, 0, np.radians(14.0)])
    later = expose(Rigid.exp(twist), rig, head)
    now = expose(track.world_from_ct[1], rig, head)
    for place, expected in ((0, now[0]), (-1, later[-1])):
        found = frames[1].views[place]
        assert entry_of(found) == pytest.approx(entry_of(expected), abs=1e-6)
        assert found.ssd_mm == pytest.approx(expected.ssd_mm, abs=1e-6)
    assert math.dist(entry_of(now[-1]), entry_of(later[-1])) > 1


def test_a_frame_alone_has_no_known_motion(head, rig):
    frames, _ = expose_track(three_frames(lost=(1, 2)), rig, head, time_offsets_s=[0.01] * len(rig))
    assert all("motion_unknown" in view.flags for view in frames[0].views)
