"""DICOM slices as scanners write them, and as they should not be."""

import numpy as np
import pytest
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

AXIAL = (1.0, 0, 0, 0, 1, 0)


def _slice_hu(k, shape=(6, 8)):
    """Rows x columns; the bone voxel moves with the slice."""
    pixels = np.full(shape, -1000, np.int16)
    pixels[1:4, 2:6] = 40
    pixels[2, k % shape[1]] = 900 + k
    return pixels


def _file(path, syntax, sop_class):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = sop_class, syntax
    meta.MediaStorageSOPInstanceUID = generate_uid()
    file = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    file.SOPClassUID, file.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    file.Modality, file.PatientName, file.PatientID = "CT", "Never^Kept", "SECRET-ID"
    file.PatientBirthDate, file.SeriesNumber = "19500101", 4
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 12, 11, 0
    return file


def _write_slice(
    folder, k, position, *, series="1.2.3", orientation=AXIAL, hu=None, syntax=None, **tags
):
    syntax = syntax or ExplicitVRLittleEndian
    hu = _slice_hu(k) if hu is None else hu
    path = folder / f"{997 - k:03}.dcm"  # the names run against the slices
    file = _file(path, syntax, CTImageStorage)
    file.SeriesInstanceUID, file.InstanceNumber = series, k + 1
    file.Rows, file.Columns = hu.shape
    file.RescaleSlope, file.RescaleIntercept = 1, -1024
    file.PixelSpacing, file.ImageOrientationPatient = [0.9, 0.7], list(orientation)
    file.ImagePositionPatient = [float(x) for x in position]
    order = "<u2" if syntax.is_little_endian else ">u2"
    file.PixelData = (hu.astype(np.int32) + 1024).astype(order).tobytes()
    for name, value in tags.items():
        setattr(file, name, value)
    encoding = {"implicit_vr": syntax.is_implicit_VR, "little_endian": syntax.is_little_endian}
    dcmwrite(path, file, **encoding, enforce_file_format=True)
    return path


def _write_series(folder, positions, **tags):
    folder.mkdir(exist_ok=True)
    for k, position in enumerate(positions):
        _write_slice(folder, k, position, **tags)
    return folder


def _item(**tags):
    item = Dataset()
    for name, value in tags.items():
        setattr(item, name, value)
    return Sequence([item])


def _write_enhanced(path, positions, slopes, **tags):
    """One file with all slices, in the order given; each frame has its own slope."""
    file = _file(path, ExplicitVRLittleEndian, EnhancedCTImageStorage)
    file.SeriesInstanceUID, file.NumberOfFrames = "1.2.3", len(positions)
    file.Rows, file.Columns = _slice_hu(0).shape
    shared, frames, words = Dataset(), [], []
    shared.PixelMeasuresSequence = _item(PixelSpacing=[0.9, 0.7], SliceThickness=2.0)
    shared.PlaneOrientationSequence = _item(ImageOrientationPatient=list(AXIAL))
    for k, (position, slope) in enumerate(zip(positions, slopes, strict=True)):
        frame = Dataset()
        frame.PlanePositionSequence = _item(ImagePositionPatient=[float(x) for x in position])
        frame.PixelValueTransformationSequence = _item(
            RescaleSlope=slope, RescaleIntercept=-1024, RescaleType="HU"
        )
        frames.append(frame)
        words.append((_slice_hu(k).astype(np.int32) + 1024) // slope)
    file.SharedFunctionalGroupsSequence = Sequence([shared])
    file.PerFrameFunctionalGroupsSequence = Sequence(frames)
    file.PixelData = np.array(words).astype("<u2").tobytes()
    for name, value in tags.items():
        setattr(file, name, value)
    path.parent.mkdir(exist_ok=True)
    file.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture(scope="session")
def slice_hu():
    """What the written slices show, rows x columns."""
    return _slice_hu


@pytest.fixture(scope="session")
def write_slice():
    return _write_slice


@pytest.fixture(scope="session")
def write_series():
    return _write_series


@pytest.fixture(scope="session")
def write_enhanced():
    return _write_enhanced


@pytest.fixture(scope="session")
def stack():
    """Positions (LPS, mm) of an even stack."""

    def positions(count=5, gap_mm=2.0, tilt_mm=0.0):
        return [(-20, 30 + tilt_mm * k, 100 + gap_mm * k) for k in range(count)]

    return positions
