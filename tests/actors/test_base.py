import math
import queue
import threading
from collections.abc import Iterator

import pykka
import pytest

from tests.conftest import wait_until
from websocket_v6.actors.base import (
    LONGEST_WAIT,
    Actor,
    TimedInbox,
    ask,
    await_future,
    stop_and_join,
    tell,
)


class Echo(Actor):
    """Puts what it receives on a queue, and sets or cancels timers when told."""

    def __init__(self, out: "queue.SimpleQueue[object]") -> None:
        super().__init__()
        self.out = out
        self.timers: dict[str, object] = {}

    def on_receive(self, message: object) -> object:
        match message:
            case ("wait", threading.Event() as gate):
                assert gate.wait(5)
            case ("after", float(delay), str(name)):
                self.timers[name] = self.after(delay, name)
            case ("cancel", str(name)):
                self.timers[name].cancel()  # type: ignore[attr-defined]
            case "fail":
                raise RuntimeError("as told")
            case _:
                self.out.put(message)
        return None

    def close(self) -> None:
        self.out.put("closed")

    def failed(self, error: BaseException) -> None:
        self.out.put(error)


Out = queue.SimpleQueue[object]


@pytest.fixture
def out() -> Out:
    return queue.SimpleQueue()


@pytest.fixture
def echo(out: Out) -> Iterator[object]:
    ref = Echo.start(out)
    yield ref
    assert stop_and_join(ref, 5.0)


def test_timers_come_in_the_order_of_their_times(echo: object, out: Out) -> None:
    for delay, name in [(0.05, "last"), (0.0, "first"), (0.02, "middle")]:
        tell(echo, ("after", delay, name))  # type: ignore[arg-type]
    assert [out.get(timeout=20) for _ in range(3)] == ["first", "middle", "last"]


def test_a_cancelled_timer_says_nothing(echo: object, out: Out) -> None:
    tell(echo, ("after", 0.01, "cancelled"))  # type: ignore[arg-type]
    tell(echo, ("after", 0.03, "kept"))  # type: ignore[arg-type]
    tell(echo, ("cancel", "cancelled"))  # type: ignore[arg-type]
    assert out.get(timeout=20) == "kept"


def test_messages_pass_while_a_timer_waits(echo: object, out: Out) -> None:
    tell(echo, ("after", 30.0, "late"))  # type: ignore[arg-type]
    tell(echo, "now")  # type: ignore[arg-type]
    assert out.get(timeout=20) == "now"


def test_what_came_before_a_timer_was_due_is_handled_before_it(echo: object, out: Out) -> None:
    gate = threading.Event()
    tell(echo, ("after", 0.0, "first timer"))  # type: ignore[arg-type]
    tell(echo, ("after", 0.0, "second timer"))  # type: ignore[arg-type]
    tell(echo, ("wait", gate))  # type: ignore[arg-type]
    tell(echo, ("after", 0.0, "third timer"))  # type: ignore[arg-type]
    for number in range(3):
        tell(echo, number)  # type: ignore[arg-type]
    gate.set()
    heard = [out.get(timeout=20) for _ in range(6)]
    assert heard.index("third timer") > heard.index(2), "it was set while all of them lay there"
    assert [one for one in heard if isinstance(one, int)] == [0, 1, 2]


def test_a_timer_comes_although_messages_never_end(out: Out) -> None:
    class Busy(Echo):
        def on_receive(self, message: object) -> object:
            if message == "again":
                tell(self.actor_ref, "again")
                return None
            return super().on_receive(message)

    ref = Busy.start(out)
    tell(ref, "again")
    tell(ref, ("after", 0.01, "timer"))
    assert out.get(timeout=20) == "timer"
    assert stop_and_join(ref, 5.0)


def test_a_failure_closes_and_is_told(out: Out, caplog: pytest.LogCaptureFixture) -> None:
    ref = Echo.start(out)
    tell(ref, "fail")
    assert out.get(timeout=20) == "closed"
    assert isinstance(out.get(timeout=20), RuntimeError)
    assert stop_and_join(ref, 5.0)
    assert tell(ref, "anyone there?") is False


def test_a_stopped_actor_has_no_thread(out: Out) -> None:
    ref = Echo.start(out)
    assert stop_and_join(ref, 5.0)
    assert out.get(timeout=20) == "closed"
    assert not ref.actor_inbox.thread.is_alive()  # type: ignore[attr-defined]


def test_nobody_is_told_nothing() -> None:
    assert tell(None, "hello") is False


def test_the_end_of_an_actor_is_told() -> None:
    ended = threading.Event()
    ref = Echo.start(queue.SimpleQueue())
    inbox = ref.actor_inbox
    assert isinstance(inbox, TimedInbox)
    inbox.ended.then(ended.set)
    assert not ended.is_set()
    assert stop_and_join(ref, 10)
    assert ended.wait(10)


# --- whatever ends an actor is told


class Fragile(Echo):
    """Raises what it is given: at its start, or when it is told."""

    def __init__(self, out: Out, at_start: BaseException | None = None, at_close: BaseException | None = None) -> None:
        super().__init__(out)
        self.at_start, self.at_close = at_start, at_close

    def on_start(self) -> None:
        if self.at_start is not None:
            raise self.at_start

    def on_receive(self, message: object) -> object:
        if isinstance(message, BaseException):
            raise message
        return super().on_receive(message)

    def close(self) -> None:
        super().close()
        if self.at_close is not None:
            raise self.at_close


ERRORS = [RuntimeError("a bug"), SystemExit(1), KeyboardInterrupt(), MemoryError()]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_start_that_fails_is_told(out: Out, error: BaseException) -> None:
    ref = Fragile.start(out, error)
    assert [out.get(timeout=5), out.get(timeout=5)] == ["closed", error]
    assert stop_and_join(ref, 5.0)


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_handler_that_raises_anything_ends_its_actor_alone(echo: object, out: Out, error: BaseException) -> None:
    """pykka stops all actors of the process after SystemExit and the like."""
    ref = Fragile.start(out)
    tell(ref, error)
    assert [out.get(timeout=5), out.get(timeout=5)] == ["closed", error]
    assert stop_and_join(ref, 5.0)
    tell(echo, "there?")  # type: ignore[arg-type]
    assert out.get(timeout=5) == "there?"


@pytest.mark.parametrize("error", [RuntimeError("a bug"), OverflowError("timeout value is too large")], ids=repr)
def test_an_inbox_that_raises_is_told(out: Out, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def take(_self: TimedInbox, _timeout: float | None) -> object:
        raise error

    monkeypatch.setattr(TimedInbox, "_take", take)
    ref = Fragile.start(out)
    assert [out.get(timeout=5), out.get(timeout=5)] == ["closed", error]
    assert stop_and_join(ref, 5.0)


def test_a_failure_is_told_although_closing_fails_too(out: Out, caplog: pytest.LogCaptureFixture) -> None:
    error = RuntimeError("a bug")
    ref = Fragile.start(out, at_close=OSError("and another"))
    tell(ref, error)
    assert [out.get(timeout=5), out.get(timeout=5)] == ["closed", error]
    assert stop_and_join(ref, 5.0)
    assert "could not close all that it owns" in caplog.text


def test_an_end_that_fails_is_logged_and_nobody_is_to_replace_it(out: Out, caplog: pytest.LogCaptureFixture) -> None:
    ref = Fragile.start(out, at_close=OSError("it is gone"))
    assert stop_and_join(ref, 5.0)
    assert out.get(timeout=5) == "closed"
    assert out.empty()
    assert "the end of a Fragile failed" in caplog.text


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_who_asks_hears_what_the_question_raised(out: Out, error: BaseException) -> None:
    ref = Fragile.start(out)
    with pytest.raises(type(error)):
        ask(ref, error, 5.0)
    assert ref.is_alive() is isinstance(error, Exception), "a question that fails ends nobody, but for an exit"
    assert stop_and_join(ref, 5.0)


def test_who_has_nobody_to_tell_says_it_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Lone(Actor):
        def on_receive(self, message: object) -> object:
            raise RuntimeError("a bug")

    ref = Lone.start()
    tell(ref, "fail")
    assert stop_and_join(ref, 5.0)
    assert "a Lone failed; this is a bug" in caplog.text


def test_an_actor_whose_thread_cannot_be_started_leaves_nothing(out: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", lambda _: (_ for _ in ()).throw(RuntimeError("can't start new")))
    with pytest.raises(RuntimeError):
        Echo.start(out)
    assert not any(ref.actor_class is Echo for ref in pykka.ActorRegistry.get_all())


# --- time


@pytest.mark.parametrize("delay", [math.inf, 1e300, 2.5e11, 9.3e9, 3e6, LONGEST_WAIT + 1])
def test_a_timer_may_be_as_far_away_as_anybody_likes(echo: object, out: Out, delay: float) -> None:
    tell(echo, ("after", delay, "late"))  # type: ignore[arg-type]
    tell(echo, ("after", 0.0, "soon"))  # type: ignore[arg-type]
    assert out.get(timeout=5) == "soon"
    tell(echo, "still here")  # type: ignore[arg-type]
    assert out.get(timeout=5) == "still here"
    assert out.empty()


@pytest.mark.parametrize("delay", [math.nan, -math.inf, -1e300])
def test_what_is_no_time_is_now(echo: object, out: Out, delay: float) -> None:
    tell(echo, ("after", delay, "now"))  # type: ignore[arg-type]
    assert out.get(timeout=5) == "now"


@pytest.mark.parametrize("timeout", [math.inf, 1e300, 2.5e11, 9.3e9, 5.0])
def test_a_question_may_have_any_timeout(out: Out, timeout: float) -> None:
    ref = Echo.start(out)
    assert ask(ref, "a question", timeout) is None
    assert stop_and_join(ref, 5.0)
    future: pykka.Future[int] = pykka.ThreadingFuture()
    future.set(5)
    assert await_future(future, timeout) == 5


@pytest.mark.parametrize("timeout", [math.nan, -math.inf, -1.0, 0.0])
def test_who_gives_no_time_hears_nothing_in_time(timeout: float) -> None:
    future: pykka.Future[int] = pykka.ThreadingFuture()
    with pytest.raises(pykka.Timeout):
        await_future(future, timeout)


def test_a_turn_is_odd_while_a_message_is_handled(out: Out) -> None:
    ref, gate = Echo.start(out), threading.Event()
    inbox = ref.actor_inbox
    assert isinstance(inbox, TimedInbox)
    wait_until(lambda: inbox.turn % 2 == 0, "its wait")
    before = inbox.turn
    tell(ref, ("wait", gate))
    wait_until(lambda: inbox.turn == before + 1, "its work")
    gate.set()
    wait_until(lambda: inbox.turn == before + 2, "its wait")
    assert stop_and_join(ref, 5.0)


def test_who_is_asked_as_it_dies_is_not_waited_for(out: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message was taken out of the inbox, and nobody is left that knows of it."""
    taken = threading.Event()

    class Forgetful(Echo):
        def _handle_all(self) -> None:
            self.actor_inbox.get()
            taken.set()

        def _end_with(self, error: BaseException) -> None:
            raise AssertionError

    ref = Forgetful.start(out)
    future = ref.ask("a question", block=False)
    assert taken.wait(5)
    ref.actor_stopped.set()
    monkeypatch.setattr(pykka.ActorRef, "ask", lambda *_, **__: future)
    with pytest.raises(pykka.ActorDeadError, match="died before it answered"):
        ask(ref, "a question", 60.0)
    pykka.ActorRegistry.unregister(ref)
    ref.actor_inbox.thread.join(5.0)  # type: ignore[attr-defined]
