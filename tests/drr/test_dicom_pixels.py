"""Stored words of all kinds to the same Hounsfield units."""

import io

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from PIL import Image
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from drr.volume import Volume


def words(hu, offset=1024, kind="<u2"):
    return (hu.astype(np.int32) + offset).astype(kind)


def write_all(folder, write_slice, stack, slice_hu, changed, count=4):
    """A stack whose slices have their tags and words from `changed(hu, k)`."""
    folder.mkdir()
    for k, position in enumerate(stack(count)):
        write_slice(folder, k, position, **changed(slice_hu(k), k))
    return folder


def check(volume, slice_hu, count=4):
    assert volume.data_hu.dtype == np.int16
    for k in range(count):
        assert np.array_equal(volume.data_hu[:, :, k], slice_hu(k).T)


@pytest.mark.parametrize(
    ("tags", "encoded"),
    [
        ({}, lambda hu: words(hu)),
        (dict(RescaleIntercept=0, PixelRepresentation=1), lambda hu: words(hu, 0, "<i2")),  # 12 bit
        (
            dict(RescaleIntercept=0, PixelRepresentation=1, BitsStored=16, HighBit=15),
            lambda hu: words(hu, 0, "<i2"),
        ),
        (dict(RescaleIntercept=0, PixelRepresentation=1), lambda hu: words(hu, 4096) & 0xFFF),
        (dict(HighBit=15), lambda hu: words(hu) << 4),
        (dict(HighBit=13), lambda hu: words(hu) << 2),
        ({}, lambda hu: words(hu) | 0x8000),  # an overlay in the high bits
        ({}, lambda hu: words(hu) | 0xF000),
        (dict(BitsAllocated=32), lambda hu: words(hu, kind="<u4")),
        (dict(PhotometricInterpretation="MONOCHROME1"), lambda hu: words(hu)),
        (dict(syntax=ImplicitVRLittleEndian), lambda hu: words(hu)),
        (dict(syntax=ExplicitVRBigEndian), lambda hu: words(hu, kind=">u2")),
    ],
)
def test_words_of_all_kinds_are_the_same_hu(tmp_path, write_slice, stack, slice_hu, tags, encoded):
    def changed(hu, k):
        kind = ">u2" if tags.get("syntax") == ExplicitVRBigEndian else None
        data = encoded(hu) if kind is None else encoded(hu).astype(kind)
        return tags | {"PixelData": data.tobytes()}

    check(Volume.read(write_all(tmp_path / "ct", write_slice, stack, slice_hu, changed)), slice_hu)


def test_slopes_and_intercepts_of_single_slices_are_their_own(
    tmp_path, write_slice, stack, slice_hu
):
    def changed(hu, k):
        slope, intercept = (2, -1024) if k == 1 else (1, -1000 - 8 * k)
        data = (hu.astype(np.int32) - intercept) // slope
        return {
            "RescaleSlope": slope,
            "RescaleIntercept": intercept,
            "PixelData": data.astype("<u2").tobytes(),
        }

    found = Volume.read(write_all(tmp_path / "ct", write_slice, stack, slice_hu, changed))
    for k in range(4):
        assert np.abs(found.data_hu[:, :, k] - slice_hu(k).T).max() <= (k == 1)


def test_fractional_slopes_come_out_as_floats(tmp_path, write_series, stack):
    volume = Volume.read(write_series(tmp_path / "ct", stack(), RescaleSlope=1.01))
    assert volume.data_hu.dtype == np.float32
    assert volume.data_hu[0, 0, 0] == pytest.approx(1.01 * 24 - 1024, abs=1e-3)


def test_one_fractional_slope_makes_all_of_it_floats(tmp_path, write_series, write_slice, stack):
    folder = write_series(tmp_path / "ct", stack())
    write_slice(folder, 3, stack()[3], RescaleSlope=1.01)
    volume = Volume.read(folder)
    assert volume.data_hu.dtype == np.float32
    assert volume.data_hu[0, 0, [0, 3]] == pytest.approx([-1000, 1.01 * 24 - 1024], abs=1e-3)


@pytest.mark.parametrize(
    ("tags", "pad"),
    [
        (dict(PixelPaddingValue=2000), 2000),  # would be 976 HU
        (dict(PixelPaddingValue=63536), 63536),  # -2000 in words of 16 bits, wider than 12 stored
        (dict(PixelPaddingValue=3000, PixelPaddingRangeLimit=3100), 3050),
        (
            dict(PixelPaddingValue=-2000, PixelRepresentation=1, BitsStored=16, HighBit=15),
            -2000,
        ),
    ],
)
def test_padding_is_air(tmp_path, write_slice, stack, slice_hu, tags, pad):
    def changed(hu, k):
        data = words(hu, kind="<i2" if pad < 0 else "<u2")
        data[:, 0] = pad
        return tags | {"PixelData": data.tobytes()}

    found = Volume.read(write_all(tmp_path / "ct", write_slice, stack, slice_hu, changed))
    for k in range(4):
        assert (found.data_hu[0, :, k] == -1024).all()
        assert np.array_equal(found.data_hu[1:, :, k], slice_hu(k).T[1:])


def jpeg_lossless(data, folder):
    """The words in the first JPEG of DICOM, as ITK writes it."""
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(folder / "one.dcm"))
    writer.SetUseCompression(True)
    writer.SetCompressor("JPEG")
    writer.Execute(sitk.GetImageFromArray(data[None]))
    one = pydicom.dcmread(folder / "one.dcm")
    return {
        "syntax": one.file_meta.TransferSyntaxUID,
        "PixelData": one.PixelData,
        "BitsStored": one.BitsStored,
        "HighBit": one.HighBit,
    }


def jpeg_2000(data, folder):
    """The words in JPEG 2000, reversible, as Pillow writes it."""
    stream = io.BytesIO()
    Image.fromarray(data).save(stream, "JPEG2000", no_jp2=True, irreversible=False)
    pixels = pydicom.encaps.encapsulate([stream.getvalue()])
    return {"syntax": JPEG2000Lossless, "PixelData": pixels, "BitsStored": 16, "HighBit": 15}


@pytest.mark.parametrize("encoder", [jpeg_lossless, jpeg_2000])
def test_compressed_slices_are_decoded(tmp_path, write_slice, stack, slice_hu, encoder):
    def changed(hu, k):
        return encoder(words(np.kron(hu, np.ones((8, 8), np.int16))), tmp_path)

    folder = tmp_path / "ct"
    folder.mkdir()
    for k, position in enumerate(stack(3)):
        hu = np.kron(slice_hu(k), np.ones((8, 8), np.int16))
        path = write_slice(folder, k, position, hu=hu, **changed(slice_hu(k), k))
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID.is_compressed
    found = Volume.read(folder).data_hu
    for k in range(3):
        assert np.array_equal(found[::8, ::8, k], slice_hu(k).T)


def test_run_lengths_are_decoded(tmp_path, write_series, stack, slice_hu):
    folder = write_series(tmp_path / "ct", stack(4))
    for path in folder.iterdir():
        file = pydicom.dcmread(path)
        file.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
        file.save_as(path)
    check(Volume.read(folder), slice_hu)


@pytest.mark.parametrize("syntax", [HTJ2K, JPEG2000])
def test_compression_without_a_decoder_is_named(tmp_path, write_series, stack, syntax):
    folder = write_series(tmp_path / "ct", stack())
    for path in folder.iterdir():
        file = pydicom.dcmread(path)
        file.PixelData = pydicom.encaps.encapsulate([b"\xff\x4f\xff\x51" + bytes(40)])
        file.file_meta.TransferSyntaxUID = syntax
        file["PixelData"].VR = "OB"
        file.save_as(path)
    with pytest.raises(
        ValueError, match=r"997\.dcm cannot be read: .* compressed as .*2000.*export the series"
    ):
        Volume.read(folder)


def test_a_truncated_slice_is_refused(tmp_path, write_series, write_slice, stack):
    folder = write_series(tmp_path / "ct", stack())
    path = write_slice(folder, 5, stack(6)[5])
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"992\.dcm cannot be read"):
        Volume.read(folder)


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        (dict(SamplesPerPixel=3), "in colour"),
        (dict(BitsAllocated=12), "bits allocated, stored, high and sign are 12, 12, 11, 0"),
        (dict(BitsStored=14), "are 16, 14, 11, 0"),
        (dict(PixelData=b"\0\0"), "holds 2 bytes of pixels, expected 96"),
        (dict(Rows=60000), "rows and 8 columns|bytes of pixels"),
        (dict(RescaleSlope=0), "slope"),
    ],
)
def test_pixels_that_cannot_be_are_refused(tmp_path, write_series, stack, tags, says):
    with pytest.raises(ValueError, match=says):
        Volume.read(write_series(tmp_path / "ct", stack(), **tags))


def test_an_enhanced_ct_is_a_stack_of_its_frames(tmp_path, write_enhanced, stack, slice_hu):
    positions = stack(4)
    write_enhanced(tmp_path / "ct" / "all.dcm", positions, [1, 1, 1, 1])
    volume = Volume.read(tmp_path / "ct")
    check(volume, slice_hu)
    assert volume.spacing_mm == pytest.approx([0.7, 0.9, 2])
    write_enhanced(tmp_path / "ct" / "all.dcm", positions[::-1], [1, 2, 1, 1])
    back = Volume.read(tmp_path / "ct").data_hu
    assert np.array_equal(back[:, :, 0], slice_hu(3).T)
    assert np.abs(back[:, :, 2] - slice_hu(1).T).max() <= 1


def test_an_enhanced_ct_may_be_compressed(tmp_path, write_enhanced, stack, slice_hu):
    path = write_enhanced(tmp_path / "ct" / "all.dcm", stack(4), [1, 1, 1, 1])
    file = pydicom.dcmread(path)
    file.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    file.save_as(path)
    check(Volume.read(tmp_path / "ct"), slice_hu)


def test_frames_that_do_not_say_where_they_lie_are_refused(tmp_path, write_series, stack):
    folder = write_series(tmp_path / "ct", stack(), NumberOfFrames=2)
    with pytest.raises(ValueError, match=r"holds 2 frames and says where 0 of them lie"):
        Volume.read(folder)


def test_an_enhanced_ct_cut_short_is_refused(tmp_path, write_enhanced, stack):
    write_enhanced(tmp_path / "ct" / "all.dcm", stack(4), [1] * 4, PixelData=bytes(96 * 3))
    with pytest.raises(ValueError, match=r"all\.dcm frame 3 cannot be read: it holds 288 bytes"):
        Volume.read(tmp_path / "ct")


def test_frames_of_two_times_are_refused(tmp_path, write_enhanced, stack):
    write_enhanced(tmp_path / "ct" / "all.dcm", [*stack(2), *stack(2)], [1] * 4)
    with pytest.raises(ValueError, match=r"all\.dcm frame 0 and all\.dcm frame 2"):
        Volume.read(tmp_path / "ct")
