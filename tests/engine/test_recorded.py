"""What a component is told beside data, recorded: lists of markets, own orders that were asked about."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import wait_until
from tests.replays import listed, opened, rows, trade, write
from websocket_v6 import Config, LocalProtocolError, MarketsEvent, WebSocketClientProxy
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


def test_a_replay_follows_the_lists_as_the_recorded_program_did(sim: Simulator, often: Config, tmp_path: Path) -> None:
    path = tmp_path / "a.wsr"
    live = Follower()
    with WebSocketClientProxy("bot", config=often) as proxy:
        live.follow(proxy)
        proxy.wait_ready()
        with proxy.record(path):
            recorded_until(path, lambda found: any("trade KRW-SOL" in streams(one) for one in found), "the trades")
            sim.list_market("KRW-NEW")
            sim.wait_served({f"trade {code}" for code in (*KRW, "KRW-NEW")}, 10)
            sim.trade("KRW-NEW")
            recorded_until(path, lambda found: any("trade KRW-NEW" in streams(one) for one in found), "a new one")
            sim.warn("KRW-ETH")
            sim.remove_market("KRW-SOL")
            recorded_until(path, lambda found: "KRW-SOL" not in codes(_lists(found)[-1]), "it is gone")
            sim.trade("KRW-BTC")
            recorded_until(path, lambda found: "trade KRW-BTC" in streams(found[-1]), "the last trade")
            wait_until(lambda: live.told[-1].symbol == "KRW-BTC", "it is delivered, too")
    again = Follower()
    with WebSocketClientProxy("again", config=Config.replay(path)) as proxy:
        subscription = again.follow(proxy)
        first = proxy.markets("KRW")
        assert first.codes == KRW
        assert first["KRW-BTC"].english_name == "Bitcoin"
        wait_until(lambda: subscription.symbols == KRW, "the codes of the beginning")
        proxy.wait_ready()
        assert [one.quote for one in proxy.health().markets] == ["KRW"]
        wait_until(lambda: set(subscription.symbols) == {*KRW[:-1], "KRW-NEW"}, "the codes of the end")
        assert proxy.markets("KRW")["KRW-ETH"].warning
        assert proxy.run() == 0
    # The first message of each code was a last value for the recording, which began later.
    assert [one for one in again.short() if one[0] != "SNAPSHOT"] == [
        one for one in live.short() if one[0] != "SNAPSHOT"
    ]
    assert [one.markets for one in again.told if isinstance(one, MarketsEvent)] == [
        one.markets for one in live.told if isinstance(one, MarketsEvent)
    ]


def test_lists_are_pulled_in_a_replay_in_order_with_the_data(tmp_path: Path) -> None:
    values = [
        opened(),
        listed(0, "KRW-X", "KRW-Y"),
        rows(1, trade("KRW-A", 1, 1, is_first=True)),
        listed(2, "KRW-A", "KRW-B"),
        rows(3, trade("KRW-B", 3, 2, is_first=True), trade("KRW-A", 3, 3)),
        listed(4, "KRW-B"),
        rows(5, trade("KRW-B", 5, 4), trade("KRW-A", 5, 5)),
    ]
    path = write(tmp_path / "a.wsr", values)
    told: list[Any] = []
    with WebSocketClientProxy("again", config=Config.replay(path)) as proxy:
        subscription = proxy.subscribe_trade(
            "KRW-*", on_markets=lambda event: told.append((event.added, event.removed))
        )
        prices = []
        for event in subscription:
            prices.append(int(event.trade_price))
            lists = {2: 2, 3: 2, 4: 3}[prices[-1]]
            wait_until(lambda: len(told) == lists, "the lists before it")  # noqa: B023
    assert prices == [2, 3, 4]  # A is listed from the second on, and gone with the third
    assert told == [(("KRW-X", "KRW-Y"), ()), (("KRW-A", "KRW-B"), ("KRW-X", "KRW-Y")), ((), ("KRW-A",))]


def test_a_recording_without_lists_says_so_and_its_patterns_are_what_was_recorded(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wsr", [opened(), rows(1, trade("KRW-A", 1, 1, is_first=True))])
    with WebSocketClientProxy("again", config=Config.replay(path)) as proxy:
        assert proxy.subscribe_trade("KRW-*").symbols == ("KRW-A",)
        with pytest.raises(LocalProtocolError, match="no list of KRW markets in the recording"):
            proxy.markets("KRW")


class Follower:
    """What one is told of all markets, and of their trades, in one order."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def follow(self, proxy: WebSocketClientProxy) -> Any:
        return proxy.subscribe_trade("KRW-*", self.told.append, on_markets=self.told.append)

    def short(self) -> list[tuple[Any, ...]]:
        return [
            ("markets", one.added, one.removed)
            if isinstance(one, MarketsEvent)
            else (one.stream_type, one.stream, one.payload, one.epoch, one.received_at)
            for one in self.told
        ]


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
    reconciled = next(one for one in found if _is_reconciled(one) and one.data_type == "myOrder")
    assert found.index(own[-1]) < found.index(reconciled)
    announced = next(one for one in _told(told)[2:] if one.reason == "myOrder")
    assert (reconciled.recovered, reconciled.epoch, reconciled.gap_started_ns, reconciled.gap_ended_ns) == (
        announced.recovered,
        announced.epoch,
        announced.gap_started_at,
        announced.gap_ended_at,
    )
    again: list[Any] = []
    heard: list[Any] = []
    with WebSocketClientProxy("again", config=Config.replay(path)) as proxy:
        proxy.on_connection(heard.append)
        proxy.subscribe_my_order(again.append, reconcile=True)
        proxy.run()
    assert [_shown(one) for one in again] == [_shown(one) for one in got]
    assert [_announced(one) for one in _told(heard)] == [
        _announced(one) for one in _told(told)[2:] if one.reason == "myOrder"
    ]
    for secret in (sim.access_key, sim.secret_key, "eyJ", "Bearer"):
        assert secret.encode() not in path.read_bytes() + repr(found).encode()


def test_a_gap_is_announced_in_a_replay_as_it_was(sim: Simulator, often: Config, tmp_path: Path) -> None:
    """Trades that were fetched, an order that was cancelled meanwhile: what was told, and what was delivered."""
    path = tmp_path / "a.wsr"
    live, again = Account(), Account()
    with WebSocketClientProxy("bot", config=msgspec.structs.replace(often, backfill=True)) as proxy:
        live.follow(proxy)
        proxy.wait_ready()
        wait_until(lambda: len(_told(live.told)) >= 2, "the start")
        with proxy.record(path):
            sim.wait_served({"myOrder *", "myAsset *"}, endpoint="private")
            order = sim.place_order("KRW-ETH", "BID", price="99", volume=100)
            recorded_until(path, lambda found: any(order in repr(one) for one in found), "the order")
            recorded_until(path, lambda found: any("trade KRW-BTC" in streams(one) for one in found), "a trade")
            begun = len(live.told)
            for endpoint in ("private", "public"):
                sim.refuse(503, times=None, endpoint=endpoint)
                sim.drop(endpoint)
            sim.wait_connected(0)
            sim.cancel_order(order)
            for _ in range(3):
                sim.trade("KRW-BTC")
            sim.accept("private")
            sim.accept("public")
            wait_until(lambda: len(live.after(begun)) >= 3, "all is told", timeout=30)
            wanted = live.after(begun)
            recorded_until(
                path,
                lambda found: (
                    {one.state for one in found if isinstance(one, Standing)} >= {"backfilled", "reconciled"}
                    and sum(_is_reconciled(one) for one in found) >= 2
                ),
                "it is in the file",
            )
            sim.trade("KRW-BTC")
            last = live.wait_last(sim)
            recorded_until(path, lambda found: any(last in repr(one) for one in found), "the last trade in the file")
    with WebSocketClientProxy("again", config=Config.replay(path)) as proxy:
        again.follow(proxy)
        proxy.run()
    told = [one for one in again.after(0) if one in wanted]
    assert told == wanted
    fetched = [one.payload for one in live.got if one.backfilled and one.type == "trade"]
    assert len(fetched) in (2, 3)  # the last one comes live as well, as the stream's snapshot
    assert [one.payload for one in again.got if one.backfilled and one.type == "trade"] == fetched
    assert [one.state for one in again.got if one.type == "myOrder"] == ["wait", "cancel"]
    for type_ in ("trade", "myOrder"):
        both = [[_delivered(one) for one in who.got if one.type == type_] for who in (again, live)]
        ran = [[one for one in events if one[1] != "SNAPSHOT"] for events in both]
        assert ran[0] == ran[1]


def _delivered(event: Any) -> tuple[Any, ...]:
    return event.payload, event.stream_type, event.backfilled, event.epoch, event.received_at


class Account:
    """A component with trades and own orders, and what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.got: list[Any] = []

    def follow(self, proxy: WebSocketClientProxy) -> None:
        proxy.on_connection(self.told.append)
        proxy.subscribe_trade("KRW-BTC", self.got.append)
        proxy.subscribe_my_order(self.got.append, reconcile=True)
        proxy.subscribe_my_asset(lambda _: None, reconcile=True)

    def after(self, begun: int) -> list[tuple[Any, ...]]:
        """Return what was told of the gap from that place on, in short, by endpoint."""
        found = [one for one in list(self.told)[begun:] if one.state in ("backfilled", "reconciled")]
        return sorted(((one.state, *_announced(one)) for one in found), key=str)

    def wait_last(self, sim: Simulator) -> str:
        wait_until(lambda: self.got[-1].type == "trade" and not self.got[-1].backfilled, "the last trade")
        return str(self.got[-1].sequential_id)


def _shown(event: Any) -> tuple[Any, ...]:
    return event.state, event.uuid, event.payload, event.backfilled, event.stream_type, event.epoch, event.received_at


def _announced(event: Any) -> tuple[Any, ...]:
    gap = event.gap_started_at, event.gap_ended_at
    return event.endpoint, event.epoch, *gap, event.gap, event.reason, event.recovered, event.unrecovered


def _told(told: list[Any]) -> list[Any]:
    return [one for one in list(told) if one.state == "reconciled"]


def _is_reconciled(value: Any) -> bool:
    return isinstance(value, Standing) and value.state == "reconciled"
