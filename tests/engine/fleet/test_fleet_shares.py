"""Many machines with one upstream, on a real server, and its bad days.

A machine is an engine with a folder of its own, within this process.
"""

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.valkey import Valkey, needs_server
from websocket_v6.simulator import Simulator

from .world import CODE, Machine, World

pytestmark = needs_server


def test_machines_share_one_connection_and_each_has_every_trade(world: World) -> None:
    leader, reader = world.pair()
    third = world.machine().trades()
    world.pass_on(third)
    world.trade(200)
    world.arrive(leader, reader, third)
    for one in (leader, reader, third):
        one.judge(world.made)
        assert not one.gaps
    assert len(list(world.sim.connections("public"))) == 1


def test_the_exchange_serves_what_any_machine_wants_and_nothing_else(world: World) -> None:
    leader, reader = world.pair()
    subscription = reader.proxy.subscribe_ticker(["KRW-ETH"], callback=lambda _: None)
    world.sim.wait_served({"trade KRW-BTC", "ticker KRW-ETH"})
    subscription.close()
    world.sim.wait_served({"trade KRW-BTC"})
    leader.proxy.unsubscribe_all()
    world.trade()
    world.arrive(reader)
    assert world.sim.served() == {"trade KRW-BTC"}


def test_a_late_joiner_begins_with_last_values(world: World) -> None:
    leader, reader = world.pair()
    got: list[Any] = []
    reader.proxy.subscribe_ticker([CODE], callback=lambda _: None)
    world.sim.wait_served({"trade KRW-BTC", "ticker KRW-BTC"})
    leader.proxy.subscribe_ticker([CODE], callback=got.append)
    wait_until(lambda: got, "the leader's")
    late = world.machine()
    snapshots = late.proxy.get_ticker_snapshot([CODE], timeout=10)
    assert [(one.symbol, one.stream_type) for one in snapshots] == [(CODE, "SNAPSHOT")]
    assert len(list(world.sim.connections("public"))) == 1


def test_an_unknown_code_is_told_to_who_asked(world: World) -> None:
    _, reader = world.pair()
    reader.proxy.subscribe_ticker(["KRW-NOPE"], callback=lambda _: None, error_handler=reader.errors.append)
    wait_until(lambda: reader.errors, "the error")
    assert "KRW-NOPE" in str(reader.errors[0])


def test_what_the_exchange_says_that_it_serves_reaches_a_reader(world: World) -> None:
    _, reader = world.pair()
    entries = reader.proxy.list_subscriptions("public").subscriptions
    assert [(one.type, list(one.codes)) for one in entries] == [("trade", [CODE])]


def test_the_server_comes_back_without_data(world: World) -> None:
    leader, reader = world.pair()
    world.server.stop()
    world.server.start()
    world.trade(5)
    world.pass_on(reader)
    world.arrive(leader, reader)
    for one in (leader, reader):
        one.judge(world.made)
    assert not leader.gaps
    assert len(list(world.sim.connections("public"))) == 1, "who led leads on"


def test_a_stream_that_is_evicted_is_begun_anew_and_the_gap_is_told(world: World) -> None:
    leader, reader = world.pair()
    with world.server.client() as client:
        client.delete(world.keys.log("public"))
    world.trade(5)
    world.pass_on(reader)
    world.arrive(leader, reader)
    for one in (leader, reader):
        one.judge(world.made)


def test_everything_is_flushed(world: World) -> None:
    leader, reader = world.pair()
    with world.server.client() as client:
        client.flushall()
    world.trade(5)
    world.pass_on(reader)
    world.arrive(leader, reader)
    for one in (leader, reader):
        one.judge(world.made)
    assert world.connections() == 1


def test_while_the_server_is_away_the_leader_serves_its_own_machine_and_the_others_are_told(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    leader, reader = world.pair()
    world.server.stop()
    world.trade(20)
    world.arrive(leader)
    wait_until(lambda: any(one.state == "lost" for one in reader.told), "the reader is told")
    assert not leader.gaps
    wait_until(lambda: not leader.proxy.health().fleets[0].reachable, "the leader says so")
    (health,) = leader.proxy.health().fleets
    assert health.leads
    assert health.error
    assert health.error in caplog.text
    world.server.start()
    world.pass_on(reader)
    world.arrive(leader, reader)
    for one in (leader, reader):
        one.judge(world.made)


def test_a_server_that_stands_still_for_seconds_changes_no_leader(world: World) -> None:
    leader, reader = world.pair()
    world.server.pause()
    threading.Event().wait(2.8)  # longer than a leader that is gone is waited for
    world.trade(5)
    world.server.go_on()
    world.pass_on(reader)
    world.arrive(leader, reader)
    for one in (leader, reader):
        one.judge(world.made)
    assert not leader.gaps
    assert len(list(world.sim.connections("public"))) == 1


def test_without_memory_a_healthy_leader_keeps_its_title(world: World) -> None:
    leader, reader = world.pair()
    with world.server.client() as client:
        term = client.hget(world.keys.lead, "term")
        client.config_set("maxmemory", "1")
        world.trade(20)
        world.arrive(leader)
        wait_until(lambda: "errorstat_OOM" in client.info("errorstats"), "an append is refused")
        threading.Event().wait(2.5)  # longer than a leader that is gone is waited for
        client.config_set("maxmemory", "0")
        world.pass_on(reader)
        assert client.hget(world.keys.lead, "term") == term
    world.arrive(leader, reader)
    for one in (leader, reader):
        one.judge(world.made)


def test_a_wrong_password_is_named_and_never_printed(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with world.server.client() as client:
        client.config_set("requirepass", "hunter2right")
    url = f"valkey://:hunter2wrong@127.0.0.1:{world.server.port}"
    machine = world.machine(fleet=url).trades()
    wait_until(lambda: any(one.state == "refused" for one in machine.told), "it is told")
    assert "does not let the default user in" in caplog.text
    assert "hunter2" not in caplog.text + "".join(one.reason for one in machine.told) + str(machine.proxy.health())
    assert not world.connections()


def test_private_data_stays_on_its_machine(world: World) -> None:
    keys = {"access_key": world.sim.access_key, "secret_key": world.sim.secret_key}
    one, other = world.machine(**keys), world.machine(**keys)
    seen: list[Any] = []
    for machine in (one, other):
        machine.proxy.subscribe_my_order(callback=seen.append)
    wait_until(lambda: sum(each.open for each in world.sim.connections("private")) == 2, "two of their own")
    with world.server.client() as client:
        assert not client.keys("*private*")


def test_private_data_is_shared_encrypted_with_those_that_have_the_same_keys(world: World) -> None:
    keys = {"access_key": world.sim.access_key, "secret_key": world.sim.secret_key, "fleet_private": True}
    one, other = world.machine(**keys), world.machine(**keys)
    seen: dict[Machine, list[Any]] = {one: [], other: []}
    for machine in (one, other):
        machine.proxy.subscribe_my_order(callback=seen[machine].append)
        wait_until(lambda machine=machine: machine.proxy.is_private_available(), "private data")  # type: ignore[misc]
    wait_until(lambda: sum(each.open for each in world.sim.connections("private")) == 1, "one connection")

    def arrives() -> bool:
        world.sim.place_order(CODE, "BID", price="100000", volume="1")
        return all(seen.values())

    wait_until(arrives, "an order reaches both")
    with world.server.client() as client:
        (key,) = client.keys("*log:private*")
        fields = {field for _, entry in client.xrange(key) for field in entry}
        assert fields == {b"s", b"p"}  # what opens a term is the server's to complete
        everything = b"".join(client.dump(each) for each in client.keys("*") if client.type(each) != b"none")
    assert b"KRW-BTC" not in everything
    assert world.sim.secret_key.encode() not in everything


def test_the_failover_of_a_sentinel_is_survived(sim: Simulator, tmp_path: Path) -> None:
    with Valkey() as master, Valkey(f"replicaof 127.0.0.1 {master.port}") as replica:
        watch = f"sentinel monitor main 127.0.0.1 {master.port} 1"
        hurry = ("sentinel down-after-milliseconds main 500", "sentinel failover-timeout main 2000")
        with Valkey(watch, *hurry, mode="--sentinel") as sentinel:
            with master.client() as client:
                wait_until(lambda: client.info("replication")["connected_slaves"] == 1, "a replica")
            with sentinel.client() as client:
                wait_until(lambda: client.execute_command("SENTINEL", "REPLICAS", "main"), "the sentinel knows it")
            world = World(sim, master, tmp_path)
            url = f"valkey+sentinel://127.0.0.1:{sentinel.port}/main"
            leader, reader = world.pair(fleet=url)
            world.trade(20)
            world.arrive(leader, reader)
            master.stop()
            world.trade(20)
            with replica.client() as client:
                wait_until(lambda: client.info("replication")["role"] == "master", "the replica is the master", 30.0)
            world.pass_on(reader)
            world.arrive(leader, reader)
            for one in (leader, reader):
                one.judge(world.made)
            assert not leader.gaps
            world.leave()


def test_a_slot_that_moves_is_followed(sim: Simulator, tmp_path: Path) -> None:
    with Valkey("cluster-enabled yes") as one, Valkey("cluster-enabled yes") as other:
        with one.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", other.port)
            for state in (b"cluster_known_nodes:2", b"cluster_state:ok"):
                wait_until(lambda state=state: state in client.execute_command("CLUSTER", "INFO"), "two nodes")  # type: ignore[misc]
        world = World(sim, one, tmp_path)
        leader, reader = world.pair(fleet=f"valkey+cluster://127.0.0.1:{one.port},127.0.0.1:{other.port}")
        world.trade(20)
        world.arrive(leader, reader)
        with one.client() as first, other.client() as second:
            ids = [client.execute_command("CLUSTER", "MYID").decode() for client in (first, second)]
            slot = first.execute_command("CLUSTER", "KEYSLOT", world.keys.lead)
            second.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
            first.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
            keys = first.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100)
            first.execute_command("MIGRATE", "127.0.0.1", other.port, "", 0, 5000, "KEYS", *keys)
            for client in (second, first):
                client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[1])
        world.trade(20)
        world.pass_on(reader)
        world.arrive(leader, reader)
        for machine in (leader, reader):
            machine.judge(world.made)
        assert not leader.gaps
        world.leave()
