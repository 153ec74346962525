"""What every actor here has: a fast inbox, timers of its own, and a way to tell an actor that may be gone.

pykka has no timers. Here they live in the inbox: the actor's own thread, waiting for its next message, wakes when a
timer is due and handles the timer's message like any other. No timer thread, no lock: only the actor touches its heap.
A timer waits its turn: what lay in the inbox when it was due is handled before it, so that an actor which was held up
never judges before it has heard what came in time.

The loop is ours as well. pykka's lets some errors pass: those of `on_start` and of the inbox end an actor without a
word, and SystemExit in a handler ends all actors of the process. Here whatever ends an actor is told, by `failed`.
"""

import contextlib
import heapq
import itertools
import logging
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import pykka
from pykka import messages as pykka_messages
from pykka._envelope import Envelope

from .future import Future

__all__ = [
    "GLANCE",
    "LONGEST_WAIT",
    "Actor",
    "TimedInbox",
    "Timer",
    "actor_of",
    "ask",
    "await_answer",
    "await_future",
    "bounded",
    "last_words",
    "stop_and_join",
    "stop_child",
    "tell",
]

logger = logging.getLogger(__name__)

STOP_TIMEOUT = 5.0
GLANCE = 0.25  # seconds between two looks whether who was asked is there
# Seconds that are waited in one go. More overflows in the interpreter (queues, conditions) or in the kernel (an epoll
# set counts milliseconds in 31 bits), so what is further away is waited for in several goes.
LONGEST_WAIT = 1_000_000.0

T = TypeVar("T")


def bounded(seconds: float) -> float:
    """Return what may be waited in one go: no less than 0, no more than LONGEST_WAIT, and 0 for what is no number."""
    return min(seconds, LONGEST_WAIT) if seconds > 0 else 0.0


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
        # Odd while a message is handled (before the first, `on_start`), and another number for each: whoever watches
        # sees whether the actor goes on, and the actor has no more to do for that than to count.
        self.turn = 1
        self.woken: deque[Callable[[], object]] = deque()  # called by the actor's thread when it wakes, first of all
        self.ended: Future[None] = Future()  # set when the actor is done, for whoever cannot wait
        self.put: Callable[[Envelope[Any]], None] = self._queue.put
        self.empty: Callable[[], bool] = self._queue.empty
        self.qsize: Callable[[], int] = self._queue.qsize

    def get(self) -> Envelope[Any]:
        """Wait for the next message or the next due timer. What came before a timer was due goes before it."""
        self.turn += 1
        try:
            return self._next()
        finally:
            self.turn += 1
            if self.woken:  # who has put something there, and after that sees that this waits, knows that it is called
                self._call_woken()

    @property
    def is_waiting(self) -> bool:
        """Whether the actor's thread waits for a message, or is about to wake."""
        return self.turn % 2 == 0

    def _call_woken(self) -> None:
        while True:
            try:
                call = self.woken.popleft()
            except IndexError:
                return
            call()

    def _next(self) -> Envelope[Any]:
        while self._heap:
            due, _, timer = self._heap[0]
            if timer.message is None:
                heapq.heappop(self._heap)
                continue
            remaining = due - time.monotonic()
            if remaining > 0:
                try:
                    return self._take(bounded(remaining))
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
            try:
                return self._take(None)
            except queue.Empty:
                continue

    def _take(self, timeout: float | None) -> Envelope[Any]:
        """Wait for the next message; raises queue.Empty after `timeout` seconds, or before."""
        return self._queue.get(timeout=timeout)

    def add(self, timer: Timer) -> None:
        heapq.heappush(self._heap, (timer.due, next(self._order), timer))

    def close(self) -> None:
        """Close what waiting takes. What lies in the inbox can still be taken out."""

    def join(self, timeout: float) -> bool:
        """Wait until the actor is done; return whether it is, or will be once it has handled what it is at."""
        if self.thread is None or self.thread is threading.current_thread():
            return True
        self.thread.join(bounded(timeout))
        return not self.thread.is_alive()


class Actor(pykka.ThreadingActor):
    """Base of all actors. Subclasses handle messages in `on_receive` and close what they own in `close`.

    The thread is a daemon so that a user callback that never returns cannot hold up the interpreter's exit; the engine
    stops every actor in order before that (see `websocket_v6/engine.py`), so none is left when all goes well.
    """

    use_daemon_thread: ClassVar[bool] = True
    actor_inbox: TimedInbox
    _has_closed = False

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
        try:
            thread.start()
        except BaseException:  # no more threads: it never was
            self.actor_inbox.thread = None
            self.actor_inbox.ended.set()
            pykka.ActorRegistry.unregister(self.actor_ref)
            self.actor_stopped.set()
            self.actor_inbox.close()
            raise

    def _actor_loop(self) -> None:
        """Handle one message after the other, until the actor is stopped or something ends it."""
        try:
            self.on_start()
            self._handle_all()
            self._close_once()  # it was given up meanwhile
        except BaseException as exc:  # noqa: BLE001 - whatever it is, it ends this actor and no other
            self._end_with(exc)
        finally:
            self._actor_loop_teardown()

    def _handle_all(self) -> None:
        inbox, stopped = self.actor_inbox, self.actor_stopped
        while not stopped.is_set():
            envelope = inbox.get()
            message = envelope.message
            try:
                if isinstance(message, pykka_messages._ActorStop):
                    response: object = None
                    self._stop()
                else:
                    response = self.on_receive(message)
            except BaseException as exc:
                if envelope.reply_to is not None:  # who asked hears of it, and the actor goes on
                    envelope.reply_to.set_exception((type(exc), exc, exc.__traceback__))
                    if isinstance(exc, Exception) and not stopped.is_set():
                        continue
                raise
            if envelope.reply_to is not None:
                envelope.reply_to.set(response)

    def _stop(self) -> None:
        pykka.ActorRegistry.unregister(self.actor_ref)
        if not self.actor_stopped.is_set():
            self.actor_stopped.set()
            self.on_stop()

    def _end_with(self, error: BaseException) -> None:
        is_stopping = self.actor_stopped.is_set()  # in order, or given up: nobody is to replace it
        pykka.ActorRegistry.unregister(self.actor_ref)
        self.actor_stopped.set()
        if is_stopping:
            logger.error("the end of a %s failed", type(self).__name__, exc_info=error)
        else:
            self.on_failure(type(error), error, error.__traceback__)

    def give_up(self) -> None:
        """Have an actor end that does not end: after the message that it hangs on. Called from another thread.

        What it waits for is let go of where that is possible.
        """
        pykka.ActorRegistry.unregister(self.actor_ref)
        self.actor_stopped.set()
        self.actor_inbox.put(Envelope(pykka_messages._ActorStop()))  # it may be waiting for a message after all

    def _run(self) -> None:
        try:
            self._actor_loop()
        finally:
            self.actor_inbox.ended.set()

    def after(self, delay: float, message: object) -> Timer:
        """Have `message` delivered to this actor in `delay` seconds. Only for the actor's own thread."""
        return self.at(time.monotonic() + delay, message)

    def at(self, due: float, message: object) -> Timer:
        """Have `message` delivered to this actor at `due` (monotonic seconds). Only for the actor's own thread.

        Any time will do: one that is infinite never comes, what is no time is now.
        """
        timer = Timer(time.monotonic() if math.isnan(due) else due, message)
        self.actor_inbox.add(timer)
        return timer

    def inheritance(self) -> Any:
        """Return what a successor begins with (live); also called from another thread, of one that is dead or hangs."""
        return None

    def close(self) -> None:
        """Close what this actor owns; called exactly once, however the actor ends."""

    def failed(self, error: BaseException) -> None:
        """Tell whoever must know what ended this actor; called after `close`. Without one to tell, log it."""
        logger.error("a %s failed; this is a bug, please report it", type(self).__name__, exc_info=error)

    def on_stop(self) -> None:
        self._close_once()

    def _close_once(self) -> None:
        if not self._has_closed:
            self._has_closed = True
            self.close()

    def on_failure(self, _type: object, value: BaseException | None, _traceback: object) -> None:
        try:
            self._close_once()
        except BaseException:  # what ended it is worth more, and must be told
            logger.exception("a %s that failed could not close all that it owns", type(self).__name__)
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
    return await_answer(ref, ref.ask(message, block=False), timeout)


def await_answer(ref: "pykka.ActorRef[Any]", future: "pykka.Future[T]", timeout: float) -> T:
    """Wait for the answer of `ref`, as `ask` does."""
    deadline = time.monotonic() + bounded(timeout)
    while True:
        left = deadline - time.monotonic()
        try:
            return await_future(future, min(left, GLANCE))
        except pykka.Timeout:
            if left <= GLANCE:
                raise
            if not ref.is_alive():  # it was asked as it died: nobody else will say so
                break
    try:
        return await_future(future, GLANCE)  # unless it was just about to
    except pykka.Timeout:
        raise pykka.ActorDeadError(f"{ref} died before it answered") from None


def await_future(future: "pykka.Future[T]", timeout: float) -> T:
    """Wait for what somebody else will say; any number will do as timeout.

    Raises:
        pykka.Timeout: if it is not said within `timeout` seconds.
        Exception: whatever is said instead.
    """
    return future.get(timeout=bounded(timeout))


def actor_of(ref: "pykka.ActorRef[Any]") -> "Actor | None":
    """Return the actor itself, `None` if it is no more: for what is to be had of one whose thread is dead or hangs."""
    found = ref._actor_weakref()
    return found if isinstance(found, Actor) else None


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
    """Stop a child and wait for its thread; one that goes on all the same is named in the log, and given up."""
    if not stop_and_join(ref, STOP_TIMEOUT):
        logger.warning("the engine's %s did not stop within %g s", name, STOP_TIMEOUT)
        actor = actor_of(ref)
        if actor is not None:
            actor.give_up()
