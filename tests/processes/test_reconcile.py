"""Own orders after a gap, for several processes: one asks the exchange, all hear the same once, its heir goes on."""

import json
import os
import signal
from collections.abc import Callable
from typing import Any

from tests.conftest import wait_until
from websocket_v6.simulator import Simulator

from .conftest import Process, Start

CODE = "KRW-ETH"


def orders(process: Process, id: str) -> list[dict[str, Any]]:  # noqa: A002
    """Return what a subscription of orders was told, by the full names."""
    found = []
    for _, _, stream_type, epoch, _, payload in process.events(id):
        body = json.loads(payload)
        found.append(
            {
                "uuid": body.get("uuid") or body.get("uid"),
                "state": body.get("state") or body.get("s"),
                "trade": body.get("trade_uuid") or body.get("tuid"),
                "stream_type": stream_type,
                "epoch": epoch,
            }
        )
    return found


def states(process: Process, id: str) -> dict[str, str]:  # noqa: A002
    return {one["uuid"]: one["state"] for one in orders(process, id) if one["state"] != "trade"}


def trades(process: Process, id: str) -> list[str]:  # noqa: A002
    return [one["trade"] for one in orders(process, id) if one["state"] == "trade"]


def follow(process: Process, id: str, **options: Any) -> None:  # noqa: A002
    process.do("subscribe", id=id, type="my_order", reconcile=True, **options)


def wait_reconciled(process: Process, count: int) -> None:
    def has_been() -> bool:
        return [one["state"] for one in process.told("private")].count("reconciled") >= count

    wait_until(has_been, f"process {process.pid} reconciled {count} times")


def calls(sim: Simulator, path: str = "/v1/orders/open") -> int:
    return sum(call.startswith(path) for call in sim.rest_calls())


def gap(sim: Simulator, missed: Callable[[], object]) -> None:
    sim.refuse(503, times=None, endpoint="private")
    sim.drop("private")
    wait_until(lambda: not any(one.open for one in sim.connections("private")), "no private connection")
    missed()
    sim.accept("private")


def host_and_guest(sim: Simulator, start: Start, keys: dict[str, str], **settings: Any) -> tuple[Process, Process]:
    host, guest = start(**keys, **settings), start(**keys, **settings)
    follow(host, "a")
    host.wait_role("host")
    wait_reconciled(host, 1)
    follow(guest, "b")
    guest.wait_role("guest")
    wait_reconciled(guest, 1)
    return host, guest


def test_a_guest_begins_with_what_the_host_knows_and_asks_nobody(
    sim: Simulator, start: Start, keys: dict[str, str]
) -> None:
    uuid = sim.place_order(CODE, "BID", price="99.5", volume="100")
    over = sim.place_order(CODE, "BID", price="99", volume="100")
    host = start(**keys)
    follow(host, "a")
    host.wait_role("host")
    wait_until(lambda: calls(sim) == 2, "the host's second time")
    sim.cancel_order(over)
    wait_until(lambda: states(host, "a") == sim.orders(), "the host's orders")
    guest = start(**keys)
    follow(guest, "b")
    wait_reconciled(guest, 1)
    assert [(one["uuid"], one["state"], one["stream_type"]) for one in orders(guest, "b")] == [
        (uuid, "wait", "SNAPSHOT")
    ]
    assert calls(sim) == 2
    assert sum(one.open for one in sim.connections("private")) == 1
    sim.cancel_order(uuid)
    wait_until(lambda: states(guest, "b") == {uuid: "cancel"}, "the cancellation")


def test_one_process_asks_and_both_hear_the_same_once(sim: Simulator, start: Start, keys: dict[str, str]) -> None:
    host, guest = host_and_guest(sim, start, keys)
    gone = sim.place_order(CODE, "BID", price="99.5", volume="100")
    wait_until(lambda: states(guest, "b") == states(host, "a") == {gone: "wait"}, "the live order")
    wait_until(lambda: calls(sim) == 2, "the second time of the start")

    def missed() -> None:
        sim.cancel_order(gone)
        sim.place_order("KRW-BTC", "BID", price="50000", order_type="price")

    gap(sim, missed)
    wait_reconciled(host, 2)
    wait_reconciled(guest, 2)
    wait_until(lambda: states(guest, "b") == states(host, "a") == sim.orders(), "the truth")
    assert len(trades(host, "a")) == 1
    assert trades(host, "a") == trades(guest, "b")
    assert [one["uuid"] for one in orders(guest, "b")] == [one["uuid"] for one in orders(host, "a")]
    wait_until(lambda: calls(sim) == 4, "the second time after the gap")


def test_who_does_not_reconcile_in_a_guest_hears_live_messages_alone(
    sim: Simulator, start: Start, keys: dict[str, str]
) -> None:
    host, guest = host_and_guest(sim, start, keys)
    guest.do("subscribe", id="plain", type="my_order", component="other")
    sim.wait_served({"myOrder *"}, endpoint="private")
    gap(sim, lambda: sim.place_order(CODE, "BID", price="99.5", volume="100"))
    wait_until(lambda: states(guest, "b") == states(host, "a") == sim.orders(), "the truth")
    live = sim.place_order(CODE, "BID", price="98", volume="100")
    wait_until(lambda: states(guest, "plain") == {live: "wait"}, "the live order")


def test_an_heir_of_a_host_that_is_killed_in_mid_call_asks_again_and_nothing_comes_twice(
    sim: Simulator, start: Start, keys: dict[str, str]
) -> None:
    host, guest = host_and_guest(sim, start, keys)
    gone = sim.place_order(CODE, "BID", price="99.5", volume="100")
    wait_until(lambda: states(guest, "b") == {gone: "wait"}, "the live order")
    wait_until(lambda: calls(sim) == 2, "the second time of the start")
    sim.spoil("/v1/orders/open", "hang")

    def missed() -> None:
        sim.cancel_order(gone)
        sim.place_order("KRW-BTC", "BID", price="50000", order_type="price")

    gap(sim, missed)
    wait_until(lambda: calls(sim) == 3, "the host's call, which hangs")
    host.kill()
    sim.mend()
    guest.wait_role("host")
    wait_until(lambda: states(guest, "b") == sim.orders(), "the truth")
    assert len(trades(guest, "b")) == len(set(trades(guest, "b"))) == 1
    assert [(one["uuid"], one["state"]) for one in orders(guest, "b")].count((gone, "cancel")) == 1
    after = sim.place_order(CODE, "BID", price="98", volume="100")
    wait_until(lambda: states(guest, "b").get(after) == "wait", "what comes after")


def test_an_heir_has_the_host_s_knowledge_and_hears_what_happened_without_anybody(
    sim: Simulator, start: Start, keys: dict[str, str]
) -> None:
    kept = sim.place_order(CODE, "BID", price="99", volume="100")
    gone = sim.place_order(CODE, "BID", price="99.5", volume="100")
    host, guest = host_and_guest(sim, start, keys)
    sim.refuse(503, times=None, endpoint="private")
    host.kill()
    sim.cancel_order(gone)
    sim.accept("private")
    guest.wait_role("host")
    wait_until(lambda: states(guest, "b") == {kept: "wait", gone: "cancel"}, "the truth")
    assert [one["state"] for one in orders(guest, "b") if one["uuid"] == kept] == ["wait"]


def test_after_an_orderly_leave_nothing_is_missing_and_nothing_is_asked(
    sim: Simulator, start: Start, keys: dict[str, str]
) -> None:
    host, guest = host_and_guest(sim, start, keys)
    wait_until(lambda: calls(sim) == 2, "the second time of the start")
    first = sim.place_order(CODE, "BID", price="99.5", volume="100")
    wait_until(lambda: states(guest, "b") == {first: "wait"}, "the live order")
    host.leave()
    guest.wait_role("host")
    second = sim.place_order(CODE, "BID", price="98", volume="100")
    wait_until(lambda: states(guest, "b") == {first: "wait", second: "wait"}, "what comes after")
    gaps = [one for one in guest.told("private") if one["gap"]]
    assert bool(gaps) == (calls(sim) > 2)


def test_other_keys_have_a_ledger_and_calls_of_their_own(sim: Simulator, start: Start, keys: dict[str, str]) -> None:
    sim.add_key("another-access-key", "another-secret-key-that-opens-nothing-and-is-sixty-four-bytes-long")
    other_keys = {
        "access_key": "another-access-key",
        "secret_key": "another-secret-key-that-opens-nothing-and-is-sixty-four-bytes-long",
    }
    mine = sim.place_order(CODE, "BID", price="99.5", volume="100")
    theirs = sim.place_order(CODE, "BID", price="99.5", volume="100", access_key="another-access-key")
    host = start(**keys)
    follow(host, "a")
    host.wait_role("host")
    other = start(**other_keys)
    follow(other, "b")
    wait_until(lambda: states(host, "a") == {mine: "wait"}, "the host's order")
    wait_until(lambda: states(other, "b") == {theirs: "wait"}, "the other's order")


def test_a_guest_that_lost_only_its_door_has_the_host_s_ledger_and_nobody_is_asked(
    sim: Simulator, start: Start, keys: dict[str, str]
) -> None:
    limits = {"constants": {"actors.server.server.BUDGET": 200_000}}
    gone = sim.place_order(CODE, "BID", price="99.5", volume="100")
    host, guest = host_and_guest(sim, start, keys, **limits)
    guest.do("subscribe", id="c", type="trade", codes=["KRW-XRP"])
    sim.wait_served({"trade KRW-XRP"})
    wait_until(lambda: calls(sim) == 2, "the second time of the start")
    os.kill(guest.pid, signal.SIGSTOP)
    for _ in range(3000):
        sim.trade("KRW-XRP")
    wait_until(lambda: not sim.connections("public")[-1].open, "the guest being cut off")
    sim.cancel_order(gone)
    sim.place_order("KRW-BTC", "BID", price="50000", order_type="price")
    new = sim.place_order(CODE, "BID", price="98", volume="100")
    wait_until(lambda: states(host, "a") == sim.orders(), "the host's orders")
    os.kill(guest.pid, signal.SIGCONT)
    wait_until(lambda: states(guest, "b") == sim.orders(), "the guest's orders")
    assert trades(guest, "b") == trades(host, "a")
    assert [one["state"] for one in orders(guest, "b") if one["uuid"] == new] == ["wait"]
    assert guest.role == "guest"
    assert calls(sim) == 2
