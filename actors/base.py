"""What every actor here has: a fast inbox, timers of its own, and a way to tell an actor that may be gone.

pykka has no timers. Here they live in the inbox: the actor's own thread, waiting for its next message, wakes when a
timer is due and handles the timer's message like any other. No timer thread, no lock: only the actor touches its heap.
A timer waits its turn: what lay in the inbox when it was due is handled before it, so that an actor which was held up
never judges before it has heard what came in time.
"""

import contextlib
import heapq
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import pykka
from pykka._envelope import Envelope

__all__ = ["Actor", "Future", "TimedInbox", "Timer", "ask", "last_words", "stop_and_join", "stop_child", "tell"]

logger = logging.getLogger(__name__)

STOP_TIMEOUT = 5.0

T = TypeVar("T")


class Future(pykka.ThreadingFuture[T]):
    """An answer to come, for those who wait for it and for those who must not: they have themselves called."""

    def __init__(self) -> None:
        super().__init__()
        self._told = threading.Lock()
        self._is_done = False
        self._calls: list[Callable[[], object]] = []

    def then(self, call: Callable[[], object]) -> None:
        """Have `call` called once the answer is there, in the thread that gives it; at once if it is there already."""
        with self._told:
            if not self._is_done:
                self._calls.append(call)
                return
        call()

    def set(self, value: T | None = None) -> None:
        super().set(value)
        self._tell()

    def set_exception(self, exc_info: Any = None) -> None:
        super().set_exception(exc_info)
        self._tell()

    def _tell(self) -> None:
        with self._told:
            self._is_done = True
            calls, self._calls = self._calls, []
        for call in calls:
            call()


class Timer:
    """A message that its actor will receive at `due` (monotonic seconds) unless it is cancelled first."""

    __slots__ = ("due", "message")

    def __init__(self, due: float, message: object) -> None:
        self.due = due
        self.message = message

    def cancel(self) -> None:
        """Forget the message. Only the actor that set the timer may call this; a second call does nothing."""
        self.message = None


class TimedInbox:
    """An actor's inbox that also yields timers when they are due.

    `queue.SimpleQueue` because its `put` is reentrant: a proxy collected as garbage tells its actor from wherever the
    collector happened to run, and that may be inside another `put`.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Envelope[Any]] = queue.SimpleQueue()
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._due: Timer | None = None  # the timer whose turn it is, once `_ahead` messages are handled
        self._ahead = 0
        self.thread: threading.Thread | None = None  # the actor's, for whoever stops it and waits
        self.ended: Future[None] = Future()  # set when the actor is done, for whoever cannot wait
        self.put: Callable[[Envelope[Any]], None] = self._queue.put
        self.empty: Callable[[], bool] = self._queue.empty
        self.qsize: Callable[[], int] = self._queue.qsize

    def get(self) -> Envelope[Any]:
        """Wait for the next message or the next due timer. What came before a timer was due goes before it."""
        while self._heap:
            due, _, timer = self._heap[0]
            if timer.message is None:
                heapq.heappop(self._heap)
                continue
            remaining = due - time.monotonic()
            if remaining > 0:
                try:
                    return self._take(min(remaining, threading.TIMEOUT_MAX))
                except queue.Empty:
                    continue
            if self._due is not timer:
                self._due, self._ahead = timer, self._queue.qsize()
            if self._ahead:
                self._ahead -= 1
                return self._queue.get()
            heapq.heappop(self._heap)
            return Envelope(timer.message)
        while True:
            with contextlib.suppress(queue.Empty):
                return self._take(None)

    def _take(self, timeout: float | None) -> Envelope[Any]:
        """Wait for the next message; raises queue.Empty after `timeout` seconds, or before."""
        return self._queue.get(timeout=timeout)

    def add(self, timer: Timer) -> None:
        heapq.heappush(self._heap, (timer.due, next(self._order), timer))

    def join(self, timeout: float) -> bool:
        """Wait until the actor is done; return whether it is, or will be once it has handled what it is at."""
        if self.thread is None or self.thread is threading.current_thread():
            return True
        self.thread.join(timeout)
        return not self.thread.is_alive()


class Actor(pykka.ThreadingActor):
    """Base of all actors. Subclasses handle messages in `on_receive` and close what they own in `close`.

    The thread is a daemon so that a user callback that never returns cannot hold up the interpreter's exit; the engine
    stops every actor in order before that (see `websocket_v6/engine.py`), so none is left when all goes well.
    """

    use_daemon_thread: ClassVar[bool] = True
    actor_inbox: TimedInbox

    @staticmethod
    def _create_actor_inbox() -> TimedInbox:
        return TimedInbox()

    @staticmethod
    def _create_future() -> Future[Any]:
        return Future()

    def _start_actor_loop(self) -> None:
        # pykka keeps no reference to the thread, and a stopped actor's thread lives on for a moment.
        thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=self.use_daemon_thread)
        self.actor_inbox.thread = thread
        thread.start()

    def _run(self) -> None:
        try:
            self._actor_loop()
        finally:
            self.actor_inbox.ended.set()

    def after(self, delay: float, message: object) -> Timer:
        """Have `message` delivered to this actor in `delay` seconds. Only for the actor's own thread."""
        return self.at(time.monotonic() + delay, message)

    def at(self, due: float, message: object) -> Timer:
        """Have `message` delivered to this actor at `due` (monotonic seconds). Only for the actor's own thread."""
        timer = Timer(due, message)
        self.actor_inbox.add(timer)
        return timer

    def close(self) -> None:
        """Close what this actor owns; called exactly once, however the actor ends."""

    def failed(self, error: BaseException) -> None:
        """Tell whoever must know that a bug ended this actor; called after `close`."""

    def on_stop(self) -> None:
        self.close()

    def on_failure(self, _type: object, value: BaseException | None, _traceback: object) -> None:
        self.close()
        if value is not None:
            self.failed(value)


def tell(ref: "pykka.ActorRef[Any] | None", message: object) -> bool:
    """Tell `ref` something unless it is gone, which is no error: it may stop at any moment. True if it was told."""
    if ref is None:
        return False
    try:
        ref.tell(message)
    except pykka.ActorDeadError:
        return False
    return True


def ask(ref: "pykka.ActorRef[Any]", message: object, timeout: float) -> Any:
    """Ask `ref` and wait for the answer.

    Raises:
        pykka.ActorDeadError: if it is gone.
        pykka.Timeout: if it does not answer within `timeout` seconds.
        Exception: whatever it answers with.
    """
    return ref.ask(message, timeout=timeout)


def stop_and_join(ref: "pykka.ActorRef[Any]", timeout: float) -> bool:
    """Stop an actor and wait until its thread is gone; from that thread itself, do not wait.

    Returns whether it is gone, or will be as soon as the message being handled is done.
    """
    with contextlib.suppress(pykka.ActorDeadError):
        ref.stop(block=False)
    inbox = ref.actor_inbox
    return not isinstance(inbox, TimedInbox) or inbox.join(timeout)


def last_words(name: str, ref: "pykka.ActorRef[Any]", question: object) -> Any:
    """Ask a child that is to be stopped what its successor begins with; None if it has failed: then it says it itself.

    One that does not answer within a few seconds is named in the log, and answers nothing.
    """
    try:
        return ask(ref, question, STOP_TIMEOUT)
    except pykka.ActorDeadError:
        return None
    except pykka.Timeout:
        logger.warning("the engine's %s does not answer", name)
        return None


def stop_child(name: str, ref: "pykka.ActorRef[Any]") -> None:
    """Stop a child and wait for its thread; one that goes on all the same is named in the log."""
    if not stop_and_join(ref, STOP_TIMEOUT):
        logger.warning("the engine's %s did not stop within %g s", name, STOP_TIMEOUT)
