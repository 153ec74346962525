"""Shells complete commands, options and their values, as `websocket-v6 --install-completion` sets it up."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

BOTH = {**os.environ, "PYTHONPATH": str(ROOT), "LANGUAGE": "en", "COLUMNS": "80"}
# What the console script does, whatever it is called here.
PROGRAM = "import sys; sys.argv[0] = 'websocket-v6'; from websocket_v6.__main__ import main; main()"


def completed(*words: str) -> set[str]:
    """Return what bash is offered for the last of `words`."""
    environment = {
        **BOTH,
        "_WEBSOCKET_V6_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["websocket-v6", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["wa"], {"watch"}),
        (["re"], {"record", "recording", "replay"}),
        (["watch", "--ty"], {"--type"}),
        (["watch", "--type", "o"], {"orderbook"}),
        (["simulate", "--weather", ""], {"calm", "usual", "storm"}),
        (["--lang", "k"], {"ko"}),
    ],
)
def test_bash_is_offered_what_there_is(words: list[str], expected: set[str]) -> None:
    assert completed(*words) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_shown(shell: str) -> None:
    environment = {**BOTH, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("; from", f"; sys.argv += ['--show-completion', '{shell}']; from")],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "_WEBSOCKET_V6_COMPLETE" in done.stdout
