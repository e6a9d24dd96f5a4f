"""Made-up .cine files, written by the layout in the maker's document and not by our reader."""

import struct

import numpy as np


def cine_bytes(
    images,
    *,
    times_s=None,
    rate_hz=0,
    real_bits=12,
    compression=0,
    wide=True,
    flip=0,
    image_count=None,
):
    """A file of (n, rows, columns) uint8 or uint16 images, their rows stored bottom-up."""
    count, height, width = images.shape
    bits = images.dtype.itemsize * 8
    bitmap = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, bits, compression, images[0].nbytes, 0, 0, 0, 0
    )
    setup = bytearray(0x2000)
    struct.pack_into("<2sH", setup, 140, b"ST", len(setup))
    struct.pack_into("<I", setup, 760, flip)
    struct.pack_into("<I", setup, 768, rate_hz)
    struct.pack_into("<I", setup, 896, real_bits)
    blocks = b""
    if times_s is not None:
        stamps = b"".join(struct.pack("<II", round(t % 1 * 2**32) & ~3, int(t)) for t in times_s)
        blocks = struct.pack("<IHH", 12, 1000, 0) + b"abcd"  # another block before
        blocks += struct.pack("<IHH", 8 + len(stamps), 1002, 0) + stamps
    setup_at = 44 + 40
    table_at = setup_at + len(setup) + len(blocks)
    place = table_at + count * (8 if wide else 4)
    offsets, body = [], b""
    for image in images:
        offsets.append(place + len(body))
        annotation = struct.pack("<I4sI", 12, b"note", image.nbytes)
        body += annotation + np.ascontiguousarray(image[::-1]).tobytes()
    header = struct.pack(
        "<2sHHHiIiIIIIII",
        *(b"CI", 44, 0, int(wide), -5, count, -5, count if image_count is None else image_count),
        *(44, setup_at, table_at, 0, 0),
    )
    table = struct.pack(f"<{count}{'Q' if wide else 'I'}", *offsets)
    return header + bitmap + bytes(setup) + blocks + table + body
