"""A mailbox on a clock that somebody else moves."""

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.replays import market, write
from websocket_v6.actors.replay.recorded_tape import Tape
from websocket_v6.actors.replay.replay_mailbox import ReplayMailbox
from websocket_v6.actors.replay.stage import Stage
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.errors import ClosedError
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.replaying import Replay


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(Tape(Replay(write(tmp_path / "a.wsr", market(10)))))


def event(number: int, code: str = "KRW-BTC") -> Any:
    return make_event(f"ticker {code}", b'{"ty":"ticker","tp":%d}' % number, 1, number)


def test_a_throttle_waits_for_the_recording_and_not_for_the_wall(stage: Stage) -> None:
    mailbox = ReplayMailbox(Mailbox.throttle(10), stage, is_pushed=True)
    mailbox.put_many([event(1)])
    assert [one.received_at for one in mailbox.take_many(1e12, 9)] == [1]
    mailbox.put_many([event(2)])
    assert not mailbox.take_many(1e12, 9)
    assert (mailbox.has_due(), mailbox.due(), mailbox.next_due()) == (False, 10.0, None)
    stage.mono_ns = 10_000_000_000
    assert mailbox.has_due()
    assert [one.received_at for one in mailbox.take_many(0, 9)] == [2]
    assert mailbox.due() is None


def test_who_waits_is_woken_when_the_clock_has_moved(stage: Stage) -> None:
    mailbox = ReplayMailbox(Mailbox.throttle(10), stage, is_pushed=False)
    mailbox.put_many([event(1)])
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.extend([mailbox.get(), mailbox.get()]))
    thread.start()
    wait_until(lambda: got == [] and mailbox.stats.delivered == 1 and stage.readers.have_rested(), "it waits")
    mailbox.put_many([event(2)])
    assert stage.readers.have_rested()
    stage.mono_ns = 10_000_000_000
    assert not stage.readers.have_rested()
    mailbox.wake()
    thread.join(5)
    assert [one.received_at for one in got] == [1, 2]
    assert stage.readers.busy() == []


def test_who_gives_up_waiting_holds_up_nobody(stage: Stage) -> None:
    mailbox = ReplayMailbox(Mailbox.latest(), stage, is_pushed=False)
    with pytest.raises(TimeoutError):
        mailbox.get(0.01)
    assert stage.readers.have_rested()
    mailbox.put_many([event(1)])
    mailbox.get(0.01)
    assert not stage.readers.have_rested()
    mailbox.close()
    with pytest.raises(ClosedError):
        mailbox.get(1)
    assert stage.readers.have_rested()


@pytest.mark.parametrize(
    ("policy", "room"),
    [
        (Mailbox.latest(), 64),
        (Mailbox.drop_oldest(3), 3),
        (Mailbox.block(1000), 64),
        (Mailbox.lossless(64 * 1024 * 1024), 64),
        (Mailbox.lossless(1000), 0),
        (Mailbox.drop_oldest(100, max_bytes=1000), 0),
        (Mailbox.throttle(1), 0),
    ],
    ids=str,
)
def test_how_many_pass_at_once_depends_on_the_policy(stage: Stage, policy: Mailbox, room: int) -> None:
    mailbox = ReplayMailbox(policy, stage, is_pushed=True)
    assert mailbox.room == room
    for count in range(1, room + 1):
        mailbox.put_many([event(n, f"KRW-{n}") for n in range(count)])
        taken = [one for _ in range(count) for one in mailbox.take_many(0, count)]
        assert len(taken) == count
    mailbox.passed += 5
    counts = mailbox.stats
    assert counts.received == counts.delivered == room * (room + 1) // 2 + 5
