"""What names in the files may not do: run in a page, leave the folder, tell who was filmed."""

import json
import re
import sys
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from dualfluoro.cli import main

sys.path.insert(0, str(Path(__file__).parent))
from xa_files import write_xa

SCRIPT = "<script>evil()</script><img src=x onerror=evil()>"
IDENTITY = {
    "PatientName": "MARKERNAME^SECRET",
    "PatientID": "MARKERID77",
    "PatientBirthDate": "19010203",
    "AccessionNumber": "MARKERACC",
    "InstitutionName": "MARKERHOSPITAL",
    "StudyDescription": "MARKERSTUDY",
    "SeriesDescription": "MARKERSERIES",
    "OperatorsName": "MARKEROPERATOR",
    "StudyInstanceUID": "1.2.840.99.777",
    "SeriesInstanceUID": "1.2.840.99.778",
    "FrameOfReferenceUID": "1.2.840.99.779",
}
MARKS = (b"MARKER", b"SECRET", b"19010203", b"1903-02-03", b"1.2.840.99.77")


def renamed(trial: Path, names: dict[str, str]) -> None:
    """Other names for the views, in the rig and in the trial."""
    rig = json.loads((trial / "rig.json").read_text())
    text = (trial / "trial.toml").read_text()
    for camera in rig["cameras"]:
        old, camera["name"] = camera["name"], names[camera["name"]]
        text = text.replace(f'name = "{old}"', f"name = {json.dumps(camera['name'])}")
    (trial / "rig.json").write_text(json.dumps(rig))
    (trial / "trial.toml").write_text(text)


def every_file(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def track(trial: Path) -> int:
    return main(["track", str(trial), "--init", str(trial / "init.csv"), "--no-refine"])


def test_names_neither_run_in_the_pages_nor_lead_out_of_the_folder(trial):
    renamed(trial, {"A": f"../../x{SCRIPT}", "B": f"{trial.parent}/y{SCRIPT}"})
    landmarks = json.loads((trial / "landmarks.json").read_text())
    landmarks["points"][SCRIPT] = landmarks["points"]["nasion"]
    (trial / "landmarks.json").write_text(json.dumps(landmarks))
    (trial / "models").mkdir(exist_ok=True)
    (trial / "models" / "detector.json").write_text(json.dumps({SCRIPT: SCRIPT}))
    before = set(every_file(trial.parent))
    assert track(trial) == 0
    assert main(["view", str(trial), "--html", str(trial / "view.html")]) == 0
    new = set(every_file(trial.parent)) - before
    assert trial / "track.csv" in new and all(path.is_relative_to(trial) for path in new)
    pages = [path for path in trial.rglob("*.html")]
    assert {page.name for page in pages} >= {"report.html", "view.html"}
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<script>evil|<img src=x", text), page.name


def test_a_name_with_a_path_makes_no_file_elsewhere(trial, capsys):
    renamed(trial, {"A": "../../x", "B": "B"})
    before = set(every_file(trial.parent))
    out = trial / "cam_{view}.txt"
    rig = str(trial / "rig.json")
    assert main(["convert", rig, str(out), "--to", "mayacam2", "--unit", "mm"]) == 1
    assert "Traceback" not in capsys.readouterr().err
    assert set(every_file(trial.parent)) == before


def as_dicom(trial: Path) -> None:
    """The trial's frames and its CT as DICOM, with everything that names a person."""
    text = (trial / "trial.toml").read_text()
    for view in "AB":
        files = sorted((trial / view).glob("*.png"))
        grey = np.stack([np.asarray(Image.open(path)) for path in files])
        write_xa(trial / f"{view}.dcm", grey, bits=16, FrameTime="33", **IDENTITY)
        text = text.replace(f'"{view}/*.png"', f'"{view}.dcm"')
        for path in files:
            path.unlink()
    write_ct(trial / "ct.nii.gz", trial / "ct")
    (trial / "ct.nii.gz").unlink()
    (trial / "trial.toml").write_text(text.replace('"ct.nii.gz"', '"ct"'))


def write_ct(source: Path, folder: Path) -> None:
    """A NIfTI whose axes are those of RAS as CT slices."""
    folder.mkdir()
    image = nibabel.load(source)
    data = np.asarray(image.dataobj).astype(np.int16)
    affine = image.affine
    assert np.allclose(affine[:3, :3], np.diag(np.diag(affine[:3, :3])))
    step = np.diag(affine)[:3]
    for k in range(data.shape[2]):
        place = affine @ [0, 0, k, 1]
        data_set = Dataset()
        data_set.file_meta = FileMetaDataset()
        data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data_set.SOPClassUID = data_set.file_meta.MediaStorageSOPClassUID = CTImageStorage
        uid = f"1.2.840.99.777.{k}"
        data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = uid
        for name, value in IDENTITY.items():
            setattr(data_set, name, value)
        data_set.Modality, data_set.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
        data_set.Rows, data_set.Columns = data.shape[1], data.shape[0]
        data_set.PixelSpacing = [abs(step[1]), abs(step[0])]
        data_set.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]  # along +x and +y of RAS
        data_set.ImagePositionPatient = [-place[0], -place[1], place[2]]
        data_set.RescaleSlope, data_set.RescaleIntercept = 1, 0
        data_set.SamplesPerPixel, data_set.PhotometricInterpretation = 1, "MONOCHROME2"
        data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit = 16, 16, 15
        data_set.PixelRepresentation = 1
        data_set.PixelData = np.ascontiguousarray(data[:, :, k].T).tobytes()
        pydicom.dcmwrite(folder / f"s{k:03}.dcm", data_set, enforce_file_format=True)


def test_who_was_filmed_reaches_no_output(trial, capsys):
    as_dicom(trial)
    before = set(every_file(trial))
    assert track(trial) == 0, capsys.readouterr().err
    assert main(["exposure", str(trial)]) == 0
    assert main(["report", str(trial)]) == 0
    assert main(["view", str(trial), "--html", str(trial / "view.html")]) == 0
    said = "".join(capsys.readouterr()).encode()
    new = {path: data for path, data in every_file(trial).items() if path not in before}
    assert {"track.csv", "exposure.csv", "report.html"} <= {path.name for path in new}
    for mark in MARKS:
        assert mark not in said
        told = [path.name for path, data in new.items() if mark in data]
        assert not told, (mark, told)


def test_a_damaged_recording_does_not_tell_who_was_filmed(trial, capsys):
    as_dicom(trial)
    whole = (trial / "A.dcm").read_bytes()
    for kept in (len(whole) // 2, 400, 700, 1000):
        (trial / "A.dcm").write_bytes(whole[:kept])
        assert track(trial) == 1
    said = "".join(capsys.readouterr()).encode()
    assert not any(mark in said for mark in MARKS)
