"""actors/server/network_server.py: sockets of the network, with nobody real behind them."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.actors.ear import Ear
from tests.bearer import bearer
from tests.conftest import wait_until
from websocket_v6.actors.base import ask, stop_and_join, tell
from websocket_v6.actors.jwt import Judge, Judged
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.connection import KeysChanged
from websocket_v6.actors.messages.registry import ComponentGone, Subscribe
from websocket_v6.actors.messages.router import Beat
from websocket_v6.actors.messages.server import Dismiss
from websocket_v6.actors.messages.supervisor import DoorFailed, DoorOpened
from websocket_v6.actors.server import network_server
from websocket_v6.actors.server.network_mouth import Overrun
from websocket_v6.actors.server.network_server import NetworkServer
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.server.door_rules import Rules
from websocket_v6.simulator import Simulator

REQUEST = '[{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"]}]'
EVENT = make_event("ticker KRW-BTC", b'{"ty":"ticker","cd":"KRW-BTC","st":"REALTIME"}', 1, 0)
pytestmark = pytest.mark.usefixtures("often")


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websocket_v6.protocol.server.door_rules.CONNECTS", 1_000)


class Door:
    """A server, those it speaks to, and its clients."""

    def __init__(self, stack: ExitStack, **options: Any) -> None:
        self.registry, self.router, self.jwt, self.owner = Ear(), Ear(), Ear(), Ear()
        self.stack = stack
        settings: dict[str, Any] = {"address": "127.0.0.1:0", "rules": Rules(), "context": None, **options}
        self.server: Ref = NetworkServer.start(
            config=Config(),
            registry=self.registry.ref,
            router=self.router.ref,
            jwt=self.jwt.ref,
            owner=self.owner.ref,
            **settings,
        )
        stack.callback(stop_and_join, self.server, 5.0)
        self.said = self.owner.hear()
        self.url = f"ws://{self.said.address}/websocket/v1" if isinstance(self.said, DoorOpened) else ""

    def client(self, path: str = "", **options: Any) -> ClientConnection:
        settings = {"compression": None, "proxy": None, "close_timeout": 1.0, **options}
        # Newer versions of the library want `connect` to be a context manager; older ones type it too widely.
        client: Any = self.stack.enter_context(connect(self.url + path, **settings))
        assert isinstance(client, ClientConnection)
        return client

    def asked(self) -> Way:
        """Return the way of the client whose subscription is the next that the registry hears of."""
        while not isinstance(told := self.registry.hear(), Subscribe):
            pass
        assert isinstance(told.mailbox, Way)
        return told.mailbox

    def health(self) -> Any:
        return ask(self.server, GetHealth(), 5.0)


Make = Callable[..., Door]


@pytest.fixture
def door() -> Iterator[Make]:
    with ExitStack() as stack:
        yield lambda **options: Door(stack, **options)


def end_of(client: ClientConnection) -> tuple[int, str] | None:
    try:
        while True:
            client.recv(10.0)
    except ConnectionClosed as closed:
        return None if closed.rcvd is None else (closed.rcvd.code, closed.rcvd.reason)


def test_an_address_that_is_taken_is_said_to_be(door: Make) -> None:
    first = door()
    second = door(address=first.said.address)
    assert isinstance(second.said, DoorFailed)
    assert "in use" in second.said.reason


def test_the_router_is_asked_whether_it_is_there(door: Make) -> None:
    assert isinstance(door().router.hear(), Beat)


def test_what_the_router_brings_goes_to_whom_it_is_for(door: Make) -> None:
    one = door()
    first, second = one.client(), one.client()
    first.send(REQUEST)
    way = one.asked()
    second.send(REQUEST[:-1] + ',{"format":"SIMPLE"}]')
    other = one.asked()
    way.mouth.deliver([(way, [EVENT]), (other, [EVENT, EVENT]), (Way(1 << 40, way.mouth), [EVENT])])
    assert json.loads(first.recv(5.0))["code"] == "KRW-BTC"
    assert [second.recv(5.0), second.recv(5.0)] == [EVENT.payload] * 2
    clients = one.health().clients
    assert [(each.format, each.streams, each.delivered, each.endpoint) for each in clients] == [
        ("DEFAULT", 1, 1, "public"),
        ("SIMPLE", 1, 2, "public"),
    ]
    assert all(each.name.startswith("a program at 127.0.0.1") for each in clients)


def test_a_host_of_another_machine_gets_rows(door: Make) -> None:
    one = door()
    host = one.client(subprotocols=[Subprotocol("v6.2")], additional_headers={"X-V6-Nonce": "0" * 32})
    assert host.subprotocol == "v6.2"
    host.send(REQUEST)
    way = one.asked()
    way.mouth.deliver([(way, [EVENT])])
    rows = [message for message in (host.recv(5.0) for _ in range(2)) if EVENT.payload in message]
    assert len(rows) == 1
    assert [each.format for each in one.health().clients] == ["words"]


def test_who_leaves_takes_back_what_it_wants(door: Make) -> None:
    one = door()
    client = one.client()
    client.send(REQUEST)
    one.asked()
    client.close()
    wait_until(lambda: any(isinstance(told, ComponentGone) for told in one.registry.heard()), "its leave")
    wait_until(lambda: not one.health().clients, "its end")


@pytest.mark.parametrize("is_signed", [True, False])
def test_tokens_are_judged_by_who_holds_the_keys(door: Make, is_signed: bool) -> None:
    one = door()

    class Holder(Ear):
        def tell(self, message: object) -> None:
            assert isinstance(message, Judge)
            tell(message.reply_to, Judged(message.number, is_signed))

    holder = Holder()
    one.jwt.tell = holder.tell  # type: ignore[method-assign]
    headers = bearer(Simulator())
    if not is_signed:
        with pytest.raises(InvalidStatus) as refused:
            one.client("/private", additional_headers=headers)
        assert refused.value.response.status_code == 401
        return
    client = one.client("/private", additional_headers=headers)
    client.send('[{"ticket":"t"},{"type":"myOrder"}]')
    one.asked()
    with pytest.raises(InvalidStatus) as used:
        one.client("/private", additional_headers=headers)
    assert b"nonce_used" in (used.value.response.body or b"")


def test_who_showed_keys_that_are_replaced_is_closed_and_nobody_else(door: Make) -> None:
    one = door()

    class Holder(Ear):
        def tell(self, message: object) -> None:
            assert isinstance(message, Judge)
            tell(message.reply_to, Judged(message.number, True))

    one.jwt.tell = Holder().tell  # type: ignore[method-assign]
    private = one.client("/private", additional_headers=bearer(Simulator()))
    public = one.client()
    tell(one.server, KeysChanged(2))
    assert end_of(private) == (1012, "the keys are others now")
    assert public.ping().wait(5.0)
    assert [each.endpoint for each in one.health().clients] == ["public"]


def test_an_answer_about_a_token_comes_too_late_for_who_is_gone(door: Make) -> None:
    one = door()
    tell(one.server, Judged(1 << 40, True))
    assert one.health().clients == ()


def test_an_overrun_closes_who_misses_something(door: Make) -> None:
    one = door()
    having, idle = one.client(), one.client()
    having.send(REQUEST)
    one.asked()
    tell(one.server, Overrun())
    assert end_of(having) == (1012, "messages may be missing: connect again")
    assert idle.ping().wait(5.0)


def test_who_is_too_slow_is_cut_off_and_counted(door: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_server, "BUDGET", 100_000)
    one = door()
    client = one.client(max_queue=1)
    client.send(REQUEST)
    way = one.asked()
    large = make_event("ticker KRW-BTC", b'{"ty":"ticker","cd":"KRW-BTC","more":"%s"}' % (b"x" * 1_000_000), 1, 0)
    deadline = time.monotonic() + 20.0
    while one.health().cut_off == 0 and time.monotonic() < deadline:
        way.mouth.deliver([(way, [large] * 10)])
    assert one.health().cut_off == 1
    with contextlib.suppress(ConnectionClosed):
        while client.recv(5.0):
            pass
    wait_until(lambda: not one.health().clients, "its end")


def test_all_are_dismissed_behind_what_is_queued(door: Make) -> None:
    one = door()
    client = one.client()
    client.send(REQUEST)
    way = one.asked()
    way.mouth.deliver([(way, [EVENT])])
    tell(one.server, Dismiss(1001, "the host leaves"))
    assert json.loads(client.recv(5.0))["code"] == "KRW-BTC"
    assert end_of(client) == (1001, "the host leaves")
    with pytest.raises(OSError):
        one.client()


def test_the_streams_of_all_have_a_bound(door: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_server, "MOST_STREAMS", 1)
    one = door()
    first, second = one.client(), one.client()
    first.send(REQUEST)
    one.asked()
    second.send(REQUEST)
    assert json.loads(second.recv(5.0))["error"]["name"] == "TOO_MANY_REQUEST"
    first.send(REQUEST)
    one.asked()
    first.close()
    wait_until(lambda: not one.health().clients, "their end")
    third = one.client()
    third.send(REQUEST)
    one.asked()
