"""An inbox whose actor may be visited: a message is handled in the thread that brings it, if nothing else is to be.

To wake a thread costs more than most messages. Who visits handles its message as the actor's own thread would: nobody
else handles one meanwhile, and nothing that was told before waits behind it. Nobody waits to visit: where that cannot
be, the message is told as any other. What a visit raises ends the actor, in the actor's own thread, not the visitor.
"""

import contextlib
import queue
import threading
from collections import deque
from typing import Any

import pykka
from pykka._envelope import Envelope

from websocket_v6.actors.base import GLANCE, Actor, TimedInbox, actor_of, tell

__all__ = ["FEW", "VisitedActor", "VisitedInbox", "VisitorDied", "visit"]

FEW = 32  # messages at a time, with which to visit; more pay for the wake, and are dealt with while others come

_TOKEN: Envelope[Any] = Envelope(None)


class VisitorDied(Exception):  # noqa: N818 - what happened, as the log says it
    """A visitor's thread has ended in the middle of its visit, without a word."""

    def __init__(self) -> None:
        super().__init__("a thread that was doing its work ended without a word")


class _Failed:
    """A visit has raised `error`: to be met before all that was told meanwhile."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class VisitedInbox(TimedInbox):
    """Whoever handles a message, in whatever thread, holds a lock from before it is taken out until it is done.

    So who gets the lock and finds nothing that waits is in nobody's way. The actor's own thread holds it when it
    begins, and for ever once it has ended.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told: deque[Envelope[Any]] = deque()  # what waits; in the queue there are only tokens, to wake with
        self._at_work = threading.Lock()
        self._at_work.acquire()
        self.visitors: list[threading.Thread] = []  # who may hold the lock, beside the actor's own thread
        self.put = self._put
        self.empty = lambda: not self._told
        self.qsize = self._told.__len__

    def _put(self, envelope: "Envelope[Any]") -> None:
        self._told.append(envelope)
        self._queue.put(_TOKEN)

    def get(self) -> "Envelope[Any]":
        """Wait for the next message or the next due timer, and until no visitor is at work."""
        self.turn += 1
        try:
            self._at_work.release()
            while (envelope := self._next()) is _TOKEN and not self._told:
                pass  # what it was for has been taken with another one
        finally:
            while not self._at_work.acquire(timeout=GLANCE):
                self._look_after_visitors()
        self.turn += 1
        return self._told.popleft() if envelope is _TOKEN else envelope

    def _take(self, timeout: float | None) -> "Envelope[Any]":
        # A thread may be ended between a token and what it is for; what was told is not to wait for another one.
        if self._told:
            with contextlib.suppress(queue.Empty):
                self._queue.get_nowait()
            return _TOKEN
        return self._queue.get(timeout=timeout)

    def _look_after_visitors(self) -> None:
        """See whether it is one of them who has the lock: whoever has it came to be among them before."""
        if any(one.is_alive() for one in list(self.visitors)):
            return
        if self._at_work.acquire(timeout=GLANCE):
            self._at_work.release()
        elif not any(one.is_alive() for one in list(self.visitors)):
            raise VisitorDied

    def enter(self) -> bool:
        """Begin a visit if there is nothing else to handle; True if a call of `leave` is to follow."""
        if self._told:
            return False
        visitor = threading.current_thread()
        self.visitors.append(visitor)
        if self._at_work.acquire(blocking=False):
            if not self._told:  # only now, with the lock, does that say anything
                self.turn += 1
                return True
            self._at_work.release()
        self.visitors.remove(visitor)
        return False

    def leave(self, error: BaseException | None = None) -> None:
        """End a visit; `error` is what has gone wrong at it."""
        if error is not None:
            self._told.appendleft(Envelope(_Failed(error)))
            self._queue.put(_TOKEN)
        self.turn += 1
        self._at_work.release()
        self.visitors.remove(threading.current_thread())


class VisitedActor(Actor):
    """An actor that may be visited. `on_receive` is called in the visitor's thread, and must set no timers then."""

    actor_inbox: VisitedInbox

    @staticmethod
    def _create_actor_inbox() -> VisitedInbox:
        return VisitedInbox()

    def on_receive(self, message: object) -> object:
        """Be the last that is asked: end if a visit has failed, unless it ends anyway."""
        if not isinstance(message, _Failed):
            return super().on_receive(message)
        if not self.actor_stopped.is_set():
            raise message.error
        return None


def visit(ref: "pykka.ActorRef[Any]", message: object) -> None:
    """Have `message` handled now and here if the actor is at rest, else tell it, unless it is gone."""
    inbox = ref.actor_inbox
    if not isinstance(inbox, VisitedInbox) or not inbox.enter():
        tell(ref, message)
        return
    actor = actor_of(ref)
    try:
        if actor is not None and not actor.actor_stopped.is_set():  # it may have been ended in the middle of anything
            actor.on_receive(message)
    except BaseException as exc:  # noqa: BLE001 - whatever it is, it ends the actor and not the visitor
        inbox.leave(exc)
    else:
        inbox.leave()
