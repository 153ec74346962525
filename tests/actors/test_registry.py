"""The registry between a connection, a router and components that only note what they are told."""

import queue
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from websocket_v6 import Config, Mailbox, TransportError
from websocket_v6.actors.base import Actor, ask, stop_and_join, tell
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages import (
    AddRoutes,
    Ask,
    AskExchange,
    ComponentGone,
    Connect,
    ConnectionChanged,
    Disconnect,
    LineChanged,
    SnapshotServed,
    StreamsSeen,
    Subscribe,
    Unsubscribe,
    UseConnection,
    UseRouter,
    Watch,
)
from websocket_v6.actors.registry import Registry
from websocket_v6.protocol.requests import encode_request
from websocket_v6.protocol.wants import Want, my_asset_want, orderbook_want, ticker_want


class Note(Actor):
    """Keeps what it is told."""

    def __init__(self, out: "queue.SimpleQueue[Any]") -> None:
        super().__init__()
        self._out = out

    def on_receive(self, message: object) -> None:
        self._out.put(message)


class World:
    """A registry and everyone it talks to."""

    def __init__(self) -> None:
        self.told: dict[str, queue.SimpleQueue[Any]] = {
            name: queue.SimpleQueue() for name in ("connection", "router", "component", "supervisor")
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

    def asked(self) -> str:
        """Return the next request that the connection is to send."""
        plan = self.next("connection", Ask).plan
        return encode_request("ticket", plan.types, "SIMPLE")

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
    assert all(not isinstance(one, AddRoutes) for one in drained(world.told["router"])), "not before the request"
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


def test_a_component_hears_of_the_connections_it_uses(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    world.change("open", 7)
    heard = world.next("component", ConnectionChanged)
    assert (heard.endpoint, heard.state, heard.epoch) == ("public", "open", 1), "the first that components hear of"
    world.change("open", 3, "private")
    world.subscribe(2, my_asset_want())
    world.change("lost", 3, "private")
    assert world.next("component", ConnectionChanged).endpoint == "private"


def drained(out: "queue.SimpleQueue[Any]") -> list[Any]:
    found = []
    while not out.empty():
        found.append(out.get())
    return found
