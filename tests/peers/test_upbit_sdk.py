"""The official SDK against the simulator and the door: sync and async, every format, private and info endpoints."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from websocket_v6.simulator import Simulator

upbit = pytest.importorskip("upbit", reason="the extra `peers` is not installed")
Make = Callable[..., Simulator]
Enter = Callable[..., Any]
FORMATS = ("DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST")
RSI = {"type": "rsi", "params": {"period": 14}}


class Stream:
    """One of the SDK's streams, the asynchronous one driven step by step."""

    def __init__(self, stream: Any, runner: asyncio.Runner | None) -> None:
        self._stream = stream
        self._runner = runner

    def _done(self, value: Any) -> Any:
        return value if self._runner is None else self._runner.run(asyncio.wait_for(value, 10.0))

    def receive(self) -> list[dict[str, Any]]:
        """Return the messages of the next frame under the names they have on the wire."""
        value = self._done(self._stream.recv())
        events = value if isinstance(value, list) else [value]
        return [event.to_dict(use_api_names=True) for event in events]

    def subscriptions(self) -> Any:
        return self._done(self._stream.list_subscriptions()).to_dict(use_api_names=True)


Open = Callable[..., AbstractContextManager[Stream]]


@pytest.fixture(params=["sync", "async"])
def open_stream(request: pytest.FixtureRequest) -> Open:
    """Open a stream of the SDK's synchronous or asynchronous client by the name of its method."""

    def options(sim: Simulator, url: str) -> dict[str, Any]:
        return {
            "access_key": sim.access_key,
            "secret_key": sim.secret_key,
            "base_url": sim.rest_url,
            "websocket_base_url": url.removesuffix("/websocket/v1"),
        }

    @contextmanager
    def sync(sim: Simulator, url: str, method: str, **arguments: Any) -> Iterator[Stream]:
        with upbit.Upbit(**options(sim, url)) as client, getattr(client.ws_stream, method)(**arguments) as stream:
            yield Stream(stream, None)

    @contextmanager
    def asynchronous(sim: Simulator, url: str, method: str, **arguments: Any) -> Iterator[Stream]:
        with asyncio.Runner() as runner:
            client = runner.run(_made(lambda: upbit.AsyncUpbit(**options(sim, url))))
            manager = getattr(client.ws_stream, method)(**arguments)
            stream = runner.run(manager.__aenter__())
            try:
                yield Stream(stream, runner)
            finally:
                runner.run(manager.__aexit__(None, None, None))
                runner.run(client.close())

    async def _made(make: Callable[[], Any]) -> Any:
        return make()

    return sync if request.param == "sync" else asynchronous


def as_text(value: Any) -> Any:
    """Turn numbers into their text: the SDK does so with all but times and ids."""
    if isinstance(value, dict):
        return {key: as_text(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_text(inner) for inner in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def sent(sim: Simulator) -> list[Any]:
    """Return what the simulator sent, each number as it was spelled."""
    return [json.loads(message.text, parse_float=str, parse_int=str) for message in sim.sent()]


@pytest.mark.parametrize("format_", FORMATS)
def test_public_streams_in_every_format(simulator: Make, entrance: Enter, open_stream: Open, format_: str) -> None:
    sim = simulator()
    url = entrance(sim, format=format_).url
    wanted = {
        "ticker": ["KRW-BTC"],
        "trade": ["KRW-BTC"],
        "orderbook": ["KRW-BTC.5", "BTC-ETH"],
        "candle": {"1m": ["KRW-BTC"]},
    }
    with open_stream(sim, url, "subscribe", **wanted, format=format_) as stream:
        got = [event for _ in range(5) for event in stream.receive()]
        sim.trade("KRW-BTC", price=117_000_000, volume="0.00077720", side="BID")
        got += [event for _ in range(4) for event in stream.receive()]
        assert as_text(got) == sent(sim)
        listed = stream.subscriptions()
        result = listed["rslt" if format_.startswith("SIMPLE") else "result"]
        assert [tuple(entry.values())[:2] for entry in result] == [
            ("ticker", ["KRW-BTC"]),
            ("trade", ["KRW-BTC"]),
            ("orderbook", ["KRW-BTC.5", "BTC-ETH"]),
            ("candle.1m", ["KRW-BTC"]),
        ]


@pytest.mark.parametrize("format_", FORMATS)
def test_private_streams_in_every_format(simulator: Make, entrance: Enter, open_stream: Open, format_: str) -> None:
    sim = simulator()
    url = entrance(sim, format=format_).url
    wanted = {"my_order": ["KRW-BTC"], "my_asset": True, "announcement": True}
    with open_stream(sim, url, "subscribe_private", **wanted, format=format_) as stream:
        sim.wait_served({"myOrder KRW-BTC", "myAsset *", "announcement *"}, endpoint="private")
        sim.place_order("KRW-BTC", "BID", 100_000_000, "0.25", identifier="mine")
        sim.trade("KRW-BTC", 100_000_000, 1, "ASK")
        sim.announce("A notice", "maintenance")
        got = [event for _ in range(7) for event in stream.receive()]
        assert as_text(got) == sent(sim)
        states = [event.get("state", event.get("s")) for event in got]
        assert [state for state in states if state] == ["wait", "trade", "done"]
        assert len(stream.subscriptions()["rslt" if format_.startswith("SIMPLE") else "result"]) == 3


@pytest.mark.parametrize("format_", FORMATS)
def test_info_streams_in_every_format(simulator: Make, entrance: Enter, open_stream: Open, format_: str) -> None:
    sim = simulator(start_time=1_795_176_001.0, frozen=True)
    url = entrance(sim, format=format_).url
    value = {"codes": ["KRW-BTC"], "timeframe": "5m", "indicators": [RSI]}
    signal = {**value, "indicators": [{**RSI, "trigger": "overbought", "event_params": {"threshold": 70}}]}
    arguments = {"indicator": value, "indicator_signal": signal, "format": format_}
    with open_stream(sim, url, "subscribe_info", **arguments) as stream:
        sim.wait_served({"indicator KRW-BTC", "indicator_signal KRW-BTC"}, endpoint="info")
        for price in (90_000_000, 150_000_000):
            sim.close_candle("KRW-BTC", "5m", price)
        got = [event for _ in range(3) for event in stream.receive()]
        assert as_text(got) == sent(sim)
        assert [event.get("type", event.get("ty")) for event in got] == ["indicator", "indicator", "indicator_signal"]


def test_every_type_has_a_stream_of_its_own(simulator: Make, entrance: Enter, open_stream: Open) -> None:
    sim = simulator(limits=None)
    url = entrance(sim).url
    for method in ("ticker", "trade", "orderbook", "candle"):
        with open_stream(sim, url, method, codes=["KRW-ETH"]) as stream:
            (event,) = stream.receive()
            assert (event["code"], event["stream_type"]) == ("KRW-ETH", "SNAPSHOT")


def test_an_error_of_the_exchange_reaches_the_caller(simulator: Make, entrance: Enter, open_stream: Open) -> None:
    sim = simulator()
    url = entrance(sim).url
    with open_stream(sim, url, "ticker", codes=[]) as stream:
        (event,) = stream.receive()
        assert event["error"]["name"] == "INVALID_PARAM"


def test_the_rest_calls_beside_the_streams(simulator: Make) -> None:
    sim = simulator()
    ids = [sim.trade("KRW-BTC") for _ in range(3)]
    with upbit.Upbit(base_url=sim.rest_url) as client:
        pairs = client.trading_pairs.list()
        assert [pair.market for pair in pairs][:1] == ["KRW-BTC"]
        trades = client.trades.list(market="KRW-BTC", count=3)
        assert [trade.sequential_id for trade in trades] == ids[::-1]


def test_orders_and_balances_over_rest(simulator: Make) -> None:
    sim = simulator()
    options = {"access_key": sim.access_key, "secret_key": sim.secret_key, "base_url": sim.rest_url}
    with upbit.Upbit(**options, max_retries=0) as client:
        assert {row.currency: row.balance for row in client.accounts.list()}["BTC"] == "10"
        wanted = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit"}
        order = client.orders.create(**wanted, price="1000", volume="6", identifier="mine")
        assert (order.state, order.locked, order.identifier) == ("wait", "6003", "mine")
        other = client.orders.create(**wanted, price="2000", volume="3")
        listed = client.orders.list_open(market="KRW-BTC", states=["wait", "watch"], order_by="asc")
        assert [row.uuid for row in listed] == [order.uuid, other.uuid]
        rows = client.orders.list_by_uuids(uuids=[order.uuid, other.uuid])
        assert len(rows) == 2
        assert client.orders.cancel(uuid=order.uuid).uuid == order.uuid
        assert client.orders.cancel_by_uuids(uuids=[order.uuid, other.uuid]).success.count == 1
        closed = list(client.orders.list_closed(state="cancel"))
        assert {row.uuid for row in closed} == {order.uuid, other.uuid}
        bought = client.orders.create(market="KRW-BTC", side="bid", ord_type="price", price="100000")
        found = client.orders.retrieve(uuid=bought.uuid)
        assert (found.state, len(found.trades)) == ("cancel", found.trades_count)
        assert client.orders.retrieve_chance(market="KRW-BTC").market.bid.min_total == "5000"
        assert client.api_keys.list()[0].access_key == sim.access_key
        with pytest.raises(upbit.BadRequestError, match="under_min_total_bid"):
            client.orders.create(**wanted, price="1000", volume="1")
        assert len(client.candles.list_minutes(unit=5, market="KRW-BTC", count=3)) == 3
        assert len(client.candles.list_days(market="KRW-BTC", count=3)) == 3
