"""Every size, count and time that the outside may choose, with its bound: one table, shown in `docs/limits.md`.

The outside is the exchange and whatever answers in its place (a proxy, a portal), the clients of a door, the folder
where processes meet. A bound is a constant here, used where it holds, and a row of LIMITS: what lies beyond it, and
the test that goes there. What a user chooses (a mailbox's size, a timeout) is `config.py`'s and its own check's.
"""

from typing import Final, Literal, NamedTuple

__all__ = [
    "ADDRESSES",
    "HANDSHAKE_BYTES",
    "LIMITS",
    "LOOK_UPS",
    "MESSAGE_BYTES",
    "REFUSAL_BYTES",
    "REST_BYTES",
    "REST_SECONDS",
    "RETRY_AFTER",
    "Limit",
]

KIB: Final = 1024
MIB: Final = 1024 * KIB

ADDRESSES: Final = 16  # at one each 0.25 s, as many as any sensible timeout allows
LOOK_UPS: Final = 8  # a program has one or two names, and each is looked up once at a time
HANDSHAKE_BYTES: Final = 64 * KIB  # the exchange's has about 1 KiB
REFUSAL_BYTES: Final = 16 * KIB  # its words are in the first few hundred
REST_BYTES: Final = 2 * MIB  # a full page of 500 trades has 0.2 MiB
REST_SECONDS: Final = 10.0  # live trades wait for what is fetched

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
        "the addresses of a name",
        ADDRESSES,
        "count",
        "the rest is not tried",
        "tests/protocol/dialing/test_addresses.py::test_no_more_are_tried_than_the_limit",
    ),
    Limit(
        "name look-ups that do not end, at a time",
        LOOK_UPS,
        "count",
        "an attempt that needs another name fails, and is told and repeated",
        "tests/actors/dialing/test_names.py::test_look_ups_without_an_end_are_no_more_than_the_limit",
    ),
    Limit(
        "what is said before a connection is open: by a proxy, and the answer to the handshake",
        HANDSHAKE_BYTES,
        "bytes",
        "the attempt fails, and is told and repeated (how long it may take: `Config.connect_timeout`)",
        "tests/actors/connection/test_opening_bounds.py::test_an_answer_without_an_end_is_cut_off_at_the_limit",
    ),
    Limit(
        "the body of a refused handshake",
        REFUSAL_BYTES,
        "bytes",
        "the rest is not read",
        "tests/actors/connection/test_opening_bounds.py::test_a_refusal_s_body_is_read_up_to_the_limit",
    ),
    Limit(
        "the answer to a REST call, inflated",
        REST_BYTES,
        "bytes",
        "the call counts as not answered",
        "tests/actors/gaps/test_rest_reader.py::test_a_body_that_inflates_beyond_the_limit_is_no_answer",
    ),
    Limit(
        "a REST call, from its first look-up to the last byte of its answer",
        REST_SECONDS,
        "seconds",
        "the call counts as not answered",
        "tests/actors/gaps/test_rest_reader.py::test_an_answer_that_drips_is_none",
    ),
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
)
