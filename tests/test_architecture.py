"""The house of `design.md`: which package may import which, and how large a file may grow."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "calibration": set(),
    "drr": {"calibration"},
    "gan": {"drr"},
    "detector": {"calibration", "drr"},
    "registration": {"calibration", "drr", "detector"},
    "exposure": {"calibration", "drr", "registration"},
    "dualfluoro": {"calibration", "drr", "gan", "detector", "registration", "exposure"},
}
FILES = [path for package in MAY_IMPORT for path in sorted((ROOT / package).glob("**/*.py"))]
NAMES = [f"{path.relative_to(ROOT)}" for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_point_upstream(path):
    package = path.relative_to(ROOT).parts[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    assert (found & set(MAY_IMPORT)) - {package} <= MAY_IMPORT[package]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_file_holds_one_idea(path):
    assert len(path.read_text().splitlines()) <= 300
