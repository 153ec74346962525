import gc
import threading
from collections.abc import Iterator

import pytest

from tests.actors.ear import StandIn
from tests.conftest import wait_until
from websocket_v6.actors import watching as subject
from websocket_v6.actors.base import Actor, stop_and_join, tell
from websocket_v6.actors.failures import Death, Hang
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.watching import Watchman

TIMEOUT = 10.0


class Sleeper(Actor):
    """Sleeps at its first message until `gate` is open; `closed` once it is over."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.is_closed = threading.Event(), threading.Event()

    def on_receive(self, message: object) -> object:
        assert self.gate.wait(TIMEOUT)
        return None

    def inheritance(self) -> str:
        return "what it leaves"

    def close(self) -> None:
        self.is_closed.set()


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    ref = Sleeper.start()
    actor = ref._actor_weakref()
    assert actor is not None
    yield actor
    actor.gate.set()
    assert stop_and_join(ref, TIMEOUT)


def fall_asleep(sleeper: Sleeper) -> Ref:
    tell(sleeper.actor_ref, "sleep")
    wait_until(lambda: sleeper.actor_inbox.turn % 2 and sleeper.actor_inbox.empty(), "its sleep")
    return sleeper.actor_ref


def test_who_hangs_is_found_with_the_place_where(sleeper: Sleeper) -> None:
    watchman, ref = Watchman(0.0, limit=2.0), fall_asleep(sleeper)
    assert [watchman.look({"a": ref}, float(now)) for now in (1, 2)] == [{}, {}]
    found = watchman.look({"a": ref}, 3.0)["a"]
    assert isinstance(found, Hang)
    assert "self.gate.wait" in found.stack


def test_who_was_given_up_closes_once_it_goes_on(sleeper: Sleeper) -> None:
    watchman, ref = Watchman(0.0, limit=2.0), fall_asleep(sleeper)
    tell(ref, "and what lies behind it")
    assert watchman.give_up(ref, is_alive=True) == "what it leaves"
    assert not tell(ref, "anybody there?")
    assert not sleeper.is_closed.is_set()
    sleeper.gate.set()
    assert sleeper.is_closed.wait(TIMEOUT)


def test_only_so_many_are_given_up(
    sleeper: Sleeper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(subject, "MOST_GIVEN_UP", 1)
    watchman, ref = Watchman(0.0, limit=1.0), fall_asleep(sleeper)
    watchman.look({"a": ref, "b": ref}, 1.0)
    assert set(watchman.look({"a": ref, "b": ref}, 2.0)) == {"a", "b"}
    watchman.give_up(ref, is_alive=True)
    for now in (3.0, 4.0):
        assert watchman.look({"b": ref}, now) == {}
    assert caplog.text.count("the engine's b hangs and is not replaced") == 1
    sleeper.gate.set()
    assert sleeper.actor_inbox.thread is not None
    sleeper.actor_inbox.thread.join(TIMEOUT)
    assert watchman._may_give_up("b"), "those that have ended do not count"


def test_who_is_dead_is_found_at_the_second_look() -> None:
    ref = Sleeper.start()
    assert stop_and_join(ref, TIMEOUT)
    watchman = Watchman(0.0)
    assert watchman.look({"a": ref}, 1.0) == {}
    assert isinstance(watchman.look({"a": ref}, 2.0)["a"], Death)


def test_what_cannot_be_read_is_nothing(
    sleeper: Sleeper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Sleeper, "inheritance", lambda _: 1 / 0)
    assert Watchman(0.0).give_up(sleeper.actor_ref, is_alive=True) is None
    assert "what the engine's Sleeper leaves cannot be read" in caplog.text
    assert sleeper.is_closed.wait(TIMEOUT), "who waits for messages ends at once"


def test_who_is_no_actor_of_ours_is_let_alone() -> None:
    assert Watchman(0.0).look({"a": StandIn("a").ref}, 1.0) == {}


class Departing(Sleeper):
    """Is ended by its first message, without a word."""

    def on_receive(self, message: object) -> object:
        raise SystemExit

    def on_failure(self, _type: object, value: BaseException | None, _traceback: object) -> None:
        """Say nothing."""


def test_what_a_dead_one_leaves_is_there_however_late_it_is_asked_for() -> None:
    """A thread that ends lets go of its actor, and nobody else holds one: it was collected, with what it leaves."""
    watchman, ref = Watchman(0.0), Departing.start()
    watchman.look({"a": ref}, 0.0)
    tell(ref, "go")
    assert stop_and_join(ref, TIMEOUT)
    gc.collect()
    assert [watchman.look({"a": ref}, float(now)).get("a") is not None for now in (1, 2)] == [False, True]
    assert watchman.give_up(ref, is_alive=False) == "what it leaves"
