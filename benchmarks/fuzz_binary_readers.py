"""Readers of images, volumes, models and exposures, with the files that they are attacked by."""

import gzip
import json
import sys
from pathlib import Path

import fuzz_film_seeds as film
import fuzz_seeds as seeds
import numpy as np
from fuzz_worker import Reader, Seed


def binary_readers(data: Path | None) -> list[Reader]:
    """All of them; `data` is a folder of real files, or None."""
    return [
        *_image_readers(data),
        *_volume_readers(),
        *_model_readers(),
        *_exposure_readers(data),
    ]


def _read_all(opened) -> None:
    """Every frame, up to a few: a damaged header may promise many."""
    names, read, _ = opened
    for index in range(min(len(names), 8)):
        read(index)


def _image_readers(data: Path | None) -> list[Reader]:
    from dualfluoro.cine import open_cine
    from dualfluoro.dicom_frames import open_dicom
    from dualfluoro.dicom_pairs import recording_of
    from dualfluoro.exposure_header import read_header
    from dualfluoro.still_images import open_stills
    from dualfluoro.video import open_video

    def cines() -> list[Seed]:
        sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "dualfluoro"))
        from cine_files import cine_bytes

        grey = np.random.default_rng(3).integers(0, 4096, (4, 16, 24), dtype=np.uint16)
        times_s = [10.0, 10.5, 11.0, 11.5]
        return [
            Seed("a.cine", cine_bytes(grey, times_s=times_s)),
            Seed("a.cine", cine_bytes(grey.astype(np.uint8), rate_hz=500, wide=False)),
        ]

    def xas() -> list[Seed]:
        made = [
            Seed("a.dcm", film.xa(3)),
            Seed("a.dcm", film.xa(3, enhanced=True)),
            Seed("a.dcm", film.xa(3, compressed=True)),
        ]
        return made

    def header(path: Path) -> None:
        read_header.cache_clear()
        read_header(path)

    def notes(path: Path) -> None:
        from dualfluoro.dicom_notes import header_notes

        recording_of(path)
        header_notes(path, seeds.rig()["A"], transmission=True)

    return [
        Reader(
            "PNG",
            "binary",
            lambda p: _read_all(open_stills([p])),
            lambda: [Seed("a.png", film.png()), Seed("a.png", film.png(8))],
        ),
        Reader(
            "TIFF",
            "binary",
            lambda p: _read_all(open_stills([p])),
            lambda: [
                Seed("a.tif", film.tiff(3)),
                Seed("a.tif", film.tiff(1)),
                Seed("a.tif", film.tiff(2, "tiff_lzw")),
                *seeds.real(data, ["wrist/*/*0002.tif"], "a.tif"),
            ],
        ),
        Reader(
            "video",
            "binary",
            lambda p: _read_all(open_video(p)),
            lambda: [
                film.video("ffv1", "a.avi"),
                film.video("libx264", "a.mp4"),
                film.video("mjpeg", "a.avi"),
            ],
        ),
        Reader("cine", "binary", lambda p: _read_all(open_cine(p)), cines),
        Reader("XA frames", "binary", lambda p: _read_all(open_dicom([p])), xas),
        Reader("XA header", "binary", header, xas),
        Reader("XA notes and pairs", "binary", notes, xas),
    ]


def _volume_readers() -> list[Reader]:
    from drr import Volume
    from drr.label_map import read_labels

    def labels() -> list[Seed]:
        import nibabel

        mask = (np.indices((12, 12, 12)).sum(0) > 16).astype(np.int16)
        return [Seed("a.nii", nibabel.Nifti1Image(mask, np.eye(4)).to_bytes())]

    return [
        Reader(
            "NIfTI",
            "binary",
            Volume.read,
            lambda: [
                Seed("a.nii", seeds.nifti()),
                Seed("a.nii.gz", gzip.compress(seeds.nifti(), 1)),
            ],
        ),
        Reader("NRRD", "binary", Volume.read, lambda: [seeds.itk("a.nrrd"), seeds.itk("a.nhdr")]),
        Reader(
            "MetaImage", "binary", Volume.read, lambda: [seeds.itk("a.mha"), seeds.itk("a.mhd")]
        ),
        Reader("DICOM CT", "binary", lambda p: Volume.read(p.parent), film.ct_slices),
        Reader("label map", "binary", lambda p: read_labels(p, [1]), labels),
    ]


def _model_readers() -> list[Reader]:
    from detector import Detector
    from detector.landmark_model import LandmarkModel
    from drr.dataset import _sha256, read_dataset, read_shard
    from dualfluoro.look_choice import LookChoice
    from gan import Translator

    def weights(name: str, read, write) -> list[Reader]:
        def of_card(path: Path) -> object:
            return read(path.with_suffix(".safetensors"))

        return [
            Reader(f"card of a {name}", "json", of_card, lambda: [seeds.weights(write, "card")]),
            Reader(
                f"weights of a {name}",
                "safetensors",
                of_card,
                lambda: [seeds.weights(write, "weights")],
            ),
        ]

    def checkpoint() -> list[Seed]:
        import torch

        from drr.checkpoint import write_checkpoint

        state = {"key": "x", "step": 3, "weights": {"a": torch.zeros(4, 4)}}
        return [seeds.written("a.pt", lambda path: write_checkpoint(path, state))]

    def read_checkpoint(path: Path) -> object:
        from drr.checkpoint import read_checkpoint as read

        return read(path)

    return [
        *weights("detector", Detector.read, seeds.detector),
        *weights("translator", Translator.read, seeds.translator),
        *weights("landmark model", LandmarkModel.read, seeds.landmark_model),
        Reader("look.json", "json", LookChoice.read, lambda: [seeds.look_choice()]),
        Reader(
            "data set",
            "json",
            lambda p: list(read_dataset(p.parent)),
            lambda: [seeds.dataset("manifest")],
        ),
        Reader(
            "data set shard",
            "binary",
            lambda p: list(read_shard(p, _sha256(p))),
            lambda: [seeds.dataset("shard")],
        ),
        Reader("checkpoint", "binary", read_checkpoint, checkpoint),
    ]


def _exposure_readers(data: Path | None) -> list[Reader]:
    from dualfluoro.dose_rdsr import read_rdsr
    from dualfluoro.scene_surfaces import read_surfaces
    from exposure.beam_list import read_beams

    def beams() -> list[Seed]:
        from exposure.beam_list import BeamList, ListedBeam, write_beams

        polygon = np.array([[-50.0, -50], [50, -50], [50, 50]])
        one = ListedBeam(
            0, 0.0, "A", np.zeros(3), np.array([0, 0, 1.0]), np.array([0, 1.0, 0]), polygon, 1.0
        )
        return [
            seeds.written(
                "beams.json", lambda path: write_beams(path, BeamList((one, one), "frames"))
            )
        ]

    def surfaces() -> list[Seed]:
        from dualfluoro.scene_surfaces import HeadSurfaces, Surface, write_surfaces

        mesh = Surface(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32))
        head = HeadSurfaces(mesh, mesh, np.array([False]))
        return [seeds.written("surfaces-x.npz", lambda path: write_surfaces(path, head))]

    def reports() -> list[Seed]:
        return seeds.real(data, ["rdsr/*/*.dcm"]) or [_small_report()]

    def exposure_json(path: Path) -> object:
        from dualfluoro.scene_exposure import read_scene_exposure

        return read_scene_exposure(path.with_name("track.csv"), ("A", "B"), 2)

    def exposures() -> list[Seed]:
        import hashlib

        rows = [
            {
                "frame": n,
                "view": v,
                "field": 0,
                "lens_left_in_field": 1,
                "pose_covariance": np.eye(6).tolist(),
            }
            for n in range(2)
            for v in "AB"
        ]
        content = {
            "format": "dualfluoro-exposure",
            "provenance": {"track_sha256": hashlib.sha256(b"x").hexdigest()},
            "fields_px": [[[0, 0], [9, 0], [9, 9]]],
            "rows": rows,
        }
        return [seeds.text("exposure.json", json.dumps(content), {"track.csv": b"x"})]

    return [
        Reader("RDSR", "binary", read_rdsr, reports),
        Reader("beams.json", "json", read_beams, beams),
        Reader("surfaces", "binary", read_surfaces, surfaces),
        Reader("exposure.json", "json", exposure_json, exposures),
    ]


def _small_report() -> Seed:
    """A dose report with one event, where there are no real ones."""
    import io

    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset

    from dualfluoro.dose_sr_items import MGY, code, container, number

    event = container(
        ("113706", "DCM", "Irradiation Event X-Ray Data"),
        [
            code(("113764", "DCM", "Acquisition Plane"), ("113620", "DCM", "Plane A")),
            number(("113738", "DCM", "Dose (RP)"), 2.0, MGY),
        ],
    )
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.67"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.3"
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID
    data.ContentSequence = [event]
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, data, enforce_file_format=True)
    return Seed("a.dcm", stream.getvalue())
