"""Memory and time of a trial of thousands of frames, drawn as a plot.

    python benchmarks/long_trial.py WORK [--frames 10000] [--source png|tiff|cine|dicom|video]
                                    [--track TRIAL]

A trial of small noisy frames is made in WORK in one of the formats, its frames are read one after
the other and the field of each is found, as tracking does; resident memory (Linux's /proc) and time
a frame are written to WORK/long_trial.csv and WORK/long_trial.png. With `--track`, a folder that
`dualfluoro demo` made is repeated forward and backward instead and tracked from its truth, in a
process of its own that is watched.
"""

import argparse
import csv
import gc
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from calibration import Camera, Rigid
from drr import find_field
from dualfluoro.frames import open_view
from dualfluoro.trial import View

SIZE_PX = 128


def main() -> None:
    """Make, read, measure, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument(
        "--source", default="png", choices=["png", "tiff", "cine", "dicom", "video"]
    )
    parser.add_argument("--track", type=Path)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.track is not None:
        rows, title = tracked(args.track, args.work / "trial", args.frames), "tracking"
    else:
        rows = read_through(args.work, args.source, args.frames)
        title = f"reading {args.source} and finding the field"
    write(args.work / "long_trial.csv", rows)
    draw(args.work / "long_trial.png", np.array(rows), title)
    print(report(np.array(rows), title))


def read_through(work: Path, source: str, frames: int) -> list[tuple[int, float, float]]:
    """Frame number, resident MiB and seconds since the start, over a new recording."""
    making = multiprocessing.get_context("fork").Process(
        target=write_recording, args=(work, source, frames)
    )
    making.start()  # in a process of its own, whose memory is not counted
    making.join()
    path = place_of(work, source)
    K = np.array([[400.0, 0, SIZE_PX / 2], [0, 400, SIZE_PX / 2], [0, 0, 1]])
    camera = Camera(K, Rigid.identity(), SIZE_PX, SIZE_PX, name="A")
    view = open_view(View("A", path), camera)
    find_field(view[0], True)
    gc.collect()
    begun, rows = time.perf_counter(), []
    for number in range(len(view)):
        find_field(view[number], True)
        if number % max(1, frames // 500) == 0:
            rows.append((number, resident_mib(), time.perf_counter() - begun))
    return rows


def tracked(trial: Path, work: Path, frames: int) -> list[tuple[int, float, float]]:
    """The same of the command line's own `track`, by benchmarks/memory.py."""
    from memory import TELLING, repeat, resident

    repeat(trial, work, frames)
    tokens = ["track", work, "--init", work / "init.csv", "--out", work / "out", "--quiet"]
    rows, begun = [], time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", TELLING, *map(str, tokens)], stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout or ():
            if int(line) == len(rows):  # frames that are asked for again are left out
                rows.append((len(rows), resident(process.pid), time.perf_counter() - begun))
    return rows


def image(number: int) -> np.ndarray:
    """A bright disc with a dark bone that wanders, 16 bit, noisy."""
    rng = np.random.default_rng(number)
    rows, columns = np.mgrid[:SIZE_PX, :SIZE_PX] - SIZE_PX / 2
    inside = np.hypot(rows, columns) < 0.45 * SIZE_PX
    at = 20 * np.sin(number / 50)
    bone = 20_000 * np.exp(-((columns - at) ** 2 + rows**2) / 300)
    grey = inside * (40_000 - bone) + rng.normal(2000, 300, rows.shape)
    return np.clip(grey, 0, 65535).astype(np.uint16)


def place_of(work: Path, source: str) -> Path:
    """The file of the recording, or the pattern of its files."""
    if source == "png":
        return work / "frames" / "*.png"
    endings = {"tiff": "tif", "cine": "cine", "dicom": "dcm", "video": "avi"}
    return work / f"long.{endings[source]}"


def write_recording(work: Path, source: str, frames: int) -> None:
    """The recording in one of the formats."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "dualfluoro"))
    path = place_of(work, source)
    images = (image(number) for number in range(frames))
    if source == "png":
        path.parent.mkdir(exist_ok=True)
        for number, grey in enumerate(images):
            cv2.imwrite(str(path.with_name(f"{number:06}.png")), grey)
    elif source == "tiff":
        from PIL import Image

        pages = (Image.fromarray(grey) for grey in images)
        next(pages).save(path, save_all=True, append_images=pages)
    elif source == "cine":
        from cine_files import cine_bytes

        path.write_bytes(cine_bytes(np.stack(list(images)), rate_hz=500, real_bits=16))
    elif source == "dicom":
        from xa_files import write_xa

        write_xa(path, np.stack(list(images)), bits=16, FrameTime="33")
    else:
        import imageio_ffmpeg

        writer = imageio_ffmpeg.write_frames(
            str(path), (SIZE_PX, SIZE_PX), pix_fmt_in="gray16le", codec="ffv1",
            pix_fmt_out="gray16le", ffmpeg_log_level="quiet",
        )  # fmt: skip
        writer.send(None)
        for grey in images:
            writer.send(grey.tobytes())
        writer.close()


def resident_mib() -> float:
    """Of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def write(path: Path, rows: list[tuple[int, float, float]]) -> None:
    """The measured numbers."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", "resident_mib", "elapsed_s"])
        writer.writerows((n, f"{mib:.1f}", f"{s:.3f}") for n, mib, s in rows)


def draw(path: Path, rows: np.ndarray, title: str) -> None:
    """Memory and cost against the frame number."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (above, below) = plt.subplots(2, 1, figsize=(8, 6), sharex=True, layout="constrained")
    above.plot(rows[:, 0], rows[:, 1], color="#0b6e99")
    above.set_ylabel("resident memory, MiB")
    above.set_ylim(0, 1.25 * rows[:, 1].max())
    above.set_title(f"{title}: {int(rows[-1, 0]) + 1} frames")
    frames, seconds = rows[:, 0], rows[:, 2]
    width = max(1, len(rows) // 50)
    cost_ms = 1000 * (seconds[width:] - seconds[:-width]) / (frames[width:] - frames[:-width])
    below.plot(frames[width:], cost_ms, color="#b3541e")
    below.set_ylabel("time a frame, ms")
    below.set_xlabel("frame")
    below.set_ylim(0, None)
    figure.savefig(path, dpi=110)


def report(rows: np.ndarray, title: str) -> str:
    """The first tenth against the last, in words."""
    tenth = max(2, len(rows) // 10)
    early, late = rows[tenth : 2 * tenth], rows[-tenth:]
    costs = [1000 * np.ptp(part[:, 2]) / np.ptp(part[:, 0]) for part in (early, late)]
    return (
        f"{title}: memory {np.median(early[:, 1]):.0f} MiB in the second tenth of the frames, "
        f"{np.median(late[:, 1]):.0f} MiB in the last; {costs[0]:.1f} and {costs[1]:.1f} ms a frame"
    )


if __name__ == "__main__":
    main()
