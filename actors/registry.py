"""Who wants what: leases by component, merged into one request for each endpoint, at the pace the exchange allows.

Merging is `protocol/union.py`, the pace is `protocol/pace.py`; here are the leases and the order of things.
"""

import logging
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import (
    ExchangeError,
    StreamError,
    TransportError,
    UnknownCodeError,
    WebSocketV6Error,
)
from websocket_v6.protocol.inbound import ErrorNotice, SubscriptionList
from websocket_v6.protocol.inbound import Malformed as MalformedNotice
from websocket_v6.protocol.served import Plan
from websocket_v6.protocol.streams import Stream, split
from websocket_v6.protocol.wants import ENDPOINTS, Want

from .base import Actor, tell
from .feed import Feed, FeedHealth, Lease, Line, Question
from .messages import (
    AddRoutes,
    Ask,
    AskExchange,
    AskList,
    BackfillEnded,
    CheckSilent,
    ComponentGone,
    Connect,
    ConnectionChanged,
    DetachSource,
    Disconnect,
    DropConnection,
    DropRoutes,
    ExchangeSaid,
    Expect,
    Failed,
    Flush,
    Forget,
    GetHealth,
    HoldTrades,
    Join,
    LineChanged,
    LineServes,
    Merge,
    NewEpoch,
    Ref,
    Retire,
    SnapshotServed,
    StreamFailed,
    StreamsSeen,
    Subscribe,
    Sync,
    Unsubscribe,
    UseConnection,
    UseRouter,
    Watch,
)

__all__ = ["Registry", "RegistryHealth"]

logger = logging.getLogger(__name__)

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
# Errors of the exchange about the keys, not about a request.
KEY_ERRORS = ("INVALID_AUTH",)


class RegistryHealth(NamedTuple):
    """What all components want, endpoint by endpoint."""

    components: int
    feeds: tuple[FeedHealth, ...]
    malformed: int


class Estate(NamedTuple):
    """What outlives a registry that a bug ended: the wants are the components', not its own."""

    leases: Mapping[int, Lease]
    watchers: Mapping[str, Ref]
    epochs: Mapping[str, int]  # by endpoint


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


class Registry(Actor):
    """Keeps what the exchange serves equal to the union of all leases.

    Receives Watch, Subscribe, Unsubscribe, ComponentGone and AskExchange from components, StreamsSeen and
    SnapshotServed from the router, LineChanged and ExchangeSaid from lines, UseConnection, DropConnection and UseRouter
    from the supervisor, BackfillEnded from backfill. Sends routes, NewEpoch and HoldTrades to the router, Connect, Ask,
    AskList and Disconnect to lines, ConnectionChanged and StreamFailed to components.
    """

    def __init__(self, *, config: Config, supervisor: Ref, estate: Estate | None = None) -> None:
        super().__init__()
        self._config = config
        self._supervisor = supervisor
        self._router: Ref | None = None
        self._leases: dict[int, Lease] = dict(estate.leases) if estate else {}
        self._watchers: dict[str, Ref] = dict(estate.watchers) if estate else {}
        # The same leases by component: it must cost no more to leave among ten thousand than among ten.
        self._by_component: dict[str, dict[int, Lease]] = {}
        epochs = estate.epochs if estate else {}
        self._feeds = {endpoint: Feed(endpoint, epochs.get(endpoint, 0)) for endpoint in ENDPOINTS}
        self._malformed = 0
        self._told: set[str] = set()
        for lease in self._leases.values():
            self._by_component.setdefault(lease.component_id, {})[lease.subscription_id] = lease
            self._feeds[lease.want.endpoint].union.add(lease.want)

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case Subscribe():
                self._subscribe(message)
            case Unsubscribe(_, subscription_id, want):
                self._unsubscribe(subscription_id, want)
            case StreamsSeen(endpoint, number, streams):
                self._saw(self._feeds[endpoint], number, streams)
            case SnapshotServed(subscription_id, stream):
                self._satisfied(subscription_id, stream)
            case Flush(endpoint):
                self._flush(self._feeds[endpoint])
            case LineChanged():
                self._line_changed(self._feeds[message.endpoint], message)
            case ExchangeSaid():
                self._hear(self._feeds[message.endpoint], message)
            case CheckServed(endpoint, number, request):
                self._check_served(self._feeds[endpoint], number, request)
            case StopWaiting(endpoint, number, epoch):
                self._join(self._feeds[endpoint], number, epoch)
            case StopMerging(endpoint):
                if len(self._feeds[endpoint].lines) < 2:
                    tell(self._router, Merge(endpoint, is_on=False))
            case BackfillEnded():
                self._tell_backfilled(message)
            case CheckSilent(subscription_id, epoch):
                self._check_silent(subscription_id, epoch)
            case Proven(endpoint, number, request):
                self._proven(self._feeds[endpoint], number, request)
            case AskExchange(endpoint, answer):
                self._ask_exchange(self._feeds[endpoint], Question(str(uuid.uuid4()), answer))
            case Watch(component_id, component):
                self._watchers[component_id] = component
            case ComponentGone(component_id):
                self._component_gone(component_id)
            case StopLingering(endpoint):
                self._stop_lingering(self._feeds[endpoint])
            case UseRouter(router):
                self._use_router(router)
            case UseConnection():
                self._use_connection(self._feeds[message.endpoint], message)
            case DropConnection(endpoint, ref):
                self._drop_connection(self._feeds[endpoint], ref)
            case Sync():
                pass
            case GetHealth():
                return self._health()
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Answer every question that is still open: nobody waits for a registry that is gone."""
        error = TransportError("the engine stopped before the exchange answered")
        for feed in self._feeds.values():
            _refuse([*feed.unasked, *(one for line in feed.lines.values() for one in line.lost())], error)
            feed.unasked.clear()

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor, and hand it the wants."""
        tell(self._supervisor, Failed("registry", self.actor_ref, error, self._estate()))

    def _estate(self) -> Estate:
        return Estate(self._leases, self._watchers, {one.endpoint: one.epoch for one in self._feeds.values()})

    # --- leases

    def _subscribe(self, message: Subscribe) -> None:
        """Take a want, or more codes of one that is there. What is refused here was counted nowhere."""
        component_id, subscription_id, want, mailbox, component = message
        feed = self._feeds[want.endpoint]
        lease = self._leases.get(subscription_id)
        if lease is not None:
            want = want.with_codes(code for code in want.codes if code not in lease.want.codes)
            if not want.codes:
                return
        if not feed.probation.is_apart(subscription_id):
            feed.union.add(want)
        if lease is None:
            lease = self._leases[subscription_id] = Lease(component_id, subscription_id, want, mailbox, component)
            others = self._by_component.setdefault(component_id, {})
            if feed.is_open and not any(one.want.endpoint == feed.endpoint for one in others.values()):
                self._tell_open(feed, component_id)
            others[subscription_id] = lease
        else:
            lease.want = lease.want.with_codes(lease.want.codes + want.codes)
        self._add_routes(lease, want)
        feed.probation.suspect(subscription_id)
        if want.is_public and want.snapshot:
            feed.unchecked.add(subscription_id)
        self._changed(feed)

    def _unsubscribe(self, subscription_id: int, part: Want | None) -> None:
        lease = self._leases.get(subscription_id)
        if lease is None:
            return
        going = lease.want.codes if part is None else tuple(code for code in lease.want.codes if code in part.codes)
        staying = tuple(code for code in lease.want.codes if code not in going)
        if part is None or not staying:
            self._take_back(lease)
        elif going:  # a want without codes would mean all of them
            self._remove(lease, lease.want.with_codes(going))
            lease.want = lease.want.with_codes(staying)

    def _take_back(self, lease: Lease) -> None:
        del self._leases[lease.subscription_id]
        own = self._by_component[lease.component_id]
        del own[lease.subscription_id]
        if not own:
            del self._by_component[lease.component_id]
        feed = self._feeds[lease.want.endpoint]
        feed.unchecked.discard(lease.subscription_id)
        tell(self._router, DropRoutes(lease.subscription_id))
        if not feed.probation.is_apart(lease.subscription_id):
            self._forget_streams(feed, feed.union.remove(lease.want, lease.open_streams()))
            self._changed(feed)
        feed.probation.forget(lease.subscription_id)

    def _remove(self, lease: Lease, want: Want) -> None:
        feed = self._feeds[want.endpoint]
        streams = tuple(stream for stream in want.streams() if stream not in lease.satisfied)
        lease.satisfied.difference_update(want.streams())
        tell(self._router, DropRoutes(lease.subscription_id, streams))
        if not feed.probation.is_apart(lease.subscription_id):
            self._forget_streams(feed, feed.union.remove(want, streams))
            self._changed(feed)

    def _component_gone(self, component_id: str) -> None:
        self._watchers.pop(component_id, None)
        for lease in list(self._by_component.get(component_id, {}).values()):
            self._take_back(lease)

    def _satisfied(self, subscription_id: int, stream: Stream) -> None:
        lease = self._leases.get(subscription_id)
        if lease is None or stream in lease.satisfied:
            return
        feed = self._feeds[lease.want.endpoint]
        lease.satisfied.add(stream)
        if not feed.probation.is_apart(subscription_id):
            self._forget_streams(feed, feed.union.remove(lease.want, [stream]))
            self._changed(feed)

    def _add_routes(self, lease: Lease, want: Want) -> None:
        feed = self._feeds[want.endpoint]
        streams = [stream for stream in want.streams() if stream not in lease.satisfied]
        # A book that comes with fewer levels than wanted is not for this lease: its routes wait for the next request.
        shallow = [stream for stream in streams if feed.is_shallow(stream, want.depth)]
        self._route(lease, want, tuple(stream for stream in streams if stream not in shallow))
        if shallow:
            feed.deferred.setdefault(lease.subscription_id, []).extend(shallow)

    def _route(self, lease: Lease, want: Want, streams: tuple[Stream, ...], *, is_new: bool = True) -> None:
        if not streams:
            return
        replay = is_new and want.is_public and want.snapshot
        # Private data has no snapshots in practice, but one that came would be news.
        snapshots = want.snapshot or not want.is_public
        routes = AddRoutes(
            lease.subscription_id, streams, lease.mailbox, lease.component, replay, snapshots, want.realtime
        )
        tell(self._router, routes)

    def _route_deferred(self, feed: Feed) -> None:
        deferred, feed.deferred = feed.deferred, {}
        for subscription_id, streams in deferred.items():
            lease = self._leases.get(subscription_id)
            if lease is None:
                continue
            wanted = [stream for stream in lease.open_streams() if stream in set(streams)]
            shallow = [stream for stream in wanted if feed.is_shallow(stream, lease.want.depth)]
            self._route(lease, lease.want, tuple(stream for stream in wanted if stream not in shallow))
            if shallow:
                feed.deferred[subscription_id] = shallow

    def _forget_streams(self, feed: Feed, gone: Iterable[Stream]) -> None:
        """Retire streams that the exchange has stopped sending by itself, those asked for a snapshot alone."""
        retired = tuple(feed.forgotten(list(gone)))
        if retired:
            tell(self._router, Retire(retired))

    # --- requests

    def _changed(self, feed: Feed) -> None:
        now = time.monotonic()
        for line in feed.lines.values():
            line.pace.changed(now)
        if not feed.is_wanted and len(feed.union):
            feed.is_wanted = True
            wants = feed.union.wants()
            for line in feed.lines.values():
                tell(line.ref, Connect(feed.endpoint, wants))
        self._set_timer(feed)

    def _set_timer(self, feed: Feed) -> None:
        now = time.monotonic()
        times: list[float | None] = []
        for line in feed.lines.values():
            due = _due(feed, line, now)
            if due is None and line.is_open and (feed.unasked or line.unasked):
                due = line.pace.free_at(now)
            times.append(due)
        if feed.timer is not None:
            feed.timer.cancel()
            feed.timer = None
        due = min((one for one in times if one is not None), default=None)
        if due is not None:
            feed.timer = self.after(max(0.0, due - now), Flush(feed.endpoint))

    def _flush(self, feed: Feed) -> None:
        """Send what is due on each line: the request that serves the union, if it changed, or a question."""
        feed.timer = None
        now = time.monotonic()
        for line in feed.lines.values():
            due = _due(feed, line, now)
            if due is not None:
                # No question goes before a request that is due soon, for its answer is to know of it.
                if due <= now:
                    self._settle(feed, line)
            elif (line.unasked or feed.unasked) and line.is_open and line.pace.free_at(now) <= now:
                self._send_question(feed, line, (line.unasked or feed.unasked).popleft())
        self._set_timer(feed)

    def _settle(self, feed: Feed, line: Line) -> None:
        line.pace.settled()
        if not len(feed.union):
            self._let_go(feed)
        elif line.is_open:  # else all of it is asked for as soon as it opens
            plan = line.served.plan(feed.union)
            if plan is None or plan.is_empty:
                self._watch_silence(feed)
            else:
                self._send(feed, line, plan)

    def _send(self, feed: Feed, line: Line, plan: Plan) -> None:
        before = line.served.asked
        deeper = line.served.sent(plan)
        # Another line may have been asked first, and deliver it already.
        expected = tuple(
            stream for stream in deeper if feed.asked_anywhere(stream, but=line) < plan.asked[stream].depth
        )
        if expected:
            tell(self._router, Expect(expected))
        self._route_deferred(feed)
        tell(line.ref, Ask(feed.endpoint, plan))
        self._retire(feed, before)
        line.pace.sent(time.monotonic())
        line.has_asked = True
        line.is_excused = False
        line.requests += 1
        feed.requests_sent += line.limited
        self.after(PROBATION, Proven(feed.endpoint, line.number, line.requests))
        self._watch_served(feed, line)
        self._watch_silence(feed)

    def _retire(self, feed: Feed, streams: Iterable[Stream]) -> None:
        """Retire those of `streams` that no line is asked for any more."""
        retired = tuple(stream for stream in streams if feed.asked_anywhere(stream) < 0)
        if retired:
            tell(self._router, Retire(retired))

    def _let_go(self, feed: Feed) -> None:
        """Close the connections: the exchange has no way to say that nothing is wanted."""
        if not feed.is_wanted or feed.probation.has_apart:
            return
        lines = feed.lines.values()
        if any(line.served.is_live for line in lines) or not any(line.has_asked for line in lines):
            self._disconnect(feed)
        elif feed.linger is None:
            feed.linger = self.after(LINGER, StopLingering(feed.endpoint))

    def _stop_lingering(self, feed: Feed) -> None:
        feed.linger = None
        if feed.is_wanted and not len(feed.union) and not feed.probation.has_apart:
            self._disconnect(feed)

    def _disconnect(self, feed: Feed) -> None:
        feed.is_wanted = False
        feed.continuity.closed()
        for line in feed.lines.values():
            self._line_down(feed, line, "nothing is wanted of it any more")
            tell(line.ref, Disconnect(feed.endpoint))
            tell(self._supervisor, LineServes(line.number))

    # --- what the lines say

    def _line_changed(self, feed: Feed, change: LineChanged) -> None:
        line = feed.lines.get(change.line)
        if line is None:
            return  # dropped, and heard of no more
        if change.state == "open" and feed.is_wanted:
            line.opened(change.epoch)
            if feed.continuity.opened(line.number, change.at_ns, change.gap_started_ns):
                self._begin_epoch(feed, change.at_ns)
                tell(self._supervisor, LineServes(line.number))
            else:
                self.after(PATIENCE, StopWaiting(feed.endpoint, line.number, line.epoch))
            self._ask_again(feed, line)
            return
        if line.is_open or change.state in ("lost", "refused"):
            self._line_lost(feed, line, change)
        if feed.is_open:
            if change.state == "refused":
                line.refusal = change
                tell(self._supervisor, LineServes(line.number))
            return  # another one serves, and nobody need know
        self._tell_watchers(feed, change.state, change.at_ns, change.reason, change.error)
        if change.state == "refused" and change.error is not None:
            for lease in self._of(feed):
                self._report(lease, change.error, final=False)

    def _hold_trades(self, feed: Feed, at_ns: int) -> None:
        """Have the router wait for missed trades, before the first ones after them come."""
        started_ns = feed.continuity.gap_started_ns
        if self._config.backfill and feed.endpoint == "public" and started_ns is not None:
            tell(self._router, HoldTrades(feed.epoch, started_ns, at_ns, self._config.backfill_timeout))

    def _tell_backfilled(self, ended: BackfillEnded) -> None:
        codes: dict[str, set[str]] = {}  # whose trades a component follows
        for lease in self._of(self._feeds["public"]):
            if lease.want.type == "trade":
                codes.setdefault(lease.component_id, set()).update(lease.want.codes)
        for component_id, own in codes.items():
            part = ended.of(own)
            if part.recovered or part.unrecovered:
                change = ConnectionChanged(
                    "public", "backfilled", ended.epoch, time.time_ns(), ended.started_ns, backfill=part
                )
                tell(self._watchers.get(component_id), change)

    def _line_lost(self, feed: Feed, line: Line, change: LineChanged) -> None:
        epoch, whole = feed.epoch, feed.whole_lines(line)
        gap = feed.continuity.lost(line.number, change.gap_started_ns, change.at_ns, whole)
        self._line_down(feed, line, change.reason or change.state)
        if gap is not None:
            # Another line goes on, but it has not brought everything since this one fell silent.
            feed.continuity.gap_started_ns = gap.started_ns
            self._tell_watchers(feed, "lost", change.at_ns, change.reason, change.error, epoch)
            self._begin_epoch(feed, gap.ended_ns)

    def _begin_epoch(self, feed: Feed, at_ns: int) -> None:
        """Tell everyone of a new epoch, before the request leaves: so it is known before the first data."""
        feed.opened_at_ns = at_ns
        tell(self._router, NewEpoch(feed.endpoint, feed.epoch))
        self._hold_trades(feed, at_ns)
        for line in feed.open_lines():
            if not feed.continuity.awaits(line.number):
                tell(self._router, Join(feed.endpoint, line.number))
                tell(self._supervisor, LineServes(line.number))
        self._tell_watchers(feed, "open", at_ns)
        feed.continuity.gap_told()

    def _line_down(self, feed: Feed, line: Line, reason: str) -> None:
        asked = line.served.asked
        for other in feed.open_lines():
            if other is not line:
                other.served.inherit(line.served)
        unanswered = line.lost()
        self._retire(feed, (stream for stream in asked if stream not in feed.union))
        if feed.is_open:
            feed.unasked.extend(unanswered)
            self._set_timer(feed)
            return
        _refuse(
            [*unanswered, *feed.unasked],
            TransportError(f"the {feed.endpoint} connection is not there to be asked: {reason}"),
        )
        feed.unasked.clear()
        tell(self._router, Forget(feed.endpoint))
        feed.unchecked.update(one.subscription_id for one in self._of(feed) if one.want.is_public and one.want.snapshot)

    def _ask_again(self, feed: Feed, line: Line) -> None:
        plan = line.served.plan(feed.union)
        if plan is not None and not plan.is_empty:
            self._send(feed, line, plan)
        elif not len(feed.union):
            self._let_go(feed)
        self._set_timer(feed)

    def _saw(self, feed: Feed, number: int, streams: tuple[Stream, ...]) -> None:
        line = feed.lines.get(number)
        if line is not None:
            line.served.saw(streams)
            self._settled(feed, line)

    def _tell_open(self, feed: Feed, component_id: str) -> None:
        tell(self._watchers.get(component_id), ConnectionChanged(feed.endpoint, "open", feed.epoch, feed.opened_at_ns))

    def _tell_watchers(
        self,
        feed: Feed,
        state: str,
        at_ns: int,
        reason: str = "",
        error: WebSocketV6Error | None = None,
        epoch: int | None = None,
    ) -> None:
        epoch = feed.epoch if epoch is None else epoch
        gap = feed.continuity.gap_started_ns
        change = ConnectionChanged(feed.endpoint, state, epoch, at_ns, gap, reason, error)
        concerned = {lease.component_id for lease in self._of(feed)}
        for component_id in concerned:
            tell(self._watchers.get(component_id), change)

    def _hear(self, feed: Feed, said: ExchangeSaid) -> None:
        line = feed.lines.get(said.line)
        if line is None:
            return
        match said.notice:
            case SubscriptionList(ticket=ticket):
                question = line.asked.pop(ticket, None)
                if question is not None:
                    self._answered(feed, line, question, said.notice)
            case ErrorNotice(name, text):
                logger.warning("the exchange answered on the %s connection: %s, %s", feed.endpoint, name, text)
                if said.epoch == line.epoch and name not in KEY_ERRORS and not line.is_excused:
                    self._blame(feed, ExchangeError(name, text))
            case MalformedNotice(kind, excerpt):
                self._malformed += 1
                if kind not in self._told:
                    self._told.add(kind)
                    logger.warning("a malformed message (%s) was skipped on %s: %s", kind, feed.endpoint, excerpt)
            case _:
                pass

    # --- a request the exchange refuses, although all was checked

    def _blame(self, feed: Feed, error: ExchangeError) -> None:
        """Find the lease that the exchange refuses, so that it harms no other."""
        guilty, apart = feed.probation.refused()
        if apart or guilty is not None:
            for line in feed.lines.values():
                line.is_excused = True  # the same request is refused there too, and blames nobody else
        for subscription_id in apart:
            lease = self._leases[subscription_id]
            feed.union.remove(lease.want, lease.open_streams())
        if apart:
            self._next_trial(feed)
        elif guilty is not None:
            lease = self._leases[guilty]
            self._take_back(lease)
            where = f"subscription of {', '.join(lease.want.codes) or 'everything'} ({lease.want.type})"
            self._report(lease, StreamError(f"{where} was dropped, {error}; nothing else is affected"), final=True)
            self._next_trial(feed)

    def _proven(self, feed: Feed, number: int, request: int) -> None:
        line = feed.lines.get(number)
        if line is not None and line.is_open and line.requests == request:
            feed.probation.proven()
            self._next_trial(feed)

    def _next_trial(self, feed: Feed) -> None:
        subscription_id = feed.probation.next_trial()
        if subscription_id is not None:
            lease = self._leases[subscription_id]
            feed.union.add(lease.want)
            feed.union.remove(lease.want, lease.satisfied)
            self._changed(feed)

    # --- silence

    def _watch_silence(self, feed: Feed) -> None:
        for subscription_id in feed.unchecked:
            self.after(self._config.silent_code_timeout, CheckSilent(subscription_id, feed.epoch))
        feed.unchecked.clear()

    def _check_silent(self, subscription_id: int, epoch: int) -> None:
        lease = self._leases.get(subscription_id)
        if lease is None:
            return
        feed = self._feeds[lease.want.endpoint]
        if epoch != feed.epoch or not feed.is_open:
            return  # watched again from the next request on
        silent = [stream for stream in lease.open_streams() if not feed.has_seen(stream)]
        if silent:
            self._report(lease, _unknown(lease.want, silent, self._config.silent_code_timeout), final=False)

    # --- questions

    def _ask_exchange(self, feed: Feed, question: Question) -> None:
        if not feed.is_open:
            _refuse([question], TransportError(f"the {feed.endpoint} connection is not open: nothing is served on it"))
            return
        feed.unasked.append(question)
        self._set_timer(feed)

    def _send_question(self, feed: Feed, line: Line, question: Question) -> None:
        line.asked[question.ticket] = question._replace(after=line.requests)
        tell(line.ref, AskList(feed.endpoint, question.ticket))
        line.pace.sent(time.monotonic(), settles=False)
        feed.requests_sent += line.limited

    # --- the others, started anew

    def _use_router(self, router: Ref) -> None:
        self._router = router
        for feed in self._feeds.values():
            feed.deferred.clear()
            tell(router, NewEpoch(feed.endpoint, feed.epoch))
            if len(feed.lines) > 1:
                tell(router, Merge(feed.endpoint, is_on=True))
        for lease in self._leases.values():
            self._route(lease, lease.want, tuple(lease.open_streams()), is_new=False)

    def _use_connection(self, feed: Feed, message: UseConnection) -> None:
        line = feed.lines[message.line] = Line(message, self._config)
        if len(feed.lines) > 1:
            tell(self._router, Merge(feed.endpoint, is_on=True))
            for other in feed.open_lines():
                self._watch_served(feed, other)
        if feed.is_wanted:
            tell(line.ref, Connect(feed.endpoint, feed.union.wants()))
        elif len(feed.union):
            self._changed(feed)
        else:
            tell(self._supervisor, LineServes(line.number))  # all that is wanted

    def _drop_connection(self, feed: Feed, ref: Ref) -> None:
        for line in [one for one in feed.lines.values() if one.ref == ref]:
            if line.is_open:
                now_ns = time.time_ns()
                self._line_changed(
                    feed, LineChanged(feed.endpoint, line.number, "lost", line.epoch, now_ns, now_ns, "it is replaced")
                )
            del feed.lines[line.number]
            tell(self._router, DetachSource(feed.endpoint, line.number))
            self.after(MERGE_LINGER, StopMerging(feed.endpoint))
        for line in feed.lines.values():
            if line.refusal is not None and not feed.is_open:
                self._line_changed(feed, line.refusal)

    # --- several lines: which of them serves

    def _watch_served(self, feed: Feed, line: Line) -> None:
        if len(feed.lines) > 1:
            self.after(ACKNOWLEDGED_AFTER, CheckServed(feed.endpoint, line.number, line.requests))

    def _check_served(self, feed: Feed, number: int, request: int) -> None:
        line = feed.lines.get(number)
        if line is not None and line.is_open and line.requests == request and not line.served.is_whole:
            self._ask_line(feed, line)

    def _ask_line(self, feed: Feed, line: Line, proves: tuple[int, int] | None = None) -> None:
        line.unasked.append(Question(str(uuid.uuid4()), None, proves=proves))
        self._set_timer(feed)

    def _answered(self, feed: Feed, line: Line, question: Question, answer: SubscriptionList) -> None:
        if question.answer is not None:
            question.answer.set(answer)
        if question.after == line.requests:
            line.served.acknowledge()
            self._settled(feed, line)
        if question.proves is not None:
            self._join(feed, *question.proves)

    def _settled(self, feed: Feed, line: Line) -> None:
        """See whether `line` has all that is wanted now.

        If so, the others are asked something: when one of them answers, it has brought everything from before `line`
        had its beginning, and is no longer needed.
        """
        if line.whole_at_ns is not None or not feed.continuity.awaits(line.number) or not line.served.is_whole:
            return
        line.whole_at_ns = time.time_ns()
        for other in feed.open_lines():
            if not feed.continuity.awaits(other.number):
                self._ask_line(feed, other, proves=(line.number, line.epoch))
        self.after(PROOF_PATIENCE, StopWaiting(feed.endpoint, line.number, line.epoch))

    def _join(self, feed: Feed, number: int, epoch: int) -> None:
        line = feed.lines.get(number)
        if line is None or line.epoch != epoch or not feed.continuity.awaits(number):
            return
        # Not since now: the answer that brought us here may have been the last that the other line says.
        feed.continuity.serves(number, line.whole_at_ns or time.time_ns())
        tell(self._router, Join(feed.endpoint, number))
        tell(self._supervisor, LineServes(number))

    # --- small things

    def _of(self, feed: Feed) -> Iterator[Lease]:
        return (lease for lease in self._leases.values() if lease.want.endpoint == feed.endpoint)

    def _report(self, lease: Lease, error: WebSocketV6Error, *, final: bool) -> None:
        tell(self._watchers.get(lease.component_id), StreamFailed(lease.subscription_id, error, final))

    def _health(self) -> RegistryHealth:
        feeds = tuple(
            FeedHealth(
                feed.endpoint,
                len(feed.union),
                sum(1 for _ in self._of(feed)),
                feed.requests_sent,
                feed.epoch,
                feed.continuity.serving,
            )
            for feed in self._feeds.values()
        )
        return RegistryHealth(len(self._watchers), feeds, self._malformed)


def _due(feed: Feed, line: Line, now: float) -> float | None:
    """Return when the line's next request should leave, `None` if it has none."""
    return None if feed.is_ending(line) else line.pace.due(now)


def _refuse(questions: Iterable[Question], error: WebSocketV6Error) -> None:
    for question in questions:
        if question.answer is not None:
            question.answer.set_exception((type(error), error, None))


def _unknown(want: Want, silent: list[Stream], waited: float) -> UnknownCodeError:
    codes = tuple(dict.fromkeys(split(stream)[1].partition("@")[0] for stream in silent))
    level = f" with level={want.level}" if want.level else ""
    text = (
        f"the exchange sends no {want.type} for {', '.join(codes)}{level} ({waited:g} s without a snapshot): unknown "
        "or delisted code, or a price level that the market does not have; the subscription stays and starts if it "
        "appears"
    )
    return UnknownCodeError(text, codes=codes)
