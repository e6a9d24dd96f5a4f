"""XA and RF recordings: their times, their compression, their planes, and what is told of them."""

import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless

from dualfluoro import load_trial
from dualfluoro.dicom_frames import open_dicom
from dualfluoro.dicom_notes import header_notes
from dualfluoro.dicom_pairs import pair_notes, planes_among, recording_of
from dualfluoro.exposure_header import read_header
from dualfluoro.frames import open_frames

sys.path.insert(0, str(Path(__file__).parent))
from xa_files import ENHANCED_XA, item, noisy, write_xa

GREY = noisy(4)
DATA = Path(__file__).parents[2] / "../shared/data/dicom"


def rle(frame):
    return bytes(
        RLELosslessEncoder.encode(
            frame.tobytes(),
            rows=frame.shape[0],
            columns=frame.shape[1],
            samples_per_pixel=1,
            number_of_frames=1,
            bits_allocated=16,
            bits_stored=12,
            pixel_representation=0,
            photometric_interpretation="MONOCHROME2",
            encoding_plugin="pydicom",
            use_numpy=False,
        )
    )


def enhanced(stamps):
    """Functional groups of frames that were taken at these stamps."""
    geometry = item(DistanceSourceToDetector=1150.0, DistanceSourceToPatient=720.0)
    shape = item(
        CollimatorShape="RECTANGULAR",
        CollimatorLeftVerticalEdge=11,
        CollimatorRightVerticalEdge=101,
        CollimatorUpperHorizontalEdge=21,
        CollimatorLowerHorizontalEdge=111,
    )
    angles = item(PositionerPrimaryAngle=-32.0, PositionerSecondaryAngle=2.0)
    shared = item(XRayGeometrySequence=[geometry], CollimatorShapeSequence=[shape])
    groups = [
        item(
            FrameContentSequence=[item(FrameAcquisitionDateTime=stamp)],
            PositionerPositionSequence=[angles],
        )
        for stamp in stamps
    ]
    return {
        "SOPClassUID": ENHANCED_XA,
        "SharedFunctionalGroupsSequence": [shared],
        "PerFrameFunctionalGroupsSequence": groups,
    }


@pytest.mark.parametrize(
    ("tags", "expected_s"),
    [
        ({"FrameTime": "40"}, [0, 0.04, 0.08, 0.12]),
        ({"FrameTimeVector": ["0", "40", "40", "80"], "FrameTime": "1"}, [0, 0.04, 0.08, 0.16]),
        ({"CineRate": 25}, [0, 0.04, 0.08, 0.12]),
        ({"FrameTime": "0"}, None),
        ({"FrameTime": "-3"}, None),
        (
            enhanced([f"20260102235959.{n}00000" for n in (0, 3, 6)] + ["20260103000000.000000"])
            | {"FrameTime": "7"},
            [0, 0.3, 0.6, 1.0],
        ),
    ],
)
def test_frame_times_come_from_the_header(tmp_path, tags, expected_s):
    write_xa(tmp_path / "x.dcm", GREY, **tags)
    _, _, times_s = open_dicom([tmp_path / "x.dcm"])
    if expected_s is None:
        assert times_s is None
    else:
        np.testing.assert_allclose(times_s, expected_s, atol=1e-9)


def test_single_frame_files_bring_the_times_they_were_taken_at(tmp_path):
    files = [tmp_path / f"{n}.dcm" for n in range(3)]
    for n, path in enumerate(files):
        stamp = f"20260102030405.{n}5"
        write_xa(path, GREY[n : n + 1], AcquisitionDateTime=stamp)
    _, read, times_s = open_dicom(files)
    np.testing.assert_allclose(times_s, [0, 0.1, 0.2], atol=1e-9)
    np.testing.assert_allclose(read(2) * 4095, GREY[2], atol=0.01)


def test_an_enhanced_header_tells_its_collimator_angles_and_distance(tmp_path):
    write_xa(tmp_path / "e.dcm", GREY, **enhanced([]))
    header = read_header(tmp_path / "e.dcm")
    assert header.source_detector_mm == 1150 and header.source_patient_mm == 720
    np.testing.assert_array_equal(header.field_px[[0, 2]], [[10, 20], [100, 110]])
    write_xa(tmp_path / "f.dcm", GREY, **enhanced(["20260102030405"]))
    header = read_header(tmp_path / "f.dcm")
    assert (header.primary_deg, header.secondary_deg) == (-32, 2)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_encodings_give_the_same_values(tmp_path, syntax):
    import pydicom

    write_xa(tmp_path / "x.dcm", GREY, FrameTime="40")
    data = pydicom.dcmread(tmp_path / "x.dcm")
    data.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        data.PixelData = GREY.astype(">u2").tobytes()
    little = syntax.is_little_endian
    pydicom.dcmwrite(
        tmp_path / "y.dcm",
        data,
        implicit_vr=syntax.is_implicit_VR,
        little_endian=little,
        force_encoding=True,
    )
    _, read, _ = open_dicom([tmp_path / "y.dcm"])
    np.testing.assert_allclose(read(3) * 4095, GREY[3], atol=0.01)


def test_bits_beside_the_stored_ones_and_signs_count_right(tmp_path):
    write_xa(tmp_path / "x.dcm", GREY | 0xF000)
    np.testing.assert_allclose(open_dicom([tmp_path / "x.dcm"])[1](1) * 4095, GREY[1], atol=0.01)
    write_xa(tmp_path / "y.dcm", GREY, PixelRepresentation=1)  # 0x800 is the least value
    expected = (GREY[1].astype(int) + 2048) % 4096
    np.testing.assert_allclose(open_dicom([tmp_path / "y.dcm"])[1](1) * 4095, expected, atol=0.01)


def test_compressed_frames_are_read_one_by_one(tmp_path):
    encoded = [rle(frame) for frame in GREY]
    write_xa(tmp_path / "x.dcm", GREY, syntax=RLELossless, encoded=encoded)
    _, read, _ = open_dicom([tmp_path / "x.dcm"])
    for index in (2, 0, 3):
        np.testing.assert_allclose(read(index) * 4095, GREY[index], atol=0.01)


def test_run_lengths_without_segments_are_refused(tmp_path):
    """GDCM ends the process with them."""
    encoded = [rle(frame) for frame in GREY]
    for damage in (bytes(4), b"\x03\0\0\0", b"\x02\0\0\0\xff\xff\0\0"):
        encoded[1] = damage + encoded[1][len(damage) :]
        write_xa(tmp_path / "x.dcm", GREY, syntax=RLELossless, encoded=encoded)
        _, read, _ = open_dicom([tmp_path / "x.dcm"])
        read(0)
        with pytest.raises(ValueError, match=r"x\.dcm: frame 1 is compressed as RLE"):
            read(1)


@pytest.mark.skipif(not DATA.is_dir(), reason="real files are not here")
def test_frames_of_several_jpeg_fragments_are_those_that_pydicom_decodes():
    from pydicom.pixels.utils import pixel_array

    path = DATA / "HasFragmentSequence.dcm"
    _, read, times_s = open_dicom([path])
    for index in (0, 50, 95):
        np.testing.assert_allclose(read(index) * 255, pixel_array(path, index=index), atol=0.01)
    np.testing.assert_allclose(times_s[-1], 95 * 0.033)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"NumberOfFrames": 10**9}, "1000000000 frames"),
        ({"NumberOfFrames": 100}, "promises 100 frames.*holds 4"),
        ({"Rows": 65535, "Columns": 65535}, "no fluoroscope"),
        ({"BitsStored": 40}, "bits allocated, stored"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "palette"),
    ],
)
def test_a_header_that_promises_too_much_is_refused(tmp_path, changes, said):
    write_xa(tmp_path / "x.dcm", GREY, **changes)
    with pytest.raises(ValueError, match=rf"x\.dcm: .*{said}"):
        open_dicom([tmp_path / "x.dcm"])


def test_memory_does_not_grow_with_the_frames(tmp_path):
    write_xa(tmp_path / "x.dcm", np.tile(GREY, (40, 1, 1)))
    _, read, _ = open_dicom([tmp_path / "x.dcm"])
    read(0)
    tracemalloc.start()
    for index in range(160):
        read(index)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 * GREY[0].nbytes < 160 * GREY[0].nbytes / 4


@pytest.fixture
def biplane(tmp_path):
    """Two planes that refer to each other, and a run that belongs to neither."""
    runs = {"B": ("1.2.11", "1.2.10"), "A": ("1.2.10", "1.2.11"), "other": ("1.2.12", "1.2.99")}
    for name, (uid, partner) in runs.items():
        kind = "SINGLE PLANE" if name == "other" else f"BIPLANE {name}"
        write_xa(
            tmp_path / f"{len(name)}{'ba'[name == 'A']}.dcm",
            GREY,
            FrameTime="40",
            SOPInstanceUID=uid,
            ImageType=["ORIGINAL", "PRIMARY", kind],
            StudyInstanceUID="1.9",
            ReferencedInstanceSequence=[item(ReferencedSOPInstanceUID=partner)],
        )
    return [tmp_path / name for name in ("1b.dcm", "1a.dcm", "5b.dcm")]


def test_planes_are_found_by_their_references(biplane):
    b, a, _ = biplane
    assert planes_among(biplane) == (a, b)
    assert pair_notes(recording_of(a), recording_of(b)) == []


def test_recordings_that_do_not_belong_together_are_told(biplane):
    b, a, other = (recording_of(path) for path in biplane)
    assert "neither refers to the other" in pair_notes(a, other)[0]
    elsewhere = other._replace(study="1.8", refers_to=frozenset())
    assert "two studies" in pair_notes(a._replace(refers_to=frozenset()), elsewhere)[0]
    twice = b._replace(plane="A", uid="1.2.77", refers_to=frozenset())
    assert "plane A" in pair_notes(a._replace(refers_to=frozenset()), twice)[0]
    with pytest.raises(ValueError, match="0 pairs are planes"):
        planes_among([biplane[0], biplane[2]])


def test_two_views_that_name_one_folder_share_out_its_planes(trial, biplane):
    folder = biplane[0].parent
    biplane[2].unlink()
    text = (trial / "trial.toml").read_text()
    for name in "AB":
        text = text.replace(f'"{name}/*.png"', f'"{folder}/*.dcm"')
    (trial / "trial.toml").write_text(text.replace("rate_hz = 30.0", ""))
    views, times_s = open_frames(load_trial(trial))
    assert "1a.dcm" in views[0].names[0] and "1b.dcm" in views[1].names[0]
    np.testing.assert_allclose(times_s, np.arange(4) * 0.04)


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"FieldOfViewRotation": "90"}, "turned by 90 deg after the detector"),
        ({"FieldOfViewHorizontalFlip": "YES"}, "flipped after the detector"),
        ({"PixelIntensityRelationshipSign": -1}, 'says intensity = "attenuation"'),
        ({"PositionerPrimaryAngleIncrement": ["0", "1", "2", "3"]}, "the arm turns by 3 deg"),
        ({"ImagerPixelSpacing": ["9", "9"]}, "pixels of 9 mm by its header"),
        ({"DistanceSourceToDetector": "500"}, "source to detector 500 mm by its header"),
    ],
)
def test_a_header_that_speaks_against_the_trial_is_told(trial, tags, said):
    camera = replace(load_trial(trial).rig["A"], pixel_spacing_mm=1.0)
    write_xa(trial / "x.dcm", GREY, **tags)
    notes = header_notes(trial / "x.dcm", camera, transmission=True)
    assert any(said in note for note in notes), notes
    write_xa(trial / "y.dcm", GREY, PixelIntensityRelationshipSign=1)
    assert header_notes(trial / "y.dcm", camera, transmission=True) == []
