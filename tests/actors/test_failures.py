import logging

import pytest

from websocket_v6.actors.failures import Death, Hang, failed_event, log_trouble
from websocket_v6.protocol.supervision.restarts import Restarts


def raised(text: str) -> Exception:
    try:
        raise ValueError(text)
    except ValueError as exc:
        return exc


def log(restarts: Restarts, error: BaseException) -> None:
    for told in restarts.handle(failed_event("router", error), 0.0):
        log_trouble(told, error)


def test_a_bug_is_logged_with_its_traceback_and_then_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    restarts = Restarts(lambda: 0.0)
    for number in range(3):
        log(restarts, raised(f"number {number}"))
    assert [(one.levelno, one.exc_info is not None) for one in caplog.records] == [
        (logging.ERROR, True),
        (logging.ERROR, False),
        (logging.ERROR, False),
    ], "the same line raised all of them"
    assert "failed (3 times in a row): ValueError('number 2')" in caplog.records[2].getMessage()
    assert all("this is a bug, please report it" in one.getMessage() for one in caplog.records)


def test_a_shortage_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    log(Restarts(lambda: 0.0), OSError(24, "Too many open files"))
    (record,) = caplog.records
    assert (record.levelno, record.exc_info) == (logging.WARNING, None)
    assert "raise the limit (ulimit -n)" in record.getMessage()
    assert "bug" not in record.getMessage()


def test_of_a_hang_it_is_said_where(caplog: pytest.LogCaptureFixture) -> None:
    restarts = Restarts(lambda: 0.0)
    for _ in range(2):
        log(restarts, Hang(12.0, "File x, line 5\n"))
    assert ["line 5" in one.getMessage() for one in caplog.records] == [True, False]


def test_a_death_has_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    log(Restarts(lambda: 0.0), Death())
    assert "its thread ended without a word" in caplog.text


def test_what_an_error_says_is_cut() -> None:
    assert len(failed_event("router", ValueError("x y " * 10_000)).error) == 500
