"""One bad component costs the others nothing."""

import threading
from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6 import (
    Config,
    LocalProtocolError,
    Mailbox,
    MailboxFullError,
    OverflowEvent,
    UnknownCodeError,
    WebSocketClientProxy,
)
from websocket_v6.simulator import Simulator


@pytest.fixture
def good(config: Config) -> Any:
    """A component that must not notice anything."""
    with WebSocketClientProxy("good", config=config) as proxy:
        yield proxy


def check_untouched(sim: Simulator, ticks: Any) -> None:
    """The good component's stream goes on, on the connection it began on, without a second snapshot."""
    sim.trade("KRW-BTC")
    assert ticks.get(20).stream_type == "REALTIME"
    (connection,) = sim.connections("public")
    assert connection.open
    assert connection.snapshots["ticker KRW-BTC"] == 1
    assert not sim.notices()


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda proxy: proxy.subscribe_ticker(["KRW-BTC", "nonsense"]), "nonsense"),
        (lambda proxy: proxy.subscribe_ticker([]), "no codes"),
        (lambda proxy: proxy.subscribe_orderbook("KRW-BTC", depth=7), "7"),
        (lambda proxy: proxy.subscribe_orderbook("BTC-ETH", level=10), "BTC-ETH"),
        (lambda proxy: proxy.subscribe_candle("KRW-BTC", interval="1d"), "1d"),
        (lambda proxy: proxy.subscribe_ticker("KRW-BTC", mailbox="latest"), "latest"),
        (lambda proxy: proxy.subscribe_ticker("KRW-BTC", numbers=int), "int"),
        (lambda proxy: proxy.subscribe_ticker("KRW-BTC", callback="print"), "print"),
        (lambda proxy: proxy.subscribe_ticker("KRW-BTC", speed=3), "speed"),
        (lambda proxy: proxy.subscribe_ticker("KRW-BTC", snapshot=False, realtime=False), "snapshot"),
        (lambda proxy: proxy.subscribe_announcement(categories=["gossip"]), "gossip"),
        (lambda proxy: proxy.subscribe_indicator("BTC-ETH", timeframe="5m", indicators={"type": "rsi"}), "BTC-ETH"),
        (lambda proxy: proxy.subscribe_my_order(snapshot=True), "snapshot"),
    ],
)
def test_nonsense_is_refused_at_once(sim: Simulator, config: Config, good: Any, call: Any, named: str) -> None:
    ticks = good.subscribe_ticker("KRW-BTC")
    ticks.get(20)
    with WebSocketClientProxy("bad", config=config) as bad:
        with pytest.raises(LocalProtocolError, match=named):
            call(bad)
        assert bad.subscriptions() == []
    check_untouched(sim, ticks)


def test_an_unknown_code_is_named_to_whoever_asked_for_it(sim: Simulator, good: Any) -> None:
    ticks = good.subscribe_ticker("KRW-BTC")
    ticks.get(20)
    errors: list[Exception] = []
    config = Config(url=sim.url, access_key=sim.access_key, secret_key=sim.secret_key)
    with WebSocketClientProxy("bad", config=config) as bad:
        events: list[Any] = []
        bad.subscribe_ticker(["KRW-NOPE", "KRW-ETH", "KRW-GONE"], events.append, error_handler=errors.append)
        wait_until(lambda: errors, "the report", 10.0)
        (error,) = errors
        assert isinstance(error, UnknownCodeError)
        assert error.codes == ("KRW-NOPE", "KRW-GONE")
        assert "KRW-NOPE" in str(error)
        assert [event.symbol for event in events] == ["KRW-ETH"]
    check_untouched(sim, ticks)


def test_an_unsupported_level_is_reported(sim: Simulator, good: Any) -> None:
    config = Config(url=sim.url, silent_code_timeout=0.5)
    errors: list[Exception] = []
    with WebSocketClientProxy("bad", config=config) as bad:
        bad.subscribe_orderbook("KRW-BTC", lambda event: None, level=7, error_handler=errors.append)
        wait_until(lambda: errors, "the report")
        assert "level=7" in str(errors[0])


@pytest.mark.faces("threads")
def test_a_callback_that_raises_is_reported_and_the_stream_goes_on(
    sim: Simulator, good: Any, caplog: pytest.LogCaptureFixture
) -> None:
    errors: list[Exception] = []
    seen: list[Any] = []

    def broken(event: Any) -> None:
        seen.append(event)
        raise {0: ValueError("as told"), 1: SystemExit(3), 2: KeyboardInterrupt()}.get(len(seen) % 3, RuntimeError())

    handled = good.subscribe_trade("KRW-BTC", broken, error_handler=errors.append)
    logged = good.subscribe_ticker("KRW-BTC", broken)
    wait_until(lambda: len(seen) == 2, "both snapshots")
    for _ in range(5):
        sim.trade("KRW-BTC")
    wait_until(lambda: len(seen) == 12, "all events")
    wait_until(lambda: len(errors) == 6, "all reports")
    assert all(isinstance(error, Exception) for error in errors)
    assert handled.stats.delivered == logged.stats.delivered == 6
    wait_until(lambda: "as told" in caplog.text or "SystemExit" in caplog.text, "the traceback in the log")


@pytest.mark.faces("threads", "awaited")
def test_an_error_handler_that_raises_is_logged(sim: Simulator, good: Any, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: object) -> None:
        raise ValueError("worse")

    seen = good.subscribe_ticker("KRW-BTC", broken, error_handler=broken)
    wait_until(lambda: "error_handler" in caplog.text, "the log")
    sim.trade("KRW-BTC")
    wait_until(lambda: seen.stats.delivered == 2, "the stream going on")


@pytest.mark.faces("threads", "awaited")
def test_a_callback_that_blocks_holds_up_only_its_own_component(sim: Simulator, config: Config, good: Any) -> None:
    release = threading.Event()
    ticks = good.subscribe_ticker("KRW-BTC", mailbox=Mailbox.lossless(1 << 24))
    ticks.get(20)
    with WebSocketClientProxy("bad", config=config) as bad:
        try:
            stuck = bad.subscribe_ticker("KRW-BTC", lambda event: release.wait(60), mailbox=Mailbox.drop_oldest(10))
            wait_until(lambda: stuck.stats.delivered == 1, "the callback that blocks")
            for _ in range(100):
                sim.trade("KRW-BTC")
                assert ticks.get(20).stream_type == "REALTIME"
            stats = stuck.stats
            assert (stats.delivered, stats.queued, stats.dropped) == (1, 10, 90)
            other = bad.subscribe_trade("KRW-ETH")
            assert other.get(20).symbol == "KRW-ETH", "its own pulled streams go on too"
        finally:
            release.set()


@pytest.mark.faces("threads", "awaited")
def test_a_component_may_end_itself_from_its_callback(sim: Simulator, config: Config, good: Any) -> None:
    ticks = good.subscribe_ticker("KRW-BTC")
    ticks.get(20)
    bad = WebSocketClientProxy("bad", config=config)
    calls: list[Any] = []

    def end(event: Any) -> None:
        calls.append(event)
        bad.cleanup()

    bad.subscribe_ticker(["KRW-ETH"], end)
    wait_until(lambda: calls, "the callback")
    sim.wait_served({"ticker KRW-BTC"})
    sim.trade("KRW-ETH")
    check_untouched(sim, ticks)
    assert len(calls) == 1


@pytest.mark.faces("threads", "awaited")
def test_a_component_may_subscribe_from_its_callback(sim: Simulator, good: Any) -> None:
    found: list[Any] = []

    def more(event: Any) -> None:
        if not found:
            found.append(good.get_ticker_snapshot("KRW-ETH"))
            good.subscribe_trade("KRW-ETH", found.append)

    good.subscribe_ticker("KRW-BTC", more)
    wait_until(lambda: len(found) == 2, "the trade")


@pytest.mark.faces("threads", "awaited")
def test_a_lossless_mailbox_over_its_budget_is_cut_off_with_an_error(sim: Simulator, config: Config, good: Any) -> None:
    ticks = good.subscribe_ticker("KRW-BTC")
    ticks.get(20)
    errors: list[Exception] = []
    release = threading.Event()
    with WebSocketClientProxy("bad", config=config) as bad:
        events: list[Any] = []

        def slow(event: Any) -> None:
            release.wait(60)
            events.append(event)

        bad.subscribe_trade("KRW-ETH", slow, mailbox=Mailbox.lossless(2000, notify=True), error_handler=errors.append)
        sim.wait_served({"ticker KRW-BTC", "trade KRW-ETH"})
        for _ in range(20):
            sim.trade("KRW-ETH")
        sim.flush()
        wait_until(lambda: bad.subscriptions()[0].stats.received == 21, "all of them there")
        wait_until(lambda: bad.health().subscriptions[0].dropped > 0, "running over")
        release.set()
        wait_until(lambda: errors, "the error")
        assert isinstance(errors[0], MailboxFullError)
        sim.wait_served({"ticker KRW-BTC"})
        assert bad.subscriptions() == []
        overflow = events.pop()
        assert isinstance(overflow, OverflowEvent)
        assert len(events) + overflow.dropped == 21
    check_untouched(sim, ticks)


def test_a_request_that_the_exchange_refuses_although_it_was_checked_harms_only_its_own_component(
    sim: Simulator, good: Any, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exchange of another region may refuse what ours takes; here it is a category that it does not have."""
    monkeypatch.setattr("websocket_v6.protocol.exchange.codes.KOREAN_CATEGORIES", ("trade", "gossip"))
    private = good.subscribe_my_asset()
    sim.wait_served({"myAsset *"}, endpoint="private")
    errors: list[Exception] = []
    with WebSocketClientProxy("bad", config=config) as bad:
        bad.subscribe_announcement(lambda event: None, categories=["gossip"], error_handler=errors.append)
        wait_until(lambda: errors, "the report", 30.0)
        assert "INVALID_PARAM" in str(errors[0])
        sim.wait_served({"myAsset *"}, endpoint="private", timeout=10)
        sim.deposit("KRW", 1000)
        assert private.get(20).assets


@pytest.mark.faces("threads", "awaited")
def test_a_public_component_that_hangs_holds_up_nobody_s_orders(sim: Simulator, config: Config, good: Any) -> None:
    """Back-pressure is an endpoint's: what one component does to public data touches no orders."""
    orders = good.subscribe_my_order()
    sim.wait_served({"myOrder *"}, endpoint="private")
    release, hangs = threading.Event(), threading.Event()

    def hang(_: Any) -> None:
        hangs.set()
        release.wait(30)

    with WebSocketClientProxy("stuck", config=config) as stuck:
        stuck.subscribe_trade("KRW-BTC", hang, mailbox=Mailbox.block(16))
        sim.wait_served({"trade KRW-BTC"})
        assert hangs.wait(20)
        try:
            for _ in range(60):  # more than the mailbox and all credits of the public connection
                sim.trade("KRW-BTC")
            sent = [sim.place_order("KRW-BTC", "BID", price=1000 + at, volume=6) for at in range(20)]
            came = [orders.get(20).uuid for _ in sent]
        finally:
            release.set()
    assert came == sent
