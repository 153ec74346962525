"""The quick Autobahn cases; `python -m tests.conformance` runs all 517."""

from pathlib import Path

import pytest

from tests.conformance.runner import LONG, is_strict, run, summary

pytest.importorskip("kosoku", reason="extra `conformance` is not installed")


@pytest.mark.slow
def test_no_quick_case_fails(tmp_path: Path) -> None:
    verdicts = run(tmp_path, exclude=LONG)
    assert len(verdicts) == 301
    assert all(verdict.is_good and is_strict(verdict) for verdict in verdicts), summary(verdicts)
