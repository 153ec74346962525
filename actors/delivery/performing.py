"""Events that go straight from the router to a component's callbacks, in one order over all its subscriptions.

A replay in lockstep waits after each record until its callbacks have returned. To go from thread to thread for that,
and back, costs several times the rest, so the router gives a component many records at a time, and the component does
what they would have changed, one after the other: the clock, the last value of the stream, the callbacks. Until it says
that a run is over, these are its own to write. Whatever else the router is told meanwhile stops the run at the next
record, and is done then: nobody can tell it from a router that had waited.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.events import Event, OverflowEvent, make_event
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.message import Message

from .deliveries import Taker
from .edge import Edge
from .route import Route

__all__ = ["Clock", "Perform", "Run", "RunOver", "Step", "perform"]

TURN = 32  # events after which others have their turn, where they have no threads of their own

# When it is (None: when it was for the step before), what, and who takes it: its mailbox has counted it.
Step: TypeAlias = tuple[int | None, Event | OverflowEvent, Taker]


class Clock(Protocol):
    """The recording's."""

    mono_ns: int


class Played(Protocol):
    """A record of messages."""

    @property
    def mono_ns(self) -> int: ...
    @property
    def value(self) -> Any: ...


class Run:
    """What one component is to do (live): `steps`, or all that is in `records`.

    `done` counts those that were performed, once it is told that they are over.
    """

    __slots__ = ("by_stream", "clock", "done", "is_recalled", "records", "reply_to", "steps")

    def __init__(
        self,
        clock: Clock,
        reply_to: Ref,
        *,
        steps: Sequence[Step] = (),
        records: Sequence[Played] = (),
        by_stream: Mapping[Stream, Route] = MappingProxyType({}),
    ) -> None:
        self.clock = clock
        self.reply_to = reply_to
        self.steps = steps
        self.records = records
        self.by_stream = by_stream  # the router's routes, each of which is plain, and all takers this component's
        self.done = 0
        self.is_recalled = False  # the router wants it back at the next record


class Perform(Message):
    """Do this, and say RunOver (live)."""

    run: Run


class RunOver(Message):
    """A run was performed, as far as it was not recalled (live)."""

    run: Run


class _Bound:
    """Where the events of a taker go."""

    __slots__ = ("callback", "count", "edge", "mailbox", "note", "prepare")

    def __init__(self, attached: Mapping[int, Edge], taker: Taker) -> None:
        edge = attached.get(taker.subscription_id)
        calls = edge.calls() if edge is not None and edge.is_pushed else None
        self.edge: Any = edge
        self.mailbox: Any = taker.mailbox
        self.callback = calls.callback if calls is not None else None
        self.prepare = edge.prepare if edge is not None else None
        self.note = edge.note if edge is not None else None
        self.count = 0


def perform(
    run: Run,
    attached: Mapping[int, Edge],
    raised: Callable[[Edge, BaseException], Any],
    pause: Callable[[], object],
    lets_through: tuple[type[BaseException], ...],
) -> Any:
    """Perform a run, as Work (`subscriber.py`): what a callback returns to be awaited is yielded."""
    known: dict[Any, Any] = {}
    events = _events_of(run, known, attached) if run.records else _steps_of(run, known, attached)
    count = 0
    try:
        for event, bound in events:
            if bound.callback is None or bound.prepare is None or bound.mailbox.is_closed:
                continue
            shown = bound.prepare(event)
            if shown is None:
                continue
            if bound.note is not None:
                bound.note(event)
            try:
                result = bound.callback(shown)
                if result is not None and isinstance(result, Awaitable):
                    yield result
            except lets_through:
                raise
            # A component's code may raise anything, SystemExit too, which would stop every actor of the process.
            except BaseException as exc:  # noqa: BLE001
                yield from raised(bound.edge, exc)
            count += 1
            if not count % TURN and (awaited := pause()) is not None:
                yield awaited
    finally:
        for bound in known.values():
            if isinstance(bound, _Bound) and bound.count:
                bound.mailbox.passed(bound.count)
        tell(run.reply_to, RunOver(run))


def _steps_of(run: Run, known: dict[Any, Any], attached: Mapping[int, Edge]) -> Iterator[tuple[Any, _Bound]]:
    clock = run.clock
    for moment, event, taker in run.steps:
        if moment is not None:
            clock.mono_ns = moment
        bound = known.get(taker)
        if bound is None:
            bound = known[taker] = _Bound(attached, taker)
        run.done += 1
        yield event, bound


def _events_of(run: Run, known: dict[Any, Any], attached: Mapping[int, Edge]) -> Iterator[tuple[Any, _Bound]]:
    """Yield the events of records, and do what each would have changed."""
    clock = run.clock
    ways: dict[Stream, tuple[Route | None, list[_Bound]]] = {}
    for record in run.records:
        if run.is_recalled:
            return
        clock.mono_ns = record.mono_ns
        run.done += 1
        rows = record.value
        for stream, payload in zip(rows.streams, rows.payloads, strict=True):
            way = ways.get(stream)
            if way is None:
                way = ways[stream] = _way(run.by_stream.get(stream), known, attached)
            route, takers = way
            if route is None:
                continue
            event = route.last = make_event(stream, payload, rows.epoch, rows.received_ns)
            for bound in takers:
                bound.count += 1
                yield event, bound


def _way(route: Route | None, known: dict[Any, Any], attached: Mapping[int, Edge]) -> tuple[Route | None, list[_Bound]]:
    takers = []
    for taker in route.takers if route is not None else ():
        if taker not in known:
            known[taker] = _Bound(attached, taker)
        takers.append(known[taker])
    return route, takers
