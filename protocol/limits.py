"""Every size, count and time that the outside may choose, with its bound: one table, shown in `docs/limits.md`.

The outside is the exchange and whatever answers in its place (a proxy, a portal), the clients of a door, the folder
where processes meet. A bound is a constant here, used where it holds, and a row of LIMITS: what lies beyond it, and
the test that goes there. What a user chooses (a mailbox's size, a timeout) is `config.py`'s and its own check's.
"""

from typing import Final, Literal

from .message import Message

__all__ = [
    "ADDRESSES",
    "DOOR_ROWS",
    "EXCERPT_CHARACTERS",
    "FLIGHT_BYTES",
    "HANDSHAKE_BYTES",
    "HELD_BYTES",
    "HOST_FILE_BYTES",
    "ID_BYTES",
    "LAST_VALUES_BYTES",
    "LEARNED_HEADS",
    "LEARNED_STREAMS",
    "LEDGER_BYTES",
    "LEDGER_CURRENCIES",
    "LEDGER_ENDED",
    "LEDGER_ORDERS",
    "LEVEL_CHARACTERS",
    "LIMITS",
    "LIST_ELEMENTS",
    "LOG_ENTRY_BYTES",
    "LOOK_UPS",
    "MAILBOX_BYTES",
    "MAILBOX_EVENT_BYTES",
    "MESSAGE_BYTES",
    "NAME_CHARACTERS",
    "NOTICES",
    "PARTS",
    "READ_BYTES",
    "REASON_CHARACTERS",
    "RECORDING_CHUNK_BYTES",
    "REFUSAL_BYTES",
    "REMEMBERED_BOOKS",
    "REMEMBERED_BOOK_BYTES",
    "REMEMBERED_IDS",
    "REMEMBERED_STREAMS",
    "REST_BYTES",
    "REST_CALLS",
    "REST_SECONDS",
    "RETRY_AFTER",
    "STREAM_CHARACTERS",
    "TEXT_CHARACTERS",
    "THROTTLED_STREAMS",
    "WILDCARD_CODES",
    "Limit",
]

KIB: Final = 1024
MIB: Final = 1024 * KIB

ADDRESSES: Final = 16  # at one each 0.25 s, as many as any sensible timeout allows
LOOK_UPS: Final = 8  # a program has one or two names, and each is looked up once at a time
PARTS: Final = 32  # all markets in all types and candle units need four, and twenty in the least requests
HANDSHAKE_BYTES: Final = 64 * KIB  # the exchange's has about 1 KiB
REFUSAL_BYTES: Final = 16 * KIB  # its words are in the first few hundred
REST_BYTES: Final = 2 * MIB  # a full page of 500 trades has 0.2 MiB
REST_CALLS: Final = 8  # a second: the exchange allows 10, and others at the address make some
REST_SECONDS: Final = 10.0  # live trades wait for what is fetched

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
REMEMBERED_BOOKS: Final = 1024  # more than the markets of the exchange
REMEMBERED_BOOK_BYTES: Final = 8192  # a book of 30 levels has 2,000; with full names 3,300
LEARNED_HEADS: Final = 16_384  # several times the heads of all markets and types, and the levels of their books
LEDGER_BYTES: Final = 64 * MIB  # all orders that are remembered hold some 30
LEDGER_ORDERS: Final = 20_000  # several times what any account has open at a time
LEDGER_ENDED: Final = 10_000
LEDGER_CURRENCIES: Final = 4096  # several times those of the exchange
MAILBOX_BYTES: Final = 32 * MIB  # several times what 4,096 tickers, or the books of all markets, hold
MAILBOX_EVENT_BYTES: Final = 8192  # for each event that a mailbox counts: a book of 30 levels has 5,000
THROTTLED_STREAMS: Final = 16_384  # several times all that one subscription can name
RETRY_AFTER: Final = 600.0  # a wrong number must not silence a program for ever
TEXT_CHARACTERS: Final = 200  # enough for every error that the exchange documents, in English and Korean
NAME_CHARACTERS: Final = 64
EXCERPT_CHARACTERS: Final = 80
HOST_FILE_BYTES: Final = 4096  # a path, a key and two numbers
RECORDING_CHUNK_BYTES: Final = 32 * MIB  # what is written at once: 1 MiB, or a single message that has more
LOG_ENTRY_BYTES: Final = 4 * MIB  # 1 MiB of messages, and at most 2.5 of the names of their streams
REASON_CHARACTERS: Final = 500  # a sentence of ours around a text of TEXT_CHARACTERS


class Limit(Message):
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
        "sockets among which the codes of one connection are divided, by closing on large requests",
        PARTS,
        "count",
        "a request is as large as it is",
        "tests/protocol/exchange/test_partition.py::test_beyond_the_most_parts_a_request_is_as_large_as_it_is",
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
    Limit(
        "memory of the events that wait in one mailbox, unless its policy says otherwise",
        MAILBOX_BYTES,
        "bytes",
        "the oldest are dropped and told; with block the source waits. For drop_oldest(n) and block(n) it is n times "
        "8 KiB if that is more, for lossless what it was given; by default trades have 24 MiB, tickers and candles 16",
        "tests/actors/test_mailbox_bytes.py::test_a_mailbox_of_padded_messages_stays_within_its_budget_and_tells",
    ),
    Limit(
        "orders of the account that are remembered where somebody reconciles",
        LEDGER_ORDERS,
        "count",
        "those known for longest are forgotten; what comes of them later is news again",
        "tests/protocol/delivery/test_ledger.py::test_no_more_orders_are_remembered_than_the_limit",
    ),
    Limit(
        "memory that they and their trades hold",
        LEDGER_BYTES,
        "bytes",
        "those that ended first are forgotten, then those known for longest",
        "tests/protocol/delivery/test_ledger.py::test_orders_hold_no_more_memory_than_the_limit",
    ),
    Limit(
        "memory of own orders and assets that wait while the account is asked about",
        HELD_BYTES,
        "bytes",
        "they are let go at once; what is fetched comes behind them",
        "tests/protocol/delivery/test_reconciliation.py::test_what_waits_holds_no_more_memory_than_the_limit",
    ),
    Limit(
        "those of them that have ended, within the last hour",
        LEDGER_ENDED,
        "count",
        "those that ended first are forgotten",
        "tests/protocol/delivery/test_ledger.py::test_orders_that_ended_long_ago_are_forgotten",
    ),
    Limit(
        "currencies of the account that are remembered where somebody reconciles",
        LEDGER_CURRENCIES,
        "count",
        "the others are delivered and not compared",
        "tests/protocol/delivery/test_wallet.py::test_no_more_currencies_are_remembered_than_the_limit",
    ),
    Limit(
        "books of which the decoded levels are remembered, by market and format",
        REMEMBERED_BOOKS,
        "count",
        "all are forgotten, and remembered anew as they come",
        "tests/protocol/events/test_levels.py::test_what_is_remembered_of_markets_is_bounded",
    ),
    Limit(
        "the levels of such a book, as text",
        REMEMBERED_BOOK_BYTES,
        "bytes",
        "it is decoded in full each time",
        "tests/protocol/events/test_levels.py::test_a_book_beyond_the_limit_is_not_remembered",
    ),
    Limit(
        "streams of which a throttled mailbox knows when each is due again",
        THROTTLED_STREAMS,
        "count",
        "those delivered longest ago may come sooner again",
        "tests/protocol/delivery/test_stores.py::test_throttle_forgets_streams_that_may_come_again",
    ),
    Limit(
        "a text in a log line, an error, a reason, the page: of the exchange, of a proxy, of a library's exception",
        TEXT_CHARACTERS,
        "characters",
        "it is cut; what steers a terminal is escaped, what may be a key or a token is left out",
        "tests/protocol/test_outside_text.py::test_a_text_is_cut",
    ),
    Limit(
        "the name of an error",
        NAME_CHARACTERS,
        "characters",
        "it is cut, and cleaned likewise",
        "tests/protocol/test_errors.py::test_what_the_exchange_says_is_cut_and_cleaned",
    ),
    Limit(
        "what is shown of a malformed message",
        EXCERPT_CHARACTERS,
        "characters",
        "it is cut, and cleaned likewise",
        "tests/protocol/test_outside_text.py::test_an_excerpt_is_cut_however_many_bytes_its_characters_take",
    ),
    Limit(
        "the file that names the host of this machine's processes",
        HOST_FILE_BYTES,
        "bytes",
        "it names nobody: what is there is no host's",
        "tests/protocol/membership/test_host_entry.py::test_a_file_beyond_its_limit_names_nobody",
    ),
    Limit(
        "a reason that another process gives",
        REASON_CHARACTERS,
        "characters",
        "it is cut, and cleaned likewise",
        "tests/protocol/server/test_words.py::test_reasons_are_no_essays_and_half_characters_none",
    ),
    Limit(
        "what one chunk of a recording that is read holds, as it lies in the file and decompressed",
        RECORDING_CHUNK_BYTES,
        "bytes",
        "it counts as broken: the reader goes on behind it and tells",
        "tests/protocol/recording/test_reader.py::test_a_chunk_that_inflates_beyond_the_limit_is_broken",
    ),
    Limit(
        "what a compressed entry of a fleet's log holds",
        LOG_ENTRY_BYTES,
        "bytes",
        "it counts as one that cannot be read: the reader tells a gap, and goes on behind it",
        "tests/actors/fleet/test_log_follower.py::test_an_entry_that_inflates_beyond_the_limit_is_a_gap",
    ),
)
