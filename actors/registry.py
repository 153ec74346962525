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
from websocket_v6.protocol.inbound import ErrorNotice, Notice, SubscriptionList
from websocket_v6.protocol.inbound import Malformed as MalformedNotice
from websocket_v6.protocol.requests import encode_list_subscriptions, encode_request
from websocket_v6.protocol.streams import Stream, split
from websocket_v6.protocol.union import Plan
from websocket_v6.protocol.wants import ENDPOINTS, Want

from .base import Actor, tell
from .feed import Feed, FeedHealth, Lease, Question
from .messages import (
    AddRoutes,
    AskExchange,
    BackfillEnded,
    CheckSilent,
    ComponentGone,
    Connect,
    ConnectionChanged,
    Disconnect,
    DropRoutes,
    ExchangeSaid,
    Expect,
    Failed,
    Flush,
    Forget,
    GetHealth,
    HoldTrades,
    Ref,
    Retire,
    SendText,
    SnapshotServed,
    StreamFailed,
    StreamsSeen,
    Subscribe,
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


class Proven(NamedTuple):
    """Has the last request of this epoch gone unrefused?"""

    endpoint: str
    epoch: int
    request: int


class StopLingering(NamedTuple):
    """Close the connection if still nobody wants anything of it."""

    endpoint: str


class Registry(Actor):
    """Keeps what the exchange serves equal to the union of all leases.

    Receives Watch, Subscribe, Unsubscribe, ComponentGone and AskExchange from components, StreamsSeen and
    SnapshotServed from the router, ConnectionChanged and ExchangeSaid from connections, BackfillEnded from backfill.
    Sends routes to the router, Connect, Disconnect and SendText to connections, ConnectionChanged and StreamFailed to
    components.
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
        self._feeds = {endpoint: Feed(endpoint, config) for endpoint in ENDPOINTS}
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
            case StreamsSeen(endpoint, streams):
                self._feeds[endpoint].union.saw(streams)
            case SnapshotServed(subscription_id, stream):
                self._satisfied(subscription_id, stream)
            case Flush(endpoint):
                self._flush(self._feeds[endpoint])
            case ConnectionChanged():
                self._connection_changed(self._feeds[message.endpoint], message)
            case ExchangeSaid(endpoint, epoch, notice):
                self._hear(self._feeds[endpoint], epoch, notice)
            case BackfillEnded():
                self._tell_backfilled(message)
            case CheckSilent(subscription_id, epoch):
                self._check_silent(subscription_id, epoch)
            case Proven(endpoint, epoch, request):
                self._proven(self._feeds[endpoint], epoch, request)
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
            case UseConnection(endpoint, connection):
                self._use_connection(self._feeds[endpoint], connection)
            case GetHealth():
                return self._health()
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Answer every question that is still open: nobody waits for a registry that is gone."""
        for feed in self._feeds.values():
            _refuse(feed.lost(), TransportError("the engine stopped before the exchange answered"))

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor, and hand it the wants."""
        tell(self._supervisor, Failed("registry", self.actor_ref, error, self._estate()))

    def _estate(self) -> Estate:
        return Estate(self._leases, self._watchers)

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
        shallow = [stream for stream in streams if feed.union.is_shallow(stream, want.depth)]
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
            if lease is not None:
                wanted = set(lease.open_streams())
                self._route(lease, lease.want, tuple(stream for stream in streams if stream in wanted))

    def _forget_streams(self, feed: Feed, gone: Iterable[Stream]) -> None:
        """Retire streams that the exchange has stopped sending by itself, those asked for a snapshot alone."""
        retired = tuple(stream for stream in gone if stream not in feed.union.asked)
        if retired:
            tell(self._router, Retire(retired))

    # --- requests

    def _changed(self, feed: Feed) -> None:
        feed.pace.changed(time.monotonic())
        if not feed.is_wanted and len(feed.union):
            feed.is_wanted = True
            tell(feed.connection, Connect())
        self._set_timer(feed)

    def _set_timer(self, feed: Feed) -> None:
        now = time.monotonic()
        due = feed.pace.due(now)
        if feed.unasked and feed.is_open:
            due = min(due or now, feed.pace.free_at(now)) if due else feed.pace.free_at(now)
        if feed.timer is not None:
            feed.timer.cancel()
            feed.timer = None
        if due is not None:
            feed.timer = self.after(max(0.0, due - now), Flush(feed.endpoint))

    def _flush(self, feed: Feed) -> None:
        """Send what is due: the request that serves the union, if it changed, or a question."""
        feed.timer = None
        now = time.monotonic()
        due = feed.pace.due(now)
        if due is not None and due <= now:
            self._settle(feed)
        elif feed.unasked and feed.is_open and feed.pace.free_at(now) <= now:
            self._send_question(feed)
        self._set_timer(feed)

    def _settle(self, feed: Feed) -> None:
        plan = feed.union.plan()
        if not len(feed.union):
            feed.pace.settled()
            self._let_go(feed)
        elif not feed.is_open:
            feed.pace.settled()  # all of it is asked for as soon as the connection opens
        elif plan is None or plan.is_empty:
            feed.pace.settled()
            self._watch_silence(feed)
        else:
            self._send(feed, plan)

    def _send(self, feed: Feed, plan: Plan) -> None:
        text = encode_request(str(uuid.uuid4()), plan.types, self._config.format)
        retired = tuple(stream for stream in feed.union.asked if stream not in plan.asked)
        deeper = feed.union.sent(plan)
        if deeper:
            tell(self._router, Expect(tuple(deeper)))
        self._route_deferred(feed)
        tell(feed.connection, SendText(text))
        if retired:
            tell(self._router, Retire(retired))
        feed.pace.sent(time.monotonic())
        feed.has_asked = True
        feed.requests_sent += 1
        feed.request_bytes = len(text.encode())
        self.after(PROBATION, Proven(feed.endpoint, feed.epoch, feed.requests_sent))
        self._watch_silence(feed)

    def _let_go(self, feed: Feed) -> None:
        """Close the connection: the exchange has no way to say that nothing is wanted."""
        if not feed.is_wanted or feed.probation.has_apart:
            return
        if feed.union.is_live or not feed.has_asked:
            self._disconnect(feed)
        elif feed.linger is None:
            feed.linger = self.after(LINGER, StopLingering(feed.endpoint))

    def _stop_lingering(self, feed: Feed) -> None:
        feed.linger = None
        if feed.is_wanted and not len(feed.union) and not feed.probation.has_apart:
            self._disconnect(feed)

    def _disconnect(self, feed: Feed) -> None:
        feed.is_wanted = False
        tell(self._router, Retire(tuple(feed.union.asked)))
        self._connection_lost(feed, "nothing is wanted of it any more")
        tell(feed.connection, Disconnect())

    # --- what the connection says

    def _connection_changed(self, feed: Feed, change: ConnectionChanged) -> None:
        if change.state == "open" and feed.is_wanted:
            feed.opened(change.epoch)
            # Told before the request leaves, so that it is known before the first data.
            self._tell_watchers(feed, change)
            self._hold_trades(change)
            self._ask_again(feed)
            return
        if feed.is_open or change.state in ("lost", "refused"):
            self._connection_lost(feed, change.reason or change.state)
        self._tell_watchers(feed, change)
        if change.state == "refused" and change.error is not None:
            for lease in self._of(feed):
                self._report(lease, change.error, final=False)

    def _hold_trades(self, change: ConnectionChanged) -> None:
        """Have the router wait for missed trades, before the request leaves that brings the first ones after them."""
        if self._config.backfill and change.endpoint == "public" and change.gap_started_ns is not None:
            patience = self._config.backfill_timeout
            tell(self._router, HoldTrades(change.epoch, change.gap_started_ns, change.at_ns, patience))

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

    def _connection_lost(self, feed: Feed, reason: str) -> None:
        _refuse(feed.lost(), TransportError(f"the {feed.endpoint} connection is not there to be asked: {reason}"))
        tell(self._router, Forget(feed.endpoint))
        feed.unchecked.update(one.subscription_id for one in self._of(feed) if one.want.is_public and one.want.snapshot)

    def _ask_again(self, feed: Feed) -> None:
        plan = feed.union.plan()
        if plan is not None and not plan.is_empty:
            self._send(feed, plan)
        elif not len(feed.union):
            self._let_go(feed)
        self._set_timer(feed)

    def _tell_open(self, feed: Feed, component_id: str) -> None:
        tell(self._watchers.get(component_id), ConnectionChanged(feed.endpoint, "open", feed.epoch, feed.opened_at_ns))

    def _tell_watchers(self, feed: Feed, change: ConnectionChanged) -> None:
        concerned = {lease.component_id for lease in self._of(feed)}
        for component_id in concerned:
            tell(self._watchers.get(component_id), change)

    def _hear(self, feed: Feed, epoch: int, notice: Notice) -> None:
        match notice:
            case SubscriptionList(ticket=ticket):
                question = feed.asked.pop(ticket, None)
                if question is not None:
                    question.answer.set(notice)
            case ErrorNotice(name, text):
                logger.warning("the exchange answered on the %s connection: %s, %s", feed.endpoint, name, text)
                if epoch == feed.epoch and name not in KEY_ERRORS:
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

    def _proven(self, feed: Feed, epoch: int, request: int) -> None:
        if (epoch, request) == (feed.epoch, feed.requests_sent) and feed.is_open:
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
        silent = [stream for stream in lease.open_streams() if not feed.union.has_seen(stream)]
        if silent:
            self._report(lease, _unknown(lease.want, silent, self._config.silent_code_timeout), final=False)

    # --- questions

    def _ask_exchange(self, feed: Feed, question: Question) -> None:
        if not feed.is_open:
            _refuse([question], TransportError(f"the {feed.endpoint} connection is not open: nothing is served on it"))
            return
        feed.unasked.append(question)
        self._set_timer(feed)

    def _send_question(self, feed: Feed) -> None:
        question = feed.unasked.popleft()
        feed.asked[question.ticket] = question
        tell(feed.connection, SendText(encode_list_subscriptions(question.ticket, self._config.format)))
        feed.pace.sent(time.monotonic(), settles=False)
        feed.requests_sent += 1

    # --- the others, started anew

    def _use_router(self, router: Ref) -> None:
        self._router = router
        for feed in self._feeds.values():
            feed.deferred.clear()
        for lease in self._leases.values():
            self._route(lease, lease.want, tuple(lease.open_streams()), is_new=False)

    def _use_connection(self, feed: Feed, connection: Ref) -> None:
        feed.connection = connection
        self._connection_lost(feed, "it is being started anew")
        feed.is_wanted = False
        if len(feed.union):
            self._changed(feed)

    # --- small things

    def _of(self, feed: Feed) -> Iterator[Lease]:
        return (lease for lease in self._leases.values() if lease.want.endpoint == feed.endpoint)

    def _report(self, lease: Lease, error: WebSocketV6Error, *, final: bool) -> None:
        tell(self._watchers.get(lease.component_id), StreamFailed(lease.subscription_id, error, final))

    def _health(self) -> RegistryHealth:
        feeds = tuple(
            FeedHealth(
                feed.endpoint, len(feed.union), sum(1 for _ in self._of(feed)), feed.requests_sent, feed.request_bytes
            )
            for feed in self._feeds.values()
        )
        return RegistryHealth(len(self._watchers), feeds, self._malformed)


def _refuse(questions: Iterable[Question], error: WebSocketV6Error) -> None:
    for question in questions:
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
