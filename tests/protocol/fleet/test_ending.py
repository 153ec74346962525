"""A log that is read back: what all who read it to its end had, and when nobody can say."""

import pytest

from websocket_v6.protocol.delivery.hold import Had
from websocket_v6.protocol.exchange.identity import identity_of
from websocket_v6.protocol.fleet.ending import MOST_BYTES, REMEMBERED, Ending
from websocket_v6.protocol.fleet.entries import (
    BACKFILLED,
    REPLAYED,
    Covers,
    Fetching,
    Happening,
    Open,
    Rows,
    State,
)
from websocket_v6.protocol.fleet.ids import EntryId

BITCOIN, ETHER, QUIET = "trade KRW-BTC", "trade KRW-ETH", "trade KRW-XRP"
SECOND = 1_000_000_000
TERM = 7


def trade(number: int, ms: int, *, is_snapshot: bool = False) -> bytes:
    kind = "SNAPSHOT" if is_snapshot else "REALTIME"
    return b'{"ty":"trade","cd":"KRW-BTC","sid":%d,"tms":%d,"st":"%s"}' % (number, ms, kind.encode())


class Log:
    """Entries of a log, oldest first, of a term that goes on behind what is not there any more."""

    def __init__(self, term: int = TERM, sequence: int = 50) -> None:
        self.last = EntryId(term, sequence)
        self.entries: list[tuple[EntryId, Rows | Happening | None, int]] = []

    def say(self, what: Rows | Happening | None, size: int = 10) -> None:
        self.last = self.last._replace(sequence=self.last.sequence + 1)
        self.entries.append((self.last, what, size))

    def open(self, at_s: float = 0.0, *, is_seamless: bool = False) -> None:
        after, self.last = self.last, EntryId(self.last.term + 1, -1)
        self.say(Open("log", "me", int(at_s * SECOND), seamless=is_seamless, after=str(after)))

    def rows(self, at_s: float, *payloads: bytes, stream: str = BITCOIN, marks: int = 0) -> None:
        self.say(Rows(int(at_s * SECOND), 0, marks, [stream] * len(payloads), list(payloads)))

    def state(self, at_s: float, state: str = "open", *fetches: str, is_seamless: bool = False) -> None:
        at = int(at_s * SECOND)
        self.say(State(state, 1, at, at, backfills=bool(fetches), seamless=is_seamless, fetches=list(fetches)))  # type: ignore[arg-type]

    def read(self) -> Ending:
        one = Ending(self.last)
        for entry in reversed(self.entries):
            one.take(*entry)
        return one


def test_the_last_trades_and_since_when_a_quiet_stream_was_quiet() -> None:
    log = Log()
    log.rows(80.0, trade(3, 79_900))
    log.rows(89.0, trade(4, 88_900), trade(5, 88_901))
    log.rows(90.0, trade(2, 89_900), stream=ETHER)
    log.rows(99.0, b'{"ty":"ticker"}', stream="ticker KRW-BTC")
    one = log.read()
    assert one.is_known
    since_ns = 88_900 * 1_000_000
    assert one.had(BITCOIN) == Had((4, 5), since_ns), "what is older than that need not be read"
    assert one.had(ETHER) == Had((2,), since_ns)
    assert one.had(QUIET) == Had((), since_ns)
    assert one.written[BITCOIN] == [identity_of(BITCOIN, trade(4, 0)), identity_of(BITCOIN, trade(5, 0))]


def test_only_so_many_trades_are_remembered_the_last_ones() -> None:
    log = Log()
    log.rows(80.0, *(trade(number, 79_000) for number in range(40)))
    log.rows(100.0, trade(40, 99_000))
    had = log.read().had(BITCOIN)
    assert had is not None
    assert had.known == tuple(range(41 - REMEMBERED, 41))


def test_what_was_fetched_or_is_a_last_value_says_nothing_of_when_it_came() -> None:
    log = Log()
    log.rows(80.0)
    log.rows(98.0, trade(1, 1_000), marks=BACKFILLED)
    log.rows(98.0, trade(2, 2_000), marks=REPLAYED)
    log.rows(98.0, trade(3, 3_000, is_snapshot=True))
    log.rows(98.0, b"no trade", b'{"ty":"trade"}')
    log.rows(100.0, trade(4, 99_500))
    assert log.read().had(QUIET) == Had((), 99_500 * 1_000_000)
    assert log.read().had(BITCOIN) == Had((1, 2, 3, 4), 99_500 * 1_000_000)


def test_without_a_trade_the_clock_of_who_led_counts() -> None:
    log = Log()
    log.rows(88.0, b'{"ty":"ticker"}', stream="ticker KRW-BTC")
    log.rows(100.0, b'{"ty":"ticker"}', stream="ticker KRW-BTC")
    assert log.read().had(QUIET) == Had((), 88 * SECOND)


def test_a_log_that_has_just_begun_is_read_to_its_beginning() -> None:
    log = Log(term=0, sequence=0)
    log.open(at_s=50.0)
    log.say(Covers([BITCOIN], []))
    assert log.read().had(BITCOIN) == Had((), 50 * SECOND)
    log.state(51.0)
    log.rows(52.0, trade(1, 51_900))
    one = log.read()
    assert one.had(BITCOIN) == Had((1,), 51_900 * 1_000_000)
    assert one.had(QUIET) == Had((), 51_900 * 1_000_000)


def test_before_the_first_log_there_is_nothing() -> None:
    one = Ending(EntryId(0, 0))
    assert one.is_done
    assert one.had(BITCOIN) is None


def test_too_short_a_piece_is_nothing_to_build_on() -> None:
    log = Log()
    log.rows(91.0, trade(1, 90_000))
    log.rows(100.0, trade(2, 99_000))
    one = log.read()
    assert not one.is_done
    assert one.had(BITCOIN) is None


def test_each_leader_has_a_clock_of_its_own() -> None:
    log = Log()
    log.rows(2_004.0, trade(1, 91_000))
    log.rows(2_010.0, trade(2, 97_000))
    log.open()
    log.state(98.0)
    log.rows(99.0, trade(3, 98_000))
    assert not log.read().is_done, "seven seconds in all"


@pytest.mark.parametrize("what", ["a hole", "a term that is missing", "too much"])
def test_where_something_is_missing_nobody_can_say_what_others_had(what: str) -> None:
    log = Log()
    log.rows(80.0, trade(1, 79_000))
    match what:
        case "a hole":
            log.last = log.last._replace(sequence=log.last.sequence + 1)
        case "a term that is missing":
            log.last = EntryId(TERM + 1, 4)
            log.open()
        case _:
            log.say(None, MOST_BYTES + 1)
    log.rows(90.0, trade(2, 89_000))
    one = log.read()
    assert one.is_done
    assert one.had(BITCOIN) is None


def test_the_last_entry_must_be_there() -> None:
    log = Log()
    log.rows(80.0, trade(1, 79_000))
    log.rows(90.0, trade(2, 89_000))
    one = Ending(log.last._replace(sequence=log.last.sequence + 1))
    for entry in reversed(log.entries):
        one.take(*entry)
    assert one.had(BITCOIN) is None


def test_where_the_connection_was_lost_it_does_not_say_since_when() -> None:
    log = Log()
    log.rows(80.0, trade(1, 79_000))
    log.state(95.0, "lost")
    log.say(Fetching([], 96 * SECOND))
    assert log.read().had(BITCOIN) is None


@pytest.mark.parametrize("is_told_again", [False, True])
def test_a_promise_that_was_not_kept_is_nothing_to_build_on(is_told_again: bool) -> None:
    """A stream without trades behind it may lack what was missed before that."""
    log = Log()
    log.rows(60.0)
    log.rows(80.0, trade(1, 95_000))
    log.open()
    log.state(95.0, "open", BITCOIN, ETHER, QUIET)
    log.rows(96.0, trade(2, 95_900))
    if is_told_again:
        log.say(Fetching([ETHER, QUIET], 96 * SECOND))
    log.rows(104.0, trade(3, 103_000))
    one = log.read()
    since_ns = 95_000 * 1_000_000
    assert one.had(BITCOIN) == Had((2, 3), since_ns)
    assert one.had(QUIET) is None
    assert one.had(ETHER) is None
    assert one.had("trade KRW-SOL") == Had((), since_ns), "of which nothing was promised"


def test_a_promise_that_was_kept_is_forgotten() -> None:
    log = Log()
    log.state(95.0, "open", QUIET)
    log.say(Fetching([], 96 * SECOND))
    log.rows(106.0, trade(3, 105_000))
    assert log.read().had(QUIET) == Had((), 105_000 * 1_000_000)


def test_what_lies_before_a_gap_counts_for_what_has_been_silent_since() -> None:
    log = Log()
    log.rows(93.0, trade(1, 92_000))
    log.rows(93.0, trade(1, 92_000), stream=ETHER)
    log.open()
    log.state(95.0)
    log.rows(96.0, trade(5, 95_900))
    log.rows(104.0, trade(6, 103_000))
    log.entries.insert(0, (log.entries[0][0]._replace(sequence=50), Rows(80 * SECOND, 0, 0, [], []), 1))
    one = log.read()
    assert one.is_known
    assert one.had(BITCOIN) == Had((5, 6), 92_000 * 1_000_000), "whatever was missed between 1 and 5"
    assert one.had(ETHER) == Had((1,), 92_000 * 1_000_000)


def test_a_title_that_passed_in_order_is_no_gap() -> None:
    log = Log()
    log.rows(80.0, trade(1, 79_000))
    log.open(is_seamless=True)
    log.state(95.0, is_seamless=True)
    log.rows(96.0, trade(2, 95_900))
    log.rows(106.0, trade(3, 105_000))
    log.entries.insert(0, (log.entries[0][0]._replace(sequence=50), Rows(60 * SECOND, 0, 0, [], []), 1))
    assert log.read().had(BITCOIN) == Had((2, 3), 95_900 * 1_000_000), "as far back as that is enough"
