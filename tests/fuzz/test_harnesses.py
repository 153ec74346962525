"""The fuzzing harnesses run, and find nothing in a moment; `make fuzz` gives them more time."""

import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent


@pytest.mark.slow
@pytest.mark.timeout(240)  # each instruments all that it imports before it begins
@pytest.mark.skipif(util.find_spec("atheris") is None, reason="atheris is not installed (extra fuzz)")
@pytest.mark.parametrize("name", ["fuzz_frames.py", "fuzz_server.py", "fuzz_door.py", "fuzz_events.py"])
def test_a_moment_of_fuzzing_finds_nothing(name: str, tmp_path: Path) -> None:
    # The first folder named takes what is new, so that one run does not change the next.
    command = [sys.executable, str(FOLDER / name), "-runs=2000", "-max_total_time=3", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    assert "Done" in run.stderr
    assert any(tmp_path.iterdir()), "nothing new was found: is the code instrumented?"
