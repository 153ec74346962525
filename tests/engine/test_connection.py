"""Connections that are lost, refused, stalled or fed nonsense come back by themselves, and say what was missed."""

import itertools
import logging
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from tests.actors.ear import there
from tests.conftest import WAY, wait_until
from websocket_v6 import Config, ConnectionEvent, WebSocketClientProxy
from websocket_v6.actors.messages.connection import SendRequest
from websocket_v6.protocol.delivery.commands import Retire
from websocket_v6.simulator import Simulator
from websocket_v6.simulator.answers import Answers
from websocket_v6.steps import finish

UNION = {"ticker KRW-BTC", "ticker KRW-ETH", "orderbook KRW-ETH", "trade KRW-BTC", "ticker KRW-XRP"}
CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP"]
# From state to state, as one endpoint may report them. Who comes while it is open is told that first.
ORDER = {
    "": {"connecting", "open"},
    "connecting": {"open", "lost", "refused"},
    "open": {"lost", "refused"},
    "lost": {"connecting"},
    "refused": {"connecting"},
}


@pytest.fixture
def fast(config: Config) -> Config:
    """A configuration whose waits are short."""
    return msgspec.structs.replace(config, backoff_initial=0.02, backoff_max=0.2)


class Component:
    """A proxy and everything it is told."""

    def __init__(self, name: str, config: Config) -> None:
        self.proxy = WebSocketClientProxy(name, config=config)
        self.told: list[ConnectionEvent] = []
        self.events: list[Any] = []
        self.errors: list[Exception] = []
        self.proxy.on_connection(self.told.append)
        self.options: dict[str, Any] = {"callback": self.events.append, "error_handler": self.errors.append}

    def of(self, endpoint: str = "public", *states: str) -> list[ConnectionEvent]:
        """Return what was told of an endpoint, without what failed behind it unless that is asked for."""
        told = [one for one in list(self.told) if one.endpoint == endpoint]
        return [one for one in told if one.state in states or (not states and one.state != "restarting")]

    def states(self, endpoint: str = "public") -> list[str]:
        return [one.state for one in self.of(endpoint)]

    def wait_open(self, epoch: int, endpoint: str = "public") -> ConnectionEvent:
        wait_until(lambda: [one for one in self.of(endpoint, "open") if one.epoch >= epoch], f"epoch {epoch} open")
        return self.of(endpoint, "open")[-1]

    def check_order(self) -> None:
        """Check that the states follow from each other, and the epochs and times go up."""
        for endpoint in {one.endpoint for one in self.told}:
            before = ""
            told = self.of(endpoint)
            for one in told:
                assert one.state in ORDER[before], [each.state for each in told]
                before = one.state
            assert all(a.epoch <= b.epoch and a.received_at <= b.received_at for a, b in itertools.pairwise(told))
            opened = self.of(endpoint, "open")
            assert [one.epoch for one in opened] == list(range(1, len(opened) + 1))


class Pair:
    """Two components that want overlapping things, one of them private things too."""

    def __init__(self, sim: Simulator, config: Config) -> None:
        self.sim = sim
        self.chart, self.bot = Component("chart", config), Component("bot", config)
        self.both = (self.chart, self.bot)
        self.chart.proxy.subscribe_ticker(["KRW-BTC", "KRW-ETH"], **self.chart.options)
        self.chart.proxy.subscribe_orderbook("KRW-ETH", **self.chart.options)
        self.bot.proxy.subscribe_trade("KRW-BTC", **self.bot.options)
        self.bot.proxy.subscribe_ticker("KRW-XRP", **self.bot.options)
        self.bot.proxy.subscribe_my_order(**self.bot.options)
        sim.wait_served(UNION, 20)
        sim.wait_served({"myOrder *"}, 20, endpoint="private")
        wait_until(lambda: len(self.chart.events) >= 3 and len(self.bot.events) >= 2, "the first snapshots")
        for one in self.both:
            one.wait_open(1)
        self.bot.wait_open(1, "private")

    def check_goes_on(self, epoch: int) -> None:
        """Check that all is served again and everything that happens now is delivered once."""
        for one in self.both:
            one.wait_open(epoch)
        self.sim.wait_served(UNION, 20)
        seen = len(self.chart.events), len(self.bot.events)
        numbers = [self.sim.trade(code) for code in CODES]
        wait_until(
            lambda: (
                {("ticker", "KRW-BTC"), ("ticker", "KRW-ETH"), ("orderbook", "KRW-ETH")}
                <= {_what(one) for one in self.chart.events[seen[0] :] if one.stream_type == "REALTIME"}
            ),
            "what the chart wants",
        )
        wait_until(
            lambda: (
                {("trade", "KRW-BTC"), ("ticker", "KRW-XRP")}
                <= {_what(one) for one in self.bot.events[seen[1] :] if one.stream_type == "REALTIME"}
            ),
            "what the bot wants",
        )
        trades = [one.sequential_id for one in self.bot.events if _what(one) == ("trade", "KRW-BTC")]
        assert trades == sorted(set(trades))
        assert trades[-1] == numbers[0]
        assert {one.epoch for one in self.chart.events[seen[0] :]} == {epoch}
        for one in self.both:
            one.check_order()

    def close(self) -> None:
        for one in self.both:
            one.proxy.cleanup()


def _what(event: Any) -> tuple[str, str]:
    return type(event).__name__.removesuffix("Event").lower(), event.symbol


@pytest.fixture
def pair(sim: Simulator, fast: Config) -> Iterator[Pair]:
    pair = Pair(sim, fast)
    yield pair
    pair.close()


LOSSES: dict[str, Callable[[Simulator], object]] = {
    "reset": lambda sim: sim.drop("public"),
    "closed with 1000": lambda sim: sim.close(1000, endpoint="public"),
    "closed with 1001": lambda sim: sim.close(1001, "going away", endpoint="public"),
    "closed with 1011": lambda sim: sim.close(1011, "bug", endpoint="public"),
    "closed with 3000": lambda sim: sim.close(3000, endpoint="public"),
    "closed with 4999": lambda sim: sim.close(4999, "서버 점검", endpoint="public"),
    "an error and a close": lambda sim: sim.send_error("WRONG_FORMAT", endpoint="public"),
    "an error without a close": lambda sim: sim.send_error("NO_TICKET", close=False, endpoint="public"),
    "an error about keys it does not have": lambda sim: sim.send_error("INVALID_AUTH", endpoint="public"),
}
REASONS = {
    "reset": "connection lost",
    "closed with 1000": "closed the public connection: 1000",
    "closed with 1001": "closed the public connection: 1001 going away",
    "closed with 1011": "closed the public connection: 1011 bug",
    "closed with 3000": "closed the public connection: 3000",
    "closed with 4999": "closed the public connection: 4999 서버 점검",
    "an error and a close": "WRONG_FORMAT",
    "an error without a close": "NO_TICKET",
    "an error about keys it does not have": "INVALID_AUTH",
}


@pytest.mark.parametrize("loss", LOSSES)
def test_lost_connections_come_back(sim: Simulator, pair: Pair, loss: str) -> None:
    before = time.time_ns()
    (old,) = (one for one in sim.connections("public") if one.open)
    assert LOSSES[loss](sim) == 1
    pair.check_goes_on(epoch=2)
    for component in pair.both:
        (lost,) = component.of("public", "lost")
        opened = component.of("public", "open")[-1]
        assert lost.epoch == 1
        assert re.search(REASONS[loss], lost.reason)
        # From the last byte that came to the reopening; known to both components alike.
        assert lost.gap_started_at is not None
        assert opened.gap_started_at == lost.gap_started_at <= lost.received_at
        assert lost.gap is not None
        assert lost.gap >= 0
        assert lost.gap_ended_at is None
        assert opened.gap_ended_at == opened.received_at > lost.received_at > before
        assert opened.gap == pytest.approx((opened.received_at - lost.gap_started_at) / 1e9)
        assert lost.gap_started_at >= max(one.received_at for one in component.events if one.epoch == 1)
        assert min(one.received_at for one in component.events if one.epoch == 2) >= opened.gap_ended_at
    # The private connection never heard of it.
    (private,) = sim.connections("private")
    assert private.open
    assert pair.bot.states("private") == ["connecting", "open"]
    new = sim.connections("public")[-1]
    assert new.id != old.id
    assert sum(one.open for one in sim.connections("public")) == 1
    assert len(new.requests) == 1, "all wants in one request"


def test_a_reset_gap_starts_at_the_last_message(sim: Simulator, pair: Pair) -> None:
    sim.trade("KRW-BTC")
    wait_until(lambda: pair.bot.events[-1].stream_type == "REALTIME" and _what(pair.bot.events[-1])[0] == "trade")
    wait_until(lambda: len(pair.chart.events) == 4, "the ticker of the trade")
    sim.drop("public")
    opened = pair.chart.wait_open(2)
    # Whichever came last: no order is promised between types.
    events = [*pair.chart.events, *pair.bot.events]
    assert opened.gap_started_at == max(
        one.received_at for one in events if one.epoch == 1 and _what(one)[0] != "myorder"
    )


def test_a_lost_private_connection_leaves_the_public_one_alone(sim: Simulator, pair: Pair) -> None:
    sim.drop("private")
    pair.bot.wait_open(2, "private")
    sim.wait_served({"myOrder *"}, 20, endpoint="private")
    sim.place_order("KRW-BTC", "BID", price=1000, volume=10)
    wait_until(lambda: [one for one in pair.bot.events if _what(one)[0] == "myorder"], "the order")
    assert pair.chart.states() == ["connecting", "open"]
    assert pair.bot.states() in (["connecting", "open"], ["open"])
    assert not pair.chart.of("private"), "it does not use it"
    assert len(sim.connections("public")) == 1


def test_all_connections_lost_again_and_again_keep_the_connect_limit(sim: Simulator, pair: Pair) -> None:
    pair.bot.proxy.subscribe_indicator(
        "KRW-BTC", timeframe="5m", indicators={"type": "rsi", "params": {"period": 14}}, **pair.bot.options
    )
    endpoints = ("public", "private", "info")
    for epoch in (1, 2, 3, 4):
        for endpoint in endpoints:
            pair.bot.wait_open(epoch, endpoint)
        sim.drop()
    for endpoint in endpoints:
        pair.bot.wait_open(5, endpoint)
    pair.check_goes_on(epoch=5)
    tries = sorted(
        {(one.received_at, one.endpoint) for both in pair.both for one in both.told if one.state == "connecting"}
    )
    assert len(tries) == 15
    assert all(later - earlier > 1e9 for (earlier, _), (later, _) in zip(tries, tries[5:], strict=False))
    assert not [one for one in pair.bot.told if "429" in one.reason]


def test_components_that_come_and_go_keep_the_connect_limit(sim: Simulator, fast: Config) -> None:
    # Each of them starts and stops an engine, but the exchange counts the connections of the whole process.
    told: list[ConnectionEvent] = []
    for _ in range(8):
        with WebSocketClientProxy("short-lived", config=fast) as proxy:
            proxy.on_connection(told.append)
            assert proxy.get_ticker_snapshot("KRW-BTC")
    assert [one.state for one in told] == ["connecting", "open"] * 8


@pytest.mark.parametrize("status", [500, 503, 404, 302])
def test_refused_handshakes_are_tried_again(sim: Simulator, pair: Pair, status: int) -> None:
    sim.refuse(status, times=2, endpoint="public")
    sim.drop("public")
    pair.check_goes_on(epoch=2)
    assert pair.chart.states() == ["connecting", "open", *["lost", "connecting"] * 3, "open"]
    reasons = [one.reason for one in pair.chart.of("public", "lost")]
    expected = "HTTP 302.* redirect" if status == 302 else f"HTTP {status}"
    assert all(re.search(expected, reason) for reason in reasons[1:])
    opened = pair.chart.of("public", "open")[-1]
    assert opened.gap_started_at == pair.chart.of("public", "lost")[0].gap_started_at, "one gap, however many tries"


@pytest.mark.parametrize("status", [401, 403])
def test_a_forbidden_public_endpoint_is_no_matter_of_keys(sim: Simulator, pair: Pair, status: int) -> None:
    # Such as from a firewall in front of the exchange; nobody can do anything but try again.
    sim.refuse(status, times=1, body="<html>Forbidden</html>", endpoint="public")
    sim.drop("public")
    pair.check_goes_on(epoch=2)
    assert "refused" not in pair.chart.states()
    assert not pair.chart.errors


@pytest.mark.parametrize(
    ("status", "headers", "body", "seconds"),
    [
        (429, {}, None, 1.0),
        (418, {"Retry-After": "2"}, None, 2.0),
        (418, {}, {"error": {"name": 418, "message": "Too many requests, blocked for 2 seconds"}}, 2.0),
    ],
)
def test_blocks_are_sat_out(
    sim: Simulator, pair: Pair, status: int, headers: dict[str, str], body: dict[str, object] | None, seconds: float
) -> None:
    sim.refuse(status, body=body, headers=headers, endpoint="public")
    sim.drop("public")
    pair.check_goes_on(epoch=2)
    _, refused = pair.chart.of("public", "lost")
    again = pair.chart.of("public", "connecting")[-1]
    assert f"HTTP {status}" in refused.reason
    assert again.received_at - refused.received_at >= seconds * 1e9


def test_a_listener_that_comes_back(sim: Simulator, pair: Pair) -> None:
    port = sim.port
    sim.stop()
    # Nobody there at all: every try fails, on both endpoints.
    wait_until(lambda: len(pair.bot.of("public", "lost")) >= 3 and len(pair.bot.of("private", "lost")) >= 3)
    assert not pair.chart.proxy.is_public_available()
    sim.start()
    assert sim.port == port
    pair.check_goes_on(epoch=2)
    pair.bot.wait_open(2, "private")
    sim.wait_served({"myOrder *"}, 20, endpoint="private")
    assert all(re.search("cannot connect|lost", one.reason) for one in pair.bot.told if one.state == "lost")


def test_names_that_cannot_be_resolved_for_a_while(
    sim: Simulator, fast: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo
    is_gone = False
    asked = 0

    def getaddrinfo(host: str, *args: Any, **kwargs: Any) -> Any:
        nonlocal asked
        asked += host == "localhost"
        if is_gone:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    component = Component("chart", msgspec.structs.replace(fast, url=sim.url.replace("127.0.0.1", "localhost")))
    try:
        component.proxy.subscribe_ticker("KRW-BTC", **component.options)
        component.wait_open(1)
        is_gone = True
        sim.drop()
        wait_until(lambda: len(component.of("public", "lost")) >= 3, "two tries without a name")
        assert "name resolution" in component.of("public", "lost")[-1].reason
        is_gone = False
        component.wait_open(2)
        sim.wait_served({"ticker KRW-BTC"})
        component.check_order()
        assert asked >= 4, "every try asks anew"
    finally:
        component.proxy.cleanup()


def test_handshakes_without_an_answer_are_given_up(sim: Simulator, fast: Config) -> None:
    sim.stall(handshakes=True)
    component = Component("chart", msgspec.structs.replace(fast, connect_timeout=0.2 + WAY))
    try:
        component.proxy.subscribe_ticker("KRW-BTC", **component.options)
        wait_until(lambda: len(component.of("public", "lost")) >= 2, "two tries without an answer")
        sim.resume()
        component.wait_open(1)
        sim.wait_served({"ticker KRW-BTC"})
        component.check_order()
        assert component.of("public", "open")[0].gap is None, "nothing was there before that could be missed"
    finally:
        component.proxy.cleanup()


def test_a_connection_without_pongs_is_given_up(sim: Simulator, config: Config) -> None:
    quick = msgspec.structs.replace(config, ping_interval=0.1, ping_timeout=1.0, backoff_initial=0.02)
    pair = Pair(sim, quick)
    try:
        sim.stall(data=True, pongs=True, endpoint="public")
        pair.check_goes_on(epoch=2)
        (lost,) = pair.chart.of("public", "lost")
        assert "no answer to a ping" in lost.reason
        assert lost.gap is not None
        assert lost.gap > 0.9, "the last bytes came before the ping that was not answered"
        assert pair.bot.states("private") == ["connecting", "open"]
    finally:
        sim.resume()
        pair.close()


@pytest.mark.parametrize("is_pinged", [True, False])
def test_pings_keep_a_quiet_connection_alive(is_pinged: bool) -> None:
    with Simulator(markets=CODES, answers=Answers(idle_timeout=1.0)) as sim:
        config = Config(url=sim.url, ping_interval=0.1 if is_pinged else 50.0, backoff_initial=0.02)
        component = Component("chart", config)
        try:
            component.proxy.subscribe_ticker("KRW-BTC", **component.options)
            component.wait_open(1)
            if is_pinged:
                wait_until(lambda: sim.connections()[0].pings >= 20, "20 pings")
                assert sim.now() - sim.connections()[0].opened_at > 1.5
                assert component.states() == ["connecting", "open"]
            else:
                # Without pings the exchange cuts it, so the pings were why it lived.
                component.wait_open(2)
        finally:
            component.proxy.cleanup()


def test_the_last_trade_is_not_delivered_again_after_a_reconnect(sim: Simulator, fast: Config) -> None:
    components = [Component(name, fast) for name in ("one", "other")]
    one, other = components
    try:
        one.proxy.subscribe_trade("KRW-BTC", **one.options)
        sim.wait_served({"trade KRW-BTC"})
        first = sim.trade("KRW-BTC")
        wait_until(lambda: [event.sequential_id for event in one.events][-1:] == [first], "the trade")
        # A newcomer has it as its snapshot; it has been delivered to both, once each.
        other.proxy.subscribe_trade("KRW-BTC", **other.options)
        wait_until(lambda: [event.sequential_id for event in other.events] == [first], "the newcomer's snapshot")
        sim.drop()
        one.wait_open(2)
        sim.wait_served({"trade KRW-BTC"})
        again = sim.connections()[-1]
        assert [sent.kind for sent in sim.sent(again.id, "trade KRW-BTC")] == ["SNAPSHOT"]
        second = sim.trade("KRW-BTC")
        for component in components:
            wait_until(lambda: component.events[-1].sequential_id == second, "the next trade")  # noqa: B023
        assert [event.sequential_id for event in one.events][1:] == [first, second]
        assert [event.sequential_id for event in other.events] == [first, second]
        # One that happened while there was no connection is news, though it comes as a snapshot.
        sim.refuse(503, endpoint="public")
        sim.drop()
        wait_until(lambda: one.states()[-1] == "lost", "the loss")
        missed = sim.trade("KRW-BTC")
        for component in components:
            wait_until(lambda: component.events[-1].sequential_id == missed, "the missed trade")  # noqa: B023
            assert component.events[-1].stream_type == "SNAPSHOT"
    finally:
        for component in components:
            component.proxy.cleanup()


NONSENSE: dict[str, tuple[bytes | str, str]] = {
    "no JSON": (b"\x00\xff nonsense", "not JSON"),
    "no JSON in a text frame": ("nonsense", "not JSON"),
    "no object": (b"42", "not an object"),
    "no type": (b'{"cd":"KRW-BTC","tp":1.0}', "no type"),
    "no code": (b'{"ty":"ticker","tp":1.0}', "no code"),
    "cut off": (b'{"ty":"ticker","cd":"KRW-BTC","tp":1', "malformed message of ticker KRW-BTC"),
    "a list in a list": (b"[[1]]", "not an object"),
}


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_is_counted_and_skipped(
    sim: Simulator, pair: Pair, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    data, name = NONSENSE[kind]
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            sim.send_raw(data, endpoint="public")
        wait_until(lambda: pair.chart.proxy.health().counters.malformed == 3, "three malformed messages")
        pair.check_goes_on(epoch=1)
    told = [one for one in caplog.records if name in one.getMessage()]
    assert len(told) == 1, "logged once, counted each time"
    assert not pair.chart.errors
    assert len(sim.connections("public")) == 1


@pytest.mark.parametrize(
    "data",
    [
        b'{"ty":"ticker","cd":"KRW-BTC","tp":1.0',
        b'{"ty":"ticker","cd":"KRW-BTC","tp":1.0}}',
        b'{"ty":"ticker","cd":"KRW-BTC","x":{"y":"\xff"}}',
    ],
)
def test_malformed_data_is_counted_once_for_all_takers(
    sim: Simulator, fast: Config, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    components = [Component(name, fast) for name in ("one", "other")]
    try:
        for component in components:
            component.proxy.subscribe_ticker("KRW-BTC", **component.options)
            wait_until(lambda: component.events, "the snapshot")  # noqa: B023
        seen = [len(component.events) for component in components]
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                sim.send_raw(data, endpoint="public")
            sim.trade("KRW-BTC")
            for component, count in zip(components, seen, strict=True):
                wait_until(lambda: len(component.events) > count, "the stream goes on")  # noqa: B023
            wait_until(lambda: components[0].proxy.health().counters.malformed == 2, "two malformed messages")
        assert len([one for one in caplog.records if "malformed" in one.getMessage()]) == 1
        assert [len(component.events) for component in components] == [count + 1 for count in seen]
    finally:
        for component in components:
            component.proxy.cleanup()


def test_unknown_types_and_fields_are_no_fault(sim: Simulator, fast: Config, caplog: pytest.LogCaptureFixture) -> None:
    component = Component("one", fast)
    try:
        component.proxy.subscribe_ticker("KRW-BTC", **component.options)
        sim.wait_served({"ticker KRW-BTC"})
        wait_until(lambda: component.events, "the snapshot")
        new = (
            '{"ty":"ticker","cd":"KRW-BTC",'
            + sim.current("ticker KRW-BTC", "SIMPLE").partition(",")[2].partition(",")[2]
        )
        with caplog.at_level(logging.WARNING):
            sim.send_raw(new[:-1].encode() + b',"brand_new":{"a":[1,2]}}', endpoint="public")
            wait_until(lambda: len(component.events) == 2, "the ticker with a field more")
            for _ in range(2):
                sim.send_raw(b'{"ty":"liquidation","cd":"KRW-BTC","side":"ASK"}', endpoint="public")
            wait_until(lambda: len(component.events) == 4, "messages of an unknown type")
        assert component.events[-1].type == "liquidation"
        assert component.events[-1].symbol == "KRW-BTC"
        assert len([one for one in caplog.records if "liquidation" in one.getMessage()]) == 1
        assert component.proxy.health().counters.malformed == 0
    finally:
        component.proxy.cleanup()


def test_data_in_text_frames_is_data(fast: Config) -> None:
    with (
        Simulator(markets=CODES, answers=Answers(data_frames="text", subscription_frames="text")) as sim,
        WebSocketClientProxy("one", config=msgspec.structs.replace(fast, url=sim.url)) as proxy,
    ):
        ticks = proxy.subscribe_ticker("KRW-BTC")
        assert ticks.get(20).symbol == "KRW-BTC"
        assert proxy.list_subscriptions().subscriptions[0].codes == ("KRW-BTC",)


def test_health_tells_of_losses_and_their_reason(sim: Simulator, pair: Pair) -> None:
    sim.refuse(503, times=None, endpoint="public")
    sim.drop("public")
    wait_until(lambda: len(pair.chart.of("public", "lost")) >= 2, "a refused try")
    wait_until(lambda: "503" in str(pair.chart.proxy.health()), "the reason in health")
    sim.accept()
    pair.check_goes_on(epoch=2)
    public, private, info = pair.chart.proxy.health().connections
    assert (public.state, public.epoch, public.reconnects, public.error) == ("open", 2, 1, "")
    assert (private.state, private.epoch, private.reconnects) == ("open", 1, 0)
    assert (info.state, info.epoch) == ("idle", 0)
    assert pair.chart.proxy.health().counters.reconnects == 1


def test_a_connection_nobody_wants_is_closed_and_opened_again(sim: Simulator, fast: Config) -> None:
    with WebSocketClientProxy("one", config=fast) as proxy:
        for count in (1, 2, 3):
            ticks = proxy.subscribe_ticker("KRW-BTC")
            assert ticks.get(20).epoch == count
            ticks.close()
            sim.wait_connected(0, 10)
        assert [one.close_code for one in sim.connections()] == [1000, 1000, 1000]


def test_subscriptions_that_come_and_go_while_it_connects(sim: Simulator, fast: Config) -> None:
    started = time.monotonic()
    with WebSocketClientProxy("one", config=fast) as proxy:
        for _ in range(30):
            proxy.subscribe_ticker("KRW-BTC").close()
        last = proxy.subscribe_ticker("KRW-ETH")
        assert last.get(20).symbol == "KRW-ETH"
        sim.wait_served({"ticker KRW-ETH"}, 20)
        assert sum(one.open for one in sim.connections()) == 1
        assert len(sim.connections()) <= 4 + 4 * (time.monotonic() - started), "not one for each"


@pytest.mark.parametrize("name", ["public", "router"])
def test_a_bug_of_ours_is_a_gap_with_its_bounds(sim: Simulator, pair: Pair, name: str) -> None:
    sim.trade("KRW-XRP")
    wait_until(lambda: _what(pair.bot.events[-1]) == ("ticker", "KRW-XRP"), "the last message before")
    assert pair.bot.proxy._component is not None
    children = finish(pair.bot.proxy._component.link.children())
    if name == "router":
        there(children.router).tell(Retire(None))  # type: ignore[arg-type] # a bug
    else:
        children.connections[name][0].tell(SendRequest("public", 1, None, 0))  # type: ignore[arg-type] # a bug
    pair.check_goes_on(epoch=2)
    for component in pair.both:
        (restarting,) = component.of("public", "restarting")
        assert "failed: TypeError" in restarting.reason
        states = component.states()
        assert states[states.index("open") :] == ["open", "lost", "connecting", "open"]
        lost, opened = component.of("public", "lost")[-1], component.of("public", "open")[-1]
        before = [one.received_at for both in pair.both for one in both.events if one.epoch == 1]
        assert opened.gap_started_at == lost.gap_started_at == max(before)
        assert opened.gap_ended_at == opened.received_at
