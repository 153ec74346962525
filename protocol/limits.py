"""Every size, count and time that the outside may choose, with its bound: one table, shown in `docs/limits.md`.

The outside is the exchange and whatever answers in its place (a proxy, a portal), the clients of a door, the folder
where processes meet. A bound is a constant here, used where it holds, and a row of LIMITS: what lies beyond it, and
the test that goes there. What a user chooses (a mailbox's size, a timeout) is `config.py`'s and its own check's.
"""

from typing import Final, Literal, NamedTuple

__all__ = [
    "LIMITS",
    "MAILBOX_BYTES",
    "MAILBOX_EVENT_BYTES",
    "MESSAGE_BYTES",
    "RETRY_AFTER",
    "THROTTLED_STREAMS",
    "Limit",
]

MIB: Final = 1024 * 1024

MESSAGE_BYTES: Final = 16 * MIB  # the largest known has about 0.1 MiB
MAILBOX_BYTES: Final = 32 * MIB  # several times what 4,096 tickers, or the books of all markets, hold
MAILBOX_EVENT_BYTES: Final = 4096  # for each event that a mailbox counts: a book of 30 levels has 3,000
THROTTLED_STREAMS: Final = 16_384  # several times all that one subscription can name
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
        "how long the exchange asks to be left alone (Retry-After, or the words of a 418)",
        RETRY_AFTER,
        "seconds",
        "the wait is cut to this",
        "tests/protocol/connection/test_backoff.py::test_no_block_is_believed_to_last_longer_than_ten_minutes",
    ),
    Limit(
        "memory of the events that wait in one mailbox, unless its policy says otherwise",
        MAILBOX_BYTES,
        "bytes",
        "the oldest are dropped and told, or with block the source waits. drop_oldest(n) and block(n) have 4 KiB times n "
        "if that is more, lossless what it was given",
        "tests/actors/test_mailbox_bytes.py::test_a_mailbox_of_padded_messages_stays_within_its_budget_and_tells",
    ),
    Limit(
        "streams of which a throttled mailbox knows when each is due again",
        THROTTLED_STREAMS,
        "count",
        "those delivered longest ago may come sooner again",
        "tests/protocol/delivery/test_stores.py::test_throttle_forgets_streams_that_may_come_again",
    ),
)
