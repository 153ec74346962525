"""Events that go straight from the router to a component's callbacks, in one order over all its subscriptions.

A replay in lockstep waits after each record until its callbacks have returned. To go from thread to thread for that,
and back, costs several times the rest, so the router gives a component many records at a time, and the component does
what they would have changed, one after the other: the clock, the last value of the stream, the callbacks. Until it says
that a run is over, these are its own to write. Whatever else the router is told meanwhile stops the run at the next
record, and is done then: nobody can tell it from a router that had waited.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.events import Event, OverflowEvent
from websocket_v6.protocol.message import Message

from .deliveries import Taker
from .edge import Edge

__all__ = ["TURN", "Bound", "Clock", "Perform", "Played", "Run", "RunOver", "Step", "perform"]

TURN = 32  # events after which others have their turn, where they have no threads of their own

# When it is (None: when it was for the step before), what, and who takes it: its mailbox has counted it.
Step: TypeAlias = tuple[int | None, Event | OverflowEvent, Taker]


class Clock:
    """The recording's, monotonic."""

    __slots__ = ("mono_ns",)

    def __init__(self) -> None:
        self.mono_ns = 0


class Bound:
    """Where the events of a taker go, as long as its mailbox is not closed; nowhere without a `callback`.

    `ready` is the codec with which an event must be made to be shown as it is: None if that is any, False if none is.
    `update` is that of a hash that counts what is delivered.
    """

    __slots__ = ("callback", "edge", "mailbox", "note", "ready", "update")

    def __init__(self, attached: Mapping[int, Edge], taker: Taker) -> None:
        edge = attached.get(taker.subscription_id)
        calls = edge.calls() if edge is not None and edge.is_pushed else None
        self.edge: Any = edge
        self.mailbox: Any = taker.mailbox
        self.callback = calls.callback if calls is not None else None
        self.note = edge.note if edge is not None else None
        self.update = edge.update if edge is not None else None
        self.ready: Any = None
        if edge is not None and edge.has_view:
            self.ready = False if edge.ready is None else edge.ready


Bind: TypeAlias = Callable[[Taker], Bound]
# What is to be prepared and given to the callback; or what came of that, where it was done already: what the callback
# returned, or raised. Without an event, others have their turn.
Played: TypeAlias = tuple[Any, Bound | None, object, BaseException | None]


class Run:
    """What one component is to do (live): `steps`, whose events the mailboxes have counted."""

    __slots__ = ("clock", "is_recalled", "reply_to", "steps")

    def __init__(self, clock: Clock, reply_to: Ref, steps: Sequence[Step] = ()) -> None:
        self.clock = clock
        self.reply_to = reply_to
        self.steps = steps
        self.is_recalled = False  # the router wants it back at the next record

    def plays(self, bind: Bind) -> Iterator[Played]:
        """Yield what is to be done, one after the other."""
        clock = self.clock
        for count, (moment, event, taker) in enumerate(self.steps, 1):
            if moment is not None:
                clock.mono_ns = moment
            bound = bind(taker)
            if bound.callback is not None and not bound.mailbox.is_closed:
                yield event, bound, None, None
            if not count % TURN:
                yield None, None, None, None


class Perform(Message):
    """Do this, and say RunOver (live)."""

    run: Run


class RunOver(Message):
    """A run was performed, as far as it was not recalled (live)."""

    run: Run


def perform(
    run: Run,
    attached: Mapping[int, Edge],
    raised: Callable[[Edge, BaseException], Any],
    pause: Callable[[], object],
    lets_through: tuple[type[BaseException], ...],
) -> Any:
    """Perform a run, as Work (`subscriber.py`): what a callback returns to be awaited is yielded."""
    known: dict[Taker, Bound] = {}

    def bind(taker: Taker) -> Bound:
        bound = known.get(taker)
        if bound is None:
            bound = known[taker] = Bound(attached, taker)
        return bound

    shown: Any = None
    try:
        for event, bound, result, error in run.plays(bind):
            if bound is None:
                if (awaited := pause()) is not None:
                    yield awaited
                continue
            is_done = result is not None or error is not None
            if not is_done:
                shown = bound.edge.prepare(event)
                if shown is None:
                    continue
                if bound.note is not None:
                    bound.note(event)
            try:
                if error is not None:
                    raise error
                if not is_done:
                    result = bound.callback(shown)  # type: ignore[misc]
                if result is not None and isinstance(result, Awaitable):
                    yield result
            except lets_through:
                raise
            # A component's code may raise anything, SystemExit too, which would stop every actor of the process.
            except BaseException as exc:  # noqa: BLE001
                error = None  # it refers to this frame by now
                yield from raised(bound.edge, exc)
    finally:
        tell(run.reply_to, RunOver(run))
