"""The exchange's open questions: whatever the answer is, all that is wanted arrives, or it is said why not.

`Answers` has one field for each question that the exchange's documents leave open. The fields and their values are
taken from there, so that a new question is tried without a line here.
"""

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from tests.conftest import wait_until
from websocket_v6 import Config, Mailbox, WebSocketClientProxy
from websocket_v6.protocol.errors import AuthenticationError
from websocket_v6.simulator import Simulator
from websocket_v6.simulator.answers import Answers

BTC, ETH, XRP = MARKETS = ["KRW-BTC", "KRW-ETH", "KRW-XRP"]
RSI = {"type": "rsi", "params": {"period": 14}}
KEEP_ALL = Mailbox.lossless(1 << 26)
ENDPOINTS = ("public", "private", "info")
# Questions of these names concern the connections that need keys; for the others the public one is lost alone.
ABOUT_KEYS = ("auth_", "nonce_", "key_", "missing_", "my_")
# Answers that are numbers or names have no list of values; these are tried.
OPEN_VALUES: dict[str, tuple[Any, ...]] = {
    "list_batch": (1, 3),
    "rate_error": ("TOO_MANY_REQUEST", "TOO_MANY_REQUESTS"),
    "stray_frames": (0, 1, 2),
    "my_asset_delay": (0.0, 0.2),
    "rest_lag": (0.0, 0.3),
    "idle_timeout": (60.0, 120.0, None),
    "private_idle_timeout": (60.0, 120.0, None),
    "auth_close_code": (1000, 1008),
    "best_null_share": (0.0, 0.5),
    "compress_level": (6, 1),
    "server_max_window_bits": (None, 9, 15),
    "client_max_window_bits": (None, 9, 15),
    "compress_from": (0, 300),
}


def _values(name: str, hint: Any) -> tuple[Any, ...]:
    if hint is bool:
        return (True, False)
    return get_args(hint) if get_origin(hint) is Literal else OPEN_VALUES[name]


def _questions() -> Iterator[Any]:
    hints = get_type_hints(Answers)
    yield pytest.param({}, id="as measured")
    for field in fields(Answers):
        for value in _values(field.name, hints[field.name]):
            if value != field.default:
                yield pytest.param({field.name: value}, id=f"{field.name}={value}")


class Taker:
    """One component that keeps all it gets."""

    def __init__(self, name: str, config: Config) -> None:
        self.proxy = WebSocketClientProxy(name, config=config)
        self.events: list[Any] = []
        self.errors: list[Exception] = []
        self.told: list[Any] = []
        self.proxy.on_connection(self.told.append)
        self.options: dict[str, Any] = {
            "callback": self.events.append,
            "error_handler": self.errors.append,
            "mailbox": KEEP_ALL,
        }

    def got(self, stream: str, kind: str = "REALTIME") -> list[str]:
        """Return the messages of `stream` as the exchange wrote them."""
        type_, _, code = stream.partition(" ")
        return [
            event._payload.decode()
            for event in list(self.events)
            if event.type == type_ and (code == "*" or event.symbol == code) and event.stream_type == kind
        ]


class Scene:
    """Two components, all kinds of streams, on an exchange with the given answers."""

    def __init__(self, sim: Simulator, config: Config) -> None:
        self.sim = sim
        self.chart, self.bot = Taker("chart", config), Taker("bot", config)
        self.takers = {"chart": self.chart, "bot": self.bot}
        private = ["myOrder *", "myAsset *", "announcement *"]
        self.wanted = {
            "chart": [f"ticker {BTC}", f"ticker {ETH}", f"orderbook {BTC}"],
            "bot": [f"trade {BTC}", f"ticker {ETH}", f"ticker {XRP}", *private, f"indicator {BTC}"],
        }

    def subscribe(self) -> None:
        chart, bot = self.chart, self.bot
        chart.proxy.subscribe_ticker([BTC, ETH], **chart.options)
        chart.proxy.subscribe_orderbook(BTC, depth=5, **chart.options)
        self.candles = chart.proxy.subscribe_candle(BTC, **chart.options)
        bot.proxy.subscribe_trade(BTC, **bot.options)
        bot.proxy.subscribe_ticker([ETH, XRP], **bot.options)
        bot.proxy.subscribe_my_order(**bot.options)
        bot.proxy.subscribe_my_asset(**bot.options)
        bot.proxy.subscribe_announcement(**bot.options)
        bot.proxy.subscribe_indicator(BTC, timeframe="5m", indicators=RSI, **bot.options)

    def wait_served(self) -> None:
        public = {
            stream for streams in self.wanted.values() for stream in streams if stream.split()[0] in "ticker trade"
        }
        self.sim.wait_served({*public, f"orderbook {BTC}"}, 20, exactly=False)
        self.sim.wait_served({"myOrder *", "myAsset *", "announcement *"}, 20, endpoint="private")
        self.sim.wait_served({f"indicator {BTC}"}, 20, endpoint="info")
        for name, taker in self.takers.items():
            for stream in self.wanted[name]:
                if stream.split()[0] in ("ticker", "orderbook", "trade"):
                    wait_until(lambda: taker.got(stream, "SNAPSHOT"), f"a snapshot of {stream}")  # noqa: B023

    def happen(self) -> None:
        """Let something happen on every stream, and check that each component gets all of it, once and in order."""
        for code in MARKETS:
            self.sim.trade(code)
        self.sim.set_market_state(XRP, "ACTIVE", datetime(2031, 5, 6, tzinfo=UTC))
        self.sim.indicate(BTC, "5m", "rsi", {"rsi": "61.20417733"})
        self.sim.flush()
        # What is subscribed to may still begin a little later: the second half of it, or an account's first assets.
        private = ("myOrder *", "myAsset *", "announcement *")
        seen = {stream: len(self.bot.got(stream)) for stream in private}

        def is_told_of_what_happens() -> bool:
            self.sim.cancel_order(self.sim.place_order(ETH, "BID", price=1000, volume=6))
            self.sim.announce("점검 안내", "maintenance", "**본문**")
            self.sim.deposit("KRW", 1)
            return all(len(self.bot.got(stream)) > seen[stream] for stream in private)

        wait_until(is_told_of_what_happens, "news of the account")
        for name, taker in self.takers.items():
            for stream in self.wanted[name]:
                # What is on its way may still come, on both sides.
                wait_until(lambda: taker.got(stream) == self._sent(stream) != [], f"all of {stream}")  # noqa: B023
            # Readable to the last field.
            for event in taker.events:
                assert event.asdict()
        assert not self.chart.errors + self.bot.errors

    def _sent(self, stream: str) -> list[str]:
        return [one.text for one in self.sim.sent(stream=stream) if one.kind == "REALTIME"]

    def close(self) -> None:
        for taker in self.takers.values():
            taker.proxy.cleanup()


@pytest.mark.parametrize("given", list(_questions()))
def test_everything_arrives_whatever_the_answer(given: dict[str, Any]) -> None:
    (name,) = given or ("",)
    # What concerns arrays shows in a list format alone, and the clock's grid only where a pace is kept.
    format_ = "SIMPLE_LIST" if name.startswith(("wrap_", "list_")) else "SIMPLE"
    answers = Answers(**given)
    with Simulator(markets=MARKETS, answers=answers, paced=name == "tickers") as sim:
        scene = Scene(
            sim,
            Config(
                url=sim.url,
                access_key=sim.access_key,
                secret_key=sim.secret_key,
                format=format_,  # type: ignore[arg-type]
                backoff_initial=0.01,
                backoff_max=0.05,
            ),
        )
        try:
            _play(scene, answers, name)
        finally:
            scene.close()


def _play(scene: Scene, answers: Answers, name: str) -> None:
    sim, chart, bot = scene.sim, scene.chart, scene.bot
    scene.subscribe()
    scene.wait_served()
    scene.happen()
    # The subscription is replaced: one stream goes, another comes for a moment.
    scene.candles.close()
    (candle,) = chart.proxy.get_candle_snapshot(ETH, interval="5m")
    assert candle.symbol == ETH
    scene.happen()
    listed = {one.type for one in bot.proxy.list_subscriptions().subscriptions}
    assert {"ticker", "trade", "orderbook"} <= listed
    private = {one.type for one in bot.proxy.list_subscriptions("private").subscriptions}
    assert private == {"myOrder", "myAsset", "announcement"}
    # The connection is lost, in its own way where the question is what happens then.
    lost = ENDPOINTS if not name or name.startswith(ABOUT_KEYS) else ENDPOINTS[:1]
    if name.startswith("rate_"):
        sim.send_error(answers.rate_error, close=answers.rate_error_closes, endpoint="public")
    else:
        sim.drop("public")
    for endpoint in lost[1:]:
        sim.drop(endpoint)
    for endpoint in lost:
        wait_until(
            lambda: any((one.endpoint, one.state, one.epoch) == (endpoint, "open", 2) for one in bot.told),  # noqa: B023
            f"the {endpoint} connection again",
        )
    scene.wait_served()
    if name == "day_roll_message":
        sim.advance(86_400 - sim.now() % 86_400, idle=False)
    scene.happen()
    errors = [one for one in sim.notices() if '"error"' in one]
    assert len(errors) == (1 if name.startswith("rate_") else 0), errors
    counters = chart.proxy.health().counters
    assert (counters.malformed, counters.reconnects) == (0, len(lost))
    assert sum(one.open for one in sim.connections()) == 3
    delisted = [event.delisting_date for event in bot.events if event.type == "ticker" and event.symbol == XRP][-1]
    assert "2031" in str(delisted)
    assert all(isinstance(event.trade_price, Decimal) for event in chart.events if event.type == "ticker")


@pytest.mark.parametrize("answer", ["INVALID_AUTH", "silence"])
def test_a_key_without_a_permission(answer: Literal["INVALID_AUTH", "silence"]) -> None:
    with Simulator(markets=MARKETS, answers=Answers(missing_permission=answer)) as sim:
        sim.add_key("orders-only", "secret-of-orders-only", permissions=("orders",))
        config = Config(url=sim.url, access_key="orders-only", secret_key="secret-of-orders-only", backoff_initial=0.01)
        one = Taker("one", config)
        try:
            one.proxy.subscribe_ticker(BTC, **one.options)
            one.proxy.subscribe_my_asset(**one.options)
            if answer == "INVALID_AUTH":
                wait_until(lambda: one.errors, "the refusal")
                assert isinstance(one.errors[0], AuthenticationError)
                assert "permissions" in str(one.errors[0])
            else:
                one.proxy.subscribe_my_order(**one.options)
                sim.wait_served({"myOrder *", "myAsset *"}, 20, endpoint="private")
                sim.deposit("KRW", 1_000_000, "orders-only")
                sim.place_order(BTC, "BID", price=1000, volume=6, access_key="orders-only")
                wait_until(lambda: one.got("myOrder *"), "the order")
                assert not one.got("myAsset *")
            sim.wait_served({f"ticker {BTC}"}, 20)
            sim.trade(BTC)
            wait_until(lambda: one.got(f"ticker {BTC}"), "public data")
        finally:
            one.proxy.cleanup()


@pytest.mark.parametrize("closes", [True, False])
def test_a_key_that_is_taken_away(closes: bool) -> None:
    with Simulator(markets=MARKETS, answers=Answers(key_end_closes=closes)) as sim:
        config = Config(url=sim.url, access_key=sim.access_key, secret_key=sim.secret_key, backoff_initial=0.01)
        one = Taker("one", config)
        try:
            one.proxy.subscribe_announcement(**one.options)
            sim.wait_served({"announcement *"}, 20, endpoint="private")
            sim.revoke_key()
            if closes:
                wait_until(lambda: one.errors, "the refusal")
                assert isinstance(one.errors[0], AuthenticationError)
                assert one.told[-1].state == "refused"
            else:
                sim.announce("점검 안내")
                wait_until(lambda: one.got("announcement *"), "the notice")
                assert not one.errors
        finally:
            one.proxy.cleanup()
