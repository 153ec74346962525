"""The registry between a source, a router and components that only note what they are told: it carries out.

What is decided is tested in tests/protocol/demand/test_endpoint*.py.
"""

import queue
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pykka
import pytest

from websocket_v6.actors.base import Actor, ask, stop_and_join, tell
from websocket_v6.actors.demand.health import RegistryHealth
from websocket_v6.actors.demand.registry import Registry, RegistryInheritance
from websocket_v6.actors.future import Future
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import GetHealth, GetInheritance
from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.messages.connection import Connect, Disconnect, ListSubscriptions, OpenPart, Reach, SendRequest
from websocket_v6.actors.messages.registry import (
    Asker,
    AskExchange,
    AskMarkets,
    AskReach,
    BackfillEnded,
    ComponentGone,
    DropSource,
    Marked,
    SnapshotServed,
    SourceEnded,
    SourceOpened,
    SourceSaid,
    SourceState,
    StreamsSeen,
    Subscribe,
    Unsubscribe,
    UseRouter,
    UseSource,
    Watch,
)
from websocket_v6.actors.messages.router import AddRoutes, AwaitReach, Convey, DropRoutes, TradesCame
from websocket_v6.actors.messages.supervisor import Failed, Need, Renew, SourceServes
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.commands import Admit, Expect, Mark, Turn
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.errors import LocalProtocolError, TransportError, UnknownCodeError
from websocket_v6.protocol.events import Event, Unrecovered
from websocket_v6.protocol.exchange.heads import ErrorNotice, Malformed, SubscribedEntry, SubscriptionList
from websocket_v6.protocol.exchange.wants import (
    Closing,
    Want,
    candle_want,
    my_asset_want,
    orderbook_want,
    ticker_want,
    trade_want,
)
from websocket_v6.protocol.server.words import Refused

BITCOIN = "ticker KRW-BTC"


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

    def __init__(self, inheritance: RegistryInheritance | None = None) -> None:
        names = ("source", "router", "one", "other", "supervisor")
        self.told: dict[str, queue.SimpleQueue[Any]] = {name: queue.SimpleQueue() for name in names}
        self.refs = {name: Note.start(out) for name, out in self.told.items()}
        config = Config(gather=0.02, silent_code_timeout=0.1)
        self.registry = Registry.start(config=config, supervisor=self.refs["supervisor"], inheritance=inheritance)
        self.mailbox = MailboxQueue(Mailbox.latest())
        tell(self.registry, UseRouter(self.refs["router"], {}))
        tell(self.registry, UseSource("public", self.refs["source"], 1))
        for name in ("one", "other"):
            tell(self.registry, Watch(name, self.refs[name]))

    def subscribe(self, number: int, want: Want, component: str = "one") -> None:
        ask(self.registry, Subscribe(component, number, want, self.mailbox, self.refs[component]), 5)

    def open(self, attachment: int = 7) -> None:
        tell(self.registry, SourceOpened("public", 1, attachment, 1))

    def next(self, name: str, kind: type[Any]) -> Any:
        """Return the next message of `kind` that `name` is told."""
        while True:
            message = self.told[name].get(timeout=20)
            if isinstance(message, kind):
                return message

    def drained(self, name: str) -> list[Any]:
        """Return all that `name` has been told and nobody has looked at."""
        ask(self.registry, GetHealth(), 5)
        ask(self.refs[name], GetHealth(), 5)
        found = []
        while not self.told[name].empty():
            found.append(self.told[name].get())
        return found

    def health(self) -> RegistryHealth:
        health: RegistryHealth = ask(self.registry, GetHealth(), 5)
        return health

    def stop(self) -> None:
        refs: list[Any] = [self.registry, *self.refs.values()]
        for ref in refs:
            assert stop_and_join(ref, 5)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.stop()


def test_who_brings_lists_of_markets_is_asked_for_once_and_only_if_somebody_needs_one(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    assert Need("markets") not in world.drained("supervisor")
    for quote in ("KRW", "BTC"):
        ask(world.registry, AskMarkets("one", quote, Future()), 5)
    assert world.drained("supervisor").count(Need("markets")) == 1


def test_a_want_becomes_routes_a_connection_and_a_request(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    route = world.next("router", AddRoutes)
    assert route == AddRoutes(1, "public", (BITCOIN,), world.mailbox, world.refs["one"], True, True, True, False)
    assert world.next("source", Connect) == Connect("public", [{"type": "ticker", "codes": ["KRW-BTC"]}])
    world.open()
    told = [world.told["router"].get(timeout=20) for _ in range(2)]
    assert told == [Turn("public", 1), Admit(7, 1, is_held=False)], "verbatim, in their order"
    request = world.next("source", SendRequest)
    assert (request.endpoint, request.number, request.attachment) == ("public", 1, 7)
    assert world.next("supervisor", SourceServes) == SourceServes(1)
    tell(world.registry, StreamsSeen("public", 7, (BITCOIN,)))
    world.subscribe(2, ticker_want("KRW-ETH"))
    assert world.next("source", SendRequest).types[0]["is_only_realtime"], "at its time, and that Bitcoin runs is known"
    ask(world.registry, ComponentGone("one"), 5)
    assert [one for one in world.drained("router") if isinstance(one, DropRoutes)] == [DropRoutes(1), DropRoutes(2)]
    assert world.next("source", Disconnect) == Disconnect("public", 0.0)


def test_a_source_opens_the_sockets_that_it_needs_and_is_renewed_for_others(world: World) -> None:
    codes = [f"KRW-X{number:03d}" for number in range(40)]
    world.subscribe(1, ticker_want(codes))
    tell(world.registry, SourceOpened("public", 1, 7, 1, limit=550))
    assert world.next("source", OpenPart) == OpenPart("public", 7)
    tell(world.registry, SourceOpened("public", 1, 8, 1, whole=7, limit=550))
    assert [world.next("router", Admit).attachment for _ in range(2)] == [7, 8]
    assert [world.next("source", SendRequest).attachment for _ in range(2)] == [7, 8]
    for part in (7, 8):
        tell(world.registry, StreamsSeen("public", part, tuple(f"ticker {code}" for code in codes[part - 7 :: 2])))
    world.subscribe(2, ticker_want([f"KRW-Y{number:03d}" for number in range(60)]))
    renew = world.next("supervisor", Renew)
    assert renew == Renew(world.refs["source"], "parts")


def test_what_takes_back_may_be_told_again(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    for message in (Unsubscribe("one", 1), Unsubscribe("one", 1), ComponentGone("one"), ComponentGone("one")):
        ask(world.registry, message, 5)
    tell(world.registry, SnapshotServed(1, BITCOIN))
    health = world.health()
    assert (health.components, health.endpoints[0].leases, health.endpoints[0].streams) == (1, 0, 0)


def test_what_is_refused_is_counted_nowhere(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    with pytest.raises(LocalProtocolError):
        world.subscribe(1, trade_want("KRW-BTC"))
    ask(world.registry, Unsubscribe("one", 1), 5)
    assert world.health().endpoints[0].streams == 0


def test_a_deeper_book_waits_for_its_snapshot(world: World) -> None:
    world.subscribe(1, orderbook_want("KRW-BTC", depth=5))
    world.open()
    world.next("source", SendRequest)
    tell(world.registry, StreamsSeen("public", 7, ("orderbook KRW-BTC",)))
    assert not world.next("router", AddRoutes).awaits_snapshot
    world.subscribe(2, orderbook_want("KRW-BTC", depth=15))
    assert world.next("router", AddRoutes).awaits_snapshot
    assert world.next("router", Expect) == Expect(("orderbook KRW-BTC",))


def test_each_component_hears_of_the_connections_it_uses_and_once_that_one_is_open(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    tell(world.registry, SourceState("public", 1, "connecting", 5))
    world.open()
    world.subscribe(2, ticker_want("KRW-ETH"))
    world.subscribe(3, my_asset_want(), "other")
    world.subscribe(4, ticker_want("KRW-ETH"), "other")
    world.subscribe(5, ticker_want("KRW-XRP"), "other")
    tell(world.registry, SourceEnded("public", 1, 7, 3, 4, "gone"))
    heard = {name: world.drained(name) for name in ("one", "other")}
    assert [one.state for one in heard["one"]] == ["connecting", "open", "lost"]
    assert [one.state for one in heard["other"]] == ["open", "lost"]
    lost = ConnectionChanged("public", "lost", 1, 4, 3, "gone", None)
    assert heard["one"][-1] == heard["other"][-1] == lost


def test_whoever_cannot_be_served_hears_of_it(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-NONE"))
    world.open()
    while True:
        number = world.next("router", Mark).number
        tell(world.registry, Marked("public", number, float("-inf")))
        failed = [one for one in world.drained("one") if isinstance(one, StreamFailed)]
        if failed:
            break
    assert (failed[0].subscription_id, failed[0].final) == (1, False)
    assert isinstance(failed[0].error, UnknownCodeError)


def test_a_lease_that_is_refused_ends_and_is_forgotten(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    for attachment in (7, 8):
        world.open(attachment)
        tell(world.registry, SourceSaid("public", attachment, ErrorNotice("WRONG_FORMAT", "no")))
        tell(world.registry, SourceEnded("public", 1, attachment, 1, 1))
    assert world.next("one", StreamFailed).final
    assert world.next("router", DropRoutes) == DropRoutes(1)
    assert ask(world.registry, GetInheritance(), 5).claims == {}


def test_questions_are_answered_or_denied(world: World) -> None:
    answers: list[pykka.Future[Any]] = [pykka.ThreadingFuture() for _ in range(3)]
    tell(world.registry, AskExchange("private", answers[0]))
    with pytest.raises(TransportError, match="private"):
        answers[0].get(timeout=20)
    world.subscribe(1, ticker_want("KRW-BTC"))
    world.open()
    tell(world.registry, AskExchange("public", answers[1]))
    asked = world.next("source", ListSubscriptions)
    assert asked.attachment == 7
    tell(world.registry, SourceSaid("public", 7, SubscriptionList(asked.ticket, ())))
    assert answers[1].get(timeout=20).ticket == asked.ticket
    tell(world.registry, AskExchange("public", answers[2]))
    ask(world.registry, GetHealth(), 5)
    assert stop_and_join(world.registry, 5)
    with pytest.raises(TransportError, match="stopped"):
        answers[2].get(timeout=20)


def test_malformed_messages_are_counted_and_logged_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        tell(world.registry, SourceSaid("public", 7, Malformed("not JSON", "{{{")))
    assert world.health().malformed == 3
    assert caplog.text.count("not JSON") == 1


def test_that_trades_came_by_themselves_is_told_behind_a_gap(world: World) -> None:
    world.subscribe(1, trade_want("KRW-BTC"))
    world.open()
    tell(world.registry, SourceSaid("public", 7, TradesCame({"KRW-BTC": 3})))
    tell(world.registry, SourceEnded("public", 1, 7, 2, 3, "it hung up"))
    world.open(8)
    tell(world.registry, SourceSaid("public", 8, TradesCame({"KRW-BTC": 4})))
    told = world.next("one", ConnectionChanged)
    while told.state != "backfilled":
        told = world.next("one", ConnectionChanged)
    assert (told.epoch, told.backfill.recovered) == (2, {"KRW-BTC": 4})


def test_whose_trades_were_fetched_is_told_to_whom(world: World) -> None:
    world.subscribe(1, trade_want("KRW-BTC"))
    world.subscribe(2, trade_want("KRW-ETH"), "other")
    tell(world.registry, BackfillEnded(2, 5, 6, {"KRW-BTC": 3}, ()))
    told = world.next("one", ConnectionChanged)
    assert (told.state, told.epoch, told.gap_started_ns) == ("backfilled", 2, 5)
    assert told.backfill.recovered == {"KRW-BTC": 3}
    assert not world.drained("other")


def test_what_it_leaves_is_enough_for_its_successor(world: World) -> None:
    world.subscribe(1, ticker_want(["KRW-BTC", "KRW-ETH"], realtime=False))
    world.subscribe(2, my_asset_want(), "other")
    world.open()
    tell(world.registry, SnapshotServed(1, BITCOIN))
    tell(world.registry, DropSource("public", 1))
    tell(world.registry, UseSource("public", world.refs["source"], 1))  # one that is there: a bug
    failed = world.next("supervisor", Failed)
    assert failed.name == "registry"
    successor = World(failed.inheritance)
    try:
        assert [one.streams for one in successor.drained("router") if isinstance(one, AddRoutes)] == [
            ("ticker KRW-ETH",),
            ("myAsset *",),
        ]
        health = successor.health()
        assert [(one.streams, one.leases, one.epoch) for one in health.endpoints] == [
            (1, 1, 1),
            (1, 1, 0),
            (0, 0, 0),
            (0, 0, 0),
        ]
        ask(successor.registry, ComponentGone("one"), 5)
        ask(successor.registry, ComponentGone("other"), 5)
        assert [one.streams for one in successor.health().endpoints] == [0, 0, 0, 0]
    finally:
        successor.stop()


def test_what_only_one_of_them_knew_when_the_bug_struck_is_not_inherited(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    world.subscribe(2, ticker_want("KRW-ETH"))
    left: RegistryInheritance = ask(world.registry, GetInheritance(), 5)
    endpoint = left.endpoints["public"]
    leases = msgspec.structs.replace(
        endpoint.leases, leases={2: endpoint.leases.leases[2], 3: endpoint.leases.leases[2]}
    )
    broken = msgspec.structs.replace(
        left, endpoints={**left.endpoints, "public": msgspec.structs.replace(endpoint, leases=leases)}
    )
    successor = World(broken)
    try:
        again: RegistryInheritance = ask(successor.registry, GetInheritance(), 5)
        assert set(again.claims) == set(again.endpoints["public"].leases.leases) == {2}
    finally:
        successor.stop()


# --- clients of a server


class Nobody(Mouth):
    """Nothing is brought here: the router only notes."""

    def deliver(self, rows: Sequence[tuple[Way, list[Event]]]) -> None:
        raise NotImplementedError

    def convey(self, way: Way, news: object) -> None:
        raise NotImplementedError


@pytest.fixture
def way(world: World) -> Way:
    way = Way(3, Nobody())
    tell(world.registry, Watch("guest", way))
    return way


def take(world: World, way: Way, number: int, want: Want, *, replays: bool = True) -> None:
    tell(world.registry, Subscribe("guest", number, want, way, None, replays))


def test_a_client_hears_through_the_router_and_nowhere_else(world: World, way: Way) -> None:
    take(world, way, 1, ticker_want("KRW-BTC"))
    route = world.next("router", AddRoutes)
    assert (route.mailbox, route.component, route.replay, route.snapshots) == (way, None, True, True)
    tell(world.registry, SourceState("public", 1, "connecting", 5))
    world.open()
    kinds = [world.told["router"].get(timeout=20) for _ in range(4)]
    assert [type(one).__name__ for one in kinds] == ["Convey", "Turn", "Convey", "Admit"], (
        "before any data of the epoch"
    )
    news = [one.news for one in kinds if isinstance(one, Convey)]
    assert [one.state for one in news if isinstance(one, ConnectionChanged)] == ["connecting", "open"]
    assert all(one.way is way and not one.is_answer for one in kinds if isinstance(one, Convey))


def test_a_client_gets_snapshots_whatever_it_wants_and_a_last_value_only_once(world: World, way: Way) -> None:
    take(world, way, 1, ticker_want("KRW-BTC", snapshot=False))
    take(world, way, 2, ticker_want("KRW-ETH"), replays=False)
    first, second = world.next("router", AddRoutes), world.next("router", AddRoutes)
    assert (first.snapshots, first.replay, second.replay) == (True, False, False)


def test_a_client_whose_want_is_refused_hears_of_it_in_its_stream(world: World, way: Way) -> None:
    take(world, way, 1, ticker_want("KRW-BTC"))
    world.next("router", AddRoutes)
    take(world, way, 1, trade_want("KRW-BTC"))
    news = world.next("router", Convey).news
    assert isinstance(news, StreamFailed)
    assert (news.subscription_id, news.final, news.streams) == (1, True, ("trade KRW-BTC",))
    assert world.health().endpoints[0].leases == 1


def test_a_client_whose_lease_the_exchange_refuses_hears_which_streams_are_gone(world: World, way: Way) -> None:
    take(world, way, 1, ticker_want(["KRW-BTC", "KRW-ETH"]))
    for attachment in (7, 8):
        world.open(attachment)
        tell(world.registry, SourceSaid("public", attachment, ErrorNotice("WRONG_FORMAT", "no")))
        tell(world.registry, SourceEnded("public", 1, attachment, 1, 1))
    while not isinstance(news := world.next("router", Convey).news, StreamFailed):
        pass
    assert (news.final, set(news.streams)) == (True, {BITCOIN, "ticker KRW-ETH"})


def test_a_door_that_names_who_is_guilty_is_believed(world: World, way: Way) -> None:
    tell(world.registry, UseSource("public", world.refs["source"], 2, is_paced=False, names_guilty=True))
    take(world, way, 1, ticker_want("KRW-BTC"))
    take(world, way, 2, ticker_want("KRW-BAD"))
    tell(world.registry, SourceOpened("public", 2, 9, 1))
    world.next("source", SendRequest)
    tell(world.registry, SourceSaid("public", 9, Refused(("ticker KRW-BAD",), "WRONG_FORMAT", "no")))
    while not isinstance(news := world.next("router", Convey).news, StreamFailed):
        pass
    assert (news.subscription_id, news.streams) == (2, ("ticker KRW-BAD",))
    assert list(ask(world.registry, GetInheritance(), 5).claims) == [1]


def test_an_answer_goes_the_client_s_way_with_its_own_ticket(world: World, way: Way) -> None:
    take(world, way, 1, ticker_want("KRW-BTC"))
    world.open()
    world.next("source", SendRequest)
    tell(world.registry, AskExchange("public", Asker(way, "mine")))
    question = world.next("source", ListSubscriptions)
    assert question.ticket != "mine", "two clients may have the same"
    world.drained("router")
    entry = SubscribedEntry("ticker", ("KRW-BTC",), None, {})
    tell(world.registry, SourceSaid("public", 7, SubscriptionList(question.ticket, (entry,))))
    answer = world.next("router", Convey)
    assert answer == Convey(way, SubscriptionList("mine", (entry,)), is_answer=True)


def test_who_asks_where_nothing_is_open_gets_no_answer(world: World, way: Way) -> None:
    tell(world.registry, AskExchange("private", Asker(way, "mine")))
    assert not [one for one in world.drained("router") if isinstance(one, Convey) and one.is_answer]


def test_a_client_that_has_gone_leaves_no_route(world: World, way: Way) -> None:
    take(world, way, 1, ticker_want("KRW-BTC"))
    tell(world.registry, ComponentGone("guest"))
    assert world.next("router", DropRoutes) == DropRoutes(1)
    assert world.health().endpoints[0].leases == 0


def test_a_sign_is_asked_of_the_sources_and_a_guest_s_question_goes_on_to_the_router(world: World) -> None:
    tell(world.registry, AskReach("public"))
    assert world.next("source", Reach) == Reach("public")
    assert world.drained("router") == []
    way = Way(3, Nobody())
    tell(world.registry, AskReach("public", way))
    assert world.next("source", Reach) == Reach("public")
    assert world.next("router", AwaitReach) == AwaitReach("public", way)


def test_closed_candles_are_routed_as_such_and_hear_of_their_own_gaps(world: World) -> None:
    closing = Closing(empty=True, history=5)
    world.subscribe(1, candle_want("KRW-BTC", closing=closing))
    assert world.next("router", AddRoutes).closing == closing
    world.subscribe(2, candle_want("KRW-BTC"), "other")
    assert world.next("router", AddRoutes).closing is None
    world.drained("one")
    world.drained("other")
    missing = Unrecovered("KRW-BTC", 5, 7, "why", "candle.1m")
    tell(world.registry, BackfillEnded(2, 5, 7, {"KRW-BTC": 3}, (missing,), "candle.1m"))
    told = world.next("one", ConnectionChanged)
    assert (told.state, told.backfill.recovered, told.backfill.unrecovered) == (
        "backfilled",
        {"KRW-BTC": 3},
        (missing,),
    )
    assert world.drained("other") == [], "who takes candles as they change misses none of them for good"
