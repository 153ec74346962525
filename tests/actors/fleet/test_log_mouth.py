"""What the router's clients on other machines get, as commands."""

import re
import time
from typing import Any, cast

import msgpack
import msgspec
import pytest

from websocket_v6.actors.fleet.endpoint_log import DEFERRED
from websocket_v6.actors.fleet.kept import MOST_BYTES, Written
from websocket_v6.actors.fleet.log_mouth import (
    Append,
    Begin,
    Cover,
    End,
    LogMouth,
    Prepare,
    TakeValues,
    Tick,
    ValuesWritten,
)
from websocket_v6.actors.fleet.writer import Writer
from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.messages.fleet import LogOwes, ValuesTaken
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.delivery.hold import Had
from websocket_v6.protocol.errors import StreamError
from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.exchange.heads import SubscribedEntry, SubscriptionList
from websocket_v6.protocol.exchange.identity import identity_of
from websocket_v6.protocol.fleet.ending import Ending
from websocket_v6.protocol.fleet.entries import Covers, Open, Rows, State, decode_rows
from websocket_v6.protocol.fleet.ids import EntryId
from websocket_v6.protocol.fleet.sealing import Seal
from websocket_v6.protocol.secret import Secret

OPEN = ConnectionChanged("public", "open", 3, 2**62)  # later than any log
READ = ConnectionChanged("public", "open", 3, 5)  # the log that was read until now


class Server:
    """Keeps what is put, as commands."""

    def __init__(self) -> None:
        self.commands: list[tuple[Any, ...]] = []

    def put(self, data: bytes) -> None:
        unpacker = msgpack.Unpacker(use_list=False, strict_map_key=False)
        unpacker.feed(data)
        self.commands += list(unpacker)

    def heard(self) -> list[tuple[Any, ...]]:
        found, self.commands = self.commands, []
        return found


class Fixture:
    def __init__(self, gather: float = 0.0, *, compresses: bool = False, backfills: bool = False) -> None:
        self.told: list[Any] = []
        self.server = Server()
        self.mouth = LogMouth(
            ["log"],
            self.told.append,
            lambda command: cast(bytes, msgpack.packb(tuple(command))),
            retention=60.0,
            most_bytes=1 << 20,
            gather=gather,
            compresses=compresses,
            backfills=backfills,
        )
        self.way = Way(0, self.mouth)

    def convey(self, news: object) -> None:
        self.mouth.convey(self.way, news)

    def begin(
        self,
        term: int = 7,
        seal: Seal | None = None,
        written: Written | None = None,
        ending: Ending | None = None,
    ) -> None:
        self.convey(Begin(term, seal, written, ending))
        self.convey(Append(cast(Writer, self.server), EntryId(term, 0)))

    def deliver(self, *events: Event) -> float | None:
        return self.mouth.deliver([(self.way, list(events))])

    def entries(self) -> list[tuple[str, str, Any]]:
        """Return id, field and content of all that was appended."""
        found = self.server.heard()
        assert all(one[:3] == ("XADD", "log", "NOMKSTREAM") for one in found)
        return [(one[3], one[4], msgpack.unpackb(one[5])) for one in found]


@pytest.fixture
def log() -> Fixture:
    one = Fixture()
    one.begin()
    return one


def ticker(code: str = "KRW-BTC", at: int | None = None) -> Event:
    return make_event(f"ticker {code}", b'{"ty":"ticker"}', 3, time.time_ns() if at is None else at)


def test_messages_that_were_read_at_once_are_one_entry(log: Fixture) -> None:
    now = time.time_ns()
    log.deliver(ticker(at=now), ticker("KRW-ETH", at=now), ticker(at=now + 5_000_000))
    (one, first), (other, second) = [(id_, body) for id_, field, body in log.entries() if field == "d"]
    assert (one, other) == ("7-1", "7-2")
    assert first[0] == now
    assert 0 <= first[1] < 10**6
    assert first[2:] == [0, ["ticker KRW-BTC", "ticker KRW-ETH"], [b'{"ty":"ticker"}'] * 2]
    assert second[3] == ["ticker KRW-BTC"]


def test_many_messages_at_once_are_compressed_if_that_is_wanted_and_few_never() -> None:
    one = Fixture(compresses=True)
    one.begin()
    now = time.time_ns()
    one.deliver(*[ticker(at=now)] * 8)
    one.deliver(*[ticker(at=now)] * 7)
    one.convey(OPEN)
    (_, *_, first, body), (*_, second, plain), (*_, third, _) = one.server.heard()
    assert (first, second, third) == ("z", "d", "s")
    assert decode_rows(body, is_compressed=True).payloads == [b'{"ty":"ticker"}'] * 8
    assert decode_rows(plain).payloads == [b'{"ty":"ticker"}'] * 7


def test_what_is_compressed_is_encrypted_as_well() -> None:
    one, seal = Fixture(compresses=True), Seal(Secret("x" * 40), "log", "key")
    one.begin(seal=seal)
    one.deliver(*[ticker(at=time.time_ns())] * 8)
    ((*_, field, body),) = one.server.heard()
    assert field == "p"
    inner, compressed = seal.open(EntryId(7, 1), body)
    assert inner == "z"
    assert len(decode_rows(compressed, is_compressed=True).payloads) == 8


def test_what_changes_the_meaning_of_data_stands_behind_the_data_before(log: Fixture) -> None:
    log.convey(Cover(("ticker KRW-BTC",), ()))
    log.convey(OPEN)
    log.deliver(ticker())
    log.convey(ConnectionChanged("public", "lost", 3, 9, reason="it hung up"))
    log.convey(StreamFailed(5, StreamError("no such code"), True, ("ticker KRW-X",)))
    log.convey(SubscriptionList("t", (SubscribedEntry("ticker", ("KRW-BTC",), None, {}),)))
    entries = log.entries()
    assert [field for _, field, _ in entries] == ["s", "s", "d", "s", "s", "s"]
    kinds = [body["kind"] for _, field, body in entries if field == "s"]
    assert kinds == ["covers", "state", "state", "refused", "listed"]
    assert [id_ for id_, _, _ in entries] == [f"7-{number}" for number in range(1, 7)]
    assert [type(one) for one in log.told] == [StreamFailed]


def test_that_it_is_open_is_said_once_an_epoch(log: Fixture) -> None:
    log.convey(OPEN)
    log.convey(OPEN)
    log.convey(msgspec.structs.replace(OPEN, state="backfilled"))
    assert len(log.entries()) == 1
    log.convey(msgspec.structs.replace(OPEN, epoch=4, gap_started_ns=7))
    ((_, _, state),) = log.entries()
    assert (state["epoch"], state["gap_started"]) == (4, 7)


def test_what_comes_within_a_moment_is_gathered() -> None:
    log = Fixture(gather=10.0)
    log.begin()
    assert log.deliver(ticker()) is None
    assert len(log.entries()) == 1, "the first does not wait"
    wait = log.deliver(ticker())
    assert wait is not None
    assert 9.0 < wait <= 10.0
    assert log.deliver(ticker("KRW-ETH")) is None, "it is called once"
    assert log.entries() == []
    log.mouth.go_on()
    ((_, _, body),) = log.entries()
    assert body[3] == ["ticker KRW-BTC", "ticker KRW-ETH"]
    log.deliver(ticker())
    log.convey(OPEN)
    assert [field for _, field, _ in log.entries()] == ["d", "s"]


def test_what_a_broken_connection_has_lost_is_appended_again(log: Fixture) -> None:
    for _ in range(5):
        log.deliver(ticker())
    log.server.heard()
    log.convey(Append(cast(Writer, log.server), EntryId(7, 3)))
    assert [id_ for id_, _, _ in log.entries()] == ["7-4", "7-5"]


def test_a_log_that_is_begun_anew_says_how_things_stand(log: Fixture) -> None:
    log.convey(Cover(("ticker KRW-BTC", "ticker KRW-ETH"), ()))
    log.convey(Cover((), ("ticker KRW-ETH",)))
    log.convey(OPEN)
    log.entries()
    log.begin(9)
    (one, _, state), (other, _, covers) = log.entries()
    assert (one, other) == ("9-1", "9-2")
    assert (state["state"], covers["add"]) == ("open", ["ticker KRW-BTC"])


def test_who_leads_no_more_writes_nothing(log: Fixture) -> None:
    log.convey(OPEN)
    log.entries()
    log.convey(End())
    log.deliver(ticker())
    log.convey(OPEN)
    log.convey(Tick())
    log.mouth.go_on()
    assert log.server.heard() == []
    log.begin(9)
    log.convey(OPEN)
    assert [body["kind"] for _, _, body in log.entries()] == ["state"]


def test_each_second_it_is_trimmed_and_lives_on(log: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    log.deliver(ticker())
    log.entries()
    log.convey(Tick())
    assert log.server.heard() == [("PEXPIRE", "log", 1000 * (60 + 3600))]
    later = time.monotonic() + 100.0
    monkeypatch.setattr(time, "monotonic", lambda: later)
    log.deliver(ticker())
    log.entries()
    log.convey(Tick())
    assert log.server.heard()[0] == ("XTRIM", "log", "MINID", "~", "7-2")


def test_without_memory_half_of_it_goes_before_it_is_appended_again(
    log: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = time.monotonic()
    for number in range(4):
        monkeypatch.setattr(time, "monotonic", lambda number=number: start + 0.6 * number)
        log.deliver(ticker())
    log.server.heard()
    log.convey(Append(cast(Writer, log.server), EntryId(7, 3), is_full=True))
    trim, add = log.server.heard()
    assert trim[:2] == ("XTRIM", "log")
    assert add[3] == "7-4"


def test_last_values_are_as_of_the_last_entry(log: Fixture) -> None:
    value = ticker()
    log.convey(Cover(("ticker KRW-BTC", "ticker KRW-ETH"), ()))
    log.convey(OPEN)
    log.convey(TakeValues({"ticker KRW-BTC": value}.get))
    (taken,) = log.told
    assert isinstance(taken, ValuesTaken)
    assert (taken.term, taken.sequence, taken.events) == (7, 2, (value,))
    assert taken.covers == ("ticker KRW-BTC", "ticker KRW-ETH")
    assert taken.state is not None
    log.entries()
    log.convey(ValuesWritten(EntryId(7, 2)))
    ((_, _, body),) = log.entries()
    assert body == {"kind": "checkpoint", "sequence": 2}
    log.convey(ValuesWritten(EntryId(6, 2)))
    assert log.entries() == []


def test_an_account_s_log_is_encrypted() -> None:
    seal = Seal(Secret("secret"), "log", "key")
    log = Fixture()
    log.begin(7, seal)
    log.deliver(ticker())
    log.convey(OPEN)
    found = log.server.heard()
    assert [one[4] for one in found] == ["p", "p"]
    assert [seal.open(EntryId(7, number), one[5])[0] for number, one in enumerate(found, 1)] == ["d", "s"]
    assert b"KRW-BTC" not in b"".join(one[5] for one in found)


# --- what comes before the log is this machine's


def trade(number: int, *, snapshot: bool = False, replayed: bool = False, at_ms: int = 0) -> Event:
    kind = b"SNAPSHOT" if snapshot else b"REALTIME"
    payload = b'{"ty":"trade","sid":%d,"tms":%d,"st":"%s"}' % (number, at_ms, kind)
    event = make_event("trade KRW-BTC", payload, 3, time.time_ns())
    return event.as_snapshot() if replayed else event


def written(*numbers: int) -> Written:
    return {"trade KRW-BTC": [identity_of("trade KRW-BTC", trade(one).payload) for one in numbers]}


def numbers(log: Fixture) -> list[int]:
    return numbers_of(log.entries())


def numbers_of(entries: list[tuple[str, str, Any]]) -> list[int]:
    rows = [body for _, field, body in entries if field == "d"]
    return [int(re.findall(rb'"sid":(\d+)', payload)[0]) for body in rows for payload in body[4]]


@pytest.fixture
def heir() -> Fixture:
    """Who is to lead next, and has all since the second trade."""
    one = Fixture(backfills=True)
    one.convey(Prepare())
    one.convey(ConnectionChanged("public", "connecting", 0, 4))
    one.convey(OPEN)
    one.deliver(trade(2), trade(3), trade(4))
    return one


def test_what_the_log_lacks_comes_first(heir: Fixture) -> None:
    assert heir.server.heard() == []
    heir.begin(written=written(1, 2, 3))
    heir.deliver(trade(5))
    entries = heir.entries()
    assert (entries[0][0], entries[0][2]["kind"], entries[0][2]["seamless"]) == ("7-1", "state", True)
    assert numbers_of(entries) == [4, 5]


def test_what_the_log_has_and_comes_later_is_passed_over(heir: Fixture) -> None:
    heir.begin(written=written(1, 2, 3, 4, 5))
    heir.deliver(trade(5))
    heir.deliver(trade(6))
    assert numbers(heir) == [6]


def test_last_values_and_snapshots_are_nobody_s_news(heir: Fixture) -> None:
    heir.deliver(trade(0, replayed=True), trade(1, snapshot=True))
    heir.begin(written={})
    assert numbers(heir) == [2, 3, 4]


@pytest.mark.parametrize("state", ["lost", "open"])
def test_what_was_missed_meanwhile_is_told(heir: Fixture, state: str) -> None:
    heir.convey(ConnectionChanged("public", "lost", 3, 6))
    if state == "open":
        heir.convey(ConnectionChanged("public", "open", 4, 7, 6))
        heir.deliver(trade(9))
    heir.begin(written=written(1, 2, 3))
    entries = heir.entries()
    assert [entries[0][2][one] for one in ("state", "seamless", "backfills")] == [state, False, False]
    assert [body[4][0] for _, field, body in entries if field == "d"] == [trade(9).payload] * (state == "open")


def test_more_than_can_be_kept_is_missed(heir: Fixture) -> None:
    big = make_event("trade KRW-BTC", b"x" * MOST_BYTES, 3, time.time_ns())
    heir.deliver(big)
    heir.begin(written=written(1))
    (entry,) = heir.entries()
    assert entry[2]["seamless"] is False


@pytest.mark.parametrize("covered", [(), ("trade KRW-BTC",)])
def test_who_goes_on_says_all_that_it_brings(heir: Fixture, covered: tuple[str, ...]) -> None:
    """What the log brought and it does not is then known to who reads."""
    if covered:
        heir.convey(Cover(covered, ()))
    heir.begin(written=written(1, 2, 3, 4))
    assert [body["add"] for _, _, body in heir.entries() if body["kind"] == "covers"] == [list(covered)]


def test_what_was_kept_in_vain_is_forgotten(heir: Fixture) -> None:
    heir.convey(End())
    heir.convey(OPEN)
    heir.begin(written=None)
    (entry,) = heir.entries()
    assert (entry[2]["kind"], entry[2]["seamless"]) == ("state", False)


# --- trades that were missed

TRADE, OTHER = "trade KRW-BTC", "trade KRW-ETH"


def ending(*numbers: int) -> Ending:
    """How the log ends: with these trades, of which the last one came at nine seconds."""
    one = Ending(EntryId(6, 3))
    rows = Rows(9 * 10**9, 0, 0, [TRADE] * len(numbers), [trade(number, at_ms=9_000).payload for number in numbers])
    for number, what in ((3, rows), (2, State("open", 1, 0, 0)), (1, Covers([TRADE], [])), (0, Open("log", "me", 0))):
        one.take(EntryId(6, number), what, 10)
    assert one.is_known
    return one


def gap(log: Fixture, epoch: int, **held: tuple[int, ...]) -> None:
    """Have a connection open behind a gap; `held` are streams that wait, by code, and their last trades."""
    log.convey(ConnectionChanged("public", "lost", epoch - 1, time.time_ns()))
    log.mouth.held(log.way, epoch, {f"trade KRW-{code}": known for code, known in held.items()})
    log.convey(ConnectionChanged("public", "open", epoch, time.time_ns(), 9))


def said(log: Fixture) -> list[Any]:
    """Return what was said of trades: of a connection what is promised, and what is yet to come."""
    found = [body for _, field, body in map(unpacked, log.server.heard()) if field == "s"]
    return [
        (body["backfills"], body["fetches"]) if body["kind"] == "state" else body["streams"]
        for body in found
        if body["kind"] == "fetching" or body.get("state") == "open"
    ]


@pytest.fixture
def fetching() -> Fixture:
    """Who leads behind the trades 3 and 4, and has not connected yet."""
    one = Fixture(backfills=True)
    one.begin(ending=ending(3, 4))
    return one


def test_what_waits_behind_a_gap_is_promised_and_that_it_came_is_said(fetching: Fixture) -> None:
    gap(fetching, 4, BTC=(4,), ETH=())
    assert said(fetching) == [(True, [TRADE, OTHER])]
    fetching.convey(Tick())
    assert msgpack.unpackb(fetching.server.heard()[0][5])["streams"] == [TRADE, OTHER]
    fetching.mouth.released(fetching.way, TRADE, "")
    fetching.convey(Cover((), (OTHER,)))
    assert said(fetching) == [[]], "nobody waits for the other one"
    fetching.convey(Tick())
    assert not any(one[0] == "XADD" for one in fetching.server.heard())


def test_how_many_have_come_is_said_when_all_have(fetching: Fixture) -> None:
    """Of what readers had before it is no part."""
    gap(fetching, 4, BTC=(4,), ETH=())
    fetching.deliver(*(trade(number, at_ms=9_500).as_backfilled() for number in (3, 4, 5, 6)), trade(7))
    fetching.mouth.released(fetching.way, TRADE, "")
    fetching.mouth.released(fetching.way, OTHER, "")
    said_last = fetching.entries()[-1][2]
    assert (said_last["streams"], said_last["recovered"]) == ([], {"KRW-BTC": 2, "KRW-ETH": 0})


def test_who_does_not_know_how_the_log_ends_promises_nothing_of_its_first_connection() -> None:
    log = Fixture(backfills=True)
    log.begin()
    for epoch in (4, 5):
        gap(log, epoch, BTC=(4,))
    assert said(log) == [(False, []), (True, [TRADE])]
    assert log.mouth.had(log.way, TRADE) is None


def test_the_log_that_was_read_is_no_connection_of_who_leads(fetching: Fixture) -> None:
    fetching.mouth.held(fetching.way, 3, {TRADE: (4,)})
    fetching.convey(READ)
    assert fetching.entries() == []
    gap(fetching, 4, BTC=(4,))
    assert said(fetching) == [(True, [TRADE])]
    fetching.convey(Tick())
    assert said(fetching) == [[TRADE]]


def test_a_connection_that_seems_to_be_the_log_is_said_late(fetching: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock was set back. Nobody has taken what came until then, so nothing is promised of it."""
    fetching.mouth.held(fetching.way, 3, {TRADE: (4,)})
    fetching.convey(READ)
    start, before = time.monotonic(), time.time_ns()
    fetching.convey(Tick())
    assert said(fetching) == []
    monkeypatch.setattr(time, "monotonic", lambda: start + DEFERRED)
    for _ in range(2):
        fetching.convey(Tick())
    ((_, _, state),) = [one for one in map(unpacked, fetching.server.heard()) if one[1] == "s"]
    assert (state["state"], state["backfills"], state["fetches"]) == ("open", False, [])
    assert state["at"] >= before


def unpacked(command: tuple[Any, ...]) -> tuple[str, str, Any]:
    """Return id, field and content of what was appended; of another command nothing."""
    return (command[3], command[4], msgpack.unpackb(command[5])) if command[0] == "XADD" else ("", "", None)


def test_without_backfill_nothing_is_promised() -> None:
    log = Fixture()
    log.begin(ending=ending(3, 4))
    for epoch in (4, 5):
        gap(log, epoch, BTC=(4,))
    assert said(log) == [(False, []), (False, [])]


def test_what_cannot_be_had_is_taken_back_before_what_is_newer(fetching: Fixture) -> None:
    gap(fetching, 4, BTC=(4,), ETH=())
    fetching.server.heard()
    fetching.mouth.released(fetching.way, TRADE, "it is too much")
    fetching.deliver(trade(9))
    fetching.mouth.released(fetching.way, OTHER, "it is too much")
    (_, _, state), (_, field, _) = fetching.entries()
    assert field == "d"
    assert [state[one] for one in ("state", "epoch", "gap_started")] == ["open", 4, 9]
    assert (state["backfills"], state["fetches"]) == (False, [])
    assert fetching.mouth._logs[0].state == msgspec.convert(state | {"sent": state["sent"]}, State)


@pytest.mark.parametrize("is_had", [False, True])
def test_what_comes_while_the_connection_is_lost_is_taken_by_nobody(fetching: Fixture, is_had: bool) -> None:
    """So nobody is to rely on the next promise: it does not hold what came then."""
    gap(fetching, 4, BTC=(4,), ETH=())
    fetching.convey(ConnectionChanged("public", "lost", 4, time.time_ns()))
    if is_had:
        fetching.deliver(trade(9))
        fetching.mouth.released(fetching.way, TRADE, "")
    else:
        fetching.mouth.released(fetching.way, TRADE, "it is too much")
    gap(fetching, 5, ETH=())
    gap(fetching, 6, ETH=())
    promised = [one for one in said(fetching) if one and isinstance(one, tuple)]
    assert promised == [(True, [TRADE, OTHER]), (False, []), (True, [OTHER])]


def test_what_the_log_has_already_does_not_come_again(fetching: Fixture) -> None:
    """This machine may have read less of it than others."""
    assert fetching.mouth.had(fetching.way, TRADE) == Had((3, 4), 9_000_000_000)
    assert fetching.mouth.had(fetching.way, OTHER) == Had((), 9_000_000_000)
    gap(fetching, 4, BTC=(2,), ETH=())
    fetched = [trade(number, at_ms=9_500).as_backfilled() for number in (2, 3, 4, 5)]
    others = [make_event(OTHER, b'{"ty":"trade","sid":7,"tms":%d}' % ms, 4, 5).as_backfilled() for ms in (8_999, 9_000)]
    bad = make_event(TRADE, b"{}", 4, 5).as_backfilled()
    fetching.deliver(*fetched, *others, trade(6), bad)
    rows = [body for _, field, body in fetching.entries() if field == "d"]
    assert [re.findall(rb'"sid":(\d+)', payload) for body in rows for payload in body[4]] == [
        [b"5"],
        [b"7"],
        [b"6"],
        [],
    ]


def test_what_this_machine_reads_of_the_log_when_it_leads_already_does_not_come_again(fetching: Fixture) -> None:
    fetching.deliver(trade(3), trade(4), trade(5))
    assert numbers(fetching) == [5]


def test_what_its_own_connection_begins_with_is_written_whatever_the_log_has(fetching: Fixture) -> None:
    """All streams begin anew with that, for all who read."""
    gap(fetching, 4, BTC=(4,))
    fetching.deliver(trade(4, snapshot=True))
    assert numbers(fetching) == [4]


def test_the_fleet_is_told_whether_anything_is_owed(fetching: Fixture) -> None:
    gap(fetching, 4, BTC=(4,), ETH=())
    fetching.mouth.released(fetching.way, TRADE, "")
    assert fetching.told == [LogOwes(True)]
    fetching.mouth.released(fetching.way, OTHER, "it is too much")
    assert fetching.told[1:] == [LogOwes(False)]
    gap(fetching, 5, BTC=(4,))
    fetching.convey(End())
    assert fetching.told[2:] == [LogOwes(True), LogOwes(False)]
