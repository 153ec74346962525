"""What runs elsewhere names what there is: targets of make, Pythons, tools."""

import json
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NAMING = [*WORKFLOWS, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / ".devcontainer" / "devcontainer.json"]


def targets(text: str) -> set[str]:
    """Return the targets of every `make ...` in a text."""
    commands = re.findall(r"(?:run: |`|&& |\"|^)make((?: [a-z]+\b(?!=))+)", text, re.MULTILINE)
    return {word for command in commands for word in command.split()}


@pytest.mark.parametrize("path", NAMING, ids=lambda path: path.name)
def test_make_has_each_target_that_is_named(path: Path) -> None:
    there = set(re.findall(r"^([a-z]+):.*##", MAKEFILE, re.MULTILINE))
    named = targets(path.read_text(encoding="utf-8"))
    assert named or path.name == "release.yml"
    assert named <= there


def test_ci_has_the_pythons_that_the_package_promises() -> None:
    promised = re.findall(r"Python :: (3\.\d+)", (ROOT / "setup.cfg").read_text(encoding="utf-8"))
    matrix = re.search(r"python: \[(.*)\]", (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert matrix is not None
    assert re.findall(r"[\d.]+", matrix[1]) == promised


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_reads_alone_and_holds_no_secret(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "\npermissions:\n  contents: read\n" in text
    assert "secrets." not in text
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")
    yaml = pytest.importorskip("yaml", reason="the extra `docs` is not installed")
    assert {"name", "permissions", "jobs"} <= set(yaml.safe_load(text))


def test_the_devcontainer_is_json() -> None:
    assert json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))["image"]


def test_pre_commit_runs_what_lint_runs() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    lint = MAKEFILE.partition("\nlint:")[2].partition("\n\n")[0]
    for command in re.findall(r"^\t\$\(BIN\)/(\S+)", lint, re.MULTILINE):
        assert f"entry: .venv/bin/{command}" in text
