"""The router and the clients of a server: each event once, behind the components, and news behind their data."""

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.actors.delivery.test_router import BITCOIN, TRADES, World, prices, ticker, trade
from tests.conftest import wait_until
from websocket_v6.actors.base import ask, stop_and_join
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import GetInheritance
from websocket_v6.actors.messages.router import AddRoutes, Beat, Beaten, Convey, DropRoutes, Filled, UseBackfill
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.delivery.commands import Admit, End, Expect, HoldTrades
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.events import Event

TIMEOUT = 20.0
BOOK = "orderbook KRW-BTC"


class Noted(Mouth):
    """Notes what comes for whom, in one order."""

    def __init__(self) -> None:
        self.log: list[tuple[int, Any]] = []
        self.calls = 0
        self.lists: list[list[Event]] = []
        self.at: Any = lambda: None

    def deliver(self, rows: Sequence[tuple[Way, list[Event]]]) -> None:
        self.at()
        self.calls += 1
        for way, events in rows:
            assert events, "nobody is sent nothing"
            self.lists.append(events)
            self.log += [(way.client, event) for event in events]

    def convey(self, way: Way, news: object) -> None:
        self.log.append((way.client, news))

    def of(self, client: int) -> list[Any]:
        """Return what came for a client: prices or numbers of events, and news."""
        found: list[Any] = []
        for who, what in self.log:
            if who == client:
                found.append(_short(what) if isinstance(what, Event) else what)
        return found


def _short(event: Event) -> Any:
    return prices([event])[0][1] if event.type == "ticker" else event.sequential_id  # type: ignore[attr-defined]


class Doors(World):
    """A router with clients of a server."""

    def __init__(self) -> None:
        super().__init__()
        self.mouth = Noted()

    def way(self, client: int) -> Way:
        return Way(client, self.mouth)

    def route(self, way: Way, *streams: str, realtime: bool = True, awaits: bool = False, replay: bool = True) -> int:
        self._number += 1
        self.tell(AddRoutes(self._number, "public", streams, way, None, replay, True, realtime, awaits))
        return self._number

    def halt(self) -> threading.Event:
        """Have the router stand still until the event that is returned is set."""
        go_on, halted = threading.Event(), threading.Event()

        class Halt:
            def tell(self, _: object) -> None:
                halted.set()
                assert go_on.wait(TIMEOUT)

        self.tell(Beat(Halt()))  # type: ignore[arg-type]
        assert halted.wait(TIMEOUT)
        return go_on


@pytest.fixture
def world() -> Iterator[Doors]:
    made = Doors()
    yield made
    for ref in (made.router, made.registry):
        assert stop_and_join(ref, 5)


def test_what_two_subscriptions_of_a_client_take_comes_once(world: Doors) -> None:
    one, other = world.way(1), world.way(2)
    world.route(one, BITCOIN)
    world.route(one, BITCOIN, "ticker KRW-ETH")
    world.route(other, BITCOIN)
    for price in (1, 2, 3):
        world.deliver(ticker(price))
    world.settle()
    assert world.mouth.of(1) == [1, 2, 3]
    assert world.mouth.of(2) == [1, 2, 3]


def test_a_snapshot_alone_beside_a_stream_that_goes_on_comes_once(world: Doors) -> None:
    way = world.way(1)
    world.route(way, BITCOIN)
    world.route(way, BITCOIN, realtime=False)
    world.deliver(ticker(1, "SNAPSHOT"))
    world.deliver(ticker(2))
    world.settle()
    assert world.mouth.of(1)[-1] == 2
    assert world.mouth.of(1).count(2) == 1


def test_who_gives_one_of_two_back_is_served_by_the_other(world: Doors) -> None:
    way = world.way(1)
    first = world.route(way, BITCOIN)
    second = world.route(way, BITCOIN, replay=False)
    world.deliver(ticker(1))
    world.tell(DropRoutes(first))
    world.deliver(ticker(2))
    world.tell(DropRoutes(second))
    world.deliver(ticker(3))
    world.settle()
    assert world.mouth.of(1) == [1, 2]


def test_components_go_first(world: Doors) -> None:
    world.route(world.way(1), BITCOIN)
    mailbox = world.subscribe(BITCOIN)
    there: list[int] = []
    world.mouth.at = lambda: there.extend(int(one.trade_price) for one in mailbox.take_many(0.0, 100))  # type: ignore[union-attr]
    seen: list[tuple[int, int]] = []
    deliver = world.mouth.deliver

    def noted(rows: Sequence[tuple[Way, list[Event]]]) -> None:
        deliver(rows)
        seen.append((len(there), len(world.mouth.log)))

    world.mouth.deliver = noted  # type: ignore[method-assign]
    for price in range(5):
        world.deliver(ticker(price))
    world.settle()
    assert there == list(range(5))
    assert seen
    assert all(mine >= theirs for mine, theirs in seen)


def test_clients_that_get_the_same_get_the_same_events(world: Doors) -> None:
    for client in (1, 2, 3):
        world.route(world.way(client), BITCOIN)
    world.deliver(ticker(1))
    world.settle()
    events = [what for _, what in world.mouth.log]
    assert len(events) == 3
    assert len({id(event) for event in events}) == 1, "which the server makes one frame of"
    assert world.mouth.calls == 1


def test_news_come_behind_the_data_before_them(world: Doors) -> None:
    way = world.way(1)
    world.route(way, BITCOIN)
    go_on = world.halt()
    world.deliver(ticker(1))
    world.tell(Convey(way, "news"))
    world.deliver(ticker(2))
    world.deliver(ticker(3))
    go_on.set()
    world.settle()
    assert world.mouth.of(1) == [1, "news", 2, 3]


def test_what_comes_close_together_goes_out_together_but_is_not_put_off_for_ever(world: Doors) -> None:
    world.route(world.way(1), BITCOIN)
    go_on = world.halt()
    for price in range(100):
        world.deliver(ticker(price))
    go_on.set()
    world.settle()
    assert world.mouth.of(1) == list(range(100))
    assert 2 <= world.mouth.calls <= 50
    assert len(world.mouth.lists[0]) < 50


def test_what_was_put_off_does_not_wait_for_the_next_message(world: Doors) -> None:
    """The one behind it brings nothing: its attachment has ended."""
    world.route(world.way(1), BITCOIN)
    world.attach(2)
    world.tell(Admit(2, 1, False), End(2, "cut"))
    world.settle()
    go_on = world.halt()
    world.deliver(ticker(1))
    world.deliver(ticker(9), source=2)
    go_on.set()
    wait_until(lambda: world.mouth.of(1) == [1], "what was put off")


def test_what_is_said_to_be_delivered_is(world: Doors) -> None:
    """A successor goes on from there, so nothing may be left pending."""
    world.route(world.way(1), BITCOIN)
    go_on = world.halt()
    world.deliver(ticker(1))
    seen: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()

    def inherit() -> None:
        ask(world.router, GetInheritance(), TIMEOUT)
        seen.put(world.mouth.of(1))

    thread = threading.Thread(target=inherit)
    thread.start()
    inbox = world.router.actor_inbox
    wait_until(lambda: inbox.qsize() >= 2, "the question")  # type: ignore[attr-defined]
    blocked = threading.Event()

    class Halt:
        def tell(self, _: object) -> None:
            assert blocked.wait(TIMEOUT)

    world.tell(Beat(Halt()))  # type: ignore[arg-type]  # something is still in the inbox
    go_on.set()
    assert seen.get(timeout=TIMEOUT) == [1]
    blocked.set()
    thread.join(TIMEOUT)


def test_a_client_that_goes_over_to_a_deeper_book_is_served_until_that_begins(world: Doors) -> None:
    def book(number: int, stream_type: str = "REALTIME") -> tuple[str, bytes]:
        return BOOK, f'{{"ty":"orderbook","cd":"KRW-BTC","tms":{number},"st":"{stream_type}"}}'.encode()

    def times() -> list[int]:
        return [event.timestamp for _, event in world.mouth.log]

    way = world.way(1)
    shallow = world.route(way, BOOK)
    world.deliver(book(1, "SNAPSHOT"))
    world.deliver(book(2))
    world.route(way, BOOK, awaits=True)
    world.tell(Expect((BOOK,)), DropRoutes(shallow))
    world.deliver(book(3))
    world.settle()
    assert times() == [1, 2, 3], "more before less: the shallow one was given back"
    world.deliver(book(4, "SNAPSHOT"))
    world.deliver(book(5))
    world.settle()
    assert times() == [1, 2, 3, 4, 5], "each once"


def test_a_component_that_waits_for_a_deeper_book_gets_nothing_before(world: Doors) -> None:
    mailbox = MailboxQueue(Mailbox.drop_oldest(10))
    world.tell(AddRoutes(50, "public", (BOOK,), mailbox, None, False, True, True, True), Expect((BOOK,)))
    world.deliver((BOOK, b'{"ty":"orderbook","cd":"KRW-BTC","tms":1,"st":"REALTIME"}'))
    world.settle()
    assert mailbox.take_many(0.0, 10) == []


def test_an_answer_waits_for_trades_that_wait(world: Doors) -> None:
    one, other = world.way(1), world.way(2)
    world.tell(UseBackfill(world.registry))
    world.route(one, TRADES)
    world.route(other, BITCOIN)
    world.deliver(trade(1))
    world.deliver(ticker(1))
    world.tell(HoldTrades(1, 5, 10, 15.0))
    world.deliver(trade(5))
    world.tell(
        Convey(one, "news"),
        Convey(one, "answer", is_answer=True),
        Convey(other, "answer", is_answer=True),
    )
    world.settle()
    assert world.mouth.of(1) == [1, "news"], "the trade waits for those that were missed, and so does the answer"
    assert world.mouth.of(2) == [1, "answer"], "who takes no trades waits for none"
    payload = trade(3)[1]
    world.tell(Filled(1, TRADES, 7, ((3, payload),)))
    world.settle()
    assert world.mouth.of(1) == [1, "news", 3, 5, "answer"]


def test_a_server_hears_that_the_router_is_there(world: Doors) -> None:
    world.tell(Beat(world.registry))
    assert world.heard(Beaten) == [Beaten()]


def test_a_mouth_that_waits_goes_on_in_its_time(world: Doors) -> None:
    world.route(world.way(1), BITCOIN)
    deliver, went_on = world.mouth.deliver, threading.Event()

    def wait(rows: Sequence[tuple[Way, list[Event]]]) -> float:
        deliver(rows)
        return 0.01

    world.mouth.deliver = wait  # type: ignore[method-assign, assignment]
    world.mouth.go_on = went_on.set  # type: ignore[method-assign]
    world.deliver(ticker(1))
    assert went_on.wait(TIMEOUT)
