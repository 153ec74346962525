"""Coverage-guided fuzzing of what processes of one user say to each other: the host's file, and words both ways.

    python -m tests.fuzz.fuzz_members -max_total_time=60 [other flags of libFuzzer]

Any bytes: a file names a host or nobody; a word is exactly one of those that there are, and the same when it is said
again, or a RemoteProtocolError. No key shows, and what is shown is printable. A guest's intake of a door's words yields
whole batches. The corpus stays in reports/fuzz/members.
"""

from collections.abc import Callable, Iterator

from tests.fuzz.instrumenting import instrumented
from tests.fuzz.judging import fuzz

with instrumented("connection.clock_offset", "membership", "server.words"):
    from websocket_v6.protocol.connection.clock_offset import ClockOffset
    from websocket_v6.protocol.errors import RemoteProtocolError
    from websocket_v6.protocol.membership import words as members
    from websocket_v6.protocol.membership.host_entry import HostEntry, as_written, read_entry
    from websocket_v6.protocol.membership.words import Settings
    from websocket_v6.protocol.server import words

KEY = b"\x07\x1b\xfe-not-to-be-shown-\xff\x00"
SEPARATOR = b"\xc1\xc1"  # between the words of one input: msgpack never uses this byte


def check(data: bytes) -> None:
    """Read each piece as all that it may be."""
    clock = ClockOffset()
    for piece in data.split(SEPARATOR):
        entry = read_entry(piece)
        if entry is not None:
            assert read_entry(as_written(entry)) == entry
            _check_hidden(entry)
        for decode in (members.decode_from_guest, members.decode_from_host):
            _check_member_word(piece, decode)
        _check_word(piece, clock)


def _check_member_word(piece: bytes, decode: Callable[[bytes], members.FromGuest | members.FromHost]) -> None:
    try:
        word = decode(piece)
    except RemoteProtocolError as error:
        _check_told(error)
        return
    assert decode(members.encode(word)) == word
    _check_hidden(word)


def _check_word(piece: bytes, clock: ClockOffset) -> None:
    try:
        word = words.decode(piece)
    except RemoteProtocolError as error:
        _check_told(error)
        return
    match word:
        case words.Rows(at_ns, streams, payloads):
            assert len(streams) == len(payloads)
            clock.local(at_ns, 1)
        case words.Clock(sent_ns):
            clock.note(sent_ns, 1)
        case words.State() | words.Refused():
            texts = (word.reason, word.error) if isinstance(word, words.State) else (word.name, word.text)
            assert all(text.isprintable() for text in texts)
            assert type(words.decode(words.encode(word))) is type(word)


def _check_told(error: RemoteProtocolError) -> None:
    assert str(error).isprintable()
    assert len(str(error)) < 500


def _check_hidden(value: object) -> None:
    assert repr(KEY)[2:-1] not in repr(value)


def seeds() -> Iterator[bytes]:
    """Yield inputs to begin with: each word there is, a host's file, and all of them together."""
    settings = Settings(2, True, 3600.0, "SIMPLE")
    said: list[members.FromGuest | members.FromHost] = [
        members.Hello("bot.py", 4711, settings),
        members.Keys(KEY),
        members.LetMeHost(),
        members.Ready(3, "/run/x.sock", KEY),
        members.Welcome(1, "serve", True, "m" * 32, KEY, 7),
        members.Shared(("public", "info"), settings),
        members.Moved("127.0.0.1:4711", KEY, 8),
        members.BeHost(3),
        members.Goodbye("too\nmany", True),
    ]
    pieces = [
        as_written(HostEntry("/run/x.sock", KEY, 4711, 7)),
        *(bytes(members.encode(word)) for word in said),
        words.encode_rows(5, ["ticker KRW-BTC"], [b"{}"], replayed=True),
        words.encode(words.State("lost", 7, 5, "gone \x1b[0m", "TransportError", False, 9)),
        words.encode(words.Refused(("ticker KRW-X",), "NO_CODES", "none")),
        words.encode(words.Clock(5)),
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 2_000,
    ]
    yield from pieces
    yield SEPARATOR.join(pieces)


if __name__ == "__main__":
    fuzz("members", check, seeds())
