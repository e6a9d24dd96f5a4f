"""Damaged copies of a file: bytes turned, cut, doubled; numbers and names made hostile."""

import gzip
import json
import random
import re
import struct
import zlib

HOSTILE_WORDS = (
    *("nan", "-nan", "inf", "-inf", "1e308", "-1e308", "1e-320", "1e400", "0", "-1", "-0.0", "1"),
    *("9" * 40, "9" * 5000, "1000000000", "2147483648", "4294967295", "18446744073709551616"),
    *("", " ", '""', "null", "true", "[]", "{}", "[[]]", '"x"', "\x00", "\\u0000", "\ud7ff"),
    *("../../../x", "/etc/passwd", "<script>alert(1)</script>", "é" * 50, "\ufeff", "\u202e", "\r"),
    *("0x10", "1_000", "١٢", "1,5", "-", "+", ".", "e", "'", '"', "#", "=", "[", "]", "{", "}"),
    *("A" * 70_000, "2020-01-01", "1e5", "-1e5", "0.5", "3", "7", "65536", "255"),
)
HOSTILE_VALUES = (
    *(None, True, False, 0, -1, 1, 10**9, 10**12, 2**63, 10**400, -(10**30), 0.5, -0.5),
    *(float("nan"), float("inf"), -float("inf"), 1e308, 5e-324, "", "x", "\x00", "../../x"),
    *("<script>alert(1)</script>", "é\u202e", "A" * 10_000, [], {}, [[]], [None], {"": None}),
    *([0] * 3, [1e308] * 3, [[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0.0] * 4] * 4, {"a": {"b": {}}}),
)
TOKEN = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[A-Za-z_][\w.-]*|\"[^\"\n]*\"")
DEEP = 20_000
INTERESTING = (
    0,
    1,
    2,
    7,
    8,
    15,
    16,
    31,
    32,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    2**31 - 1,
    2**31,
    2**32 - 1,
    10**9,
    2**63 - 1,
    2**64 - 1,
)
PNG = b"\x89PNG\r\n\x1a\n"


def mutated(content: bytes, other: bytes, kind: str, rng: random.Random) -> bytes:
    """A damaged copy; `kind` is json, text or binary, and `other` another file to splice with."""
    if content[:2] == b"\x1f\x8b" and rng.random() < 0.6:
        inside = mutated(gzip.decompress(content), other, "binary", rng)
        return gzip.compress(inside, compresslevel=1)
    if content.startswith(PNG) and rng.random() < 0.6:
        return _png(content, rng)
    if kind == "safetensors" and rng.random() < 0.6:
        return _safetensors(content, rng)
    if kind == "json" and rng.random() < 0.6:
        return _json(content, rng)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        worded = kind != "binary" or rng.random() < 0.15
        content = (_worded if worded and rng.random() < 0.7 else _bytes)(content, other, rng)
    return content


def _bytes(content: bytes, other: bytes, rng: random.Random) -> bytes:
    """One change of bytes; more often near the beginning, where headers are."""
    data = bytearray(content)
    reach = len(data) if rng.random() < 0.4 else min(len(data), 2048)
    at = rng.randrange(reach + 1)
    long = min(rng.choice((1, 2, 4, 8, 64, 1024)), len(data) - at)
    match rng.randrange(9):
        case 0 if at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        case 1 if at < len(data):
            data[at] = rng.randrange(256)
        case 2:
            del data[at:]
        case 3:
            del data[at : at + long]
        case 4:
            data[at:at] = rng.randbytes(long)
        case 5:
            data[at:at] = data[at : at + long] * rng.choice((1, 2, 50))
        case 6:
            begin = rng.randrange(len(other) + 1)
            data[at:] = other[begin:]
        case 7:
            width = rng.choice((1, 2, 4, 8))
            value = rng.choice(INTERESTING) % 256**width
            data[at : at + width] = value.to_bytes(width, rng.choice(("little", "big")))
        case 8:
            value = struct.pack("<d", rng.choice((float("nan"), float("inf"), 1e308, -1.0, 0.0)))
            data[at : at + 8] = value
    return bytes(data)


def _worded(content: bytes, other: bytes, rng: random.Random) -> bytes:
    """A number, word, cell or line of a text changed, dropped or doubled."""
    if rng.random() < 0.65:
        head = content[:20_000]
        tokens = list(TOKEN.finditer(head))
        if tokens:
            token = rng.choice(tokens)
            word = rng.choice(HOSTILE_WORDS)
            if rng.random() < 0.2:
                word = rng.choice(tokens)[0].decode("latin-1")
            new = word.encode("utf-8", "surrogatepass")
            return content[: token.start()] + new + content[token.end() :]
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    match rng.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, rng.choice(lines))
        case 2:
            lines[at] = lines[at].replace(b",", rng.choice((b";", b"\t", b",,", b"")))
        case 3:
            lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
        case 4:
            lines = lines[: at + 1] * rng.choice((1, 2, 30))
        case 5:
            return b"\n".join(lines).replace(b"\n", rng.choice((b"\r\n", b"\r", b"\n\n", b"\0")))
    return b"\n".join(lines)


def _json(content: bytes, rng: random.Random) -> bytes:
    """A JSON document with entries dropped, doubled, or of another kind."""
    try:
        tree = json.loads(content)
    except ValueError:
        return content
    for _ in range(rng.choice((1, 1, 2, 5))):
        tree = _changed(tree, rng)
    text = json.dumps(tree)
    if rng.random() < 0.03:
        text = text.replace(":", ":" + "[" * DEEP + "]" * DEEP + ",", 1)
    if rng.random() < 0.05 and text.startswith("{"):
        text = '{"format": 1, ' + text[1:]  # a key twice
    return text.encode("utf-8", "surrogatepass")


def _changed(tree: object, rng: random.Random) -> object:
    """One node of the tree changed; deeper ones more often than the root."""
    children = (
        list(tree)
        if isinstance(tree, dict)
        else list(range(len(tree)))
        if isinstance(tree, list)
        else []
    )
    if not children or rng.random() < 0.1:
        return rng.choice(HOSTILE_VALUES)
    key = rng.choice(children)
    tree = dict(tree) if isinstance(tree, dict) else list(tree)
    match rng.randrange(6):
        case 0:
            del tree[key]
        case 1 if isinstance(tree, dict):
            tree[rng.choice(("", "\0", "x", "é", "<b>", "9" * 300))] = tree.pop(key)
        case 2 if isinstance(tree, list):
            tree = tree * rng.choice((0, 2, 20))
        case _:
            tree[key] = _changed(tree[key], rng)
    return tree


def _png(content: bytes, rng: random.Random) -> bytes:
    """A PNG with changed chunks whose checksums are right."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        count = struct.unpack(">I", content[at : at + 4])[0]
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + count]))
        at += 12 + count
    k = rng.randrange(len(chunks))
    name, data = chunks[k]
    if name == b"IDAT" and rng.random() < 0.5:
        data = zlib.compress(_bytes(zlib.decompress(data), b"", rng))
    elif data:
        data = _bytes(data, b"", rng)
    chunks[k] = (name, data)
    if rng.random() < 0.2:
        chunks.insert(k, rng.choice(chunks))
    parts = [
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks
    ]
    return PNG + b"".join(parts)


def _safetensors(content: bytes, rng: random.Random) -> bytes:
    """A file of tensors with a changed header of the right length."""
    count = struct.unpack("<Q", content[:8])[0]
    header = _json(content[8 : 8 + count], rng)
    return struct.pack("<Q", len(header)) + header + content[8 + count :]
