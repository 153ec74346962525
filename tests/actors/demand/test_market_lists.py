"""Patterns at the registry, by its messages: routes and notices in their order, reports, questions, a bug in between.

The source of lists is a stand-in; what a list means for patterns is in tests/protocol/demand/test_patterns.py.
"""

import queue
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from websocket_v6.actors.base import Actor, ask, stop_and_join, tell
from websocket_v6.actors.demand.health import RegistryHealth
from websocket_v6.actors.demand.inheritance import OWNER
from websocket_v6.actors.demand.registry import Registry, RegistryInheritance
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import GetHealth, GetInheritance, Ref
from websocket_v6.actors.messages.component import MarketsListed, StreamFailed
from websocket_v6.actors.messages.connection import Connect, Disconnect, Reach, SendRequest
from websocket_v6.actors.messages.markets import Recall, SilentCodes
from websocket_v6.actors.messages.registry import (
    AskMarkets,
    AskReach,
    ComponentGone,
    Marked,
    SourceOpened,
    SourceSaid,
    StreamsSeen,
    Subscribe,
    Unsubscribe,
    UseRouter,
    UseSource,
    Watch,
)
from websocket_v6.actors.messages.router import AddRoutes, Convey, DropRoutes, Notify
from websocket_v6.actors.messages.supervisor import Failed
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.commands import Mark
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.errors import TransportError, UnknownCodeError
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.exchange.market_list import Listing, Market
from websocket_v6.protocol.exchange.wants import Want, orderbook_want, ticker_want
from websocket_v6.protocol.server.words import Refused

ALL = ticker_want("KRW-*")
L = 1_000_000
OURS = range(L, 2 * L)  # numbers of leases that the registry gives to nobody


class Note(Actor):
    """Keeps what it is told."""

    def __init__(self, out: "queue.SimpleQueue[Any]") -> None:
        super().__init__()
        self._out = out

    def on_receive(self, message: object) -> None:
        self._out.put(message)


class World:
    """A registry, a source of lists, one of data, and two components."""

    def __init__(self, inheritance: RegistryInheritance | None = None) -> None:
        names = ("lists", "source", "router", "bot", "desk", "supervisor")
        self.told: dict[str, queue.SimpleQueue[Any]] = {name: queue.SimpleQueue() for name in names}
        self.refs = {name: Note.start(out) for name, out in self.told.items()}
        config = Config(gather=0.02, silent_code_timeout=0.1, markets_interval=1.0)
        self.registry: Ref = Registry.start(config=config, supervisor=self.refs["supervisor"], inheritance=inheritance)
        self.mailboxes: dict[int, MailboxQueue] = {}
        self.ways: dict[str, Way] = {}
        self.at_ns = 0
        tell(self.registry, UseRouter(self.refs["router"], {}))
        tell(self.registry, UseSource("markets", self.refs["lists"], 1, is_paced=False, names_guilty=True))
        tell(self.registry, UseSource("public", self.refs["source"], 2))
        for name in ("bot", "desk"):
            tell(self.registry, Watch(name, self.refs[name]))

    def subscribe(self, number: int, want: Want = ALL, component: str = "bot") -> None:
        mailbox = self.mailboxes.setdefault(number, MailboxQueue(Mailbox.latest()))
        self.ask(Subscribe(component, number, want, mailbox, self.refs[component]))

    def unsubscribe(self, number: int, part: Want | None = None, component: str = "bot") -> None:
        self.ask(Unsubscribe(component, number, part))

    def ask(self, message: object) -> Any:
        return ask(self.registry, message, 20.0)

    def settle(self) -> None:
        """Have the registry heed all that it was told."""
        self.ask(GetHealth())

    def hear(self, name: str, kind: type[Any]) -> Any:
        """Wait for a message of this kind to somebody; forget what is before it."""
        while True:
            message = self.told[name].get(timeout=20.0)
            if isinstance(message, AddRoutes) and message.endpoint == "markets" and isinstance(message.mailbox, Way):
                self.ways[message.streams[0]] = message.mailbox
            if isinstance(message, kind):
                return message

    def heard(self, name: str, *kinds: type[Any]) -> list[Any]:
        """Return all such messages that somebody has been told by now."""
        self.settle()
        ask(self.refs[name], "are you there?", 20.0)
        found = []
        while not self.told[name].empty():
            message = self.told[name].get()
            if isinstance(message, AddRoutes) and message.endpoint == "markets" and isinstance(message.mailbox, Way):
                self.ways[message.streams[0]] = message.mailbox
            found.append(message)
        return [one for one in found if isinstance(one, kinds)]

    def list(self, codes: str, quote: str = "KRW") -> None:
        """Have the router deliver a list to the registry."""
        self.heard("router")
        self.at_ns += 1
        markets = tuple(Market(f"{quote}-{code}", code, code) for code in codes)
        stream = f"markets {quote}"
        event = make_event(stream, Listing(quote, self.at_ns, markets).encode(), 1, 1)
        self.ways[stream].mouth.deliver([(self.ways[stream], [event])])
        self.settle()

    def open(self, endpoint: str, source: int) -> None:
        tell(self.registry, SourceOpened(endpoint, source, source * 10, 1))

    def close(self) -> None:
        for ref in (self.registry, *self.refs.values()):
            stop_and_join(ref, 20.0)
        assert [one for one in _all(self.told["supervisor"]) if isinstance(one, Failed)] == []


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def flat(messages: list[Any]) -> list[Any]:
    """Return what the router is told, in few words."""
    found: list[Any] = []
    for one in messages:
        match one:
            case AddRoutes(number, _, streams):
                found.append(("add", number, *streams))
            case DropRoutes(number, streams):
                found.append(("drop", number, *(streams or ())))
            case Notify(number, _, _, event):
                found.append(("note", number, event.added, event.removed))
    return found


def routed(world: World) -> list[Any]:
    """Return what the router is told of components' leases; the registry has some of its own, for the lists."""
    told = flat(world.heard("router", AddRoutes, DropRoutes, Notify))
    return [one for one in told if one[1] in OURS]


def _all(messages: "queue.SimpleQueue[Any]") -> Iterator[Any]:
    while not messages.empty():
        yield messages.get()


def test_the_list_is_had_as_a_stream_and_nothing_is_asked_of_the_exchange_before(world: World) -> None:
    world.subscribe(L + 7)
    assert world.hear("lists", Connect).types == [{"type": "markets", "codes": ["KRW"]}]
    assert world.heard("source", Connect) == []
    assert routed(world) == []
    assert isinstance(world.ask(GetHealth()), RegistryHealth)


def test_what_is_new_is_told_then_routed_and_what_is_gone_the_other_way_round(world: World) -> None:
    world.subscribe(L + 7)
    world.subscribe(L + 8, component="desk")
    world.list("AB")
    both = ("KRW-A", "KRW-B")
    assert routed(world) == [
        ("note", L + 7, both, ()),
        ("note", L + 8, both, ()),
        ("add", L + 7, "ticker KRW-A", "ticker KRW-B"),
        ("add", L + 8, "ticker KRW-A", "ticker KRW-B"),
    ]
    world.list("BC")
    assert routed(world) == [
        ("drop", L + 7, "ticker KRW-A"),
        ("drop", L + 8, "ticker KRW-A"),
        ("note", L + 7, ("KRW-C",), ("KRW-A",)),
        ("note", L + 8, ("KRW-C",), ("KRW-A",)),
        ("add", L + 7, "ticker KRW-C"),
        ("add", L + 8, "ticker KRW-C"),
    ]
    told = world.heard("desk", MarketsListed)
    assert [one.markets.codes for one in told] == [both, ("KRW-B", "KRW-C")]
    assert {one.event for one in told} == {None}, "its mailbox tells it"


def test_all_components_together_are_one_request(world: World) -> None:
    for number in range(100):
        world.subscribe(L + number, component="bot" if number % 2 else "desk")
    world.list("ABC")
    world.hear("source", Connect)
    world.open("public", 2)
    request = world.hear("source", SendRequest)
    assert request.types == [{"type": "ticker", "codes": ["KRW-A", "KRW-B", "KRW-C"]}]
    tell(world.registry, StreamsSeen("public", 20, ("ticker KRW-A", "ticker KRW-B", "ticker KRW-C")))
    world.list("BCD")
    request = world.hear("source", SendRequest)
    assert request.types == [
        {"type": "ticker", "codes": ["KRW-B", "KRW-C"], "is_only_realtime": True},
        {"type": "ticker", "codes": ["KRW-D"]},
    ]
    assert world.heard("source", SendRequest) == []
    assert [type(one) for one in world.heard("lists", Connect)] == [Connect], "one list for all"


def test_a_pattern_and_codes_of_one_subscription(world: World) -> None:
    world.subscribe(L + 7, ticker_want("KRW-A"))
    world.subscribe(L + 7, Want("ticker", ("KRW-A",), quotes=("KRW",)))
    world.list("AB")
    assert ("add", L + 7, "ticker KRW-B") in routed(world)
    world.unsubscribe(L + 7, Want("ticker", quotes=("KRW",)))
    assert routed(world) == [("drop", L + 7, "ticker KRW-B")]
    world.unsubscribe(L + 7)
    assert routed(world) == [("drop", L + 7)]


def test_what_is_left_without_a_code_lives_on(world: World) -> None:
    world.subscribe(L + 7)
    world.list("A")
    world.unsubscribe(L + 7, ticker_want("KRW-A"))
    assert routed(world)[-1][:2] == ("drop", L + 7)
    world.list("AB")
    assert ("add", L + 7, "ticker KRW-B") in routed(world)


@pytest.mark.parametrize("how", ["unsubscribe", "leave"])
@pytest.mark.parametrize("is_listed", [True, False])
def test_nobody_wants_it_any_more(world: World, how: str, is_listed: bool) -> None:
    world.subscribe(L + 7)
    world.hear("lists", Connect)
    if is_listed:
        world.list("A")
    world.unsubscribe(L + 7) if how == "unsubscribe" else world.ask(ComponentGone("bot"))
    world.hear("lists", Disconnect)
    assert routed(world)[-1] == ("drop", L + 7)
    inheritance = world.ask(GetInheritance())
    assert inheritance.claims == {}


def test_an_unknown_quote_currency_ends_the_subscription_and_denies_the_question(world: World) -> None:
    world.subscribe(L + 7, ticker_want(["KRW-B", "EUR-*"]))
    answer: pykka.Future[Any] = pykka.ThreadingFuture()
    tell(world.registry, AskMarkets("desk", "EUR", answer))
    world.open("markets", 1)
    world.hear("lists", SendRequest)
    refused = Refused(("markets EUR",), "UNKNOWN_QUOTE", "there are no EUR markets here; the quote currencies are KRW")
    tell(world.registry, SourceSaid("markets", 10, refused))
    told = world.hear("router", Convey)
    told.way.mouth.convey(told.way, told.news)  # as the router does
    failed = world.hear("bot", StreamFailed)
    assert (failed.subscription_id, failed.final) == (L + 7, True)
    assert str(failed.error).startswith("there are no EUR markets here")
    with pytest.raises(UnknownCodeError, match="no EUR markets"):
        answer.get(timeout=20.0)
    assert routed(world)[-1][:2] == ("drop", L + 7)


def test_a_market_that_is_listed_and_silent_is_no_unknown_code_and_is_asked_for_again(world: World) -> None:
    world.subscribe(L + 7)
    world.subscribe(L + 8, ticker_want(["KRW-B", "KRW-NOPE"]), component="desk")
    world.list("AB")
    world.hear("source", Connect)
    world.open("public", 2)
    world.hear("source", SendRequest)
    tell(world.registry, StreamsSeen("public", 20, ("ticker KRW-A",)))
    mark = world.hear("router", Mark)
    tell(world.registry, Marked("public", mark.number, float("-inf")))
    failed = world.hear("desk", StreamFailed)
    assert isinstance(failed.error, UnknownCodeError)
    assert failed.error.codes == ("KRW-NOPE",)
    assert "KRW-B" not in str(failed.error)
    assert world.heard("bot", StreamFailed) == []
    assert world.hear("lists", SilentCodes).codes == ("KRW-B",), "the list may have changed"
    world.list("AB")
    mark = world.hear("router", Mark)  # what the first request began is not waited for any longer
    tell(world.registry, Marked("public", mark.number, float("-inf")))
    assert world.hear("source", SendRequest).types == [
        {"type": "ticker", "codes": ["KRW-A"], "is_only_realtime": True},
        {"type": "ticker", "codes": ["KRW-B", "KRW-NOPE"]},
    ]


def test_a_question_is_answered_by_the_first_list_and_keeps_it_coming(world: World) -> None:
    answers: list[pykka.Future[Any]] = [pykka.ThreadingFuture() for _ in range(3)]
    for answer in answers[:2]:
        tell(world.registry, AskMarkets("bot", "KRW", answer))
    world.hear("lists", Connect)
    world.list("AB")
    assert [one.get(timeout=20.0).codes for one in answers[:2]] == [("KRW-A", "KRW-B")] * 2
    assert world.hear("bot", MarketsListed).event.added == ("KRW-A", "KRW-B")
    tell(world.registry, AskMarkets("desk", "KRW", answers[2]))
    assert len(answers[2].get(timeout=20.0)) == 2
    assert world.hear("desk", MarketsListed).event is None
    world.list("ABC")
    assert [world.hear(name, MarketsListed).event.added for name in ("bot", "desk")] == [("KRW-C",)] * 2
    world.ask(ComponentGone("bot"))
    world.ask(ComponentGone("desk"))
    world.hear("lists", Disconnect)


def test_nobody_waits_for_a_registry_that_is_gone() -> None:
    world = World()
    answer: pykka.Future[Any] = pykka.ThreadingFuture()
    tell(world.registry, AskMarkets("bot", "KRW", answer))
    world.close()
    with pytest.raises(TransportError):
        answer.get(timeout=20.0)


def test_what_outlives_a_bug(world: World) -> None:
    world.subscribe(L + 7)
    world.subscribe(L + 9, orderbook_want("BTC-*"), component="desk")  # of which nothing is known yet
    world.list("AB")
    left = world.ask(GetInheritance())
    assert OWNER not in {claim.component_id for claim in left.claims.values()}
    heir = World(left)
    try:
        assert [one.quote for one in heir.hear("lists", Recall).listings] == ["KRW"]
        assert heir.hear("lists", Connect).types == [{"type": "markets", "codes": ["BTC", "KRW"]}]
        assert ("add", L + 7, "ticker KRW-A", "ticker KRW-B") in routed(heir)
        heir.list("BC")
        assert routed(heir) == [
            ("drop", L + 7, "ticker KRW-A"),
            ("note", L + 7, ("KRW-C",), ("KRW-A",)),
            ("add", L + 7, "ticker KRW-C"),
        ]
        heir.list("Z", "BTC")
        assert ("add", L + 9, "orderbook BTC-Z") in routed(heir)
    finally:
        heir.close()


def test_what_is_no_list_changes_nothing(world: World) -> None:
    world.subscribe(L + 7)
    world.list("A")
    way = world.ways["markets KRW"]
    way.mouth.deliver([(way, [make_event("markets KRW", b"{}", 1, 1)])])
    assert routed(world)[-1] == ("add", L + 7, "ticker KRW-A")


def test_no_sign_of_the_exchange_s_time_is_asked_of_the_lists(world: World) -> None:
    tell(world.registry, AskReach("public"))
    assert world.hear("source", Reach) == Reach("public")
    assert world.heard("lists", Reach) == []


def test_what_the_exchange_refuses_is_over_and_grows_no_more(world: World) -> None:
    tell(world.registry, UseSource("public", world.refs["source"], 3, is_paced=False, names_guilty=True))
    world.subscribe(L + 7)
    world.subscribe(L + 8, component="desk", want=orderbook_want("KRW-*"))
    world.list("AB")
    world.open("public", 3)
    world.hear("source", SendRequest)
    tell(world.registry, SourceSaid("public", 30, Refused(("ticker KRW-A",), "WRONG_FORMAT", "no")))
    failed = world.hear("bot", StreamFailed)
    assert (failed.subscription_id, failed.final) == (L + 7, True)
    world.list("ABC")
    assert [one for one in routed(world) if one[1] == L + 7] == []
    assert set(world.ask(GetInheritance()).claims) == {L + 8}
