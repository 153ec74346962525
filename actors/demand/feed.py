"""One endpoint: the union of what all want of it, the lines that serve it, and whether its data hangs together.

What one line is asked and has served is `line.py` and `protocol/demand/coverage.py`, when something may be missing
`protocol/demand/continuity.py`. Whose wants they are is the registry's business.
"""

import time
import uuid
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from websocket_v6.actors.base import Timer, tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.connection import Ask, AskList, Connect, Disconnect
from websocket_v6.actors.messages.registry import Flush, LineChanged, UseConnection
from websocket_v6.actors.messages.router import DetachSource, Expect, Forget, HoldTrades, Join, Merge, NewEpoch, Retire
from websocket_v6.actors.messages.supervisor import LineServes
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.demand.continuity import Continuity
from websocket_v6.protocol.demand.coverage import Plan
from websocket_v6.protocol.demand.probation import Probation
from websocket_v6.protocol.demand.union import Union
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.streams import Stream

from .line import Line, Question

__all__ = [
    "CheckServed",
    "Feed",
    "FeedHealth",
    "Keeper",
    "Proven",
    "Reminder",
    "StopLingering",
    "StopMerging",
    "StopWaiting",
]

# A connection that nobody wants anything of any more is closed; after snapshots alone it is silent and may be kept a
# while, for whoever takes snapshots again and again.
LINGER = 30.0
# A request that was not refused within this time is good: the exchange refuses at once.
PROBATION = 2.0
# With several lines, each must be known to serve. Snapshots say so within half a second; what has none is asked about.
ACKNOWLEDGED_AFTER = 1.0
# A line that is to be replaced is not kept for what its successor does not bring within this time.
PATIENCE = 30.0
PROOF_PATIENCE = 3.0  # and not for its own last answer
# What a line that is gone has sent is delivered, or comes no more, after this time.
MERGE_LINGER = 10.0


class FeedHealth(NamedTuple):
    """What one endpoint is asked for, and how its data hangs together.

    `requests_sent` counts subscriptions and questions to the exchange, on all lines.
    """

    endpoint: str
    streams: int
    leases: int
    requests_sent: int
    epoch: int
    serving: frozenset[int]  # the lines, by number, that have all that is wanted


class Proven(NamedTuple):
    """Has this request of the line gone unrefused?"""

    endpoint: str
    line: int
    request: int


class StopLingering(NamedTuple):
    """Close the connection if still nobody wants anything of it."""

    endpoint: str


class CheckServed(NamedTuple):
    """Is the line known to serve what this request asked? If not, ask."""

    endpoint: str
    line: int
    request: int


class StopWaiting(NamedTuple):
    """The line had its time to serve everything."""

    endpoint: str
    line: int
    epoch: int


class StopMerging(NamedTuple):
    """If there is still but one line, there is nothing to compare any more."""

    endpoint: str


Reminder = Flush | StopLingering | CheckServed | StopWaiting | StopMerging


class Keeper(Protocol):
    """The registry, as its feeds see it."""

    supervisor: Ref
    router: Ref | None

    def after(self, delay: float, message: object) -> Timer:
        """Have `message` come back in `delay` seconds; a Reminder goes to `Feed.remind`."""

    def tell_watchers(
        self,
        feed: "Feed",
        state: str,
        at_ns: int,
        reason: str = "",
        error: WebSocketV6Error | None = None,
        epoch: int | None = None,
    ) -> None:
        """Tell every component that wants something of the endpoint what happened to it."""

    def report_all(self, feed: "Feed", error: WebSocketV6Error) -> None:
        """Report to every subscription that it cannot be served for now."""

    def route_deferred(self, feed: "Feed") -> None:
        """Add the routes that waited for the request which is about to leave."""

    def asked(self, feed: "Feed") -> None:
        """Take note that all that is wanted has been asked for."""

    def lost(self, feed: "Feed") -> None:
        """Take note that nothing is served any more."""


class Feed:
    """Has the lines of one endpoint serve its union, and tells who must know how that goes.

    It lives in the registry, which tells it of changes to the union and hands it what the lines say.
    """

    def __init__(self, endpoint: str, config: Config, keeper: Keeper, epoch: int = 0) -> None:
        self.endpoint = endpoint
        self._config = config
        self._keeper = keeper
        self.union = Union()
        self.lines: dict[int, Line] = {}
        self.continuity = Continuity(epoch)
        self.is_wanted = False  # the lines were told to connect
        self.opened_at_ns = 0
        self._timer: Timer | None = None
        self._linger: Timer | None = None
        self._unasked: deque[Question] = deque()  # that any line may answer
        self.deferred: dict[int, list[Stream]] = {}  # routes that wait for a deeper book, by subscription
        self.unchecked: set[int] = set()  # subscriptions whose silence is not yet being watched
        self.probation = Probation()
        self.requests_sent = 0

    @property
    def epoch(self) -> int:
        """The epoch that users see."""
        return self.continuity.epoch

    @property
    def is_open(self) -> bool:
        """Whether any line is."""
        return any(line.is_open for line in self.lines.values())

    def remind(self, message: Reminder) -> None:
        """Do what this feed has set itself a timer for."""
        match message:
            case Flush():
                self._flush()
            case StopLingering():
                self._stop_lingering()
            case CheckServed(_, number, request):
                self._check_served(number, request)
            case StopWaiting(_, number, epoch):
                self._join(number, epoch)
            case StopMerging():
                if len(self.lines) < 2:
                    tell(self._keeper.router, Merge(self.endpoint, is_on=False))

    def use_router(self) -> None:
        """Tell a router that is new what it must know of the endpoint."""
        self.deferred.clear()
        tell(self._keeper.router, NewEpoch(self.endpoint, self.epoch))
        if len(self.lines) > 1:
            tell(self._keeper.router, Merge(self.endpoint, is_on=True))

    def close(self, error: WebSocketV6Error) -> None:
        """Answer every question that is still open."""
        refuse([*self._unasked, *(one for line in self.lines.values() for one in line.lost())], error)
        self._unasked.clear()

    def health(self, leases: int) -> FeedHealth:
        """Return how it goes; `leases` is how many there are."""
        return FeedHealth(
            self.endpoint, len(self.union), leases, self.requests_sent, self.epoch, self.continuity.serving
        )

    # --- requests

    def changed(self) -> None:
        """Have the union served as it is now, soon."""
        now = time.monotonic()
        for line in self.lines.values():
            line.pace.changed(now)
        if not self.is_wanted and len(self.union):
            self.is_wanted = True
            wants = self.union.wants()
            for line in self.lines.values():
                tell(line.ref, Connect(self.endpoint, wants))
        self._set_timer()

    def _set_timer(self) -> None:
        now = time.monotonic()
        times: list[float | None] = []
        for line in self.lines.values():
            due = self._due(line, now)
            if due is None and line.is_open and (self._unasked or line.unasked):
                due = line.pace.free_at(now)
            times.append(due)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = min((one for one in times if one is not None), default=None)
        if due is not None:
            self._timer = self._keeper.after(max(0.0, due - now), Flush(self.endpoint))

    def _flush(self) -> None:
        """Send what is due on each line: the request that serves the union, if it changed, or a question."""
        self._timer = None
        now = time.monotonic()
        for line in self.lines.values():
            due = self._due(line, now)
            if due is not None:
                # No question goes before a request that is due soon, for its answer is to know of it.
                if due <= now:
                    self._settle(line)
            elif (line.unasked or self._unasked) and line.is_open and line.pace.free_at(now) <= now:
                self._send_question(line, (line.unasked or self._unasked).popleft())
        self._set_timer()

    def _due(self, line: Line, now: float) -> float | None:
        """Return when the line's next request should leave, `None` if it has none.

        Nothing more is asked of a line whose heir is there: the heir could not keep up with it.
        """
        is_ending = any(line.number in other.heir_of for other in self.open_lines())
        return None if is_ending else line.pace.due(now)

    def _settle(self, line: Line) -> None:
        line.pace.settled()
        if not len(self.union):
            self._let_go()
        elif line.is_open:  # else all of it is asked for as soon as it opens
            plan = line.served.plan(self.union)
            if plan is None or plan.is_empty:
                self._keeper.asked(self)
            else:
                self._send(line, plan)

    def _send(self, line: Line, plan: Plan) -> None:
        before = line.served.asked
        deeper = line.served.sent(plan)
        # Another line may have been asked first, and deliver it already.
        expected = tuple(
            stream for stream in deeper if self._asked_anywhere(stream, but=line) < plan.asked[stream].depth
        )
        if expected:
            tell(self._keeper.router, Expect(expected))
        self._keeper.route_deferred(self)
        tell(line.ref, Ask(self.endpoint, plan))
        self._retire(before)
        line.pace.sent(time.monotonic())
        line.has_asked = True
        line.is_excused = False
        line.requests += 1
        self.requests_sent += line.limited
        self._keeper.after(PROBATION, Proven(self.endpoint, line.number, line.requests))
        self._watch_served(line)
        self._keeper.asked(self)

    def _retire(self, streams: Iterable[Stream]) -> None:
        """Retire those of `streams` that no line is asked for any more."""
        retired = tuple(stream for stream in streams if self._asked_anywhere(stream) < 0)
        if retired:
            tell(self._keeper.router, Retire(retired))

    def forget(self, gone: Iterable[Stream]) -> None:
        """Retire streams that the exchange has stopped sending by itself, those asked for a snapshot alone."""
        gone = list(gone)
        for line in self.lines.values():
            line.served.forget(gone)
        self._retire(gone)

    def _let_go(self) -> None:
        """Close the connections: the exchange has no way to say that nothing is wanted."""
        if not self.is_wanted or self.probation.has_apart:
            return
        lines = self.lines.values()
        if any(line.served.is_live for line in lines) or not any(line.has_asked for line in lines):
            self._disconnect()
        elif self._linger is None:
            self._linger = self._keeper.after(LINGER, StopLingering(self.endpoint))

    def _stop_lingering(self) -> None:
        self._linger = None
        if self.is_wanted and not len(self.union) and not self.probation.has_apart:
            self._disconnect()

    def _disconnect(self) -> None:
        self.is_wanted = False
        self.continuity.closed()
        for line in self.lines.values():
            self._line_down(line, "nothing is wanted of it any more")
            tell(line.ref, Disconnect(self.endpoint))
            tell(self._keeper.supervisor, LineServes(line.number))

    # --- what the lines say

    def line_changed(self, change: LineChanged) -> None:
        """Take note of what happened to a line, and tell of it if that concerns the endpoint as a whole."""
        line = self.lines.get(change.line)
        if line is None:
            return  # dropped, and heard of no more
        if change.state == "open" and self.is_wanted:
            line.opened(change.epoch)
            if self.continuity.opened(line.number, change.at_ns, change.gap_started_ns):
                self._begin_epoch(change.at_ns)
            else:
                self._keeper.after(PATIENCE, StopWaiting(self.endpoint, line.number, line.epoch))
            self._ask_again(line)
            return
        if line.is_open or change.state in ("lost", "refused"):
            self._line_lost(line, change)
        if self.is_open:
            if change.state == "refused":
                line.refusal = change
                tell(self._keeper.supervisor, LineServes(line.number))
            return  # another one serves, and nobody need know
        self._keeper.tell_watchers(self, change.state, change.at_ns, change.reason, change.error)
        if change.state == "refused" and change.error is not None:
            self._keeper.report_all(self, change.error)

    def _line_lost(self, line: Line, change: LineChanged) -> None:
        epoch, whole = self.epoch, self._whole_lines(line)
        gap = self.continuity.lost(line.number, change.gap_started_ns, change.at_ns, whole)
        self._line_down(line, change.reason or change.state)
        if gap is not None:
            # Another line goes on, but it has not brought everything since this one fell silent.
            self.continuity.gap_started_ns = gap.started_ns
            self._keeper.tell_watchers(self, "lost", change.at_ns, change.reason, change.error, epoch)
            self._begin_epoch(gap.ended_ns)

    def _begin_epoch(self, at_ns: int) -> None:
        """Tell everyone of a new epoch, before the request leaves: so it is known before the first data."""
        self.opened_at_ns = at_ns
        tell(self._keeper.router, NewEpoch(self.endpoint, self.epoch))
        self._hold_trades(at_ns)
        for line in self.open_lines():
            if not self.continuity.awaits(line.number):
                tell(self._keeper.router, Join(self.endpoint, line.number))
                tell(self._keeper.supervisor, LineServes(line.number))
        self._keeper.tell_watchers(self, "open", at_ns)
        self.continuity.gap_told()

    def _hold_trades(self, at_ns: int) -> None:
        """Have the router wait for missed trades, before the first ones after them come."""
        started_ns = self.continuity.gap_started_ns
        if self._config.backfill and self.endpoint == "public" and started_ns is not None:
            tell(self._keeper.router, HoldTrades(self.epoch, started_ns, at_ns, self._config.backfill_timeout))

    def _line_down(self, line: Line, reason: str) -> None:
        asked = line.served.asked
        for other in self.open_lines():
            if other is not line:
                other.served.inherit(line.served)
        unanswered = line.lost()
        self._retire(stream for stream in asked if stream not in self.union)
        if self.is_open:
            self._unasked.extend(unanswered)
            self._set_timer()
            return
        refuse(
            [*unanswered, *self._unasked],
            TransportError(f"the {self.endpoint} connection is not there to be asked: {reason}"),
        )
        self._unasked.clear()
        tell(self._keeper.router, Forget(self.endpoint))
        self._keeper.lost(self)

    def _ask_again(self, line: Line) -> None:
        plan = line.served.plan(self.union)
        if plan is not None and not plan.is_empty:
            self._send(line, plan)
        elif not len(self.union):
            self._let_go()
        self._set_timer()

    def saw(self, number: int, streams: tuple[Stream, ...]) -> None:
        """Note that a line has delivered `streams`."""
        line = self.lines.get(number)
        if line is not None:
            line.served.saw(streams)
            self._settled(line)

    def add_line(self, message: UseConnection) -> None:
        """Have one more line serve the union."""
        line = self.lines[message.line] = Line(message, self._config)
        if len(self.lines) > 1:
            tell(self._keeper.router, Merge(self.endpoint, is_on=True))
            for other in self.open_lines():
                self._watch_served(other)
        if self.is_wanted:
            tell(line.ref, Connect(self.endpoint, self.union.wants()))
        elif len(self.union):
            self.changed()
        else:
            tell(self._keeper.supervisor, LineServes(line.number))  # all that is wanted

    def drop_line(self, ref: Ref) -> None:
        """Do without a line from now on."""
        for line in [one for one in self.lines.values() if one.ref == ref]:
            if line.is_open:
                now_ns = time.time_ns()
                self.line_changed(
                    LineChanged(self.endpoint, line.number, "lost", line.epoch, now_ns, now_ns, "it is replaced")
                )
            del self.lines[line.number]
            tell(self._keeper.router, DetachSource(self.endpoint, line.number))
            self._keeper.after(MERGE_LINGER, StopMerging(self.endpoint))
        for line in self.lines.values():
            if line.refusal is not None and not self.is_open:
                self.line_changed(line.refusal)

    # --- questions

    def ask_exchange(self, question: Question) -> None:
        """Ask what the exchange serves, on whichever line can be asked first."""
        if not self.is_open:
            refuse([question], TransportError(f"the {self.endpoint} connection is not open: nothing is served on it"))
            return
        if self._unasked:
            # One that has not left yet asks the same: a host that hands over is asked by all its guests at once.
            question = question._replace(answers=self._unasked.pop().answers + question.answers)
        self._unasked.append(question)
        self._set_timer()

    def _send_question(self, line: Line, question: Question) -> None:
        line.asked[question.ticket] = question._replace(after=line.requests)
        tell(line.ref, AskList(self.endpoint, question.ticket))
        line.pace.sent(time.monotonic(), settles=False)
        self.requests_sent += line.limited

    # --- several lines: which of them serves

    def _watch_served(self, line: Line) -> None:
        if len(self.lines) > 1:
            self._keeper.after(ACKNOWLEDGED_AFTER, CheckServed(self.endpoint, line.number, line.requests))

    def _check_served(self, number: int, request: int) -> None:
        line = self.lines.get(number)
        if line is not None and line.is_open and line.requests == request and not line.served.is_whole:
            self._ask_line(line)

    def _ask_line(self, line: Line, proves: tuple[int, int] | None = None) -> None:
        line.unasked.append(Question(str(uuid.uuid4()), (), proves=proves))
        self._set_timer()

    def answered(self, line: Line, answer: SubscriptionList) -> None:
        """Take the answer to a question that `line` was asked."""
        question = line.asked.pop(answer.ticket, None)
        if question is None:
            return
        for one in question.answers:
            one.set(answer)
        if question.after == line.requests:
            line.served.acknowledge()
            self._settled(line)
        if question.proves is not None:
            self._join(*question.proves)

    def _settled(self, line: Line) -> None:
        """See whether `line` has all that is wanted now.

        If so, the others are asked something: when one of them answers, it has brought everything from before `line`
        had its beginning, and is no longer needed.
        """
        if line.whole_at_ns is not None or not self.continuity.awaits(line.number) or not line.served.is_whole:
            return
        line.whole_at_ns = time.time_ns()
        for other in self.open_lines():
            if not self.continuity.awaits(other.number):
                self._ask_line(other, proves=(line.number, line.epoch))
        self._keeper.after(PROOF_PATIENCE, StopWaiting(self.endpoint, line.number, line.epoch))

    def _join(self, number: int, epoch: int) -> None:
        line = self.lines.get(number)
        if line is None or line.epoch != epoch or not self.continuity.awaits(number):
            return
        # Not since now: the answer that brought us here may have been the last that the other line says.
        self.continuity.serves(number, line.whole_at_ns or time.time_ns())
        tell(self._keeper.router, Join(self.endpoint, number))
        tell(self._keeper.supervisor, LineServes(number))

    # --- small things

    def open_lines(self) -> list[Line]:
        """Return the lines that are open."""
        return [line for line in self.lines.values() if line.is_open]

    def _asked_anywhere(self, stream: Stream, *, but: Line | None = None) -> int:
        """Return at how many levels an open line was asked for `stream`; -1 if none was, 0 for what has no levels."""
        depths = (line.served.depth_asked(stream) for line in self.open_lines() if line is not but)
        return max(depths, default=-1)

    def is_shallow(self, stream: Stream, depth: int) -> bool:
        """Whether any line may deliver `stream` with fewer levels than `depth`, which is 0 for what has none."""
        return depth > 0 and any(0 <= line.served.depth_asked(stream) < depth for line in self.open_lines())

    def has_seen(self, stream: Stream) -> bool:
        """Whether any line has delivered `stream` since it opened."""
        return any(line.served.has_seen(stream) for line in self.open_lines())

    def _whole_lines(self, lost: Line) -> set[int]:
        """Return the other open lines that serve all that `lost` did."""
        return {
            line.number
            for line in self.open_lines()
            if line is not lost and line.served.covers(lost.served, self.union)
        }


def refuse(questions: Iterable[Question], error: WebSocketV6Error) -> None:
    """Answer questions with an error."""
    for question in questions:
        for answer in question.answers:
            answer.set_exception((type(error), error, None))
