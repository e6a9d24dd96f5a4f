"""The beams of a trial as a DICOM Enhanced X-Ray Radiation Dose SR, in the patient's frame.

Supplement 214, TID 10040: the frame of reference is the CT's own (130540), so that any program
that has the CT has the beams. Matrices and points are LPS, mm. The x-ray source's frame, which
TID 10050 leaves to the matrix: origin at the focal spot, z along the field's central ray, y across
it towards the image's lower edge, x to the image's right. Times are seconds of the trial's clock.

The nesting follows the templates' names; it was read back by pydicom and not by a validator. No
patient is named: the program does not know one.
"""

import datetime
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID, ExplicitVRLittleEndian

from calibration import Rig
from calibration.atomic import whole
from exposure import FrameExposure, Head
from exposure.beam_list import PLANE_MM, BeamList, ListedBeam, beams_of

from .dose_sr_items import (
    MGY,
    MM,
    MM2,
    Code,
    coded,
    container,
    matrix,
    number,
    point3d,
    polygon3d,
    text,
    uid,
)
from .dose_sr_items import code as code_item

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.88.76"
LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
SOURCE_PLACE: Code = ("130358", "DCM", "Nominal Radiation Source Location")
SECONDS: Code = ("s", "UCUM", "s")
SOURCE_AXES = (
    "Origin: patient coordinate system of the CT, LPS mm. X-ray source frame of each matrix: "
    "origin at the focal spot, z along the central ray of the field, y to the image's lower edge."
)


def dcm(value: str, meaning: str) -> Code:
    """A code of DICOM's own."""
    return value, "DCM", meaning


def write_dose_sr(
    path: Path,
    frames: Sequence[FrameExposure],
    rig: Rig,
    head: Head,
    frame_uid: str,
    reference_distance_mm: float | None,
) -> None:
    """Write the report, whole or not at all.

    Args:
        frame_uid: (0020,0052) of the CT.
    """
    beams = beams_of(frames, rig, head)
    items = [
        code_item(dcm("121058", "Procedure reported"), dcm("113704", "Projection X-Ray"),
                  "HAS CONCEPT MOD"),
        container(dcm("130505", "Irradiation Details"), [
            uid(dcm("112227", "Frame of Reference UID"), frame_uid),
            code_item(dcm("130506", "RDSR Frame of Reference Origin"),
                      dcm("130540", "Patient Coordinate System Origin")),
            text(dcm("130507", "RDSR Frame of Reference Description"), SOURCE_AXES),
            *(_event(beam, frame_uid, beams, reference_distance_mm) for beam in beams.beams),
        ]),
    ]  # fmt: skip
    data = _document(items, frame_uid)
    with whole(path) as unfinished:
        data.save_as(unfinished, enforce_file_format=True)


def _event(
    beam: ListedBeam, frame_uid: str, beams: BeamList, reference_distance_mm: float | None
) -> Dataset:
    """One image of one source: matrix, beam, field and kerma."""
    lps = LPS_FROM_RAS[:3, :3]
    ct_from_source = np.eye(4)
    ct_from_source[:3, :3] = np.stack([beam.right, -beam.up, beam.direction], axis=1)
    ct_from_source[:3, 3] = beam.source
    outline = (
        beam.source + PLANE_MM * beam.direction + beam.polygon_mm @ np.stack([beam.right, beam.up])
    )
    items = [
        text(dcm("113832", "Identification of the X-Ray Source"), beam.view),
        number(dcm("130533", "Beginning of Time Period"), beam.time_s, SECONDS),
        matrix(dcm("130520", "Transformation Matrix"), LPS_FROM_RAS @ ct_from_source),
        container(dcm("130524", "Beam Position"), [
            point3d(SOURCE_PLACE, lps @ beam.source, frame_uid),
        ]),
        polygon3d(dcm("130517", "Radiation Field Outline"), outline @ lps.T, frame_uid),
    ]  # fmt: skip
    if reference_distance_mm is not None:
        point = lps @ (beam.source + reference_distance_mm * beam.direction)
        scale = (reference_distance_mm / PLANE_MM) ** 2
        area = _area_mm2(beam.polygon_mm) * scale
        items += [
            point3d(dcm("130526", "Reference Point Position"), point, frame_uid),
            number(dcm("113737", "Distance Source to Reference Point"), reference_distance_mm, MM),
            number(dcm("130516", "Radiation Field Area"), area, MM2),
        ]
        if beams.weight_unit.startswith("mGy"):
            items.append(number(dcm("113738", "Dose (RP)"), beam.weight, MGY))
    return container(dcm("113706", "Irradiation Event X-Ray Data"), items)


def _area_mm2(outline: np.ndarray) -> float:
    x, y = outline.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _document(items: list[Dataset], frame_uid: str) -> Dataset:
    """The SR document around its items; its identifiers follow from its content."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = UID(SOP_CLASS)
    data.SOPClassUID = SOP_CLASS
    digest = hashlib.sha256(repr(items).encode()).digest()
    data.SOPInstanceUID, data.StudyInstanceUID, data.SeriesInstanceUID = (
        uid_of(digest + name) for name in (b"instance", b"study", b"series")
    )
    data.file_meta.MediaStorageSOPInstanceUID = UID(str(data.SOPInstanceUID))
    data.Modality = "SR"
    data.Manufacturer, data.ManufacturerModelName = "dualfluoro", "dualfluoro"
    data.PatientName = data.PatientID = data.PatientBirthDate = data.PatientSex = ""
    data.StudyID = data.AccessionNumber = data.ReferringPhysicianName = ""
    now = datetime.datetime.now(datetime.UTC)
    data.StudyDate = data.ContentDate = now.strftime("%Y%m%d")
    data.StudyTime = data.ContentTime = now.strftime("%H%M%S")
    data.SeriesNumber = data.InstanceNumber = 1
    data.FrameOfReferenceUID, data.PositionReferenceIndicator = frame_uid, ""
    data.CompletionFlag, data.VerificationFlag = "COMPLETE", "UNVERIFIED"
    data.PerformedProcedureCodeSequence = DicomSequence([])
    data.ReferencedPerformedProcedureStepSequence = DicomSequence([])
    data.ValueType, data.ContinuityOfContent = "CONTAINER", "SEPARATE"
    data.ConceptNameCodeSequence = DicomSequence(
        [coded(dcm("113701", "X-Ray Radiation Dose Report"))]
    )
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "10040"
    data.ContentTemplateSequence = DicomSequence([template])
    data.ContentSequence = DicomSequence(items)
    return data


def uid_of(content: bytes) -> str:
    """A UID in the root 2.25 that follows from the content."""
    return f"2.25.{int.from_bytes(hashlib.sha256(content).digest()[:15], 'big')}"


def frame_uid_of(ct: Path, fingerprint: str) -> str:
    """(0020,0052) of a DICOM CT; of any other file a UID that follows from the CT's voxels."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    if ct.is_dir():
        for file in sorted(path for path in ct.rglob("*") if path.is_file()):
            try:
                found: Any = pydicom.dcmread(
                    file, stop_before_pixels=True, specific_tags=["FrameOfReferenceUID"]
                )
            except (InvalidDicomError, EOFError):
                continue
            if found.get("FrameOfReferenceUID"):
                return str(found.FrameOfReferenceUID)
    return uid_of(fingerprint.encode())
