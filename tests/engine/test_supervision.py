"""A bug in an actor of ours: it is replaced, wants intact; a crash loop is given up loudly; nobody waits for ever."""

from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6 import Config, EngineError, WebSocketClientProxy
from websocket_v6.actors.connection.connection import Connection
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.demand.registry import Registry
from websocket_v6.actors.jwt import Jwt
from websocket_v6.simulator import Simulator
from websocket_v6.steps import finish

ACTORS: dict[str, Any] = {"router": Router, "registry": Registry, "public": Connection, "jwt": Jwt}


class Poison:
    """A message that the patched actors fail on, as on a bug."""


@pytest.fixture
def poisonous(monkeypatch: pytest.MonkeyPatch) -> None:
    for actor in ACTORS.values():
        original = actor.on_receive

        def receive(self: Any, message: object, original: Any = original) -> object:
            if isinstance(message, Poison):
                raise RuntimeError("a bug, as told")
            return original(self, message)

        monkeypatch.setattr(actor, "on_receive", receive)


def ref_of(proxy: WebSocketClientProxy, name: str) -> Any:
    assert proxy._component is not None
    children = finish(proxy._component.link.children())
    return children.connections[name][0] if name in children.connections else getattr(children, name)


def take_all(subscription: Any) -> None:
    while True:
        subscription.get(5)


def is_replaced(proxy: WebSocketClientProxy, router: Any) -> bool:
    try:
        return bool(ref_of(proxy, "router") != router)
    except EngineError:
        return True  # given up


@pytest.mark.usefixtures("poisonous")
@pytest.mark.parametrize("name", ACTORS)
def test_an_actor_that_dies_is_replaced_with_its_wants_intact(sim: Simulator, config: Config, name: str) -> None:
    with WebSocketClientProxy("survivor", config=config) as proxy:
        states: list[str] = []
        proxy.on_connection(lambda event: states.append(f"{event.endpoint} {event.state}"))
        pushed: list[Any] = []
        proxy.subscribe_ticker("KRW-BTC", pushed.append)
        pulled = proxy.subscribe_trade("KRW-ETH")
        private: Any = proxy.subscribe_my_asset()
        sim.wait_served({"ticker KRW-BTC", "trade KRW-ETH"})
        sim.wait_served({"myAsset *"}, endpoint="private")
        wait_until(lambda: pushed, "the snapshot")
        pulled.get(5)
        before = pushed[-1].epoch
        old = ref_of(proxy, name)
        old.tell(Poison())
        wait_until(lambda: ref_of(proxy, name) != old, "the successor")
        sim.wait_served({"ticker KRW-BTC", "trade KRW-ETH"}, timeout=10)
        sim.wait_served({"myAsset *"}, endpoint="private", timeout=10)
        sim.trade("KRW-BTC")
        sim.trade("KRW-ETH")
        sim.deposit("KRW", 1)
        wait_until(lambda: pushed[-1].stream_type == "REALTIME", "the next tick")
        assert pulled.get(5).stream_type == "REALTIME"
        assert private.get(5).assets
        if name == "jwt":
            assert pushed[-1].epoch == before, "public data does not need keys"
        else:
            assert pushed[-1].epoch == before + 1, "the gap shows in the stream"
            assert states.count("public open") == 2
        later = proxy.subscribe_ticker("KRW-XRP")
        assert later.get(5).symbol == "KRW-XRP"


@pytest.mark.usefixtures("poisonous")
def test_a_crash_loop_is_given_up_loudly(sim: Simulator, config: Config, caplog: pytest.LogCaptureFixture) -> None:
    with WebSocketClientProxy("doomed", config=config) as proxy:
        errors: list[Exception] = []
        proxy.subscribe_ticker("KRW-BTC", lambda event: None, error_handler=errors.append)
        pulled = proxy.subscribe_trade("KRW-BTC")
        pulled.get(5)
        for _ in range(6):
            router = ref_of(proxy, "router")
            router.tell(Poison())
            wait_until(lambda: not router.is_alive(), "its death")  # noqa: B023
            wait_until(lambda: errors or is_replaced(proxy, router), "what follows")  # noqa: B023
        wait_until(lambda: errors, "the report")
        assert isinstance(errors[0], EngineError)
        assert "gave up" in caplog.text
        with pytest.raises(EngineError):
            take_all(pulled)
        with pytest.raises(EngineError, match="gave up"):
            proxy.subscribe_ticker("KRW-ETH")
        with pytest.raises(EngineError):
            WebSocketClientProxy("late", config=config).subscribe_ticker("KRW-ETH")
    with WebSocketClientProxy("afterwards", config=config) as proxy:
        assert proxy.get_ticker_snapshot("KRW-BTC")[0].symbol == "KRW-BTC"


@pytest.mark.usefixtures("poisonous")
def test_whoever_asks_a_dying_actor_gets_an_answer(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("asker", config=config) as proxy:
        proxy.subscribe_ticker("KRW-BTC").get(5)
        ref_of(proxy, "registry").tell(Poison())
        for code in ("KRW-ETH", "KRW-XRP", "BTC-ETH"):
            proxy.subscribe_ticker(code)
        sim.wait_served({f"ticker {code}" for code in ("KRW-BTC", "KRW-ETH", "KRW-XRP", "BTC-ETH")}, timeout=10)
        assert proxy.health().streams == 4
