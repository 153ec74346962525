"""Every size, count and time that the outside may choose, with its bound: one table, shown in `docs/limits.md`.

The outside is the exchange and whatever answers in its place (a proxy, a portal), the clients of a door, the folder
where processes meet. A bound is a constant here, used where it holds, and a row of LIMITS: what lies beyond it, and
the test that goes there. What a user chooses (a mailbox's size, a timeout) is `config.py`'s and its own check's.
"""

from typing import Final, Literal, NamedTuple

__all__ = [
    "EXCERPT_CHARACTERS",
    "HOST_FILE_BYTES",
    "LIMITS",
    "MESSAGE_BYTES",
    "NAME_CHARACTERS",
    "REASON_CHARACTERS",
    "RETRY_AFTER",
    "TEXT_CHARACTERS",
    "Limit",
]

MIB: Final = 1024 * 1024

MESSAGE_BYTES: Final = 16 * MIB  # the largest known has about 0.1 MiB
RETRY_AFTER: Final = 600.0  # a wrong number must not silence a program for ever
TEXT_CHARACTERS: Final = 200  # enough for every error that the exchange documents, in English and Korean
NAME_CHARACTERS: Final = 64
EXCERPT_CHARACTERS: Final = 80
HOST_FILE_BYTES: Final = 4096  # a path, a key and two numbers
REASON_CHARACTERS: Final = 500  # a sentence of ours around a text of TEXT_CHARACTERS


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
)
