"""Which images of a folder are the CT, and whether they say where they lie."""

import numpy as np
import pydicom
import pytest

from drr.volume import Volume


def test_other_files_in_the_folder_do_not_matter(tmp_path, write_series, stack):
    folder = write_series(tmp_path / "ct", stack())
    (folder / "README.txt").write_text("a note")
    (folder / "empty").write_bytes(b"")
    volume = Volume.read(folder)
    assert volume.shape == (8, 6, 5)
    assert volume.notes == ()


def test_two_series_are_told_apart_by_number_description_and_count(
    tmp_path, write_series, write_slice, stack
):
    folder = write_series(tmp_path / "ct", stack(), SeriesDescription="Head  0.6 Hr60")
    write_slice(folder, 60, (0, 0, 0), series="9.8.7", SeriesDescription="Abdomen", SeriesNumber=7)
    with pytest.raises(
        ValueError,
        match=r"expected one DICOM series, found 2: number 7, 'Abdomen', 1 images, first 937\.dcm; "
        r"number 4, 'Head 0\.6 Hr60', 5 images, first 993\.dcm\. Keep the one",
    ):
        Volume.read(folder)


def test_scouts_screen_shots_and_other_modalities_are_left_out_and_said(
    tmp_path, write_series, write_slice, stack
):
    folder = write_series(tmp_path / "ct", stack())
    scout = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "series": "1.2.4"}
    write_slice(folder, 60, (0, 0, 0), **scout)
    write_slice(folder, 61, (0, 0, 0), **scout)
    write_slice(folder, 62, (0, 0, 0), series="1.2.5", SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    write_slice(folder, 63, (0, 0, 0), series="1.2.6", Modality="PT")
    volume = Volume.read(folder)
    assert volume.shape == (8, 6, 5)
    assert volume.notes == ("left out: 1 PT images, 2 localisers (scouts), 1 screen shots",)


def test_a_scout_that_does_not_say_so_is_known_by_its_angle(
    tmp_path, write_series, write_slice, stack
):
    folder = write_series(tmp_path / "ct", stack())
    write_slice(folder, 60, (0, 0, 0), orientation=(0.0, 1, 0, 0, 0, -1))
    volume = Volume.read(folder)
    assert volume.shape == (8, 6, 5)
    assert "1 images at another angle" in volume.notes[0]


def test_a_folder_of_two_angles_is_refused(tmp_path, write_series, write_slice, stack):
    folder = write_series(tmp_path / "ct", stack())
    for k in range(10, 14):
        write_slice(folder, k, (0, 0, 0), orientation=(0.0, 1, 0, 0, 0, -1))
    with pytest.raises(ValueError, match=r"has ImageOrientationPatient .* not one stack"):
        Volume.read(folder)


def test_a_folder_of_another_modality_is_refused_by_its_name(tmp_path, write_series, stack):
    with pytest.raises(ValueError, match="no DICOM images of a CT, only 5 MR images"):
        Volume.read(write_series(tmp_path / "ct", stack(), Modality="MR"))


def test_slices_that_differ_are_refused(tmp_path, write_series, write_slice, stack):
    folder = write_series(tmp_path / "ct", stack())
    write_slice(folder, 5, stack(6)[5], PixelSpacing=[0.9, 0.8])
    with pytest.raises(ValueError, match=r"has PixelSpacing \[0\.9, 0\.\d\], expected"):
        Volume.read(folder)


def test_slices_of_another_size_are_refused(tmp_path, write_series, write_slice, stack):
    folder = write_series(tmp_path / "ct", stack())
    write_slice(folder, 5, stack(6)[5], hu=np.zeros((6, 7), np.int16))
    with pytest.raises(ValueError, match=r"has size \(rows, columns\) \[6, \d\], expected"):
        Volume.read(folder)


@pytest.mark.parametrize(
    ("tag", "value", "says"),
    [
        ("ImagePositionPatient", None, r"992\.dcm has no ImagePositionPatient: not a CT slice"),
        ("ImageOrientationPatient", [1, 0, 0, 0, 1], "must be 6 finite numbers"),
        ("PixelSpacing", [0.0, 0.7], "PixelSpacing"),
        ("ImagePositionPatient", [0, 0, float("nan")], "992.dcm"),
    ],
)
def test_a_slice_without_a_place_is_refused(
    tmp_path, write_series, write_slice, stack, tag, value, says
):
    folder = write_series(tmp_path / "ct", stack())
    path = write_slice(folder, 5, stack(6)[5])
    file = pydicom.dcmread(path)
    if value is None:
        del file[tag]
    else:
        setattr(file, tag, value)
    file.save_as(path)
    with pytest.raises(ValueError, match=says):
        Volume.read(folder)


@pytest.mark.parametrize("orientation", [(1, 0, 0, 1, 0, 0), (2, 0, 0, 0, 2, 0)])
def test_an_orientation_of_no_two_axes_is_refused(tmp_path, write_series, stack, orientation):
    with pytest.raises(ValueError, match="is not two axes"):
        Volume.read(write_series(tmp_path / "ct", stack(), orientation=orientation))


def test_numbers_that_are_none_are_refused(tmp_path, write_series, stack):
    folder = write_series(tmp_path / "ct", stack())
    path = folder / "995.dcm"
    path.write_bytes(path.read_bytes().replace(b"-20.0\\30", b"-2x.0\\30"))
    with pytest.raises(ValueError, match=r"995\.dcm: ImagePositionPatient is not made of numbers"):
        Volume.read(folder)


@pytest.mark.parametrize("keep", [139, 300, 0])
def test_a_header_cut_short_is_refused_by_name(tmp_path, write_series, stack, keep):
    folder = write_series(tmp_path / "ct", stack())
    path = folder / "995.dcm"
    whole = path.read_bytes()
    path.write_bytes(whole[: keep or whole.index(b"\x28\x00\x10\x00")])  # or before the rows
    with pytest.raises(ValueError, match=r"995\.dcm cannot be read"):
        Volume.read(folder)


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_never_ends_in_a_traceback(tmp_path, write_series, stack, seed):
    folder = write_series(tmp_path / "ct", stack(3))
    rng = np.random.default_rng(seed)
    for path in folder.iterdir():
        data = bytearray(path.read_bytes())
        for place in rng.integers(132, len(data), 4):
            data[place] = rng.integers(256)
        path.write_bytes(bytes(data))
    try:
        Volume.read(folder)
    except ValueError as error:
        assert str(folder) in str(error)
