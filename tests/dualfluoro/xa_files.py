"""Made-up DICOM XA recordings."""

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian

XA, ENHANCED_XA = "1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.12.1.1"


def item(**tags) -> Dataset:
    """A sequence's item."""
    made = Dataset()
    for name, value in tags.items():
        setattr(made, name, value)
    return made


def write_xa(path, pixels, bits=12, syntax=ExplicitVRLittleEndian, encoded=None, **tags):
    """Write (frame, row, column) values; `encoded` are the fragments of compressed frames."""
    data = item(
        SOPClassUID=XA,
        SOPInstanceUID="1.2.3",
        Modality="XA",
        NumberOfFrames=len(pixels),
        Rows=pixels.shape[1],
        Columns=pixels.shape[2],
        SamplesPerPixel=1,
        PixelRepresentation=0,
        PhotometricInterpretation="MONOCHROME2",
        BitsAllocated=16,
        BitsStored=bits,
        HighBit=bits - 1,
    )
    for name, value in tags.items():
        setattr(data, name, value)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.PixelData = pixels.astype("<u2").tobytes() if encoded is None else encapsulate(encoded)
    pydicom.dcmwrite(path, data, enforce_file_format=True)


def noisy(frames, rows=128, columns=128, bits=12):
    """Frames of noise that use all bits."""
    return np.random.default_rng(0).integers(0, 2**bits, (frames, rows, columns), dtype=np.uint16)
