"""Engines whose exchange is another machine's host: what it has is told on, and what it misses, and nothing else."""

import contextlib
import logging
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pykka
import pytest
import trustme
import websocket

from tests.actors.ear import Ear, there
from tests.conftest import wait_until
from tests.engine.recorder import Recorder
from tests.front_door import FrontDoor, front_door
from websocket_v6 import Config, ConnectionEvent, MarketsEvent, StreamError, UnknownCodeError, WebSocketClientProxy
from websocket_v6.actors.base import ask, stop_and_join, tell
from websocket_v6.actors.children import Children
from websocket_v6.actors.jwt import ReplaceKeys
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import GetHealth
from websocket_v6.actors.messages.component import ConnectionChanged
from websocket_v6.actors.messages.connection import KeysChanged
from websocket_v6.actors.messages.markets import MarketsHealth
from websocket_v6.actors.messages.registry import Subscribe, Watch, next_subscription_id
from websocket_v6.actors.messages.server import Dismiss
from websocket_v6.actors.messages.supervisor import DoorOpened, GetChildren, OpenNetwork
from websocket_v6.actors.server import network_server, news_frames, remote_session
from websocket_v6.actors.server.network_mouth import Overrun
from websocket_v6.actors.server.opening import Opening
from websocket_v6.actors.supervisor import Supervisor
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.exchange.tokens import Keys
from websocket_v6.protocol.exchange.wants import ticker_want
from websocket_v6.protocol.secret import Secret
from websocket_v6.protocol.server import row_frames, words
from websocket_v6.protocol.server.door_rules import Rules
from websocket_v6.simulator import Simulator

TOKEN = "the-token-of-a-door"
OTHER = ("another-access-key", "another-secret-key-that-opens-nothing-and-is-sixty-four-bytes-long")
HOUR_NS = 3_600_000_000_000
CLOSE_NS = 2_000_000_000  # what a busy machine may take to pass a message on
RULES = Rules(token=Secret(TOKEN))


class Guest:
    """A proxy of an engine behind a door, and everything it is told."""

    def __init__(self, config: Config, name: str = "guest") -> None:
        self.proxy = WebSocketClientProxy(name, config=config)
        self.told: list[ConnectionEvent] = []
        self.events: list[Any] = []
        self.errors: list[Exception] = []
        self.proxy.on_connection(self.told.append)
        self.options: dict[str, Any] = {"callback": self.events.append, "error_handler": self.errors.append}

    def of(self, endpoint: str = "public", *states: str) -> list[ConnectionEvent]:
        return [one for one in list(self.told) if one.endpoint == endpoint and (not states or one.state in states)]

    def wait_open(self, epoch: int, endpoint: str = "public") -> ConnectionEvent:
        wait_until(lambda: [one for one in self.of(endpoint, "open") if one.epoch >= epoch], f"epoch {epoch} open")
        return self.of(endpoint, "open")[-1]

    def wait_reason(self, pattern: str, endpoint: str = "public") -> str:
        wait_until(lambda: re.search(pattern, self._reasons(endpoint)), f"a reason such as {pattern!r}")
        return self._reasons(endpoint)

    def _reasons(self, endpoint: str) -> str:
        return "\n".join(one.reason for one in self.of(endpoint))

    def live(self) -> list[Any]:
        return [one for one in list(self.events) if one.stream_type == "REALTIME"]

    def trades(self) -> list[int]:
        return [one.sequential_id for one in self.live() if one.type == "trade"]


class World:
    """Doors one behind the other, and guests at them."""

    def __init__(self, sim: Simulator, stack: ExitStack) -> None:
        self.sim = sim
        self._stack = stack
        self.doors: list[FrontDoor] = []

    def door(self, *, rules: Rules = RULES, tls: ssl.SSLContext | None = None, **options: Any) -> FrontDoor:
        """Open a door: the first in front of the exchange, each further one behind the one before."""
        if self.doors and "url" not in options:
            options |= {"url": self.doors[-1].url, "token": TOKEN}
        options = {"backoff_initial": 0.02, "backoff_max": 0.2, **options}
        door = self._stack.enter_context(front_door(self.sim, rules=rules, tls=tls, **options))
        self.doors.append(door)
        return door

    def reopen(self, door: FrontDoor, port: int) -> None:
        """Open a door at a port that one had which is closed, with the engine of that one."""
        ear = Ear()
        server = network_server.NetworkServer.start(
            config=Config(),
            address=f"127.0.0.1:{port}",
            rules=RULES,
            context=None,
            registry=door.children.registry,
            router=door.children.router,
            jwt=door.children.jwt,
            owner=ear.ref,
        )
        self._stack.callback(stop_and_join, server, 10.0)
        assert isinstance(ear.hear(), DoorOpened)

    def config(self, url: str = "", **options: Any) -> Config:
        settings: dict[str, Any] = {
            "url": url or self.doors[-1].url,
            "token": TOKEN,
            "mode": "embedded",
            "access_key": self.sim.access_key,
            "secret_key": self.sim.secret_key,
            "backoff_initial": 0.02,
            "backoff_max": 1.0,  # more than five attempts a second are refused
        }
        return Config(**settings | options)

    def guest(self, url: str = "", *, name: str = "guest", **options: Any) -> Guest:
        guest = Guest(self.config(url, **options), name)
        self._stack.callback(guest.proxy.cleanup)
        return guest

    def recorder(self, **options: Any) -> Recorder:
        """Stand between the last door and who comes now."""
        return self._stack.enter_context(Recorder(self.doors[-1].port, **options))

    def watch(self, door: FrontDoor) -> Ear:
        """Follow the public connection of a door's own engine."""
        ear, want = Ear(), ticker_want(["KRW-SOL"])
        tell(door.children.registry, Watch("watch", ear.ref))
        mailbox = MailboxQueue(Mailbox.latest())
        tell(door.children.registry, Subscribe("watch", next_subscription_id(), want, mailbox, None))
        return ear


@pytest.fixture
def world(sim: Simulator) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(sim, stack)


def follow(world: World, guest: Guest, codes: list[str] | None = None) -> None:
    """Have the guest follow the trades of `codes`, and wait until it has."""
    codes = codes or ["KRW-BTC"]
    guest.proxy.subscribe_trade(codes, **guest.options)
    streams = {f"trade {code}" for code in codes}
    world.sim.wait(lambda sim: streams <= sim.served(), 20)
    wait_until(lambda: len(guest.events) >= len(codes), "the first snapshots")


def check_goes_on(world: World, guest: Guest) -> None:
    world.sim.wait(lambda sim: "trade KRW-BTC" in sim.served(), 20)
    number = world.sim.trade("KRW-BTC")
    wait_until(lambda: number in guest.trades(), "a trade")
    assert guest.trades() == sorted(set(guest.trades()))
    assert not guest.errors


# --- data


def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.mark.parametrize("is_secure", [False, True])
def test_what_the_exchange_says_is_told_through(
    world: World, is_secure: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = world.door(tls=secure(tmp_path, monkeypatch) if is_secure else None)
    guest = world.guest()
    assert door.url.startswith("wss" if is_secure else "ws:")
    follow(world, guest, ["KRW-BTC", "KRW-ETH"])
    assert {(one.symbol, one.stream_type) for one in guest.events} == {
        ("KRW-BTC", "SNAPSHOT"),
        ("KRW-ETH", "SNAPSHOT"),
    }
    numbers = [world.sim.trade("KRW-BTC") for _ in range(200)]
    wait_until(lambda: len(guest.trades()) == 200, "the trades")
    assert guest.trades() == numbers
    assert {one.epoch for one in guest.events} == {1}
    books = guest.proxy.get_orderbook_snapshot(["KRW-BTC", "KRW-SOL"])
    assert {book.symbol: len(book.orderbook_units) for book in books} == {"KRW-BTC": 30, "KRW-SOL": 30}
    (candle,) = guest.proxy.get_candle_snapshot("KRW-XRP", interval="1m")
    assert candle.type == "candle.1m"
    assert [one.state for one in guest.of()] == ["connecting", "open"]
    assert not guest.errors


def test_who_comes_later_begins_with_the_last_values(world: World) -> None:
    world.door()
    first, second = world.guest(), world.guest(name="second", ping_interval=19.0)
    follow(world, first)
    numbers = [world.sim.trade("KRW-BTC") for _ in range(3)]
    wait_until(lambda: first.trades() == numbers, "the trades")
    second.proxy.subscribe_trade("KRW-BTC", **second.options)
    wait_until(lambda: second.events, "a snapshot")
    assert (second.events[0].stream_type, second.events[0].sequential_id) == ("SNAPSHOT", numbers[-1])
    check_goes_on(world, second)
    (connection,) = world.sim.connections("public")
    assert len(connection.requests) == 1, "nothing more was asked of the exchange"


def test_the_exchange_answers_what_is_asked_of_it(world: World) -> None:
    world.door()
    guest = world.guest()
    other = world.guest(name="other", ping_interval=19.0)
    follow(world, other, ["KRW-XRP"])
    follow(world, guest, ["KRW-BTC", "KRW-ETH"])
    answer = guest.proxy.list_subscriptions()
    assert {one.type for one in answer.subscriptions} == {"trade"}
    codes = {code for one in answer.subscriptions for code in one.codes}
    assert codes == {"KRW-BTC", "KRW-ETH", "KRW-XRP"}, "it is the exchange's, where all of them meet"


def test_what_was_sent_before_an_answer_is_there_before_it(world: World) -> None:
    world.door()
    guest = world.guest()
    trades = guest.proxy.subscribe_trade("KRW-BTC", mailbox=Mailbox.drop_oldest(1000))
    world.sim.wait(lambda sim: sim.served() == {"trade KRW-BTC"}, 20)
    trades.get(20)
    for _ in range(5):
        sent = trades.stats.received
        for _ in range(50):
            world.sim.trade("KRW-BTC")
        world.sim.flush()  # in any weather
        guest.proxy.list_subscriptions(timeout=20)
        assert trades.stats.received == sent + 50


def test_codes_that_there_are_not_are_named(world: World) -> None:
    world.door(silent_code_timeout=0.5)
    guest = world.guest(silent_code_timeout=0.5)
    follow(world, guest)
    guest.proxy.subscribe_trade(["KRW-BTC", "KRW-NONE"], **guest.options)
    wait_until(lambda: guest.errors, "the error")
    (error,) = guest.errors
    assert isinstance(error, StreamError)
    assert "KRW-NONE" in str(error)
    assert "KRW-BTC" not in str(error)
    number = world.sim.trade("KRW-BTC")
    wait_until(lambda: number in guest.trades(), "a trade")
    assert [one.state for one in guest.of()] == ["connecting", "open"], "nothing was lost for it"


# --- gaps


def shift_clock(monkeypatch: pytest.MonkeyPatch, shift_ns: int) -> None:
    """Have all hosts live in another time, as far as they tell it to other machines."""

    def encode(word: Any) -> bytes:
        names = ("at_ns", "gap_started_ns", "sent_ns")
        known = {name: getattr(word, name) for name in names if getattr(word, name, None) is not None}
        return words.encode(msgspec.structs.replace(word, **{name: value + shift_ns for name, value in known.items()}))

    def encode_rows(at_ns: int, streams: Any, payloads: Any, **options: Any) -> bytes:
        return words.encode_rows(at_ns + shift_ns, streams, payloads, **options)

    monkeypatch.setattr(news_frames, "encode", encode)
    monkeypatch.setattr(remote_session, "encode", encode)
    monkeypatch.setattr(row_frames, "encode_rows", encode_rows)


def of_endpoint(ear: Ear, endpoint: str = "public") -> list[ConnectionChanged]:
    return [one for one in ear.heard() if isinstance(one, ConnectionChanged) and one.endpoint == endpoint]


@pytest.mark.parametrize("hours", [0, 1, -1])
def test_a_gap_at_the_exchange_is_one_gap_with_its_times(
    world: World, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    shift_clock(monkeypatch, hours * HOUR_NS)
    host = world.watch(world.door())
    guest = world.guest()
    guest.proxy.subscribe_ticker("KRW-ETH", **guest.options)
    follow(world, guest)
    wait_until(lambda: len(guest.events) == 2, "the ticker")
    numbers = [world.sim.trade("KRW-BTC") for _ in range(3)]
    wait_until(lambda: guest.trades() == numbers, "the trades")
    world.sim.drop("public")
    opened = guest.wait_open(2)
    check_goes_on(world, guest)
    assert [one.state for one in guest.of()] == ["connecting", "open", "lost", "connecting", "open"]
    (lost,) = guest.of("public", "lost")
    assert "connection lost" in lost.reason
    assert (lost.epoch, opened.epoch) == (1, 2)
    hosts = of_endpoint(host)
    (began,) = (one for one in hosts if one.state == "lost")
    ended = hosts[-1]
    assert began.gap_started_ns is not None
    assert opened.gap_started_at == lost.gap_started_at
    assert opened.gap_started_at is not None
    assert opened.gap_ended_at is not None
    assert opened.gap_started_at == pytest.approx(began.gap_started_ns, abs=CLOSE_NS)
    assert opened.gap_ended_at == pytest.approx(ended.at_ns, abs=CLOSE_NS)
    before = [one.received_at for one in guest.events if one.epoch == 1]
    after = [one.received_at for one in guest.events if one.epoch == 2]
    assert opened.gap_started_at <= max(before) <= lost.received_at < min(after) <= time.time_ns()
    assert min(before) == pytest.approx(began.gap_started_ns, abs=20 * CLOSE_NS), "in our time"
    snapshots = [one for one in guest.events if one.epoch == 2 and one.stream_type == "SNAPSHOT"]
    assert [one.symbol for one in snapshots] == ["KRW-ETH"], "the trade is the last one that was there before"


def test_each_loss_is_one_gap(world: World) -> None:
    world.door()
    guest = world.guest()
    follow(world, guest)
    for epoch in range(2, 5):
        world.sim.drop("public")
        guest.wait_open(epoch)
        check_goes_on(world, guest)
    assert [one.epoch for one in guest.of("public", "open")] == [1, 2, 3, 4]
    assert len(guest.of("public", "lost")) == 3


def test_an_exchange_that_is_not_there_is_said_in_its_words(world: World) -> None:
    world.sim.refuse(503, times=10, endpoint="public")
    world.door()
    guest = world.guest()
    guest.proxy.subscribe_trade("KRW-BTC", **guest.options)
    guest.wait_reason("exchange is out of order: HTTP 503")
    assert not guest.of("public", "open"), "a door that is open is no exchange that is"
    world.sim.accept()
    guest.wait_open(1)
    check_goes_on(world, guest)


def test_a_far_side_that_does_not_read_is_cut_off_and_told_of_its_gap(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(network_server, "BUDGET", 512 * 1024)
    caplog.set_level(logging.WARNING)
    door = world.door()
    recorder = world.recorder(receive_buffer=16 * 1024)
    slow, other = world.guest(recorder.url), world.guest(name="other", ping_interval=19.0)
    for guest in (slow, other):
        guest.proxy.subscribe_orderbook("KRW-BTC")
        follow(world, guest)
    recorder.hold()
    sent = 0

    def flood() -> bool:
        nonlocal sent
        for _ in range(200):
            world.sim.trade("KRW-BTC")
        world.sim.flush()
        sent += 200
        return bool(door.health().cut_off)

    wait_until(flood, "the end of its patience", timeout=60.0)
    wait_until(lambda: len(other.trades()) == sent, "the trades at the other side", timeout=60.0)
    assert [one.state for one in other.of()] == ["connecting", "open"], "nobody else was held up"
    recorder.go_on()
    opened = slow.wait_open(2)
    assert "too slowly" in slow.of("public", "lost")[0].reason
    kept = len(slow.trades())
    assert kept < sent
    assert opened.gap_started_at is not None
    assert opened.gap_started_at >= max(one.received_at for one in slow.events if one.epoch == 1)
    check_goes_on(world, slow)
    assert any("cut off" in record.getMessage() for record in caplog.records)


def test_a_server_that_does_not_keep_up_closes_all_also_those_that_do_not_read(world: World) -> None:
    door = world.door()
    recorder = world.recorder(receive_buffer=16 * 1024)
    slow, quick = world.guest(recorder.url), world.guest(name="quick", ping_interval=19.0)
    for guest in (slow, quick):
        guest.proxy.subscribe_orderbook("KRW-BTC")
        follow(world, guest)
    recorder.hold()

    def flood() -> bool:
        for _ in range(200):
            world.sim.trade("KRW-BTC")
        return any(client.queued_bytes for client in door.health().clients)

    wait_until(flood, "what waits for the slow one", timeout=60.0)
    tell(door.server, Overrun())
    quick.wait_reason("closed the public connection: 1012 messages may be missing")
    quick.wait_open(2)
    check_goes_on(world, quick)
    wait_until(lambda: len(door.health().clients) == 1, "the end of the slow one")


@pytest.mark.parametrize(("code", "reason"), [(1012, "it restarts"), (1001, "it leaves")])
def test_a_door_that_closes_is_come_back_to(world: World, code: int, reason: str) -> None:
    door = world.door()
    port = door.port
    guest = world.guest()
    follow(world, guest)
    tell(door.server, Dismiss(code, reason))
    guest.wait_reason(rf"closed the public connection: {code} {reason}")
    guest.wait_reason("cannot connect to the public endpoint")
    world.reopen(door, port)
    opened = guest.wait_open(2)
    assert opened.gap is not None
    assert opened.gap > 0
    check_goes_on(world, guest)


def test_a_network_that_breaks_is_a_gap_of_this_side_alone(world: World) -> None:
    host = world.watch(world.door())
    recorder = world.recorder()
    guest = world.guest(recorder.url)
    follow(world, guest)
    recorder.drop()
    opened = guest.wait_open(2)
    check_goes_on(world, guest)
    assert opened.gap_started_at is not None
    assert [one.state for one in of_endpoint(host)] == ["connecting", "open"]


# --- who is let in, and as whom


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("another-token-of-a-door", r"answered HTTP 401: check the token \(WEBSOCKET_V6_TOKEN\)"),
        (None, r"answered HTTP 401: .*give its token"),
    ],
)
def test_who_has_not_the_token_hears_what_is_missing(world: World, token: str | None, why: str) -> None:
    world.door()
    guest = world.guest(token=token)
    guest.proxy.subscribe_trade("KRW-BTC", **guest.options)
    said = guest.wait_reason(why)
    assert TOKEN not in said
    assert "another-token" not in said
    assert not guest.of("public", "open")


def test_the_exchange_itself_is_no_door(world: World) -> None:
    guest = world.guest(world.sim.url)
    guest.proxy.subscribe_trade("KRW-BTC", **guest.options)
    guest.wait_reason("is no door of a host that this one understands")
    assert not guest.of("public", "open")


def test_private_data_is_for_the_same_keys(world: World) -> None:
    world.door()
    guest = world.guest()
    guest.proxy.subscribe_my_asset(**guest.options)
    world.sim.wait_served({"myAsset *"}, 20, endpoint="private")
    guest.wait_open(1, "private")
    world.sim.deposit("KRW", 5)
    wait_until(lambda: guest.events, "the deposit")
    (private,) = world.sim.connections("private")
    assert private.open


def test_private_data_is_not_for_others(world: World) -> None:
    world.door()
    first, other = world.guest(), world.guest(name="other", access_key=OTHER[0], secret_key=OTHER[1])
    first.proxy.subscribe_my_asset(**first.options)
    first.wait_open(1, "private")
    other.proxy.subscribe_my_asset(**other.options)
    follow(world, other)
    other.wait_reason("HTTP 403: its keys are others than those here", "private")
    world.sim.deposit("KRW", 5)
    wait_until(lambda: first.events, "the deposit")
    check_goes_on(world, other)
    assert not [one for one in other.events if one.type == "myAsset"]
    assert not other.of("private", "open")


def test_keys_that_are_replaced_here_end_what_comes_by_the_old_ones(world: World) -> None:
    door = world.door()
    guest = world.guest()
    guest.proxy.subscribe_my_asset(**guest.options)
    follow(world, guest)
    guest.wait_open(1, "private")
    world.sim.add_key(*OTHER)
    there(door.children.jwt).ask(ReplaceKeys(Keys(*OTHER)), timeout=20)
    tell(door.server, KeysChanged(2))
    guest.wait_reason("closed the private connection: 4403 the keys are others now", "private")
    guest.wait_reason("HTTP 403: its keys are others", "private")
    world.sim.deposit("KRW", 5, access_key=OTHER[0])
    check_goes_on(world, guest)
    assert not [one for one in guest.events if one.type == "myAsset"]
    guest.proxy.set_keys(*OTHER)
    guest.wait_open(2, "private")
    world.sim.wait_served({"myAsset *"}, 20, endpoint="private")

    def deposit() -> bool:
        world.sim.deposit("KRW", 5, access_key=OTHER[0])
        return any(one.type == "myAsset" for one in list(guest.events))

    wait_until(deposit, "a deposit")


def test_an_engine_tells_its_door_of_new_keys(world: World) -> None:
    config = world.config(world.sim.url, token=None)
    supervisor = Supervisor.start(config)
    try:
        children: Children = ask(supervisor, GetChildren(), 20.0)
        address: pykka.Future[str] = pykka.ThreadingFuture()
        tell(supervisor, OpenNetwork(Opening("127.0.0.1:0", RULES, None), address))
        guest = world.guest(f"ws://{address.get(timeout=20.0)}/websocket/v1")
        guest.proxy.subscribe_my_asset(**guest.options)
        guest.wait_open(1, "private")
        ask(there(children.jwt), ReplaceKeys(Keys(*OTHER)), 20.0)
        guest.wait_reason("4403 the keys are others now", "private")
    finally:
        assert stop_and_join(supervisor, 20.0)


def test_keys_never_cross(world: World) -> None:
    world.door()
    recorder = world.recorder()
    guest = world.guest(recorder.url)
    follow(world, guest)
    guest.proxy.subscribe_my_order(**guest.options)
    guest.wait_open(1, "private")
    guest.proxy.subscribe_indicator("KRW-BTC", timeframe="5m", indicators={"type": "rsi", "params": {"period": 14}})
    guest.wait_open(1, "info")
    world.sim.wait_served({"myOrder *"}, 20, endpoint="private")
    world.sim.place_order("KRW-BTC", "BID", price=1000, volume=10)
    wait_until(lambda: [one for one in guest.events if one.type == "myOrder"], "the order")
    said, heard = recorder.said(), recorder.heard()
    assert said.count(b"GET /websocket/v1") == 5, "two of them with an answer to a question"
    assert said.count(f"Authorization: Bearer {TOKEN}".encode()) == 5
    assert heard.count(b"X-V6-Challenge") == 2
    for secret in (world.sim.access_key, world.sim.secret_key, "Bearer ey", "eyJ"):
        assert secret.encode() not in said
        assert secret.encode() not in heard


# --- further doors


def test_a_host_of_another_machine_is_the_host_of_its_own(world: World) -> None:
    doors = [world.door() for _ in range(3)]
    guest, near = world.guest(), world.guest(doors[0].url, name="near", ping_interval=19.0)
    follow(world, guest)
    follow(world, near)
    numbers = [world.sim.trade("KRW-BTC") for _ in range(100)]
    for one in (guest, near):
        wait_until(lambda one=one: one.trades() == numbers, "the trades")  # type: ignore[misc]
    assert guest.proxy.list_subscriptions().subscriptions[0].codes == ("KRW-BTC",)
    guest.proxy.subscribe_my_asset(**guest.options)
    guest.wait_open(1, "private")
    world.sim.wait_served({"myAsset *"}, 20, endpoint="private")
    world.sim.deposit("KRW", 5)
    wait_until(lambda: [one for one in guest.events if one.type == "myAsset"], "the deposit")
    world.sim.drop("public")
    opened, nearer = guest.wait_open(2), near.wait_open(2)
    assert opened.gap_started_at == pytest.approx(nearer.gap_started_at, abs=CLOSE_NS)
    check_goes_on(world, guest)
    assert [one.state for one in guest.of()] == ["connecting", "open", "lost", "connecting", "open"]
    assert len([one for one in world.sim.connections("public") if one.open]) == 1


def test_the_middle_of_the_way_may_break(world: World) -> None:
    first = world.door()
    recorder = world.recorder()
    second = world.door(url=recorder.url, token=TOKEN)
    guest, near = world.guest(second.url), world.guest(first.url, name="near", ping_interval=19.0)
    follow(world, guest)
    follow(world, near)
    recorder.drop()
    guest.wait_open(2)
    check_goes_on(world, guest)
    assert [one.state for one in near.of()] == ["connecting", "open"]
    (lost,) = guest.of("public", "lost")
    assert lost.reason


# --- all markets


def test_the_list_of_markets_comes_through_the_door_and_is_asked_for_once(world: World) -> None:
    door = world.door(markets_interval=0.5)
    one, other = world.guest(markets_interval=0.5), world.guest(name="other", markets_interval=0.5)
    news: list[MarketsEvent] = []
    one.proxy.on_markets(news.append)
    subscriptions = [guest.proxy.subscribe_ticker("KRW-*", **guest.options) for guest in (one, other)]
    for guest in (one, other):
        guest.proxy.wait_ready()
    markets = subscriptions[0].symbols
    assert len(markets) > 3
    assert [event.added for event in news] == [markets]
    world.sim.list_market("KRW-NEW", 1000)
    wait_until(lambda: [event.added for event in news] == [markets, ("KRW-NEW",)], "the news")
    wait_until(lambda: "KRW-NEW" in {event.symbol for event in list(other.events)}, "its data")
    assert other.proxy.markets("KRW").codes == (*markets, "KRW-NEW")
    with pytest.raises(UnknownCodeError, match="there are no EUR markets here; the quote currencies are"):
        other.proxy.markets("EUR")
    world.sim.list_market("KRW-NEWER", 1000)
    wait_until(lambda: [event.added for event in news][-1] == ("KRW-NEWER",), "the others are not refused with it")
    assert one.errors == other.errors == []
    children: Children = ask(door.supervisor, GetChildren(), 20.0)
    problems = [ask(there(ref), GetHealth(), 20.0) for ref in children.connections["markets"]]
    assert [type(one) for one in problems] == [MarketsHealth], "the door's own engine asks, and nobody else"
    for guest in (one, other):
        assert guest.proxy.health().markets[0].problem == ""


def test_a_plain_client_asks_for_a_pattern_in_vain_as_at_the_exchange(world: World) -> None:
    door = world.door()
    with contextlib.closing(websocket.create_connection(f"{door.url}?token={TOKEN}", timeout=0.5)) as client:
        client.send('[{"ticket":"t"},{"type":"ticker","codes":["KRW-*"]}]')
        with pytest.raises(websocket.WebSocketTimeoutException):
            client.recv()
    with pytest.raises(websocket.WebSocketBadStatusException, match="404"):
        websocket.create_connection(f"{door.url}/markets?token={TOKEN}", timeout=5)
