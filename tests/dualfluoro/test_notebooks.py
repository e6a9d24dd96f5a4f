"""The guide's notebooks run from top to bottom, and say what they promise."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
LARGEST_BYTES = 50_000
PROMISED = {
    "ct_to_exposure.ipynb": ("frame 3: ok", "rotation    0.", "source to skin", "report.html"),
    "your_own_rig.ipynb": (
        "0 outliers",
        "source off by",
        "the beads, seen by both views: off by 0.",
    ),
}


def test_every_notebook_is_known_and_stored_without_outputs():
    assert {path.name for path in FOLDER.glob("*.ipynb")} == set(PROMISED)
    for path in FOLDER.glob("*.ipynb"):
        assert path.stat().st_size < LARGEST_BYTES
        cells = nbformat.read(path, as_version=4).cells
        assert all(not cell.get("outputs") for cell in cells)


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_a_notebook_runs(name, tmp_path):
    notebook = nbformat.read(FOLDER / name, as_version=4)
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=600, resources=where).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    text = "".join(output.get("text", "") for output in outputs)
    for said in PROMISED[name]:
        assert said in text
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
