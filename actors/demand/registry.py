"""Who wants what: leases by component, where each is delivered, and who is told when it cannot be.

That the exchange serves the union of them is the business of `feed.py`, one for each endpoint.
"""

import logging
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from websocket_v6.actors.base import Actor, tell
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.messages.registry import (
    AskExchange,
    BackfillEnded,
    CheckSilent,
    ComponentGone,
    DropConnection,
    ExchangeSaid,
    Flush,
    LineChanged,
    SnapshotServed,
    StreamsSeen,
    Subscribe,
    Sync,
    Unsubscribe,
    UseConnection,
    UseRouter,
    Watch,
)
from websocket_v6.actors.messages.router import AddRoutes, DropRoutes
from websocket_v6.actors.messages.supervisor import Failed
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import ExchangeError, StreamError, TransportError, UnknownCodeError, WebSocketV6Error
from websocket_v6.protocol.exchange.heads import ErrorNotice, SubscriptionList
from websocket_v6.protocol.exchange.heads import Malformed as MalformedNotice
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.exchange.wants import ENDPOINTS, Want

from .feed import CheckServed, Feed, FeedHealth, Proven, StopLingering, StopMerging, StopWaiting
from .lease import Lease
from .line import Question

__all__ = ["Registry", "RegistryHealth"]

logger = logging.getLogger(__name__)

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


class Registry(Actor):
    """Keeps what the exchange serves equal to the union of all leases.

    Receives Watch, Subscribe, Unsubscribe, ComponentGone and AskExchange from components, StreamsSeen and
    SnapshotServed from the router, LineChanged and ExchangeSaid from lines, UseConnection, DropConnection and UseRouter
    from the supervisor. Sends routes and NewEpoch to the router, Connect, Ask, AskList and Disconnect to lines,
    ConnectionChanged and StreamFailed to components.
    """

    def __init__(self, *, config: Config, supervisor: Ref, estate: Estate | None = None) -> None:
        super().__init__()
        self._config = config
        self.supervisor = supervisor
        self.router: Ref | None = None
        self._leases: dict[int, Lease] = dict(estate.leases) if estate else {}
        self._watchers: dict[str, Ref] = dict(estate.watchers) if estate else {}
        # The same leases by component: it must cost no more to leave among ten thousand than among ten.
        self._by_component: dict[str, dict[int, Lease]] = {}
        epochs = estate.epochs if estate else {}
        self._feeds = {one: Feed(one, config, self, epochs.get(one, 0)) for one in ENDPOINTS}
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
                self._feeds[endpoint].saw(number, streams)
            case SnapshotServed(subscription_id, stream):
                self._satisfied(subscription_id, stream)
            case LineChanged():
                self._feeds[message.endpoint].line_changed(message)
            case ExchangeSaid():
                self._hear(self._feeds[message.endpoint], message)
            case Flush() | StopLingering() | CheckServed() | StopWaiting() | StopMerging():
                self._feeds[message.endpoint].remind(message)
            case BackfillEnded():
                self._tell_backfilled(message)
            case CheckSilent(subscription_id, epoch):
                self._check_silent(subscription_id, epoch)
            case Proven(endpoint, number, request):
                self._proven(self._feeds[endpoint], number, request)
            case AskExchange(endpoint, answer):
                self._feeds[endpoint].ask_exchange(Question(str(uuid.uuid4()), (answer,)))
            case Watch(component_id, component):
                self._watchers[component_id] = component
            case ComponentGone(component_id):
                self._component_gone(component_id)
            case UseRouter(router):
                self._use_router(router)
            case UseConnection():
                self._feeds[message.endpoint].add_line(message)
            case DropConnection(endpoint, ref):
                self._feeds[endpoint].drop_line(ref)
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
            feed.close(error)

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor, and hand it the wants."""
        tell(self.supervisor, Failed("registry", self.actor_ref, error, self._estate()))

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
        feed.changed()

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
        tell(self.router, DropRoutes(lease.subscription_id))
        if not feed.probation.is_apart(lease.subscription_id):
            feed.forget(feed.union.remove(lease.want, lease.open_streams()))
            feed.changed()
        feed.probation.forget(lease.subscription_id)

    def _remove(self, lease: Lease, want: Want) -> None:
        feed = self._feeds[want.endpoint]
        streams = tuple(stream for stream in want.streams() if stream not in lease.satisfied)
        lease.satisfied.difference_update(want.streams())
        tell(self.router, DropRoutes(lease.subscription_id, streams))
        if not feed.probation.is_apart(lease.subscription_id):
            feed.forget(feed.union.remove(want, streams))
            feed.changed()

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
            feed.forget(feed.union.remove(lease.want, [stream]))
            feed.changed()

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
        tell(self.router, routes)

    def route_deferred(self, feed: Feed) -> None:
        """Add the routes that waited for the request which is about to leave, and need no deeper one."""
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

    # --- what the lines say

    def _tell_open(self, feed: Feed, component_id: str) -> None:
        tell(self._watchers.get(component_id), ConnectionChanged(feed.endpoint, "open", feed.epoch, feed.opened_at_ns))

    def tell_watchers(
        self,
        feed: Feed,
        state: str,
        at_ns: int,
        reason: str = "",
        error: WebSocketV6Error | None = None,
        epoch: int | None = None,
    ) -> None:
        """Tell every component that wants something of the endpoint what happened to it."""
        epoch = feed.epoch if epoch is None else epoch
        gap = feed.continuity.gap_started_ns
        change = ConnectionChanged(feed.endpoint, state, epoch, at_ns, gap, reason, error)
        concerned = {lease.component_id for lease in self._of(feed)}
        for component_id in concerned:
            tell(self._watchers.get(component_id), change)

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

    def _hear(self, feed: Feed, said: ExchangeSaid) -> None:
        line = feed.lines.get(said.line)
        if line is None:
            return
        match said.notice:
            case SubscriptionList():
                feed.answered(line, said.notice)
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
            feed.changed()

    # --- silence

    def lost(self, feed: Feed) -> None:
        """Watch for silence anew: everything is asked for again once a line is open."""
        feed.unchecked.update(one.subscription_id for one in self._of(feed) if one.want.is_public and one.want.snapshot)

    def asked(self, feed: Feed) -> None:
        """Watch for silence from now on: whoever asked for a code that the exchange does not know is to hear of it."""
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

    # --- the others, started anew

    def _use_router(self, router: Ref) -> None:
        self.router = router
        for feed in self._feeds.values():
            feed.use_router()
        for lease in self._leases.values():
            self._route(lease, lease.want, tuple(lease.open_streams()), is_new=False)

    # --- several lines: which of them serves

    # --- small things

    def _of(self, feed: Feed) -> Iterator[Lease]:
        return (lease for lease in self._leases.values() if lease.want.endpoint == feed.endpoint)

    def report_all(self, feed: Feed, error: WebSocketV6Error) -> None:
        """Report to every subscription of the endpoint that it cannot be served for now."""
        for lease in self._of(feed):
            self._report(lease, error, final=False)

    def _report(self, lease: Lease, error: WebSocketV6Error, *, final: bool) -> None:
        tell(self._watchers.get(lease.component_id), StreamFailed(lease.subscription_id, error, final))

    def _health(self) -> RegistryHealth:
        feeds = tuple(feed.health(sum(1 for _ in self._of(feed))) for feed in self._feeds.values())
        return RegistryHealth(len(self._watchers), feeds, self._malformed)


def _unknown(want: Want, silent: list[Stream], waited: float) -> UnknownCodeError:
    codes = tuple(dict.fromkeys(split(stream)[1].partition("@")[0] for stream in silent))
    level = f" with level={want.level}" if want.level else ""
    text = (
        f"the exchange sends no {want.type} for {', '.join(codes)}{level} ({waited:g} s without a snapshot): unknown "
        "or delisted code, or a price level that the market does not have; the subscription stays and starts if it "
        "appears"
    )
    return UnknownCodeError(text, codes=codes)
