"""AVI and MP4 as a sequence of grey frames, decoded by the ffmpeg that imageio-ffmpeg brings.

Every frame that the file holds is a frame, whatever rate it is to be played at: nothing is repeated
or left out. A step backwards seeks, and what it finds is checked by its checksum.
"""

import subprocess
import zlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import NamedTuple

import numpy as np

Opened = tuple[tuple[str, ...], Callable[[int], np.ndarray], np.ndarray | None]
MOST_FRAMES = 1_000_000
NOTHING_ELSE = (
    *("-protocol_whitelist", "file"),
    *("-format_whitelist", "avi,mov,mp4,matroska,webm"),
    *("-max_pixels", str(1 << 26)),
)
"""Neither playlists, which name other files, nor sizes that no fluoroscope has."""
EVERY_FRAME = ("-map", "0:v:0", "-fps_mode", "passthrough")
GREY = ("-pix_fmt", "gray16le")


class VideoFrame(NamedTuple):
    """When a frame is to be shown, in ticks of the file's clock, and its decoded checksum."""

    tick: int
    checksum: int


class VideoIndex(NamedTuple):
    """All frames of a file."""

    frames: tuple[VideoFrame, ...]
    tick_s: float

    @property
    def times_s(self) -> np.ndarray:
        """When each frame is to be shown."""
        return np.array([frame.tick for frame in self.frames]) * self.tick_s


def open_video(path: Path) -> Opened:
    """Names, a reader by index, and no times: a high-speed camera's file plays at another rate.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no video that can be decoded.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    index = indexed(path)
    names = tuple(f"{path} (frame {number})" for number in range(len(index.frames)))
    return names, _Decoder(path, index).read, None


def indexed(path: Path) -> VideoIndex:
    """The frames of a file by decoding it once; ValueError where there are none."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", *NOTHING_ELSE]
    command += ["-i", _address(path), *EVERY_FRAME, *GREY, "-f", "framecrc", "-"]
    frames, tick_s, complaints = [], 1.0, ""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            cells = [cell.strip() for cell in line.split(",")]
            if line.startswith("#tb 0:"):
                up, down = line.split(":")[1].split("/")
                tick_s = int(up) / int(down)
            elif len(cells) == 6 and cells[0] == "0":
                frames.append(VideoFrame(int(cells[2]), int(cells[5], 16)))
            elif not line.startswith("#"):
                complaints = line.strip() or complaints
            if len(frames) > MOST_FRAMES:
                process.kill()
                raise ValueError(f"{path}: more than {MOST_FRAMES} frames")
    if not frames:
        reason = complaints.replace(_address(path), path.name) or "no frames"
        raise ValueError(f"{path}: the video cannot be read ({reason[:200]})")
    return VideoIndex(tuple(frames), tick_s)


class _Decoder:
    """Reads frames in order without starting again; a step backwards seeks."""

    def __init__(self, path: Path, index: VideoIndex):
        self.path, self.index = path, index
        self.next = 0
        self.seeks = True
        self.stream: Generator | None = None
        """Of raw frames, from imageio-ffmpeg; its first item, a header, is taken."""
        self.shape = (0, 0)

    def read(self, number: int) -> np.ndarray:
        """Grey values from 0 to 1, float32."""
        raw = b""
        if self.stream is not None and number < self.next and self.seeks:
            raw = self._sought(number)
        if not raw:
            raw = self._forward(number)
        values = np.frombuffer(raw, "<u2").reshape(self.shape)
        return values.astype(np.float32) / 65535

    def _sought(self, number: int) -> bytes:
        """The frame found by its time; nothing where another was found: then never again."""
        ticks = self.index.frames[number].tick - self.index.frames[0].tick
        step = ticks - (self.index.frames[number - 1].tick - self.index.frames[0].tick)
        begin_s = (ticks - step / 2) * self.index.tick_s if number else 0.0
        self._start(begin_s)
        raw = next(self.stream or iter(()), b"")
        self.next = number + 1
        if raw and zlib.adler32(raw, 0) == self.index.frames[number].checksum:
            return raw
        self._stop()
        self.seeks = False
        return b""

    def _forward(self, number: int) -> bytes:
        if self.stream is None or number < self.next:
            self._start(0.0)
            self.next = 0
        raw = b""
        while self.next <= number:
            raw = next(self.stream or iter(()), b"")
            if not raw:
                raise ValueError(f"{self.path}: the video ends at frame {self.next}")
            self.next += 1
        return raw

    def _start(self, begin_s: float) -> None:
        """The stream of raw frames from a time on."""
        import imageio_ffmpeg

        self._stop()
        seek = ["-ss", f"{begin_s:.9f}"] if begin_s > 0 else []
        stream = imageio_ffmpeg.read_frames(
            _address(self.path),
            pix_fmt="gray16le",
            bits_per_pixel=16,
            input_params=[*NOTHING_ELSE, *seek],
            output_params=list(EVERY_FRAME),
        )
        try:
            width, height = next(stream)["size"]
        except (OSError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise ValueError(f"{self.path}: the video cannot be read ({reason[:200]})") from None
        self.stream, self.shape = stream, (height, width)

    def _stop(self) -> None:
        if self.stream is not None:
            self.stream.close()  # ends ffmpeg
            self.stream = None


def _address(path: Path) -> str:
    """A local file to ffmpeg, whatever its name looks like."""
    return f"file:{path.absolute()}"
