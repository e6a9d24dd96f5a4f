import pytest

from dualfluoro import load_trial
from dualfluoro.dose_settings import PART_OF


def edited(trial, old, new):
    path = trial / "trial.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_a_trial_is_read_from_its_folder_or_its_file(trial):
    by_folder, by_file = load_trial(trial), load_trial(trial / "trial.toml")
    assert by_folder.ct == by_file.ct == trial / "ct.nii.gz"
    assert by_folder.rig.names == ("A", "B")
    assert by_folder.rate_hz == 30
    assert by_folder.skin_threshold_hu == -300
    assert by_folder.exposure.reference_distance_mm == 600
    assert load_trial(by_folder) is by_folder


def test_landmarks_beside_the_trial_are_found_without_a_key(trial):
    assert load_trial(trial).landmarks == trial / "landmarks.json"


def test_cameras_come_in_the_order_of_the_views(trial):
    text = (trial / "trial.toml").read_text()
    swapped = text.replace('"A"', '"?"').replace('"B"', '"A"').replace('"?"', '"B"')
    (trial / "trial.toml").write_text(swapped)
    assert load_trial(trial).rig.names == ("B", "A")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "rate_hz",
            "rate_hx",
            r"trial\.toml:18: \[time\] rate_hx: unknown key; did you mean",
        ),
        ("[time]", "[tiem]", r"trial\.toml:17: unknown table or key 'tiem'; did you mean 'time'"),
        ('name = "B"', 'nam = "B"', r"trial\.toml:13: \[\[view\]\] needs the key 'name'"),
        ('name = "B"', 'name = "A"', "two .* have the name 'A'"),
        ('name = "B"', 'name = "C"', "view 'C' is no camera of rig.json"),
        ('name = "B"', 'name = "B"\ntime_offset_s = 4.0', r"time_offset_s must be within 1.0 s"),
        ('name = "B"', 'name = "B"\ntime_offset_s = nan', "must be a finite number, found nan"),
        ("rate_hz = 30.0", 'rate_hz = "30"', r"\[time\] rate_hz must be a number, found '30'"),
        ("rate_hz = 30.0", "rate_hz = 0", "must be above 0"),
        ('ct = "ct.nii.gz"', "", r"\[subject\] needs the key 'ct'"),
        ('file = "rig.json"', "", "either file"),
        ('frames = "B/*.png"', 'frames = "B/*.png"\nintensity = "bright"', "transmission, attenu"),
        ('frames = "B/*.png"', 'frames = "B/*.png"\ndistorted = true', "no distortion map"),
        ("[subject]", '[subject]\nlandmarks = "none.json"', "there is no file"),
        ("600.0", "600.0\nkerma_mGy = { C = 1 }", "no view 'C'"),
        ("600.0", "600.0\ncollimation = { A = [[0, 0], [1, 1]] }", "three or more"),
        (
            "600.0",
            "600.0\ncollimation = { A = [[nan, 0], [1, 0], [1, 1]] }",
            "'A': .* finite corners",
        ),
        (
            "600.0",
            "600.0\ncollimation = { A = [[0, 0], [1, 1], [2, 2]] }",
            "'A': .* enclose an area",
        ),
        ("600.0", "1" + 400 * "0", "reference_distance_mm must be a finite number"),
        ("600.0", "nan", "reference_distance_mm must be a finite number, found nan"),
        ("600.0", "600.0\nkerma_mGy = { A = inf }", "kerma_mGy must be a number"),
        ("[time]", "[time", "not TOML"),
    ],
)
def test_a_complaint_names_the_file_and_what_is_wrong(trial, old, new, said):
    edited(trial, old, new)
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        load_trial(trial)


def test_a_trial_without_a_view_is_refused(trial):
    text = (trial / "trial.toml").read_text()
    (trial / "trial.toml").write_text(text[: text.index("[[view]]")] + text[text.index("[time]") :])
    with pytest.raises(ValueError, match=r"a trial needs a \[\[view\]\] table"):
        load_trial(trial)


def test_given_fields_and_kerma_are_read(trial):
    edited(
        trial,
        "600.0",
        '600.0\nkerma_mGy = { A = 0.02, B = "b.csv" }\n'
        "collimation = { A = [[0, 0], [90, 0], [90, 90.5]] }",
    )
    exposure = load_trial(trial).exposure
    assert exposure.kerma_mGy == {"A": 0.02, "B": trial / "b.csv"}
    assert exposure.field_px["A"][2] == [90, 90.5]


def test_the_template_of_new_is_a_trial_once_its_files_are_there(trial, tmp_path):
    from dualfluoro import new

    path = new(trial.parent / "fresh")
    (trial / "trial.toml").write_text(path.read_text())
    assert len(load_trial(trial).views) == 2
    with pytest.raises(ValueError, match="there already"):
        new(trial.parent / "fresh")


def test_the_template_of_new_shows_every_key_of_exposure(trial):
    from dualfluoro import new

    before, after = new(trial.parent / "fresh").read_text().split("# [exposure]")
    shown = "[exposure]" + after.replace("\n# ", "\n")
    (trial / "trial.toml").write_text(before + shown)
    found = load_trial(trial).exposure
    assert all(found.dose.given.values()) and found.dose.reference_point
    assert (found.reference_distance_mm, found.structure_labels["thyroid"]) == (600.0, 7)
    keys = {line.split(" = ")[0] for line in shown.splitlines() if " = " in line}
    assert keys == {*PART_OF, "reference_distance_mm", "reference_point", "collimation",
                    "structures", "structure_labels"}  # fmt: skip
