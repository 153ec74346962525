"""docs/deploy: units that systemd takes, commands that there are, and files that are there to be copied."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from tests.conftest import ROOT
from websocket_v6.cli.app import app

FOLDER = ROOT / "docs" / "deploy"
UNITS = [FOLDER / "system" / "websocket-v6.service", FOLDER / "user" / "websocket-v6.service"]
README = (FOLDER / "README.md").read_text(encoding="utf-8")
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")


def options() -> set[str]:
    """Return the options of `serve`."""
    command = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    return {name for parameter in command.params for name in parameter.opts}


def commands(text: str) -> list[list[str]]:
    """Return what stands behind each `websocket-v6 serve`, to the end of its line, in words."""
    text = text.replace("\\\n", " ")
    return [
        shlex.split(line, comments=True) for line in re.findall(r"websocket-v6 serve((?: .*)?)$", text, re.MULTILINE)
    ]


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.parent.name)
def test_systemd_has_nothing_against_the_unit(unit: Path, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not here")
    text = unit.read_text(encoding="utf-8")
    # It looks for the program and the user, too, which are not those of this machine.
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", text, flags=re.MULTILINE)
    text = text.replace("User=trader", "User=root")
    (tmp_path / unit.name).write_text(text, encoding="utf-8")
    kind = ["--user"] if unit.parent.name == "user" else []
    done = subprocess.run(
        [analyze, *kind, "--man=no", "verify", str(tmp_path / unit.name)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)},
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if str(tmp_path) in line or unit.name in line]
    assert said == []
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "text", [README, *(unit.read_text(encoding="utf-8") for unit in UNITS)], ids=["readme", "s", "u"]
)
def test_every_option_is_one(text: str) -> None:
    found = {word for command in commands(text) for word in command if word.startswith("--")}
    assert found
    assert found <= options()


def test_what_the_image_is_made_of_is_there() -> None:
    for line in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for name in line.split():
            assert (ROOT / name).exists(), name
    (arguments,) = re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert set(re.findall(r'"(--\w+)"', arguments)) <= options()


def test_the_readme_leads_to_files_that_are_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) >= 3
    for link in links:
        assert (FOLDER / link).exists(), link
