"""The source of lists by its messages: the router hears what it would of any source. The exchange is the simulator."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from tests.actors.ear import Ear
from tests.conftest import wait_until
from websocket_v6.actors.base import Actor, ask, stop_and_join, tell
from websocket_v6.actors.markets.market_source import MarketSource
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.connection import (
    Connect,
    Disconnect,
    ListSubscriptions,
    Resign,
    SendRequest,
    Suspect,
)
from websocket_v6.actors.messages.markets import MarketsHealth, Recall, SilentCodes
from websocket_v6.actors.messages.router import (
    Attach,
    GetLastValues,
    SourceEnded,
    SourceOpened,
    SourceSaid,
    SourceState,
)
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.market_list import Listing, Market, read_listing
from websocket_v6.protocol.server.words import Refused
from websocket_v6.simulator import Simulator

CODES = ["KRW-BTC", "KRW-ETH", "BTC-ETH"]
M = TypeVar("M")


class Router(Actor):
    """Passes on what it is told; it knows no values."""

    def __init__(self, ear: Ear) -> None:
        super().__init__()
        self._ear = ear

    def on_receive(self, message: object) -> object:
        if not isinstance(message, GetLastValues):
            self._ear.tell(message)
        return None


class World:
    """One source, told what the registry would."""

    def __init__(self, url: str, interval: float = 0.6) -> None:
        self.ear, self.supervisor = Ear(), Ear()
        self.router = Router.start(self.ear)
        config = Config(url=url, markets_interval=interval, proxy="direct")
        self.source: Ref = MarketSource.start(
            endpoint="markets", source=5, config=config, router=self.router, supervisor=self.supervisor.ref
        )
        self.attachment = 0

    def close(self) -> None:
        stop_and_join(self.source, 20.0)
        stop_and_join(self.router, 20.0)
        assert self.supervisor.heard() == []

    def hear(self, kind: type[M]) -> M:
        """Wait for a message of this kind; what is not of it is forgotten."""
        while True:
            message = self.ear.hear()
            if isinstance(message, kind):
                return message

    def open(self, *quotes: str, is_admitted: bool = True) -> None:
        """Have it open, with `quotes` requested, and admitted."""
        tell(self.source, Connect("markets"))
        attach = self.hear(Attach)
        opened = self.hear(SourceOpened)
        self.attachment = opened.attachment
        assert (attach.attachment, attach.endpoint, attach.source) == (opened.attachment, "markets", 5)
        self.request(1, *quotes)
        self.credits = attach.credits
        for _ in range(attach.size if is_admitted else 0):
            self.credits.put(True)

    def request(self, number: int, *quotes: str) -> None:
        types: list[dict[str, object]] = [{"type": "markets", "codes": list(quotes)}]
        tell(self.source, SendRequest("markets", number, types, self.attachment))

    def lists(self) -> dict[str, list[str]]:
        """Wait for a batch; return what it lists, and give its credit back."""
        batch = self.hear(Batch)
        assert batch.attachment == self.attachment
        self.credits.put(True)
        return {
            stream: [one.code for one in read_listing(payload).markets]
            for stream, payload in zip(batch.streams, batch.payloads, strict=True)
        }

    def wait_for(self, codes: list[str], quote: str = "KRW") -> None:
        until = time.monotonic() + 20
        while self.lists().get(f"markets {quote}") != codes:
            assert time.monotonic() < until


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(markets=CODES) as made:
        yield made


@pytest.fixture
def world(sim: Simulator) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(**options: Any) -> World:
        made.append(World(sim.url, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def calls(sim: Simulator) -> int:
    return sum("/v1/market/all" in call for call in sim.rest_calls())


def test_it_opens_with_the_first_list_and_brings_what_is_requested(sim: Simulator, world: Callable[..., World]) -> None:
    one = world(interval=60.0)
    one.open("KRW")
    assert one.lists() == {"markets KRW": ["KRW-BTC", "KRW-ETH"]}
    one.request(2, "KRW", "BTC")
    assert one.lists() == {"markets BTC": ["BTC-ETH"]}
    health = ask(one.source, GetHealth(), 20.0)
    assert isinstance(health, MarketsHealth)
    assert health.problem == ""
    assert abs(time.time_ns() - health.listed_ns) < 20e9


def test_without_a_credit_the_newest_list_waits(sim: Simulator, world: Callable[..., World]) -> None:
    one = world(interval=0.3)
    one.open("KRW", is_admitted=False)
    sim.list_market("KRW-NEW", 10)
    before = calls(sim)
    sim.wait(lambda _: calls(sim) > before + 2)
    assert not [message for message in one.ear.heard() if isinstance(message, Batch)]
    one.credits.put(True)
    assert one.lists() == {"markets KRW": ["KRW-BTC", "KRW-ETH", "KRW-NEW"]}


def test_it_says_why_there_is_no_list_yet(sim: Simulator, world: Callable[..., World]) -> None:
    sim.refuse(500, times=2, endpoint="/v1/market/all")
    one = world(interval=0.6)
    tell(one.source, Connect("markets"))
    states = [one.hear(SourceState) for _ in range(3)]
    assert [state.state for state in states] == ["connecting", "lost", "lost"]
    assert "HTTP 500" in states[1].reason
    assert states[1].retry_in is not None
    one.hear(SourceOpened)


def test_failures_change_nothing_and_show_in_its_health(sim: Simulator, world: Callable[..., World]) -> None:
    one = world(interval=0.2)
    one.open("KRW")
    one.lists()
    sim.spoil("/v1/market/all", "empty", times=None)
    before = calls(sim)
    sim.wait(lambda _: calls(sim) > before + 2)
    assert "without a market" in ask(one.source, GetHealth(), 20.0).problem
    one.ear.heard()
    sim.mend()
    one.wait_for(["KRW-BTC", "KRW-ETH"])


def test_an_unknown_quote_currency_is_refused_by_name(world: Callable[..., World]) -> None:
    one = world(interval=60.0)
    one.open("EUR")
    said = one.hear(SourceSaid)
    assert said.attachment == one.attachment
    assert isinstance(said.notice, Refused)
    assert said.notice.streams == ("markets EUR",)
    assert "BTC, KRW" in said.notice.text


def test_nobody_wants_it_any_more_and_then_again(sim: Simulator, world: Callable[..., World]) -> None:
    one = world(interval=60.0)
    one.open("KRW")
    one.lists()
    tell(one.source, Disconnect("markets"))
    first = one.attachment
    assert one.hear(SourceEnded).attachment == first
    one.open("KRW")
    assert one.attachment != first
    one.lists()
    assert calls(sim) == 1, "the list is not old"
    tell(one.source, SendRequest("markets", 9, [{"type": "markets", "codes": ["BTC"]}], first))  # void
    tell(one.source, ListSubscriptions("markets", "ticket", first))
    tell(one.source, ListSubscriptions("markets", "ticket", one.attachment))
    said = one.hear(SourceSaid)
    assert (said.attachment, said.notice) == (one.attachment, SubscriptionList("ticket", ()))


def test_what_another_knew_is_brought_without_a_call(sim: Simulator, world: Callable[..., World]) -> None:
    one = world(interval=60.0)
    tell(one.source, Recall((Listing("KRW", time.time_ns(), (Market("KRW-OLD", "", ""),)),)))
    one.open("KRW")
    assert one.lists() == {"markets KRW": ["KRW-OLD"]}
    assert calls(sim) == 0


def test_silent_codes_bring_the_next_call_forward(sim: Simulator, world: Callable[..., World]) -> None:
    one = world(interval=3.0)
    one.open("KRW")
    one.lists()
    sim.list_market("KRW-NEW", 10)
    began = time.monotonic()
    tell(one.source, SilentCodes(("KRW-NEW",)))
    one.wait_for(["KRW-BTC", "KRW-ETH", "KRW-NEW"])
    assert time.monotonic() - began < 2.5, "an interval is three seconds"


def test_what_is_for_connections_is_nothing_to_it(world: Callable[..., World]) -> None:
    one = world(interval=60.0)
    tell(one.source, Suspect("markets", 1, "it is silent"))
    assert ask(one.source, Resign(), 20.0) is None
    one.open("KRW")
    one.lists()


def test_it_ends_in_the_middle_of_a_call(sim: Simulator, world: Callable[..., World]) -> None:
    sim.spoil("/v1/market/all", "hang", times=None)
    one = world(interval=60.0)
    tell(one.source, Connect("markets"))
    one.hear(SourceState)
    wait_until(lambda: "markets" in {thread.name for thread in threading.enumerate()}, "the call")
    one.close()
    wait_until(lambda: "markets" not in {thread.name for thread in threading.enumerate()}, "its end")
    sim.mend()
