"""A host that ends, one way or another: who takes its place, what the others miss, and what is left behind."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import ROOT, wait_until
from websocket_v6.simulator import Simulator

from .conftest import IMPATIENT, MARKETS, UNION, Process, Start, has, open_connections, pair


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


@pytest.mark.parametrize("killed", ["host", "guest"])
def test_a_forked_child_that_lives_on_keeps_nothing_of_its_parents(sim: Simulator, start: Start, killed: str) -> None:
    host, guest = pair(sim, start)
    parent = host if killed == "host" else guest
    child = parent.do("leave_child")
    try:
        parent.kill()
        if killed == "host":
            guest.wait_role("host")
            wait_until(lambda: guest.told()[-1]["state"] == "open", "open again")
        else:
            sim.wait_served({"ticker KRW-BTC"})
            wait_until(lambda: host.do("health")["guests"] == 0, "the guest gone")
        wait_until(lambda: open_connections(sim) == 1, "one connection")
    finally:
        os.kill(child, signal.SIGKILL)


def test_files_that_somebody_tidied_up_are_made_anew(sim: Simulator, start: Start, folder: Path) -> None:
    host = start(constants={"protocol.membership.hosting.CHECK_INTERVAL": 0.1})
    host.do("subscribe", id="a", type="ticker", codes=["KRW-BTC"])
    host.wait_role("host")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    wait_until(lambda: len(list(folder.glob("*"))) == 3, "lock, host and socket")
    guest = start()
    guest.do("subscribe", id="b", type="ticker", codes=["KRW-BTC"])
    guest.wait_role("guest")
    wait_until(lambda: guest.do("count") == {"b": 1}, "the snapshot")
    assert open_connections(sim) == 1
    guest.leave()
    host.leave()
    assert list(folder.iterdir()) == []


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
            said = guest.leave().splitlines()
            # That it was lost, and perhaps that it is open again: nothing else goes wrong.
            assert all("public connection" in line for line in said), said
            assert "hung up" in said[0]
    assert list(folder.iterdir()) == []
    wait_until(lambda: open_connections(sim) == 0, "the end of all connections")
    assert not [one for one in psutil.Process().children(recursive=True) if one.pid in (host.pid, guest.pid)]


def test_a_host_that_is_stopped_is_replaced(sim: Simulator, start: Start) -> None:
    host, guest = pair(sim, start, constants=IMPATIENT)
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


@pytest.mark.skipif(sys.platform != "linux", reason="a socket of the file system's, with a backlog as given")
def test_a_host_that_is_stopped_with_a_full_backlog_is_replaced(sim: Simulator, start: Start, folder: Path) -> None:
    """Whoever connects then is not even refused: that nobody answers in time is the proof, however it shows."""
    host, guest = pair(sim, start, constants={**IMPATIENT, "actors.server.listening.BACKLOG": 4})
    os.kill(host.pid, signal.SIGSTOP)
    with contextlib.ExitStack() as stack:
        (path,) = folder.glob("*.sock")
        for _ in range(20):
            sock = stack.enter_context(socket.socket(socket.AF_UNIX))
            sock.setblocking(False)
            try:
                sock.connect(str(path))
            except BlockingIOError:
                break
        else:
            pytest.fail("the backlog is not full")
        guest.wait_role("host")
        wait_until(lambda: guest.told()[-1]["state"] == "open", "open again")
        sim.trade("KRW-ETH")
        wait_until(lambda: guest.events("c")[-1][3] == 2, "a trade of the new epoch")


def sids(process: Process, id: str, code: str | None = None) -> list[int]:  # noqa: A002
    """Return the trades that came as they happened, in order, of one market or of all."""
    return [one[5] for one in process.events(id) if one[2] == "REALTIME" and code in (None, one[1])]


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
        wait_until(lambda: has(one, b=2, t=1), "the snapshots")  # noqa: B023
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
        # Two streams have no order between them.
        assert sids(one, "b", "KRW-BTC") == numbers[::2], "each once, in order"
        assert sorted(sids(one, "b")) == sorted(numbers), "and of its own market too"
        assert len({each[5] for each in one.events("t")}) == len(one.events("t"))
        assert {each[3] for each in one.events("b")} == {1}
        assert [each["state"] for each in one.told()] == ["connecting", "open"]
    roles = sorted(one.role for one in others)
    assert roles == ["guest"] * (guests - 1) + ["host"]
    assert open_connections(sim) == 1


def test_a_guest_that_hangs_does_not_hold_up_a_host_that_leaves(sim: Simulator, start: Start) -> None:
    host, guest = pair(sim, start)
    os.kill(guest.pid, signal.SIGSTOP)
    assert "did not take over in time" in host.leave()
    os.kill(guest.pid, signal.SIGCONT)
    guest.wait_role("host")
    wait_until(lambda: guest.told()[-1]["state"] == "open", "open again")
    assert guest.told()[-1]["gap"] > 0


def trade_everywhere(sim: Simulator, expected: list[list[int]]) -> None:
    """Make a trade in each market that is wanted, and note who is to get it."""
    common = sim.trade("KRW-BTC")
    for number, mine in enumerate(expected):
        mine += [common, sim.trade(MARKETS[number + 1])]
    threading.Event().wait(0.002)  # a few hundred trades a second


class Service:
    """A `websocket-v6 serve`."""

    def __init__(self, sim: Simulator, folder: Path, *arguments: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "websocket_v6", "serve", "--url", sim.url, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "WEBSOCKET_V6_RUNTIME_DIR": str(folder)},
        )

    def reads(self) -> dict[str, Any]:
        """Return what it says next with `--json`."""
        assert self.popen.stdout is not None
        said: dict[str, Any] = json.loads(self.popen.stdout.readline())
        return said

    def end(self) -> tuple[int, str]:
        """Press Ctrl-C, and return exit code and error output."""
        self.popen.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """Wait for the end."""
        _, errors = self.popen.communicate(timeout=20)
        return self.popen.returncode, errors

    def close(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.communicate(timeout=20)


@pytest.fixture
def serve(sim: Simulator, folder: Path) -> Iterator[Callable[..., Service]]:
    """Start a service; all are ended with the test, however that ends."""
    with contextlib.ExitStack() as stack:

        def start_one(*arguments: str) -> Service:
            service = Service(sim, folder, *arguments)
            stack.callback(service.close)
            return service

        yield start_one


def test_serve_takes_over_and_stays_the_host(sim: Simulator, start: Start, serve: Callable[..., Service]) -> None:
    host, guest = pair(sim, start)
    service = serve("--json")
    assert service.reads()["role"] == "host"
    for one in (host, guest):
        one.wait_role("guest")
    wait_until(lambda: open_connections(sim) == 1, "one connection again")
    assert service.reads()["guests"] == 2
    sim.wait_served(UNION)
    number = sim.trade("KRW-ETH")
    wait_until(lambda: guest.events("c")[-1][5] == number, "the trade")
    assert [one["state"] for one in guest.told()] == [one["state"] for one in host.told()] == ["connecting", "open"]

    code, errors = serve().ended()
    assert code == 1
    assert "already" in errors
    assert service.reads()["role"] == "host"

    code, errors = service.end()
    assert (code, errors) == (130, "")
    wait_until(lambda: sorted([host.role, guest.role]) == ["guest", "host"], "one of them the host")
    sim.wait_served(UNION)
    assert [one["state"] for one in guest.told()] == ["connecting", "open"], "no gap"


def test_serve_waits_for_whoever_comes(
    sim: Simulator, start: Start, serve: Callable[..., Service], folder: Path
) -> None:
    service = serve("--json")
    assert service.reads()["role"] == "host"
    one = start(mode="attach")
    one.do("subscribe", id="a", type="ticker", codes=["KRW-BTC"])
    sim.wait_served({"ticker KRW-BTC"})
    assert one.role == "guest"
    one.leave()
    wait_until(lambda: service.reads()["guests"] == 0, "nobody left")
    wait_until(lambda: not sim.served(), "the exchange to serve nobody any more")
    assert service.end() == (130, "")
    assert list(folder.iterdir()) == []
