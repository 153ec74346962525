from typing import Any

import pytest

from tests.actors.delivery.world import no_timer
from tests.replays import book, market, rows, ticker, trade, write
from websocket_v6.actors.delivery.closed_candles import ClosedCandles
from websocket_v6.actors.delivery.deliveries import Delivery
from websocket_v6.actors.delivery.routes import Routes
from websocket_v6.actors.messages.router import AddRoutes
from websocket_v6.actors.replay.playing import SMALL
from websocket_v6.actors.replay.recorded_tape import Tape
from websocket_v6.actors.replay.replay_mailbox import AT_ONCE, ReplayMailbox
from websocket_v6.actors.replay.stage import Stage
from websocket_v6.actors.replay.stretches import Lanes, Stretch
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.delivery.source_flow import SourceFlow
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.recording.messages import Messages
from websocket_v6.protocol.replaying import Replay

NEVER = float("inf")
ONE: Any = "one component"
TWO: Any = "another"
TRADES = ONE, "trade KRW-BTC", Mailbox.drop_oldest(9), True
BOOKS = ONE, "orderbook KRW-BTC", Mailbox.latest(), True


@pytest.fixture
def stage(tmp_path: Any) -> Stage:
    return Stage(Tape(Replay(write(tmp_path / "a.wsr", market(5)))))


def routes(stage: Stage, *taken: tuple[Any, str, Mailbox, bool]) -> Routes:
    delivery = Delivery(SourceFlow())
    made = Routes(delivery, {}, ClosedCandles(delivery, no_timer))
    made.remembers_trades = False
    for number, (component, stream, policy, is_pushed) in enumerate(taken):
        mailbox = ReplayMailbox(policy, stage, is_pushed=is_pushed)
        how = AddRoutes(number, "public", (stream,), mailbox, component, True, True, True)
        made.add(how, made.taker(how), 0)
        made.by_stream[stream].last = make_event(stream, b"{}", 1, 0)
    return made


def messages(*values: tuple[float, Any]) -> Messages:
    made = Messages()
    for at, value in values:
        made.add(int(at * 1e9), value)
    return made


SEVERAL = (
    rows(1, ticker("KRW-XRP", 1, 1)),
    rows(2, trade("KRW-BTC", 2, 2)),
    rows(3, book("KRW-BTC", 3, 3)),
)


@pytest.mark.parametrize(
    ("taken", "until_ns", "expected"),
    [
        ([TRADES, BOOKS], NEVER, ONE),
        ([(TWO, *TRADES[1:]), BOOKS], NEVER, TWO),
        ([BOOKS], NEVER, ONE),
        ([BOOKS], 3e9, None),  # the first two are for nobody
        ([], NEVER, None),
        ([TRADES, (TWO, *TRADES[1:])], NEVER, None),
        ([(ONE, "trade KRW-BTC", Mailbox.throttle(1), True)], NEVER, None),
        ([(ONE, "trade KRW-BTC", Mailbox.drop_oldest(9), False)], NEVER, None),
    ],
)
def test_who_has_what_comes_next(stage: Stage, taken: Any, until_ns: float, expected: Any) -> None:
    assert Lanes(routes(stage, *taken)).stretch(messages(*SEVERAL), 0, 0, until_ns) == Stretch(expected)


@pytest.mark.parametrize(
    ("taken", "value"),
    [
        ([(ONE, "trade KRW-BTC", Mailbox.throttle(1), True)], rows(1, trade("KRW-BTC", 1, 1))),
        ([TRADES, (TWO, *TRADES[1:])], rows(1, trade("KRW-BTC", 1, 1))),
        ([TRADES, (TWO, *BOOKS[1:])], rows(1, trade("KRW-BTC", 1, 1), book("KRW-BTC", 1, 1))),
        ([BOOKS], rows(1, book("KRW-BTC", 1, 1), trade("KRW-BTC", 1, 1), book("KRW-BTC", 1, 2))),
        ([(ONE, "trade KRW-BTC", Mailbox.drop_oldest(1), True)], rows(1, *[trade("KRW-BTC", 1, n) for n in (1, 2)])),
        ([TRADES], rows(1, ("trade KRW-BTC", {"x": "y" * 200_000}))),
        ([], rows(1, ("trade KRW-BTC", {"x": "y" * (SMALL + 1)}))),
        ([], rows(1, *[trade("KRW-BTC", 1, n) for n in range(AT_ONCE + 1)])),
        ([], rows(1, ("novelty KRW-BTC", {}))),
        ([], rows(1)),
    ],
    ids=str,
)
def test_what_is_not_plain_is_nobody_s(stage: Stage, taken: Any, value: Any) -> None:
    lanes = Lanes(routes(stage, *taken))
    assert lanes.stretch(messages(value), 0, 0, NEVER) is None
    # Behind one that is, it ends the stretch.
    nobody = rows(0, ticker("KRW-XRP", 0, 0))
    later = lanes.stretch(messages(nobody, value), 0, 0, NEVER)
    assert later is not None
    assert lanes.stretch(messages(nobody, value), 1, 1, NEVER) is None


@pytest.mark.parametrize(
    ("taken", "value"),
    [
        ([TRADES], rows(1, *[trade("KRW-BTC", 1, n) for n in range(9)])),
        ([TRADES, BOOKS], rows(1, book("KRW-BTC", 1, 1), trade("KRW-BTC", 1, 1), trade("KRW-BTC", 1, 2))),
        ([BOOKS], rows(1, book("KRW-BTC", 1, 1), book("KRW-ETH", 1, 1))),
    ],
    ids=str,
)
def test_several_that_came_at_once_may_be_plain(stage: Stage, taken: Any, value: Any) -> None:
    assert Lanes(routes(stage, *taken)).stretch(messages(value), 0, 0, NEVER) == Stretch(ONE)


def test_it_begins_where_it_is_told_to_and_not_too_late(stage: Stage) -> None:
    lanes = Lanes(routes(stage, TRADES, (TWO, *BOOKS[1:])))
    made = messages(rows(1, trade("KRW-BTC", 1, 1), trade("KRW-BTC", 1, 2)), rows(2, book("KRW-BTC", 2, 2)))
    assert lanes.stretch(made, 0, 0, NEVER) == Stretch(ONE)
    assert lanes.stretch(made, 1, 2, NEVER) == Stretch(TWO)
    assert lanes.stretch(made, 1, 2, 2e9) is None


def test_routes_that_change_are_looked_at_again(stage: Stage) -> None:
    made = routes(stage, TRADES)
    lanes = Lanes(made)
    assert lanes.stretch(messages(*SEVERAL), 0, 0, NEVER) == Stretch(ONE)
    made.drop(0, None)
    assert lanes.stretch(messages(*SEVERAL), 0, 0, NEVER) == Stretch(ONE)
    lanes.forget(["trade KRW-BTC", "trade KRW-NEW"])
    assert lanes.stretch(messages(*SEVERAL), 0, 0, NEVER) == Stretch(None)
