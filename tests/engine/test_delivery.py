"""What reaches a component, and how: policies under a producer that is too fast, views, sources that wait."""

import pickle
import threading
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6 import Config, GenericEvent, Mailbox, OverflowEvent, TickerEvent, WebSocketClientProxy
from websocket_v6.simulator import Simulator

FAST = 400  # messages that come while the callback sits on the first


def sit_through(sim: Simulator, proxy: WebSocketClientProxy, mailbox: Mailbox | None) -> tuple[list[Any], Any]:
    """Subscribe with a callback that holds on to its first event until everything else has been received."""
    release = threading.Event()
    events: list[Any] = []

    def slow(event: Any) -> None:
        events.append(event)
        release.wait(30)

    subscription = proxy.subscribe_ticker(["KRW-BTC", "KRW-ETH"], slow, mailbox=mailbox, snapshot=False)
    try:
        sim.wait_served({"ticker KRW-BTC", "ticker KRW-ETH"})
        sim.trade("KRW-BTC")
        # Two that come while the component still sleeps would begin with the notice of a drop.
        wait_until(lambda: events, "the callback holding on to the first")
        for index in range(1, FAST):
            sim.trade(("KRW-BTC", "KRW-ETH")[index % 2])
            if index >= FAST - 10:
                sim.flush()  # the last ones one after the other, whatever the weather
        wait_until(lambda: subscription.stats.received == FAST, "all of them in the mailbox")
        stats = subscription.stats
        assert stats.received == stats.delivered + stats.dropped + stats.queued
        assert stats.delivered == len(events) == 1
    finally:
        release.set()
    wait_until(lambda: subscription.stats.queued == 0, "all of them taken")
    return events, subscription


def check_counts(events: list[Any], subscription: Any) -> None:
    wait_until(
        lambda: sum(one.dropped for one in events if isinstance(one, OverflowEvent)) == subscription.stats.dropped,
        "every drop told",
    )
    stats = subscription.stats
    data = [one for one in events if isinstance(one, TickerEvent)]
    assert stats.received == FAST == len(data) + stats.dropped
    for code in ("KRW-BTC", "KRW-ETH"):
        times = [one.received_at for one in data if one.symbol == code]
        assert times == sorted(times)


@pytest.mark.parametrize(
    ("mailbox", "delivered"),
    [
        (Mailbox.drop_oldest(50, notify=True), 51),
        (Mailbox.latest(notify=True), 3),
        (Mailbox.throttle(0.05, notify=True), 3),
        (Mailbox.lossless(1 << 24), FAST),
        (Mailbox.block(FAST + 1), FAST),
        (None, FAST),
    ],
    ids=repr,
)
def test_a_policy_does_what_it_says(sim: Simulator, config: Config, mailbox: Mailbox | None, delivered: int) -> None:
    with WebSocketClientProxy("slow", config=config) as proxy:
        events, subscription = sit_through(sim, proxy, mailbox)
        wait_until(lambda: subscription.stats.delivered == delivered, f"{delivered} delivered")
        check_counts(events, subscription)
        last = {one.symbol: one for one in events if isinstance(one, TickerEvent)}
        for code in ("KRW-BTC", "KRW-ETH"):
            text = sim.sent(stream=f"ticker {code}")[-1].text
            assert last[code]._payload.decode() == text, "the newest is never the one dropped"


def test_a_blocking_mailbox_makes_the_exchange_wait(sim: Simulator) -> None:
    config = Config(url=sim.url, compression=False)
    release = threading.Event()
    seen: list[Any] = []

    def slow(event: Any) -> None:
        seen.append(event)
        release.wait(30)

    with WebSocketClientProxy("replay", config=config) as proxy:
        try:
            blocked = proxy.subscribe_trade("KRW-BTC", slow, mailbox=Mailbox.block(5))
            wait_until(lambda: seen, "the first event")
            for _ in range(200):
                sim.trade("KRW-BTC")
            wait_until(lambda: blocked.stats.queued >= 5, "a full mailbox")
        finally:
            release.set()
        wait_until(lambda: len(seen) == 201, "all of them, late")
        assert blocked.stats.dropped == 0


def test_floats_on_request(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("floats", config=config) as proxy:
        exact = proxy.subscribe_ticker("KRW-BTC")
        near = proxy.subscribe_ticker("KRW-BTC", numbers=float)
        one, other = exact.get(20), near.get(20)
        assert isinstance(one, TickerEvent)
        assert isinstance(other, TickerEvent)
        assert isinstance(one.trade_price, Decimal)
        assert isinstance(other.trade_price, float)
        assert float(one.trade_price) == other.trade_price


def test_components_share_one_event(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("one", config=config) as one, WebSocketClientProxy("two", config=config) as two:
        mine, theirs = one.subscribe_ticker("KRW-BTC"), two.subscribe_ticker("KRW-BTC")
        mine.get(20), theirs.get(20)
        sim.trade("KRW-BTC")
        event = mine.get(20)
        assert event is theirs.get(20), "decoded once for all components of the process"
        assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301


def test_an_announcement_has_its_text_only_for_who_asked(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("news", config=config) as proxy:
        long: Any = proxy.subscribe_announcement(include_body=True)
        short: Any = proxy.subscribe_announcement(categories=["trade"])
        sim.wait_served({"announcement *"}, endpoint="private")
        wait_until(lambda: len(sim.connections("private")[0].requests) >= 1, "the request")
        sim.announce("A new market", category="trade", body="# Text")
        sim.announce("Some maintenance", category="maintenance", body="# More")
        first = long.get(20)
        assert (first.title, first.body) == ("A new market", "# Text")
        assert long.get(20).title == "Some maintenance"
        only = short.get(20)
        assert (only.title, only.body) == ("A new market", None)
        with pytest.raises(TimeoutError):
            short.get(0.05)


def test_an_unknown_type_reaches_who_takes_that_code(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("curious", config=config) as proxy:
        mine, other = proxy.subscribe_ticker("KRW-BTC"), proxy.subscribe_ticker("KRW-ETH")
        mine.get(20), other.get(20)
        sim.send_raw('{"ty":"funding","cd":"KRW-BTC","tms":1795152672418,"rate":0.1}')
        event = mine.get(20)
        assert isinstance(event, GenericEvent)
        assert event.type == "funding"
        with pytest.raises(TimeoutError):
            other.get(0.05)


def test_health_reads_well(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("healthy", config=config) as proxy:
        proxy.subscribe_ticker("KRW-BTC").get(20)
        health = proxy.health()
        assert (health.role, health.components, health.streams) == ("host", 1, 1)
        assert health.counters.received == health.counters.delivered == 1
        assert proxy.is_public_available()
        assert not proxy.is_private_available()
        text = str(health)
        assert "public   open" in text
        assert "ticker of 1 codes: 1 delivered" in text
        assert sim.secret_key not in text
