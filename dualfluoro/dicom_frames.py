"""DICOM XA/RF as a sequence of grey frames with their times; nothing else of it is kept.

Frames are as they are stored: what turns, flips or maps them for display is left out. Bright is
what the display shows bright (MONOCHROME1 is turned round).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .dicom_fragments import joined
from .dicom_header import StoredFrames, read_stored_frames
from .dicom_times import file_stamp, file_times_s, frame_times_s

Opened = tuple[tuple[str, ...], Callable[[int], np.ndarray], np.ndarray | None]


def open_dicom(files: list[Path]) -> Opened:
    """Names, a reader by index, and the frames' times where the headers have them.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: a file is no DICOM image; several of which one has many frames.
    """
    if len(files) == 1:
        stored, header = read_stored_frames(files[0])
        try:
            times_s = frame_times_s(header, stored.count)
        except Exception as error:  # whatever broken bytes make pydicom stumble over
            kind = type(error).__name__
            raise ValueError(f"{files[0]}: its frame times cannot be read ({kind})") from None
        names = tuple(f"{files[0]} (frame {index})" for index in range(stored.count))
        return names, lambda index: grey_frame(stored, index), times_s
    kept, stamps = [], []
    for path in files:
        stored, header = read_stored_frames(path)
        if stored.count > 1:
            raise ValueError(
                f"{path}: a view is one multi-frame file, or one frame a file; found "
                f"{len(files)} files, and {stored.count} frames in this one"
            )
        kept.append(stored)
        stamps.append(file_stamp(header))
    return tuple(map(str, files)), lambda index: grey_frame(kept[index], 0), file_times_s(stamps)


def grey_frame(stored: StoredFrames, index: int) -> np.ndarray:
    """Grey values from 0 to 1 over the stored bits, float32; only this frame is read."""
    from drr.dicom_pixels import stored_values

    words = _words(stored, index)
    values = stored_values(words, stored.bits_stored, stored.high_bit, signed=stored.signed)
    grey = values.astype(np.float32)
    if stored.signed:
        grey += 2 ** (stored.bits_stored - 1)
    grey /= np.float32(2**stored.bits_stored - 1)
    if grey.ndim == 3:
        grey = grey.mean(axis=-1)
    return 1 - grey if stored.photometric == "MONOCHROME1" else grey


def _words(stored: StoredFrames, index: int) -> np.ndarray:
    """One frame's words as unsigned integers of their allocated size."""
    if stored.fragments is not None:
        return _decompressed(stored, index)
    kind = f"{'<' if stored.syntax.is_little_endian else '>'}u{stored.bits_allocated // 8}"
    with stored.path.open("rb") as file:
        file.seek(stored.pixels_at + index * stored.frame_bytes)
        raw = file.read(stored.frame_bytes)
    if len(raw) < stored.frame_bytes:
        raise ValueError(f"{stored.path}: frame {index} is cut off")
    words = np.frombuffer(raw, kind).astype(kind[1:])
    size = (stored.rows, stored.columns)
    return words.reshape(size if stored.samples == 1 else (*size, stored.samples))


def _decompressed(stored: StoredFrames, index: int) -> np.ndarray:
    from drr.dicom_pixels import decompressed

    bits = {
        "BitsAllocated": stored.bits_allocated,
        "BitsStored": stored.bits_stored,
        "HighBit": stored.high_bit,
        "PixelRepresentation": int(stored.signed),
    }
    fragments = (stored.fragments or ())[index]
    size = (stored.rows, stored.columns)
    try:
        parts = joined(stored.path, fragments)
        return decompressed(parts, stored.syntax, size, bits, stored.photometric)
    except Exception as error:  # whatever broken bytes make the decoders stumble over
        raise ValueError(
            f"{stored.path}: frame {index} is compressed as {stored.syntax.name}, and is damaged "
            f"or has no decoder here ({type(error).__name__}); export it uncompressed"
        ) from None
