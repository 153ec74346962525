"""What a user may choose of a fleet, on a real server."""

import contextlib
import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, wait_until
from tests.relay import Relay
from tests.tls_server import KINDS, Kind, tls_server
from tests.valkey import OLDEST, Valkey, needs_server
from websocket_v6 import Config, ConnectionEvent
from websocket_v6.actors.fleet import lines
from websocket_v6.cli.fleet import fleet_json
from websocket_v6.protocol.fleet import packing
from websocket_v6.simulator import Simulator

from .world import CODE, Machine, World

pytestmark = needs_server


PAGE = ROOT / "docs" / "fleet.md"


@contextlib.contextmanager
def world_on(sim: Simulator, server: Valkey, folder: Path) -> Iterator[World]:
    one = World(sim, server, folder)
    try:
        yield one
    finally:
        one.leave()


def test_a_reader_gets_every_trade_of_a_compressed_log_whatever_its_own_setting_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "LEAST_ROWS", 1)  # for trades come one by one here
    leader = world.machine(fleet_compression=True).trades()
    wait_until(lambda: leader.state == "open", "a leader")
    reader = world.machine().trades()
    wait_until(lambda: reader.state == "open", "a reader")
    world.pass_on(leader, reader)
    world.trade(100)
    world.arrive(leader, reader)
    with world.server.client() as client:
        fields = {field for _, entry in client.xrange(world.keys.log("public")) for field in entry}
    assert fields == {b"s", b"z"}
    for one in (leader, reader):
        one.judge(world.made)
        assert not one.gaps


def everything(world: World, **settings: Any) -> None:
    """Have a fleet do all that it does, and nobody complain."""
    keys = {"access_key": world.sim.access_key, "secret_key": world.sim.secret_key, "fleet_private": True}
    leader, reader = world.pair(**keys, **settings)
    reader.proxy.subscribe_ticker([CODE], callback=lambda _: None)
    world.sim.wait_served({"trade KRW-BTC", "ticker KRW-BTC"})
    reader.proxy.subscribe_my_order(callback=lambda _: None)
    wait_until(reader.proxy.is_private_available, "private data")
    snapshots = world.machine(**settings).proxy.get_ticker_snapshot([CODE], timeout=20)  # from a checkpoint
    assert [one.symbol for one in snapshots] == [CODE]
    assert reader.proxy.list_subscriptions("public").subscriptions
    leader.leave()  # lays the title down; the next one takes it, opens the log and beats
    wait_until(lambda: any(one.leads for one in reader.proxy.health().fleets), "another leader", 30.0)
    world.pass_on(reader)
    world.arrive(reader)
    reader.judge(world.made)
    out = io.StringIO()
    fleet_json(Config(url=world.sim.url, fleet=settings["fleet"]), out)
    assert json.loads(out.getvalue().splitlines()[0])["logs"]
    health = reader.proxy.health()
    assert [one.error for one in health.fleets] == ["", ""]


def test_the_rights_that_the_page_names_are_enough_for_all(
    sim: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = re.search(r"`ACL SETUSER fleet on >password ([^`]+)`", PAGE.read_text(encoding="utf-8"))
    assert found is not None
    rights = " ".join(found[1].split())
    options = ("user default off", f"user fleet on >hunter2 {rights}")
    with Valkey(*options) as server, world_on(sim, server, tmp_path) as world:
        everything(world, fleet=f"valkey://fleet:hunter2@127.0.0.1:{server.port}/0")
    assert "refuses" not in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.skipif(not OLDEST, reason="no redis-server of a distribution is here: apt-get install redis-server")
def test_the_oldest_server_that_is_here_serves_all(sim: Simulator, tmp_path: Path) -> None:
    with Valkey(executable=OLDEST) as server, world_on(sim, server, tmp_path) as world:
        everything(world, fleet=server.url)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fleet_whose_server_speaks_tls_and_wants_certificates(sim: Simulator, tmp_path: Path, kind: Kind) -> None:
    with (
        tls_server(kind, tmp_path, wants_clients=True) as server,
        world_on(sim, server.plain, tmp_path) as world,
    ):
        everything(world, fleet=server.url(f"ca={server.ca}", server.client()))


def test_a_wrong_password_is_told_to_the_component_and_never_printed(
    sim: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Valkey("user bot on >hunter2right ~* +@all") as server, world_on(sim, server, tmp_path) as world:
        one = world.machine(fleet=f"valkey://bot:hunter2wrong@127.0.0.1:{server.port}/0").trades()
        (told,) = refused(one)
        assert "does not let user 'bot' in" in str(told.reason)
        said = f"{one.told} {one.proxy.health()} {one.proxy.health().fleets!r} {caplog.text}"
        assert "does not let user 'bot' in" in caplog.text
        assert "hunter2" not in said


def test_a_server_that_is_too_old_is_told_to_the_component_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LEAST_VERSION", (99, 0))
    began = time.monotonic()
    (told,) = refused(world.machine().trades())
    assert time.monotonic() - began < 5.0
    assert "a fleet needs Valkey, or Redis from 7.0 on" in str(told.reason)


def refused(machine: Machine) -> list[ConnectionEvent]:
    """Return the first that says so."""

    def told() -> list[ConnectionEvent]:
        return [one for one in machine.told if one.state == "refused"]

    wait_until(told, "it is refused")
    return told()[:1]


Replicated = tuple[World, Valkey, Relay]  # what is read is a replica, behind that wire


@pytest.fixture
def replicated(sim: Simulator, tmp_path: Path) -> Iterator[Replicated]:
    with (
        Valkey("repl-diskless-sync-delay 0") as server,
        Relay(server.port) as relay,
        Valkey(f"replicaof 127.0.0.1 {relay.port}") as replica,
    ):
        with replica.client() as client:
            wait_until(lambda: client.role()[3] == b"connected", "a replica")
        with world_on(sim, server, tmp_path) as one:
            yield one, replica, relay


def await_read(server: Valkey) -> None:
    """Wait until somebody waits there for what the log brings."""
    with server.client() as client:
        wait_until(lambda: any(one["cmd"] == "xread" for one in client.client_list()), "it is read")


def test_readers_read_a_replica_and_who_leads_writes_to_the_master(replicated: Replicated) -> None:
    world, replica, _ = replicated
    leader, reader = world.pair(fleet_read="replica")
    world.trade(50)
    world.arrive(leader, reader)
    await_read(replica)
    snapshots = world.machine(fleet_read="replica").proxy.get_ticker_snapshot([CODE], timeout=20)
    assert [one.symbol for one in snapshots] == [CODE]
    for one in (leader, reader):
        one.judge(world.made)
        assert not one.gaps


@pytest.mark.parametrize("trouble", ["stopped", "stands still", "told to follow another", "cut off"])
def test_a_replica_that_brings_nothing_is_left_and_nothing_is_missed(replicated: Replicated, trouble: str) -> None:
    world, replica, relay = replicated
    leader, reader = world.pair(fleet_read="replica")
    world.trade(20)
    world.arrive(leader, reader)
    await_read(replica)
    match trouble:
        case "stopped":
            replica.stop()
        case "stands still":
            replica.pause()
        case "told to follow another":
            with replica.client() as client:
                client.replicaof("127.0.0.1", "1")
        case "cut off":
            relay.hold()  # it has what it had, is told nothing new, and does not know that
    world.trade(20)
    world.arrive(leader, reader)
    for one in (leader, reader):
        one.judge(world.made)
    assert len(list(world.sim.connections("public"))) == 1
    if trouble == "stands still":
        replica.go_on()


def test_a_replica_that_is_behind_the_leader_s_term_is_no_reason_to_go_back(
    replicated: Replicated,
) -> None:
    world, replica, relay = replicated
    leader, reader = world.pair(fleet_read="replica")
    third = world.machine(fleet_read="replica").trades()
    world.pass_on(third)
    await_read(replica)
    relay.hold()
    leader.leave()
    world.pass_on(reader, third)
    relay.go_on()
    world.pass_on(reader, third)
    world.arrive(reader, third)
    for one in (reader, third):
        one.judge(world.made)


def test_readers_that_wait_between_reads_read_less_often_and_miss_nothing(world: World) -> None:
    leader, reader = world.pair(fleet_delay=0.2)
    with world.server.client() as client:
        before = client.info("commandstats")["cmdstat_xread"]["calls"]
        for _ in range(200):
            world.trade()
        world.arrive(leader, reader)
        after = client.info("commandstats")["cmdstat_xread"]["calls"]
    assert after - before < 60
    reader.judge(world.made)
    assert not reader.gaps
