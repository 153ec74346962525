"""Where a reader reads, on real servers: a primary and its replicas."""

import contextlib
from collections.abc import Iterator

import pytest
import redis

from tests.conftest import wait_until
from tests.valkey import Valkey, needs_server
from websocket_v6.actors.fleet import reading_ways
from websocket_v6.actors.fleet.lines import Line
from websocket_v6.actors.fleet.reading_ways import ReadingWays
from websocket_v6.protocol.dialing.servers import Servers, parse_servers
from websocket_v6.protocol.errors import TransportError

pytestmark = needs_server

Trio = tuple[Valkey, Valkey, Valkey]


@pytest.fixture
def trio(server: Valkey) -> Iterator[Trio]:
    """A primary and two replicas that follow it."""
    follow = f"replicaof 127.0.0.1 {server.port}"
    with Valkey(follow) as one, Valkey(follow) as other:
        with server.client() as client:
            wait_until(lambda: len(client.role()[2]) == 2, "two replicas")
        for replica in (one, other):
            with replica.client() as client:
                wait_until(lambda client=client: client.role()[3] == b"connected", "a replica")  # type: ignore[misc]
        yield server, one, other


def port_of(line: Line) -> int:
    port = int(line.socket.getpeername()[1])
    line.close()
    return port


def test_by_default_the_server_itself_is_read(trio: Trio, servers: Servers) -> None:
    line = ReadingWays(servers, "key", None).open()
    assert not line.is_replica
    assert port_of(line) == trio[0].port


def test_replicas_are_read_any_of_them_and_never_written_to(trio: Trio, servers: Servers) -> None:
    ways = ReadingWays(servers, "key", "replica")
    with trio[0].client() as client:
        client.set("key", "x")
    line = ways.open()
    assert line.is_replica
    wait_until(lambda: line.call(("GET", "key")) == [b"x"], "it has arrived there")
    with pytest.raises(TransportError, match="refuses"):
        line.call(("SET", "key", "y"))
    line.close()
    found: set[int] = set()

    def both() -> bool:
        found.add(port_of(ways.open()))
        return found == {trio[1].port, trio[2].port}

    wait_until(both, "both are read")


def test_one_that_was_of_no_use_is_left_alone_and_the_server_is_read_where_none_is_good(
    trio: Trio, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = ReadingWays(servers, "key", "replica")
    ports = []
    for _ in range(3):
        ports.append(port_of(ways.open()))
        ways.failed()
    assert sorted(ports[:2]) == sorted(one.port for one in trio[1:])
    assert ports[2] == trio[0].port
    assert not ways.should_return()
    monkeypatch.setattr(reading_ways, "AVOID", 0.0)
    wait_until(ways.should_return, "it is time to look again")
    ways = ReadingWays(servers, "key", "replica")
    assert port_of(ways.open()) != trio[0].port
    assert not ways.should_return()


def test_replicas_that_are_stopped_or_have_lost_the_server_are_not_read(trio: Trio, servers: Servers) -> None:
    _, one, other = trio
    ways = ReadingWays(servers, "key", "replica")
    one.stop()
    with other.client() as client:
        client.replicaof("127.0.0.1", "1")
    line = ways.open()
    assert not line.is_replica
    line.close()


def test_replicas_are_known_still_when_the_server_is_not_there(trio: Trio, servers: Servers) -> None:
    ways = ReadingWays(servers, "key", "replica")
    ways.open().close()
    trio[0].stop()
    for replica in trio[1:]:
        with replica.client() as client:
            client.replicaof("NO", "ONE")  # a failover has made it the master
    line = ways.open()
    assert line.call(("PING",)) == [b"PONG"]
    line.close()


def test_the_replica_of_a_url_is_read_and_the_server_when_it_is_gone(trio: Trio, servers: Servers) -> None:
    ways = ReadingWays(servers, "key", parse_servers(trio[1].url))
    assert port_of(ways.open()) == trio[1].port
    trio[1].stop()
    assert port_of(ways.open()) == trio[0].port


def test_sentinels_name_replicas(trio: Trio) -> None:
    with Valkey(f"sentinel monitor main 127.0.0.1 {trio[0].port} 1", mode="--sentinel") as sentinel:
        servers = parse_servers(f"valkey+sentinel://127.0.0.1:{sentinel.port}/main")
        assert servers is not None
        ways = ReadingWays(servers, "key", "replica")

        def is_replica() -> bool:
            return port_of(ways.open()) in {trio[1].port, trio[2].port}

        wait_until(is_replica, "the sentinel knows them")


def test_a_cluster_names_the_replicas_of_who_has_the_key() -> None:
    with Valkey("cluster-enabled yes") as master, Valkey("cluster-enabled yes") as replica:
        with master.client() as first, replica.client() as second:
            first.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            second.execute_command("CLUSTER", "MEET", "127.0.0.1", master.port)
            number = first.execute_command("CLUSTER", "MYID").decode()

            def follows() -> bool:
                with contextlib.suppress(redis.RedisError):  # it does not know that node yet
                    second.execute_command("CLUSTER", "REPLICATE", number)
                return bool(second.role()[0] == b"slave" and second.role()[3] == b"connected")

            wait_until(follows, "a replica of a cluster's node")
            wait_until(lambda: b"cluster_state:ok" in first.execute_command("CLUSTER", "INFO"), "the cluster is up")
            first.set("v6:{a}:x", "1")
        servers = parse_servers(f"valkey+cluster://127.0.0.1:{master.port}")
        assert servers is not None
        ways = ReadingWays(servers, "v6:{a}:x", "replica")

        def reads() -> bool:
            line = ways.open()
            try:
                return line.is_replica and line.call(("GET", "v6:{a}:x")) == [b"1"]
            finally:
                line.close()

        wait_until(reads, "its replica is read")
