"""protocol/delivery/merger.py: what is remembered of several sources has bounds, and still nothing comes twice."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.delivery.test_merger import BITCOIN, Side, ticker, trade
from websocket_v6.protocol.delivery import merger as subject
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.merger import Merger
from websocket_v6.protocol.exchange.identity import Recent, identity_of
from websocket_v6.protocol.limits import ID_BYTES, REMEMBERED_IDS

TRADES = "trade KRW-BTC"
SECOND = 1_000_000_000
MIB = 1024 * 1024


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(subject, "REMEMBERED_IDS", 1600)
    monkeypatch.setattr(subject, "REMEMBERED_STREAMS", 64)
    return 1600


def remembered(merger: Merger) -> int:
    return sum(map(len, merger._recent.values()))


def bring(side: Side, source: int, numbers: range, at_ns: int = SECOND) -> list[bytes]:
    payloads = [trade(number, at=number // 3) for number in numbers]  # several in a millisecond
    return side.bring(source, *payloads, stream=TRADES, at_ns=at_ns)


def ids(payloads: list[bytes]) -> list[int]:
    return [int(payload.partition(b'"sid":')[2].partition(b",")[0]) for payload in payloads]


def test_messages_within_half_a_minute_are_remembered_up_to_a_number(few: int) -> None:
    side = Side()
    for start in range(0, 50_000, 100):
        bring(side, 1, range(start, start + 100))
        assert remembered(side.merger) <= few
    assert ids(side.delivered) == list(range(50_000))
    assert side.merger.cuts > 10


@pytest.mark.usefixtures("few")
def test_a_source_that_is_far_behind_brings_nothing_twice() -> None:
    side = Side()
    for start in range(0, 10_000, 100):
        bring(side, 1, range(start, start + 100))
    for start in range(0, 10_000, 100):
        assert bring(side, 2, range(start, start + 100)) == [], "all of it has come"
    assert side.merger.repeated == 10_000
    assert ids(bring(side, 2, range(10_000, 10_100))) == list(range(10_000, 10_100)), "it has caught up"
    assert bring(side, 1, range(10_000, 10_100)) == []


@pytest.mark.usefixtures("few")
def test_what_a_source_that_is_behind_brings_first_counts_again_half_a_minute_after_a_cut() -> None:
    side = Side()
    for start in range(0, 5000, 100):
        bring(side, 1, range(start, start + 100))
    late = trade(999_999, at=0)  # older than the last one by its own word, and not known
    assert side.bring(2, late, stream=TRADES, at_ns=2 * SECOND) == []
    assert side.bring(2, late, stream=TRADES, at_ns=32 * SECOND) == [late]


@pytest.mark.usefixtures("few")
def test_trades_out_of_order_of_the_source_that_leads_are_delivered() -> None:
    side = Side()
    for start in range(0, 5000, 100):
        bring(side, 1, range(start, start + 100))
    late = trade(999_999, at=0)
    assert side.bring(1, late, stream=TRADES, at_ns=SECOND) == [late]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 900)), max_size=40))
def test_however_far_sources_are_apart_each_trade_comes_once(steps: list[tuple[int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "REMEMBERED_IDS", 400)
        side, at = Side(), {1: 0, 2: 0, 3: 0}
        for source, count in steps:
            for start in range(at[source], at[source] + count, 50):
                bring(side, source, range(start, min(start + 50, at[source] + count)))
            at[source] += count
            assert remembered(side.merger) <= 400 + 50
        assert ids(side.delivered) == list(range(max(at.values()))), "none twice, none missing"


@pytest.mark.usefixtures("few")
def test_streams_are_bounded() -> None:
    side = Side()
    for number in range(2000):
        stream = f"myOrder KRW-{number}"
        payload = b'{"ty":"myOrder","cd":"KRW-%d","uid":"%d","s":"done","tms":%d}' % (number, number, number)
        assert side.bring(1, payload, stream=stream, at_ns=SECOND + number) == [payload]
        assert side.bring(2, payload, stream=stream, at_ns=SECOND + number) == []
    assert len(side.merger._recent) <= 64 + 200
    assert all(len(brought) <= 64 for brought in side.merger._brought.values())
    assert "myOrder KRW-1999" in side.merger._recent, "the last ones are known"


def test_a_long_id_is_remembered_by_its_hash() -> None:
    """A hundred ids of 2 MB were 185 MB."""
    recent = Recent()
    short, long = b"1" * ID_BYTES, b"1" * (2 * MIB)
    tracemalloc.start()
    try:
        for number in range(20):
            payload = b'{"ty":"trade","sid":%s%d,"tms":1}' % (long, number)
            assert not recent.is_repeat(identity_of(TRADES, payload), 1, SECOND)
            assert recent.is_repeat(identity_of(TRADES, payload), 2, SECOND)
        order = b'{"ty":"myOrder","uid":"%s","s":"%s","tuid":"%s","tms":1}' % (long, long, long)
        recent.remember(identity_of("myOrder KRW-BTC", order), SECOND)
        del payload, order
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
    assert identity_of(TRADES, b'{"ty":"trade","sid":%s,"tms":1}' % short) == short


def test_half_a_minute_of_all_that_is_remembered_is_so_much_memory() -> None:
    """One in twenty of it: 60 MB in all at most."""
    merger, count = Merger(), REMEMBERED_IDS // 20
    tracemalloc.start()
    try:
        for start in range(0, count, 100):
            payloads = [trade(10**16 + number) for number in range(start, start + 100)]
            for source in (1, 2):
                list(merger.news(Batch("public", source, 1, start, [TRADES] * 100, payloads), lambda _: b"", []))
        del payloads
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert remembered(merger) == count
    assert held * 20 < 60 * MIB


def test_what_is_held_of_a_source_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "HELD_BYTES", 10_000)
    side = Side()
    side.merger.begin(2)
    for price in range(200):
        side.bring(2, ticker(price))
        assert side.merger._held_weight[2] == sum(batch.weight for batch in side.merger._held[2]) <= 10_000
    joined = side.join(2)
    assert joined == [ticker(price) for price in range(200 - len(joined), 200)], "the newest are kept"
    assert len(joined) > 20
    side.merger.begin(3)
    huge = ticker(1).replace(b"}", b',"x":"%s"}' % (b"x" * 20_000))
    side.bring(3, huge, stream=BITCOIN)
    assert len(side.merger._held[3]) == 1, "one is kept even if it is too large alone"
