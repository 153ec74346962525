"""What goes out to one guest, through a pipe that has as much room as a test says."""

from typing import Any, cast

import pytest

from websocket_v6.actors.membership import outlet as subject
from websocket_v6.actors.membership.outlet import Outlet
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.events.make import make_event
from websocket_v6.protocol.membership import peers

STREAM = "trade KRW-ETH"


class Room:
    """A pipe that takes `room` messages more."""

    def __init__(self) -> None:
        self.room = 1_000_000
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> bool:
        if not self.room:
            return False
        self.room -= 1
        self.sent.append(data)
        return True


class World:
    """An outlet, its pipe, and a clock that stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(subject, "clock", lambda: self.now)
        self.pipe = Room()
        self.outlet = Outlet(cast(Any, self.pipe))
        self.outlet.outflow.want("public")

    def open(self, epoch: int = 1) -> None:
        self.outlet.put_news(peers.Changed("public", "open", epoch, 0, None, "", ""))

    def put(self, *numbers: int, epoch: int = 1) -> None:
        self.outlet.mailbox.put_many([event(number, epoch) for number in numbers])

    def wait(self, seconds: float) -> None:
        """Let time pass as it does for a process that runs, with a flush each second."""
        for _ in range(round(seconds)):
            self.now += 1.0
            assert self.outlet.flush() is None

    def words(self) -> list[str]:
        """Return what the guest has heard since, as words."""
        found: list[str] = []
        sent, self.pipe.sent = self.pipe.sent, []
        for data in sent:
            match peers.decode_from_host(data):
                case peers.Records(parts):
                    found += [payload.decode() for one in parts for payload in one.payloads]
                case peers.Changed(_, state, epoch):
                    found.append(f"{state} {epoch}")
                case said:
                    found.append(type(said).__name__)
        return found


def event(number: int, epoch: int) -> Event:
    return make_event(STREAM, str(number).encode(), epoch, number)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_all_goes_out_in_its_order_while_there_is_room(world: World) -> None:
    world.open()
    world.put(1, 2)
    world.outlet.put_news(peers.Refused("public", "StreamError", "no"))
    world.outlet.put(peers.Ping())
    assert world.outlet.flush() is None
    assert world.words() == ["Ping", "open 1", "1", "2", "Refused"], "a ping is of no order"
    assert world.outlet.wait is None
    assert world.outlet.flush() is None
    assert world.words() == []


def test_more_than_is_taken_at_once_goes_out_as_well(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "BATCH", 10)
    world.open()
    world.put(*range(1, 36))
    assert world.outlet.flush() is None
    assert world.words() == ["open 1", *map(str, range(1, 36))]
    assert world.outlet.mailbox.stats.queued == 0


def test_what_there_is_no_room_for_waits_in_the_mailbox(world: World) -> None:
    world.open()
    assert world.outlet.flush() is None
    world.words()
    world.pipe.room = 1
    world.put(1)
    assert world.outlet.flush() is None
    assert world.words() == ["1"]
    world.put(2)
    assert world.outlet.flush() is None
    world.put(3, 4)
    assert world.outlet.flush() is None
    assert world.outlet.mailbox.stats.queued == 2, "only what was to be sent next is out of it"
    assert world.words() == []
    world.pipe.room = 1000
    assert world.outlet.flush() is None
    assert world.words() == ["2", "3", "4"]


def test_a_full_pipe_is_tried_again_less_and_less_often(world: World) -> None:
    world.pipe.room = 0
    world.outlet.put(peers.Ping())
    waits = []
    for _ in range(8):
        assert world.outlet.flush() is None
        waits.append(world.outlet.wait)
    assert waits == [0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.1, 0.1]
    world.pipe.room = 1
    assert world.outlet.flush() is None
    assert world.outlet.wait is None
    world.outlet.put(peers.Ping())
    assert world.outlet.flush() is None
    assert world.outlet.wait == 0.002, "from the beginning"


# --- who is cut off


def test_who_makes_no_room_for_long_is_cut_off(world: World) -> None:
    world.pipe.room = 0
    world.outlet.put(peers.Ping())
    assert world.outlet.flush() is None
    world.wait(30)
    world.now += 1.0
    trouble = world.outlet.flush()
    assert trouble is not None
    assert "nothing for 30 s" in trouble.reason
    assert not trouble.may_be_told


def test_any_room_lets_the_patience_begin_anew(world: World) -> None:
    world.pipe.room = 0
    for _ in range(3):
        world.outlet.put(peers.Ping())
    assert world.outlet.flush() is None
    world.wait(29)
    world.pipe.room = 3
    world.wait(1)
    world.pipe.room = 0
    world.outlet.put(peers.Ping())
    world.wait(29)


def test_a_host_that_stood_still_cuts_nobody_off(world: World) -> None:
    world.pipe.room = 0
    world.outlet.put(peers.Ping())
    assert world.outlet.flush() is None
    world.now += 1000.0
    assert world.outlet.flush() is None
    world.wait(30)
    world.now += 1.0
    assert world.outlet.flush() is not None, "but now"


@pytest.mark.parametrize("kind", ["said", "news"])
def test_who_lets_too_much_wait_that_is_no_data_is_cut_off(world: World, kind: str) -> None:
    world.put(1)  # an epoch that is not told to be open: news behind it waits
    world.pipe.room = 0 if kind == "said" else 1000
    for _ in range(4096):
        if kind == "said":
            world.outlet.put(peers.Ping())
        else:
            world.outlet.put_news(peers.Refused("public", "StreamError", "no"))
    assert world.outlet.flush() is None
    world.outlet.put(peers.Ping())
    world.outlet.put_news(peers.Refused("public", "StreamError", "no"))
    trouble = world.outlet.flush()
    assert trouble is not None
    assert trouble == ("it does not read", False)


@pytest.mark.parametrize("has_room", [True, False])
def test_who_is_too_far_behind_is_cut_off(monkeypatch: pytest.MonkeyPatch, has_room: bool) -> None:
    monkeypatch.setattr(subject, "MEMORY_BYTES", 50)
    world = World(monkeypatch)
    world.open()
    assert world.outlet.flush() is None
    world.pipe.room = 0
    world.outlet.put(peers.Ping())
    assert world.outlet.flush() is None
    world.put(*range(1, 101))
    stats = world.outlet.mailbox.stats
    assert stats.dropped > 0
    assert stats.queued > 0
    world.words()
    if has_room:
        world.pipe.room = 1000
    trouble = world.outlet.flush()
    assert trouble is not None
    assert trouble.may_be_told is has_room
    assert f"{stats.dropped} messages were lost" in trouble.reason
    assert "more than 50 bytes" in trouble.reason
    delivered = stats.queued if has_room else 0
    assert f"{delivered} messages were sent" in trouble.reason
    assert world.words() == (["Ping", *map(str, range(1, delivered + 1))] if has_room else [])


# --- messages that are faster than the news of their epoch


def test_what_overtook_its_news_waits_for_it(world: World) -> None:
    world.open()
    world.put(1)
    world.put(2, epoch=2)
    assert world.outlet.flush() is None
    assert world.words() == ["open 1", "1"]
    assert world.outlet.wait == 0.1, "to look again although nothing may come"
    world.put(3, epoch=2)
    assert world.outlet.flush() is None
    assert world.words() == []
    assert world.outlet.mailbox.stats.queued == 1
    world.open(2)
    assert world.outlet.flush() is None
    assert world.words() == ["open 2", "2", "3"]
    assert world.outlet.wait is None


def test_it_does_not_wait_for_ever(world: World) -> None:
    world.put(1)
    assert world.outlet.flush() is None
    world.wait(30)
    world.now += 1.0
    trouble = world.outlet.flush()
    assert trouble is not None
    assert "lost count" in trouble.reason
    assert trouble.may_be_told


def test_waiting_for_news_begins_anew_each_time(world: World) -> None:
    world.put(1)
    assert world.outlet.flush() is None
    world.wait(29)
    world.open()
    assert world.outlet.flush() is None
    world.put(2, epoch=2)
    world.wait(29)
    world.now += 1000.0
    assert world.outlet.flush() is None, "nor does it count while this process stood still"


# --- its end


def test_after_the_end_nothing_goes_out_but_what_was_said(world: World) -> None:
    world.open()
    world.put(1)
    world.pipe.room = 0
    assert world.outlet.flush() is None
    assert not world.outlet.is_done
    world.put(2)
    world.outlet.close()
    world.open(2)
    world.put(3)
    world.outlet.put(peers.Goodbye("why", retry=True))
    assert not world.outlet.is_done
    assert world.outlet.flush() is None
    assert world.outlet.wait is not None
    world.pipe.room = 1000
    assert world.outlet.flush() is None
    assert world.words() == ["open 1", "1", "Goodbye"]
    assert world.outlet.is_done
    assert len(world.outlet.outflow) == 0


def test_what_the_end_dropped_is_no_reason_to_cut_off(world: World) -> None:
    world.open()
    world.pipe.room = 0
    world.outlet.put(peers.Ping())
    world.put(1)
    world.outlet.close()
    assert world.outlet.mailbox.stats.dropped == 1
    assert world.outlet.flush() is None
