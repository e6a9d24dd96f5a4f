"""What the program says of a CT, and whose cranium it takes."""

import warnings

import nibabel
import numpy as np
import pytest

from drr.volume import Volume
from dualfluoro import load_trial
from dualfluoro.subject import Subject, subject_of


def write(path, data, affine):
    nibabel.save(nibabel.Nifti1Image(data, affine), path)
    return path


@pytest.fixture
def long_bone():
    data = np.full((40, 40, 30), -1000, np.int16)
    radius = np.hypot(*(axis - 20 for axis in np.indices(data.shape)[:2]))
    data[radius < 16], data[radius < 8] = 40, 1200
    return data


def test_what_the_reader_changed_is_said_with_the_files_name(tmp_path, long_bone):
    tilted = np.array([[1.0, 0, 0, 0], [0, 1, 0.5, 0], [0, 0, 2, 0], [0, 0, 0, 1]])
    subject = Subject(write(tmp_path / "ct.nii.gz", long_bone, tilted))
    with pytest.warns(UserWarning, match=r"ct\.nii\.gz: the gantry was tilted by 14\.0 deg"):
        volume = subject.volume
    assert np.ptp(np.argwhere(volume.data_hu[20] > 500)[:, 0]) > 15


def test_thick_slices_are_refined_and_the_models_stay_those_of_the_file(tmp_path, long_bone):
    path = write(tmp_path / "ct.nii.gz", long_bone, np.diag([1.0, 1, 3, 1]))
    subject = Subject(path)
    with pytest.warns(UserWarning, match=r"slices of 3\.00 mm were refined to 1\.00 mm"):
        assert subject.volume.spacing_mm == pytest.approx([1, 1, 1])
    assert subject.volume.fingerprint == Volume.read(path).fingerprint


def test_a_ct_without_a_head_is_said(tmp_path, long_bone):
    subject = Subject(write(tmp_path / "ct.nii.gz", long_bone, np.eye(4)))
    with pytest.warns(UserWarning, match="no head in it"):
        assert not subject.anatomy.is_head


def test_the_cranium_can_be_given(tmp_path, long_bone):
    labels = np.where((long_bone > 500) & (np.indices(long_bone.shape)[2] < 15), 7, 0)
    ct = write(tmp_path / "ct.nii.gz", long_bone, np.eye(4))
    given = write(tmp_path / "labels.nii.gz", labels.astype(np.uint8), np.eye(4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        subject = Subject(ct, cranium_labels=given, cranium_label_values=(7,))
        assert subject.bone_points_ct[:, 2].max() < 15.5
    with pytest.raises(ValueError, match=r"labels\.nii\.gz: the label map has no label 8; its"):
        _ = Subject(ct, cranium_labels=given, cranium_label_values=(8,)).anatomy
    far = np.eye(4)
    far[:3, 3] = 900
    given = write(tmp_path / "labels.nii.gz", labels.astype(np.uint8), far)
    with pytest.raises(ValueError, match=r"labels\.nii\.gz: the given cranium lies outside"):
        _ = Subject(ct, cranium_labels=given).anatomy


def test_a_trial_names_the_label_map_and_its_labels(trial):
    path = trial / "trial.toml"
    text = path.read_text()

    def changed(lines):
        path.write_text(text.replace("[subject]", f"[subject]\n{lines}"))
        return load_trial(trial)

    with pytest.raises(FileNotFoundError, match=r"cranium_labels: there is no label map"):
        changed('cranium_labels = "l.nii"')
    (trial / "l.nii").touch()
    subject = subject_of(changed('cranium_labels = "l.nii"\ncranium_label_values = [1, 3]'))
    assert subject.cranium_labels == trial / "l.nii"
    assert subject.cranium_label_values == (1, 3)
    for values in ("[]", "[0]", "[1.5]", "[true]", "3"):
        with pytest.raises(ValueError, match=r"\[subject\] cranium_label_values must "):
            changed(f'cranium_labels = "l.nii"\ncranium_label_values = {values}')
    with pytest.raises(ValueError, match="must list labels above 0 of the file cranium_labels"):
        changed("cranium_label_values = [1]")
