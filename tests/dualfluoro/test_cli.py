import subprocess
import sys

import pytest

import dualfluoro
from dualfluoro.cli import build_app, main

COMMANDS = "demo new landmarks synthesize prepare detect track exposure evaluate view report train"
COMMANDS = [*COMMANDS.split(), "calibrate", "convert", "locate", "batch"]


@pytest.mark.parametrize(
    "command",
    [*[[c] for c in COMMANDS], ["train", "detector"], ["train", "gan"], ["train", "landmarks"], []],
)
def test_every_command_answers_help(command, capsys):
    assert main([*command, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Usage: dualfluoro" in out
    if command and command != ["train"]:
        assert "--seed" in out and "--quiet" in out and "--device" in out


def test_the_commands_are_those_of_the_contract_so_far():
    assert {name for name in build_app() if not name.startswith("-")} == set(COMMANDS)


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (["trakc", "x"], 'Did you mean "track"?'),
        (["track", "x", "--no-refin"], "Did you mean --no-refine?"),
        (["track"], "TRIAL"),
        (["track", "x", "--device", "gpu"], '"cpu"'),
        (["track", "x", "--seed", "one"], "--seed"),
        (["track", "x", "y"], "y"),
        (["view", "x", "--frame"], "--frame"),
    ],
)
def test_wrong_usage_is_status_two_and_one_line(tokens, said, capsys):
    assert main(tokens) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


def test_help_and_import_load_nothing_heavy():
    heavy = ("torch", "numpy", "numba", "pyvista", "plotly", "cv2", "scipy")
    code = (
        "import sys, dualfluoro; from dualfluoro.cli import main; main(['--help']); "
        f"main(['track', '--help']); print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def test_the_module_runs_like_the_command():
    run = [sys.executable, "-m", "dualfluoro", "track", "/nowhere"]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("dualfluoro: /nowhere/trial.toml: there is no such file")


def test_python_finds_every_name_and_refuses_others():
    for name in dualfluoro.__all__:
        assert callable(getattr(dualfluoro, name))
    with pytest.raises(AttributeError, match="no attribute 'trakc'"):
        _ = dualfluoro.trakc


def test_an_output_that_is_a_folder_is_called_by_its_own_name(trial, capsys):
    truth = str(trial / "truth.csv")
    where = ["--landmarks", str(trial / "landmarks.json"), "--json", str(trial / "A")]
    assert main(["evaluate", truth, truth, *where]) == 1
    assert capsys.readouterr().err == f"dualfluoro: {trial / 'A'}: Is a directory\n"


def test_a_damaged_ct_is_not_blamed_on_the_detector(trial):
    from dualfluoro.options import DEFAULTS
    from dualfluoro.stages.demo import released_weights
    from dualfluoro.subject import Subject
    from dualfluoro.trial_detector import detector_of

    (trial / "models").mkdir()
    for file in (released_weights(), released_weights().with_suffix(".json")):
        (trial / "models" / f"detector{file.suffix}").write_bytes(file.read_bytes())
    (trial / "ct.nii.gz").write_bytes(b"")
    with pytest.raises(ValueError, match=rf"^{trial / 'ct.nii.gz'}: cannot be read"):
        detector_of(dualfluoro.load_trial(trial), Subject(trial / "ct.nii.gz"), DEFAULTS)


@pytest.mark.parametrize("minutes", ["inf", "nan", "0", "-1"])
def test_a_budget_without_end_or_beginning_is_wrong_usage(trial, capsys, minutes):
    assert main(["prepare", str(trial), "--minutes", minutes]) == 2
    assert "--minutes" in capsys.readouterr().err
