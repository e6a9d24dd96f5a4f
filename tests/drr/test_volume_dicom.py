"""Stacks of DICOM slices: order, axes, tilt, gaps."""

import numpy as np
import pydicom
import pytest

from drr.volume import Volume


def test_a_series_comes_out_in_ras_and_hu(tmp_path, write_series, stack, slice_hu):
    volume = Volume.read(write_series(tmp_path / "ct", stack()))
    assert volume.shape == (8, 6, 5)
    assert volume.data_hu.dtype == np.int16
    assert volume.notes == ()
    for k in range(5):
        assert np.array_equal(volume.data_hu[:, :, k], slice_hu(k).T)
    expected = np.array([[-0.7, 0, 0, 20], [0, -0.9, 0, -30], [0, 0, 2, 100], [0, 0, 0, 1]])
    assert volume.ct_from_voxel == pytest.approx(expected)


def test_slices_in_any_order_are_sorted_along_their_normal(tmp_path, write_slice, stack, slice_hu):
    folder = tmp_path / "ct"
    folder.mkdir()
    for k, position in reversed(list(enumerate(stack()))):
        write_slice(folder, k, position, InstanceNumber=1)
    assert np.array_equal(Volume.read(folder).data_hu[:, :, 3], slice_hu(3).T)


@pytest.mark.parametrize(
    ("orientation", "step", "right", "down"),
    [
        ((0.0, 1, 0, 0, 0, -1), (1.5, 0, 0), (0, -0.7, 0), (0, 0, -0.9)),  # sagittal
        ((1.0, 0, 0, 0, 0, -1), (0, 1.5, 0), (-0.7, 0, 0), (0, 0, -0.9)),  # coronal
        ((-1.0, 0, 0, 0, 1, 0), (0, 0, 1.5), (0.7, 0, 0), (0, -0.9, 0)),  # axial, mirrored rows
    ],
)
def test_a_stack_of_any_direction_keeps_its_axes(
    tmp_path, write_series, slice_hu, orientation, step, right, down
):
    positions = np.array([10.0, -5, 80]) + np.arange(4)[:, None] * step
    volume = Volume.read(write_series(tmp_path / "ct", positions, orientation=orientation))
    assert volume.ct_from_voxel[:3, 0] == pytest.approx(np.array(right))
    assert volume.ct_from_voxel[:3, 1] == pytest.approx(np.array(down))
    lps = volume.points_ct(np.zeros((4, 3)) + np.arange(4)[:, None] * [0, 0, 1]) * [-1, -1, 1]
    for k, place in enumerate(lps):  # the slices themselves may run either way
        n = int(np.argmin(np.linalg.norm(positions - place, axis=1)))
        assert place == pytest.approx(positions[n])
        assert np.array_equal(volume.data_hu[:, :, k], slice_hu(n).T)


def test_a_tilt_by_whole_pixels_is_undone_exactly(tmp_path, write_series, stack, slice_hu):
    volume = Volume.read(write_series(tmp_path / "ct", stack(tilt_mm=0.9)))
    assert volume.shape == (8, 6 + 4, 5)
    expected = np.array([[-0.7, 0, 0, 20], [0, -0.9, 0, -30], [0, 0, 2, 100], [0, 0, 0, 1]])
    assert volume.ct_from_voxel == pytest.approx(expected)
    for k in range(5):
        assert np.array_equal(volume.data_hu[:, k : k + 6, k], slice_hu(k).T)
        assert (volume.data_hu[:, :k, k] == -1024).all()  # not scanned
    assert volume.notes == (
        "the gantry was tilted by 24.2 deg: the slices were shifted to stand upright",
    )


@pytest.mark.parametrize("tilt_mm", [0.53, -0.53])
def test_a_smooth_head_under_a_tilt_is_where_it_was(tmp_path, write_slice, tilt_mm):
    """A ball of soft edge, sampled by slices that drift, against its own formula."""
    folder = tmp_path / "ct"
    folder.mkdir()
    rows, columns = np.mgrid[:48, :48]

    def ball_hu(x, y, z):
        radius = np.sqrt(x**2 + y**2 + z**2)
        return 1500 / (1 + np.exp((radius - 11) / 1.2)) - 1000

    for k in range(24):
        y0, z = tilt_mm * (k - 12) - 21, 1.1 * (k - 12)
        hu = ball_hu(columns * 0.7 - 16, rows * 0.9 + y0, z).round().astype(np.int16)
        write_slice(folder, k, (-16, y0, z), hu=hu)
    volume = Volume.read(folder)
    assert volume.ct_from_voxel[:3, :3] == pytest.approx(np.diag([-0.7, -0.9, 1.1]))
    points = volume.points_ct(np.moveaxis(np.indices(volume.shape), 0, -1))
    truth = ball_hu(*np.moveaxis(points, -1, 0))
    off = (volume.data_hu - truth)[truth > -950]  # elsewhere padding of -1024 meets air
    assert off.size > 8000
    assert np.abs(off).max() < 12  # of 1500; linear interpolation would be off by 40 and more


def test_positions_rounded_to_a_tenth_of_a_mm_are_even(tmp_path, write_series):
    positions = [(-20, 30, round(100 + 0.625 * k, 1)) for k in range(9)]
    volume = Volume.read(write_series(tmp_path / "ct", positions))
    assert volume.spacing_mm[2] == pytest.approx(0.625)
    assert volume.notes == ()


def test_a_distance_that_changes_on_the_way_is_evened(tmp_path, write_series, slice_hu):
    heights = [0, 1.5, 3, 4.5, 7.5, 10.5, 13.5]
    volume = Volume.read(write_series(tmp_path / "ct", [(0, 0, z) for z in heights]))
    assert volume.shape == (8, 6, 10)
    assert volume.spacing_mm[2] == pytest.approx(1.5)
    for k, z in enumerate(heights):  # the slices themselves are kept
        assert np.array_equal(volume.data_hu[:, :, round(z / 1.5)], slice_hu(k).T)
    between = (slice_hu(3).astype(float) + slice_hu(4)).T / 2
    assert volume.data_hu[:, :, 4] == pytest.approx(between, abs=0.51)
    assert volume.notes == (
        "the slices are 1.50 to 3.00 mm apart: they were interpolated to even distances",
    )


def test_uneven_slices_of_a_tilted_gantry_are_upright_before_they_are_evened(
    tmp_path, write_series, slice_hu
):
    places = [(0, 0.45 * z, z) for z in (0.0, 2, 4, 8, 12)]
    volume = Volume.read(write_series(tmp_path / "ct", places))
    assert volume.shape == (8, 6 + 6, 7)
    assert np.array_equal(volume.data_hu[:, 4:10, 4], slice_hu(3).T)
    assert len(volume.notes) == 2


def test_one_missing_slice_is_made_up_and_said(tmp_path, write_series, stack, slice_hu):
    positions = stack(6)
    del positions[3]
    volume = Volume.read(write_series(tmp_path / "ct", positions))
    assert volume.shape == (8, 6, 6)
    assert volume.notes == ("one slice is missing, at 106.00 mm: it was interpolated",)
    assert np.array_equal(volume.data_hu[:, :, 4], slice_hu(3).T)


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ((3, 4), r"slices are missing: 2 between 104\.00 and 110\.00 mm \(after 995\.dcm\); gaps"),
        ((2, 5), r"missing: 1 between 102\.00 and 106\.00 mm .*; 1 between 108\.00 and 112\.00"),
    ],
)
def test_more_than_one_missing_slice_is_refused_where_it_is(
    tmp_path, write_series, stack, missing, says
):
    positions = [p for k, p in enumerate(stack(9)) if k not in missing]
    with pytest.raises(ValueError, match=says):
        Volume.read(write_series(tmp_path / "ct", positions))


def test_a_gap_too_wide_to_interpolate_is_refused(tmp_path, write_series, stack):
    positions = stack(6, gap_mm=3.0)
    del positions[3]
    with pytest.raises(ValueError, match=r"missing: 1 between 106\.00 and 112\.00 mm"):
        Volume.read(write_series(tmp_path / "ct", positions))


def test_thick_slices_that_touch_are_complete(tmp_path, write_series):
    heights = [0, 3, 6, 13, 20]
    folder = write_series(tmp_path / "ct", [(0, 0, z) for z in heights], SliceThickness=7.0)
    assert Volume.read(folder).spacing_mm[2] == pytest.approx(20 / 7)


def test_slices_off_the_line_are_refused(tmp_path, write_series, stack):
    positions = stack()
    positions[2] = (-19, 30, positions[2][2])
    with pytest.raises(ValueError, match=r"1\.00 mm beside a straight line"):
        Volume.read(write_series(tmp_path / "ct", positions))


def test_two_different_slices_at_one_place_are_refused(tmp_path, write_series, stack):
    with pytest.raises(ValueError, match=r"two different slices at one place: 99\d.dcm and 99\d"):
        Volume.read(write_series(tmp_path / "ct", [*stack(), stack()[1]]))


def test_copies_of_slices_are_left_out_and_said(tmp_path, write_series, write_slice, stack):
    folder = write_series(tmp_path / "ct", stack())
    (folder / "again").mkdir()
    write_slice(folder / "again", 1, stack()[1])
    volume = Volume.read(folder)
    assert volume.shape == (8, 6, 5)
    assert volume.notes == ("left out: 1 copies of slices that are there already",)


@pytest.mark.parametrize("count", [0, 1])
def test_one_slice_is_no_ct(tmp_path, write_series, stack, count):
    says = "at least 2 slices" if count else "no DICOM images of a CT"
    with pytest.raises(ValueError, match=says):
        Volume.read(write_series(tmp_path / "ct", stack(count)))


def test_no_message_names_a_person(tmp_path, write_series, write_slice, stack):
    """Every way to fail that this file knows, and what the notes say."""
    folder = write_series(tmp_path / "ct", stack(), SeriesDescription="Head 1.0")
    path = write_slice(folder, 7, stack(8)[7], PatientID="OTHER-ID")
    said = list(Volume.read(write_series(tmp_path / "tilted", stack(tilt_mm=0.5))).notes)
    for change in ({"Rows": 7}, {"PixelSpacing": [1, 1]}, {"Modality": "MR"}, {}):
        file = pydicom.dcmread(path)
        for name, value in change.items():
            setattr(file, name, value)
        file.save_as(path)
        try:
            said += Volume.read(folder).notes
        except ValueError as error:
            said.append(str(error))
    assert len(said) >= 4
    for secret in ("Never", "SECRET", "OTHER", "1950", "1.2.3"):
        assert secret not in " ".join(said).replace(str(tmp_path), "")
