import errno

import pytest

from websocket_v6.protocol.shortages import remedy


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (OSError(errno.ENFILE, "Too many open files in system"), "machine"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "make room"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "threads"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (MemoryError(), "memory"),
    ],
)
def test_what_the_machine_has_run_out_of_is_no_bug(error: BaseException, words: str) -> None:
    assert words in remedy(error)


@pytest.mark.parametrize("error", [RuntimeError("x"), OSError("x"), KeyError("x"), ConnectionResetError(104, "x")])
def test_all_else_may_be_one(error: BaseException) -> None:
    assert remedy(error) == ""
