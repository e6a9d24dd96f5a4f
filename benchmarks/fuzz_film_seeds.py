"""Whole images, videos and DICOM files, small and made up here."""

import io
from pathlib import Path

import numpy as np
from fuzz_seeds import written
from fuzz_worker import Seed
from PIL import Image


def png(bits: int = 16) -> bytes:
    """A noisy image of 64 x 64."""
    grey = np.random.default_rng(0).integers(0, 2**bits, (64, 64))
    stream = io.BytesIO()
    Image.fromarray(grey.astype(np.uint16 if bits == 16 else np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def tiff(pages: int, compression: str = "raw") -> bytes:
    """Noisy pages of 32 x 32."""
    grey = np.random.default_rng(1).integers(0, 65536, (pages, 32, 32), dtype=np.uint16)
    images = [Image.fromarray(page) for page in grey]
    stream = io.BytesIO()
    images[0].save(stream, "TIFF", save_all=True, append_images=images[1:], compression=compression)
    return stream.getvalue()


def xa(frames: int, *, enhanced: bool = False, compressed: bool = False, **tags) -> bytes:
    """An XA recording of 16 x 16 pixels with a collimator, times, angles and references."""
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import ExplicitVRLittleEndian, RLELossless

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = RLELossless if compressed else ExplicitVRLittleEndian
    kind = "1.2.840.10008.5.1.4.1.1.12.1" + (".1" if enhanced else "")
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = kind
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    data.NumberOfFrames, data.Rows, data.Columns = frames, 16, 16
    data.SamplesPerPixel, data.PixelRepresentation = 1, 0
    data.PhotometricInterpretation, data.Modality = "MONOCHROME2", "XA"
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.FrameTime, data.ImageType = "33.5", ["ORIGINAL", "PRIMARY", "BIPLANE A"]
    data.PositionerPrimaryAngle, data.PositionerSecondaryAngle = "-32", "2"
    data.DistanceSourceToDetector, data.DistanceSourceToPatient = "1100", "700"
    data.CollimatorShape = "RECTANGULAR"
    data.CollimatorLeftVerticalEdge, data.CollimatorRightVerticalEdge = 2, 15
    data.CollimatorUpperHorizontalEdge, data.CollimatorLowerHorizontalEdge = 2, 15
    data.ImagerPixelSpacing, data.PixelIntensityRelationshipSign = [0.4, 0.4], 1
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = kind, "1.2.4"
    data.ReferencedImageSequence = [item]
    if enhanced:
        data.PerFrameFunctionalGroupsSequence = [_group(n) for n in range(frames)]
    for name, value in tags.items():
        setattr(data, name, value)
    pixels = np.random.default_rng(2).integers(0, 4096, (frames, 16, 16)).astype("<u2")
    if compressed:
        data.PixelData = encapsulate([_rle(p) for p in pixels])
    else:
        data.PixelData = pixels.tobytes()
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, data, enforce_file_format=True)
    return stream.getvalue()


def _rle(pixels: np.ndarray) -> bytes:
    from pydicom.pixels.encoders import RLELosslessEncoder

    return bytes(
        RLELosslessEncoder.encode(
            pixels.tobytes(),
            rows=16,
            columns=16,
            samples_per_pixel=1,
            number_of_frames=1,
            bits_allocated=16,
            bits_stored=12,
            pixel_representation=0,
            transfer_syntax_uid="",
            photometric_interpretation="MONOCHROME2",
            encoding_plugin="pydicom",
            use_numpy=False,
        )
    )


def _group(number: int):
    from pydicom.dataset import Dataset

    group, content, angles = Dataset(), Dataset(), Dataset()
    content.FrameAcquisitionDateTime = f"20260102030405.{number * 33333:06}"
    angles.PositionerPrimaryAngle, angles.PositionerSecondaryAngle = -32.0, 2.0
    group.FrameContentSequence, group.PositionerPositionSequence = [content], [angles]
    return group


def ct_slices() -> list[Seed]:
    """A folder of six CT slices; the third is damaged."""
    files = {}
    for k in range(6):
        files[f"s{k}.dcm"] = xa(
            1,
            Modality="CT",
            ImagePositionPatient=[0, 0, 2.0 * k],
            PixelSpacing=[1, 1],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            SliceThickness="2",
            RescaleSlope="1",
            RescaleIntercept="-1024",
            SeriesInstanceUID="1.5",
            ImageType=["ORIGINAL", "PRIMARY"],
            SOPInstanceUID=f"1.2.{k}",
        )
    return [Seed("s3.dcm", files.pop("s3.dcm"), files)]


def video(codec: str, name: str) -> Seed:
    """Twelve moving frames."""
    import imageio_ffmpeg

    def write(path: Path) -> None:
        pixels = "gray" if codec == "ffv1" else "yuv420p"
        writer = imageio_ffmpeg.write_frames(
            str(path),
            (64, 64),
            pix_fmt_in="gray",
            codec=codec,
            pix_fmt_out=pixels,
            macro_block_size=16,
            ffmpeg_log_level="quiet",
        )
        writer.send(None)
        for n in range(12):
            writer.send(np.roll(np.arange(4096) % 251, n * 7).astype(np.uint8).tobytes())
        writer.close()

    return written(name, write)
