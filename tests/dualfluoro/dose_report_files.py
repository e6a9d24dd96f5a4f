"""Dose reports as makers write them, for tests."""

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from dualfluoro.dose_sr_items import code, container, number


def dcm(value):
    return value, "DCM", "meaning"


def event(kerma=(1.2, "mGy"), pulses=3.0, plane="113620", **more):
    """An event of a report, as makers write it."""
    items = [
        code(dcm("113764"), (plane, "DCM", "plane")),
        number(dcm("113738"), kerma[0], (kerma[1], "UCUM", kerma[1])),
        number(dcm("122130"), more.get("kap", 0.6), ("dGy.cm2", "UCUM", "x")),
        number(dcm("113768"), pulses, ("1", "UCUM", "1")),
        number(dcm("113733"), 80.0, ("kV", "UCUM", "kV")),
        number(dcm("113748"), 785.0, ("mm", "UCUM", "mm")),
        code(dcm("113780"), ("113860", "DCM", "15cm from Isocenter toward Source")),
    ]
    if "secondary" in more:
        items.append(number(dcm("112012"), more["secondary"], ("deg", "UCUM", "deg")))
    return container(("113706", "DCM", "Irradiation Event X-Ray Data"), items)


def report_file(path, *events, maker="Philips"):
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.67"
    data.file_meta.MediaStorageSOPInstanceUID = "2.25.1"
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.67", "2.25.1"
    data.Manufacturer = maker
    data.ContentSequence = list(events)
    data.save_as(path, enforce_file_format=True)
    return path
