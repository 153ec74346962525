"""What a bot asks in between: the newest values, whether all have data, many events at a time."""

from decimal import Decimal

import pytest

from tests.conftest import wait_until
from websocket_v6 import (
    ClosedError,
    Config,
    ConnectionEvent,
    LocalProtocolError,
    NotReadyError,
    TickerEvent,
    WebSocketClientProxy,
)
from websocket_v6.actors.base import tell
from websocket_v6.protocol.delivery.commands import Retire
from websocket_v6.simulator import Simulator

SOON = 15.0  # seconds, for what comes at once on a quiet machine


def ignore(event: object) -> None:
    """Take an event."""


# --- the newest value


def test_the_newest_value_is_there_beside_the_callback(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy:
        assert proxy.last("ticker", "KRW-BTC") is None, "nobody has subscribed"
        proxy.subscribe_ticker("KRW-BTC", ignore)
        proxy.subscribe_trade("KRW-BTC", ignore)
        proxy.subscribe_candle("KRW-BTC", ignore, interval="3m")
        proxy.wait_ready(SOON)
        sim.trade("KRW-BTC", price=100_000_000)
        wait_until(lambda: getattr(proxy.last("ticker", "krw-btc"), "trade_price", 0) == 100_000_000, "the ticker")
        wait_until(lambda: getattr(proxy.last("trade", "KRW-BTC"), "trade_price", 0) == 100_000_000, "the trade")
        candle = proxy.last("candle.3m", "KRW-BTC")
        assert candle is not None
        assert candle.type == "candle.3m"
        assert proxy.last("candle.1m", "KRW-BTC") is None
        assert proxy.last("ticker", "KRW-ETH") is None


def test_who_has_not_subscribed_sees_exact_numbers_whatever_others_read(sim: Simulator, config: Config) -> None:
    def price_at(proxy: WebSocketClientProxy) -> object:
        return getattr(proxy.last("ticker", "KRW-BTC"), "trade_price", None)

    with (
        WebSocketClientProxy("floats", config=config) as floats,
        WebSocketClientProxy("other", config=config) as other,
    ):
        floats.subscribe_ticker("KRW-BTC", ignore, numbers=float)
        floats.wait_ready(SOON)
        sim.trade("KRW-BTC", price=100_000_000)
        sim.trade("KRW-BTC", price=101_000_000)
        wait_until(lambda: price_at(floats) == 101_000_000, "the price")
        assert type(price_at(floats)) is float
        assert isinstance(price_at(other), Decimal)
        other.subscribe_ticker("KRW-BTC", ignore)
        assert isinstance(price_at(other), Decimal)


def test_it_is_in_the_form_that_the_component_subscribed_to(sim: Simulator, config: Config) -> None:
    with (
        WebSocketClientProxy("bot", config=config) as proxy,
        WebSocketClientProxy("deep", config=config) as deep,
        WebSocketClientProxy("other", config=config) as other,
    ):
        deep.subscribe_orderbook("KRW-BTC", ignore, depth=30)
        proxy.subscribe_orderbook("KRW-BTC", ignore, depth=5, numbers=float)
        proxy.subscribe_orderbook("KRW-BTC", ignore, level=10_000)
        for one in (deep, proxy):
            one.wait_ready(SOON)
        book, grouped, whole = proxy.book("KRW-BTC"), proxy.book("KRW-BTC", level=10_000), deep.book("KRW-BTC")
        assert book is not None
        assert grouped is not None
        assert whole is not None
        assert len(book.orderbook_units) == 5
        assert isinstance(book.orderbook_units[0].ask_price, float)
        assert len(whole.orderbook_units) > 5
        assert grouped.level == 10_000
        assert proxy.last("orderbook", "KRW-BTC") == book
        assert other.book("KRW-BTC") == whole, "the stream of another component is known as well"


def test_without_a_connection_there_is_no_value(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy:
        proxy.subscribe_ticker("KRW-BTC", ignore)
        proxy.wait_ready(SOON)
        sim.refuse(503)
        sim.drop()
        wait_until(lambda: proxy.last("ticker", "KRW-BTC") is None, "the old value's end")
        sim.accept()
        proxy.wait_ready(SOON)
        event = proxy.last("ticker", "KRW-BTC")
        assert event is not None
        assert event.epoch == 2


def test_a_router_that_is_gone_is_not_read_any_more(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy:
        proxy.subscribe_ticker("KRW-BTC", ignore)
        proxy.wait_ready(SOON)
        assert getattr(proxy.last("ticker", "KRW-BTC"), "epoch", 0) == 1
        assert proxy._component is not None
        tell(proxy._component.link.router, Retire(None))  # type: ignore[arg-type] # a bug
        wait_until(lambda: getattr(proxy.last("ticker", "KRW-BTC"), "epoch", 0) == 2, "the next one's value")


def test_no_value_is_asked_of_the_exchange(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy:
        assert proxy.book("KRW-BTC") is None
        assert sim.connections() == []
        with pytest.raises(LocalProtocolError, match="type='myOrder' has no newest value: choose ticker, trade, "):
            proxy.last("myOrder", "KRW-BTC")
    with pytest.raises(ClosedError):
        proxy.last("ticker", "KRW-BTC")


def test_a_malformed_message_is_no_value(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy, WebSocketClientProxy("other", config=config) as other:
        ticks = proxy.subscribe_ticker("KRW-BTC")
        ticks.get(SOON)
        sim.send_raw(b'{"ty":"ticker","cd":"KRW-BTC","tp":')
        wait_until(lambda: other.last("ticker", "KRW-BTC") is None, "no value")
        assert proxy.last("ticker", "KRW-BTC") is None


# --- whether all have data


def test_it_is_ready_once_every_stream_has_data(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy:
        proxy.wait_ready(0.0)
        ticks = proxy.subscribe_ticker(["KRW-BTC", "KRW-ETH"])
        proxy.subscribe_ticker(["KRW-BTC", "KRW-XRP"], ignore, realtime=False)
        proxy.subscribe_my_order(ignore)
        proxy.wait_ready(SOON)
        assert ticks.stats.received == 2
        assert proxy.is_private_available()


def test_those_without_data_are_named_with_what_they_wait_for(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy:
        sim.mute("KRW-ETH")
        quiet = proxy.subscribe_ticker(["KRW-ETH"])
        proxy.subscribe_trade(["KRW-BTC"], ignore)
        sim.wait_served({"ticker KRW-ETH", "trade KRW-BTC"})
        wait_until(lambda: proxy.last("trade", "KRW-BTC"), "the other one's data")
        with pytest.raises(
            NotReadyError, match=r"'bot' is not ready after 0.01 s: .* ticker KRW-ETH, the public"
        ) as got:
            proxy.wait_ready(0.01)
        assert got.value.streams == ("ticker KRW-ETH",)
        assert "connection is open: unknown or delisted codes" in str(got.value)
        sim.unmute("KRW-ETH")
        sim.trade("KRW-ETH")
        proxy.wait_ready(SOON)
        assert quiet.get(SOON).symbol == "KRW-ETH"


def test_so_is_a_connection_that_does_not_come() -> None:
    nowhere = Config(url="ws://127.0.0.1:1/websocket/v1", mode="embedded")
    with WebSocketClientProxy("bot", config=nowhere) as proxy:
        codes = [f"KRW-C{number}" for number in range(12)]
        proxy.subscribe_ticker(codes, ignore)
        with pytest.raises(NotReadyError, match=r"KRW-C9 and 2 more, the public connection is lost, .* refused") as got:
            proxy.wait_ready(0.3)
        assert got.value.streams == tuple(f"ticker {code}" for code in codes)


# --- many at a time


def test_many_are_taken_at_a_time(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy:
        trades = proxy.subscribe_trade("KRW-BTC", snapshot=False)
        sim.wait_served({"trade KRW-BTC"})
        with pytest.raises(TimeoutError, match=r"no event within 0 s for .*: the public connection is open"):
            trades.get_many(10, timeout=0.0)
        numbers = [sim.trade("KRW-BTC") for _ in range(5)]
        wait_until(lambda: trades.stats.queued == 5, "five trades")
        found = trades.get_many(3) + trades.get_many(100, timeout=SOON)
        assert [event.sequential_id for event in found] == numbers
        assert trades.stats.delivered == 5
        trades.close()
        with pytest.raises(ClosedError):
            trades.get_many(10)
        pushed = proxy.subscribe_trade("KRW-BTC", ignore)
        with pytest.raises(LocalProtocolError, match="has a callback"):
            pushed.get_many(10)


# --- connections


def test_who_listens_late_hears_how_it_stands(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy:
        ticks = proxy.subscribe_ticker("KRW-BTC")
        assert isinstance(ticks.get(SOON), TickerEvent)
        told: list[ConnectionEvent] = []
        proxy.on_connection(told.append)
        wait_until(lambda: told, "the present state")
        assert [(one.endpoint, one.state, one.epoch, one.gap) for one in told] == [("public", "open", 1, None)]
