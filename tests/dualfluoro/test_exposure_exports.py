"""What `dualfluoro exposure` writes besides its table, by the command line, and its mistakes."""

import csv
import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest

from dualfluoro.cli import main
from dualfluoro.dose_sr_tree import all_of
from exposure.beam_list import read_beams
from exposure.deck_gate import read_gate
from exposure.deck_mcgpu import read_mcgpu_beam

sys.path.insert(0, str(Path(__file__).parent))
from dose_report_files import event, report_file

FRAMES, VIEWS = 3, 2
SPECTRUM = "kvp = { A = 80.0, B = 80.0 }\nfiltration_al_mm = { A = 3.1, B = 3.1 }\n"
PLACE = "reference_distance_mm = 600.0\n"


def with_lines(trial, lines, reference="reference_distance_mm = 635.0\n"):
    text = (trial / "trial.toml").read_text()
    (trial / "trial.toml").write_text(text.replace(PLACE, reference + lines))


def expose(trial, *options):
    start = [] if "--track" in options else ["--track", str(trial / "truth.csv")]
    return main(["exposure", str(trial), *start, "--quiet", *map(str, options)])


def rows_of(folder):
    with (folder / "exposure.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def two_planes(tmp_path_factory):
    """A report with an event of three pulses in each plane, and one of another series."""
    folder = tmp_path_factory.mktemp("report")
    events = event(), event((0.0012, "Gy"), pulses=40.0), event((2.4, "mGy"), plane="113621")
    return report_file(folder / "r.dcm", *events)


def test_every_output_of_one_run_is_there_and_agrees(made_trial, two_planes, tmp_path):
    trial, out = tmp_path / "trial", tmp_path / "out"
    shutil.copytree(made_trial, trial)
    with_lines(trial, SPECTRUM)
    options = ["--out", out, "--rdsr", two_planes, "--picture", out / "skin.png"]
    options += ["--beams", out / "beams.json", "--dose-sr", out / "sr.dcm"]
    options += ["--deck", "mcgpu", "--deck-folder", out / "mc"]
    assert expose(trial, *options) == 0
    rows = rows_of(out)
    for row in rows:
        per_pulse_mGy = 0.4 if row["view"] == "A" else 0.8
        assert float(row["entrance_kerma_mGy"]) == pytest.approx(
            per_pulse_mGy * float(row["k_isq"]), rel=1e-6
        )
    provenance = json.loads((out / "exposure.json").read_text())["provenance"]["dose"]
    assert provenance["kerma"] == "the dose report"
    picture = cv2.imread(str(out / "skin.png"))
    saturation = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)[..., 1]
    assert (saturation > 120).mean() > 0.01, "nothing is coloured as exposed"
    beams = read_beams(out / "beams.json").beams
    assert len(beams) == FRAMES * VIEWS
    assert {round(beam.weight, 6) for beam in beams} == {0.4, 0.8}
    decks = sorted((out / "mc").glob("beam_*.in"))
    assert len(decks) == FRAMES * VIEWS
    ct_lengths = [np.linalg.norm(read_mcgpu_beam(path).direction) for path in decks]
    assert ct_lengths == pytest.approx([1.0] * len(decks))
    report = pydicom.dcmread(out / "sr.dcm")
    assert len(all_of(all_of(report, "130505")[0], "113706")) == FRAMES * VIEWS
    names = {path.name for path in out.iterdir()}
    assert names == {
        "exposure.csv",
        "exposure.json",
        "skin.vtp",
        "skin.png",
        "beams.json",
        "sr.dcm",
        "mc",
    }


def test_gates_deck_goes_beside_the_outputs_and_beams_to_a_table(made_trial, two_planes, tmp_path):
    trial, out = tmp_path / "trial", tmp_path / "out"
    shutil.copytree(made_trial, trial)
    with_lines(trial, SPECTRUM)
    options = ["--out", out, "--deck", "gate", "--beams", out / "beams.csv"]
    assert expose(trial, *options, "--rdsr", two_planes, "--event", 2, "--event", 0) == 0
    by_view = {row["view"]: row for row in rows_of(out)}
    for view, per_pulse_mGy in (("A", 0.8), ("B", 0.4)):
        row = by_view[view]
        assert float(row["entrance_kerma_mGy"]) == pytest.approx(
            per_pulse_mGy * float(row["k_isq"]), rel=1e-6
        )
    deck = read_gate(out / "deck_gate")
    with (out / "beams.csv").open(newline="") as stream:
        listed = list(csv.DictReader(stream))
    weights = [float(row["weight"]) for row in listed]
    assert sorted(beam["weight"] for beam in deck["beams"]) == pytest.approx(sorted(weights))


def no_change(trial):
    pass


def known_spectrum(trial):
    with_lines(trial, SPECTRUM)


def two_spectra(trial):
    with_lines(trial, SPECTRUM.replace("B = 80.0", "B = 90.0"))


def no_reference(trial):
    with_lines(trial, "", reference="")
    report_file(trial / "r.dcm", event(), event(plane="113621"))


def a_picture_called_report(trial):
    (trial / "r.dcm").write_bytes((trial / "A" / "0000.png").read_bytes())


def a_cut_report(trial):
    known_spectrum(trial)
    whole = report_file(trial / "whole.dcm", event(), event())
    (trial / "r.dcm").write_bytes(whole.read_bytes()[:300])
    whole.unlink()


def a_report(trial):
    known_spectrum(trial)
    report_file(trial / "r.dcm", event(), event(plane="113621"))


def a_report_without_kerma(trial):
    known_spectrum(trial)
    broken = event()
    broken.ContentSequence = [broken.ContentSequence[0], *broken.ContentSequence[3:]]
    report_file(trial / "r.dcm", broken, broken)


def all_lost(trial):
    lines = (trial / "truth.csv").read_text().splitlines()
    empty = "," * lines[0].count(",")
    rows = [",".join(line.split(",")[:2]) + ",lost" + empty[2:] for line in lines[1:]]
    (trial / "lost.csv").write_text("\n".join([lines[0], *rows]) + "\n")


RDSR = ["--rdsr", "{trial}/r.dcm"]
CASES = [
    ("unknown ending of beams", no_change, ["--beams", "{trial}/b.txt"], ".json or .csv"),
    ("beams into a folder", no_change, ["--beams", "{trial}/d.json"], "that is a folder"),
    ("unknown ending of picture", no_change, ["--picture", "{trial}/p.jpg"], "end its name in"),
    ("dose report into a folder", no_change, ["--dose-sr", "{trial}/A"], "that is a folder"),
    ("deck without spectrum", no_change, ["--deck", "mcgpu"], "kvp and filtration_al_mm"),
    ("deck of two spectra", two_spectra, ["--deck", "gate"], "the same in all views"),
    ("deck folder alone", no_change, ["--deck-folder", "{trial}/x"], "goes with --deck"),
    (
        "deck into a file",
        known_spectrum,
        ["--deck", "gate", "--deck-folder", "{trial}/rig.json"],
        "that is a file",
    ),
    ("event alone", no_change, ["--event", "0"], "give that with --rdsr"),
    ("no report", no_change, RDSR, "r.dcm: there is no such file"),
    ("a picture for a report", a_picture_called_report, RDSR, "r.dcm: not a DICOM dose report"),
    ("a cut report", a_cut_report, RDSR, "r.dcm: "),
    ("no reference distance", no_reference, RDSR, "lies at 635 mm"),
    ("no such event", a_report, [*RDSR, "--event", "0", "--event", "9"], "0 to 1; found 0, 9"),
    ("too few events", a_report, [*RDSR, "--event", "1"], "one event a view (A, B)"),
    (
        "an event without kerma",
        a_report_without_kerma,
        [*RDSR, "--event", "0", "--event", "1"],
        "no kerma (113738)",
    ),
    ("all lost", all_lost, ["--track", "{trial}/lost.csv"], "lost.csv: every frame is lost"),
    ("no track", no_change, ["--track", "{trial}/none.csv"], "none.csv: there is no such track"),
]


@pytest.mark.parametrize(("spoil", "options", "said"), [c[1:] for c in CASES],
                         ids=[c[0] for c in CASES])  # fmt: skip
def test_a_mistake_is_told_before_any_work(trial, capsys, spoil, options, said):
    (trial / "d.json").mkdir()
    spoil(trial)
    before = sorted(trial.rglob("*"))
    assert expose(trial, *[option.format(trial=trial) for option in options]) == 1
    out, err = capsys.readouterr()
    assert said in err, err
    assert err.startswith("dualfluoro: ") and err.count("\n") == 1
    assert "Traceback" not in out + err
    assert sorted(trial.rglob("*")) == before


def test_a_deck_for_another_program_is_wrong_usage(trial):
    assert expose(trial, "--deck", "topas") == 2
