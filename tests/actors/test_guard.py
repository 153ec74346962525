"""Who watches the supervisor: one that is dead or hangs has a successor, which begins with what it left."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.actors.children import House
from tests.actors.ear import Ear
from tests.conftest import wait_until
from websocket_v6.actors import guard as subject
from websocket_v6.actors.base import ask, stop_and_join, tell
from websocket_v6.actors.failures import Hang
from websocket_v6.actors.guard import Guard
from websocket_v6.actors.membership.place import Placed, Role
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.supervisor import GetChildren, Join, Quit
from websocket_v6.actors.supervisor import Legacy, Supervisor
from websocket_v6.actors.watching import Watchman
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.supervision.restarts import Restarts
from websocket_v6.protocol.supervision.steps import Started

TIMEOUT = 10.0


class World:
    """A guard, and a supervisor of stand-ins."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(subject, "LOOK", 0.01)
        self.house = House(monkeypatch)
        self.can_start = True
        self.refs: list[Ref] = []
        self.guard = Guard(self.start)
        self.guard.start()

    def start(self, legacy: Legacy | None) -> Ref:
        if not self.can_start:
            raise RuntimeError("can't start new thread")
        ref = Supervisor.start(Config(), legacy=legacy)
        self.refs.append(ref)
        return ref

    def end(self) -> None:
        self.guard.finish()
        assert stop_and_join(self.guard.supervisor, TIMEOUT)

    def successor(self) -> Ref:
        wait_until(lambda: len(self.refs) > 1 and self.guard.supervisor is self.refs[-1], "a successor")
        return self.refs[-1]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    one = World(monkeypatch)
    yield one
    one.end()


def kill(monkeypatch: pytest.MonkeyPatch, ref: Ref) -> None:
    """Have a supervisor end as through an exit that was raised in its thread."""
    heed = Supervisor._heed

    def heed_or_exit(self: Supervisor, message: object) -> None:
        if message == "exit":
            raise SystemExit
        heed(self, message)

    monkeypatch.setattr(Supervisor, "_heed", heed_or_exit)
    tell(ref, "exit")
    ref.actor_inbox.thread.join(TIMEOUT)  # type: ignore[attr-defined]


def test_a_supervisor_that_dies_has_a_successor_with_the_same_components_and_wants(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, component = world.refs[0], Ear()
    ask(first, Join("one", component.ref), TIMEOUT)
    world.house.told()
    kill(monkeypatch, first)
    second = world.successor()
    ask(second, Quit("nobody"), TIMEOUT)
    told = world.house.told()
    assert [one for one in told if one.endswith(": stop")] == [
        "public 1: stop",
        "private 2: stop",
        "info 3: stop",
        "router 1: stop",
        "registry 1: stop",
        "jwt 1: stop",
    ], "nothing of the old one goes on"
    wait_until(lambda: ask(second, GetChildren(), TIMEOUT).connections["info"], "all children")
    told += world.house.told()
    assert told.index("jwt 1: stop") < told.index("jwt 2: start")
    assert "registry 2: watch one" in told
    assert world.house.arguments["router 2"]["inheritance"] is not None
    assert "the engine's supervisor failed" in caplog.text
    assert "bug" in caplog.text


def test_a_supervisor_that_hangs_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, gate = world.refs[0], threading.Event()
    ask(first, Join("one", Ear().ref), TIMEOUT)

    class Impatient(Watchman):
        def look(self, refs: Any, now: float) -> Any:
            hangs = refs[subject.PART] is first and first.actor_inbox.turn % 2
            return {subject.PART: Hang(120.0, "")} if hangs else {}

    monkeypatch.setattr(Supervisor, "_placed", lambda *_: gate.wait(TIMEOUT))
    tell(first, Placed(Role.HOST))
    world.guard._watchman = Impatient(0.0)
    second = world.successor()
    assert not first.is_alive()
    assert ask(second, GetChildren(), TIMEOUT).registry is not None
    gate.set()
    wait_until(lambda: not first.actor_inbox.thread.is_alive(), "its end")  # type: ignore[attr-defined]
    assert ask(second, GetChildren(), TIMEOUT).registry is not None, "whose children are others"


def test_a_successor_that_cannot_be_started_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(world.guard, "_restarts", Restarts(lambda: 0.05))
    world.guard._restarts.handle(Started(subject.PART), 0.0)
    world.can_start = False
    kill(monkeypatch, world.refs[0])
    wait_until(lambda: caplog.text.count("no more threads may be started") > 1, "two attempts")
    world.can_start = True
    world.successor()


def test_a_guard_that_is_to_finish_does_while_it_tries(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.guard, "_restarts", Restarts(lambda: 1.0))
    world.guard._restarts.handle(Started(subject.PART), 0.0)
    world.can_start = False
    kill(monkeypatch, world.refs[0])
    wait_until(lambda: len(world.guard._restarts.troubles) > 0 or not world.guard.is_alive(), "its first attempt")
    world.guard.finish()
    assert not world.guard.is_alive()


def test_what_fails_in_the_guard_ends_it_not(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    look: Callable[..., Any] = Guard._look
    monkeypatch.setattr(Guard, "_look", lambda _: 1 / 0)
    wait_until(lambda: "the guard of the engine failed" in caplog.text, "its failure")
    monkeypatch.setattr(Guard, "_look", look)
    kill(monkeypatch, world.refs[0])
    world.successor()


def test_the_first_that_cannot_be_started_is_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        Guard(lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
