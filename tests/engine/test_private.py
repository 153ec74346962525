"""Private data: delivered whole in every format, kept apart from public data, and no key or token ever shown."""

import itertools
import logging
import pickle
import time
import traceback
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

import websocket_v6.actors.jwt as jwt_module
from tests.conftest import wait_until
from websocket_v6 import Config, ConnectionEvent, WebSocketClientProxy, WebSocketV6Error
from websocket_v6.protocol.errors import AuthenticationError, ConfigError
from websocket_v6.protocol.exchange.tokens import Keys, make_token
from websocket_v6.protocol.secret import Secret
from websocket_v6.simulator import Simulator
from websocket_v6.simulator.answers import Answers

MARKETS = ["KRW-BTC", "KRW-ETH"]
RSI = {"type": "rsi", "params": {"period": 14}}
SPIKE = {"type": "volume", "params": {"period": 20}, "trigger": "volume_spike", "event_params": {"multiplier": 2}}
OTHER = ("another-access-key", "another-secret-key-that-opens-nothing-and-is-sixty-four-bytes-long")
WRONG_SECRET = "a-wrong-secret-key-that-opens-nothing-and-is-sixty-four-bytes-long!!"
CALM = 2.0  # seconds in which a refused key must not be tried again


class Component:
    """A proxy and everything it is told."""

    def __init__(self, name: str, config: Config) -> None:
        self.proxy = WebSocketClientProxy(name, config=config)
        self.told: list[ConnectionEvent] = []
        self.events: list[Any] = []
        self.errors: list[Exception] = []
        self.proxy.on_connection(self.told.append)
        self.options: dict[str, Any] = {"callback": self.events.append, "error_handler": self.errors.append}

    def states(self, endpoint: str = "private") -> list[str]:
        return [one.state for one in list(self.told) if one.endpoint == endpoint]

    def wait_state(self, *states: str) -> None:
        wait_until(lambda: tuple(self.states()[-len(states) :]) == states, f"private connection {states}")


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every token that is made during the test."""
    made: list[str] = []

    def record(keys: Keys, nonce: str, algorithm: str, query: str = "") -> Secret:
        token = make_token(keys, nonce, algorithm, query)
        made.append(token.reveal())
        return token

    monkeypatch.setattr(jwt_module, "make_token", record)
    return made


Make = Callable[..., Component]


@pytest.fixture
def component(config: Config) -> Iterator[Make]:
    """Makes components, and ends them with the test."""
    made: list[Component] = []
    names = itertools.count(1)

    def make(**changes: Any) -> Component:
        fast: dict[str, Any] = {"backoff_initial": 0.02, "backoff_max": 0.2, **changes}
        made.append(Component(f"component-{next(names)}", msgspec.structs.replace(config, **fast)))
        return made[-1]

    yield make
    for one in made:
        one.proxy.cleanup()


# --- what comes


@pytest.mark.parametrize("format_", ["SIMPLE", "DEFAULT", "SIMPLE_LIST", "JSON_LIST"])
def test_all_private_types_in_all_formats(sim: Simulator, component: Make, format_: str) -> None:
    one = component(format=format_)
    subscriptions: dict[str, Any] = {
        "order": one.proxy.subscribe_my_order(),
        "asset": one.proxy.subscribe_my_asset(),
        "notice": one.proxy.subscribe_announcement(include_body=True),
        "rsi": one.proxy.subscribe_indicator("KRW-BTC", timeframe="5m", indicators=RSI),
        "spike": one.proxy.subscribe_indicator_signal("KRW-BTC", timeframe="5m", indicators=SPIKE),
    }
    sim.wait_served({"myOrder *", "myAsset *", "announcement *"}, 20, endpoint="private")
    sim.wait_served({"indicator KRW-BTC", "indicator_signal KRW-BTC"}, 20, endpoint="info")
    assert {info.format for info in sim.connections()} == {format_}

    number = sim.place_order("KRW-ETH", "BID", price="99.5", volume="93.25", identifier="mine")
    order = subscriptions["order"].get(20)
    assert (order.symbol, order.uuid, order.state, order.ask_bid) == ("KRW-ETH", number, "wait", "BID")
    assert (order.price, order.volume, order.identifier) == (Decimal("99.5"), Decimal("93.25"), "mine")
    assert order.epoch == 1
    asset = subscriptions["asset"].get(20)
    free, locked = sim.balances()["KRW"]
    assert {(each.currency, each.balance, each.locked) for each in asset.assets} == {("KRW", free, locked)}
    assert locked > 1000

    uuid = sim.announce("점검 안내", "maintenance", "**본문**")
    notice = subscriptions["notice"].get(20)
    assert (notice.symbol, notice.uuid, notice.title, notice.body) == ("maintenance", uuid, "점검 안내", "**본문**")

    sim.indicate("KRW-BTC", "5m", "rsi", {"rsi": "61.20417733"})
    value = subscriptions["rsi"].get(20)
    assert (value.symbol, value.timeframe, value.indicator) == ("KRW-BTC", "5m", "rsi")
    assert (dict(value.params), dict(value.value)) == ({"period": 14}, {"rsi": Decimal("61.20417733")})
    sim.indicate("KRW-BTC", "5m", "volume", {"volume": 812.5, "avg_volume": 401, "ratio": 2}, trigger="volume_spike")
    signal = subscriptions["spike"].get(20)
    assert (signal.trigger, dict(signal.event_params)) == ("volume_spike", {"multiplier": Decimal("2.0")})
    assert dict(signal.value) == {"volume": Decimal("812.5"), "avg_volume": 401, "ratio": 2}
    for subscription in subscriptions.values():
        with pytest.raises(TimeoutError):
            subscription.get(0)


def test_components_share_one_private_connection(sim: Simulator, component: Make) -> None:
    all_markets, ethereum, assets = component(), component(), component()
    all_markets.proxy.subscribe_my_order(**all_markets.options)
    sim.wait_served({"myOrder *"}, 20, endpoint="private")
    ethereum.proxy.subscribe_my_order(symbols="KRW-ETH", **ethereum.options)
    assets.proxy.subscribe_my_asset(**assets.options)
    sim.wait_served({"myOrder *", "myAsset *"}, 20, endpoint="private", exactly=False)
    for code in MARKETS:
        sim.place_order(code, "BID", price=1000, volume=6)
    wait_until(lambda: len(all_markets.events) == 2 and len(assets.events) == 2 and ethereum.events, "the orders")
    assert [one.symbol for one in all_markets.events] == MARKETS
    assert [one.symbol for one in ethereum.events] == ["KRW-ETH"]
    assert len(sim.connections("private")) == 1


@pytest.mark.parametrize("type_", ["my_order", "my_asset", "announcement", "indicator", "indicator_signal"])
def test_without_keys_it_says_at_once_what_to_do(sim: Simulator, type_: str) -> None:
    more: dict[str, Any] = {}
    if type_.startswith("indicator"):
        more = {"symbols": "KRW-BTC", "timeframe": "5m", "indicators": RSI if type_ == "indicator" else SPIKE}
    with WebSocketClientProxy("bot", config=Config(url=sim.url)) as proxy:
        with pytest.raises(AuthenticationError, match=r"UPBIT_ACCESS_KEY and UPBIT_SECRET_KEY.*set_keys"):
            getattr(proxy, f"subscribe_{type_}")(**more)
        assert proxy.subscriptions() == []
        assert proxy.subscribe_ticker("KRW-BTC").get(20).symbol == "KRW-BTC"
        assert not sim.connections("private") + sim.connections("info")
        # With keys given later it works.
        proxy.set_keys(sim.access_key, sim.secret_key)
        subscription = getattr(proxy, f"subscribe_{type_}")(**more)
        endpoint = "info" if type_.startswith("indicator") else "private"
        sim.wait(lambda sim: sim.served(endpoint), 10)
        assert subscription in proxy.subscriptions()


# --- keys the exchange refuses


@pytest.mark.parametrize(
    ("way", "fault"),
    [
        ("http", "wrong secret"),
        ("http", "expired"),
        ("http", "unknown"),
        ("on_open", "wrong secret"),
        ("on_open", "revoked"),
        ("on_request", "wrong secret"),
        ("on_request", "expired"),
    ],
)
def test_a_refused_key_is_told_to_every_private_subscriber_and_to_nobody_else(
    way: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Simulator(markets=MARKETS, answers=Answers(auth_refusal=way)) as sim:  # type: ignore[arg-type]
        keys = {
            "wrong secret": (sim.access_key, WRONG_SECRET),
            "expired": (sim.access_key, sim.secret_key),
            "revoked": (sim.access_key, sim.secret_key),
            "unknown": OTHER,
        }[fault]
        if fault == "expired":
            sim.expire_key()
        elif fault == "revoked":
            sim.revoke_key()
        config = Config(url=sim.url, access_key=keys[0], secret_key=keys[1], backoff_initial=0.02)
        components = [Component(name, config) for name in ("orders", "assets", "public")]
        orders, assets, public = components
        try:
            public.proxy.subscribe_trade("KRW-BTC", **public.options)
            orders.proxy.subscribe_my_order(**orders.options)
            assets.proxy.subscribe_my_asset(**assets.options)
            for one in (orders, assets):
                wait_until(lambda: one.errors, "the refusal")  # noqa: B023
                (error,) = one.errors
                assert isinstance(error, AuthenticationError)
                if way == "http":
                    name = "expired_access_key" if fault == "expired" else "jwt_verification"
                    assert error.name == name
                    assert name in str(error)
                    assert "401" in str(error)
                else:
                    assert error.name == "INVALID_AUTH"
                    assert "인증 정보가 올바르지 않습니다" in str(error)
                assert "key" in str(error), "what to do"
            orders.wait_state("refused")
            # The public side goes on, and nobody hammers at the door.
            started = time.monotonic()
            while time.monotonic() < started + CALM:
                seen = len(public.events)
                sim.trade("KRW-BTC")
                wait_until(lambda: len(public.events) > seen, "public data")  # noqa: B023
            assert orders.states().count("connecting") == 1
            assert len(sim.connections("private")) == (0 if way == "http" else 1)
            assert [len(one.errors) for one in components] == [1, 1, 0]
            assert not orders.proxy.is_private_available()
            assert "refused" in str(orders.proxy.health())
            # Good keys bring it back at once, for both.
            sim.add_key(*OTHER)
            orders.proxy.set_keys(*OTHER)
            sim.wait_served({"myOrder *", "myAsset *"}, 5, endpoint="private")
            sim.deposit("KRW", 5_000_000, OTHER[0])
            sim.place_order("KRW-BTC", "BID", price=1000, volume=6, access_key=OTHER[0])
            wait_until(lambda: orders.events and assets.events, "private data")
            assert public.states("public") in (["connecting", "open"], ["open"])
            assert WRONG_SECRET not in caplog.text
        finally:
            for one in components:
                one.proxy.cleanup()


def test_a_key_that_ends_while_it_is_used() -> None:
    with Simulator(markets=MARKETS, answers=Answers(key_end_closes=True)) as sim:
        config = Config(url=sim.url, access_key=sim.access_key, secret_key=sim.secret_key, backoff_initial=0.02)
        one = Component("orders", config)
        try:
            one.proxy.subscribe_my_order(**one.options)
            sim.wait_served({"myOrder *"}, 20, endpoint="private")
            sim.expire_key()
            one.wait_state("open", "lost", "connecting", "refused")
            wait_until(lambda: one.errors, "the refusal")
            (error,) = one.errors
            assert isinstance(error, AuthenticationError)
            assert error.name == "expired_access_key"
            assert "Open API page" in str(error)
            lost, refused = (event for event in one.told if event.state in ("lost", "refused"))
            assert refused.gap_started_at == lost.gap_started_at, "the gap began with the loss"
        finally:
            one.proxy.cleanup()


def test_a_nonce_used_before_is_cured_by_the_next_token(
    sim: Simulator, component: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0

    def repeat(keys: Keys, nonce: str, algorithm: str, query: str = "") -> Secret:
        nonlocal made
        made += 1
        return make_token(keys, "the-same-as-before" if made <= 2 else nonce, algorithm, query)

    monkeypatch.setattr(jwt_module, "make_token", repeat)
    one = component()
    one.proxy.subscribe_my_order(**one.options)
    sim.wait_served({"myOrder *"}, 20, endpoint="private")
    sim.drop("private")
    wait_until(lambda: one.states() == ["connecting", "open", *["lost", "connecting"] * 2, "open"], "the way back")
    assert "nonce_used" in [event for event in one.told if event.state == "lost"][1].reason
    assert not one.errors, "nothing anyone need do anything about"
    sim.wait_served({"myOrder *"}, 20, endpoint="private")


# --- keys replaced while running


def test_keys_replaced_while_running(sim: Simulator, component: Make) -> None:
    sim.add_key(*OTHER)
    sim.deposit("KRW", 5_000_000, OTHER[0])
    one, two = component(), component()
    one.proxy.subscribe_my_order(**one.options)
    two.proxy.subscribe_my_asset(**two.options)
    two.proxy.subscribe_indicator("KRW-BTC", timeframe="5m", indicators=RSI, **two.options)
    two.proxy.subscribe_trade("KRW-BTC", **two.options)
    for endpoint, streams in {"private": {"myOrder *", "myAsset *"}, "info": {"indicator KRW-BTC"}}.items():
        sim.wait_served(streams, 20, endpoint=endpoint)
    sim.wait_served({"trade KRW-BTC"}, 20)
    one.proxy.set_keys(*OTHER)
    for endpoint, streams in {"private": {"myOrder *", "myAsset *"}, "info": {"indicator KRW-BTC"}}.items():
        sim.wait(
            lambda sim: [each.access_key for each in sim.connections(endpoint) if each.open] == [OTHER[0]],  # noqa: B023
            20,
        )
        sim.wait_served(streams, 20, endpoint=endpoint)
        assert [each.access_key for each in sim.connections(endpoint)] == [sim.access_key, OTHER[0]]
        assert sim.connections(endpoint)[0].close_code == 1000
    for each in (one, two):
        each.wait_state("open", "lost", "connecting", "open")
    assert one.states() == ["connecting", "open", "lost", "connecting", "open"], "another account is no sequel"
    assert [event.reason for event in one.told if event.state == "lost"] == ["the keys are others now"]
    assert one.told[-1].gap_started_at is not None, "so the gap is told"
    assert two.states("info") == ["connecting", "open"], "what is everybody's goes on until the new one serves"
    number = sim.place_order("KRW-BTC", "BID", price=1000, volume=6, access_key=OTHER[0])
    wait_until(lambda: one.events and any(hasattr(event, "assets") for event in two.events), "data of the new account")
    assert one.events[-1].uuid == number
    assert len(sim.connections("public")) == 1
    assert not one.errors + two.errors


def test_keys_replaced_while_connecting(sim: Simulator, component: Make, tokens: list[str]) -> None:
    """The attempt under way carries the old keys; what opens in the end is a connection with the new ones."""
    sim.add_key(*OTHER)
    sim.stall(handshakes=True)
    one = component()
    one.proxy.subscribe_my_order(**one.options)
    # The one under way has the first token; the second was made when that was handed out.
    wait_until(lambda: len(tokens) == 2, "the token's use")
    one.proxy.set_keys(*OTHER)
    sim.resume()
    sim.wait(lambda sim: [each.access_key for each in sim.connections() if each.open] == [OTHER[0]], 20)
    sim.wait_served({"myOrder *"}, 20, endpoint="private")
    assert not one.errors


def test_keys_replaced_while_waiting_are_used_by_the_next_try(sim: Simulator, component: Make) -> None:
    sim.add_key(*OTHER)
    sim.refuse(503, times=None, endpoint="private")
    one = component()
    one.proxy.subscribe_my_order(**one.options)
    wait_until(lambda: "lost" in one.states(), "a failed try")
    one.proxy.set_keys(*OTHER)
    sim.accept()
    # A try with the old keys, which are still good, may be under way just now: it is replaced as soon as it is open.
    sim.wait(lambda sim: [each.access_key for each in sim.connections("private") if each.open] == [OTHER[0]], 20)
    sim.wait_served({"myOrder *"}, 20, endpoint="private")
    made = [each.access_key for each in sim.connections("private")]
    assert made.count(OTHER[0]) == 1, "an attempt that had the new keys is not made again"


@pytest.mark.parametrize("pair", [("", "secret"), ("access", ""), ("access", " "), (None, "secret"), (1, 2)])
def test_nonsense_keys_are_refused_and_change_nothing(sim: Simulator, component: Make, pair: tuple[Any, Any]) -> None:
    one = component()
    one.proxy.subscribe_my_order(**one.options)
    sim.wait_served({"myOrder *"}, 20, endpoint="private")
    with pytest.raises(ConfigError, match="_key is not accepted"):
        one.proxy.set_keys(*pair)
    sim.place_order("KRW-BTC", "BID", price=1000, volume=6)
    wait_until(lambda: one.events, "the order")
    assert len(sim.connections("private")) == 1


# --- no secret is ever shown


def _shown(error: BaseException) -> str:
    """Return all that a report with local variables would print of `error`."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def test_no_secret_is_logged_or_delivered(
    sim: Simulator, component: Make, tokens: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("pykka", "websocket", "websocket_v6"):
        caplog.set_level(logging.DEBUG, name)
    sim.add_key(*OTHER)
    one, two = component(), component()
    texts: list[str] = []

    def refuse_with_an_echo(token: str) -> None:
        # A peer that repeats the request in its refusal, as debugging proxies do.
        body = {"error": {"name": "jwt_verification", "message": f"bad: Authorization: Bearer {token}"}}
        sim.refuse(401, body=body, endpoint="private")

    def raise_with_locals(event: Any) -> None:
        raise ValueError("a bug of the component's own")

    one.proxy.subscribe_my_order(raise_with_locals, error_handler=one.errors.append)
    two.proxy.subscribe_my_asset(**two.options)
    two.proxy.subscribe_indicator("KRW-BTC", timeframe="5m", indicators=RSI, **two.options)
    sim.wait_served({"myOrder *", "myAsset *"}, 20, endpoint="private")
    sim.wait_served({"indicator KRW-BTC"}, 20, endpoint="info")
    sim.place_order("KRW-BTC", "BID", price=1000, volume=6)
    wait_until(lambda: one.errors and two.events, "an order and a change of assets")
    sim.drop()
    two.wait_state("open", "lost", "connecting", "open")
    sim.send_raw(b"nonsense", endpoint="private")
    sim.send_error("INVALID_AUTH", endpoint="private")
    two.wait_state("refused")
    refuse_with_an_echo(tokens[-1])
    one.proxy.set_keys(sim.access_key, WRONG_SECRET)
    two.wait_state("refused", "connecting", "refused")
    refuse_with_an_echo(make_token(Keys(*OTHER), "1", "HS512").reveal())
    one.proxy.set_keys(*OTHER)
    two.wait_state("refused", "connecting", "refused", "connecting", "refused")
    for pair in (("", OTHER[1]), (OTHER[0], ""), (OTHER[0], f"{OTHER[1]} ")):
        with pytest.raises(WebSocketV6Error) as caught:
            one.proxy.set_keys(*pair)
        texts += [str(caught.value), repr(caught.value)]
    sim.stop()
    two.wait_state("refused")
    one.proxy.set_keys(*OTHER)
    wait_until(lambda: two.states()[-1] == "lost", "nobody there")

    part = one.proxy._component
    assert part is not None
    for thing in (one.proxy, two.proxy, one.proxy._config, one.proxy.health(), part, part.link):
        texts += [repr(thing), str(thing)]
    for event in [*two.events, *one.told, *two.told]:
        texts += [repr(event), str(event.asdict()), pickle.dumps(event).decode("latin-1")]
    errors = one.errors + two.errors
    assert len([error for error in errors if isinstance(error, AuthenticationError)]) >= 6
    for error in errors:
        texts += [str(error), repr(error), _shown(error)]
        for frame, _ in traceback.walk_tb(error.__traceback__):
            texts += [repr(value) for value in frame.f_locals.values()]
        if isinstance(error, WebSocketV6Error):
            assert error.__cause__ is None
            assert error.__context__ is None
            texts.append(pickle.dumps(error).decode("latin-1"))
    texts.append(caplog.text)
    texts += [repr(record.__dict__) for record in caplog.records]
    assert len(tokens) >= 6
    echoed = "eyJ"  # how every token begins
    secrets = [
        sim.access_key,
        sim.secret_key,
        *OTHER,
        WRONG_SECRET,
        *tokens,
        *(one.rpartition(".")[2] for one in tokens),
    ]
    for text in texts:
        for secret in (*secrets, echoed):
            assert secret not in text
    assert any("jwt_verification" in text for text in texts)
    assert caplog.text
