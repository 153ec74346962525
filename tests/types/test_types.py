"""`py.typed` as a user has it: mypy and pyright, strict, on a program that uses the public face, and on a wrong one."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

HERE = Path(__file__).parent
RIGHT, WRONG = HERE / "user_program.py", HERE / "wrong_program.py"
EXPECTED = {number for number, line in enumerate(WRONG.read_text("utf-8").splitlines(), 1) if line.endswith("# wrong")}


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "MYPYPATH": "", "PYTHONPATH": str(ROOT)},
        timeout=280,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's folder, with nothing of ours in it but these two programs."""
    for path in (RIGHT, WRONG):
        shutil.copy(path, tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_mypy(project: Path) -> None:
    pytest.importorskip("mypy", reason="the extra `lint` is not installed")
    command = (sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(project / "cache"))
    # As an installed package is: what is wrong inside of it is not the user's business.
    (project / "mypy.ini").write_text("[mypy]\n[mypy-websocket_v6.*]\nfollow_imports = silent\n")
    right = run(project, *command, RIGHT.name)
    assert (right.returncode, right.stdout) == (0, ""), right.stdout + right.stderr
    wrong = run(project, *command, WRONG.name)
    assert {
        int(number) for number in re.findall(r"^wrong_program\.py:(\d+): error", wrong.stdout, re.MULTILINE)
    } == EXPECTED


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_pyright(project: Path) -> None:
    if importlib.util.find_spec("pyright") is None:
        pytest.skip("pyright is not installed: pip install 'websocket-v6[lint]'")
    settings = {
        "include": [RIGHT.name, WRONG.name],
        "typeCheckingMode": "strict",
        "extraPaths": [str(ROOT)],
        "venvPath": str(Path(sys.prefix).parent),
        "venv": Path(sys.prefix).name,
    }
    (project / "pyrightconfig.json").write_text(json.dumps(settings))
    done = run(project, sys.executable, "-m", "pyright", "--outputjson")
    if not done.stdout.startswith("{"):
        pytest.skip(f"pyright does not run here, it fetches itself with npm: {done.stderr[-200:]!r}")
    found = json.loads(done.stdout)["generalDiagnostics"]
    errors = [
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1) for one in found if one["severity"] == "error"
    ]
    assert {one for one in errors if one[0] == RIGHT.name} == set(), found
    assert {line for name, line in errors if name == WRONG.name} == EXPECTED, found
