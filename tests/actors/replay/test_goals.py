"""Up to where a replay is played for who waits."""

from pathlib import Path
from typing import Any

from tests.replays import SECOND, market, write
from websocket_v6.actors.delivery.route import Route
from websocket_v6.actors.future import Future
from websocket_v6.actors.messages.replay import AwaitData
from websocket_v6.actors.replay.goals import Goals
from websocket_v6.actors.replay.recorded_tape import Tape
from websocket_v6.actors.replay.stage import Stage
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.replaying import Replay


class World:
    """Routes of four streams, and who waits for them."""

    def __init__(self, path: Path) -> None:
        self.stage = Stage(Tape(Replay(write(path / "a.wsr", market(5)))))
        self.routes = {f"ticker {code}": Route(f"ticker {code}", 0) for code in "ABCD"}
        self.goals = Goals(self.stage, self.routes)
        self.ready: Future[bool] = Future()

    def wait(self, named: str, listed: str = "", reader: Any = None) -> None:
        names = [tuple(f"ticker {code}" for code in codes) for codes in (named, listed)]
        self.goals.add(AwaitData(names[0], names[1], reader, self.ready))

    def come(self, code: str, at: float) -> None:
        self.routes[f"ticker {code}"].last = make_event(f"ticker {code}", b"{}", 1, 1)
        self.look(at)

    def look(self, at: float) -> None:
        self.stage.mono_ns = int(at * SECOND)
        self.goals.look()

    @property
    def is_met(self) -> bool:
        return not self.goals


def test_it_is_met_when_all_that_are_named_have_data(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.wait("AB")
    world.come("A", 1)
    assert not world.is_met
    world.come("B", 2)
    assert world.is_met
    assert world.ready.get(timeout=0)


def test_of_what_is_listed_some_is_enough_once_no_more_comes(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.wait("A", "BCD")
    world.come("A", 1)
    world.look(60)
    assert not world.is_met  # nothing of the pattern has come
    world.come("B", 61)
    world.come("C", 62.9)
    world.look(64.9)
    assert not world.is_met
    world.look(65)
    assert world.is_met


def test_at_the_end_of_the_recording_nobody_waits_any_more(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.wait("A")
    world.stage.is_over = True
    world.look(1)
    assert world.ready.get(timeout=0) is False


def test_who_is_to_come_back_holds_it_up_from_then_on(tmp_path: Path) -> None:
    world = World(tmp_path)
    reader = world.stage.reader()
    world.wait("A", reader=reader)
    assert world.stage.readers.have_rested()
    world.come("A", 1)
    assert not world.stage.readers.have_rested()


def test_it_says_up_to_when_many_records_may_be_played_without_a_look(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.goals.until_ns == float("inf")
    world.wait("A", "BC")
    world.come("B", 1)
    assert world.goals.until_ns == float("inf")  # the first message of A is looked at in any case
    world.come("A", 2)
    until_ns = int(world.goals.until_ns)
    world.look((until_ns - 1) / SECOND)
    assert not world.is_met
    world.look(until_ns / SECOND)
    assert world.is_met
