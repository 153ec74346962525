"""Several processes that follow all markets: the host alone asks for the list, and who becomes host goes on with it."""

import signal

from tests.conftest import wait_until
from websocket_v6.simulator import Simulator

from .conftest import Process, Start

KRW = ["KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL"]


def lists(sim: Simulator) -> int:
    return sum("/v1/market/all" in call for call in sim.rest_calls())


def served(*codes: str) -> set[str]:
    return {f"trade {code}" for code in codes}


def followers(sim: Simulator, start: Start, interval: float) -> tuple[Process, Process]:
    """Start a host and a guest that follow all trades of KRW, and wait until both have them all."""
    host, guest = start(markets_interval=interval), start(markets_interval=interval)
    host.do("subscribe", id="a", type="trade", codes="KRW-*")
    host.wait_role("host")
    guest.do("subscribe", id="b", type="trade", codes="KRW-*")
    guest.wait_role("guest")
    sim.wait_served(served(*KRW))
    wait_until(lambda: guest.do("count") == {"b": 4}, "the guest's snapshots")
    return host, guest


def test_one_list_for_all_processes_and_news_for_each(sim: Simulator, start: Start) -> None:
    host, guest = followers(sim, start, 0.5)
    sim.list_market("KRW-NEW", 1000)
    sim.wait_served(served(*KRW, "KRW-NEW"))
    sim.trade("KRW-NEW")
    wait_until(lambda: "KRW-NEW" in {one[1] for one in host.events("a")}, "the new market at the host")
    wait_until(lambda: "KRW-NEW" in {one[1] for one in guest.events("b")}, "the new market at the guest")
    sim.remove_market("KRW-NEW")
    sim.wait_served(served(*KRW))
    assert host.do("report")["errors"]["a"] == guest.do("report")["errors"]["b"] == []


def test_a_guest_alone_has_the_host_ask(sim: Simulator, start: Start) -> None:
    host, guest = start(markets_interval=60.0), start(markets_interval=60.0)
    host.do("subscribe", id="a", type="ticker", codes=["KRW-BTC"])
    host.wait_role("host")
    guest.do("subscribe", id="b", type="ticker", codes="KRW-*")
    wait_until(lambda: guest.do("count") == {"b": 4}, "the guest's snapshots")
    guest.do("snapshot", codes="BTC-*")
    assert guest.role == "guest"
    assert lists(sim) == 1


def test_the_heir_of_a_host_that_dies_goes_on_without_asking(sim: Simulator, start: Start) -> None:
    host, guest = followers(sim, start, 60.0)
    assert lists(sim) == 1
    host.kill()
    guest.wait_role("host")
    sim.wait_served(served(*KRW))
    before = guest.do("count")["b"]
    for code in KRW:
        sim.trade(code)
    wait_until(lambda: guest.do("count")["b"] >= before + 4, "data of all markets")
    assert "KRW-*    4 markets" in guest.do("health")["text"]
    assert lists(sim) == 1, "within a minute of the last one"


def test_a_host_that_leaves_hands_over_and_nothing_is_missed(sim: Simulator, start: Start) -> None:
    host, guest = followers(sim, start, 0.5)
    host.leave()
    guest.wait_role("host")
    sim.list_market("KRW-NEW", 1000)
    sim.wait_served(served(*KRW, "KRW-NEW"))
    number = sim.trade("KRW-BTC")
    wait_until(lambda: guest.events("b")[-1][5] == number, "the trade")
    numbers = [one[5] for one in guest.events("b") if one[2] == "REALTIME"]
    assert numbers == [number]


def test_a_host_that_stood_still_harms_no_list(sim: Simulator, start: Start) -> None:
    host, guest = followers(sim, start, 0.5)
    host.popen.send_signal(signal.SIGSTOP)
    sim.list_market("KRW-NEW", 1000)
    host.popen.send_signal(signal.SIGCONT)
    sim.wait_served(served(*KRW, "KRW-NEW"))
    wait_until(lambda: "KRW-NEW" in {one[1] for one in guest.events("b")}, "the new market")
