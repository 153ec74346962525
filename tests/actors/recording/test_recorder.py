"""The recorder alone: what it writes of what its mouth is given."""

import errno
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import wait_until
from tests.protocol.recording.made import HEADER, read
from websocket_v6.actors.base import ask, stop_and_join, tell
from websocket_v6.actors.messages.component import (
    ConnectionChanged,
    EngineFailed,
    MarketsListed,
    PartFailed,
    StreamFailed,
)
from websocket_v6.actors.messages.registry import BackfillEnded
from websocket_v6.actors.recording import recorder, recording_file
from websocket_v6.actors.recording.progress import Progress
from websocket_v6.actors.recording.recorder import GetWay, Recorder, Rotation
from websocket_v6.actors.recording.recording_file import RecordingFile
from websocket_v6.actors.recording.recording_mouth import Dropped
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.delivery.steps import Outcome
from websocket_v6.protocol.errors import EngineError, UnknownCodeError
from websocket_v6.protocol.events import CandleEvent, Event, Markets, Unrecovered, make_event
from websocket_v6.protocol.exchange.market_list import Market
from websocket_v6.protocol.recording.key_state import KeyStates
from websocket_v6.protocol.recording.records import (
    BACKFILLED,
    CLOSED,
    Hole,
    KeyState,
    Listed,
    ListedMarket,
    Rows,
    Standing,
    Wants,
)
from websocket_v6.protocol.recording.writer import FRAME_BYTES


class FullDisk(RecordingFile):
    """A file on a disk with room for so many bytes."""

    room = 2000

    def write(self, data: bytes) -> None:
        if len(data) > self.room:
            super().write(data[: self.room])
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= len(data)
        super().write(data)


class Desk:
    """A recorder and what it does."""

    def __init__(
        self,
        folder: Path,
        file: type[RecordingFile] = RecordingFile,
        rotation: Rotation | None = None,
        closed: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.progress = Progress()
        self.watched: list[Way] = []
        self.ended: list[bool] = []
        self.ids: list[str] = []
        self.ref = Recorder.start(
            first=file(folder / "1"),
            open_file=lambda number: file(folder / str(number)),
            header=self.header,
            rotation=rotation or Rotation(),
            progress=self.progress,
            watch=self.watched.append,
            ended=lambda: self.ended.append(True),
            closed=closed,
        )
        self.way: Way = ask(self.ref, GetWay(), 20)

    def header(self, previous: str) -> Any:
        self.ids.append(f"id {len(self.ids)}")
        return msgspec.structs.replace(HEADER, id=self.ids[-1], previous=previous, wall_ns=time.time_ns())

    def deliver(self, *events: Event) -> None:
        self.way.mouth.deliver([(self.way, list(events))])

    def convey(self, news: object) -> None:
        self.way.mouth.convey(self.way, news)

    def stop(self) -> None:
        assert stop_and_join(self.ref, 20)

    def values(self, number: int = 1, *, is_whole: bool = True) -> list[Any]:
        """Return what a file holds, behind its beginning."""
        records, reader = read((self.folder / str(number)).read_bytes())
        assert reader.ending is not None
        assert reader.ending.is_whole == is_whole
        return [one.value for one in records]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "PERIOD", 0.01)


@pytest.fixture
def desk(tmp_path: Path, quick: None) -> Iterator[Desk]:
    one = Desk(tmp_path)
    yield one
    one.stop()


def event(number: int = 1, size: int = 10, epoch: int = 1) -> Event:
    return make_event("trade KRW-BTC", b"%0*d" % (size, number), epoch, number)


def test_data_and_what_was_said_are_in_one_order(desk: Desk) -> None:
    desk.convey(ConnectionChanged("public", "connecting", 0, 1))
    desk.convey(ConnectionChanged("public", "open", 1, 2))
    desk.deliver(event(1), event(2))
    desk.convey(ConnectionChanged("public", "open", 1, 2))  # nothing new: somebody else has begun
    desk.convey(ConnectionChanged("public", "lost", 1, 5, reason="why"))
    desk.convey(ConnectionChanged("public", "open", 2, 9, 4))
    filled = BackfillEnded(2, 4, 8, {"KRW-BTC": 3}, (Unrecovered("KRW-ETH", 4, 8, "no answer"),))
    desk.convey(ConnectionChanged("public", "backfilled", 2, 10, 4, backfill=filled))
    desk.deliver(event(11, epoch=2).as_backfilled())
    desk.stop()
    assert desk.values() == [
        KeyState([], 0),
        Wants(HEADER.streams),
        Standing("public", "connecting", 0, 1),
        Standing("public", "open", 1, 2),
        Rows(1, 1, 0, ["trade KRW-BTC"], [event(1).payload]),
        Rows(1, 2, 0, ["trade KRW-BTC"], [event(2).payload]),
        Standing("public", "lost", 1, 5, reason="why"),
        Standing("public", "open", 2, 9, 4, 9),
        Standing("public", "backfilled", 2, 10, 4, 8, "", 3, (("KRW-ETH", 4, 8, "no answer"),), "trade"),
        Rows(2, 11, 2, ["trade KRW-BTC"], [event(11).payload]),
    ]
    assert (desk.progress.messages, desk.progress.files, desk.progress.error) == (3, 1, None)
    assert desk.progress.size == (desk.folder / "1").stat().st_size


def test_lists_of_markets_stand_where_they_were_told_and_each_once(desk: Desk) -> None:
    first = Markets("KRW", (Market("KRW-BTC", "비트코인", "Bitcoin"),), 3)
    warned = Markets("KRW", (first.markets[0]._replace(warning=True, cautions=("PRICE",)),), 5)
    desk.convey(MarketsListed(first, None))
    desk.deliver(event(1))
    desk.convey(MarketsListed(first, None))  # told to another of its subscriptions
    desk.convey(MarketsListed(warned, None))
    desk.deliver(event(2))
    desk.stop()
    assert desk.values()[2:] == [
        Listed("KRW", 3, [ListedMarket("KRW-BTC", "비트코인", "Bitcoin")]),
        Rows(1, 1, 0, ["trade KRW-BTC"], [event(1).payload]),
        Listed("KRW", 5, [ListedMarket("KRW-BTC", "비트코인", "Bitcoin", True, ("PRICE",))]),
        Rows(1, 2, 0, ["trade KRW-BTC"], [event(2).payload]),
    ]


def test_that_the_account_was_asked_about_is_told_as_it_is_to_a_component(desk: Desk) -> None:
    desk.convey(ConnectionChanged("private", "open", 3, 2))
    missing = (Unrecovered("KRW-BTC", 4, 6, "nobody knows", "myOrder"),)
    desk.convey(Outcome("myOrder", 4, 6, 2, missing))
    desk.convey(Outcome("myAsset", None, 7, 1))
    desk.convey(Outcome("myAsset", 4, 6, 0, error=EngineError("not allowed")))
    desk.stop()
    orders, assets = desk.values()[3:]
    assert msgspec.structs.replace(orders, at_ns=0) == Standing(
        "private", "reconciled", 3, 0, 4, 6, "myOrder", 2, (("KRW-BTC", 4, 6, "nobody knows"),), "myOrder"
    )
    assert msgspec.structs.replace(assets, at_ns=0) == Standing(
        "private", "reconciled", 3, 0, None, None, "myAsset", 1, (), "myAsset"
    )


def test_of_closed_candles_those_are_in_it_that_came_and_those_that_were_fetched(tmp_path: Path, quick: None) -> None:
    desk = Desk(tmp_path, closed=["candle.1m KRW-BTC"])
    came, fetched = (make_event("candle.1m KRW-BTC", b"%d" % number, 1, number) for number in (1, 2))
    assert isinstance(came, CandleEvent)
    assert isinstance(fetched, CandleEvent)
    desk.deliver(came, fetched.as_backfilled().as_closed(), came.as_closed())
    desk.stop()
    assert desk.values()[1:] == [
        Wants(HEADER.streams, ["candle.1m KRW-BTC"]),
        Rows(1, 1, 0, ["candle.1m KRW-BTC"], [b"1"]),
        Rows(1, 2, BACKFILLED | CLOSED, ["candle.1m KRW-BTC"], [b"2"]),
    ]


def test_its_end_is_told_once_and_is_no_failure(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    assert desk.progress.health().state == "running"
    desk.deliver(event(1))
    with caplog.at_level(logging.INFO):
        desk.stop()
    health = desk.progress.health()
    assert (health.state, health.reason, health.messages, health.files) == ("ended", "", 1, 1)
    assert [one.getMessage() for one in caplog.records] == [
        f"the recording {health.path} has ended in order, with 1 messages in 1 files"
    ]
    assert not desk.ended


def test_a_file_that_is_deleted_ends_it(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recording_file, "SYNC_PERIOD", 0.0)
    desk = Desk(tmp_path)
    (tmp_path / "1").unlink()
    desk.deliver(event(1))
    wait_until(lambda: desk.ended, "the end")
    assert "was deleted" in desk.progress.health().reason
    assert [one.levelno for one in caplog.records] == [logging.ERROR]
    desk.stop()


def test_what_came_is_in_the_file_soon_although_nobody_ends_it(desk: Desk) -> None:
    desk.deliver(event(7))
    wait_until(lambda: any(isinstance(one, Rows) for one in desk.values(is_whole=False)), "the message in the file")


def test_much_is_written_at_once_and_in_frames(tmp_path: Path) -> None:
    desk = Desk(tmp_path)  # with a second between two looks
    for number in range(4):
        desk.deliver(event(number, FRAME_BYTES))
    wait_until(lambda: desk.progress.messages == 4, "all written", timeout=0.9 + 20)
    desk.stop()
    assert sum(isinstance(one, Rows) for one in desk.values()) == 4


def test_a_full_disk_ends_the_recording_and_is_told_once(
    tmp_path: Path, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path, FullDisk)
    number = 0
    while not desk.ended and number < 100_000:
        number += 1
        desk.deliver(make_event("trade KRW-BTC", hash(str(number)).to_bytes(8, "big", signed=True) * 9, 1, number))
    wait_until(lambda: desk.ended, "the end")
    desk.deliver(event())  # whoever delivers notices nothing
    desk.stop()
    assert len(desk.ended) == 1
    assert "No space left on device" in str(desk.progress.error)
    assert str(tmp_path / "1") in str(desk.progress.error)
    assert [one.levelno for one in caplog.records] == [logging.ERROR]
    health = desk.progress.health()
    assert (health.path, health.state) == (str(tmp_path / "1"), "failed")
    assert "No space left on device" in health.reason
    assert abs(health.since_ns - time.time_ns()) < 60e9
    assert desk.values(is_whole=False)  # what is written can be read


def test_a_rotated_recording_has_everything_once_and_each_file_stands_alone(tmp_path: Path, quick: None) -> None:
    desk = Desk(tmp_path, rotation=Rotation(size=1))  # each piece
    desk.convey(ConnectionChanged("public", "open", 1, 2))
    for number in range(1, 4):
        desk.deliver(event(number))
        wait_until(lambda number=number: desk.progress.messages == number, "the message in a file")  # type: ignore[misc]
    desk.stop()
    files = range(1, desk.progress.files + 1)
    assert len(files) >= 3
    found = [one for n in files for one in desk.values(n) if isinstance(one, Rows) and not one.marks]
    assert [one.received_ns for one in found] == [1, 2, 3]
    headers = [read((tmp_path / str(n)).read_bytes())[1].header for n in files]
    assert [one.previous for one in headers if one] == ["", *(one.id for one in headers[:-1] if one)]
    last = desk.values(len(files))
    assert isinstance(last[0], KeyState)
    assert [one.state for one in last[0].standings] == ["open"]
    assert sum(desk.folder.joinpath(str(n)).stat().st_size for n in files) == desk.progress.size


def test_the_next_file_that_is_there_already_ends_the_recording(tmp_path: Path, quick: None) -> None:
    (tmp_path / "2").write_text("mine")
    desk = Desk(tmp_path, rotation=Rotation(size=1))
    wait_until(lambda: desk.ended, "the end")
    desk.stop()
    assert "File exists" in str(desk.progress.error)
    assert str(tmp_path / "2") in str(desk.progress.error)
    assert (tmp_path / "2").read_text() == "mine"
    assert desk.values()


def test_key_states_come_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KeyStates, "is_due", lambda self, now_ns: self._since > 0)
    desk.deliver(event(5))
    wait_until(lambda: sum(isinstance(one, KeyState) for one in desk.values(is_whole=False)) > 1, "another key state")
    desk.stop()
    tail = desk.values()[-2:]
    assert tail == [KeyState([], 1), Rows(1, 5, 1, ["trade KRW-BTC"], [event(5).payload])]


@pytest.mark.parametrize(
    ("rotation", "size", "now", "is_due"),
    [
        (Rotation(), 10**12, 10**12, False),
        (Rotation(size=100), 99, 0, False),
        (Rotation(size=100), 100, 0, True),
        (Rotation(period=60), 0, 119, False),
        (Rotation(period=60), 0, 120, True),
        (Rotation(period=60), 0, 59, True),  # the clock was set back
    ],
)
def test_when_another_file_is_begun(rotation: Rotation, size: int, now: int, is_due: bool) -> None:
    assert rotation.is_due(size, 61 * 10**9, now * 10**9) == is_due


def test_what_is_dropped_is_a_hole(desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    desk.convey(Dropped(1, 2, 3))
    desk.stop()
    assert desk.values()[-1] == Hole(1, 2, 3, recorder.TOO_SLOW)
    assert desk.progress.dropped == 3
    health = desk.progress.health()
    assert (health.missing, health.holes, health.state) == (3, 1, "ended")
    assert "3 messages missing in 1 holes" in str(health)
    assert [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING] == [
        f"the recording {tmp_path / '1'} has a hole: the disk did not keep up, and 3 messages found no room"
    ]


def test_a_stream_that_is_not_served_is_told_and_the_others_go_on(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.convey(StreamFailed(1, UnknownCodeError("unknown", codes=["KRW-X"]), True, ("trade KRW-X",)))
    wait_until(lambda: desk.progress.failed, "the word of it")
    assert desk.progress.failed == {"trade KRW-X": "unknown"}
    assert "trade KRW-X" in caplog.text


def test_a_new_registry_is_told_the_way(desk: Desk) -> None:
    tell(desk.ref, ConnectionChanged("public", "lost", 1, 3))
    tell(desk.ref, StreamFailed(1, UnknownCodeError("unknown"), False))
    tell(desk.ref, PartFailed(("public",), 1, "a bug"))
    wait_until(lambda: desk.progress.failed, "the word of it")
    assert desk.watched == [desk.way]
    assert desk.progress.states == {"public": "lost"}


@pytest.mark.parametrize(
    ("failed", "name"),
    [
        (StreamFailed(1, UnknownCodeError("unknown", codes=["KRW-X"]), False), "KRW-X"),
        (StreamFailed(1, EngineError("no"), True), "a stream"),
    ],
)
def test_what_is_not_served_has_a_name(desk: Desk, failed: StreamFailed, name: str) -> None:
    desk.convey(failed)
    wait_until(lambda: desk.progress.failed, "the word of it")
    assert list(desk.progress.failed) == [name]


def test_a_bug_ends_it_and_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk.deliver(event(1))
    wait_until(lambda: desk.progress.messages == 1, "the message in the file")
    monkeypatch.setattr(KeyStates, "heard", None)
    desk.deliver(event(2))
    wait_until(lambda: desk.ended, "the end")
    assert "a bug" in str(desk.progress.error)
    assert "a Recorder failed; this is a bug" in caplog.text
    monkeypatch.undo()
    assert event(1).payload in [payload for one in desk.values() if isinstance(one, Rows) for payload in one.payloads]


def test_an_engine_that_fails_ends_it(desk: Desk) -> None:
    tell(desk.ref, EngineFailed(EngineError("it is over")))
    wait_until(lambda: desk.ended, "the end")
    assert "it is over" in str(desk.progress.error)
