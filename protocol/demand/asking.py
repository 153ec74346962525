"""What an endpoint asks its sources, and when: the request that serves the union, and questions what they serve.

Every source is asked for the whole union, at its own pace. No question goes before a request that is due soon, for its
answer is to know of it. What each attachment was asked is `coverage.py`, when a request may leave `request_pace.py`.
"""

import math
import uuid
from collections import deque
from collections.abc import Collection, Iterable

import msgspec

from websocket_v6.protocol.delivery.commands import Expect, Retire
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.exchange.wants import Want

from .commands import Answer, Command, Deny, ListSubscriptions, Resize, Route, SendRequest
from .coverage import Coverage, Plan
from .deadlines import Deadline, Deadlines, Kind
from .lease import Leases
from .silence import Silence
from .source import Attachment, Question, Source, Sources

__all__ = ["Asking"]

# All snapshots came within 190 ms of what the way to the exchange and back takes. Source: Upbit WebSocket reference,
# "Semantics". What has not come by then is not waited for.
ANSWERED_WITHIN = 1.0
# A request that was not refused within this time is good: the exchange refuses at once.
PROBATION = 2.0
# With several sources, each must be known to serve. Snapshots say so within half a second; what has none is asked.
ACKNOWLEDGED_AFTER = 1.0
# For so long a source has more sockets than it needs: what was dropped may soon be wanted again.
ROOMY_AFTER = 30.0


class Asking:
    """Appends to `out` what sources are to be asked, and what follows from that for the router."""

    def __init__(
        self, leases: Leases, sources: Sources, deadlines: Deadlines, silence: Silence, out: list[Command]
    ) -> None:
        self.requests_sent = 0  # subscriptions and questions to the exchange, ever
        self._leases = leases
        self._sources = sources
        self._deadlines = deadlines
        self._silence = silence
        self._out = out
        self._unasked: deque[Question] = deque()  # that any source may answer

    # --- where it goes

    def route(self, lease: int, want: Want, streams: Iterable[Stream], *, replays: bool = True) -> None:
        """Have streams delivered to a lease that is new, or has become larger: with the last value, if it `replays`."""
        # A book that comes with fewer levels than wanted is not for this lease: the next request asks for a snapshot.
        shallow = tuple(stream for stream in streams if self._sources.is_shallow(stream, want.depth))
        deep = tuple(stream for stream in streams if stream not in shallow)
        if shallow:
            route = _route(lease, want, shallow)
            self._out.append(msgspec.structs.replace(route, replay=False, begins="next snapshot"))
        if deep:
            route = _route(lease, want, deep)
            self._out.append(msgspec.structs.replace(route, replay=route.replay and replays))

    def route_anew(self) -> None:
        """Tell a router that is new all routes. Nothing comes too shallow: all that will come is asked for anew."""
        for number, lease in self._leases:
            if lease.open:
                self._out.append(msgspec.structs.replace(_route(number, lease.want, tuple(lease.open)), replay=False))

    # --- when

    def changed(self, now: float) -> None:
        """Note that something is to be asked."""
        for source in self._sources:
            source.pace.changed(now)

    def plan_flush(self, now: float) -> None:
        """Set the deadline for what leaves next."""
        times = (self._next_at(source, now) for source in self._sources)
        next_at = min((time for time in times if time is not None), default=math.inf)
        if next_at < math.inf:
            self._deadlines.set(Deadline(Kind.FLUSH), next_at, 0.0)
        else:
            self._deadlines.cancel(Deadline(Kind.FLUSH))

    def _next_at(self, source: Source, now: float) -> float | None:
        due = self._due(source, now)
        if due is None and self._has_question(source):
            return source.pace.free_at(now)
        return due

    def _due(self, source: Source, now: float) -> float | None:
        """Return when the source's next request should leave, `None` if it has none; infinity: that is not known."""
        one = source.attachment
        is_ending = source.is_dropped if one is None else self._sources.is_ending(one)
        due = None if is_ending else source.pace.due(now)
        return math.inf if due is not None and one is not None and self._comes_too_early(one) else due

    def _comes_too_early(self, one: Attachment) -> bool:
        """Whether the next request must wait for the answer to the last one. A door gives nothing twice."""
        union = self._leases.union
        return bool(len(union)) and one.coverage.awaits(union, repeats=one.source.traits.is_paced)

    def saw(self, one: Attachment, streams: Collection[Stream], part: int = 0) -> bool:
        """Note what (a part of) an attachment has brought; return whether its last request is shown to be in force."""
        is_sign = one.coverage.saw(streams)
        are_all = one.parts.saw(part, streams)
        if one.parts.is_split:
            is_sign = are_all
        if not one.coverage.is_awaited:
            self._deadlines.cancel(Deadline(Kind.ANSWERED, one.number))
        return is_sign

    def give_up(self, one: Attachment | None) -> None:
        """Await nothing more of what the last request to an attachment began."""
        if one is not None:
            one.coverage.give_up()

    def _has_question(self, source: Source) -> bool:
        one = source.attachment
        return one is not None and not source.is_dropped and bool(one.unasked or self._unasked)

    def flush(self, now: float) -> bool:
        """Send what is due; return whether the time has come to do so and nothing is wanted."""
        is_over = False
        for source in self._sources:
            due, one = self._due(source, now), source.attachment
            if due is not None:
                if due <= now:
                    source.pace.settled()
                    is_over = is_over or not len(self._leases.union)
                    if one is not None:  # else all of it is asked for as soon as it opens
                        self.ask(one, now)
            elif one is not None and self._has_question(source) and source.pace.free_at(now) <= now:
                self._send_question(one, (one.unasked or self._unasked).popleft(), now)
        return is_over

    # --- requests

    def ask(self, one: Attachment, now: float) -> None:
        """Have an attachment serve the union as it is now, unless it was asked that already."""
        if not len(self._leases.union):
            return
        plan = one.coverage.plan(self._leases.union)
        if plan is not None and not plan.is_empty:
            requests = one.parts.divide(plan.types, plan.changed)
            if requests is None:
                # It goes on with what it has; what is new comes through the one that is to take its place.
                self._out.append(Resize(one.source.number))
                return
            self._send(one, plan, requests, now)
        one.suspects = set(self._leases.probation.suspects)
        if one.requests and one.suspects:
            one.provable[one.requests] = set(one.suspects)
            proven = Deadline(Kind.PROVEN, one.number, one.requests)
            if proven not in self._deadlines:
                self._deadlines.set(proven, now, PROBATION)
        self._silence.asked(one, now)

    def _send(self, one: Attachment, plan: Plan, requests: dict[int, list[dict[str, object]]], now: float) -> None:
        before, left = one.coverage.asked, one.coverage.leaves(plan)
        deeper = one.coverage.sent(plan)
        # Another source may have been asked first, and deliver it already.
        expected = tuple(
            stream for stream in deeper if self._sources.depth_asked(stream, but=one) < plan.asked[stream].depth
        )
        if expected:
            self._out.append(Expect(expected))
        one.requests += 1
        one.is_excused = False
        one.parts.sent(requests, one.coverage.new)
        self._out.extend(
            SendRequest(one.source.number, one.requests, types, number) for number, types in requests.items()
        )
        self._out.extend(one.parts.skips(left))
        self.retire(before)
        self._deadlines.set(Deadline(Kind.ANSWERED, one.number), now, ANSWERED_WITHIN)
        self.saw(one, ())
        one.source.pace.sent(now)
        self.requests_sent += len(requests) * one.source.traits.is_paced
        self.check_served(one, now)
        self._look_for_room(one, now)

    def _look_for_room(self, one: Attachment, now: float) -> None:
        roomy = Deadline(Kind.ROOMY, one.number)
        if not one.parts.is_roomy:
            self._deadlines.cancel(roomy)
        elif roomy not in self._deadlines:
            self._deadlines.set(roomy, now, ROOMY_AFTER)

    def resize(self, one: Attachment | None) -> None:
        """Have an attachment replaced by one with fewer sockets."""
        plan = Coverage().plan(self._leases.union)
        if one is not None and plan is not None and one.parts.are_too_many(plan.types):
            self._out.append(Resize(one.source.number))

    def again(self, streams: Iterable[Stream]) -> bool:
        """Have the next request ask for `streams` as if they had not been asked for; False if none has been."""
        streams, is_any = tuple(streams), False
        for one in self._sources.open():
            is_any = one.coverage.doubt(streams) or is_any
        return is_any

    def check_served(self, one: Attachment, now: float) -> None:
        """With several sources, see after a while whether what this one was asked last is in force."""
        if len(self._sources) > 1:
            self._deadlines.set(Deadline(Kind.CHECK_SERVED, one.number, one.requests), now, ACKNOWLEDGED_AFTER)

    def take_anyway(self, streams: Iterable[Stream]) -> None:
        """Take whatever comes of `streams`: they were asked for again, and no snapshot has come."""
        for one in self._sources.open():
            taken = one.coverage.take_anyway(streams)
            self._out.extend(one.parts.skips(taken, is_on=False))

    def retire(self, streams: Iterable[Stream]) -> None:
        """Retire those of `streams` that no source is asked for any more."""
        retired = tuple(stream for stream in streams if self._sources.depth_asked(stream) < 0)
        if retired:
            self._out.append(Retire(retired))

    def forget(self, gone: Iterable[Stream]) -> None:
        """Retire streams that the exchange has stopped sending by itself, those asked for a snapshot alone."""
        gone = list(gone)
        for one in self._sources.open():
            one.coverage.forget(gone)
        self.retire(gone)

    # --- questions

    def question(self, asker: int) -> None:
        """Ask what the exchange serves, on whichever source can be asked first."""
        askers: tuple[int, ...] = (asker,)
        if self._unasked:
            # One that has not left yet asks the same: a host that hands over is asked by all its guests at once.
            askers = self._unasked.pop().askers + askers
        self._unasked.append(Question(str(uuid.uuid4()), askers))

    def ask_source(self, one: Attachment, *, proves: int | None = None, is_recheck: bool = False) -> None:
        """Have this one answer: for itself, or to show that it has caught up with the attachment `proves`."""
        one.unasked.append(Question(str(uuid.uuid4()), proves=proves, is_recheck=is_recheck))

    def _send_question(self, one: Attachment, question: Question, now: float) -> None:
        one.asked[question.ticket] = msgspec.structs.replace(question, after=one.requests)
        asked = one.parts.question(question.ticket)
        self._out.extend(ListSubscriptions(one.source.number, question.ticket, number) for number in asked)
        one.source.pace.sent(now, settles=False)
        self.requests_sent += len(asked) * one.source.traits.is_paced

    def answered(self, one: Attachment, said: SubscriptionList, part: int = 0) -> Question | None:
        """Pass an answer on once all parts have said it; return the question, `None` if this one was not asked it."""
        answer = one.parts.answered(part, said)
        if answer is None:
            return None
        question = one.asked.pop(answer.ticket, None)
        for asker in question.askers if question is not None else ():
            self._out.append(Answer(asker, answer))
        return question

    def lost(self, one: Attachment) -> None:
        """Have the questions of an attachment that is over answered elsewhere."""
        self._unasked.extend(
            Question(question.ticket, question.askers) for question in one.asked.values() if question.askers
        )

    def deny(self, error: WebSocketV6Error) -> None:
        """Answer every question that is still open with an error."""
        asked = [question for one in self._sources.open() for question in one.asked.values()]
        for question in (*asked, *self._unasked):
            self._out.extend(Deny(asker, error) for asker in question.askers)
        self._unasked.clear()
        for one in self._sources.open():
            one.asked.clear()


def _route(lease: int, want: Want, streams: tuple[Stream, ...]) -> Route:
    replay = want.is_public and want.snapshot
    # Private data has no snapshots in practice, but one that came would be news.
    snapshots = want.snapshot or not want.is_public
    return Route(lease, streams, replay, snapshots, want.realtime, "now", want.reconcile)
