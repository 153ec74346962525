"""Carries out what the endpoints' machines decide: numbers become mailboxes, refs and futures here.

What is wanted, asked and told, and when, is `protocol/demand/endpoint.py`'s business, one for each endpoint.
"""

import time
from collections.abc import Iterable

from websocket_v6.actors.base import Actor, Timer, tell
from websocket_v6.actors.messages.common import GetHealth, GetInheritance, Ref
from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.messages.connection import Reach
from websocket_v6.actors.messages.markets import Recall, SilentCodes
from websocket_v6.actors.messages.registry import (
    AskExchange,
    AskMarkets,
    AskReach,
    BackfillEnded,
    ComponentGone,
    DropSource,
    ListCame,
    ListRefused,
    Look,
    Marked,
    OthersMissed,
    Reconciled,
    SnapshotServed,
    SourceEnded,
    SourceOpened,
    SourceSaid,
    SourceState,
    StreamsSeen,
    Subscribe,
    Unsubscribe,
    UseRouter,
    UseSource,
    Watch,
)
from websocket_v6.actors.messages.router import AddRoutes, AwaitReach, Convey, DropRoutes, TradesCame
from websocket_v6.actors.messages.supervisor import Failed, Need, Renew, SourceServes
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.demand.commands import (
    Answer,
    Command,
    Connect,
    Deny,
    Disconnect,
    ListSubscriptions,
    OpenPart,
    Report,
    Resize,
    Route,
    SendRequest,
    Serves,
    Suspect,
    Tell,
    Unroute,
)
from websocket_v6.protocol.demand.endpoint import Endpoint
from websocket_v6.protocol.demand.source import Traits, What
from websocket_v6.protocol.errors import LocalProtocolError, TransportError, UnknownCodeError
from websocket_v6.protocol.exchange.heads import ErrorNotice, Malformed, StatusUp, SubscriptionList
from websocket_v6.protocol.exchange.streams import MARKETS
from websocket_v6.protocol.exchange.wants import ALL_ENDPOINTS
from websocket_v6.protocol.message import Message

from .askers import Askers
from .health import RegistryHealth
from .inheritance import OWNER, Claim, RegistryInheritance, inherit
from .news import News
from .onlookers import Onlookers
from .recoveries import Recoveries
from .source_words import refused_word, source_word
from .wanted_lists import WantedLists

__all__ = ["Registry", "RegistryInheritance"]


class Due(Message):
    """It is time for something that the endpoint waits for."""

    endpoint: str


class Registry(Actor):
    """Turns messages into calls of the endpoints' machines, and what these return into messages.

    Receives Watch, Subscribe, Unsubscribe, Look, ComponentGone and AskExchange from components, what sources say,
    StreamsSeen, SnapshotServed and Marked from the router, BackfillEnded from backfill, UseSource, DropSource and
    UseRouter from the supervisor. Sends routes and the commands of `protocol/delivery/commands.py` to the router,
    Connect, SendRequest, ListSubscriptions and Disconnect to sources, ConnectionChanged and StreamFailed to components,
    SourceServes to the supervisor.
    """

    def __init__(self, *, config: Config, supervisor: Ref, inheritance: RegistryInheritance | None = None) -> None:
        super().__init__()
        self._supervisor = supervisor
        self._router: Ref | None = None
        claims, self._watchers, endpoints = inherit(inheritance)
        self._claims: dict[int, Claim] = {}
        # The same by component: it must cost no more to leave among ten thousand than among ten.
        self._by_component: dict[str, set[int]] = {}
        self._endpoints = {name: Endpoint(name, config, endpoints.get(name)) for name in ALL_ENDPOINTS}
        self._sources: dict[int, Ref] = {}
        self._list_sources: dict[int, Ref] = {}  # those of them that bring the lists of markets
        self._needs_lists = False  # and the supervisor knows
        self._askers = Askers(lambda message: tell(self._router, message))
        self._timers: dict[str, Timer] = {}
        self._onlookers = Onlookers(lambda message: tell(self._router, message))
        self._recoveries = Recoveries(self._endpoints, self._tell_watcher)
        self._malformed = 0
        self._news = News()
        for lease, claim in claims.items():
            self._claim(lease, claim)
        self._lists = WantedLists(
            self.actor_ref,
            config.markets_interval,
            None if inheritance is None else inheritance.patterns,
            endpoints=self._endpoints,
            claims=self._claims,
            claim=self._claim,
            unclaim=self._unclaim,
            do=self._do,
            tell_router=lambda message: tell(self._router, message),
            tell_component=lambda one, message: self._tell_watcher(self._watchers.get(one), message),
        )
        self._lists.go_on()

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case SourceState() | SourceOpened() | SourceSaid() | SourceEnded() | StreamsSeen() | Marked():
                self._hear(message)
            case Subscribe(_, lease, want) if want.quotes or lease in self._lists:
                self._lists.subscribe(message)
            case Subscribe():
                self._subscribe(message)
            case Unsubscribe(_, lease, part) if lease in self._lists:
                self._lists.drop(lease, part)
            case Unsubscribe(_, lease, part):
                claim = self._claims.get(lease)
                if claim is not None:
                    self._do(claim.endpoint, self._endpoints[claim.endpoint].drop(lease, part, time.monotonic()))
            case SnapshotServed(lease, stream):
                claim = self._claims.get(lease)
                if claim is not None:
                    self._do(claim.endpoint, self._endpoints[claim.endpoint].satisfied(lease, stream, time.monotonic()))
            case Due(name):
                self._timers.pop(name, None)
                self._do(name, self._endpoints[name].due(time.monotonic()))
            case AskExchange(name, answer):
                self._do(name, self._endpoints[name].question(self._askers.add(answer), time.monotonic()))
            case AskMarkets(component_id, quote, answer):
                self._lists.ask(component_id, quote, answer)
            case ListCame(payload):
                self._lists.came(payload)
            case ListRefused(lease, error):
                self._lists.refused(lease, error)
            case BackfillEnded() | Reconciled():
                self._recoveries.tell(message, self._claims, self._watchers)
            case AskReach(name, way):
                for source, ref in self._sources.items():
                    if source not in self._list_sources:  # which have no clock of the exchange's
                        tell(ref, Reach(name))
                if way is not None:
                    tell(self._router, AwaitReach(name, way))
            case OthersMissed(name, since_ns):
                self._endpoints[name].epochs.others_since_ns = since_ns
            case Watch(component_id, component):
                self._watchers[component_id] = component
            case ComponentGone(component_id):
                self._component_gone(component_id)
            case Look(_, _, name):
                self._onlookers.look(message, self._endpoints[name].wanted)
            case UseRouter() | UseSource() | DropSource():
                self._use(message)
            case GetInheritance():
                return self.inheritance()
            case GetHealth():
                endpoints = tuple(one.health() for one in self._endpoints.values())
                state = self._malformed, self._lists.listings, self._recoveries.unreconciled
                return RegistryHealth(len(self._watchers), endpoints, *state)
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Answer every question that is still open: nobody waits for a registry that is gone."""
        error = TransportError("the engine stopped before the exchange answered")
        self._askers.close(error)
        self._lists.close(error)

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor, and hand it the wants."""
        tell(self._supervisor, Failed("registry", self.actor_ref, error, self.inheritance()))

    def inheritance(self) -> RegistryInheritance:
        endpoints = {name: one.inheritance() for name, one in self._endpoints.items()}
        claims = {lease: claim for lease, claim in self._claims.items() if claim.component_id != OWNER}
        return RegistryInheritance(claims, dict(self._watchers), endpoints, self._lists.inheritance())

    # --- messages to calls

    def _hear(self, message: SourceState | SourceOpened | SourceSaid | SourceEnded | StreamsSeen | Marked) -> None:
        endpoint, now, now_ns = self._endpoints[message.endpoint], time.monotonic(), time.time_ns()
        match message:
            case SourceState(name, source, state, at_ns, reason, error, retry_in):
                commands = endpoint.state(source, state, What(at_ns, reason, error, retry_in), now)
            case SourceOpened(name, source, attachment, at_ns, backfills, _, whole, limit):
                ago = (now_ns - at_ns) / 1e9
                commands = endpoint.opened(
                    attachment, source, at_ns, now, backfills=backfills, ago=ago, whole=whole, limit=limit
                )
            case SourceEnded(name, _, attachment, whole_ns, at_ns, reason, error):
                commands = endpoint.ended(attachment, whole_ns, at_ns, reason, error, now)
            case StreamsSeen(name, attachment, streams):
                commands = endpoint.seen(attachment, streams, now, now_ns)
            case Marked(name, number, flowing_since):
                commands = endpoint.marked(number, flowing_since, now, now_ns)
            case SourceSaid(name, attachment, notice):
                commands = self._read(endpoint, attachment, notice, now, now_ns)
        self._do(name, commands)

    def _read(self, endpoint: Endpoint, attachment: int, notice: object, now: float, now_ns: int) -> list[Command]:
        match notice:
            case SubscriptionList():
                return endpoint.answered(attachment, notice, now, now_ns)
            case ErrorNotice(name, text):
                self._news.error(endpoint.name, notice)
                return endpoint.refused(attachment, name, text, (), now)
            case TradesCame(recovered):
                self._recoveries.came(recovered, self._claims, self._watchers)
            case Malformed():
                self._malformed += notice.times
                self._news.malformed(endpoint.name, notice)
            case StatusUp():
                pass
            case _ if (word := refused_word(notice)) is not None:
                return endpoint.refused(attachment, word.name, word.text, word.streams, now)
        return []

    def _use(self, message: UseRouter | UseSource | DropSource) -> None:
        now = time.monotonic()
        match message:
            case UseRouter(router, whole_ns):
                self._router = router
                for name, endpoint in self._endpoints.items():
                    self._do(name, endpoint.use_router(whole_ns.get(name), now, time.time_ns()))
            case UseSource(name, ref, source, is_paced, names_guilty, heir_of):
                self._sources[source] = ref
                traits = Traits(is_paced, names_guilty, heir_of)
                if name == MARKETS:
                    self._list_sources[source] = ref
                    tell(ref, Recall(self._lists.listings))
                self._do(name, self._endpoints[name].add_source(source, traits, now))
            case DropSource(name, source):
                self._sources.pop(source, None)
                self._list_sources.pop(source, None)
                self._do(name, self._endpoints[name].drop_source(source, now))

    # --- whose leases are whose

    def _subscribe(self, message: Subscribe) -> None:
        """Take a want, or more codes of one that is there. What is refused here was counted nowhere."""
        component_id, lease = message.component_id, message.subscription_id
        want, mailbox = message.want, message.mailbox
        try:
            commands = self._endpoints[want.endpoint].want(lease, want, time.monotonic(), replays=message.replays)
        except LocalProtocolError as exc:
            if not isinstance(mailbox, Way):
                raise
            self._tell_watcher(mailbox, StreamFailed(lease, exc, final=True, streams=tuple(want.streams())))
            return
        own = self._by_component.get(component_id, ())
        is_first = all(self._claims[one].endpoint != want.endpoint for one in own)
        if lease not in self._claims:
            self._claim(lease, Claim(component_id, want.endpoint, mailbox, message.component, want.closing))
        # A component that has something of the endpoint already knows how it stands; clients hear of what is open.
        untold: tuple[type, ...] = () if is_first else (Tell,)
        if isinstance(mailbox, Way) and not self._endpoints[want.endpoint].is_open:
            untold = (Tell, Report)
        self._do(want.endpoint, (one for one in commands if not isinstance(one, untold)))

    def _claim(self, lease: int, claim: Claim) -> None:
        self._claims[lease] = claim
        self._by_component.setdefault(claim.component_id, set()).add(lease)

    def _unclaim(self, lease: int) -> None:
        claim = self._claims.pop(lease, None)
        if claim is not None:
            own = self._by_component[claim.component_id]
            own.discard(lease)
            if not own:
                del self._by_component[claim.component_id]

    def _component_gone(self, component_id: str) -> None:
        self._watchers.pop(component_id, None)
        self._onlookers.gone(component_id)
        for lease in sorted(self._by_component.get(component_id, ())):
            name = self._claims[lease].endpoint
            if lease in self._lists:
                self._lists.end(lease)
            else:
                self._do(name, self._endpoints[name].drop(lease, None, time.monotonic()))
        self._lists.gone(component_id)

    # --- commands to messages

    def _do(self, name: str, commands: Iterable[Command]) -> None:
        """Carry out what an endpoint has decided, in its order, and wake it when it is due next."""
        wanted = self._endpoints[name].wanted
        if name == MARKETS and wanted and not self._needs_lists:
            self._needs_lists = True
            tell(self._supervisor, Need(MARKETS))
        self._onlookers.leave(name, wanted)
        for command in commands:
            self._carry_out(name, command)
        self._onlookers.come(name, wanted)
        due, timer = self._endpoints[name].next_due, self._timers.get(name)
        if timer is not None and timer.message is not None:
            if due is not None and timer.due <= due:
                return  # it wakes in time, and looks again then
            timer.cancel()
        if due is not None:
            self._timers[name] = self.after(max(0.0, due - time.monotonic()), Due(name))

    def _carry_out(self, name: str, command: Command) -> None:
        match command:
            case Connect() | Disconnect() | SendRequest() | ListSubscriptions() | OpenPart() | Suspect():
                tell(self._sources.get(command.source), source_word(name, command))
            case Route() | Unroute():
                self._tell_routes(command)
            case Tell():
                self._tell_of(name, command)
            case Report():
                self._report(command)
            case Serves(source, is_refused):
                tell(self._supervisor, SourceServes(source, is_refused))
            case Resize(source) if source in self._sources:
                tell(self._supervisor, Renew(self._sources[source], "parts"))
            case Answer() | Deny():
                self._askers.answer(command)
            case _:  # the rest is the router's, as it is
                tell(self._router, command)

    def _tell_routes(self, command: Route | Unroute) -> None:
        match command:
            case Route(lease, streams, replay, snapshots, realtime, begins, reconcile):
                claim = self._claims.get(lease)
                if claim is not None:
                    where = (lease, claim.endpoint, streams, claim.mailbox, claim.component)
                    waits = begins == "next snapshot"
                    snapshots = snapshots or isinstance(claim.mailbox, Way)  # who takes none sorts them out there
                    own = claim.closing, reconcile
                    tell(self._router, AddRoutes(*where, replay, snapshots, realtime, waits, *own))
            case Unroute(lease, gone):
                tell(self._router, DropRoutes(lease, gone))
                if gone is None and lease not in self._lists:  # whose codes may come again
                    self._unclaim(lease)

    def _tell_of(self, name: str, told: Tell) -> None:
        change = ConnectionChanged(
            name,
            told.state,
            told.epoch,
            told.at_ns,
            told.gap_started_ns,
            told.reason,
            told.error,
            retry_in=told.retry_in,
        )
        if told.lease is None:
            concerned = {claim.component_id for claim in self._claims.values() if claim.endpoint == name}
        else:
            concerned = {claim.component_id for claim in (self._claims.get(told.lease),) if claim is not None}
        if concerned or told.state == "closed":
            self._news.told(name, told)
        for component_id in concerned:
            self._tell_watcher(self._watchers.get(component_id), change)

    def _report(self, report: Report) -> None:
        claim, told = self._claims.get(report.lease), self._lists.without_listed(report)
        if isinstance(report.error, UnknownCodeError):
            for source in self._list_sources.values():
                tell(source, SilentCodes(report.error.codes))
        if claim is not None and told is not None:
            failed = StreamFailed(told.lease, told.error, told.is_final, told.streams)
            way = claim.mailbox if isinstance(claim.mailbox, Way) else self._watchers.get(claim.component_id)
            self._tell_watcher(way, failed)
        if report.is_final and report.lease in self._lists:
            self._lists.end(report.lease)  # whatever is listed later is not wanted for it

    def _tell_watcher(self, watcher: Ref | Way | None, message: object) -> None:
        if isinstance(watcher, Way):
            tell(self._router, Convey(watcher, message))
        else:
            tell(watcher, message)
