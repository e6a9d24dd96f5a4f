"""Whole files of every kind that is read: small ones made up here, and real ones of a folder."""

import gzip
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from fuzz_worker import Seed

from calibration import Camera, Rig, Rigid

LARGEST = 300_000
"""Bytes of a real file that is taken: larger ones take too long to damage and read."""


def rig() -> Rig:
    """Two views with a distortion map and pixel spacing."""
    K = np.array([[400.0, 0, 32], [0, 400, 31], [0, 0, 1]])
    map_ = {"model": "opencv", "coefficients": [0.1, 0, 0, 0, 0, 0, 0, 0]}
    cameras = []
    for name, turn in (("A", 0.0), ("B", 1.4)):
        pose = Rigid(Rigid.exp(np.array([0, 0, 0, 0, turn, 0.0])).R, np.array([0, 0, 700.0]))
        cameras.append(Camera(K, pose, 64, 64, name=name, pixel_spacing_mm=0.4, distortion=map_))
    return Rig(tuple(cameras))


def written(name: str, write: Callable[[Path], object]) -> Seed:
    """The file of that name that a writer writes, with all that it writes beside it."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        files = {
            str(p.relative_to(folder)): p.read_bytes()
            for p in Path(folder).rglob("*")
            if p.is_file()
        }
    return Seed(name, files.pop(name), files)


def text(name: str, content: str, beside: dict[str, bytes] | None = None) -> Seed:
    """A text file."""
    return Seed(name, content.encode(), beside or {})


def real(data: Path | None, patterns: Sequence[str], name: str | None = None) -> list[Seed]:
    """The small files of a data folder, under one name where their own says nothing."""
    if data is None:
        return []
    files = [f for pattern in patterns for f in sorted(data.glob(pattern)) if f.is_file()]
    return [Seed(name or f.name, f.read_bytes()) for f in files if f.stat().st_size <= LARGEST]


def nifti() -> bytes:
    """A small CT of air and water."""
    import nibabel

    return nibabel.Nifti1Image(hu(), np.diag([2.0, 2, 2, 1])).to_bytes()


def hu() -> np.ndarray:
    """12^3 voxels."""
    noise = np.random.default_rng(0).normal(0, 10, (12, 12, 12))
    return (np.where(np.indices((12, 12, 12)).sum(0) > 16, 40, -1000) + noise).astype(np.int16)


def itk(name: str) -> Seed:
    """The same CT as NRRD or MetaImage."""
    import SimpleITK as sitk

    return written(name, lambda path: sitk.WriteImage(sitk.GetImageFromArray(hu()), str(path)))


def weights(write: Callable[[Path], object], damage: str) -> Seed:
    """Weights with their card; `damage` says which of the two is damaged."""
    seed = written("m.safetensors", write)
    if damage == "weights":
        return seed
    card = seed.beside["m.json"]
    return Seed("m.json", card, {"m.safetensors": seed.content})


def landmark_model(path: Path) -> None:
    """An untrained landmark model."""
    from detector.landmark_card import LandmarkCard
    from detector.landmark_model import LandmarkModel
    from detector.patch_network import PatchNetwork

    shape = {"width": 16, "blocks": 1, "features": 16}
    card = LandmarkCard(2, ["a", "b"], 4.0, 2.0, 32, shape, [1.0, 1.0], 0.5, {}, {})
    stages = [PatchNetwork(card.patch_shape()).eval() for _ in range(2)]
    LandmarkModel(stages[0], stages[1], card).write(path)


def detector(path: Path) -> None:
    """An untrained detector."""
    from detector import Detector, LandmarkNetwork, Shape
    from detector.card import Card

    shape = Shape(4, depth=5, width=8, slope=12.0, growth=2.0, group=8, features=16)
    names = {f"s{n}": [float(n), 0.0, 0.0] for n in range(4)}
    card = Card(names, "0" * 64, shape._asdict(), 1.0, {}, {})
    Detector(LandmarkNetwork(shape), card).write(path)


def translator(path: Path) -> None:
    """An untrained translator."""
    from gan import Translator, TranslatorCard
    from gan.networks import new_generators

    card = TranslatorCard(64, {"width": 4, "blocks": 1}, 0.03, 40, {}, {}, [[0.0], [1.0]], {})
    Translator(new_generators(4, 1), card).write(path)


def dataset(damage: str) -> Seed:
    """A data set of two radiographs; its manifest or its shard is damaged."""
    from drr.dataset import FORMAT, VERSION, _write_shard
    from drr.fluoroscope import Fluoroscope
    from drr.labelled_radiograph import LabelledRadiograph

    some = LabelledRadiograph(
        np.full((16, 16), 0.5, np.float32),
        "A",
        np.eye(3),
        np.eye(4),
        np.zeros((2, 2)),
        np.ones(2, bool),
        np.ones(2, bool),
        np.array([[0, 0], [9, 0], [9, 9.0]]),
        Fluoroscope(),
    )

    def write(path: Path) -> None:
        shard = _write_shard(path.with_name("shard-00000.npz"), [some, some])
        path.write_text(
            json.dumps(
                {
                    "format": FORMAT,
                    "version": VERSION,
                    "count": 2,
                    "parameters": {},
                    "shards": [shard],
                }
            )
        )

    seed = written("manifest.json", write)
    if damage == "manifest":
        return seed
    return Seed("shard-00000.npz", seed.beside["shard-00000.npz"])


def look_choice() -> Seed:
    """A look.json."""
    from dualfluoro.look_choice import Agreement, LookChoice
    from gan.histogram import LEVELS

    found = {"none": Agreement(1.0, 1.0, 1.0, 0.0, 24)}
    choice = LookChoice("none", np.linspace(0, 1, LEVELS).tolist(), found, "00")
    return written("look.json", choice.write)


def trial(exposure: str = "") -> tuple[str, dict[str, bytes]]:
    """A trial.toml with every table, and its files."""
    from fuzz_film_seeds import png

    toml = f"""[subject]
ct = "ct.nii.gz"
skin_threshold_hu = -300
[rig]
file = "rig.json"
[[view]]
name = "A"
frames = "A/*.png"
intensity = "transmission"
[[view]]
name = "B"
frames = "B/*.png"
time_offset_s = 0.001
distorted = true
[time]
rate_hz = 30.0
[models]
folder = "models"
[exposure]
reference_distance_mm = 600.0
kerma_mGy = {{ A = 0.02, B = "kerma.csv" }}
collimation = {{ A = [[0, 0], [50, 0], [50, 50]] }}
kvp = {{ A = 80.0 }}
{exposure}"""
    frames = {f"{v}/{n:03}.png": png() for v in "AB" for n in range(3)}
    beside = {
        "ct.nii.gz": gzip.compress(nifti(), 1),
        "rig.json": written("r", rig().write).content,
        "kerma.csv": b"kerma_mGy\n0.1\n0.2\n0.3\n",
        **frames,
    }
    return toml, beside
