"""The way to the server: what is refused, and why, never with a password."""

import os

import pytest

from tests.conftest import wait_until
from tests.valkey import Valkey, needs_server
from websocket_v6.actors.fleet.lines import _check_version, open_line
from websocket_v6.protocol.dialing.servers import Servers, parse_servers
from websocket_v6.protocol.errors import AuthenticationError, ConfigError, TransportError

pytestmark = needs_server


def servers(url: str) -> Servers:
    found = parse_servers(url)
    assert found is not None
    return found


def test_commands_are_answered_in_their_order_and_errors_are_answers(server: Valkey) -> None:
    line = open_line(servers(server.url), "key")
    replies = line.call(("SET", "key", b"\xff\x00"), ("GET", "key"), ("NONSENSE",), ("GET", "other"))
    line.close()
    assert [reply for reply in replies if not isinstance(reply, Exception)] == [b"OK", b"\xff\x00", None]
    assert "unknown command" in str(replies[2])


def test_a_database_of_one_s_own(server: Valkey) -> None:
    line = open_line(servers(f"valkey://127.0.0.1:{server.port}/3"), "key")
    assert line.call(("SET", "key", "x")) == [b"OK"]
    line.close()
    with server.client(db=3) as client:
        assert client.get("key") == b"x"


def test_a_socket_of_the_file_system() -> None:
    with Valkey() as one:
        one.stop()
        path = one.folder / "v.sock"
        one._options = (f"unixsocket {path}",)
        one.start()
        line = open_line(servers(f"valkey+unix://{path}"), "key")
        assert line.call(("PING",)) == [b"PONG"]
        assert not line.is_tls
        line.close()


def test_nobody_there(server: Valkey) -> None:
    server.stop()
    with pytest.raises(TransportError, match=rf"the fleet's server valkey://127.0.0.1:{server.port}/0 does not answer"):
        open_line(servers(server.url), "key")


@pytest.mark.parametrize("login", ["", ":hunter2wrong@", "bot:hunter2wrong@"])
def test_a_wrong_password_is_named_and_never_printed(login: str) -> None:
    with Valkey("requirepass hunter2right") as one:
        with pytest.raises(AuthenticationError, match="does not let") as caught:
            open_line(servers(f"valkey://{login}127.0.0.1:{one.port}"), "key")
        assert "hunter2" not in str(caught.value)
        assert ("'bot'" in str(caught.value)) == ("bot" in login)
        line = open_line(servers(f"valkey://:hunter2right@127.0.0.1:{one.port}"), "key")
        line.close()


def test_a_right_that_a_user_lacks_is_named() -> None:
    with Valkey("user bot on >hunter2 ~v6:* +@read +@connection +info +role") as one:
        line = open_line(servers(f"valkey://bot:hunter2@127.0.0.1:{one.port}"), "v6:x")
        assert line.call(("GET", "v6:x")) == [None]
        with pytest.raises(AuthenticationError, match=r"denies user 'bot' a right: .*'set' command"):
            line.call(("SET", "v6:x", "1"))
        line.close()


def test_a_server_that_is_too_old_is_refused_at_once(server: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websocket_v6.actors.fleet.lines.LEAST_VERSION", (99, 0))
    with pytest.raises(ConfigError, match=r"is version \d+\.\d+\.\d+: a fleet needs Valkey, or Redis from 7\.0 on"):
        open_line(servers(server.url), "key")


@pytest.mark.parametrize(
    ("info", "shown"),
    [
        (b"# Server\r\nredis_version:6.2.14\r\n", "6.2.14"),
        (b"redis_version:7.2.4\r\nvalkey_version:6.9.9\r\n", "6.9.9"),
        (b"redis_version:unstable\r\n", "unstable"),
        (b"", "unknown"),
    ],
)
def test_the_version_is_what_the_server_says(info: bytes, shown: str) -> None:
    with pytest.raises(ConfigError, match=f"valkey://host is version {shown}: "):
        _check_version(info, "valkey://host")


@pytest.mark.parametrize(
    "info", [b"redis_version:7.0.0", b"redis_version:7.2.4\r\nvalkey_version:8.1.8", b"redis_version:10.1.0"]
)
def test_newer_ones_will_do(info: bytes) -> None:
    _check_version(info, "valkey://host")


def test_a_replica_is_not_written_to(server: Valkey) -> None:
    with Valkey(f"replicaof 127.0.0.1 {server.port}") as replica, pytest.raises(TransportError, match="is a replica"):
        open_line(servers(replica.url), "key")


def test_a_server_that_stands_still_is_not_waited_for(server: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websocket_v6.actors.fleet.lines.ANSWER_TIMEOUT", 0.3)
    line = open_line(servers(server.url), "key")
    server.pause()
    with pytest.raises(TransportError, match="does not answer"):
        line.call(("PING",))
    server.go_on()
    line.close()


def test_the_master_that_sentinels_name(server: Valkey) -> None:
    monitor = f"sentinel monitor main 127.0.0.1 {server.port} 1"
    with Valkey(monitor, mode="--sentinel") as sentinel:
        url = f"valkey+sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/main"
        line = open_line(servers(url), "key")
        assert line.call(("SET", "key", "x")) == [b"OK"]
        line.close()
        with pytest.raises(TransportError, match="nobody of"):
            open_line(servers(url.replace("/main", "/other")), "key")


def test_the_node_of_a_cluster_that_has_the_key() -> None:
    with Valkey("cluster-enabled yes") as one, Valkey("cluster-enabled yes") as other:
        for node, slots in ((one, (0, 8191)), (other, (8192, 16383))):
            with node.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", *slots)
        with one.client() as client:
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", other.port)
        url = f"valkey+cluster://127.0.0.1:{one.port}"
        found = set()
        for key in ("v6:{a}:lead", "v6:{b}:lead"):  # of slots in both halves

            def works(key: str = key) -> bool:
                try:
                    line = open_line(servers(url), key)
                except TransportError:
                    return False
                try:
                    is_written = line.call(("SET", key, "x")) == [b"OK"]
                    found.add(line.socket.getpeername()[1])
                except TransportError:
                    is_written = False
                finally:
                    line.close()
                return is_written

            wait_until(works, "a cluster")
        assert found == {one.port, other.port}


def test_a_server_that_is_a_replica_by_now_is_looked_for_again(server: Valkey) -> None:
    line = open_line(servers(server.url), "key")
    with server.client() as client:
        client.replicaof("127.0.0.1", "1")
    with pytest.raises(TransportError, match="refuses"):
        line.call(("SET", "key", "x"))
    line.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_lets_go_of_it_and_the_parent_goes_on(server: Valkey) -> None:
    line = open_line(servers(server.url), "key")
    number = line.socket.fileno()
    pid = os.fork()
    if pid == 0:
        try:
            os.fstat(number)
        except OSError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert line.call(("PING",)) == [b"PONG"]
    line.close()
