"""Several processes, one connection: who serves whom, what is shared with whom, and what one costs the others."""

import contextlib
import json
import os
import pickle
import signal
import stat
from pathlib import Path

import msgspec
import psutil
import pytest
import websocket

from tests.conftest import wait_until
from websocket_v6.actors.connection.door_handshake import open_door
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import MEMBER_PATH, Door, DoorError
from websocket_v6.protocol.connection.target import DOOR_PATHS
from websocket_v6.protocol.membership import words
from websocket_v6.protocol.membership.host_entry import HostEntry
from websocket_v6.protocol.membership.shared_settings import settings_of
from websocket_v6.protocol.server import words as to_guest
from websocket_v6.simulator import Simulator

from .conftest import MARKETS, UNION, ChildError, Process, Start, has, open_connections, pair


def test_the_first_is_the_host_and_the_next_its_guest(sim: Simulator, start: Start, folder: Path) -> None:
    host, guest = pair(sim, start)
    assert (host.role, guest.role) == ("host", "guest")
    assert open_connections(sim) == 1
    (connection,) = sim.connections()
    assert connection.snapshots == dict.fromkeys(UNION, 1), "what runs is not asked for again"
    sim.trade("KRW-BTC")
    number = sim.trade("KRW-ETH")
    wait_until(lambda: host.do("count") == {"a": 2}, "the host's events")
    wait_until(lambda: guest.do("count") == {"b": 4, "c": 2}, "the guest's events")
    assert [one[2] for one in guest.events("b")] == ["SNAPSHOT"] * 2 + ["REALTIME"] * 2
    assert guest.events("c")[-1][5] == number
    assert host.events("a")[-1][5:] == [one[5] for one in guest.events("b") if one[1] == "KRW-BTC"][-1:]
    assert guest.do("served") == sorted(UNION), "the guest asks the exchange through the host"
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in folder.iterdir() if path.is_file())


def test_what_a_guest_wants_no_more_leaves_the_union(sim: Simulator, start: Start) -> None:
    host, guest = pair(sim, start)
    guest.do("close", id="c")
    sim.wait_served(UNION - {"trade KRW-ETH"})
    guest.kill()
    sim.wait_served({"ticker KRW-BTC"})
    assert host.role == "host"


def test_snapshots_through_the_host(sim: Simulator, start: Start) -> None:
    host, guest = start(), start()
    host.do("subscribe", id="a", type="ticker", codes=["KRW-BTC"])
    host.wait_role("host")
    sim.wait_served({"ticker KRW-BTC"})
    for _ in range(3):
        codes = ["KRW-XRP", "KRW-BTC", "BTC-ETH"]
        assert guest.do("snapshot", codes=codes) == codes
    with pytest.raises(ChildError, match="KRW-NOPE"):
        guest.do("snapshot", codes=["KRW-NOPE"])
    sim.wait_served({"ticker KRW-BTC"})
    assert open_connections(sim) == 1


def test_a_deeper_book_for_one_process(sim: Simulator, start: Start) -> None:
    host, guest = start(), start()
    host.do("subscribe", id="a", type="orderbook", codes=["KRW-BTC"], depth=5)
    host.wait_role("host")
    wait_until(lambda: host.do("count") == {"a": 1}, "the host's book")
    guest.do("subscribe", id="b", type="orderbook", codes=["KRW-BTC"], depth=1)
    wait_until(lambda: guest.do("count") == {"b": 1}, "the guest's book")
    guest.do("subscribe", id="c", type="orderbook", codes=["KRW-BTC"], depth=15)
    wait_until(lambda: guest.do("count")["c"] == 1, "the guest's deeper book")
    before = guest.do("count")["b"]
    sim.trade("KRW-BTC")
    wait_until(lambda: guest.do("count") == {"b": before + 1, "c": 2}, "each once")
    (connection,) = sim.connections()
    assert [one.units for one in connection.subscription] == [15]


def served_by(host: Process) -> int:
    """Return how many connections to the public endpoint serve all that is wanted."""
    return len([endpoint for endpoint in host.do("health")["serving"] if endpoint == "public"])


def test_who_wants_two_connections_gives_all_two_while_it_is_there(sim: Simulator, start: Start) -> None:
    host, guest = start(), start(redundancy=2)
    host.do("subscribe", id="a", type="trade", codes=["KRW-BTC"])
    host.wait_role("host")
    guest.do("subscribe", id="b", type="trade", codes=["KRW-BTC"])
    wait_until(lambda: served_by(host) == 2, "the second connection")
    made = [sim.trade("KRW-BTC")]
    first, _ = (one for one in sim.connections("public") if one.open)
    sim.drop(connection_id=first.id)
    made.append(sim.trade("KRW-BTC"))
    wait_until(lambda: len(sim.connections("public")) > 2 and served_by(host) == 2, "the way back")
    guest.leave()
    wait_until(lambda: open_connections(sim) == 1 and served_by(host) == 1, "one for who is left")
    made.append(sim.trade("KRW-BTC"))
    wait_until(lambda: host.events("a")[-1:] and host.events("a")[-1][5] == made[-1], "the last trade")
    assert [one[5] for one in host.events("a") if one[2] == "REALTIME"] == made
    assert "lost" not in [one["state"] for one in host.told()]


def test_private_data_is_shared_with_the_same_keys(sim: Simulator, start: Start, keys: dict[str, str]) -> None:
    host, guest = start(**keys), start(**keys)
    host.do("subscribe", id="a", type="my_order")
    host.wait_role("host")
    sim.wait_served({"myOrder *"}, endpoint="private")
    guest.do("subscribe", id="b", type="my_order")
    guest.do("subscribe", id="c", type="my_asset")
    sim.wait_served({"myOrder *", "myAsset *"}, endpoint="private")
    wait_until(lambda: guest.do("health")["open"] == ["private"], "the guest told that it is open")
    sim.place_order("KRW-BTC", "BID", volume="6", price=1000)
    wait_until(lambda: host.do("count")["a"] and guest.do("count")["b"] and guest.do("count")["c"], "the order")
    assert [one[5] for one in host.events("a")] == [one[5] for one in guest.events("b")]
    assert open_connections(sim, "private") == 1


def test_private_data_is_not_shared_without_the_keys(sim: Simulator, start: Start, keys: dict[str, str]) -> None:
    host, guest = start(), start(**keys)
    host.do("subscribe", id="a", type="ticker", codes=["KRW-BTC"])
    host.wait_role("host")
    guest.do("subscribe", id="b", type="ticker", codes=["KRW-BTC"])
    guest.do("subscribe", id="c", type="my_order")
    sim.wait_served({"myOrder *"}, endpoint="private")
    assert (host.role, guest.role) == ("host", "guest")
    assert open_connections(sim) == 1
    with pytest.raises(ChildError, match="AuthenticationError"):
        host.do("subscribe", id="d", type="my_order")
    sim.place_order("KRW-BTC", "BID", volume="6", price=1000)
    wait_until(lambda: guest.do("count")["c"], "the order, over a connection of the guest's own")


def test_other_keys_end_the_sharing_of_private_data(sim: Simulator, start: Start, keys: dict[str, str]) -> None:
    host, guest = start(**keys), start(**keys)
    host.do("subscribe", id="a", type="my_order")
    host.wait_role("host")
    guest.do("subscribe", id="b", type="my_order")
    guest.do("subscribe", id="t", type="ticker", codes=["KRW-BTC"])
    sim.wait_served({"myOrder *"}, endpoint="private")
    sim.add_key("another-access-key", "another-secret-key-of-the-same-toy-that-is-long-enough-for-hs512-too")
    guest.do(
        "keys",
        access_key="another-access-key",
        secret_key="another-secret-key-of-the-same-toy-that-is-long-enough-for-hs512-too",
    )
    wait_until(lambda: open_connections(sim, "private") == 2, "a connection of its own")
    wait_until(lambda: guest.do("health")["open"] == ["public", "private"], "open again")
    assert open_connections(sim) == 1, "public data is shared all the same"
    guest.do("keys", **keys)
    wait_until(lambda: open_connections(sim, "private") == 1, "shared again")


def orders(process: Process, id: str) -> list[str]:  # noqa: A002
    """Return whose own orders a subscription of a process was told of, as they came."""
    return [json.loads(one[5])["uid"] for one in process.events(id)]


def test_a_host_with_new_keys_serves_whoever_has_them_nothing_of_the_old_account(
    sim: Simulator, start: Start, keys: dict[str, str]
) -> None:
    secret = "another-secret-key-of-the-same-toy-that-is-long-enough-for-hs512-too"
    sim.add_key("another-access-key", secret)
    other = {"access_key": "another-access-key", "secret_key": secret}
    host, guest = start(**keys), start(**other)
    host.do("subscribe", id="a", type="my_order")
    host.wait_role("host")
    guest.do("subscribe", id="b", type="my_order")
    wait_until(lambda: host.do("health")["open"] == guest.do("health")["open"] == ["private"], "both accounts")
    assert open_connections(sim, "private") == 2
    sim.refuse(503, times=None, endpoint="private")  # so the new keys' connection takes as long as this test likes
    host.do("keys", **other)
    # Whichever of the two it is: either the old account's ends, or the guest lets its own go.
    wait_until(lambda: open_connections(sim, "private") == 1, "the end of one connection")
    sim.place_order("KRW-BTC", "BID", volume="6", price=1000)
    made = [sim.place_order("KRW-BTC", "BID", volume="6", price=1000, access_key="another-access-key")]
    wait_until(lambda: guest.do("count")["b"], "an order")
    assert orders(guest, "b") == made, "the old account's are none of its own"
    assert [one.access_key for one in sim.connections("private") if one.open] == ["another-access-key"]
    sim.accept()
    wait_until(lambda: host.do("health")["serving"] and open_connections(sim, "private") == 1, "one for both")
    made.append(sim.place_order("KRW-BTC", "BID", volume="6", price=1000, access_key="another-access-key"))
    for process, name, had in (host, "a", made[1:]), (guest, "b", made):
        wait_until(lambda: orders(process, name)[-1:] == made[-1:], "the last")  # noqa: B023
        assert orders(process, name) == had
    told = host.told("private")
    assert [one["state"] for one in told if one["state"] in ("open", "lost")][:2] == ["open", "lost"]
    assert told[-1]["state"] == "open"
    assert told[-1]["gap"], "what one account brought is not the other's: this is told"
    assert "the keys are others now" in next(one for one in told if one["state"] == "lost")["reason"]


def test_keys_never_cross_the_pipe(sim: Simulator, start: Start, keys: dict[str, str], folder: Path) -> None:
    host, guest = start(**keys), start(**keys)
    host.do("subscribe", id="a", type="my_order")
    host.wait_role("host")
    guest.do("subscribe", id="b", type="my_order")
    sim.wait_served({"myOrder *"}, endpoint="private")
    for path in folder.iterdir():
        if path.is_file():
            content = path.read_bytes()
            assert keys["access_key"].encode() not in content
            assert keys["secret_key"].encode() not in content


def test_another_version_has_connections_of_its_own(sim: Simulator, start: Start) -> None:
    host = start()
    host.do("subscribe", id="a", type="ticker", codes=["KRW-BTC"])
    host.wait_role("host")
    sim.wait_served({"ticker KRW-BTC"})
    stranger = start(constants={"protocol.connection.door.SUBPROTOCOLS": ("v6.999",)})
    stranger.do("subscribe", id="b", type="ticker", codes=["KRW-ETH"])
    wait_until(lambda: stranger.do("count") == {"b": 1}, "served all the same")
    assert stranger.role == "embedded"
    assert open_connections(sim) == 2
    assert "same release of websocket_v6" in stranger.leave()
    assert host.role == "host"


def test_a_folder_that_cannot_be_used_is_refused(sim: Simulator, start: Start, folder: Path) -> None:
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    one = start()
    with pytest.raises(ChildError, match=r"ConfigError.*WEBSOCKET_V6_RUNTIME_DIR"):
        one.do("subscribe", id="a", type="ticker", codes=["KRW-BTC"])


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_children_of_any_kind_are_guests(sim: Simulator, start: Start, method: str) -> None:
    host, guest = pair(sim, start)
    assert host.do("start", method=method) == 0
    assert guest.do("start", method=method) == 0
    assert open_connections(sim) == 1
    sim.trade("KRW-BTC")
    wait_until(lambda: has(host, a=2) and guest.do("count")["b"] >= 3, "both go on")


def test_a_forked_child_is_a_guest_of_its_own(sim: Simulator, start: Start) -> None:
    host, guest = pair(sim, start)
    assert host.do("fork") == 0
    assert guest.do("fork") == 0
    assert open_connections(sim) == 1
    sim.trade("KRW-BTC")
    wait_until(lambda: has(host, a=2) and guest.do("count")["b"] >= 3, "both go on")


def test_a_guest_that_is_stopped_harms_nobody(sim: Simulator, start: Start) -> None:
    limits = {"constants": {"actors.server.server.BUDGET": 200_000}}
    host, guest = pair(sim, start, **limits)
    os.kill(guest.pid, signal.SIGSTOP)
    for _ in range(3000):
        sim.trade("KRW-ETH")
    sim.wait_served({"ticker KRW-BTC"})  # the guest is cut off, and what it wanted is not wanted any more
    sim.trade("KRW-BTC")
    wait_until(lambda: host.do("count")["a"] == 2, "the host served")
    os.kill(guest.pid, signal.SIGCONT)
    wait_until(lambda: guest.told()[-1]["epoch"] == 2 and guest.told()[-1]["state"] == "open", "told of the gap")
    number = sim.trade("KRW-ETH")
    wait_until(lambda: guest.events("c")[-1][5] == number, "served again")
    identities = [one[5] for one in guest.events("c")]
    assert len(identities) == len(set(identities))
    assert "too slowly" in host.leave()


class Attacker:
    """A process that knows the key and has greeted, and may do what it likes then."""

    def __init__(self, folder: Path) -> None:
        point = next(path for path in folder.iterdir() if path.suffix == ".host")
        entry = msgspec.msgpack.decode(point.read_bytes(), type=HostEntry)
        self._door = Door(entry.address, entry.key, entry.term)
        self.member = self._open(MEMBER_PATH)
        self.member.send_binary(words.encode(words.Hello("attacker", os.getpid(), settings_of(Config()))))
        welcome = words.decode_from_host(heard(self.member))
        assert isinstance(welcome, words.Welcome)
        self._door = msgspec.structs.replace(self._door, member=welcome.member)
        self._sockets = [self.member]

    def __enter__(self) -> "Attacker":
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._sockets:
            one.shutdown()  # type: ignore[no-untyped-call]

    def data(self, endpoint: str = "public") -> websocket.WebSocket:
        """Open a data socket."""
        self._sockets.append(self._open(DOOR_PATHS[endpoint]))
        return self._sockets[-1]

    def _open(self, path: str) -> websocket.WebSocket:
        ws = websocket.WebSocket()
        open_door(ws, self._door, path, timeout=10.0)
        ws.settimeout(20.0)
        return ws


def heard(ws: websocket.WebSocket) -> bytes:
    """Return the next binary message."""
    message = ws.recv()
    assert isinstance(message, bytes)
    return message


def request(*types: object) -> str:
    return json.dumps([{"ticket": "attack"}, *types])


def drain(ws: websocket.WebSocket) -> None:
    """Read until the other side closes."""
    with contextlib.suppress(websocket.WebSocketConnectionClosedException, ConnectionError):
        while ws.recv_data(control_frame=True)[0] != websocket.ABNF.OPCODE_CLOSE:
            pass


MANY = [f"KRW-C{number}" for number in range(800)]
# What a member says that no member would.
WORDS = {
    "garbage": b"\xff" * 1000,
    "a pickle": pickle.dumps({"a": 1}),
    "a map of four billion": b"\xdf\xff\xff\xff\xff",
    "another greeting": words.encode(words.Hello("again", 1, settings_of(Config()))),
    "what only a host says": words.encode(words.Goodbye("go away", False)),
}
# What a guest asks that no guest would.
REQUESTS = {
    "garbage": "garbage",
    "no ticket": "[{}]",
    "a question without end": json.dumps([{"ticket": "x" * 100_000}, {"method": "LIST_SUBSCRIPTIONS"}]),
    "depth": "[" * 100_000,
}


@pytest.mark.parametrize("attack", WORDS)
def test_a_member_that_means_harm_is_cut_off(sim: Simulator, start: Start, folder: Path, attack: str) -> None:
    host, guest = pair(sim, start)
    with Attacker(folder) as attacker:
        data = attacker.data()
        attacker.member.send_binary(WORDS[attack])
        drain(attacker.member)
        drain(data)
    served_all_the_same(sim, host, guest)


@pytest.mark.parametrize("attack", REQUESTS)
def test_a_guest_that_means_harm_is_cut_off(sim: Simulator, start: Start, folder: Path, attack: str) -> None:
    host, guest = pair(sim, start)
    with Attacker(folder) as attacker:
        data = attacker.data()
        data.send(REQUESTS[attack])
        drain(data)
    served_all_the_same(sim, host, guest)


def served_all_the_same(sim: Simulator, host: Process, guest: Process) -> None:
    sim.trade("KRW-BTC")
    wait_until(lambda: has(host, a=2) and guest.do("count")["b"] >= 3, "the others served")
    assert not sim.notices(), "nothing of it reached the exchange"
    assert host.leave().count("is cut off") == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        {"type": "ticker", "codes": ["<x>", 5]},
        {"type": "myAsset"},
        {"type": "depth", "codes": ["KRW-BTC"]},
        {"type": 7},
    ],
)
def test_what_there_is_not_is_refused_and_the_rest_is_served(
    sim: Simulator, start: Start, folder: Path, nonsense: object
) -> None:
    host, _ = pair(sim, start)
    with Attacker(folder) as attacker:
        data = attacker.data()
        data.send(request(nonsense, {"type": "ticker", "codes": ["KRW-XRP"]}))
        said = [to_guest.decode(heard(data)) for _ in range(3)]
        assert {type(one) for one in said} == {to_guest.Refused, to_guest.State, to_guest.Rows}
        assert [one.streams for one in said if isinstance(one, to_guest.Rows)] == [["ticker KRW-XRP"]]
    sim.wait_served(UNION)
    assert not sim.notices(), "nothing of it reached the exchange"
    assert host.role == "host"


def test_private_data_that_is_not_shared_is_not_served(
    sim: Simulator, start: Start, folder: Path, keys: dict[str, str]
) -> None:
    host = start(**keys)
    host.do("subscribe", id="a", type="my_order")
    sim.wait_served({"myOrder *"}, endpoint="private")
    host.wait_role("host")
    with Attacker(folder) as attacker:
        with pytest.raises(DoorError) as refused:
            attacker.data("private")
        assert refused.value.is_other_keys
        attacker.member.send_binary(words.encode(words.Keys(b"x" * 32)))
        assert words.decode_from_host(heard(attacker.member)) == words.Shared(("public",), settings_of(Config()))
        with pytest.raises(DoorError):
            attacker.data("private")
    sim.place_order("KRW-BTC", "BID", volume="6", price=1000)
    wait_until(lambda: host.do("count")["a"], "the order")


def test_a_guest_that_never_stops_talking_costs_little(sim: Simulator, start: Start, folder: Path) -> None:
    host, guest = pair(sim, start)
    before = psutil.Process(host.pid).memory_info().rss
    flood = [request({"type": "ticker", "codes": codes}) for codes in (MARKETS, MANY)]
    with Attacker(folder) as attacker:
        data = attacker.data()
        for index in range(400):
            data.send(flood[index % 2])  # as fast as they are taken
        sim.trade("KRW-BTC")
        wait_until(lambda: has(host, a=2) and guest.do("count")["b"] >= 3, "the others served")
        assert psutil.Process(host.pid).memory_info().rss - before < 64 * 1024 * 1024


def test_a_stranger_without_the_key_is_told_of_once(sim: Simulator, start: Start, folder: Path) -> None:
    host, _ = pair(sim, start)
    address = next(path for path in folder.iterdir() if path.suffix == ".sock")
    for path in (MEMBER_PATH, *DOOR_PATHS.values()):
        with pytest.raises(DoorError):
            open_door(websocket.WebSocket(), Door(str(address), b"not the key", 1), path, timeout=10.0)
    sim.trade("KRW-BTC")
    wait_until(lambda: host.do("count") == {"a": 2}, "the host goes on")
    assert host.leave().count("does not know the key") == 1
    assert open_connections(sim) == 1
