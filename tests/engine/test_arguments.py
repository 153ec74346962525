"""First mistakes: every public function with every kind of wrong argument, made from the type hints.

Each is told at once, as an error of ours, and the engine is as it was.
"""

import copy
import functools
import inspect
import pickle
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from websocket_v6 import (
    Config,
    ConfigError,
    LocalProtocolError,
    Mailbox,
    Subscription,
    TickerEvent,
    WebSocketClientProxy,
    WebSocketV6Error,
)
from websocket_v6.arguments import check_callable
from websocket_v6.options import Options, PublicOptions
from websocket_v6.simulator import Simulator

OURS = (WebSocketV6Error, TypeError, ValueError)
NOWHERE = Config(url="ws://127.0.0.1:1/websocket/v1", mode="embedded")
RSI = {"type": "rsi", "params": {"period": 14}}


class Odd:
    """Like nothing that is expected."""

    def __repr__(self) -> str:
        return "<odd>"


KINDS: dict[str, Any] = {
    "None": None,
    "True": True,
    "5": 5,
    "-1": -1,
    "2.5": 2.5,
    "nan": float("nan"),
    "word": "no",
    "empty": "",
    "bytes": b"KRW-BTC",
    "list": [5],
    "empty list": [],
    "nested": [["KRW-BTC"]],
    "dict": {"a": 1},
    "set": {1.5},
    "odd": Odd(),
    "a class": Odd,
}
# What each argument takes of these; all the others are mistakes. An argument that is not here takes none of them.
TAKES = {
    "callback": {"None", "a function"},
    "error_handler": {"None"},
    "on_markets": {"None"},
    "quote": {"word"},
    "mailbox": {"None"},
    "numbers": set[str](),
    "snapshot": {"True"},
    "realtime": {"True"},
    "include_body": {"True"},
    "reconcile": {"True"},
    "closed": {"True"},
    "categories": {"None"},
    "depth": {"5"},
    "level": {"5", "2.5"},
    "timeout": {"5", "2.5"},
    "config": {"None"},
    "component_id": {"word"},
    "access_key": {"word"},
    "secret_key": {"word"},
    "symbols of my_order": {"None"},
    "path": {"word"},
    "rotate_bytes": {"None", "5"},
    "rotate_seconds": {"None", "5", "2.5"},
    "timeout of get": {"None", "5", "2.5"},
}
CALLS: dict[str, dict[str, Any]] = {
    "subscribe_ticker": {"symbols": "KRW-BTC"},
    "subscribe_trade": {"symbols": "KRW-BTC"},
    "subscribe_orderbook": {"symbols": "KRW-BTC"},
    "subscribe_candle": {"symbols": "KRW-BTC"},
    "subscribe_my_order": {},
    "subscribe_my_asset": {},
    "subscribe_announcement": {},
    "subscribe_indicator": {"symbols": "KRW-BTC", "timeframe": "5m", "indicators": RSI},
    "subscribe_indicator_signal": {"symbols": "KRW-BTC", "timeframe": "5m", "indicators": RSI},
    "get_ticker_snapshot": {"symbols": "KRW-BTC"},
    "get_trade_snapshot": {"symbols": "KRW-BTC"},
    "get_orderbook_snapshot": {"symbols": "KRW-BTC"},
    "get_candle_snapshot": {"symbols": "KRW-BTC"},
    "unsubscribe": {},
    "on_connection": {},
    "on_overflow": {},
    "on_markets": {},
    "markets": {},
    "list_subscriptions": {},
    "last": {"type": "ticker", "code": "KRW-BTC"},
    "book": {"code": "KRW-BTC"},
    "wait_ready": {},
    "record": {"path": "day.wsr"},
    "set_keys": {"access_key": "a" * 40, "secret_key": "b" * 40},
}
NO_ARGUMENTS = {
    "unsubscribe_all",
    "subscriptions",
    "is_public_available",
    "is_private_available",
    "health",
    "run",
    "stop",
    "cleanup",
}


def arguments(name: str) -> Iterator[str]:
    """Yield the names of what a public function takes, its options included."""
    function = getattr(WebSocketClientProxy, name)
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            options = PublicOptions if "PublicOptions" in str(parameter.annotation) else Options
            yield from options.__annotations__
        elif parameter.name != "self":
            yield parameter.name


def mistakes() -> Iterator[Any]:
    for name in CALLS:
        for argument in arguments(name):
            taken = TAKES.get(argument, set())
            if name in ("on_connection", "on_overflow", "on_markets"):
                taken = set()
            if name == "subscribe_my_order" and argument == "symbols":
                taken = TAKES["symbols of my_order"]
            for kind in KINDS:
                # A class can be called, with an argument at that: it may be what was meant, unless it takes none.
                if kind not in taken:
                    yield pytest.param(name, argument, KINDS[kind], id=f"{name}-{argument}-{kind}")


def test_no_public_function_is_left_out() -> None:
    names = [name for name in dir(WebSocketClientProxy) if not name.startswith("_")]
    public = {name for name in names if callable(getattr(WebSocketClientProxy, name))}
    assert public == set(CALLS) | NO_ARGUMENTS


@pytest.mark.parametrize(("name", "argument", "value"), list(mistakes()))
def test_a_mistake_is_told_at_once_and_starts_nothing(name: str, argument: str, value: Any) -> None:
    proxy = WebSocketClientProxy("bot", config=NOWHERE)
    with pytest.raises(OURS) as caught:
        getattr(proxy, name)(**{**CALLS[name], argument: value})
    told = str(caught.value)
    assert isinstance(caught.value, WebSocketV6Error), told
    assert "object" not in told.replace("objects such as", "") or "not" in told
    assert proxy._component is None, "the engine was not started for it"


@pytest.mark.parametrize("kind", KINDS)
def test_so_it_is_of_a_subscription(kind: str) -> None:
    value = KINDS[kind]
    with WebSocketClientProxy("bot", config=NOWHERE) as proxy:
        subscription = proxy.subscribe_ticker("KRW-BTC")
        before = (subscription.symbols, subscription.stats, len(proxy.subscriptions()))
        calls: list[Callable[[], object]] = [lambda: subscription.add(value), lambda: subscription.remove(value)]
        if kind not in TAKES["timeout of get"]:
            calls.append(lambda: subscription.get(timeout=value))
            calls.append(lambda: subscription.get(value))
            calls.append(lambda: subscription.get_many(5, timeout=value))
        if kind != "5":
            calls.append(lambda: subscription.get_many(value, timeout=0.0))
        for call in calls:
            with pytest.raises(WebSocketV6Error):
                call()
        assert (subscription.symbols, subscription.stats, len(proxy.subscriptions())) == before


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "word"])
def test_a_component_has_a_name(kind: str) -> None:
    with pytest.raises(LocalProtocolError, match="must be a name"):
        WebSocketClientProxy(KINDS[kind])


@pytest.mark.parametrize("config", ["ws://x", {"url": "ws://x", "secret_key": "hush"}, 5, Config])
def test_a_config_is_a_config(config: Any) -> None:
    with pytest.raises(ConfigError, match=r"^config is of type \w+: give a Config") as caught:
        WebSocketClientProxy("bot", config=config)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("field", Config.__struct_fields__)
@pytest.mark.parametrize("kind", ["odd", "nested", "dict", "set", "bytes", "nan", "-1"])
def test_so_is_what_is_in_it(field: str, kind: str) -> None:
    with pytest.raises(ConfigError, match=field):
        Config(**{field: KINDS[kind]})


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "True"])
@pytest.mark.parametrize(
    "make", [Mailbox.latest, functools.partial(Mailbox.throttle, 1.0), functools.partial(Mailbox.block, 5)]
)
def test_a_mailbox_is_a_policy(make: Any, kind: str) -> None:
    with pytest.raises((LocalProtocolError, TypeError)):
        make(notify=KINDS[kind])
    if kind not in ("5", "2.5"):
        with pytest.raises((LocalProtocolError, TypeError)):
            Mailbox.throttle(KINDS[kind])


# --- what would be accepted in silence


async def acallback(event: TickerEvent) -> None:
    """Never awaited by anybody."""


class Async:
    async def method(self, event: object) -> None: ...

    async def __call__(self, event: object) -> None: ...


def generator(event: object) -> Iterator[None]:
    yield


LAZY = [acallback, Async().method, Async(), functools.partial(acallback), generator]


@pytest.mark.parametrize("callback", LAZY)
def test_a_callback_that_would_never_run_is_refused(callback: Any) -> None:
    proxy = WebSocketClientProxy("bot", config=NOWHERE)
    todo = "it yields" if callback is generator else r"in an asyncio program use websocket_v6\.aio"
    with pytest.raises(LocalProtocolError, match=f"^callback=.* would never run: .*{todo}"):
        proxy.subscribe_ticker("KRW-BTC", callback)
    with pytest.raises(LocalProtocolError, match="would never run"):
        proxy.on_connection(callback)
    with pytest.raises(LocalProtocolError, match=r"error_handler=.* would never run"):
        proxy.subscribe_ticker("KRW-BTC", print, error_handler=callback)


@pytest.mark.parametrize("callback", [lambda: None, lambda one, two: None, Odd])
def test_a_callback_takes_one_argument(callback: Any) -> None:
    with pytest.raises(LocalProtocolError, match="is called with one argument: "):
        check_callable("callback", callback)


@pytest.mark.parametrize("callback", [print, [].append, lambda one, two=2: None, lambda *many: None, Decimal, max])
def test_whatever_can_be_called_so_is_taken(callback: Any) -> None:
    assert check_callable("callback", callback) == callback


@pytest.mark.parametrize("code", ["btc-krw", "BTC-KRW", ["KRW-ETH", "btc-sgd"]])
def test_a_code_the_wrong_way_round_is_told_so(code: Any) -> None:
    proxy = WebSocketClientProxy("bot", config=NOWHERE)
    with pytest.raises(LocalProtocolError, match=r"the wrong way round: write '(KRW|SGD)-BTC'"):
        proxy.subscribe_ticker(code)


def test_a_proxy_and_a_subscription_stay_where_they_are(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy:
        subscription: Subscription[TickerEvent] = proxy.subscribe_ticker("KRW-BTC")
        for act in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="make one in the child"):
                act(proxy)
            with pytest.raises(TypeError, match="make a proxy there"):
                act(subscription)
