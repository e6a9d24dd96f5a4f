"""Sessions for every Python that is here: `nox -l` lists them, `nox -s wheel-3.12` runs one.

Each makes an environment of its own with the pinned versions. A Python that is not on this machine
is skipped.
"""

import tempfile
from pathlib import Path

import nox

PYTHONS = ["3.11", "3.12", "3.13"]
PINS = ("-c", "constraints.txt")

nox.options.sessions = ["tests", "docs"]
nox.options.error_on_missing_interpreters = False


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """All tests, or those named behind `--`."""
    session.install(*PINS, "torch", "torchvision")
    session.install(*PINS, "-e", ".[dev]")
    session.run("pytest", *(session.posargs or ["tests"]), env={"OMP_NUM_THREADS": "1"})


@nox.session(python=PYTHONS[0])
def docs(session: nox.Session) -> None:
    """The pages, where a warning is an error."""
    session.install(*PINS, "torch", "torchvision")
    session.install(*PINS, "-e", ".[docs]")
    session.run("mkdocs", "build", "--strict", "--quiet")


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """A wheel, installed without the checkout, runs the demo from another folder."""
    constraints = Path("constraints.txt").absolute()
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ".")
        (built,) = Path(folder).glob("*.whl")
        session.install("-c", str(constraints), "torch", "torchvision")
        session.install("-c", str(constraints), str(built))
        session.chdir(folder)
        session.run("python", "-c", "import dualfluoro; print(dualfluoro.__file__)")
        session.run("dualfluoro", "demo", "--frames", "4", "--out", "demo")
