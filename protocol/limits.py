"""Every size, count and time that the outside may choose, with its bound: one table, shown in `docs/limits.md`.

The outside is the exchange and whatever answers in its place (a proxy, a portal), the clients of a door, the folder
where processes meet. A bound is a constant here, used where it holds, and a row of LIMITS: what lies beyond it, and
the test that goes there. What a user chooses (a mailbox's size, a timeout) is `config.py`'s and its own check's.
"""

from typing import Final, Literal, NamedTuple

__all__ = [
    "DOOR_ROWS",
    "FLIGHT_BYTES",
    "HELD_BYTES",
    "ID_BYTES",
    "LAST_VALUES_BYTES",
    "LEARNED_HEADS",
    "LEARNED_STREAMS",
    "LEVEL_CHARACTERS",
    "LIMITS",
    "LIST_ELEMENTS",
    "MAILBOX_BYTES",
    "MAILBOX_EVENT_BYTES",
    "MESSAGE_BYTES",
    "NOTICES",
    "READ_BYTES",
    "REMEMBERED_IDS",
    "REMEMBERED_STREAMS",
    "RETRY_AFTER",
    "STREAM_CHARACTERS",
    "THROTTLED_STREAMS",
    "WILDCARD_CODES",
    "Limit",
]

MIB: Final = 1024 * 1024

MESSAGE_BYTES: Final = 16 * MIB  # the largest known has about 0.1 MiB
READ_BYTES: Final = 2 * MIB  # what is read at once, a quarter of one, has about 1 when it is inflated
FLIGHT_BYTES: Final = 16 * MIB
LIST_ELEMENTS: Final = 10_000  # every documented list has one
NOTICES: Final = 64
LEVEL_CHARACTERS: Final = 40
STREAM_CHARACTERS: Final = 256
WILDCARD_CODES: Final = 4096  # several times the markets of the exchange
REMEMBERED_IDS: Final = 200_000  # for 30 s of more messages than the exchange sends to one connection; 60 MB
REMEMBERED_STREAMS: Final = 16_384
ID_BYTES: Final = 64  # a UUID has 36, and the longest state 9
HELD_BYTES: Final = 64 * MIB
LAST_VALUES_BYTES: Final = 64 * MIB  # all streams of the exchange hold 10
DOOR_ROWS: Final = 10_000
LEARNED_STREAMS: Final = 65_536  # several times all streams of the exchange
LEARNED_HEADS: Final = 16_384  # several times the heads of all markets and types, and the levels of their books
MAILBOX_BYTES: Final = 32 * MIB  # several times what 4,096 tickers, or the books of all markets, hold
MAILBOX_EVENT_BYTES: Final = 8192  # for each event that a mailbox counts: a book of 30 levels has 5,000
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
        "what one read of a socket becomes when it is inflated, beside its last message",
        READ_BYTES,
        "bytes",
        "the rest is inflated when there is room for it; what follows is not read before",
        "tests/protocol/websocket/test_frames_bound.py::test_what_one_read_inflates_to_comes_in_parts",
    ),
    Limit(
        "memory of the messages of one connection on their way to the router, beside its last read",
        FLIGHT_BYTES,
        "bytes",
        "nothing more is read until some of them are delivered",
        "tests/actors/connection/test_transport_bound.py::test_no_more_is_read_than_may_be_on_its_way",
    ),
    Limit(
        "elements of a message that is a list",
        LIST_ELEMENTS,
        "count",
        "the connection is closed with 1009 and made anew",
        "tests/protocol/exchange/test_heads_bounds.py::test_a_list_of_too_many_elements_is_too_big",
    ),
    Limit(
        "answers and errors of the exchange in one read",
        NOTICES,
        "count",
        "the rest is skipped and counted as malformed",
        "tests/protocol/exchange/test_heads_bounds.py::test_a_read_brings_few_notices",
    ),
    Limit(
        "the level of an order book, as it is written",
        LEVEL_CHARACTERS,
        "characters",
        "the message is skipped as malformed",
        "tests/protocol/exchange/test_heads_bounds.py::test_a_level_too_long_for_a_price_is_malformed_and_not_learned",
    ),
    Limit(
        "the name of a stream: what an indicator's parameters make it",
        STREAM_CHARACTERS,
        "characters",
        "the message is skipped as malformed",
        "tests/protocol/exchange/test_heads_bounds.py::test_a_stream_has_no_longer_name_than_an_indicators",
    ),
    Limit(
        "heads of messages and levels of books by which a connection knows streams at once",
        LEARNED_HEADS,
        "count",
        "they are forgotten and learned anew",
        "tests/protocol/exchange/test_heads_bounds.py::test_what_is_learned_of_heads_and_levels_is_bounded_together",
    ),
    Limit(
        "streams whose kind of event is known at once",
        LEARNED_STREAMS,
        "count",
        "they are forgotten and learned anew",
        "tests/protocol/events/test_make.py::test_what_is_known_of_streams_is_bounded",
    ),
    Limit(
        "codes that only a wildcard takes, each with its last value",
        WILDCARD_CODES,
        "count",
        "those longest without a message are forgotten; their next one is delivered like any other",
        "tests/actors/delivery/test_routes_bound.py::test_codes_of_a_wildcard_are_bounded_and_nothing_is_lost",
    ),
    Limit(
        "memory of last values and last trades, beside what comes between two looks at them (half of it)",
        LAST_VALUES_BYTES,
        "bytes",
        "the largest are forgotten: who comes new to those streams waits for the next message",
        "tests/actors/delivery/test_routes_bound.py::test_last_values_are_bounded_in_bytes",
    ),
    Limit(
        "memory of what waits to be delivered: trades behind a gap, and what a source brings before it joins",
        HELD_BYTES,
        "bytes",
        "the stream with most goes on with its gap; of a source the oldest is dropped, which the others have brought",
        "tests/actors/delivery/test_holds_bound.py::test_trades_that_wait_are_bounded_in_bytes",
    ),
    Limit(
        "messages remembered of an endpoint with several sources, of 30 seconds",
        REMEMBERED_IDS,
        "count",
        "the older half is forgotten. Of a source that has not brought that yet, what is older than the last message "
        "delivered counts as a repeat until it has caught up: nothing comes twice",
        "tests/protocol/delivery/test_merger_bounds.py::test_a_source_that_is_far_behind_brings_nothing_twice",
    ),
    Limit(
        "streams of which several sources' messages are remembered",
        REMEMBERED_STREAMS,
        "count",
        "those longest without a message are forgotten",
        "tests/protocol/delivery/test_merger_bounds.py::test_streams_are_bounded",
    ),
    Limit(
        "an id of a message that is remembered",
        ID_BYTES,
        "bytes",
        "its hash stands for it",
        "tests/protocol/delivery/test_merger_bounds.py::test_a_long_id_is_remembered_by_its_hash",
    ),
    Limit(
        "messages in one word of a host's",
        DOOR_ROWS,
        "count",
        "the guest closes the socket with 1002 and connects anew",
        "tests/protocol/server/test_words_bound.py::test_rows_are_refused_by_their_number",
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
        "the oldest are dropped and told; with block the source waits. For drop_oldest(n) and block(n) it is n times "
        "8 KiB if that is more, for lossless what it was given; by default trades have 24 MiB, tickers and candles 16",
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
