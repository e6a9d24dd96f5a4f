"""The guide agrees with the code: options, errors, keys and columns that it names are there."""

import ast
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from dualfluoro.run_record import Run
from dualfluoro.stages.new import TEMPLATE
from registration.track_file import columns_of

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PACKAGES = ("calibration", "drr", "gan", "detector", "registration", "exposure", "dualfluoro")
OF_THE_SYSTEM = ("No space left on device",)


@pytest.fixture(scope="module")
def commands() -> str:
    spec = importlib.util.spec_from_file_location("commands_hook", DOCS / "commands_hook.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.on_page_markdown((DOCS / "commands.md").read_text())


def texts_of_the_code() -> set[str]:
    """Every piece of text in the packages, as the parser joins it."""
    return {
        node.value
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_command_is_on_the_page_of_commands(commands):
    stages = {path.stem for path in (ROOT / "dualfluoro" / "stages").glob("[a-z]*.py")}
    plain = {stage for stage in stages if not stage.startswith("train")}
    trained = {"train detector", "train gan", "train landmarks"}
    assert all(f"dualfluoro {name}\n" in commands for name in plain | trained)


def test_no_option_is_without_a_word(commands):
    options = re.findall(r"^\* `(--?[^`]+)`(.*)$", commands, re.MULTILINE)
    assert len(options) > 100
    assert [name for name, said in options if not re.match(r": \w", said)] == []


def test_every_error_that_the_guide_quotes_is_said_somewhere():
    texts = texts_of_the_code()
    page = (DOCS / "errors.md").read_text()
    rows = re.findall(r"^\| (?!it says|---)(.*?) \| .* \| .* \|$", page, re.MULTILINE)
    quoted = [words for row in rows for words in re.findall(r"`([^`]+)`", row)]
    assert len(quoted) > 40
    unsaid = [words for words in quoted if not any(words in text for text in texts)]
    assert [words for words in unsaid if words not in OF_THE_SYSTEM] == []


def test_every_key_of_a_new_trial_is_in_the_guide():
    page = (DOCS / "trial_files.md").read_text()
    keys = set(re.findall(r"^(?:# )?([a-z][A-Za-z_]+) = ", TEMPLATE, re.MULTILINE))
    assert len(keys) > 20
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []


def test_every_column_of_a_track_is_in_the_guide():
    page = (DOCS / "trial_files.md").read_text()
    assert [name for name in columns_of(("A",)) if f"`{name}`" not in page] == []


def test_every_key_of_a_run_is_in_the_guide(tmp_path):
    Run("key", {}, {}, "cpu").write(tmp_path, 1.0)
    keys = yaml.safe_load((tmp_path / "run.json").read_text())
    page = (DOCS / "trial_files.md").read_text()
    assert [key for key in keys if f"`{key}`" not in page] == []


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert {"message", "title", "authors"} <= set(citation)
    assert {reference["doi"] for reference in citation["references"]} == {
        "10.1016/j.compbiomed.2021.104923",
        "10.1109/TMI.2020.3009002",
        "10.1002/mp.17349",
    }


def test_every_page_of_the_guide_is_in_its_contents():
    contents = (ROOT / "mkdocs.yml").read_text()
    pages = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]
    assert [page for page in pages if page not in contents] == []


def test_tables_and_lists_begin_behind_a_blank_line_or_a_heading():
    """Without one the guide's builder takes them for running text."""
    found = []
    for path in sorted(DOCS.rglob("*.md")):
        before, in_code = "", False
        for number, line in enumerate(path.read_text().splitlines(), 1):
            fence = line.lstrip().startswith("```")
            begins = re.match(r"(\||- |\d+\. )", line)
            if begins and not in_code and before and not re.match(r"(\||- |\d+\. |#| )", before):
                found.append(f"{path.name}:{number}")
            in_code ^= fence
            before = line
    assert found == []
