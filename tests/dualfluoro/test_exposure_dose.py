"""Dose in a trial: settings, dose reports, image headers, tube off, the report that is written."""

import json
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from calibration import Camera, Rig, Rigid
from drr import Volume
from dualfluoro import load_trial
from dualfluoro.dose_events import check_reference, events_of, outputs_of_events
from dualfluoro.dose_rdsr import chamber_ratio, read_rdsr
from dualfluoro.dose_settings import outputs_of
from dualfluoro.dose_sr_items import text
from dualfluoro.dose_sr_tree import all_of, anywhere, text_of
from dualfluoro.dose_sr_write import frame_uid_of, write_dose_sr
from dualfluoro.exposure_covariance import with_covariances
from dualfluoro.exposure_head import check_places, check_sides
from dualfluoro.exposure_tube import is_exposed
from dualfluoro.exposures import sha256_of
from exposure import Field, Head, Lens, Skin, Structure, TubeOutput, expose_track
from registration.track import track_of_poses

sys.path.insert(0, str(Path(__file__).parent))
from dose_report_files import dcm, event, report_file

REPORTS = Path(__file__).parents[3] / "shared/data/rdsr"


def test_the_settings_give_each_frame_its_output(trial):
    text = (trial / "trial.toml").read_text()
    (trial / "kvp.csv").write_text("kvp\n70\n80\n90\n")
    more = 'kvp = { A = "kvp.csv" }\nfiltration_al_mm = { A = 3.1 }\nkerma_mGy = { B = 0.0 }\n'
    line = "reference_distance_mm = 600.0\n"
    (trial / "trial.toml").write_text(text.replace(line, line + more))
    outputs = outputs_of(load_trial(trial).exposure.dose, 3)
    assert [frame["A"].kvp for frame in outputs] == [70, 80, 90]
    assert outputs[0]["A"] == TubeOutput(kvp=70.0, al_mm=3.1)
    assert outputs[0]["B"].on is False
    (trial / "kvp.csv").write_text("kvp\n70\n8\n90\n")
    with pytest.raises(
        ValueError, match=r"kvp\.csv: kvp must be within 40 and 150 .* frame 1 has 8"
    ):
        outputs_of(load_trial(trial).exposure.dose, 3)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("support_transmission = { A = 1.2 }", "number of transmission .0.01 to 1."),
        ("kvp = { C = 80 }", "no view 'C'"),
        ("kap_Gycm2 = { A = -1 }", "number of Gycm2"),
        ('structures = "l.nii.gz"', "go together"),
        ('structures = "l.nii.gz"\nstructure_labels = { a = 1.5 }', "'a' must be a whole number"),
        ('structures = "l.nii.gz"\nstructure_labels = { a = 0 }', "0 is the background"),
        ('structures = "l.nii.gz"\nstructure_labels = { a = 1, b = 1 }', "'a' and 'b' are both"),
        (
            'structures = "l.nii.gz"\nstructure_labels = { lens_lft = 1 }',
            "no lens 'lens_lft'; did you mean 'lens_left'",
        ),
        ("kap_Gycm2 = { A = 4000.0 }", "Gycm2 .0 to 100. or a CSV, found 4000"),
        (
            "collimation = { A = [[900, 900], [990, 900], [990, 990]] }",
            "beside the image of 128 x 128 pixels",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(trial, line, message):
    text = (trial / "trial.toml").read_text()
    place = "reference_distance_mm = 600.0\n"
    (trial / "trial.toml").write_text(text.replace(place, place + line + "\n"))
    with pytest.raises(ValueError, match=message):
        load_trial(trial)


@pytest.mark.parametrize("distance", ["0.6", "6e5", "1e300", "-600.0"])
def test_a_reference_distance_in_another_unit_is_refused(trial, distance):
    text = (trial / "trial.toml").read_text()
    place = "reference_distance_mm = 600.0"
    (trial / "trial.toml").write_text(text.replace(place, f"reference_distance_mm = {distance}"))
    with pytest.raises(ValueError, match=r"within 50 and 5000 mm, found .* another unit"):
        load_trial(trial)


def test_structures_of_another_scan_and_exchanged_lenses_are_refused():
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -100
    volume = Volume(np.zeros((101, 101, 101), np.int16), affine)

    def at(*center_ct):
        return Structure(np.zeros((1, 3)), np.array(center_ct), 1.0)

    check_places({"a": at(0.0, 0, 0), "b": at(-110.0, 0, 0)}, volume, "l.nii.gz")
    with pytest.raises(ValueError, match=r"l\.nii\.gz: 'b' lies 4900 mm beside the CT"):
        check_places({"b": at(0.0, 5000, 0)}, volume, "l.nii.gz")
    left, right = Lens(np.array([-30.0, 80, 0])), Lens(np.array([30.0, 80, 0]))
    check_sides({"left": left, "right": right}, np.eye(3))
    check_sides({"left": right}, np.eye(3))
    with pytest.raises(ValueError, match="lens_left lies 60 mm to the right of lens_right"):
        check_sides({"left": right, "right": left}, np.eye(3))


def test_a_report_is_read_in_any_unit_and_its_conflicts_are_told(tmp_path):
    path = report_file(
        tmp_path / "r.dcm", event(), event((0.0012, "Gy"), plane="113621", secondary=183.0)
    )
    report = read_rdsr(path)
    first, second = report.events
    assert (first.kerma_mGy, second.kerma_mGy) == (1.2, pytest.approx(1.2))
    assert first.kap_Gycm2 == pytest.approx(0.06)
    assert (first.plane, first.reference_mm, first.kvp) == ("A", 635.0, 80.0)
    assert report.conflicts == ("event 1: secondary angle 183 deg is beyond DICOM's +-90",)
    outputs = outputs_of_events(
        events_of(report, ["A", "B"], 3), ["A", "B"], [{"A": TubeOutput(al_mm=3.1)}] * 3
    )
    assert outputs[0]["A"].kerma_mGy == pytest.approx(0.4)
    assert (outputs[0]["A"].al_mm, outputs[0]["A"].kvp) == (3.1, 80.0)
    check_reference(report.events, 635.0)
    with pytest.raises(ValueError, match="lies at 635 mm"):
        check_reference(report.events, 600.0)
    with pytest.raises(ValueError, match="needs reference_distance_mm"):
        check_reference(report.events, None)
    with pytest.raises(ValueError, match="2 events, of which these have about 40 pulses: none"):
        events_of(report, ["A", "B"], 40)
    with pytest.raises(ValueError, match="one event a view"):
        events_of(report, ["A", "B"], 3, (0, 7))


def test_what_is_no_report_is_refused(tmp_path):
    (tmp_path / "r.dcm").write_bytes(b"\0" * 500)
    with pytest.raises(ValueError, match="not a DICOM dose report"):
        read_rdsr(tmp_path / "r.dcm")
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_rdsr(tmp_path / "none.dcm")
    with pytest.raises(ValueError, match="event 0: code 113738: unit 'rad' is none of Gy"):
        read_rdsr(report_file(tmp_path / "u.dcm", event((1.0, "rad"))))
    with pytest.raises(ValueError, match="no irradiation event"):
        read_rdsr(report_file(tmp_path / "n.dcm", text(dcm("113780"), "x")))


@pytest.mark.parametrize(
    ("name", "events", "kerma_mGy", "reference_mm", "ratio"),
    [
        ("pyskindose/siemens_axiom_example_procedure", 24, 0.13, 635.0, 1.073),
        ("pyskindose/philips_allura_clarity_u104", 25, 0.0045913682, None, None),
        ("openrem/RF-RDSR-Canon-Alphenix-rotational", 49, 0.002, 550.0, 0.882),
        ("openrem/RF-RDSR-GE-OECEliteMiniView", 22, 0.03621658, None, None),
        ("openrem/RF-RDSR-Siemens-Zee", 8, 0.14, 635.0, None),
    ],
)
def test_reports_of_four_makers_are_read(name, events, kerma_mGy, reference_mm, ratio):
    path = REPORTS / f"{name}.dcm"
    if not path.is_file():
        pytest.skip("needs the data folder beside the repository")
    report = read_rdsr(path)
    first = report.events[0]
    assert len(report.events) == events
    assert first.kerma_mGy == pytest.approx(kerma_mGy)
    assert first.reference_mm == reference_mm
    assert chamber_ratio(first) == (None if ratio is None else pytest.approx(ratio, abs=1e-3))
    if "Canon" in name:
        assert "795 x 635 mm = 504825 mm2, but its area is 95609.5" in report.conflicts[0]
    assert ("differ" in report.secondary_sign) == ("Siemens" in report.maker)


def test_an_image_without_exposure_is_known():
    rng = np.random.default_rng(0)
    dark = (0.01 + 0.003 * rng.standard_normal((256, 256))).astype(np.float32)
    ramp = np.linspace(0, 0.5, 256, dtype=np.float32)[None] + dark
    assert not is_exposed(dark, True)
    assert not is_exposed(np.zeros((256, 256), np.float32), True)
    assert not is_exposed(1 - dark, False)
    assert is_exposed(ramp, True) and is_exposed(1 - ramp, False)
    assert is_exposed(ramp / 16, True)  # 12 bits in a file of 16
    assert is_exposed(dark + 0.6, True)  # bright and flat: an open field


def test_the_poses_covariances_come_back_from_the_exposure_of_the_same_track(tmp_path):
    track = track_of_poses(Rigid.exp(np.zeros((2, 6))), np.array([0.0, 0.1]))
    track.write(tmp_path / "track.csv")
    center, matrix = np.array([1.0, 2, 3]), np.diag([1.0, 2, 3, 4e-6, 5e-6, 6e-6])
    document = {
        "pose_center_ct_mm": center.tolist(),
        "provenance": {"track_sha256": sha256_of(tmp_path / "track.csv")},
        "rows": [{"frame": 0}, {"frame": 1, "pose_covariance": matrix.tolist()}],
    }
    beside = tmp_path / "exposure.json"
    beside.write_text(json.dumps(document))
    found = with_covariances(track, tmp_path / "track.csv", center).covariance
    assert np.isnan(found[0]).all() and np.array_equal(found[1], matrix)
    for spoiled in ("", "[]", json.dumps(document | {"pose_center_ct_mm": [1, 2, 4]})):
        beside.write_text(spoiled)
        assert np.isnan(with_covariances(track, tmp_path / "track.csv", center).covariance).all()


def test_the_dose_report_has_the_beams_in_the_patients_frame(tmp_path):
    corners = np.array([[x, y, z] for x in (-80, 80) for y in (-80, 80) for z in (-80, 80.0)])
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
    faces += [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
    head = Head(
        Skin.from_mesh(corners, np.array(faces)), Rigid.exp(np.array([1.0, 2, 3, 0.1, 0, 0]))
    )
    K = np.array([[2000.0, 0, 255.5], [0, 2000.0, 255.5], [0, 0, 1]])
    motion = np.array([[1.0, 0, 0, 5], [0, 0, -1, 7], [0, 1, 0, 650], [0, 0, 0, 1]])
    rig = Rig((Camera(K, motion, 512, 512, name="A"),))
    pose = Rigid.exp(np.array([[3.0, -2, 1, 0.1, 0.2, 0.3]]))
    outputs = [{"A": TubeOutput(kerma_mGy=0.02)}]
    outline = np.array([[100, 120], [400, 110], [380, 420], [90, 400.0]])
    frames, _ = expose_track(
        track_of_poses(pose, np.zeros(1)), rig, head, [[Field(outline, "given")]], 600.0, outputs
    )
    uid = frame_uid_of(tmp_path / "none", "abc")
    assert uid == frame_uid_of(tmp_path / "none", "abc") and len(uid) <= 64
    write_dose_sr(tmp_path / "sr.dcm", frames, rig, head, uid, 600.0)
    data = pydicom.dcmread(tmp_path / "sr.dcm")
    assert data.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.76"
    (details,) = all_of(data, "130505")
    assert text_of(details, "112227") == uid
    assert text_of(details, "130506") == "Patient Coordinate System Origin"
    (one,) = all_of(details, "113706")
    cells = all_of(one, "130520")[0].CellValuesSequence
    matrix = np.array([cell.SelectorFDValue for cell in cells]).reshape(4, 4)
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1)
    ct_from_cam = np.linalg.inv(np.asarray(rig["A"].cam_from_world @ pose[0]))
    lps = np.diag([-1.0, -1, 1])
    assert matrix[:3, 3] == pytest.approx(lps @ ct_from_cam[:3, 3], abs=1e-6)
    (drawn,) = all_of(one, "130517")
    points_lps = np.array(drawn.GraphicData).reshape(-1, 3)
    assert np.array_equal(points_lps[0], points_lps[-1])
    seen = np.asarray(rig["A"].project(pose[0] @ (points_lps[:-1] @ lps)))
    assert seen == pytest.approx(outline, abs=1e-3)
    (point,) = all_of(one, "130526")
    distance = np.linalg.norm(np.array(point.GraphicData) - matrix[:3, 3])
    assert distance == pytest.approx(600, abs=1e-4)
    source_axis = matrix[:3, 2]
    assert (np.array(point.GraphicData) - matrix[:3, 3]) / 600 == pytest.approx(
        source_axis, abs=1e-6
    )
    area = frames[0].views[0].field_area_reference_mm2
    value = next(anywhere(one, "130516")).MeasuredValueSequence[0].NumericValue
    assert float(value) == pytest.approx(area, rel=1e-6)
