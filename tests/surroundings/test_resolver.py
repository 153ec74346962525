"""Names: the exchange moves to another address between two connections, the resolver is slow, or fails for a while."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.simulator import Simulator

CODE = "KRW-BTC"
NAME = "exchange.invalid"


class Resolver:
    """Knows one name, whose address is for the test to say; None: it fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
        self.port: int | None = port
        self.gate = threading.Event()
        self.gate.set()
        self.asked = 0
        ask = socket.getaddrinfo

        def answer(host: Any, port: Any, *args: Any, **options: Any) -> Any:
            if host != NAME:
                return ask(host, port, *args, **options)
            if options.get("flags", 0) & socket.AI_NUMERICHOST:
                raise socket.gaierror(socket.EAI_NONAME, "it is a name")
            self.asked += 1
            assert self.gate.wait(20)
            if self.port is None:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", self.port))]

        monkeypatch.setattr(socket, "getaddrinfo", answer)


@pytest.fixture
def exchanges() -> Iterator[tuple[Simulator, Simulator]]:
    with Simulator(markets=[CODE]) as first, Simulator(markets=[CODE]) as second:
        yield first, second


@pytest.fixture
def resolver(exchanges: tuple[Simulator, Simulator], monkeypatch: pytest.MonkeyPatch) -> Resolver:
    return Resolver(monkeypatch, exchanges[0].port)


@pytest.fixture
def subscription(resolver: Resolver) -> Iterator[Any]:
    config = Config(
        url=f"ws://{NAME}/websocket/v1", mode="embedded", connect_timeout=0.5, backoff_initial=0.02, backoff_max=0.1
    )
    with WebSocketClientProxy("component", config=config) as proxy:
        yield proxy.subscribe_trade(CODE)


def served_by(sim: Simulator, subscription: Any) -> bool:
    number = sim.trade(CODE)
    try:
        while subscription.get(timeout=0.1).sequential_id != number:
            pass
    except TimeoutError:
        return False
    return True


def said(subscription: Any) -> str:
    """Return what a loop without an event hears."""
    try:
        while True:
            subscription.get(timeout=0.2)
    except TimeoutError as exc:
        return str(exc)


def test_an_exchange_that_moves(exchanges: tuple[Simulator, Simulator], resolver: Resolver, subscription: Any) -> None:
    first, second = exchanges
    wait_until(lambda: served_by(first, subscription), "the first address")
    resolver.port = second.port
    first.drop()
    wait_until(lambda: served_by(second, subscription), "the second address")
    assert resolver.asked == 2, "it is asked anew for each connection"


def test_a_resolver_that_fails_for_a_while(
    exchanges: tuple[Simulator, Simulator], resolver: Resolver, subscription: Any
) -> None:
    first, _ = exchanges
    wait_until(lambda: served_by(first, subscription), "being served")
    resolver.port = None
    first.drop()
    wait_until(lambda: "Temporary failure in name resolution" in said(subscription), "the reason")
    resolver.port = first.port
    wait_until(lambda: served_by(first, subscription), "being served again")


def test_a_resolver_that_is_slower_than_an_attempt(
    exchanges: tuple[Simulator, Simulator], resolver: Resolver, subscription: Any
) -> None:
    first, _ = exchanges
    wait_until(lambda: served_by(first, subscription), "being served")
    resolver.gate.clear()
    first.drop()
    asked = resolver.asked
    wait_until(lambda: f"looking up {NAME}" in said(subscription), "who is not there being named")
    assert resolver.asked <= asked + 1, "a look-up that goes on is waited for, and no other begins"
    resolver.gate.set()
    wait_until(lambda: served_by(first, subscription), "being served again")
