"""AVI and MP4 as a sequence of grey frames, decoded by the ffmpeg that imageio-ffmpeg brings."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

Opened = tuple[tuple[str, ...], Callable[[int], np.ndarray], np.ndarray | None]


def open_video(path: Path) -> Opened:
    """Names, a reader by index, and no times: a high-speed camera's file plays at another rate."""
    import imageio_ffmpeg

    try:
        count, _ = imageio_ffmpeg.count_frames_and_secs(str(path))
    except (RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise ValueError(f"{path}: the video cannot be read ({reason})") from None
    if not count:
        raise ValueError(f"{path}: the video holds no frames")
    names = tuple(f"{path} (frame {index})" for index in range(count))
    return names, _Decoder(path).read, None


class _Decoder:
    """Reads frames in order without starting again; a step backwards starts from the beginning."""

    def __init__(self, path: Path):
        self.path = path
        self.next = 0
        self.stream: Iterator[bytes] | None = None
        self.shape = (0, 0)

    def read(self, index: int) -> np.ndarray:
        """Grey values from 0 to 1, float32."""
        if self.stream is None or index < self.next:
            self.stream, self.shape, self.next = *_started(self.path), 0
        raw = b""
        while self.next <= index:
            raw = next(self.stream, b"")
            if not raw:
                raise ValueError(f"{self.path}: the video ends at frame {self.next}")
            self.next += 1
        return np.frombuffer(raw, "<u2").reshape(self.shape).astype(np.float32) / 65535


def _started(path: Path) -> tuple[Iterator[bytes], tuple[int, int]]:
    """The stream of raw frames, and their height and width."""
    import imageio_ffmpeg

    stream = imageio_ffmpeg.read_frames(str(path), pix_fmt="gray16le", bits_per_pixel=16)
    width, height = next(stream)["size"]
    return stream, (height, width)
