"""Recordings of a real engine: whole, in order, without secrets, and readable whatever ends them."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Program, wait_until
from websocket_v6 import Config, LocalProtocolError, Mailbox, RecordingError, WebSocketClientProxy, aio
from websocket_v6.actors.demand.registry import Due
from websocket_v6.actors.recording import recorder
from websocket_v6.engine import _engines
from websocket_v6.protocol import zstd
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.exchange.wants import my_asset_want, my_order_want, ticker_want, trade_want
from websocket_v6.protocol.recording.reader import RecordingReader
from websocket_v6.protocol.recording.records import KeyState, Rows, Standing, events_of
from websocket_v6.recording import Recording, numbered, read_recording
from websocket_v6.simulator import Simulator
from websocket_v6.steps import finish

KILLS = min(50, int(os.environ.get("WEBSOCKET_V6_TEST_KILLS", "2")))

CHILD = """
import sys, threading
from pathlib import Path
from websocket_v6 import Config
from websocket_v6.protocol.exchange.wants import trade_want
from websocket_v6.recording import Recording

with Recording(Path(sys.argv[2]), [trade_want(["KRW-BTC"])], Config(url=sys.argv[1], mode="embedded")):
    threading.Event().wait()
"""


def values(path: Path) -> tuple[list[Any], RecordingReader]:
    """Return what a file holds, without key states."""
    reader, passed, found = RecordingReader(), 0, []
    for one in read_recording(path, reader):
        if isinstance(one.value, KeyState):
            passed = one.value.rows
        elif passed:
            passed -= 1
        else:
            found.append(one.value)
    return found, reader


def events(path: Path) -> list[Event]:
    return [event for one in values(path)[0] if isinstance(one, Rows) for event in events_of(one)]


def waiting(recording: Recording, messages: int) -> None:
    wait_until(lambda: recording.progress.messages >= messages, f"{messages} messages in the file")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "PERIOD", 0.02)


def test_a_recording_has_what_a_component_gets_also_over_a_gap(sim: Simulator, config: Config, tmp_path: Path) -> None:
    path = tmp_path / "a.wsr"
    delivered: list[Event] = []
    with (
        WebSocketClientProxy("beside", config=config) as proxy,
        Recording(path, [trade_want(["KRW-BTC", "KRW-ETH"]), ticker_want(["KRW-BTC"])], config),
    ):
        proxy.subscribe_trade(["KRW-BTC", "KRW-ETH"], callback=delivered.append)
        sim.wait_served({"trade KRW-BTC", "trade KRW-ETH", "ticker KRW-BTC"})
        wait_until(lambda: len(delivered) >= 2, "the snapshots")
        for number in range(20):
            sim.trade("KRW-BTC" if number % 2 else "KRW-ETH", price=1000 + number)
        wait_until(lambda: len(delivered) >= 22, "the trades")
        sim.drop()
        sim.wait_served({"trade KRW-BTC", "trade KRW-ETH", "ticker KRW-BTC"})
        sim.trade("KRW-BTC", price=5000)
        wait_until(lambda: getattr(delivered[-1], "trade_price", None) == 5000, "the last trade")
        wait_until(lambda: events(path)[-1:] and b"5000" in events(path)[-1].payload, "the last trade in the file")
    found, reader = values(path)
    assert reader.ending == (True, 0)
    trades = [one for one in events(path) if one.type == "trade"]
    shown = [(one.payload, one.epoch, one.received_at, one.backfilled) for one in delivered]
    assert [(one.payload, one.epoch, one.received_at, one.backfilled) for one in trades][-20:] == shown[-20:]
    assert "ticker" in {one.type for one in events(path)}
    states = [one for one in found if isinstance(one, Standing)]
    assert [one.epoch for one in states if one.state == "open"] == [1, 2]
    again = next(one for one in states if one.state == "open" and one.epoch == 2)
    assert again.gap_started_ns is not None
    # A new epoch is told before the first of its data.
    at = found.index(again)
    assert {one.epoch for one in found[:at] if isinstance(one, Rows)} == {1}
    assert {one.epoch for one in found[at:] if isinstance(one, Rows)} == {2}
    assert reader.header is not None
    assert reader.header.host == "127.0.0.1"


def test_own_orders_are_in_it_and_no_secret_is(sim: Simulator, config: Config, tmp_path: Path) -> None:
    path = tmp_path / "a.wsr"
    with Recording(path, [my_order_want(None), my_asset_want()], config) as recording:
        sim.wait_served({"myOrder *", "myAsset *"}, endpoint="private")
        sim.place_order("KRW-BTC", "BID", price=1000, volume=6)
        waiting(recording, 2)
    assert {one.type for one in events(path)} == {"myOrder", "myAsset"}
    shown = path.read_bytes() + repr(list(read_recording(path, RecordingReader()))).encode()
    for secret in (sim.access_key, sim.secret_key, "eyJ", "Bearer"):
        assert secret.encode() not in shown


def test_a_recording_is_all_that_an_engine_needs_and_ends_with_it(
    sim: Simulator, config: Config, tmp_path: Path
) -> None:
    with Recording(tmp_path / "a.wsr", [ticker_want(["KRW-BTC"])], config) as recording:
        waiting(recording, 1)
        assert _engines
    assert not _engines
    sim.wait_connected(0)
    recording.end()


def registry_of(recording: Recording) -> Any:
    link = recording._link
    return None if link is None else finish(link.children()).registry


def test_a_registry_that_is_started_again_goes_on_with_it(sim: Simulator, config: Config, tmp_path: Path) -> None:
    path = tmp_path / "a.wsr"
    with Recording(path, [trade_want(["KRW-BTC"])], config) as recording:
        sim.wait_served({"trade KRW-BTC"})
        assert recording._link is not None
        before = registry_of(recording)
        assert before is not None
        before.tell(Due("no endpoint"))  # a bug
        wait_until(lambda: registry_of(recording) not in (None, before), "another one")
        sim.drop()

        def has_gone_on() -> bool:
            sim.trade("KRW-BTC", price=1000)
            return any(one.epoch > 1 for one in events(path))

        wait_until(has_gone_on, "data after the gap in the file")
    epochs = [one.epoch for one in values(path)[0] if isinstance(one, Standing) and one.state == "open"]
    assert events(path)[-1].epoch in epochs


def test_a_file_that_is_there_is_refused_before_anything_begins(sim: Simulator, config: Config, tmp_path: Path) -> None:
    (tmp_path / "a.wsr").write_text("mine")
    with pytest.raises(FileExistsError):
        Recording(tmp_path / "a.wsr", [ticker_want(["KRW-BTC"])], config)
    assert not _engines
    assert (tmp_path / "a.wsr").read_text() == "mine"


def test_what_cannot_begin_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "no_folder").write_text("")
    config = Config(url="ws://127.0.0.1:1", mode="attach", runtime_dir=str(tmp_path / "no_folder"))
    with pytest.raises(Exception, match="no_folder"):
        Recording(tmp_path / "a.wsr", [ticker_want(["KRW-BTC"])], config)
    assert not (tmp_path / "a.wsr").exists()


def test_without_zstandard_it_says_so_before_anything_begins(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zstd, "_NAME", "no_such_package")
    with pytest.raises(Exception, match="record"):
        Recording(tmp_path / "a.wsr", [ticker_want(["KRW-BTC"])], config)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_ends_the_recording_and_not_the_bot(
    sim: Simulator, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wsr"
    delivered: list[Event] = []
    with (
        WebSocketClientProxy("bot", config=config) as proxy,
        Recording(path, [trade_want(["KRW-BTC"])], config) as recording,
    ):
        proxy.subscribe_trade(["KRW-BTC"], callback=delivered.append)
        sim.wait_served({"trade KRW-BTC"})
        waiting(recording, 1)
        full = os.open("/dev/full", os.O_WRONLY)
        actor: Any = recording._recorder._actor_weakref()
        os.dup2(full, actor._file._descriptor)
        os.close(full)
        sim.trade("KRW-BTC", price=1234)
        wait_until(lambda: recording.progress.error, "the end of the recording")
        before = len(delivered)
        for number in range(10):
            sim.trade("KRW-BTC", price=2000 + number)
        wait_until(lambda: len(delivered) >= before + 10, "the bot's trades")
        assert isinstance(recording.progress.error, RecordingError)
        assert proxy.health().counters.delivered >= 10
    assert events(path)


def test_files_after_the_first_have_a_number() -> None:
    assert [str(numbered(Path("a/day.wsr"), number)) for number in (1, 2)] == ["a/day.wsr", "a/day.2.wsr"]
    assert str(numbered(Path("day"), 3)) == "day.3"


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_process_that_is_killed_loses_about_a_second_and_leaves_a_readable_file(
    sim: Simulator, tmp_path: Path, kill: int
) -> None:
    path = tmp_path / "a.wsr"
    with Program([sys.executable, "-c", CHILD, sim.url, str(path)]) as child:
        sim.wait_served({"trade KRW-BTC"}, timeout=60)
        until, deadline = time.monotonic() + 0.5 + 0.1 * kill, time.monotonic() + 60
        sent: list[tuple[float, int]] = []
        while time.monotonic() < until or (len(events(path)) < 2 and time.monotonic() < deadline):
            sim.trade("KRW-BTC", price=1000 + len(sent))
            sent.append((time.monotonic(), 1000 + len(sent)))
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        killed = time.monotonic()
        child.wait(20)
    _, reader = values(path)
    prices = [int(event.trade_price) for event in events(path)[1:]]  # type: ignore[attr-defined]
    assert prices
    assert prices == [price for _, price in sent][: len(prices)]  # nothing missing before the end, nothing wrong
    assert reader.ending is not None
    assert not reader.ending.is_whole
    lost = [at for at, _ in sent[len(prices) :]]
    # A second, and what a machine that does much else may hold the recorder up.
    assert not lost or killed - lost[0] < 1 + 4


def test_a_proxy_records_what_it_subscribes_to_whatever_its_mailboxes_drop(
    sim: Simulator, config: Config, tmp_path: Path
) -> None:
    path = tmp_path / "a.wsr"
    with WebSocketClientProxy("bot", config=config) as proxy:
        with pytest.raises(LocalProtocolError, match="nothing is subscribed to"):
            proxy.record(path)
        proxy.subscribe_trade("KRW-BTC", mailbox=Mailbox.drop_oldest(1))
        with proxy.record(path) as recording:
            sim.wait_served({"trade KRW-BTC"})
            for number in range(20):
                sim.trade("KRW-BTC", price=1000 + number)
            wait_until(lambda: recording.messages >= 21, "all in the file")
            with pytest.raises(FileExistsError):
                proxy.record(path)
        assert recording.error is None
        assert len(proxy.subscriptions()) == 1
    prices = [int(event.trade_price) for event in events(path)]  # type: ignore[attr-defined]
    assert prices[-20:] == list(range(1000, 1020))
    assert values(path)[1].ending == (True, 0)


def test_a_recording_ends_with_its_proxy(sim: Simulator, config: Config, tmp_path: Path) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy:
        proxy.subscribe_ticker("KRW-BTC")
        recording = proxy.record(str(tmp_path / "a.wsr"), rotate_seconds=3600)
        waiting(recording, 1)
    assert values(tmp_path / "a.wsr")[1].ending == (True, 0)
    assert not _engines


@pytest.mark.parametrize(
    "bad",
    [{"path": 5}, {"path": ""}, {"rotate_bytes": 0}, {"rotate_seconds": 0}, {"rotate_seconds": -1}],
    ids=str,
)
def test_a_recording_that_makes_no_sense_is_refused(config: Config, tmp_path: Path, bad: dict[str, Any]) -> None:
    with WebSocketClientProxy("bot", config=config) as proxy, pytest.raises(LocalProtocolError):
        proxy.record(**({"path": tmp_path / "a.wsr"} | bad))


def test_a_full_disk_is_told_to_the_handler(sim: Simulator, config: Config, tmp_path: Path) -> None:
    told: list[Exception] = []
    with WebSocketClientProxy("bot", config=config) as proxy:
        proxy.subscribe_trade("KRW-BTC", lambda _: None)
        recording = proxy.record(tmp_path / "a.wsr", error_handler=told.append)
        sim.wait_served({"trade KRW-BTC"})
        full = os.open("/dev/full", os.O_WRONLY)
        actor: Any = recording._recorder._actor_weakref()
        os.dup2(full, actor._file._descriptor)
        os.close(full)
        sim.trade("KRW-BTC", price=1234)
        wait_until(lambda: told, "the handler is called")
        assert told == [recording.error]
        (health,) = proxy.health().recordings
        assert (health.path, health.state) == (str(tmp_path / "a.wsr"), "failed")
        assert "No space left" in health.reason
        assert f"recording {health.path} failed since" in str(proxy.health())
        with proxy.record(tmp_path / "b.wsr"):
            assert [one.state for one in proxy.health().recordings] == ["failed", "running"]
        assert [one.state for one in proxy.health().recordings] == ["failed", "ended"]
        assert "No space left" in str(told[0])
        assert proxy.is_public_available()


def test_an_event_loop_records_as_well(sim: Simulator, config: Config, tmp_path: Path) -> None:
    path = tmp_path / "a.wsr"

    async def main() -> None:
        async with aio.WebSocketClientProxy("bot", config=config) as proxy:
            await proxy.subscribe_ticker(["KRW-BTC", "KRW-ETH"])
            async with await proxy.record(path) as recording:
                while recording.messages < 2:
                    await asyncio.sleep(0.01)
                assert recording.error is None

    asyncio.run(main())
    assert {one.stream for one in events(path)} == {"ticker KRW-BTC", "ticker KRW-ETH"}
    assert values(path)[1].ending == (True, 0)
    got: list[Any] = []
    with WebSocketClientProxy("again", config=Config.replay(path)) as proxy:
        proxy.subscribe_ticker(["KRW-BTC", "KRW-ETH"], got.append)
        proxy.run()
    assert [one.payload for one in got] == [one.payload for one in events(path)]
