"""Events that go straight from the router to a component's callbacks, in one order over all its subscriptions.

A replay in lockstep waits after each record until its callbacks have returned. To go from thread to thread for that, and
back, costs twenty times the rest, so the router gives a component many records at a time, and the component does what
they would have changed, one after the other: the clock, the last value of the stream, the callbacks. Until it says that
a run is over, these are its own to write. Whatever else the router is told meanwhile stops the run at the next record,
and is done then: nobody can tell it from a router that had waited.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.events import Event, OverflowEvent

from .deliveries import Taker
from .edge import Edge
from .routes import Route

__all__ = ["Clock", "Perform", "Run", "RunOver", "Step", "perform"]

TURN = 32  # events after which others have their turn, where they have no threads of their own

# When it is (seconds of the recording; None: when it was for the step before), whose last value it is (None: nobody's,
# or it is known, and the mailbox has counted it), what, and who takes it.
Step: TypeAlias = tuple[float | None, Route | None, Event | OverflowEvent | None, Taker | None]


class Clock(Protocol):
    """The recording's."""

    moment: float


class Run:
    """Steps for one component (live). `done` counts those that were performed, once it is told that they are over."""

    __slots__ = ("clock", "done", "is_recalled", "reply_to", "steps")

    def __init__(self, steps: list[Step], clock: Clock, reply_to: Ref) -> None:
        self.steps = steps
        self.clock = clock
        self.reply_to = reply_to
        self.done = 0
        self.is_recalled = False  # the router wants it back at the next record


class Perform(NamedTuple):
    """Do this, and say RunOver (live)."""

    run: Run


class RunOver(NamedTuple):
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
    clock, known = run.clock, {}
    done = 0
    try:
        for moment, route, event, taker in run.steps:
            if moment is not None:
                if run.is_recalled:
                    break
                clock.moment = moment
            done += 1
            if route is not None:
                route.last = event  # type: ignore[assignment] # an event of a stream, if there is a route
            if taker is None:
                continue
            bound = known.get(taker)
            if bound is None:
                bound = known[taker] = _bound(attached, taker)
            count, mailbox, prepare, callback, edge = bound
            if mailbox is None or mailbox.is_closed:
                continue
            if route is not None:
                count[0] += 1
            elif mailbox.is_closed:
                continue
            shown = prepare(event)
            if shown is None:
                continue
            try:
                result = callback(shown)
                if result is not None and isinstance(result, Awaitable):
                    yield result
            except lets_through:
                raise
            # A component's code may raise anything, SystemExit too, which would stop every actor of the process.
            except BaseException as exc:  # noqa: BLE001
                yield from raised(edge, exc)
            if not done % TURN and (awaited := pause()) is not None:
                yield awaited
    finally:
        for count, mailbox, *_ in known.values():
            if count[0]:
                mailbox.passed(count[0])
        run.done = done
        tell(run.reply_to, RunOver(run))


def _bound(attached: Mapping[int, Edge], taker: Taker) -> tuple[Any, ...]:
    edge = attached.get(taker.subscription_id)
    calls = edge.calls() if edge is not None and edge.is_pushed else None
    if edge is None or calls is None or calls.callback is None:
        return [0], None, None, None, None
    return [0], edge.mailbox, edge.prepare, calls.callback, edge
