"""The data set on disk: labelled radiographs in shards, and a manifest that says what they are.

A shard is an uncompressed .npz without pickled objects, 64 radiographs (fewer in the last):

    image        uint16 (n, height, width), 65535 = 1; rows and columns beyond the image are 0
    size_px      int32 (n, 2) width and height;  view  str (n)
    K            (n, 3, 3);  cam_from_ct (n, 4, 4) mm;  uv_px (n, landmark, 2)
    on_image, in_field   bool (n, landmark)
    field_px     (corners of all, 2);  field_ends (n) one past the last corner of each
    fluoroscope  str (n), JSON of its parameters

The manifest is written last for each shard, so that what it lists is whole; a run that was cut
short goes on behind it.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from calibration.atomic import whole, write_json

from .fluoroscope import Fluoroscope
from .labelled_radiograph import LabelledRadiograph, Studio, draw_labelled

FORMAT, VERSION, SHARD = "dualfluoro-dataset", 1, 64
WHITE = 65535
Json = dict


def write_dataset(
    folder: Path,
    studio: Studio,
    count: int,
    seed: int,
    about: Json,
    progress: Callable[[int], None] = lambda done: None,
) -> Path:
    """Write the first `count` radiographs of a seed; what is there already is kept.

    Args:
        about: what else fixes the data (CT, landmark names): part of the manifest.
        progress: called with the number of radiographs that are done.

    Raises:
        ValueError: the folder holds other data, or a shard that its manifest does not know.
    """
    parameters = about | {
        "seed": seed,
        "azimuth_deg": studio.azimuth_deg,
        "off_centre_sd_mm": studio.off_centre_sd_mm,
        "sizes_px": {c.name: [c.width, c.height] for c in studio.rig},
        "K": {c.name: c.K.tolist() for c in studio.rig},
    }
    folder.mkdir(parents=True, exist_ok=True)
    shards = _shards_so_far(folder, parameters)
    spans = [(first, min(first + SHARD, count)) for first in range(0, count, SHARD)]
    with ThreadPoolExecutor(max(1, torch.get_num_threads()), initializer=_one_thread) as pool:
        for place, (first, stop) in enumerate(spans):
            if place < len(shards) and shards[place]["count"] >= stop - first:
                progress(stop)
                continue
            numbers = range(first, stop)
            drawn = list(pool.map(lambda n: draw_labelled(studio, seed, n), numbers))
            shards[place:] = [_write_shard(folder / f"shard-{place:05}.npz", drawn)]
            _write_manifest(folder, parameters, shards)
            progress(stop)
    return folder / "manifest.json"


def read_manifest(folder: Path) -> Json:
    """The manifest; ValueError where it is not one of this program."""
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        known = manifest["format"] == FORMAT and manifest["version"] == VERSION
        shards = [(s["file"], s["count"], s["sha256"]) for s in manifest["shards"]]
        known &= all(Path(str(name)).name == name for name, *_ in shards)
        known &= isinstance(manifest["parameters"], dict)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: not the manifest of a data set: {error!r}") from error
    if not known:
        raise ValueError(f"{path}: not the manifest of a {FORMAT} of version {VERSION}")
    return manifest


def read_dataset(folder: Path) -> Iterator[LabelledRadiograph]:
    """The radiographs, in order; each shard is compared with its hash before it is used."""
    for shard in read_manifest(folder)["shards"]:
        yield from read_shard(folder / shard["file"], shard["sha256"])


def read_shard(path: Path, sha256: str) -> Iterator[LabelledRadiograph]:
    """The radiographs of a shard; ValueError where it is not the one that was written."""
    if _sha256(path) != sha256:
        raise ValueError(f"{path}: not the file that the manifest describes; delete it, make anew")
    try:
        with np.load(path, allow_pickle=False) as archive:
            shard = {name: archive[name] for name in archive.files}
        yield from _radiographs(shard)
    except Exception as error:  # whatever broken bytes make NumPy stumble over
        raise ValueError(f"{path}: a damaged shard; delete it, make anew ({error})") from None


def _radiographs(shard: dict[str, np.ndarray]) -> Iterator[LabelledRadiograph]:
    starts = [0, *shard["field_ends"][:-1]]
    for n, (start, end) in enumerate(zip(starts, shard["field_ends"], strict=True)):
        width, height = shard["size_px"][n]
        yield LabelledRadiograph(
            shard["image"][n, :height, :width].astype(np.float32) / WHITE,
            str(shard["view"][n]),
            shard["K"][n],
            shard["cam_from_ct"][n],
            shard["uv_px"][n],
            shard["on_image"][n],
            shard["in_field"][n],
            shard["field_px"][start:end],
            Fluoroscope(**json.loads(str(shard["fluoroscope"][n]))),
        )


def _one_thread() -> None:
    torch.set_num_threads(1)


def _shards_so_far(folder: Path, parameters: Json) -> list[Json]:
    if not (folder / "manifest.json").exists():
        return []
    manifest = read_manifest(folder)
    mine = json.loads(json.dumps(parameters))
    if manifest["parameters"] != mine:
        keys = mine.keys() | manifest["parameters"].keys()
        other = [k for k in sorted(keys) if mine.get(k) != manifest["parameters"].get(k)]
        raise ValueError(
            f"{folder}: holds another data set, which differs in {', '.join(other)}; "
            "delete the folder to make this one"
        )
    return [s for s in manifest["shards"] if _sha256(folder / s["file"]) == s["sha256"]]


def _write_shard(path: Path, drawn: list[LabelledRadiograph]) -> Json:
    height, width = np.max([r.image.shape for r in drawn], axis=0)
    image = np.zeros((len(drawn), height, width), np.uint16)
    for n, radiograph in enumerate(drawn):
        h, w = radiograph.image.shape
        image[n, :h, :w] = np.rint(radiograph.image * WHITE)
    arrays = {
        "image": image,
        "size_px": np.array([r.image.shape[::-1] for r in drawn], np.int32),
        "view": np.array([r.view for r in drawn]),
        "field_px": np.concatenate([r.field_polygon_px for r in drawn]),
        "field_ends": np.cumsum([len(r.field_polygon_px) for r in drawn]),
        "fluoroscope": np.array([json.dumps(asdict(r.fluoroscope)) for r in drawn]),
    }
    for name in ("K", "cam_from_ct", "uv_px", "on_image", "in_field"):
        arrays[name] = np.stack([getattr(r, name) for r in drawn])
    with whole(path) as unfinished:
        np.savez(unfinished, allow_pickle=False, **arrays)
    return {"file": path.name, "count": len(drawn), "sha256": _sha256(path)}


def _write_manifest(folder: Path, parameters: Json, shards: list[Json]) -> None:
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "count": sum(s["count"] for s in shards),
        "parameters": parameters,
        "shards": shards,
    }
    write_json(folder / "manifest.json", manifest)


def _sha256(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
