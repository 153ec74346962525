"""Who reads, and when all have come back; whose clock it is."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.replays import market, write
from websocket_v6.actors.replay.recorded_tape import Tape
from websocket_v6.actors.replay.stage import Readers, Stage, reader
from websocket_v6.protocol.replaying import Replay


class Box:
    def __init__(self) -> None:
        self.is_full = False

    def has_due(self) -> bool:
        return self.is_full


ONE: Any = threading.current_thread()


def another() -> Any:
    return threading.Thread(target=lambda: None, name="another")


def test_all_have_rested_while_nobody_has_anything() -> None:
    told: list[bool] = []
    readers, box, two = Readers(lambda: told.append(True)), Box(), another()
    assert readers.have_rested()
    readers.comes(ONE)
    assert not readers.have_rested()
    readers.comes(two)
    readers.waits(ONE, box)
    assert not told
    readers.waits(two, box)
    assert told == [True]
    box.is_full = True  # something was put in, which one of the two is about to take
    assert not readers.have_rested()
    readers.comes(two)
    box.is_full = False
    assert not readers.have_rested()
    readers.leaves(two)
    assert told == [True, True]
    assert readers.have_rested()
    readers.comes(ONE)
    readers.waits(ONE, box)
    assert told == [True, True], "nobody had asked"


def test_a_full_box_that_nobody_waits_for_holds_up_nothing() -> None:
    readers, box = Readers(lambda: None), Box()
    box.is_full = True
    assert readers.have_rested()


def test_who_is_at_something_else_has_a_name_and_who_has_ended_is_forgotten() -> None:
    readers, two = Readers(lambda: None), another()
    readers.comes(ONE)
    two.start()
    two.join(5)
    readers.comes(two)
    assert readers.busy() == [f"thread {ONE.name}"]
    assert reader() is ONE


@pytest.mark.parametrize(("speed", "rate"), [("max", None), (10.0, 10.0)])
def test_the_clock_is_the_router_s_or_goes_by_itself(tmp_path: Path, speed: Any, rate: float | None) -> None:
    stage = Stage(Tape(Replay(write(tmp_path / "a.wsr", market(20)), speed)))
    stage.mono_ns = 5_000_000_000
    assert stage.now() == 5.0
    assert stage.is_lockstep == (rate is None)
    stage.has_begun = True
    stage.set_out(5.0)
    before, begun = stage.now(), time.monotonic()
    wait_until(lambda: time.monotonic() > begun, "time went on")
    assert (stage.now() > before) == (rate is not None)
    if rate is not None:
        assert stage.wall(stage.now()) == pytest.approx(time.monotonic(), abs=0.05)
        assert stage.wall(25.0) - stage.wall(5.0) == pytest.approx(2.0)
