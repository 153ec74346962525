"""Several processes, one connection: who serves whom, what is shared, and what happens when one ends."""

import os
import signal
import stat
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import wait_until
from websocket_v6.simulator import Simulator

from .conftest import MARKETS, ChildError, Process, Start

UNION = {"ticker KRW-BTC", "ticker KRW-ETH", "trade KRW-ETH"}


def open_connections(sim: Simulator, endpoint: str = "public") -> int:
    return sum(one.open for one in sim.connections(endpoint))


def pair(sim: Simulator, start: Start, **settings: Any) -> tuple[Process, Process]:
    """Start a host and a guest that want overlapping things, and wait until both are served."""
    host, guest = start(**settings), start(**settings)
    host.do("subscribe", id="a", type="ticker", codes=["KRW-BTC"])
    guest.do("subscribe", id="b", type="ticker", codes=["KRW-BTC", "KRW-ETH"])
    guest.do("subscribe", id="c", type="trade", codes=["KRW-ETH"])
    sim.wait_served(UNION)
    wait_until(lambda: host.do("count") == {"a": 1}, "the host's snapshot")
    wait_until(lambda: guest.do("count") == {"b": 2, "c": 1}, "the guest's snapshots")
    return host, guest


def test_the_first_is_the_host_and_the_next_its_guest(sim: Simulator, start: Start, folder: Path) -> None:
    host, guest = pair(sim, start)
    assert (host.role, guest.role) == ("host", "guest")
    assert open_connections(sim) == 1
    (connection,) = sim.connections()
    assert connection.snapshots == dict.fromkeys(UNION, 1), "what runs is not asked for again"
    first, second = sim.trade("KRW-BTC"), sim.trade("KRW-ETH")
    wait_until(lambda: host.do("count") == {"a": 2}, "the host's events")
    wait_until(lambda: guest.do("count") == {"b": 4, "c": 2}, "the guest's events")
    assert [one[2] for one in guest.events("b")] == ["SNAPSHOT"] * 2 + ["REALTIME"] * 2
    assert guest.events("c")[-1][5] == second != first
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


def test_a_killed_host_is_replaced_by_one_of_its_guests(sim: Simulator, start: Start) -> None:
    host, guest = pair(sim, start)
    other = start()
    other.do("subscribe", id="d", type="trade", codes=["KRW-XRP"])
    sim.wait_served(UNION | {"trade KRW-XRP"})
    wait_until(lambda: other.do("count") == {"d": 1}, "the snapshot")
    host.kill()
    sim.wait_served(UNION | {"trade KRW-XRP"})
    assert sorted([guest.role, other.role]) == ["guest", "host"]
    assert open_connections(sim) == 1
    for one in (guest, other):
        wait_until(lambda: one.told()[-1]["state"] == "open" and one.told()[-1]["epoch"] == 2, "the news")  # noqa: B023
        states = [each["state"] for each in one.told()]
        assert states[:3] == ["connecting", "open", "lost"]
        opened = one.told()[-1]
        assert 0 < opened["gap"] == pytest.approx((opened["ended"] - opened["started"]) / 1e9)
    numbers = [sim.trade("KRW-ETH"), sim.trade("KRW-XRP")]
    wait_until(lambda: guest.events("c")[-1][5] == numbers[0], "the trade")
    wait_until(lambda: other.events("d")[-1][5] == numbers[1], "the trade")
    for events in (guest.events("c"), other.events("d")):
        identities = [one[5] for one in events]
        assert len(identities) == len(set(identities)), "no trade twice, not even as a snapshot"
    assert {one[3] for one in guest.events("c")} == {1, 2}


@pytest.mark.parametrize("order", ["host first", "guest first", "killed host first"])
def test_nothing_is_left_behind(sim: Simulator, start: Start, folder: Path, order: str) -> None:
    host, guest = pair(sim, start)
    match order:
        case "host first":
            assert host.leave() == ""
            assert guest.leave() == ""
        case "guest first":
            assert guest.leave() == ""
            assert host.leave() == ""
        case _:
            host.kill()
            guest.wait_role("host")
            assert guest.leave() == ""
    assert list(folder.iterdir()) == []
    wait_until(lambda: open_connections(sim) == 0, "the end of all connections")
    assert not [one for one in psutil.Process().children(recursive=True) if one.pid in (host.pid, guest.pid)]


def test_private_data_is_shared_with_the_same_keys(sim: Simulator, start: Start, keys: dict[str, str]) -> None:
    host, guest = start(**keys), start(**keys)
    host.do("subscribe", id="a", type="my_order")
    sim.wait_served({"myOrder *"}, endpoint="private")
    guest.do("subscribe", id="b", type="my_order")
    guest.do("subscribe", id="c", type="my_asset")
    sim.wait_served({"myOrder *", "myAsset *"}, endpoint="private")
    wait_until(lambda: guest.do("health")["open"] == ["private"], "the guest told that it is open")
    sim.place_order("KRW-BTC", "BID", volume="0.1", price=1000)
    wait_until(lambda: host.do("count")["a"] and guest.do("count")["b"] and guest.do("count")["c"], "the order")
    assert [one[5] for one in host.events("a")] == [one[5] for one in guest.events("b")]
    assert open_connections(sim, "private") == 1


def test_private_data_is_not_shared_without_the_keys(sim: Simulator, start: Start, keys: dict[str, str]) -> None:
    host, guest = start(), start(**keys)
    host.do("subscribe", id="a", type="ticker", codes=["KRW-BTC"])
    guest.do("subscribe", id="b", type="ticker", codes=["KRW-BTC"])
    guest.do("subscribe", id="c", type="my_order")
    sim.wait_served({"myOrder *"}, endpoint="private")
    assert (host.role, guest.role) == ("host", "guest")
    assert open_connections(sim) == 1
    with pytest.raises(ChildError, match="AuthenticationError"):
        host.do("subscribe", id="d", type="my_order")
    sim.place_order("KRW-BTC", "BID", volume="0.1", price=1000)
    wait_until(lambda: guest.do("count")["c"], "the order, over a connection of the guest's own")


def test_other_keys_end_the_sharing_of_private_data(sim: Simulator, start: Start, keys: dict[str, str]) -> None:
    host, guest = start(**keys), start(**keys)
    host.do("subscribe", id="a", type="my_order")
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


def test_keys_never_cross_the_pipe(sim: Simulator, start: Start, keys: dict[str, str], folder: Path) -> None:
    host, guest = start(**keys), start(**keys)
    host.do("subscribe", id="a", type="my_order")
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
    sim.wait_served({"ticker KRW-BTC"})
    stranger = start(constants={"protocol.peers.VERSION": 999})
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


def test_a_forked_child_is_a_guest_of_its_own(sim: Simulator, start: Start) -> None:
    host, guest = pair(sim, start)
    assert host.do("fork") == 0
    assert guest.do("fork") == 0
    assert open_connections(sim) == 1
    sim.trade("KRW-BTC")
    wait_until(lambda: host.do("count") == {"a": 2} and guest.do("count")["b"] == 3, "both go on")


def test_a_host_that_is_stopped_is_replaced(sim: Simulator, start: Start) -> None:
    impatient = {"constants": {"actors.link.PATIENCE": 1.0, "actors.link.PING_INTERVAL": 0.2}}
    host, guest = pair(sim, start, **impatient)
    os.kill(host.pid, signal.SIGSTOP)
    guest.wait_role("host")
    wait_until(lambda: guest.told()[-1]["state"] == "open", "open again")
    sim.trade("KRW-ETH")
    wait_until(lambda: guest.events("c")[-1][3] == 2, "a trade of the new epoch")
    os.kill(host.pid, signal.SIGCONT)
    host.wait_role("guest")
    wait_until(lambda: open_connections(sim) == 1, "one connection again")
    sim.trade("KRW-BTC")
    wait_until(lambda: host.events("a")[-1][2] == "REALTIME", "the old host served by the new one")


def test_a_guest_that_is_stopped_harms_nobody(sim: Simulator, start: Start) -> None:
    limits = {"constants": {"actors.session.MEMORY_BYTES": 200_000, "actors.session.PATIENCE": 30.0}}
    host, guest = pair(sim, start, **limits)
    os.kill(guest.pid, signal.SIGSTOP)
    for _ in range(3000):
        sim.trade("KRW-ETH")
    wait_until(lambda: host.do("health")["guests"] == 0, "the guest cut off", timeout=40)
    sim.trade("KRW-BTC")
    wait_until(lambda: host.do("count")["a"] == 2, "the host served")
    os.kill(guest.pid, signal.SIGCONT)
    wait_until(lambda: guest.told()[-1]["epoch"] == 2 and guest.told()[-1]["state"] == "open", "told of the gap")
    number = sim.trade("KRW-ETH")
    wait_until(lambda: guest.events("c")[-1][5] == number, "served again")
    identities = [one[5] for one in guest.events("c")]
    assert len(identities) == len(set(identities))
    assert "too slowly" in host.leave()


def sids(process: Process, id: str) -> list[int]:  # noqa: A002
    """Return the trades that came as they happened, in order."""
    return [one[5] for one in process.events(id) if one[2] == "REALTIME"]


@pytest.mark.parametrize("guests", [1, 3])
def test_a_host_that_leaves_hands_over_without_a_gap(sim: Simulator, start: Start, guests: int) -> None:
    host = start()
    host.do("subscribe", id="a", type="trade", codes=["KRW-BTC"])
    others = [start() for _ in range(guests)]
    for number, one in enumerate(others):
        one.do("subscribe", id="b", type="trade", codes=["KRW-BTC", MARKETS[number + 1]])
        one.do("subscribe", id="t", type="ticker", codes=["KRW-BTC"])
    sim.wait_served({"ticker KRW-BTC", *(f"trade {code}" for code in MARKETS[: guests + 1])})
    for one in others:
        wait_until(lambda: one.do("count") == {"b": 2, "t": 1}, "the snapshots")  # noqa: B023
    expected: list[list[int]] = [[] for _ in others]
    host.send("cleanup", component="main")
    while open_connections(sim) < 2 and not [one for one in sim.connections() if one.closed_at]:
        trade_everywhere(sim, expected)
    while open_connections(sim) > 1:
        trade_everywhere(sim, expected)
    for _ in range(20):
        trade_everywhere(sim, expected)
    for one, numbers in zip(others, expected, strict=True):
        wait_until(lambda: len(sids(one, "b")) >= len(numbers), "all trades")  # noqa: B023
        assert sids(one, "b") == numbers, "each once, in order"
        assert len({each[5] for each in one.events("t")}) == len(one.events("t"))
        assert {each[3] for each in one.events("b")} == {1}
        assert [each["state"] for each in one.told()] == ["connecting", "open"]
    roles = sorted(one.role for one in others)
    assert roles == ["guest"] * (guests - 1) + ["host"]
    assert open_connections(sim) == 1


def trade_everywhere(sim: Simulator, expected: list[list[int]]) -> None:
    """Make a trade in each market that is wanted, and note who is to get it."""
    common = sim.trade("KRW-BTC")
    for number, mine in enumerate(expected):
        mine += [common, sim.trade(MARKETS[number + 1])]
    threading.Event().wait(0.002)  # a few hundred trades a second
