import imageio_ffmpeg
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

from calibration import Camera
from calibration.distortion import blended
from dualfluoro import load_trial
from dualfluoro.frames import files_of, open_frames, open_view

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 65536, (3, 128, 128), dtype=np.uint16)


def camera_of(trial):
    return load_trial(trial).rig["A"]


def test_sixteen_bit_png_keeps_every_grey_value(trial, view_of):
    (trial / "x").mkdir()
    for index, number in enumerate((0, 2, 10)):  # natural order: 2 before 10
        Image.fromarray(GREY[index]).save(trial / "x" / f"f{number}.png")
    frames = open_view(view_of("x/*.png"), camera_of(trial))
    assert len(frames) == 3
    for index in range(3):
        assert frames[index].dtype == np.float32
        np.testing.assert_allclose(frames[index] * 65535, GREY[index], atol=0.01)


def test_pages_of_a_tiff_are_frames(trial, view_of):
    pages = [Image.fromarray(page) for page in GREY]
    pages[0].save(trial / "x.tif", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    frames = open_view(view_of("x.tif"), camera_of(trial))
    assert len(frames) == 3
    np.testing.assert_allclose(frames[2] * 65535, GREY[2], atol=0.01)


def test_eight_bit_colour_becomes_grey(trial, view_of):
    grey = (GREY[0] >> 8).astype(np.uint8)
    Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).save(trial / "x.png")
    frames = open_view(view_of("x.png"), camera_of(trial))
    np.testing.assert_allclose(frames[0] * 255, grey, atol=0.01)


def test_a_video_is_read_forwards_and_backwards(trial, view_of):
    writer = imageio_ffmpeg.write_frames(
        str(trial / "x.avi"), (128, 128), pix_fmt_in="gray", codec="ffv1", pix_fmt_out="gray"
    )
    writer.send(None)
    shades = [20, 120, 220]
    for shade in shades:
        writer.send(np.full((128, 128), shade, np.uint8).tobytes())
    writer.close()
    frames = open_view(view_of("x.avi"), camera_of(trial))
    assert len(frames) == 3
    for index in (0, 2, 1):
        assert frames[index].mean() * 255 == pytest.approx(shades[index], abs=1)


def write_dicom(path, pixels, bits, **tags):
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.12.1"
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    data = pydicom.Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, "1.2.3"
    data.NumberOfFrames, data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PixelRepresentation = 1, 0
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, bits, bits - 1
    for name, value in tags.items():
        setattr(data, name, value)
    data.PixelData = pixels.astype("<u2").tobytes()
    data.save_as(path, enforce_file_format=True)


def test_dicom_brings_its_grey_range_and_its_times(trial, view_of):
    write_dicom(trial / "x.dcm", GREY >> 4, 12, FrameTime="33.5")
    frames = open_view(view_of("x.dcm"), camera_of(trial))
    np.testing.assert_allclose(frames[1] * 4095, GREY[1] >> 4, atol=0.01)
    np.testing.assert_allclose(frames.times_s, [0, 0.0335, 0.067])


def test_dicom_that_shows_low_values_bright_is_turned_round(trial, view_of):
    write_dicom(trial / "x.dcm", GREY >> 4, 12, PhotometricInterpretation="MONOCHROME1")
    frames = open_view(view_of("x.dcm"), camera_of(trial))
    np.testing.assert_allclose(frames[1] * 4095, 4095 - (GREY[1] >> 4), atol=0.01)
    assert frames.times_s is None


def test_a_distorted_frame_is_undistorted_to_the_camera(trial, view_of):
    plain = camera_of(trial)
    map_ = {"model": "opencv", "coefficients": [0.3, 0, 0, 0, 0, 0, 0, 0]}
    bent = Camera(plain.K, plain.cam_from_world, 128, 128, name="A", distortion=map_)
    target = np.array([90.0, 30.0])
    raw = bent.distorted(target).numpy()
    rows, columns = np.mgrid[:128, :128]
    spot = np.exp(-((columns - raw[0]) ** 2 + (rows - raw[1]) ** 2) / 18)
    Image.fromarray((spot * 60000).astype(np.uint16)).save(trial / "x.png")
    image = open_view(view_of("x.png", distorted=True), bent)[0]
    found = [float((image * axis).sum() / image.sum()) for axis in (columns, rows)]
    np.testing.assert_allclose(found, target, atol=0.15)


def shift_map(u_px):
    """A map that moves everything along u, as a polynomial of degree 1."""
    corners = [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]
    return {
        "model": "polynomial-1",
        "center_px": [63.5, 63.5],
        "scale_px": 64.0,
        "degree": 1,
        "coefficients": [[u_px / 64, 0.0, 0.0], [0.0, 0.0, 0.0]],
        "outline": corners,
    }


def test_between_grids_before_and_after_each_frame_has_its_own_map(trial, view_of):
    """A spot that stands still on the tube: 0, 4 and 8 px of shift in three frames."""
    plain = camera_of(trial)
    map_ = blended(shift_map(0.0), shift_map(8.0), 0.5)
    bent = Camera(plain.K, plain.cam_from_world, 128, 128, name="A", distortion=map_)
    rows, columns = np.mgrid[:128, :128]
    spot = np.exp(-((columns - 70) ** 2 + (rows - 50) ** 2) / 18)
    (trial / "x").mkdir()
    for number in range(3):
        path = trial / "x" / f"{number}.png"
        Image.fromarray((spot * 60000).astype(np.uint16)).save(path)
    frames = open_view(view_of("x/*.png", distorted=True), bent)
    for number, expected in enumerate((70, 66, 62)):
        image = frames[number]
        assert (image * columns).sum() / image.sum() == pytest.approx(expected, abs=0.05)
        assert (image * rows).sum() / image.sum() == pytest.approx(50, abs=0.05)


def test_times_follow_the_rate_or_a_column(trial):
    loaded = load_trial(trial)
    np.testing.assert_allclose(open_frames(loaded)[1], [0, 1 / 30, 2 / 30])
    (trial / "t.csv").write_text("time_s\n0.5\n0.6\n0.8\n")
    text = (trial / "trial.toml").read_text()
    (trial / "trial.toml").write_text(text.replace("rate_hz = 30.0", 'times = "t.csv"'))
    np.testing.assert_allclose(open_frames(load_trial(trial))[1], [0.5, 0.6, 0.8])
    (trial / "t.csv").write_text("time_s\n0.5\n0.6\n0.6\n")
    with pytest.raises(ValueError, match="must increase"):
        open_frames(load_trial(trial))


def test_frames_without_times_ask_for_a_rate(trial):
    text = (trial / "trial.toml").read_text()
    (trial / "trial.toml").write_text(text.replace("rate_hz = 30.0", ""))
    with pytest.raises(ValueError, match="rate_hz"):
        open_frames(load_trial(trial))


def test_a_frame_that_is_cut_off_is_named_when_it_is_read(trial):
    path = trial / "A" / "0002.png"
    path.write_bytes(path.read_bytes()[:-3000])
    views, _ = open_frames(load_trial(trial))
    assert views[0][1].shape == (128, 128)
    with pytest.raises(ValueError, match=r"0002\.png: the image cannot be read, is it cut off"):
        views[0][2]


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.dcm", "x.avi"])
def test_what_is_no_image_is_refused_by_name(trial, view_of, name):
    (trial / name).write_bytes(b"not an image at all" * 20)
    with pytest.raises(ValueError, match=name):
        open_view(view_of(name), camera_of(trial))[0]


def test_a_pattern_without_files_says_so(trial):
    with pytest.raises(FileNotFoundError, match="no frames found"):
        files_of(trial / "C" / "*.png")


def test_a_pattern_that_is_no_glob_is_named(trial):
    with pytest.raises(ValueError, match=r"a\*\*b.*no file or glob"):
        files_of(trial / "a**b" / "*.png")


def test_an_image_that_claims_to_be_huge_is_refused_by_name(trial, view_of, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match=r"0000\.png: the image cannot be read.* exceeds limit"):
        open_view(view_of("A/0000.png"), camera_of(trial))[0]
