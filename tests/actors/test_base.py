import queue
import threading
from collections.abc import Iterator

import pytest

from websocket_v6.actors.base import Actor, Future, TimedInbox, stop_and_join, tell


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
    assert [out.get(timeout=5) for _ in range(3)] == ["first", "middle", "last"]


def test_a_cancelled_timer_says_nothing(echo: object, out: Out) -> None:
    tell(echo, ("after", 0.01, "cancelled"))  # type: ignore[arg-type]
    tell(echo, ("after", 0.03, "kept"))  # type: ignore[arg-type]
    tell(echo, ("cancel", "cancelled"))  # type: ignore[arg-type]
    assert out.get(timeout=5) == "kept"


def test_messages_pass_while_a_timer_waits(echo: object, out: Out) -> None:
    tell(echo, ("after", 30.0, "late"))  # type: ignore[arg-type]
    tell(echo, "now")  # type: ignore[arg-type]
    assert out.get(timeout=5) == "now"


def test_what_came_before_a_timer_was_due_is_handled_before_it(echo: object, out: Out) -> None:
    gate = threading.Event()
    tell(echo, ("after", 0.0, "first timer"))  # type: ignore[arg-type]
    tell(echo, ("after", 0.0, "second timer"))  # type: ignore[arg-type]
    tell(echo, ("wait", gate))  # type: ignore[arg-type]
    tell(echo, ("after", 0.0, "third timer"))  # type: ignore[arg-type]
    for number in range(3):
        tell(echo, number)  # type: ignore[arg-type]
    gate.set()
    heard = [out.get(timeout=5) for _ in range(6)]
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
    assert out.get(timeout=5) == "timer"
    assert stop_and_join(ref, 5.0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_failure_closes_and_is_told(out: Out, caplog: pytest.LogCaptureFixture) -> None:
    ref = Echo.start(out)
    tell(ref, "fail")
    assert out.get(timeout=5) == "closed"
    assert isinstance(out.get(timeout=5), RuntimeError)
    assert stop_and_join(ref, 5.0)
    assert tell(ref, "anyone there?") is False


def test_a_stopped_actor_has_no_thread(out: Out) -> None:
    ref = Echo.start(out)
    assert stop_and_join(ref, 5.0)
    assert out.get(timeout=5) == "closed"
    assert not ref.actor_inbox.thread.is_alive()  # type: ignore[attr-defined]


def test_nobody_is_told_nothing() -> None:
    assert tell(None, "hello") is False


def test_whoever_must_not_wait_is_called() -> None:
    called: list[str] = []
    value: Future[int] = Future()
    value.then(lambda: called.append("before"))
    assert not called
    value.set(1)
    value.then(lambda: called.append("after"))
    assert called == ["before", "after"]
    assert value.get(timeout=0) == 1
    failed: Future[int] = Future()
    failed.then(lambda: called.append("failed"))
    failed.set_exception((ValueError, ValueError("no"), None))
    assert called[-1] == "failed"
    with pytest.raises(ValueError, match="no"):
        failed.get(timeout=0)


def test_the_end_of_an_actor_is_told() -> None:
    ended = threading.Event()
    ref = Echo.start(queue.SimpleQueue())
    inbox = ref.actor_inbox
    assert isinstance(inbox, TimedInbox)
    inbox.ended.then(ended.set)
    assert not ended.is_set()
    assert stop_and_join(ref, 10)
    assert ended.wait(10)
