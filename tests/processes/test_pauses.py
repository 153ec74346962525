"""Processes that stand still, and guests that take their data late: who is taken for dead, and what they miss."""

import itertools
import os
import signal
import time
from collections.abc import Iterable

import pytest

from tests.conftest import wait_until
from websocket_v6.simulator import Simulator

from .conftest import IMPATIENT, UNION, Process, Start, open_connections, pair

LONG = 4.0  # seconds: several times what an impatient guest gives its host
BLOCK = 64  # events that a guest's mailbox holds before it makes its source wait
SMALL = {"actors.server.server.BUDGET": 200_000}  # a host that keeps little for its guests


def pass_time(seconds: float) -> None:
    deadline = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > deadline, "time")


def sids(process: Process, id: str) -> list[int]:  # noqa: A002
    """Return the trades that came as they happened, in order."""
    return [one[5] for one in process.events(id) if one[2] == "REALTIME"]


def states(process: Process) -> list[str]:
    return [one["state"] for one in process.told()]


def trades(sim: Simulator, count: int, code: str = "KRW-ETH") -> list[int]:
    """Make trades and return their numbers; they have gone out, in any weather, and not in one piece."""
    numbers = []
    for at in range(count):
        numbers.append(sim.trade(code))
        if at % 16 == 15 or at == count - 1:
            sim.flush()
    return numbers


def resume(processes: Iterable[Process]) -> None:
    for one in processes:
        os.kill(one.pid, signal.SIGCONT)


# --- stopped


def test_a_guest_that_was_stopped_comes_back_as_a_guest(sim: Simulator, start: Start) -> None:
    host, guest = pair(sim, start, constants=IMPATIENT)
    other = start(constants=IMPATIENT)
    other.do("subscribe", id="d", type="trade", codes=["KRW-XRP", "KRW-ETH"])
    sim.wait_served(UNION | {"trade KRW-XRP"})
    wait_until(lambda: other.do("count") == {"d": 2}, "the snapshots")
    os.kill(guest.pid, signal.SIGSTOP)
    numbers = trades(sim, 20)
    pass_time(LONG)
    numbers += trades(sim, 20)
    resume([guest])
    numbers += trades(sim, 20)
    for process, name in ((guest, "c"), (other, "d")):
        wait_until(lambda: len(sids(process, name)) >= len(numbers), "all trades")  # noqa: B023
        assert sids(process, name) == numbers, "each once, in order"
        assert states(process) == ["connecting", "open"]
    pass_time(LONG)  # if anybody were in doubt of anybody, it would show by now
    assert [one.role for one in (host, guest, other)] == ["host", "guest", "guest"]
    assert len(sim.connections()) == 1, "there has never been another connection"


def test_a_host_that_was_stopped_with_a_guest_steps_down_for_it_too(sim: Simulator, start: Start) -> None:
    host, guest = pair(sim, start, constants=IMPATIENT)
    other = start(constants=IMPATIENT)
    other.do("subscribe", id="d", type="trade", codes=["KRW-XRP"])
    sim.wait_served(UNION | {"trade KRW-XRP"})
    for one in (host, guest):
        os.kill(one.pid, signal.SIGSTOP)
    other.wait_role("host")
    resume([host, guest])
    host.wait_role("guest")
    guest.wait_role("guest")
    wait_until(lambda: other.do("health")["guests"] == 2, "both are its guests")
    wait_until(lambda: open_connections(sim) == 1, "one connection again")
    sim.wait_served(UNION | {"trade KRW-XRP"})
    before = sids(guest, "c")
    wait_until(lambda: sim.trade("KRW-ETH") and sids(guest, "c") != before, "the guest served by the new host")


def test_all_that_are_stopped_together_go_on_as_they_were(sim: Simulator, start: Start) -> None:
    host, guest = pair(sim, start, constants=IMPATIENT)
    for one in (guest, host):
        os.kill(one.pid, signal.SIGSTOP)
    pass_time(LONG)
    resume([guest, host])
    numbers = trades(sim, 20)
    wait_until(lambda: sids(guest, "c")[-1:] == numbers[-1:], "the trades")
    pass_time(LONG)
    assert [one.role for one in (host, guest)] == ["host", "guest"]
    assert states(guest) == ["connecting", "open"]
    assert len(sim.connections()) == 1


# --- slow


def slow_pair(sim: Simulator, start: Start, **constants: float) -> tuple[Process, Process]:
    """Start a host and a guest that takes trades no more after the first, and makes its source wait for that."""
    host, guest = start(constants=IMPATIENT | constants), start(constants=IMPATIENT | constants)
    host.do("subscribe", id="a", type="ticker", codes=["KRW-BTC"])
    host.wait_role("host")
    guest.do("subscribe", id="c", type="trade", codes=["KRW-ETH"], block=BLOCK)
    sim.wait_served({"ticker KRW-BTC", "trade KRW-ETH"})
    wait_until(lambda: guest.do("count") == {"c": 1}, "the guest's snapshot")
    assert guest.role == "guest"
    guest.do("hold", id="c")
    return host, guest


def wait_read(sim: Simulator, host: Process) -> None:
    """Wait until the host has read all that was sent: a reset connection loses what it has not."""
    before = host.do("count")["a"]
    sim.trade("KRW-BTC")
    sim.flush()
    wait_until(lambda: host.do("count")["a"] > before, "the host's own ticker, which was sent last")


def test_a_guest_whose_mailbox_is_full_lets_its_host_be(sim: Simulator, start: Start) -> None:
    host, guest = slow_pair(sim, start)
    numbers = trades(sim, 20 * BLOCK)
    pass_time(LONG)
    assert [one.role for one in (host, guest)] == ["host", "guest"]
    guest.do("go_on", id="c")
    wait_until(lambda: len(sids(guest, "c")) >= len(numbers), "all trades")
    assert sids(guest, "c") == numbers, "each once, in order"
    assert states(guest) == ["connecting", "open"]
    assert [one.role for one in (host, guest)] == ["host", "guest"]
    assert len(sim.connections()) == 1


def test_a_guest_that_is_too_far_behind_is_told_of_its_gap(sim: Simulator, start: Start) -> None:
    host, guest = slow_pair(sim, start, **SMALL)
    before = trades(sim, 100 * BLOCK)
    sim.wait_served({"ticker KRW-BTC"})  # the guest is cut off, and what it wanted is not wanted any more
    guest.do("go_on", id="c")
    wait_until(lambda: states(guest)[-1] == "open" and guest.told()[-1]["epoch"] == 2, "told of the gap")
    assert guest.told()[-1]["gap"] > 0
    assert [one.role for one in (host, guest)] == ["host", "guest"]
    sim.wait_served({"ticker KRW-BTC", "trade KRW-ETH"})  # else it may come as the snapshot that all begins with
    number = sim.trade("KRW-ETH")
    wait_until(lambda: sids(guest, "c")[-1:] == [number], "served again")
    came = [one[5] for one in guest.events("c")]
    assert len(came) == len(set(came))
    first = [one for one in sids(guest, "c") if one in before]
    assert first == before[: len(first)], "without a hole up to where it was cut off"
    assert {one[3] for one in guest.events("c") if one[5] in first} == {1}
    assert len(sim.connections()) == 1
    assert "too slowly" in host.leave()


@pytest.mark.parametrize("losses", [2])
def test_a_slow_guest_misses_nothing_over_lost_connections(sim: Simulator, start: Start, losses: int) -> None:
    host, guest = slow_pair(sim, start)
    numbers: list[list[int]] = [trades(sim, 16 * BLOCK)]
    for loss in range(1, losses + 1):
        wait_read(sim, host)
        sim.drop("public")
        wait_until(lambda: len(sim.connections()) == loss + 1, "another connection")  # noqa: B023
        sim.wait_served({"ticker KRW-BTC", "trade KRW-ETH"})
        numbers.append(trades(sim, 16 * BLOCK))
    guest.do("go_on", id="c")
    expected = list(itertools.chain.from_iterable(numbers))
    wait_until(lambda: sids(guest, "c")[-1:] == expected[-1:], "the last trade")
    assert sids(guest, "c") == expected, "each once, in order"
    for epoch, mine in enumerate(numbers, 1):
        assert {one[3] for one in guest.events("c") if one[2] == "REALTIME" and one[5] in set(mine)} == {epoch}
    assert states(guest) == ["connecting", *["open", "lost", "connecting"] * losses, "open"]
    number = sim.trade("KRW-ETH")
    wait_until(lambda: sids(guest, "c")[-1] == number, "it is not deaf")
    assert guest.role == "guest"
