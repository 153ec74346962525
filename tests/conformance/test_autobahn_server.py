"""The quick Autobahn server cases and one of each long section; `python -m tests.conformance --server` runs all 517."""

from pathlib import Path

import pytest

from tests.conformance.runner import LONG, Verdict, is_strict, summary
from tests.conformance.server_runner import run_server

pytest.importorskip("kosoku", reason="extra `conformance` is not installed")


def check(verdicts: list[Verdict], count: int) -> None:
    assert len(verdicts) == count
    assert all(verdict.is_good and is_strict(verdict) for verdict in verdicts), summary(verdicts)


@pytest.mark.slow
def test_no_quick_case_fails(tmp_path: Path) -> None:
    check(run_server(tmp_path, exclude=[*LONG, "9.*"]), 247)


@pytest.mark.slow
def test_no_case_of_a_long_section_fails(tmp_path: Path) -> None:
    """Large messages, in one frame and in 65,536 of them; compressed ones, with a window of 9 bits as well."""
    check(run_server(tmp_path, include=["9.1.6", "9.3.1", "12.1.3", "12.3.1", "13.3.2", "13.7.1"]), 6)
