"""The plain loop, in C and in Python: the same messages to the same takers, the same ones left for the careful path."""

from collections import deque
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.actors.delivery.world import ticker, trade
from tests.protocol.spellings import quickly
from websocket_v6.actors.delivery import plain
from websocket_v6.actors.delivery.deliveries import Taker
from websocket_v6.actors.delivery.route import Route
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.protocol import fast
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.events import Event, TickerEvent, make_event

LOOPS = {"Python": plain._in_python}
if fast.Plain is not None:
    LOOPS["C"] = plain._deliver
STREAMS = ("ticker KRW-BTC", "ticker KRW-ETH", "trade KRW-BTC", "ticker KRW-UNKNOWN")
TICKER, TRADE = ticker(1), trade(1)
SNAPSHOT = TRADE.replace(b"REALTIME", b"SNAPSHOT")
each_loop = pytest.mark.parametrize("loop", LOOPS.values(), ids=list(LOOPS))


class Table:
    """Routes to three takers, of whom one has something pending."""

    def __init__(self, plain_ones: set[str], takers: dict[str, tuple[int, ...]]) -> None:
        self.takers = [Taker(number, "public", MailboxQueue(Mailbox.block(9)), None) for number in range(3)]
        self.takers[2].pending.append(make_event("ticker KRW-BTC", TICKER, 1, 1))
        self.touched = [self.takers[2]]
        self.routes: dict[str, Route] = {}
        for stream in STREAMS[:3]:
            route = self.routes[stream] = Route(stream, 0)
            route.takers = tuple(self.takers[number] for number in takers.get(stream, ()))
            route.is_plain = stream in plain_ones
            if stream.startswith("trade"):
                route.trades = deque(maxlen=3)

    def deliver(self, loop: object, messages: list[tuple[str, bytes]], start: int) -> tuple[Any, ...]:
        """Return all that came of it."""
        streams, payloads = [stream for stream, _ in messages], [payload for _, payload in messages]
        done = loop(streams, payloads, start, self.routes, 7, 5, self.touched)  # type: ignore[operator]
        return (
            done,
            [[_shell(event) for event in taker.pending] for taker in self.takers],
            [taker.subscription_id for taker in self.touched],
            [None if route.last is None else _shell(route.last) for route in self.routes.values()],
            [[_shell(event) for event in route.trades or ()] for route in self.routes.values()],
        )


def _shell(event: Event) -> tuple[object, ...]:
    return type(event), event.stream, event.symbol, event.epoch, event.received_at, event.payload, event._codec


@pytest.mark.skipif(len(LOOPS) == 1, reason="there is no C module here, or WEBSOCKET_V6_PURE=1 leaves it alone")
@given(data=st.data())
@quickly
def test_both_do_the_same(data: st.DataObject) -> None:
    plain_ones = data.draw(st.sets(st.sampled_from(STREAMS[:3])))
    takers = data.draw(st.dictionaries(st.sampled_from(STREAMS[:3]), st.sampled_from([(), (0,), (2, 1), (0, 1, 2)])))
    message = st.tuples(st.sampled_from(STREAMS), st.sampled_from([TICKER, TRADE, SNAPSHOT, b""]))
    messages = data.draw(st.lists(message, max_size=12))
    start = data.draw(st.integers(0, len(messages)))
    found = [Table(plain_ones, takers).deliver(loop, messages, start) for loop in LOOPS.values()]
    assert found[0] == found[1]


@each_loop
def test_it_ends_at_the_first_message_that_is_not_plain(loop: object) -> None:
    table = Table({"ticker KRW-BTC", "trade KRW-BTC"}, dict.fromkeys(STREAMS, (0, 1)))
    messages = [("ticker KRW-BTC", TICKER), ("trade KRW-BTC", TRADE), ("ticker KRW-ETH", TICKER)]
    done, pending, touched, *_ = table.deliver(loop, messages, 0)
    assert done == (2, 4)
    assert [len(events) for events in pending] == [2, 2, 1]
    assert touched == [2, 0, 1]
    assert table.deliver(loop, messages[:1], 1)[0] == (1, 0)
    assert table.deliver(loop, [("ticker KRW-UNKNOWN", TICKER)], 0)[0] == (0, 0)


@each_loop
def test_a_snapshot_of_trades_that_run_is_not_plain(loop: object) -> None:
    table = Table({"trade KRW-BTC", "ticker KRW-BTC"}, dict.fromkeys(STREAMS, (0,)))
    snapshot_of_a_ticker = ("ticker KRW-BTC", TICKER.replace(b"REALTIME", b"SNAPSHOT"))
    messages = [("trade KRW-BTC", TRADE), snapshot_of_a_ticker, ("trade KRW-BTC", SNAPSHOT)]
    assert table.deliver(loop, messages, 0)[0] == (2, 2)


@each_loop
def test_all_takers_of_a_message_share_one_event(loop: object) -> None:
    table = Table({"ticker KRW-BTC"}, {"ticker KRW-BTC": (0, 1)})
    table.deliver(loop, [("ticker KRW-BTC", TICKER)], 0)
    (event,) = table.takers[0].pending
    assert table.takers[1].pending[0] is event is table.routes["ticker KRW-BTC"].last
    assert isinstance(event, TickerEvent)
    assert event.trade_price == Decimal(1)
