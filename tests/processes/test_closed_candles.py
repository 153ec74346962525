"""Closed candles in several processes: each closes for itself, from what comes through its host."""

import json
import threading
import time
import urllib.request
from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6.simulator import Simulator

from .conftest import Process, Start, open_connections

BTC, ETH = "KRW-BTC", "KRW-ETH"
CANDLES = f"candle.1s {BTC}"


def start_of(event: list[Any]) -> str:
    found: dict[str, Any] = json.loads(event[5])
    return str(found["cdttmu"] if "cdttmu" in found else found["candle_date_time_utc"])


def starts(process: Process, name: str) -> list[str]:
    return [start_of(event) for event in process.events(name)]


def trade_on(sim: Simulator, seconds: float, code: str = BTC) -> None:
    """Trade several times a second."""
    until, pause = time.monotonic() + seconds, threading.Event()
    while time.monotonic() < until:
        sim.trade(code)
        pause.wait(0.2)


def newest(sim: Simulator) -> str:
    return str(json.loads(sim.current(CANDLES))["candle_date_time_utc"])


def test_a_guest_closes_what_its_host_brings(sim: Simulator, start: Start) -> None:
    host, guest = start(), start()
    host.do("subscribe", id="a", type="candle", codes=[BTC], interval="1s")
    host.wait_role("host")
    sim.wait_served({CANDLES})
    guest.do("subscribe", id="b", type="candle", codes=[BTC], interval="1s", closed=True)
    host.do("subscribe", id="c", type="candle", codes=[BTC], interval="1s", closed=True)
    sim.trade(BTC)
    trade_on(sim, 3.0)
    last = newest(sim)
    # Nothing comes after the last trade: both ask for a sign, the guest through its host.
    wait_until(lambda: last in starts(guest, "b"), "the guest's last candle")
    wait_until(lambda: last in starts(host, "c"), "the host's")
    (own, hosts) = starts(guest, "b"), starts(host, "c")
    assert own == sorted(set(own))
    assert len(own) >= 3
    first = max(own[0], hosts[0])
    whole = {start_of(one): json.loads(one[5]) for one in host.events("c")}
    for event in guest.events("b"):
        if start_of(event) >= first:
            message, other = json.loads(event[5]), whole[start_of(event)]
            assert message | {"st": ""} == other | {"st": ""}
    assert open_connections(sim) == 1
    (connection,) = [one for one in sim.connections() if one.open]
    assert set(connection.snapshots) == {CANDLES}


def test_a_guest_whose_host_dies_fills_its_own_hole(sim: Simulator, start: Start) -> None:
    host, guest = start(), start()
    host.do("subscribe", id="a", type="ticker", codes=[ETH])
    host.wait_role("host")
    guest_settings = {"backfill": True}
    other = start(**guest_settings)
    other.do("subscribe", id="b", type="candle", codes=[BTC], interval="1s", closed=True)
    sim.wait_served({f"ticker {ETH}", CANDLES})
    sim.trade(BTC)
    trade_on(sim, 1.5)
    wait_until(lambda: starts(other, "b"), "a candle before")
    host.kill()
    trade_on(sim, 3.0)
    wait_until(lambda: other.role in ("host", "guest"), "another host")
    sim.wait_served({CANDLES}, 20, exactly=False)
    sim.trade(BTC)
    trade_on(sim, 1.0)
    last = newest(sim)
    wait_until(lambda: last in starts(other, "b"), "the last candle")
    shown = starts(other, "b")
    assert shown == sorted(set(shown))
    assert guest.role in ("host", "guest", "looking")


@pytest.mark.parametrize("unit", ["1s"])
def test_a_quiet_guest_does_not_need_other_data(sim: Simulator, start: Start, unit: str) -> None:
    host, guest = start(), start()
    host.do("subscribe", id="a", type="ticker", codes=[ETH])
    host.wait_role("host")
    guest.do("subscribe", id="b", type="candle", codes=[BTC], interval=unit, closed=True)
    sim.wait_served({f"ticker {ETH}", f"candle.{unit} {BTC}"})
    sim.trade(BTC)
    last = newest(sim)
    wait_until(lambda: last in starts(guest, "b"), "the only candle")


def test_a_guest_asks_rest_itself_and_goes_on_when_its_host_dies(sim: Simulator, start: Start) -> None:
    host = start()
    host.do("subscribe", id="a", type="ticker", codes=[ETH])
    host.wait_role("host")
    guest = start(backfill=True)
    guest.do("subscribe", id="b", type="candle", codes=[BTC], interval="1s", closed=True, verify=True)
    sim.wait_served({f"ticker {ETH}", CANDLES})
    sim.trade(BTC)
    trade_on(sim, 2.0)
    wait_until(lambda: starts(guest, "b"), "a candle before")
    host.kill()
    trade_on(sim, 3.0)
    guest.wait_role("host")
    sim.wait_served({CANDLES}, 20, exactly=False)
    sim.trade(BTC)
    last = newest(sim)
    wait_until(lambda: last in starts(guest, "b"), "the last candle")
    shown = [json.loads(event[5]) for event in guest.events("b")]
    with urllib.request.urlopen(f"{sim.rest_url}/v1/candles/seconds?market={BTC}&count=200", timeout=10) as answer:  # noqa: S310 - the simulator's
        rows = {row["candle_date_time_utc"]: row for row in json.loads(answer.read())}
    first = shown[0]["candle_date_time_utc"]
    assert [one["candle_date_time_utc"] for one in shown] == sorted(start for start in rows if first <= start <= last)
    for one in shown:
        row = rows[one["candle_date_time_utc"]]
        assert one["candle_acc_trade_volume"] == row["candle_acc_trade_volume"]
