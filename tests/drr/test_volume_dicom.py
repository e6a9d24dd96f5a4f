import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from drr.volume import Volume

ORIENTATION = [1.0, 0, 0, 0, 1, 0]


def slice_hu(k, shape=(6, 8)):
    """Rows x columns; the bone voxel moves with the slice."""
    pixels = np.full(shape, -1000, np.int16)
    pixels[1:4, 2:6] = 40
    pixels[2, k % shape[1]] = 900 + k
    return pixels


def write_slice(folder, k, position, *, series="1.2.3", orientation=ORIENTATION, **tags):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = generate_uid()
    path = folder / f"{97 - k:03}.dcm"  # the names run against the slices
    file = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    file.SOPClassUID, file.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    file.Modality, file.PatientName, file.SeriesInstanceUID = "CT", "Never^Kept", series
    file.SeriesNumber, file.InstanceNumber = 4, k + 1
    file.Rows, file.Columns = slice_hu(k).shape
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 12, 11, 0
    file.RescaleSlope, file.RescaleIntercept = 1, -1024
    file.PixelSpacing, file.ImageOrientationPatient = [0.9, 0.7], orientation
    file.ImagePositionPatient = [float(x) for x in position]
    file.PixelData = (slice_hu(k).astype(np.int32) + 1024).astype(np.uint16).tobytes()
    for name, value in tags.items():
        setattr(file, name, value)
    file.save_as(path, enforce_file_format=True)
    return path


def write_series(folder, positions, **tags):
    folder.mkdir(exist_ok=True)
    for k, position in enumerate(positions):
        write_slice(folder, k, position, **tags)
    return folder


def stack(count=5, gap_mm=2.0, tilt_mm=0.0):
    return [(-20, 30 + tilt_mm * k, 100 + gap_mm * k) for k in range(count)]


def test_a_series_comes_out_in_ras_and_hu(tmp_path):
    volume = Volume.read(write_series(tmp_path / "ct", stack()))
    assert volume.shape == (8, 6, 5)
    assert volume.data_hu.dtype == np.int16
    for k in range(5):
        assert np.array_equal(volume.data_hu[:, :, k], slice_hu(k).T)
    expected = np.array([[-0.7, 0, 0, 20], [0, -0.9, 0, -30], [0, 0, 2, 100], [0, 0, 0, 1]])
    assert volume.ct_from_voxel == pytest.approx(expected)


def test_slices_in_any_order_are_sorted_along_their_normal(tmp_path):
    folder = tmp_path / "ct"
    folder.mkdir()
    for k, position in reversed(list(enumerate(stack()))):
        write_slice(folder, k, position, InstanceNumber=1)
    assert np.array_equal(Volume.read(folder).data_hu[:, :, 3], slice_hu(3).T)


def test_a_sagittal_series_keeps_its_axes(tmp_path):
    positions = [(10 + 1.5 * k, -5, 80) for k in range(4)]
    folder = write_series(tmp_path / "ct", positions, orientation=[0.0, 1, 0, 0, 0, -1])
    volume = Volume.read(folder)
    normal_k = 3  # row x column = (-1, 0, 0): the last slice comes first
    assert np.array_equal(volume.data_hu[:, :, 0], slice_hu(normal_k).T)
    assert volume.ct_from_voxel[:3, :3] == pytest.approx(
        np.array([[0, 0, 1.5], [-0.7, 0, 0], [0, -0.9, 0]])
    )
    assert volume.ct_from_voxel[:3, 3] == pytest.approx([-14.5, 5, 80])


def test_a_tilted_gantry_is_a_sheared_grid(tmp_path):
    volume = Volume.read(write_series(tmp_path / "ct", stack(tilt_mm=0.5)))
    assert volume.ct_from_voxel[:3, 2] == pytest.approx([0, -0.5, 2])


def test_slopes_of_single_slices_are_their_own(tmp_path):
    folder = write_series(tmp_path / "ct", stack(4))
    doubled = ((slice_hu(4).astype(np.int32) + 1024) // 2 * 1).astype(np.uint16)
    write_slice(folder, 4, stack(5)[4], RescaleSlope=2, PixelData=doubled.tobytes())
    assert np.array_equal(Volume.read(folder).data_hu[:, :, 4], slice_hu(4).T)


def test_fractional_slopes_come_out_as_floats(tmp_path):
    volume = Volume.read(write_series(tmp_path / "ct", stack(), RescaleSlope=1.01))
    assert volume.data_hu.dtype == np.float32
    assert volume.data_hu[0, 0, 0] == pytest.approx(1.01 * 24 - 1024, abs=1e-3)


def test_other_files_in_the_folder_do_not_matter(tmp_path):
    folder = write_series(tmp_path / "ct", stack())
    (folder / "README.txt").write_text("a note")
    (folder / "empty").write_bytes(b"")
    assert Volume.read(folder).shape == (8, 6, 5)


def test_positions_rounded_to_a_tenth_of_a_mm_are_even(tmp_path):
    positions = [(-20, 30, round(100 + 0.625 * k, 1)) for k in range(9)]
    volume = Volume.read(write_series(tmp_path / "ct", positions))
    assert volume.spacing_mm[2] == pytest.approx(0.625)


def test_two_series_are_named(tmp_path):
    folder = write_series(tmp_path / "ct", stack())
    write_slice(folder, 60, (0, 0, 0), series="9.8.7")
    with pytest.raises(ValueError, match=r"found 2: 9\.8\.7 \(number 4, 1 images.*1\.2\.3 .*5 im"):
        Volume.read(folder)


def test_a_missing_slice_is_found(tmp_path):
    positions = stack(6)
    del positions[3]
    with pytest.raises(ValueError, match=r"gaps of 2\.000 to 4\.000 mm \(median 2\.000\)"):
        Volume.read(write_series(tmp_path / "ct", positions))


def test_slices_off_the_line_are_refused(tmp_path):
    positions = stack()
    positions[2] = (-19, 30, positions[2][2])
    with pytest.raises(ValueError, match=r"1\.00 mm off an even line"):
        Volume.read(write_series(tmp_path / "ct", positions))


def test_two_slices_at_one_place_are_refused(tmp_path):
    with pytest.raises(ValueError, match="two slices at one place"):
        Volume.read(write_series(tmp_path / "ct", [*stack(), stack()[1]]))


def test_one_slice_is_no_ct(tmp_path):
    with pytest.raises(ValueError, match="at least 2 slices"):
        Volume.read(write_series(tmp_path / "ct", stack(1)))


def test_slices_that_differ_are_refused(tmp_path):
    folder = write_series(tmp_path / "ct", stack())
    write_slice(folder, 5, stack(6)[5], PixelSpacing=[0.9, 0.8])
    with pytest.raises(ValueError, match=r"has PixelSpacing \[0\.9, 0\.\d\], expected"):
        Volume.read(folder)


def test_a_slice_without_a_place_is_refused(tmp_path):
    folder = write_series(tmp_path / "ct", stack())
    path = write_slice(folder, 5, stack(6)[5])
    file = pydicom.dcmread(path)
    del file.ImagePositionPatient
    file.save_as(path)
    with pytest.raises(ValueError, match=r"092\.dcm has no ImagePositionPatient"):
        Volume.read(folder)


def test_a_truncated_slice_is_refused(tmp_path):
    folder = write_series(tmp_path / "ct", stack())
    path = write_slice(folder, 5, stack(6)[5])
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"092\.dcm cannot be read"):
        Volume.read(folder)


def test_several_frames_in_a_file_are_refused(tmp_path):
    folder = write_series(tmp_path / "ct", stack(), NumberOfFrames=2)
    with pytest.raises(ValueError, match="multi-frame"):
        Volume.read(folder)


def test_a_folder_without_dicom_is_refused(tmp_path):
    (tmp_path / "note.txt").write_text("nothing here")
    with pytest.raises(ValueError, match="no DICOM images"):
        Volume.read(tmp_path)
