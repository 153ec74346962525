"""What a component is told beside data, recorded: lists of markets, own orders that were asked about."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import wait_until
from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.actors.recording import recorder
from websocket_v6.protocol.recording.finding import without_key_states
from websocket_v6.protocol.recording.reader import RecordingReader
from websocket_v6.protocol.recording.records import Listed, Rows, Standing
from websocket_v6.recording import read_recording
from websocket_v6.simulator import Simulator

KRW = ("KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "PERIOD", 0.02)


@pytest.fixture
def often(config: Config) -> Config:
    """A configuration in which lists come often, and waits are short."""
    return msgspec.structs.replace(
        config, markets_interval=0.6, silent_code_timeout=0.3, backoff_initial=0.02, backoff_max=0.2, mode="embedded"
    )


def values(path: Path) -> list[Any]:
    """Return what a file holds, each thing once."""
    return [one.value for one in without_key_states(read_recording(path, RecordingReader()))]


def codes(value: Any) -> list[str]:
    return [one.code for one in value.markets]


def streams(value: Any) -> set[str]:
    return set(value.streams) if isinstance(value, Rows) else set()


def recorded_until(path: Path, condition: Callable[[list[Any]], bool], what: str) -> list[Any]:
    wait_until(lambda: condition(values(path)), what)
    return values(path)


def test_the_list_that_a_pattern_follows_is_in_it_before_the_first_and_after_the_last_of_a_code(
    sim: Simulator, often: Config, tmp_path: Path
) -> None:
    path = tmp_path / "a.wsr"
    with WebSocketClientProxy("bot", config=often) as proxy:
        proxy.subscribe_trade("KRW-*", lambda _: None)
        proxy.wait_ready()
        with proxy.record(path):
            recorded_until(path, lambda found: any("trade KRW-SOL" in streams(one) for one in found), "the trades")
            sim.list_market("KRW-NEW")
            sim.wait_served({f"trade {code}" for code in (*KRW, "KRW-NEW")}, 10)
            sim.trade("KRW-NEW")
            recorded_until(path, lambda found: any("trade KRW-NEW" in streams(one) for one in found), "a new one")
            sim.remove_market("KRW-SOL")
            recorded_until(path, lambda found: "KRW-SOL" not in codes(_lists(found)[-1]), "it is gone")
    found = values(path)
    lists = _lists(found)
    assert [codes(one) for one in lists[:2]] == [list(KRW), [*KRW, "KRW-NEW"]]
    assert {"KRW-SOL"} == set(codes(lists[-2])) - set(codes(lists[-1]))  # it was the last in between: absent once
    assert found.index(lists[0]) < min(place for place, one in enumerate(found) if streams(one))
    begun = next(place for place, one in enumerate(found) if "trade KRW-NEW" in streams(one))
    assert found.index(lists[1]) < begun
    gone = max(place for place, one in enumerate(found) if "trade KRW-SOL" in streams(one))
    assert gone < found.index(lists[-1])


def _lists(found: list[Any]) -> list[Any]:
    return [one for one in found if isinstance(one, Listed)]


def test_a_list_that_is_asked_for_is_in_it_with_its_warnings(sim: Simulator, often: Config, tmp_path: Path) -> None:
    path = tmp_path / "a.wsr"
    with WebSocketClientProxy("bot", config=often) as proxy:
        proxy.subscribe_trade("KRW-BTC", lambda _: None)
        proxy.markets("KRW")
        with proxy.record(path):
            recorded_until(path, lambda found: bool(_lists(found)), "the list")
            sim.warn("KRW-ETH")
            found = recorded_until(path, lambda found: len(_lists(found)) > 1, "the warning")
    first, second = _lists(found)[:2]
    assert [one.warning for one in first.markets] == [False] * 4
    assert [one.code for one in second.markets if one.warning] == ["KRW-ETH"]
    assert first.markets[0].english_name == "Bitcoin"
    assert abs(first.listed_ns - time.time_ns()) < 60e9


def test_what_was_asked_about_the_account_is_in_it_in_order_and_once(
    sim: Simulator, often: Config, tmp_path: Path
) -> None:
    path = tmp_path / "a.wsr"
    got: list[Any] = []
    told: list[Any] = []
    with WebSocketClientProxy("bot", config=often) as proxy:
        proxy.on_connection(told.append)
        proxy.subscribe_my_order(got.append, reconcile=True)
        proxy.subscribe_my_order(lambda _: None)  # and nothing comes twice for it
        proxy.subscribe_my_asset(lambda _: None, reconcile=True)
        wait_until(lambda: len(_told(told)) >= 2, "the start")
        with proxy.record(path):
            sim.wait_served({"myOrder *", "myAsset *"}, endpoint="private")
            order = sim.place_order("KRW-ETH", "BID", price="99", volume=100)
            wait_until(lambda: any(one.uuid == order for one in got), "the order")
            before = len(_told(told))
            sim.refuse(503, times=None, endpoint="private")
            sim.drop("private")
            sim.wait_connected(0)
            sim.cancel_order(order)
            sim.accept("private")
            wait_until(lambda: len(_told(told)) >= before + 2, "the account was asked")
            found = recorded_until(
                path, lambda found: len([one for one in found if _is_reconciled(one)]) >= 2, "it is in the file"
            )
    own = [one for one in found if "myOrder *" in streams(one) or any("myOrder" in name for name in streams(one))]
    assert [(rows.marks, payload.count(order.encode())) for rows in own for payload in rows.payloads] == [
        (0, 1),
        (2, 1),
    ]
    reconciled = next(one for one in found if _is_reconciled(one) and one.type == "myOrder")
    assert found.index(own[-1]) < found.index(reconciled)
    announced = next(one for one in _told(told)[2:] if one.reason == "myOrder")
    assert (reconciled.recovered, reconciled.epoch, reconciled.gap_started_ns, reconciled.gap_ended_ns) == (
        announced.recovered,
        announced.epoch,
        announced.gap_started_at,
        announced.gap_ended_at,
    )
    for secret in (sim.access_key, sim.secret_key, "eyJ", "Bearer"):
        assert secret.encode() not in path.read_bytes() + repr(found).encode()


def _told(told: list[Any]) -> list[Any]:
    return [one for one in list(told) if one.state == "reconciled"]


def _is_reconciled(value: Any) -> bool:
    return isinstance(value, Standing) and value.state == "reconciled"
