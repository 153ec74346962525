from typing import Any

import pytest

from tests.actors.delivery.world import no_timer
from tests.replays import book, market, opened, rows, ticker, trade, write
from websocket_v6.actors.delivery.closings import Closings
from websocket_v6.actors.delivery.deliveries import Delivery
from websocket_v6.actors.delivery.routes import Routes
from websocket_v6.actors.messages.router import AddRoutes
from websocket_v6.actors.replay.recorded_tape import Tape
from websocket_v6.actors.replay.replay_mailbox import ReplayMailbox
from websocket_v6.actors.replay.stage import Stage
from websocket_v6.actors.replay.stretches import Ways
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.delivery.source_flow import SourceFlow
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.recording.records import REPLAYED, Record
from websocket_v6.protocol.replaying import Replay

NEVER = float("inf")
ONE: Any = "one component"
TWO: Any = "another"


@pytest.fixture
def stage(tmp_path: Any) -> Stage:
    return Stage(Tape(Replay(write(tmp_path / "a.wsr", market(5)))))


def routes(stage: Stage, *taken: tuple[Any, str, Mailbox, bool]) -> Routes:
    delivery = Delivery(SourceFlow())
    made = Routes(delivery, {}, Closings(delivery, no_timer))
    made.remembers_trades = False
    for number, (component, stream, policy, is_pushed) in enumerate(taken):
        mailbox = ReplayMailbox(policy, stage, is_pushed=is_pushed)
        how = AddRoutes(number, "public", (stream,), mailbox, component, True, True, True)
        made.add(how, made.taker(how), 0)
        made.by_stream[stream].last = make_event(stream, b"{}", 1, 0)
    return made


def records(*values: tuple[float, Any]) -> list[Record]:
    return [Record(int(at * 1e9), value) for at, value in values]


SEVERAL = records(
    rows(1, trade("KRW-BTC", 1, 1)),
    rows(2, book("KRW-BTC", 2, 2)),
    rows(3, ticker("KRW-XRP", 3, 3)),
    rows(4, trade("KRW-BTC", 4, 4), trade("KRW-BTC", 4, 5)),
    rows(5, book("KRW-BTC", 5, 6), book("KRW-BTC", 5, 7)),
)
TRADES = ONE, "trade KRW-BTC", Mailbox.drop_oldest(9), True
BOOKS = ONE, "orderbook KRW-BTC", Mailbox.latest(), True


@pytest.mark.parametrize(
    ("taken", "until_ns", "most", "expected"),
    [
        ([TRADES, BOOKS], NEVER, 99, (ONE, 4, 5)),  # of two books at once the first is dropped
        ([TRADES], NEVER, 99, (ONE, 5, 7)),
        ([TRADES, BOOKS], 3e9, 99, (ONE, 2, 2)),
        ([TRADES, BOOKS], NEVER, 2, (ONE, 2, 2)),
        ([TRADES, (TWO, *BOOKS[1:])], NEVER, 99, (ONE, 1, 1)),
        ([TRADES, (TWO, *TRADES[1:])], NEVER, 99, (None, 0, 0)),
        ([TRADES, (ONE, "orderbook KRW-BTC", Mailbox.throttle(1), True)], NEVER, 99, (ONE, 1, 1)),
        ([TRADES, (ONE, "orderbook KRW-BTC", Mailbox.latest(), False)], NEVER, 99, (ONE, 1, 1)),
        ([], NEVER, 99, (None, 5, 7)),
    ],
)
def test_what_one_component_can_be_given_at_once(
    stage: Stage, taken: Any, until_ns: float, most: int, expected: Any
) -> None:
    assert Ways(routes(stage, *taken)).stretch(SEVERAL, until_ns, most) == expected


def test_what_is_no_plain_message_ends_a_stretch(stage: Stage) -> None:
    ways = Ways(routes(stage, TRADES))
    plain = records(rows(1, trade("KRW-BTC", 1, 1)))
    for other in (
        records(opened(2)),
        records(rows(2, trade("KRW-BTC", 1, 1), marks=REPLAYED)),
        records(rows(2, ("novelty KRW-BTC", {}))),
        records(rows(2, trade("KRW-BTC", 2, 2), ("trade KRW-BTC", {"x": "y" * 200_000}))),
    ):
        assert ways.stretch([*plain, *other, *plain], NEVER, 99) == (ONE, 1, 1)


def test_routes_that_change_are_looked_at_again(stage: Stage) -> None:
    made = routes(stage, TRADES)
    ways = Ways(made)
    assert ways.stretch(SEVERAL, NEVER, 99).component is ONE
    made.drop(0, None)
    ways.clear()
    assert ways.stretch(SEVERAL, NEVER, 99).component is None
