"""Phantom .cine: what it brings, and what is refused."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from dualfluoro import load_trial
from dualfluoro.cine import open_cine
from dualfluoro.frames import open_frames

sys.path.insert(0, str(Path(__file__).parent))
from cine_files import cine_bytes

GREY = np.random.default_rng(0).integers(0, 4096, (5, 24, 32), dtype=np.uint16)


@pytest.mark.parametrize("wide", [True, False])
def test_a_cine_brings_every_grey_value_and_the_time_of_each_image(tmp_path, wide):
    path = tmp_path / "x.cine"
    times_s = [1e9 + 0.25, 1e9 + 0.5, 1e9 + 0.75, 1e9 + 1.5, 1e9 + 1.75]
    path.write_bytes(cine_bytes(GREY, times_s=times_s, wide=wide))
    names, read, found_s = open_cine(path)
    assert len(names) == 5 and str(path) in names[2]
    for index in (4, 0, 3):
        np.testing.assert_allclose(read(index) * 4095, GREY[index], atol=0.01)
    np.testing.assert_allclose(found_s, [0, 0.25, 0.5, 1.25, 1.5], atol=1e-8)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_another_program_reads_the_same_images(tmp_path, kind):
    path, images = tmp_path / "x.cine", GREY.astype(kind)
    bits = 8 * images.itemsize
    path.write_bytes(cine_bytes(images, rate_hz=500, real_bits=16))
    layout = {8: "gray", 16: "gray16le"}[bits]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path)]
    command += ["-f", "rawvideo", "-pix_fmt", layout, "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    other = np.frombuffer(raw, images.dtype).reshape(images.shape)
    _, read, times_s = open_cine(path)
    ours = np.stack([read(index) for index in range(5)])
    np.testing.assert_allclose(ours * (2**bits - 1), other, atol=0.01)
    np.testing.assert_allclose(times_s, np.arange(5) / 500)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"compression": 256}, "packed 10 bit, which is not read"),
        ({"compression": 1024}, "packed 12 bit, which is not read"),
        ({"image_count": 10**9}, "does not lie within"),
        ({"image_count": 0}, "its table of 0 images"),
    ],
)
def test_what_a_cine_cannot_be_is_refused_by_name(tmp_path, changes, said):
    (tmp_path / "x.cine").write_bytes(cine_bytes(GREY, **changes))
    with pytest.raises(ValueError, match=rf"x\.cine: .*{said}"):
        open_cine(tmp_path / "x.cine")


@pytest.mark.parametrize("kept", [0, 20, 60, 200, 9000, 10000])
def test_a_cine_that_is_cut_off_is_refused(tmp_path, kept):
    (tmp_path / "x.cine").write_bytes(cine_bytes(GREY, times_s=range(5))[:kept])
    with pytest.raises(ValueError, match=r"x\.cine"):
        open_cine(tmp_path / "x.cine")


def test_images_that_the_viewer_flips_are_read_as_stored_and_it_is_said(tmp_path):
    (tmp_path / "x.cine").write_bytes(cine_bytes(GREY, flip=1))
    with pytest.warns(UserWarning, match="flipped or turned"):
        _, read, times_s = open_cine(tmp_path / "x.cine")
    np.testing.assert_allclose(read(0) * 4095, GREY[0], atol=0.01)
    assert times_s is None


def test_a_trial_of_cines_takes_its_times_from_them(trial):
    images = np.random.default_rng(1).integers(0, 4096, (3, 128, 128), dtype=np.uint16)
    for name in "AB":
        (trial / f"{name}.cine").write_bytes(cine_bytes(images, times_s=[5.0, 5.5, 6.0]))
    text = (trial / "trial.toml").read_text()
    for name in "AB":
        text = text.replace(f'"{name}/*.png"', f'"{name}.cine"')
    (trial / "trial.toml").write_text(text.replace("rate_hz = 30.0", ""))
    views, times_s = open_frames(load_trial(trial))
    assert len(views[0]) == 3
    np.testing.assert_allclose(times_s, [0, 0.5, 1.0])


def test_memory_does_not_grow_with_the_images(tmp_path):
    many = np.tile(GREY, (40, 4, 4))
    (tmp_path / "x.cine").write_bytes(cine_bytes(many))
    _, read, _ = open_cine(tmp_path / "x.cine")
    tracemalloc.start()
    for index in range(len(many)):
        read(index)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 12 * many[0].nbytes < many.nbytes / 4
