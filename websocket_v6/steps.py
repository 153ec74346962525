"""What a call of a component does, as steps: its logic once, for those who may wait and for those who must not.

A call that has to wait for an actor is a generator. It yields what it waits for and goes on with the answer, or with
the error that came instead. Whoever runs it says how that is done: `finish` blocks the thread, for the synchronous
face; `aio/running.py` lets an event loop do something else meanwhile. (psycopg has its two faces the same way.)
"""

import contextlib
from collections.abc import Callable, Generator
from typing import Any, TypeAlias, TypeVar

import pykka

from .actors.base import TimedInbox, await_answer, stop_and_join
from .actors.delivery.edge import Delivered, Edge
from .actors.future import Future
from .actors.messages.common import Ref
from .protocol.message import Message

__all__ = ["Answer", "Ended", "Pull", "Steps", "Wait", "finish", "pause"]

T = TypeVar("T")


class Answer(Message):
    """Wait for an actor's answer, at most `timeout` seconds.

    Raises:
        pykka.Timeout: if it does not come in time.
        pykka.ActorDeadError: if it is gone, or dies before it answers.
        Exception: whatever the actor answers with.
    """

    future: Future[Any]
    timeout: float | None = None
    ref: Ref | None = None  # who was asked; nobody else says so if it dies before it answers

    def wait(self) -> Any:
        """Block until it is there."""
        if self.ref is not None and self.timeout is not None:
            return await_answer(self.ref, self.future, self.timeout)
        return self.future.get(timeout=self.timeout)

    @classmethod
    def of(cls, ref: Ref, message: object, timeout: float) -> "Answer":
        """Ask `ref`."""
        future = ref.ask(message, block=False)
        assert isinstance(future, Future)  # all actors of the house make these
        return cls(future, timeout, ref)


class Pull(Message):
    """Wait for the next event of a subscription; raises what `Edge.pull` does."""

    edge: Edge
    timeout: float

    def wait(self) -> Delivered:
        """Block until it is there."""
        return self.edge.pull(self.timeout)


class Ended(Message):
    """Stop an actor and wait until it is done; the answer is whether it is, or will be by itself."""

    ref: Ref
    timeout: float

    def wait(self) -> bool:
        """Block until it is done."""
        return stop_and_join(self.ref, self.timeout)

    def begin(self) -> Future[None]:
        """Stop it; return what is set when it is done."""
        with contextlib.suppress(pykka.ActorDeadError):
            self.ref.stop(block=False)
        inbox = self.ref.actor_inbox
        assert isinstance(inbox, TimedInbox)
        return inbox.ended


Wait: TypeAlias = Answer | Pull | Ended
Steps: TypeAlias = Generator[Wait, Any, T]


def pause(seconds: float) -> Steps[None]:
    """Let some time go by."""
    with contextlib.suppress(pykka.Timeout):
        yield Answer(Future(), seconds)  # which nobody gives


def finish(steps: Steps[T], wait: Wait | None = None) -> T:
    """Run `steps` to their end in this thread; with `wait`, those that have come to it."""
    resume: Callable[[], Wait] = lambda: next(steps)  # noqa: E731
    while True:
        if wait is not None:
            resume = _answered(steps, wait)
        try:
            wait = resume()
        except StopIteration as stop:
            result: T = stop.value
            return result


def _answered(steps: Steps[Any], wait: Wait) -> Callable[[], Wait]:
    try:
        answer = wait.wait()
    except BaseException as exc:  # noqa: BLE001 - Ctrl-C, too: the steps undo what they have begun
        error = exc
        return lambda: steps.throw(error)
    return lambda: steps.send(answer)
