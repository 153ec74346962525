"""Every size, count and time that the outside may choose, with its bound: one table, shown in `docs/limits.md`.

The outside is the exchange and whatever answers in its place (a proxy, a portal), the clients of a door, the folder
where processes meet. A bound is a constant here, used where it holds, and a row of LIMITS: what lies beyond it, and
the test that goes there. What a user chooses (a mailbox's size, a timeout) is `config.py`'s and its own check's.
"""

from typing import Final, Literal, NamedTuple

__all__ = ["HOST_FILE_BYTES", "LIMITS", "MESSAGE_BYTES", "RETRY_AFTER", "Limit"]

MIB: Final = 1024 * 1024

HOST_FILE_BYTES: Final = 64 * 1024  # one has some hundred
MESSAGE_BYTES: Final = 16 * MIB  # the largest known has about 0.1 MiB
RETRY_AFTER: Final = 600.0  # a wrong number must not silence a program for ever


class Limit(NamedTuple):
    """One bound."""

    what: str  # the outside chooses
    bound: float
    unit: Literal["bytes", "seconds", "characters", "count"]
    beyond: str  # what happens then
    test: str  # file::name of the test that goes beyond it


LIMITS: Final = (
    Limit(
        "a message of the exchange, inflated",
        MESSAGE_BYTES,
        "bytes",
        "the connection is closed with 1009 and made anew",
        "tests/protocol/websocket/test_frames.py::test_a_message_over_its_limit_is_too_big",
    ),
    Limit(
        "the file in which a host says where it is",
        HOST_FILE_BYTES,
        "bytes",
        "it is taken as if it were not there",
        "tests/actors/membership/test_rendezvous.py::test_a_broken_entry_is_no_host",
    ),
    Limit(
        "how long the exchange asks to be left alone (Retry-After, or the words of a 418)",
        RETRY_AFTER,
        "seconds",
        "the wait is cut to this",
        "tests/protocol/connection/test_backoff.py::test_no_block_is_believed_to_last_longer_than_ten_minutes",
    ),
)
