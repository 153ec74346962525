"""Who wants what, where it is delivered, and who is told: the numbers of the endpoints' machines, turned into refs.

It decides nothing. What it hears becomes a call of an endpoint (`protocol/demand/endpoint.py`), and what that returns
is carried out one by one, in its order.
"""

import itertools
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pykka

from websocket_v6.actors.base import Actor, Timer, tell
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages import connection as to_source
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.messages.registry import (
    AskExchange,
    BackfillEnded,
    ComponentGone,
    DropSource,
    Marked,
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
from websocket_v6.actors.messages.router import AddRoutes, DropRoutes
from websocket_v6.actors.messages.supervisor import Failed, SourceServes
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.demand import commands
from websocket_v6.protocol.demand.endpoint import Endpoint, EndpointHealth, EndpointInheritance
from websocket_v6.protocol.demand.source import Traits
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.heads import ErrorNotice, Malformed, SubscriptionList
from websocket_v6.protocol.exchange.wants import ENDPOINTS

__all__ = ["Registry", "RegistryHealth", "RegistryInheritance"]

logger = logging.getLogger(__name__)


class Claim(NamedTuple):
    """A lease as the registry keeps it: whose it is, and where what it brings is delivered (live)."""

    component_id: str
    endpoint: str
    mailbox: MailboxQueue
    component: Ref | None  # who is woken for it; None: the mailbox is pulled


class TimeCame(NamedTuple):
    """Something of this endpoint's is due."""

    endpoint: str


class RegistryHealth(NamedTuple):
    """What all components want, endpoint by endpoint."""

    components: int
    endpoints: tuple[EndpointHealth, ...]
    malformed: int


class RegistryInheritance(NamedTuple):
    """What outlives a registry that a bug ended (live): the wants are the components', not its own."""

    claims: Mapping[int, Claim]
    watchers: Mapping[str, Ref]
    endpoints: Mapping[str, EndpointInheritance]


class Registry(Actor):
    """Carries out what the endpoints' machines decide.

    Receives Watch, Subscribe, Unsubscribe, ComponentGone and AskExchange from components, what sources say,
    StreamsSeen, SnapshotServed and Marked from the router, BackfillEnded from backfill, UseSource, DropSource and
    UseRouter from the supervisor. Sends routes and commands to the router, Connect, SendRequest, ListSubscriptions and
    Disconnect to sources, ConnectionChanged and StreamFailed to components, SourceServes to the supervisor.
    """

    def __init__(self, *, config: Config, supervisor: Ref, inheritance: RegistryInheritance | None = None) -> None:
        super().__init__()
        inherited = inheritance or RegistryInheritance({}, {}, {})
        self._supervisor = supervisor
        self._router: Ref | None = None
        self._endpoints = {name: Endpoint(name, config, inherited.endpoints.get(name)) for name in ENDPOINTS}
        self._timers: dict[str, Timer] = {}
        self._claims: dict[int, Claim] = dict(inherited.claims)
        # The same by component: it must cost no more to leave among ten thousand than among ten.
        self._by_component: dict[str, dict[int, str]] = {}
        self._watchers: dict[str, Ref] = dict(inherited.watchers)
        self._sources: dict[int, Ref] = {}
        self._askers: dict[int, pykka.Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._malformed = 0
        self._told: set[str] = set()
        for number, claim in self._claims.items():
            self._by_component.setdefault(claim.component_id, {})[number] = claim.endpoint

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        now, now_ns = time.monotonic(), time.time_ns()
        match message:
            case Subscribe():
                self._subscribe(message, now)
            case Unsubscribe(_, subscription_id, want):
                claim = self._claims.get(subscription_id)
                if claim is not None:
                    self._carry_out(claim.endpoint, self._of(claim.endpoint).drop(subscription_id, want, now))
            case ComponentGone(component_id):
                self._component_gone(component_id, now)
            case Watch(component_id, component):
                self._watchers[component_id] = component
            case AskExchange(endpoint, answer):
                asker = next(self._numbers)
                self._askers[asker] = answer
                self._carry_out(endpoint, self._of(endpoint).question(asker, now))
            case StreamsSeen(endpoint, attachment, streams):
                self._carry_out(endpoint, self._of(endpoint).seen(attachment, streams, now, now_ns))
            case SnapshotServed(subscription_id, stream):
                claim = self._claims.get(subscription_id)
                if claim is not None:
                    self._carry_out(claim.endpoint, self._of(claim.endpoint).satisfied(subscription_id, stream, now))
            case Marked(endpoint, number, flowing_since):
                self._carry_out(endpoint, self._of(endpoint).marked(number, flowing_since, now, now_ns))
            case SourceState() | SourceOpened() | SourceSaid() | SourceEnded():
                self._hear(message, now, now_ns)
            case TimeCame(endpoint):
                self._carry_out(endpoint, self._of(endpoint).due(now))
            case UseSource() | DropSource() | UseRouter():
                self._use(message, now, now_ns)
            case BackfillEnded():
                self._tell_backfilled(message)
            case GetHealth():
                return self._health()
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Answer every question that is still open: nobody waits for a registry that is gone."""
        error = TransportError("the engine stopped before the exchange answered")
        askers, self._askers = self._askers, {}
        for answer in askers.values():
            _refuse(answer, error)

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor, and hand it the wants."""
        endpoints = {name: endpoint.inheritance() for name, endpoint in self._endpoints.items()}
        left = RegistryInheritance(self._claims, self._watchers, endpoints)
        tell(self._supervisor, Failed("registry", self.actor_ref, error, left))

    # --- what is wanted

    def _subscribe(self, message: Subscribe, now: float) -> None:
        """Take a want, or more codes of one that is there. What is refused here was counted nowhere."""
        component_id, number, want, mailbox, component = message
        endpoint = want.endpoint
        is_new = number not in self._claims
        if is_new:
            self._claims[number] = Claim(component_id, endpoint, mailbox, component)
        try:
            wanted = self._of(endpoint).want(number, want, now)
        except WebSocketV6Error:
            if is_new:
                del self._claims[number]
            raise
        self._by_component.setdefault(component_id, {})[number] = endpoint
        self._carry_out(endpoint, wanted)

    def _component_gone(self, component_id: str, now: float) -> None:
        self._watchers.pop(component_id, None)
        for number, endpoint in list(self._by_component.get(component_id, {}).items()):
            self._carry_out(endpoint, self._of(endpoint).drop(number, None, now))

    def _forget(self, lease: int) -> None:
        claim = self._claims.pop(lease, None)
        if claim is not None:
            own = self._by_component[claim.component_id]
            del own[lease]
            if not own:
                del self._by_component[claim.component_id]

    # --- what sources say, and which there are

    def _hear(self, message: SourceState | SourceOpened | SourceSaid | SourceEnded, now: float, now_ns: int) -> None:
        endpoint = self._of(message.endpoint)
        done: list[commands.Command] = []
        match message:
            case SourceState(_, source, state, at_ns, reason, error):
                done = endpoint.state(source, state, at_ns, reason, error, now)
            case SourceOpened(_, source, attachment, at_ns):
                done = endpoint.opened(attachment, source, at_ns, now)
            case SourceEnded(_, _, attachment, whole_ns, at_ns, reason, error):
                done = endpoint.ended(attachment, whole_ns, at_ns, reason, error, now)
            case SourceSaid(_, attachment, SubscriptionList() as answer):
                done = endpoint.answered(attachment, answer, now, now_ns)
            case SourceSaid(_, attachment, ErrorNotice(name, text)):
                logger.warning("the exchange answered on the %s connection: %s, %s", message.endpoint, name, text)
                done = endpoint.refused(attachment, name, text, (), now)
            case SourceSaid(_, _, Malformed(kind, excerpt)):
                self._count_malformed(message.endpoint, kind, excerpt)
            case _:
                pass
        self._carry_out(message.endpoint, done)

    def _use(self, message: UseSource | DropSource | UseRouter, now: float, now_ns: int) -> None:
        match message:
            case UseSource(endpoint, ref, source):
                self._sources[source] = ref
                traits = Traits(is_paced=message.is_paced, names_guilty=message.names_guilty, heir_of=message.heir_of)
                self._carry_out(endpoint, self._of(endpoint).add_source(source, traits, now))
            case DropSource(endpoint, source):
                self._carry_out(endpoint, self._of(endpoint).drop_source(source, now))
                self._sources.pop(source, None)
            case UseRouter(router, whole_ns):
                self._router = router
                for name, endpoint_ in self._endpoints.items():
                    self._carry_out(name, endpoint_.use_router(whole_ns.get(name), now, now_ns))

    def _count_malformed(self, endpoint: str, kind: str, excerpt: str) -> None:
        self._malformed += 1
        if kind not in self._told:
            self._told.add(kind)
            logger.warning("a malformed message (%s) was skipped on %s: %s", kind, endpoint, excerpt)

    # --- carrying out

    def _of(self, endpoint: str) -> Endpoint:
        return self._endpoints[endpoint]

    def _carry_out(self, endpoint: str, todo: Iterable[commands.Command]) -> None:
        """Carry out commands of one endpoint in their order, and come back when its next one is due."""
        gone = []
        for command in todo:
            self._do(endpoint, command)
            if isinstance(command, commands.Unroute) and command.streams is None:
                gone.append(command.lease)
        for lease in gone:  # only now: its owner may have been told something of it
            self._forget(lease)
        self._set_timer(endpoint)

    def _do(self, endpoint: str, command: commands.Command) -> None:
        match command:
            case commands.Route() | commands.Unroute():
                self._route(command)
            case commands.Connect(source, wants):
                tell(self._sources.get(source), to_source.Connect(endpoint, wants))
            case commands.Disconnect(source, linger):
                tell(self._sources.get(source), to_source.Disconnect(endpoint, linger))
            case commands.SendRequest(source, number, types, wants):
                tell(self._sources.get(source), to_source.SendRequest(endpoint, number, types, wants))
            case commands.ListSubscriptions(source, ticket):
                tell(self._sources.get(source), to_source.ListSubscriptions(endpoint, ticket))
            case commands.Tell():
                self._tell(endpoint, command)
            case commands.Report(lease, error, is_final):
                claim = self._claims.get(lease)
                if claim is not None:
                    tell(self._watchers.get(claim.component_id), StreamFailed(lease, error, is_final))
            case commands.Serves(source, is_refused):
                tell(self._supervisor, SourceServes(source, is_refused))
            case commands.Answer(asker, subscriptions):
                self._askers.pop(asker).set(subscriptions)
            case commands.Deny(asker, error):
                _refuse(self._askers.pop(asker), error)
            case _:
                tell(self._router, command)

    def _route(self, command: commands.Route | commands.Unroute) -> None:
        if isinstance(command, commands.Unroute):
            tell(self._router, DropRoutes(command.lease, command.streams))
            return
        lease, streams, replay, snapshots, realtime, begins = command
        claim = self._claims[lease]
        awaits = begins == "next snapshot"
        routes = AddRoutes(
            lease, claim.endpoint, streams, claim.mailbox, claim.component, replay, snapshots, realtime, awaits
        )
        tell(self._router, routes)

    def _tell(self, endpoint: str, what: commands.Tell) -> None:
        change = ConnectionChanged(
            endpoint, what.state, what.epoch, what.at_ns, what.gap_started_ns, what.reason, what.error
        )
        if what.lease is not None:
            concerned = self._newcomer(endpoint, what.lease)
        else:
            concerned = {claim.component_id for claim in self._claims.values() if claim.endpoint == endpoint}
        for component_id in concerned:
            tell(self._watchers.get(component_id), change)

    def _newcomer(self, endpoint: str, lease: int) -> set[str]:
        """Return the owner of `lease`, unless another lease of it has brought it the same word."""
        component_id = self._claims[lease].component_id
        own = self._by_component[component_id]
        return set() if any(one == endpoint and number != lease for number, one in own.items()) else {component_id}

    def _tell_backfilled(self, ended: BackfillEnded) -> None:
        codes: dict[str, set[str]] = {}  # whose trades a component follows
        for lease, own in self._of("public").followers("trade"):
            codes.setdefault(self._claims[lease].component_id, set()).update(own)
        for component_id, wanted in codes.items():
            part = ended.of(wanted)
            if part.recovered or part.unrecovered:
                change = ConnectionChanged(
                    "public", "backfilled", ended.epoch, time.time_ns(), ended.started_ns, backfill=part
                )
                tell(self._watchers.get(component_id), change)

    def _set_timer(self, endpoint: str) -> None:
        due, timer = self._of(endpoint).next_due, self._timers.get(endpoint)
        if timer is not None and due == timer.due:
            return
        if timer is not None:
            timer.cancel()
            del self._timers[endpoint]
        if due is not None:
            self._timers[endpoint] = self.at(due, TimeCame(endpoint))

    def _health(self) -> RegistryHealth:
        endpoints = tuple(endpoint.health() for endpoint in self._endpoints.values())
        return RegistryHealth(len(self._watchers), endpoints, self._malformed)


def _refuse(answer: "pykka.Future[Any]", error: WebSocketV6Error) -> None:
    answer.set_exception((type(error), error, None))
