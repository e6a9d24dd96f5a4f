"""Gaps, repeated frames and clocks that disagree are told; frames stream, whatever their file."""

import shutil
import tracemalloc
import warnings
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from dualfluoro import load_trial
from dualfluoro.frame_checks import numbering_notes, partner_notes, rate_notes, time_notes
from dualfluoro.frames import natural_key, open_frames
from dualfluoro.still_images import open_stills
from dualfluoro.tiff_pages import page_count
from dualfluoro.video import open_video

GREY = np.random.default_rng(0).integers(0, 65536, (3, 32, 32), dtype=np.uint16)


def files(*numbers):
    return [Path(f"cam01_{number:04}.tif") for number in numbers]


def test_missing_numbers_are_told_and_even_steps_are_not():
    assert numbering_notes("A", files(1, 2, 3, 4)) == []
    assert numbering_notes("A", files(0, 2, 4, 6)) == []
    assert numbering_notes("A", [Path("a.png"), Path("b.png"), Path("c.png")]) == []
    (note,) = numbering_notes("A", files(1, 2, 5, 6))
    assert "between cam01_0002.tif and cam01_0005.tif" in note


def test_views_whose_numbers_run_apart_are_told():
    assert partner_notes("AB", [files(1, 2, 3), files(11, 12, 13)]) == []
    (note,) = partner_notes("AB", [files(1, 2, 4), files(1, 3, 4)])
    assert "from cam01_0002.tif and cam01_0003.tif on" in note


def test_gaps_and_rates_are_told_by_the_times():
    even = np.arange(6) / 10
    assert time_notes("A", even) == [] and time_notes("A", None) == []
    assert "0.3 s after frame 2" in time_notes("A", np.array([0, 0.1, 0.2, 0.5, 0.6]))[0]
    assert rate_notes("AB", [even, even], 10.0) == []
    assert "10 and 5 frames" in rate_notes("AB", [even, 2 * even], None)[0]
    assert "by trial.toml" in rate_notes("AB", [even, None], 30.0)[0]


def test_a_repeated_frame_and_a_gap_of_a_trial_are_warnings(trial):
    for name in "AB":
        (trial / name / "0002.png").rename(trial / name / "0005.png")
    shutil.copy(trial / "A" / "0000.png", trial / "A" / "0001.png")
    with pytest.warns(UserWarning) as told:
        views, _ = open_frames(load_trial(trial))
        _ = [view[k] for view in views for k in range(3)]
    said = [str(warning.message) for warning in told]
    assert sum("numbers are missing" in text for text in said) == 2
    repeats = [text for text in said if "the same, pixel by pixel" in text]
    assert len(repeats) == 1 and "A/0001.png" in repeats[0]


def test_a_whole_trial_is_told_nothing(trial):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        views, _ = open_frames(load_trial(trial))
        _ = [view[k] for view in views for k in range(3)]


def test_names_with_other_digits_are_sorted_too():
    names = [Path(name) for name in ("a²10.png", "a²9.png", "٣.png")]
    assert sorted(names, key=natural_key)[0].name in ("a²9.png", "٣.png")


def tiff(path, pages, **options):
    images = [Image.fromarray(page) for page in pages]
    images[0].save(path, save_all=True, append_images=images[1:], **options)


def test_pages_are_found_again_in_any_order(tmp_path):
    tiff(tmp_path / "x.tif", np.tile(GREY, (20, 1, 1)) + np.arange(60)[:, None, None].astype("u2"))
    names, read, _ = open_stills([tmp_path / "x.tif"])
    assert len(names) == 60 == page_count(tmp_path / "x.tif")
    for index in (59, 0, 30, 31):
        np.testing.assert_allclose(
            read(index) * 65535, (GREY[index % 3].astype(int) + index) % 65536, atol=0.01
        )


def test_twelve_bits_and_white_that_is_zero(tmp_path):
    values = GREY[0, :, ::2] & 4095
    a, b = values[:, 0::2].astype(np.uint32), values[:, 1::2].astype(np.uint32)
    packed = np.stack([a >> 4, (a & 15) << 4 | b >> 8, b & 255], axis=-1).astype(np.uint8)
    _write_tiff(tmp_path / "x.tif", packed.tobytes(), 16, 32, bits=12, photometric=1)
    np.testing.assert_allclose(open_stills([tmp_path / "x.tif"])[1](0) * 4095, values, atol=0.01)
    raw = GREY[0].astype("<u2").tobytes()
    _write_tiff(tmp_path / "y.tif", raw, 32, 32, bits=16, photometric=0)
    found = open_stills([tmp_path / "y.tif"])[1](0) * 65535
    np.testing.assert_allclose(found, 65535 - GREY[0].astype(float), atol=0.01)


def _write_tiff(path, strip, width, height, *, bits, photometric):
    """A TIFF of one strip, by hand: no program here writes 12 bits."""
    import struct

    at = 8 + 2 + 9 * 12 + 4
    tags = [(256, 3, width), (257, 3, height), (258, 3, bits), (259, 3, 1), (262, 3, photometric),
            (273, 4, at), (277, 3, 1), (278, 3, height), (279, 4, len(strip))]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries
    path.write_bytes(head + bytes(4) + strip)


def test_pages_in_a_circle_are_refused(tmp_path):
    tiff(tmp_path / "x.tif", GREY)
    raw = bytearray((tmp_path / "x.tif").read_bytes())
    first = int.from_bytes(raw[4:8], "little")
    count = int.from_bytes(raw[first : first + 2], "little")
    after = first + 2 + 12 * count
    raw[after : after + 4] = first.to_bytes(4, "little")
    (tmp_path / "x.tif").write_bytes(raw)
    with pytest.raises(ValueError, match=r"x\.tif: the pages of the TIFF go in a circle"):
        open_stills([tmp_path / "x.tif"])


def test_several_files_with_pages_are_refused(tmp_path):
    for name in ("x", "y"):
        tiff(tmp_path / f"{name}.tif", GREY)
    with pytest.raises(ValueError, match="one multi-page file, or one image a file"):
        open_stills([tmp_path / "x.tif", tmp_path / "y.tif"])


def test_memory_does_not_grow_with_pages(tmp_path):
    tiff(tmp_path / "x.tif", np.tile(GREY, (100, 2, 2)))
    _, read, _ = open_stills([tmp_path / "x.tif"])
    most = []
    for first in (0, 150):
        tracemalloc.start()
        for index in range(first, first + 150):
            read(index)
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert most[1] < most[0] + 20_000 and most[0] < 300 * GREY[0].nbytes


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    """Forty moving frames with frames that are foretold from later ones."""
    path = tmp_path_factory.mktemp("movie") / "x.mp4"
    writer = imageio_ffmpeg.write_frames(
        str(path), (64, 64), pix_fmt_in="gray", codec="libx264", fps=25, quality=10,
        output_params=["-g", "15", "-bf", "3"], ffmpeg_log_level="quiet",
    )  # fmt: skip
    writer.send(None)
    for shade in range(40):
        writer.send(np.full((64, 64), 20 + 5 * shade, np.uint8).tobytes())
    writer.close()
    return path


def test_a_video_is_sought_backwards_frame_by_frame(movie):
    names, read, _ = open_video(movie)
    assert len(names) == 40
    forward = [read(index).mean() for index in range(40)]
    assert (np.diff(forward) > 0).all()
    for index in (39, 38, 37, 15, 14, 1, 0, 20):
        assert read(index).mean() == forward[index]


def test_memory_does_not_grow_with_a_video_or_a_sequence(movie, tmp_path):
    for number in range(40):
        Image.fromarray(np.tile(GREY[number % 3], (2, 2))).save(tmp_path / f"{number}.png")
    sources = open_video(movie), open_stills([tmp_path / f"{n}.png" for n in range(40)])
    for _, read, _ in sources:
        read(0)
        most = []
        for last in (8, 40):
            tracemalloc.start()
            for index in range(1, last):
                read(index)
            most.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert most[1] < 1.5 * most[0] + 64 * 64 * 4


def test_a_step_backwards_decodes_few_frames(movie):
    """Each of them again from the beginning would be 780 frames."""
    _, read, _ = open_video(movie)
    decoder = read.__self__
    decoded = []
    start = decoder._start
    decoder._start = lambda begin_s: (decoded.append(begin_s), start(begin_s))
    for index in reversed(range(30, 40)):
        read(index)
    assert decoder.seeks and len(decoded) == 10 and all(begin_s > 1 for begin_s in decoded[1:])


def test_a_playlist_called_avi_opens_no_other_file(tmp_path, movie):
    (tmp_path / "x.avi").write_text(f"ffconcat version 1.0\nfile '{movie}'\n")
    with pytest.raises(ValueError, match=r"x\.avi: the video cannot be read"):
        open_video(tmp_path / "x.avi")
