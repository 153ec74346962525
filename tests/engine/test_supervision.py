"""A bug in an actor of ours: it is replaced, wants intact, for ever and after growing pauses; nobody waits for ever."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6 import Config, ConnectionEvent, EngineError, WebSocketClientProxy
from websocket_v6.actors import supervisor
from websocket_v6.actors.connection.connection import Connection
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.demand.registry import Registry
from websocket_v6.actors.jwt import Jwt
from websocket_v6.protocol.supervision import restarts as restarts_module
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
        pulled.get(20)
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
        assert pulled.get(20).stream_type == "REALTIME"
        assert private.get(20).assets
        if name == "jwt":
            assert pushed[-1].epoch == before, "public data does not need keys"
        else:
            assert pushed[-1].epoch == before + 1, "the gap shows in the stream"
            assert states.count("public open") == 2
        later = proxy.subscribe_ticker("KRW-XRP")
        assert later.get(20).symbol == "KRW-XRP"


@pytest.fixture
def long_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Have all pauses be of their full length; those in the list are told by what they are multiplied with."""
    factor = [1.0]
    monkeypatch.setattr(supervisor, "random", SimpleNamespace(random=lambda: factor[0]))
    return factor


def kill(proxy: WebSocketClientProxy, name: str) -> None:
    """End an actor through a bug, once it is there, and wait until it is gone."""
    wait_until(lambda: ref_of(proxy, name) is not None, "its successor")
    ref = ref_of(proxy, name)
    ref.tell(Poison())
    wait_until(lambda: ref_of(proxy, name) != ref, "what follows")


@pytest.mark.usefixtures("poisonous")
def test_a_crash_loop_ends_nothing(
    sim: Simulator, config: Config, long_pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    long_pauses[0] = 0.01
    with WebSocketClientProxy("goes_on", config=config) as proxy:
        states: list[ConnectionEvent] = []
        errors: list[Exception] = []
        proxy.on_connection(states.append)
        pushed: list[Any] = []
        proxy.subscribe_ticker("KRW-BTC", pushed.append, error_handler=errors.append)
        pulled = proxy.subscribe_trade("KRW-BTC")
        pulled.get(5)
        for _ in range(12):
            kill(proxy, "router")
        sim.wait_served({"ticker KRW-BTC", "trade KRW-BTC"}, timeout=10)
        sim.trade("KRW-BTC")
        wait_until(lambda: pushed and pushed[-1].stream_type == "REALTIME", "the next tick")
        assert errors == []
        told = [one for one in states if one.state == "restarting"]
        assert len(told) == 12
        assert "the engine's router failed (12 times in a row)" in told[-1].reason
        assert "this is a bug, please report it" in told[-1].reason
        (part,) = proxy.health().restarts
        assert (part.part, part.failures, part.next_attempt) == ("router", 12, None)
        assert "router failed 12 times in a row and runs again" in str(proxy.health())
    tracebacks = [one for one in caplog.records if "router failed" in one.getMessage() and one.exc_info]
    assert len(tracebacks) == 1, "the same bug is logged in full once"


@pytest.mark.usefixtures("poisonous")
@pytest.mark.parametrize("name", ["registry", "router"])
def test_while_a_part_waits_questions_are_answered_and_wants_are_kept(
    sim: Simulator, config: Config, long_pauses: list[float], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with WebSocketClientProxy("patient", config=config) as proxy, WebSocketClientProxy("brief", config=config) as brief:
        ticker = proxy.subscribe_ticker(["KRW-BTC", "KRW-ETH"])
        closed = proxy.subscribe_ticker("KRW-XRP")
        brief.subscribe_ticker("KRW-SOL")
        ticker.get(5)
        kill(proxy, name)
        long_pauses[0] = 40.0  # longer than any question waits
        kill(proxy, name)
        health = proxy.health()
        (part,) = health.restarts
        assert (part.part, part.failures) == (name, 2)
        assert part.next_attempt is not None
        assert part.next_attempt > 10.0
        assert f"{name} failed 2 times in a row and is started again in" in str(health)
        assert not proxy.is_public_available()
        if name == "registry":
            with pytest.raises(EngineError, match=r"registry failed \(2 times in a row\).*started again in 20"):
                proxy.subscribe_trade("KRW-BTC")
            with pytest.raises(EngineError, match="try again"):
                ticker.add("KRW-XRP")
        else:
            proxy.subscribe_trade("KRW-BTC")
            ticker.add("KRW-XRP")
        ticker.remove("KRW-ETH")
        closed.close()
        brief.cleanup()
        late = WebSocketClientProxy("late", config=config)
        monkeypatch.setattr(restarts_module, "LONGEST", 0.0)  # time flies
        more = {"trade KRW-BTC", "ticker KRW-XRP"} if name == "router" else set()
        sim.wait_served({"ticker KRW-BTC"} | more, timeout=10)
        assert late.subscribe_ticker("KRW-BTC").get(5).symbol == "KRW-BTC"
        late.cleanup()
    assert sim.connections()


@pytest.mark.usefixtures("poisonous")
def test_whoever_asks_a_dying_actor_gets_an_answer(sim: Simulator, config: Config) -> None:
    with WebSocketClientProxy("asker", config=config) as proxy:
        proxy.subscribe_ticker("KRW-BTC").get(20)
        ref_of(proxy, "registry").tell(Poison())
        for code in ("KRW-ETH", "KRW-XRP", "BTC-ETH"):
            proxy.subscribe_ticker(code)
        sim.wait_served({f"ticker {code}" for code in ("KRW-BTC", "KRW-ETH", "KRW-XRP", "BTC-ETH")}, timeout=10)
        assert proxy.health().streams == 4
