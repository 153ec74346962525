"""The registry between a connection, a router and components that only note what they are told."""

import queue
import time
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from websocket_v6 import Config, Mailbox, TransportError
from websocket_v6.actors.base import Actor, ask, stop_and_join, tell
from websocket_v6.actors.demand import feed as subject
from websocket_v6.actors.demand.registry import Registry
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import GetHealth
from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.messages.connection import Ask, AskList, Connect, Disconnect
from websocket_v6.actors.messages.registry import (
    AskExchange,
    ComponentGone,
    DropConnection,
    ExchangeSaid,
    LineChanged,
    SnapshotServed,
    StreamsSeen,
    Subscribe,
    Unsubscribe,
    UseConnection,
    UseRouter,
    Watch,
)
from websocket_v6.actors.messages.router import AddRoutes, Expect, Join, Merge, NewEpoch, Retire
from websocket_v6.actors.messages.supervisor import LineServes
from websocket_v6.protocol.exchange.heads import ErrorNotice, SubscriptionList
from websocket_v6.protocol.exchange.requests import encode_request
from websocket_v6.protocol.exchange.wants import Want, my_asset_want, orderbook_want, ticker_want

SECOND = 3  # the number of the second public line


class Note(Actor):
    """Keeps what it is told."""

    def __init__(self, out: "queue.SimpleQueue[Any]") -> None:
        super().__init__()
        self._out = out

    def on_receive(self, message: object) -> None:
        if not isinstance(message, GetHealth):
            self._out.put(message)


class World:
    """A registry and everyone it talks to."""

    def __init__(self) -> None:
        self.told: dict[str, queue.SimpleQueue[Any]] = {
            name: queue.SimpleQueue() for name in ("connection", "second", "router", "component", "supervisor")
        }
        self.refs = {name: Note.start(out) for name, out in self.told.items()}
        self.registry = Registry.start(config=Config(gather=0.02), supervisor=self.refs["supervisor"])
        tell(self.registry, UseRouter(self.refs["router"]))
        for line, endpoint in enumerate(("public", "private"), start=1):
            tell(self.registry, UseConnection(endpoint, self.refs["connection"], line))
        tell(self.registry, Watch("component", self.refs["component"]))

    def subscribe(self, number: int, want: Want) -> None:
        mailbox = MailboxQueue(Mailbox.latest())
        ask(self.registry, Subscribe("component", number, want, mailbox, None), 5)

    def change(self, state: str, epoch: int, endpoint: str = "public") -> None:
        line = ("public", "private").index(endpoint) + 1
        tell(self.registry, LineChanged(endpoint, line, state, epoch, 1))

    def asked(self, name: str = "connection") -> str:
        """Return the next request that the connection is to send."""
        plan = self.next(name, Ask).plan
        return encode_request("ticket", plan.types, "SIMPLE")

    def add_line(self, endpoint: str = "public") -> None:
        """Let a second line open, beside the first one that is open already."""
        tell(self.registry, UseConnection(endpoint, self.refs["second"], SECOND))
        self.change_second("open", endpoint=endpoint)

    def change_second(self, state: str, at: int = 2, gap: int | None = None, endpoint: str = "public") -> None:
        tell(self.registry, LineChanged(endpoint, SECOND, state, 1, at, gap))

    def answer(self, name: str, line: int, endpoint: str = "public") -> None:
        """Answer the next LIST_SUBSCRIPTIONS."""
        ticket = self.next(name, AskList).ticket
        tell(self.registry, ExchangeSaid(endpoint, line, 1, SubscriptionList(ticket, ())))

    def wait_serves(self) -> None:
        """Wait until the supervisor is told that the second line serves."""
        while self.next("supervisor", LineServes) != LineServes(SECOND):
            pass

    def heard(self) -> list[tuple[str, int]]:
        """Return what the component has been told of connections: states and epochs."""
        return [(one.state, one.epoch) for one in self.drained("component") if isinstance(one, ConnectionChanged)]

    def drained(self, name: str) -> list[Any]:
        """Return all that `name` has been told and nobody has looked at."""
        ask(self.registry, GetHealth(), 5)
        ask(self.refs[name], GetHealth(), 5)
        found = []
        while not self.told[name].empty():
            found.append(self.told[name].get())
        return found

    def next(self, name: str, kind: type[Any]) -> Any:
        """Return the next message of `kind` that `name` is told."""
        while True:
            message = self.told[name].get(timeout=5)
            if isinstance(message, kind):
                return message

    def stop(self) -> None:
        refs: list[Any] = [self.registry, *self.refs.values()]
        for ref in refs:
            assert stop_and_join(ref, 5)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.stop()


def test_a_want_connects_and_is_asked_for_once_it_is_open(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    assert isinstance(world.told["connection"].get(timeout=5), Connect)
    world.change("open", 1)
    assert '"codes":["KRW-BTC"]' in world.asked()


def test_a_want_that_leaves_before_the_connection_opens_leaves_no_connection(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    ask(world.registry, Unsubscribe("component", 1), 5)
    world.change("open", 1)
    assert isinstance(world.next("connection", Disconnect), Disconnect)


def test_nothing_wanted_any_more_closes_the_connection(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    world.change("open", 1)
    world.next("connection", Ask)
    ask(world.registry, ComponentGone("component"), 5)
    assert isinstance(world.next("connection", Disconnect), Disconnect)


def test_after_a_snapshot_alone_the_connection_is_kept(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC", realtime=False))
    world.change("open", 1)
    assert "is_only_snapshot" in world.asked()
    tell(world.registry, StreamsSeen("public", 1, ("ticker KRW-BTC",)))
    tell(world.registry, SnapshotServed(1, "ticker KRW-BTC"))
    ask(world.registry, Unsubscribe("component", 1), 5)
    world.subscribe(2, ticker_want("KRW-BTC", realtime=False))
    assert isinstance(world.told["connection"].get(timeout=5), Ask), "and asked again, not closed"


def test_a_lost_connection_is_asked_for_everything_again(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    world.change("open", 1)
    world.next("connection", Ask)
    tell(world.registry, StreamsSeen("public", 1, ("ticker KRW-BTC",)))
    world.change("lost", 1)
    world.change("open", 2)
    assert "is_only_realtime" not in world.asked()


def test_a_deeper_book_is_routed_when_it_is_asked_for(world: World) -> None:
    world.subscribe(1, orderbook_want("KRW-BTC", depth=5))
    world.change("open", 1)
    assert "KRW-BTC.5" in world.asked()
    assert world.next("router", AddRoutes).subscription_id == 1
    world.subscribe(2, orderbook_want("KRW-BTC", depth=15))
    ask(world.registry, Unsubscribe("component", 99), 5)
    assert all(not isinstance(one, AddRoutes) for one in world.drained("router")), "not before the request"
    assert "KRW-BTC.15" in world.asked()
    assert world.next("router", AddRoutes).subscription_id == 2


def test_a_question_without_a_connection_is_answered_at_once(world: World) -> None:
    answer: pykka.Future[Any] = pykka.ThreadingFuture()
    tell(world.registry, AskExchange("private", answer))
    with pytest.raises(TransportError, match="private"):
        answer.get(timeout=5)


@pytest.mark.parametrize("state", ["lost", "closed"])
def test_a_question_is_answered_when_the_connection_ends(world: World, state: str) -> None:
    world.subscribe(1, my_asset_want())
    world.change("open", 1, "private")
    answer: pykka.Future[Any] = pykka.ThreadingFuture()
    tell(world.registry, AskExchange("private", answer))
    world.change(state, 1, "private")
    with pytest.raises(TransportError):
        answer.get(timeout=5)


def test_questions_that_wait_together_are_asked_once(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    world.change("open", 1)
    world.asked()
    waiting: list[pykka.Future[Any]] = [pykka.ThreadingFuture() for _ in range(20)]
    for answer in waiting:
        tell(world.registry, AskExchange("public", answer))
    asked = 0
    while waiting:
        world.answer("connection", 1)
        asked += 1
        ask(world.registry, GetHealth(), 5)
        waiting = [one for one in waiting if not is_answered(one)]
    assert asked < 5, "usually one: the pace has all of them wait for the subscription before them"


def is_answered(answer: "pykka.Future[Any]") -> bool:
    try:
        return isinstance(answer.get(timeout=0), SubscriptionList)
    except pykka.Timeout:
        return False


def test_a_component_hears_of_the_connections_it_uses(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    world.change("open", 7)
    heard = world.next("component", ConnectionChanged)
    assert (heard.endpoint, heard.state, heard.epoch) == ("public", "open", 1), "the first that components hear of"
    world.change("open", 3, "private")
    world.subscribe(2, my_asset_want())
    world.change("lost", 3, "private")
    assert world.next("component", ConnectionChanged).endpoint == "private"


# --- several lines


def open_both(world: World) -> None:
    """Serve Bitcoin through two lines, both of which have everything."""
    world.subscribe(1, ticker_want("KRW-BTC"))
    world.change("open", 1)
    world.asked()
    tell(world.registry, StreamsSeen("public", 1, ("ticker KRW-BTC",)))
    world.add_line()
    assert "is_only_realtime" not in world.asked("second"), "its snapshot says that it serves"
    tell(world.registry, StreamsSeen("public", SECOND, ("ticker KRW-BTC",)))
    world.answer("connection", 1)
    world.wait_serves()


def test_a_second_line_is_asked_for_everything_and_nobody_hears_of_it(world: World) -> None:
    open_both(world)
    assert world.heard() == [("open", 1)]
    told = world.drained("router")
    assert [one for one in told if isinstance(one, NewEpoch) and one.endpoint == "public"][-1].epoch == 1
    assert told.index(Merge("public", True)) < told.index(Join("public", SECOND))


@pytest.mark.parametrize("number", [1, SECOND])
def test_either_of_two_lines_that_serve_may_be_lost(world: World, number: int) -> None:
    open_both(world)
    now = time.time_ns()
    tell(world.registry, LineChanged("public", number, "lost", 1, now, now))
    tell(world.registry, LineChanged("public", number, "connecting", 1, now))
    assert world.heard() == [("open", 1)]
    survivor = 1 + SECOND - number
    tell(world.registry, LineChanged("public", survivor, "lost", 1, now, now))
    assert world.heard() == [("lost", 1)]


def test_a_line_that_does_not_serve_yet_covers_no_loss(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    world.change("open", 1)
    world.asked()
    world.add_line()
    world.asked("second")
    world.change("lost", 1)
    assert world.heard() == [("open", 1), ("lost", 1), ("open", 2)]
    told = [one for one in world.drained("router") if isinstance(one, NewEpoch | Join)]
    assert told[-2:] == [NewEpoch("public", 2), Join("public", SECOND)], "what was held of it belongs to the new epoch"


def test_what_has_no_snapshot_is_asked_about(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "ACKNOWLEDGED_AFTER", 0.01)
    world.subscribe(1, my_asset_want())
    world.change("open", 1, "private")
    world.asked()
    world.add_line("private")
    world.answer("second", SECOND, "private")
    for _ in range(2):  # once for itself, once for the other
        world.answer("connection", 2, "private")
    world.wait_serves()


def test_a_line_that_never_serves_all_is_not_waited_for_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "PATIENCE", 0.01)
    world.subscribe(1, ticker_want("KRW-BTC"))
    world.change("open", 1)
    world.add_line()
    world.wait_serves()


def test_a_line_whose_keys_are_refused_ends_the_wait_for_it(world: World) -> None:
    world.subscribe(1, my_asset_want())
    world.change("open", 1, "private")
    tell(world.registry, UseConnection("private", world.refs["second"], SECOND))
    tell(world.registry, LineChanged("private", SECOND, "refused", 0, 2, None, "no", TransportError("no")))
    world.wait_serves()
    assert world.heard() == [("open", 1)]
    tell(world.registry, DropConnection("private", world.refs["connection"]))
    assert world.heard() == [("lost", 1), ("refused", 1)], "now it matters"


def test_a_deeper_book_is_expected_once_and_routed_when_all_lines_were_asked(world: World) -> None:
    world.subscribe(1, orderbook_want("KRW-BTC", depth=5))
    world.change("open", 1)
    world.add_line()
    for name, line in (("connection", 1), ("second", SECOND)):
        assert "KRW-BTC.5" in world.asked(name)
        tell(world.registry, StreamsSeen("public", line, ("orderbook KRW-BTC",)))
    world.next("router", AddRoutes)
    world.subscribe(2, orderbook_want("KRW-BTC", depth=15))
    for name in ("connection", "second"):
        assert "KRW-BTC.15" in world.asked(name)
    told = [one for one in world.drained("router") if isinstance(one, Expect | AddRoutes)]
    assert [type(one) for one in told] == [Expect, AddRoutes]


def test_a_stream_is_retired_when_the_last_line_was_asked_to_leave_it_out(world: World) -> None:
    open_both(world)
    world.subscribe(2, ticker_want("KRW-ETH"))
    ask(world.registry, Unsubscribe("component", 1), 5)
    for name in ("connection", "second"):
        assert "KRW-BTC" not in world.asked(name)
    retired = [one for one in world.drained("router") if isinstance(one, Retire)]
    assert retired == [Retire(("ticker KRW-BTC",))]


def test_a_request_that_is_refused_on_every_line_blames_once(world: World) -> None:
    """Two refusals of one request are two strikes; a third, of the same request, must not meet who is tried next."""
    for number, code in ((1, "KRW-BTC"), (2, "KRW-ETH")):
        world.subscribe(number, ticker_want(code))
    world.change("open", 1)
    world.add_line()
    world.asked()
    world.asked("second")
    error = ErrorNotice("WRONG_FORMAT", "no")
    for line in (1, SECOND, 1, SECOND):
        tell(world.registry, ExchangeSaid("public", line, 1, error))
    failed = [one for one in world.drained("component") if isinstance(one, StreamFailed)]
    assert not failed
    assert "KRW-BTC" in world.asked(), "tried alone"


def test_a_question_whose_line_is_lost_is_asked_on_another(world: World) -> None:
    open_both(world)
    answer: pykka.Future[Any] = pykka.ThreadingFuture()
    tell(world.registry, AskExchange("public", answer))
    # The one whose pace allows it first; the other has just been asked something else.
    ticket = world.next("second", AskList).ticket
    world.change_second("lost", gap=time.time_ns())
    while world.next("connection", AskList).ticket != ticket:
        pass
    tell(world.registry, ExchangeSaid("public", 1, 1, SubscriptionList(ticket, ())))
    assert answer.get(timeout=5).ticket == ticket
