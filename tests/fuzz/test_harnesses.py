"""The fuzzing harnesses run, and find nothing in a moment; `make fuzz` gives them more time."""

import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest

from tests.conftest import ROOT

FOLDER = Path(__file__).resolve().parent


@pytest.mark.slow
@pytest.mark.timeout(240)  # each instruments all that it imports before it begins
@pytest.mark.skipif(util.find_spec("atheris") is None, reason="atheris is not installed (extra fuzz)")
@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("fuzz_*.py")))
def test_a_moment_of_fuzzing_finds_nothing(name: str, tmp_path: Path) -> None:
    # The first folder named takes what is new, so that one run does not change the next.
    command = [sys.executable, "-m", f"tests.fuzz.{name}", "-runs=2000", "-max_total_time=3", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, cwd=ROOT)
    assert run.returncode == 0, run.stderr[-2000:]
    assert "Done" in run.stderr
    assert any(tmp_path.iterdir()), "nothing new was found: is the code instrumented?"


@pytest.mark.skipif(util.find_spec("atheris") is None, reason="atheris is not installed (extra fuzz)")
def test_what_costs_too_much_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.fuzz import judging

    costs = iter([(0.01, 1_000), *[(9.0, 1_000)] * 3, *[(0.01, 10**9)] * 3, (9.0, 1_000), (0.01, 1_000)])
    monkeypatch.setattr(judging, "_cost", lambda check, data: next(costs))
    judging._judge(lambda data: None, b"x", 400)
    for what in (r"9\.000 s", "1,000,000,000 bytes"):
        with pytest.raises(AssertionError, match=what):
            judging._judge(lambda data: None, b"x", 400)
    judging._judge(lambda data: None, b"x", 400)  # once may be a collection of garbage


@pytest.mark.skipif(util.find_spec("atheris") is None, reason="atheris is not installed (extra fuzz)")
def test_costs_are_measured() -> None:
    from tests.fuzz import judging

    def sums(data: bytes) -> None:
        sum(bytearray(10_000_000))

    seconds, size = judging._cost(sums, b"")
    assert seconds > 0
    assert 10_000_000 <= size < 11_000_000
