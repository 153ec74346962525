"""No key, token or password in anything that is told: logs, errors, frames, reprs, encodings; while all goes wrong."""

import base64
import contextlib
import copy
import json
import logging
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import msgpack
import msgspec
import pykka
import pytest
import websocket

from tests.actors.ear import StandIn
from tests.conftest import wait_until
from tests.front_door import front_door
from tests.secrets.ears import Ears
from tests.secrets.echoing_exchange import EchoingExchange
from websocket_v6 import ClosedError, Config, ConfigError, ConnectionEvent, WebSocketClientProxy, WebSocketV6Error
from websocket_v6.actors import jwt
from websocket_v6.actors.base import ask
from websocket_v6.actors.jwt import TokenWanted
from websocket_v6.engine import _engines
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.codes import check_codes
from websocket_v6.protocol.exchange.heads import SubscribedEntry
from websocket_v6.protocol.exchange.tokens import make_token
from websocket_v6.protocol.membership.host_entry import HostEntry
from websocket_v6.protocol.secret import Secret
from websocket_v6.protocol.server.door_rules import Rules
from websocket_v6.simulator import Simulator

ACCESS, SECRET = "Access9" + "a1B" * 11, "Secret9" + "s2D" * 11
DOOR_TOKEN = "door-token-7cQ"
DOOR_TOKEN += "x9" * 4
PASSWORD = "pass/w0rd-of-the-proxy"
FAST: dict[str, Any] = {"backoff_initial": 0.0, "backoff_max": 0.01, "connect_timeout": 0.3, "mode": "embedded"}


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ears]:
    with Ears(monkeypatch) as ears:
        yield ears


def parts(token: str) -> set[str]:
    """Return what of a JSON web token must not be told: the whole, each part, and what the middle says."""
    middle = token.split(".")[1]
    return {token, *token.split("."), base64.urlsafe_b64decode(middle + "==").decode()}


def check(ears: Ears, secrets: set[str]) -> None:
    """See that none of `secrets` was told, whole or its first half, as text or as the bytes of it show."""
    ears.look()
    searched = {one for secret in secrets for one in (secret, secret[: max(12, len(secret) // 2)])}
    found = {(where, one[:6]) for text, where in ears.told.items() for one in searched if one in text}
    assert not found, f"told: {sorted(found)}"


def test_what_is_told_is_heard(ears: Ears) -> None:
    """Without that the others would prove nothing."""
    logging.getLogger("any").log(1, "in %s", "a-log-record")
    websocket._logging.trace("in the-librarys-trace")
    with ears.failing(LocalProtocolError):
        check_codes(["x" * 100 + "in-a-frame"])
    kept = SubscribedEntry("in-an-object", (), None, {})
    with contextlib.suppress(AttributeError):  # it is no actor, which comes out once it is told
        pykka.ActorRef.tell(cast(Any, StandIn()), "in-a-message")
    for told in ("a-log-record", "the-librarys-trace", "in-a-frame", "in-an-object", "in-a-message"):
        with pytest.raises(AssertionError, match="told"):
            check(ears, {told})
    check(ears, {"what nobody said"})
    assert kept


def test_what_an_exchange_repeats_of_a_request(ears: Ears) -> None:
    with EchoingExchange() as exchange:
        config = Config(url=exchange.url, access_key=ACCESS, secret_key=SECRET, **FAST)
        with WebSocketClientProxy("one", config=config) as proxy:
            proxy.on_connection(lambda event: ears.value("on_connection", event))
            proxy.subscribe_my_order(lambda event: ears.value("an event", event), error_handler=ears.error)
            reasons: set[str] = set()

            def has_told_all() -> bool:
                health = proxy.health()
                ears.value("health", health)
                ears.value("the proxy", proxy)
                reasons.update(one.error for one in health.connections)
                if any(one.state == "refused" for one in health.connections):
                    proxy.set_keys(ACCESS, SECRET)  # and so it tries again
                return exchange.has_told_all

            wait_until(has_told_all, "all echoes")
            ears.look()
        told = {ACCESS, SECRET}.union(*map(parts, exchange.tokens))
    assert len(exchange.tokens) > 10
    assert any("<cut>" in reason for reason in reasons), "its words are told, without the token"
    check(ears, told)


ENVIRONS: list[dict[str, str]] = [
    {"WEBSOCKET_V6_URL": "wss://api.upbit.com/websocket/v1/private/"},
    {"WEBSOCKET_V6_URL": f"wss://me:{PASSWORD}@api.upbit.com/websocket/v1"},
    {"WEBSOCKET_V6_URL": "ws://api.upbit.com/websocket/v1"},
    {"WEBSOCKET_V6_REGION": "mars"},
    {"UPBIT_SECRET_KEY": SECRET + " x"},
    {"UPBIT_ACCESS_KEY": ""},
    {"WEBSOCKET_V6_TOKEN": DOOR_TOKEN},
]


def test_what_is_wrong_with_a_configuration(ears: Ears, monkeypatch: pytest.MonkeyPatch) -> None:
    for environ in ENVIRONS:
        given = {"UPBIT_ACCESS_KEY": ACCESS, "UPBIT_SECRET_KEY": SECRET, **environ}
        with ears.failing(ConfigError):
            Config.from_env(given)
        with monkeypatch.context() as patched:
            for name, value in given.items():
                patched.setenv(name, value)
            with ears.failing(ConfigError):
                WebSocketClientProxy("one")
    for options in (
        {"secret_key": SECRET + "\n"},
        {"url": f"wss://x:{PASSWORD}@y"},
        {"token": DOOR_TOKEN},
        {"gather": 9},
    ):
        with ears.failing(ConfigError):
            Config(**({"access_key": ACCESS, "secret_key": SECRET} | options))
    config = Config(access_key=ACCESS, secret_key=SECRET)
    with ears.failing(AttributeError):
        config.access_key = "x"  # type: ignore[misc]
    check(ears, {ACCESS, SECRET, DOOR_TOKEN, PASSWORD})


LEAVES: list[Callable[[Any], object]] = [
    pickle.dumps,
    copy.copy,
    copy.deepcopy,
    json.dumps,
    msgspec.json.encode,
    msgspec.msgpack.encode,
    msgspec.to_builtins,
    msgspec.structs.asdict,
    msgspec.structs.astuple,
    msgpack.packb,
    vars,
    lambda one: {name: getattr(one, name) for name in dir(one) if not name.startswith("__")},
]


def test_what_is_made_of_public_objects(ears: Ears) -> None:
    with Simulator(["KRW-BTC"]) as sim:
        sim.add_key(ACCESS, SECRET)
        config = Config(url=sim.url, access_key=ACCESS, secret_key=SECRET, mode="embedded")
        with WebSocketClientProxy("one", config=config) as proxy:
            subscription = proxy.subscribe_my_order(lambda event: None)
            sim.wait_served({"myOrder *"}, endpoint="private")
            for one in (config, config.without_keys(), proxy, subscription, subscription.stats, proxy.health()):
                for leave in LEAVES:
                    with contextlib.suppress(Exception):
                        ears.value(f"{leave} of {type(one).__name__}", leave(one))
    check(ears, {ACCESS, SECRET})


def test_keys_that_are_not_taken(ears: Ears) -> None:
    with Simulator(["KRW-BTC"]) as sim:
        config = Config(url=sim.url, mode="embedded")
        proxy = WebSocketClientProxy("one", config=config)
        with proxy:
            for pair in ((ACCESS, SECRET + " "), (ACCESS + "\n", SECRET), (ACCESS, "")):
                with ears.failing(ConfigError):
                    proxy.set_keys(*pair)
            proxy.set_keys(ACCESS, SECRET)  # that the exchange does not know
            proxy.subscribe_my_order(lambda event: None, error_handler=ears.error)
            wait_until(lambda: any(one.error for one in proxy.health().connections), "the exchange's refusal")
            ears.value("health", proxy.health())
        with ears.failing(ClosedError):
            proxy.set_keys(ACCESS, SECRET)
        far = Config(url="ws://exchange.example/websocket/v1", mode="embedded")
        other = WebSocketClientProxy("two", config=far)
        with ears.failing(ConfigError):
            other.set_keys(ACCESS, SECRET)
        other.cleanup()
    check(ears, {ACCESS, SECRET})


def test_what_an_actor_leaves_that_fails(ears: Ears, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_token
    is_broken = True

    def make(keys: Any, nonce: str, algorithm: str, query: str = "") -> Any:
        if is_broken:
            raise RuntimeError("no entropy today")
        return made(keys, nonce, algorithm, query)

    with Simulator(["KRW-BTC"]) as sim:
        sim.add_key(ACCESS, SECRET)
        config = Config(url=sim.url, access_key=ACCESS, secret_key=SECRET, mode="embedded", backoff_initial=0.01)
        with WebSocketClientProxy("one", config=config) as proxy:
            proxy.subscribe_my_order(lambda event: None, error_handler=ears.error)
            sim.wait_served({"myOrder *"}, endpoint="private")
            monkeypatch.setattr(jwt, "make_token", make)
            before = _children(config).jwt
            before.tell(jwt.Renew())
            wait_until(lambda: not before.is_alive(), "the end of the one that fails")
            is_broken = False
            wait_until(lambda: getattr(_children(config).jwt, "is_alive", bool)(), "its successor")
            sim.drop()
            sim.wait_served({"myOrder *"}, endpoint="private")
            tokens = {ask(_children(config).jwt, TokenWanted(), 10).token.reveal()}
    check(ears, {ACCESS, SECRET}.union(*map(parts, tokens)))


def _children(config: Config) -> Any:
    supervisor = _engines[config].supervisor
    assert supervisor is not None
    from websocket_v6.actors.messages.supervisor import GetChildren

    return ask(supervisor, GetChildren(), 10)


@pytest.mark.parametrize(
    "proxy_url", [f"http://me:{PASSWORD}@127.0.0.1:1", f"http://me:{PASSWORD}@[::1", f"x://me:{PASSWORD}"]
)
def test_proxies(ears: Ears, monkeypatch: pytest.MonkeyPatch, proxy_url: str) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy_url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    config = Config(url="wss://exchange.invalid/websocket/v1", access_key=ACCESS, secret_key=SECRET, **FAST)
    with WebSocketClientProxy("one", config=config) as proxy:
        proxy.on_connection(lambda event: ears.value("on_connection", event))
        proxy.subscribe_ticker(["KRW-BTC"], lambda event: None, error_handler=ears.error)
        proxy.subscribe_my_order(lambda event: None, error_handler=ears.error)
        wait_until(lambda: sum(bool(one.error) for one in proxy.health().connections) == 2, "two failures")
        ears.value("health", proxy.health())
    check(
        ears,
        {ACCESS, SECRET, PASSWORD, PASSWORD.partition("/")[2], base64.b64encode(f"me:{PASSWORD}".encode()).decode()},
    )


def test_doors_of_this_machine(ears: Ears, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    with Simulator(["KRW-BTC"]) as sim, contextlib.ExitStack() as stack:
        sim.add_key(ACCESS, SECRET)
        keys = {"access_key": ACCESS, "secret_key": SECRET}
        door_keys: set[str] = set()
        proxies: list[WebSocketClientProxy] = []
        for name, options in (("host", keys), ("same keys", {**keys, "gather": 0.006}), ("no keys", {"gather": 0.007})):
            config = Config(url=sim.url, runtime_dir=folder, **options)
            proxy = stack.enter_context(WebSocketClientProxy(name, config=config))
            proxy.on_connection(lambda event: ears.value("on_connection", event))
            with contextlib.suppress(WebSocketV6Error):
                proxy.subscribe_my_order(lambda event: None, error_handler=ears.error)
            proxy.subscribe_ticker(["KRW-BTC"], lambda event: None, error_handler=ears.error)
            _await_role(proxy, "guest" if proxies else "host")
            proxies.append(proxy)
            door_keys |= _keys_in(folder)
        proxies[1].set_keys(ACCESS, SECRET + "x")
        ears.look()
        proxies[0].cleanup()  # hands its title over
        wait_until(lambda: "host" in {one.health().role for one in proxies[1:]}, "another host")
        door_keys |= _keys_in(folder)
        for one in proxies[1:]:
            ears.value("health", one.health())
        ears.look()
    assert len(door_keys) >= 4
    check(ears, {ACCESS, SECRET, *door_keys})


def _await_role(proxy: WebSocketClientProxy, role: str) -> None:
    wait_until(lambda: proxy.health().role == role, f"its being {role}")


def _keys_in(folder: Path) -> set[str]:
    found: set[str] = set()
    for path in folder.glob("*.host"):
        key = bytes(msgspec.msgpack.decode(path.read_bytes(), type=HostEntry).key)
        found |= {key.hex(), repr(key)[2:-1]}
    return found


def test_doors_of_other_machines(ears: Ears) -> None:
    with Simulator(["KRW-BTC"]) as sim, front_door(sim, rules=Rules(token=Secret(DOOR_TOKEN))) as door:
        sim.add_key(ACCESS, SECRET)
        for token, state in ((DOOR_TOKEN, "open"), (DOOR_TOKEN[:-1] + "!", "lost")):
            config = Config(url=door.url, token=token, access_key=ACCESS, secret_key=SECRET, mode="embedded")
            with WebSocketClientProxy("one", config=config) as proxy:
                told: list[ConnectionEvent] = []
                proxy.on_connection(told.append)
                proxy.subscribe_ticker(["KRW-BTC"], lambda event: None, error_handler=ears.error)
                proxy.subscribe_my_order(lambda event: None, error_handler=ears.error)
                _await_state(told, state)
                ears.value("health", proxy.health())
                ears.look()
            for event in told:
                ears.value("on_connection", event)
    check(ears, {ACCESS, SECRET, DOOR_TOKEN, DOOR_TOKEN[:-1] + "!"})


def _await_state(told: list[ConnectionEvent], state: str) -> None:
    wait_until(lambda: any(event.state == state for event in told), f"a connection that is {state}")
