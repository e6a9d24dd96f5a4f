import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from drr.volume import Volume

HEADS = Path(__file__).parents[2] / "../shared/data/heads"
OBLIQUE = np.array([[-0.8, 0.1, 0, 30], [0.1, 0.8, 0, -20], [0, 0, -2.5, 90], [0, 0, 0, 1]])


def blob_hu(shape=(7, 6, 5)):
    """Air with one bone voxel and some tissue, no two axes alike."""
    data = np.full(shape, -1000, np.int16)
    data[1, 2, 3] = 1200
    data[2:5, 1:4, 1:3] = 40
    return data


def write_nifti(path, data, sform=None, qform=None, unit="mm"):
    image = nibabel.Nifti1Image(data, None)
    image.header.set_sform(sform, code=0 if sform is None else 1)
    image.header.set_qform(qform, code=0 if qform is None else 1)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    return path


def write_itk(path, data, ct_from_voxel):
    """An ITK image of the same CT: ITK's points are LPS, its arrays (k, j, i)."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.transpose()))
    lps_from_voxel = np.diag([-1, -1, 1, 1]) @ ct_from_voxel
    spacing = np.linalg.norm(ct_from_voxel[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps_from_voxel[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps_from_voxel[:3, 3].tolist())
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("ct.nrrd", b"space: ", b"space: " + b"A" * 70_000),
        ("ct.nrrd", b"dimension: 3", b"dimension: 99999999999"),
        ("ct.mha", b"NDims = 3", b"NDims = 65536"),
        ("ct.mha", b"NDims = 3", b"NDims = -1e5"),
        ("ct.mhd", b"TransformMatrix = -1 ", b"TransformMatrix = 1e308 "),
        ("ct.mhd", b"TransformMatrix = -1 ", b"TransformMatrix = nan "),
        ("ct.mhd", b"CenterOfRotation", b"Cen\x12\x9d\x00\x1f"),
        ("ct.nhdr", b"dimension: 3", b"dimension: 3\n\x01\x02: 5"),
    ],
)
def test_headers_that_itk_does_not_survive_are_refused(tmp_path, name, old, new):
    path = write_itk(tmp_path / name, blob_hu(), np.eye(4))
    whole = path.read_bytes()
    assert whole.count(old) == 1
    path.write_bytes(whole.replace(old, new))
    with pytest.raises(ValueError, match=rf"{name}: .*header"):
        Volume.read(path)


def test_notes_in_a_nrrd_may_be_long(tmp_path):
    path = write_itk(tmp_path / "ct.nrrd", blob_hu(), np.eye(4))
    before = Volume.read(path)
    magic, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(magic + b"\nSegment0_Tags:=" + b"a: b|" * 20_000 + b"\n" + rest)
    assert np.array_equal(Volume.read(path).data_hu, before.data_hu)


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
def test_a_nifti_ct_comes_back(tmp_path, name):
    volume = Volume.read(write_nifti(tmp_path / name, blob_hu(), sform=OBLIQUE))
    assert volume.data_hu.dtype == np.int16
    assert np.array_equal(volume.data_hu, blob_hu())
    assert volume.ct_from_voxel == pytest.approx(OBLIQUE, abs=1e-5)


@pytest.mark.parametrize("name", ["ct.nrrd", "ct.nhdr", "ct.mha", "ct.mhd"])
def test_an_itk_ct_comes_back_in_ras(tmp_path, name):
    volume = Volume.read(write_itk(tmp_path / name, blob_hu(), OBLIQUE))
    assert volume.data_hu.dtype == np.int16
    assert np.array_equal(volume.data_hu, blob_hu())
    assert volume.ct_from_voxel == pytest.approx(OBLIQUE, abs=1e-5)


def test_an_nrrd_in_another_space_is_the_same_ct(tmp_path):
    path = tmp_path / "ct.nrrd"
    header = (
        "NRRD0004\ntype: short\ndimension: 3\nspace: right-anterior-superior\nsizes: 7 6 5\n"
        "space directions: (-2,0,0) (0,1,0) (0,0,3)\nspace origin: (5,6,7)\nendian: little\n"
        "encoding: raw\n\n"
    )
    path.write_bytes(header.encode() + blob_hu().tobytes(order="F"))
    volume = Volume.read(path)
    assert np.array_equal(volume.data_hu, blob_hu())
    expected = np.array([[-2, 0, 0, 5], [0, 1, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]])
    assert volume.ct_from_voxel == pytest.approx(expected)


def test_an_nrrd_without_a_space_is_refused(tmp_path):
    path = tmp_path / "ct.nrrd"
    header = "NRRD0004\ntype: short\ndimension: 3\nsizes: 7 6 5\nendian: little\nencoding: raw\n\n"
    path.write_bytes(header.encode() + blob_hu().tobytes(order="F"))
    with pytest.raises(ValueError, match="no 'space'"):
        Volume.read(path)


def test_the_sform_goes_before_the_qform_where_they_agree(tmp_path):
    moved = OBLIQUE.copy()
    moved[0, 3] += 0.05
    path = write_nifti(tmp_path / "ct.nii", blob_hu(), sform=OBLIQUE, qform=moved)
    assert Volume.read(path).ct_from_voxel[0, 3] == pytest.approx(OBLIQUE[0, 3])


def test_the_qform_serves_where_there_is_no_sform(tmp_path):
    path = write_nifti(tmp_path / "ct.nii", blob_hu(), qform=OBLIQUE)
    assert Volume.read(path).ct_from_voxel == pytest.approx(OBLIQUE, abs=1e-5)


def test_forms_that_disagree_at_a_corner_are_refused(tmp_path):
    stretched = OBLIQUE @ np.diag([1, 1, 1.05, 1])  # 4 slices of 2.5 mm: 0.5 mm at the far corner
    path = write_nifti(tmp_path / "ct.nii", blob_hu(), sform=OBLIQUE, qform=stretched)
    with pytest.raises(ValueError, match=r"sform and qform disagree by 0\.50 mm"):
        Volume.read(path)


def test_a_nifti_that_lies_nowhere_is_refused(tmp_path):
    with pytest.raises(ValueError, match="neither sform nor qform"):
        Volume.read(write_nifti(tmp_path / "ct.nii", blob_hu()))


def test_a_nifti_in_metres_comes_out_in_mm(tmp_path):
    metres = np.diag([0.001, 0.001, 0.001, 1]) @ OBLIQUE
    path = write_nifti(tmp_path / "ct.nii", blob_hu(), sform=metres, unit="meter")
    assert Volume.read(path).ct_from_voxel == pytest.approx(OBLIQUE, abs=1e-4)


def test_a_fourth_axis_of_one_is_dropped(tmp_path):
    path = write_nifti(tmp_path / "ct.nii", blob_hu()[..., None], sform=OBLIQUE)
    assert Volume.read(path).shape == (7, 6, 5)


@pytest.mark.parametrize("shape", [(7, 6), (7, 6, 5, 2)])
def test_what_is_not_3d_is_refused(tmp_path, shape):
    path = write_nifti(tmp_path / "ct.nii", np.full(shape, -1000, np.int16), sform=OBLIQUE)
    with pytest.raises(ValueError, match=r"ct\.nii: a CT volume has 3 axes"):
        Volume.read(path)


@pytest.mark.parametrize(
    ("stored", "slope", "intercept", "kind"),
    [
        (blob_hu().astype(np.int32) + 1024, 1, -1024, np.int16),
        ((blob_hu().astype(np.int32) + 1024).astype(np.uint16), 1, -1024, np.int16),
        (blob_hu() // 4, 4, 0, np.int16),
        (blob_hu() * 2, 0.5, 0, np.float32),
        (blob_hu().astype(np.float64), 1, 0, np.float32),
        (blob_hu().astype(">i2"), 1, 0, np.int16),
        (blob_hu(), 0, 500, np.int16),  # the standard's "not scaled"
        (blob_hu(), np.nan, 0, np.int16),
    ],
)
def test_slope_and_intercept_are_applied(tmp_path, stored, slope, intercept, kind):
    image = nibabel.Nifti1Image(stored, None)
    image.header.set_sform(OBLIQUE, code=1)
    image.header.set_qform(None, code=0)
    volume = Volume.read(store_raw(tmp_path / "ct.nii", image.header, stored, slope, intercept))
    assert volume.data_hu.dtype == kind
    assert volume.data_hu == pytest.approx(blob_hu().astype(float))


def store_raw(path, header, stored, slope, intercept):
    """A NIfTI file with exactly these stored numbers (nibabel rescales when it saves)."""
    header = header.copy()
    header["scl_slope"], header["scl_inter"], header["magic"] = slope, intercept, b"n+1"
    header["vox_offset"] = 352
    body = np.asarray(stored).astype(header.get_data_dtype()).tobytes(order="F")
    path.write_bytes(header.binaryblock + bytes(4) + body)
    return path


def test_a_ct_with_an_offset_is_refused(tmp_path):
    path = write_nifti(tmp_path / "ct.nii", blob_hu() + np.int16(1024), sform=OBLIQUE)
    with pytest.raises(ValueError, match="smallest value is 24; air must be near -1000"):
        Volume.read(path)


def noisy_hu(shape=(20, 20, 20), seed=0):
    """A block of tissue with a bone in it, in air with noise."""
    data = np.full(shape, -1000, np.int16)
    data[4:16, 4:16, 4:16], data[6:8, 6:14, 6:14] = 40, 900
    return data + np.random.default_rng(seed).normal(0, 15, shape).round().astype(np.int16)


def test_padding_of_air_does_not_hide_an_offset(tmp_path):
    data = noisy_hu() + np.int16(1024)
    data[:, :2] = -1024
    with pytest.raises(ValueError, match="shows most around 24 and 1064; was an offset of"):
        Volume.read(write_nifti(tmp_path / "ct.nii", data, sform=OBLIQUE))


@pytest.mark.parametrize("padding", [-2000, -3024, -1024])
def test_scanned_air_is_judged_beside_padding(tmp_path, padding):
    data = noisy_hu()
    data[:, :3] = padding
    volume = Volume.read(write_nifti(tmp_path / "ct.nii", data, sform=OBLIQUE))
    assert volume.notes == ()
    assert volume.data_hu[:, :3].max() == -1024


def test_an_offset_taken_off_twice_is_refused(tmp_path):
    path = write_nifti(tmp_path / "ct.nii", noisy_hu() - np.int16(1024), sform=OBLIQUE)
    with pytest.raises(ValueError, match=r"air reads -20\d\d HU.* an offset of 10\d\d or so"):
        Volume.read(path)


def test_air_that_is_off_is_said(tmp_path):
    data = (0.93 * (noisy_hu() + 1000.0) - 920).round().astype(np.int16)
    volume = Volume.read(write_nifti(tmp_path / "ct.nii", data, sform=OBLIQUE))
    assert volume.notes == ("air reads -920 HU in place of -1000: the scale of this CT is off",)


def test_a_drawn_ct_whose_air_is_one_value_is_taken(tmp_path):
    for air in (-1000, -1024):
        data = blob_hu()
        data[data == -1000] = air
        assert Volume.read(write_nifti(tmp_path / "ct.nii", data, sform=OBLIQUE)).notes == ()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_sheared_nifti_stands_upright(tmp_path, order):
    """Slices that drift by one voxel each, with the slice axis last or first."""
    sheared = np.array([[-1.0, 0, 0, 9], [0, 0.5, 0.5, 8], [0, 0, 2, 7], [0, 0, 0, 1]])
    affine = sheared.copy()
    affine[:3, :3] = sheared[:3, list(order)]
    path = write_nifti(tmp_path / "ct.nii", blob_hu().transpose(order), sform=affine)
    volume = Volume.read(path)
    slices = volume.data_hu.transpose(np.argsort(order))
    assert slices.shape == (7, 10, 5)
    for k in range(5):
        assert np.array_equal(slices[:, k : k + 6, k], blob_hu()[:, :, k])
    bone = volume.points_ct(np.argwhere(volume.data_hu == 1200)[0])
    assert bone == pytest.approx((sheared @ [1, 2, 3, 1])[:3])
    assert volume.notes[0].startswith("the gantry was tilted by 14.0 deg")


def test_a_grid_without_right_angles_is_refused(tmp_path):
    skewed = np.array([[1.0, 0.2, 0.2, 0], [0, 1, 0.2, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    with pytest.raises(ValueError, match="not perpendicular and not those of tilted slices"):
        Volume.read(write_nifti(tmp_path / "ct.nii", blob_hu(), sform=skewed))


def test_padding_does_not_pass_for_air(tmp_path):
    data = blob_hu() + np.int16(1024)
    data[0] = -2000
    with pytest.raises(ValueError, match="smallest value is 24 apart from padding of -2000"):
        Volume.read(write_nifti(tmp_path / "ct.nii", data, sform=OBLIQUE))


def test_padding_becomes_air(tmp_path):
    data = blob_hu()
    data[0] = -3024
    volume = Volume.read(write_nifti(tmp_path / "ct.nii", data, sform=OBLIQUE))
    assert volume.data_hu[0].max() == -1024
    assert np.array_equal(volume.data_hu[1:], data[1:])


@pytest.mark.parametrize(
    ("value", "says"), [(50000.0, "largest value is 50000"), (-800.0, "all of it air")]
)
def test_numbers_out_of_range_are_refused(tmp_path, value, says):
    data = np.full((4, 4, 4), -1000, np.float32)
    data[0, 0, 0] = value
    with pytest.raises(ValueError, match=says):
        Volume.read(write_nifti(tmp_path / "ct.nii", data, sform=OBLIQUE))


def test_voxels_of_no_ct_are_refused(tmp_path):
    path = write_nifti(tmp_path / "ct.nii", blob_hu(), sform=np.diag([1, 1, 1000.0, 1]))
    with pytest.raises(ValueError, match=r"voxel size .* is not that of a CT"):
        Volume.read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"CT not found: .*none\.nii"):
        Volume.read(tmp_path / "none.nii")


def test_an_unsupported_file_hears_what_is_supported(tmp_path):
    (tmp_path / "ct.tif").write_bytes(b"II*")
    with pytest.raises(ValueError, match=r"unsupported CT file '\.tif': expected \.nii, .*DICOM"):
        Volume.read(tmp_path / "ct.tif")


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz", "ct.nrrd", "ct.mha"])
@pytest.mark.parametrize("keep", [0, 40, 0.7])
def test_a_truncated_file_is_refused(tmp_path, name, keep):
    data = np.random.default_rng(0).integers(-1000, 2000, (20, 20, 20)).astype(np.int16)
    write = write_nifti if ".nii" in name else write_itk
    path = write(tmp_path / name, data, OBLIQUE)
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    with pytest.raises(ValueError, match=f"{name}: cannot be read"):
        Volume.read(path)


def test_a_header_that_promises_too_much_is_refused_before_memory_is_filled(tmp_path):
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_sform(OBLIQUE, code=1)
    header["dim"] = [3, 30000, 30000, 30000, 1, 1, 1, 1]
    header["vox_offset"], header["magic"] = 352, b"n+1"
    (tmp_path / "ct.nii.gz").write_bytes(gzip.compress(header.binaryblock + bytes(1000)))
    text = (
        "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\n"
        "sizes: 30000 30000 30000\nspace directions: (1,0,0) (0,1,0) (0,0,1)\n"
        "space origin: (0,0,0)\nendian: little\nencoding: raw\n\n"
    )
    (tmp_path / "ct.nrrd").write_bytes(text.encode() + bytes(1000))
    for name in ("ct.nii.gz", "ct.nrrd"):
        with pytest.raises(ValueError, match=f"{name}: not a CT: the header says 30000 x 30000"):
            Volume.read(tmp_path / name)


def test_what_only_looks_compressed_is_refused(tmp_path):
    (tmp_path / "ct.nii.gz").write_bytes(gzip.compress(b"not a header" * 100))
    with pytest.raises(ValueError, match="cannot be read"):
        Volume.read(tmp_path / "ct.nii.gz")


@pytest.mark.parametrize(("name", "side"), [("imagex_phantom", 1), ("vtk_fullhead", -1)])
def test_a_real_head_is_read_as_itk_reads_it(name, side):
    path = HEADS / f"{name}.nii.gz"
    if not path.exists():
        pytest.skip("needs the shared real heads")
    volume = Volume.read(path)
    image = sitk.ReadImage(str(path))
    assert np.array_equal(volume.data_hu, sitk.GetArrayFromImage(image).transpose().clip(min=-1024))
    for voxel in ([0, 0, 0], [10, 20, 30]):
        lps = np.array(image.TransformIndexToPhysicalPoint(voxel))
        assert volume.points_ct(np.array(voxel)) == pytest.approx(lps * [-1, -1, 1], abs=1e-4)
    assert np.sign(np.linalg.det(volume.ct_from_voxel)) == side
