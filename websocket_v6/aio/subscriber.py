"""A component's callbacks in its event loop: the Subscriber's work without a thread, awaited where a callback asks.

The inbox has the loop called once for all that has come until then. A turn handles a bounded part of it, and what is
left has its next turn after the loop's other tasks. Work that waits for an `async def` callback goes on in a task,
which is there for as long as it waits and no longer: an idle component has none.
"""

import asyncio
import contextlib
import functools
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pykka
from pykka._envelope import Envelope

from websocket_v6.actors.base import TimedInbox, Timer, bounded, tell
from websocket_v6.actors.delivery.edge import Edge
from websocket_v6.actors.delivery.standing import Standing
from websocket_v6.actors.delivery.subscriber import Subscriber, Work
from websocket_v6.actors.messages.component import Ready

from .home import LONGEST, MOST, Home

__all__ = ["LoopInbox", "LoopSubscriber"]

logger = logging.getLogger(__name__)

MOST_NOTICES = 1000  # that wait for an awaited callback; beyond, the oldest are forgotten


class TurnOver(Exception):  # noqa: N818 - it is no error
    """Nothing is left in the inbox, or no time for it now."""


class Abandoned(BaseException):
    """Nobody awaits a callback any more: its task was cancelled."""


class LoopInbox(TimedInbox):
    """An inbox that has its actor called in a loop when there is something in it."""

    def __init__(self) -> None:
        super().__init__()
        self._messages: deque[Envelope[Any]] = deque()
        self._is_rung = True  # the loop is about to look; not before `open`
        self._home: Home | None = None
        self._turn: Callable[[], object] = lambda: None
        self._bury: Callable[[], object] = lambda: None
        self.may_go_on: Callable[[], bool] = lambda: True
        self.put = self._put
        self.empty = lambda: not self._messages
        self.qsize = lambda: len(self._messages)

    def open(self, home: Home, turn: Callable[[], object], bury: Callable[[], object]) -> None:
        """Have `turn` called in the loop when there is something; if that is gone, who stops the actor calls `bury`."""
        self._home, self._turn, self._bury = home, turn, bury
        self.turn_over()

    def turn_over(self) -> None:
        """Have the next message ring again, or the next turn be for what is left."""
        self._is_rung = False
        if self._messages:
            self._ring()

    def get(self) -> Envelope[Any]:
        """Return the next message.

        Raises:
            TurnOver: if there is none, or the turn is over.
        """
        if not self.may_go_on():
            raise TurnOver
        try:
            return self._messages.popleft()
        except IndexError:
            raise TurnOver from None

    def add(self, timer: Timer) -> None:
        if self._home is not None:
            self._home.call_later(timer.due - time.monotonic(), functools.partial(self._due_now, timer))

    def join(self, timeout: float) -> bool:
        """Wait until the actor is done, unless that depends on this very thread."""
        home = self._home
        if home is not None and home.is_gone:
            self._bury()
        if home is None or home.is_here or not home.is_running:
            return True
        try:
            self.ended.get(timeout=bounded(timeout))
        except pykka.Timeout:
            return False
        return True

    def _put(self, envelope: Envelope[Any]) -> None:
        self._messages.append(envelope)
        # Whoever clears this looks for messages after that: one of the two sees the other.
        if not self._is_rung:
            self._ring()

    def _ring(self) -> None:
        self._is_rung = True
        if self._home is not None:
            self._home.call(self._turn)

    def _due_now(self, timer: Timer) -> None:
        if timer.message is None:
            return
        if timer.due > time.monotonic() + LONGEST:  # further away than a loop can wait
            self.add(timer)
        else:
            self._put(Envelope(timer.message))


class LoopSubscriber(Subscriber):
    """Calls one component's callbacks in the loop of `home`."""

    lets_through: ClassVar[tuple[type[BaseException], ...]] = (KeyboardInterrupt, SystemExit, Abandoned)
    actor_inbox: LoopInbox

    def __init__(
        self,
        component_id: str,
        cut_off: Callable[[Edge], object],
        standing: Standing,
        over: Callable[[], object],
        home: Home,
    ) -> None:
        super().__init__(component_id, cut_off, standing, over)
        self._home = home
        self._lanes: dict[object, deque[Work[object]]] = {}  # those with a task, and what waits behind it
        self._limit = self._until = 0.0  # of this turn
        self._is_in_turn = self._has_ended = False
        self._fatal: BaseException | None = None

    @staticmethod
    def _create_actor_inbox() -> LoopInbox:
        return LoopInbox()

    def close(self) -> None:
        """Close the mailboxes, and wake whoever waits for one."""
        super().close()
        if not self._home.is_gone:
            self._home.wake_all()

    # --- in turns

    def _start_actor_loop(self) -> None:
        self.actor_inbox.may_go_on = self._may_go_on
        self.actor_inbox.open(self._home, self._turn, self._stop_without_loop)

    def _turn(self) -> None:
        self._limit, self._until, self._is_in_turn = self._taken + MOST, time.monotonic() + LONGEST, True
        try:
            self._handle_all()  # as in a thread; TurnOver leaves it
        except TurnOver:
            self.actor_inbox.turn_over()
        except BaseException as exc:  # noqa: BLE001 - a bug; it ends this actor and no other
            self._end_with(exc)
            self._over()
        else:
            self._over()
        finally:
            self._is_in_turn = False
        fatal, self._fatal = self._fatal, None
        if fatal is not None:
            raise fatal  # Ctrl-C and sys.exit() end the loop, as anywhere in it

    def _may_go_on(self) -> bool:
        return not self._is_in_turn or (self._taken < self._limit and time.monotonic() <= self._until)

    def _over(self) -> None:
        """Stopped: answer what is left; it is over when no callback is awaited any more."""
        self._is_in_turn = False
        self._actor_loop_teardown()
        self._end_without_tasks()

    def _end_without_tasks(self) -> None:
        if self.actor_stopped.is_set() and not self._home.tasks and not self._has_ended:
            self._has_ended = True
            self.actor_inbox.ended.set()

    def _stop_without_loop(self) -> None:
        """Stop, in whatever thread: the loop is gone, and nothing runs in it."""
        if not self.actor_stopped.is_set():
            self._stop()
            self._over()

    def on_receive(self, message: object) -> object:
        try:
            return super().on_receive(message)
        except (KeyboardInterrupt, SystemExit) as exc:  # of a signal's handler: they end the loop, not the component
            self._fatal = exc
            return None

    # --- what calls user code

    def _budget(self) -> tuple[int, float]:
        if self._is_in_turn:
            return max(1, int(self._limit - self._taken)), self._until
        return MOST, time.monotonic() + LONGEST

    def _pause(self) -> object:
        return asyncio.sleep(0)

    def _ready(self, message: Ready) -> Work[None]:
        self._home.wake(message.subscription_id)
        return super()._ready(message)

    def _do(self, lane: object, work: Work[object]) -> None:
        waiting = self._lanes.get(lane)
        if waiting is not None:
            waiting.append(work)
            return
        try:
            awaited = next(work)
        except StopIteration:
            return
        except self.lets_through as exc:
            self._fatal = exc
            self._look_again(lane)
            return
        self._lanes[lane] = deque(maxlen=MOST_NOTICES)
        task = self._home.loop.create_task(self._go_on(lane, work, awaited), name=f"callback of {self._component_id}")
        self._home.tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: "asyncio.Task[None]") -> None:
        self._home.tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            text = "component %r failed at a message; this is a bug, please report it"
            logger.error(text, self._component_id, exc_info=error)
        self._end_without_tasks()

    def _look_again(self, lane: object) -> None:
        """Have a mailbox looked into whose events were being handed out: nobody else says that there are more."""
        if isinstance(lane, int):
            tell(self.actor_ref, Ready(lane))

    async def _go_on(self, lane: object, work: Work[object], awaited: Awaitable[Any] | None) -> None:
        """Await what `work` yields, then do what waits behind it."""
        waiting = self._lanes[lane]
        try:
            while True:
                await _through(work, awaited)
                if not waiting:
                    del self._lanes[lane]
                    return
                work = waiting.popleft()
                awaited = next(work, None)
        except GeneratorExit:
            raise  # the task is collected, and its loop with it
        except BaseException:  # it is cancelled: that ends one callback, and not the subscription
            del self._lanes[lane]
            self._look_again(lane)
            for left in waiting:
                self._do(lane, left)
            raise


async def _through(work: Work[object], awaited: Awaitable[Any] | None) -> None:
    """Await what `work` yields until it is done."""
    task = asyncio.current_task()
    while awaited is not None:
        try:
            await awaited
        except (GeneratorExit, KeyboardInterrupt, SystemExit):
            _abandon(work)
            raise
        except asyncio.CancelledError as exc:
            if task is not None and task.cancelling():
                _abandon(work)
                raise
            awaited = _throw(work, exc)  # the callback's own doing
        except BaseException as exc:  # noqa: BLE001 - the component's handler has it
            awaited = _throw(work, exc)
        else:
            awaited = next(work, None)


def _throw(work: Work[object], error: BaseException) -> Awaitable[Any] | None:
    try:
        return work.throw(error)
    except StopIteration:
        return None


def _abandon(work: Work[object]) -> None:
    with contextlib.suppress(Abandoned, StopIteration):
        work.throw(Abandoned())
