"""The state of the engine and of one component as an immutable value that reads well, and how it is gathered."""

import contextlib
from typing import NamedTuple, cast

import pykka

from .actors.connection.connection import ConnectionHealth
from .actors.delivery.edge import Edge
from .actors.delivery.router import RouterHealth
from .actors.demand.registry import RegistryHealth
from .actors.membership.place import MembershipHealth, Role
from .actors.messages.common import GetHealth, Ref
from .actors.server.network_server import NetworkHealth, VisitorHealth
from .actors.server.server import ClientHealth, ServerHealth
from .component import Component
from .engine import ASK_TIMEOUT
from .protocol.demand.epochs import KnownGap
from .steps import Answer, Steps

__all__ = [
    "ClientHealth",
    "ConnectionHealth",
    "Counters",
    "Health",
    "KnownGap",
    "SubscriptionHealth",
    "VisitorHealth",
    "gather",
    "is_open",
]


class Counters(NamedTuple):
    """Messages and requests since the engine started; the first five count messages."""

    received: int
    delivered: int  # into mailboxes, once for each component
    dropped: int  # by mailboxes of this component
    malformed: int
    unrouted: int  # strays of a subscription that had just been replaced
    reconnects: int
    requests_sent: int


class SubscriptionHealth(NamedTuple):
    """One subscription of this component. `lag` in seconds, of the last event, from the socket to user code."""

    type: str
    symbols: int
    delivered: int
    dropped: int
    queued: int
    lag: float


class Health(NamedTuple):
    """What the engine and this component are doing.

    `role` is what this process is among those of the user on this machine: `host` (its connections serve `guests` other
    processes too), `guest` (another process's connections serve this one), `embedded` (it shares nothing), or `looking`
    while it finds out. `wanted` are all streams by name, `gaps` the last times in which something may have been missed.
    A host says how it serves its `members`, other processes, and its `visitors` from the network; `cut_off` counts
    those of both that were too slow.
    """

    role: str
    component_id: str
    components: int
    guests: int
    connections: tuple[ConnectionHealth, ...]
    streams: int  # distinct streams that all components of the process want
    counters: Counters
    subscriptions: tuple[SubscriptionHealth, ...]
    wanted: tuple[str, ...] = ()
    gaps: tuple[KnownGap, ...] = ()
    members: tuple[ClientHealth, ...] = ()
    visitors: tuple[VisitorHealth, ...] = ()
    cut_off: int = 0

    def __str__(self) -> str:
        guests = f", {self.guests} guests" if self.guests else ""
        lines = [
            f"{self.component_id}: {self.role} engine, {self.components} components{guests}, {self.streams} streams"
        ]
        for one in self.connections:
            idle = "not needed" if one.state == "idle" else ""
            detail = f"up {one.up_seconds:.0f} s" if one.state == "open" else one.error or idle
            line = f"  {one.endpoint:8} {one.state:10} epoch {one.epoch}, {one.reconnects} reconnects"
            lines.append(f"{line}, {detail}" if detail else line)
        counts = self.counters
        lines.append(
            f"  messages {counts.received} received, {counts.delivered} delivered, {counts.dropped} dropped, "
            f"{counts.malformed} malformed, {counts.unrouted} unrouted; {counts.requests_sent} requests sent"
        )
        for sub in self.subscriptions:
            lines.append(
                f"  {sub.type} of {sub.symbols or 'all'} codes: {sub.delivered} delivered, {sub.dropped} dropped, "
                f"{sub.queued} queued, lag {sub.lag * 1e3:.1f} ms"
            )
        return "\n".join(lines)


def gather(component: Component) -> Steps[Health]:
    """Ask each of the engine's actors for its part.

    Raises:
        EngineError: if the engine has given up, or does not answer.
    """
    link = component.link
    router: RouterHealth = yield from link.ask(lambda now: now.router, GetHealth())
    registry: RegistryHealth = yield from link.ask(lambda now: now.registry, GetHealth())
    connections: list[ConnectionHealth] = []
    for endpoint in registry.endpoints:
        for one in (yield from _connections(component, endpoint.endpoint)):
            connections.append(one._replace(epoch=endpoint.epoch, serves=one.source in endpoint.serving))
    subscriptions = tuple(_subscription(edge) for edge in component.edges)
    counters = Counters(
        received=router.received,
        delivered=router.delivered,
        dropped=sum(one.dropped for one in subscriptions),
        malformed=router.malformed + registry.malformed,
        unrouted=router.unrouted,
        reconnects=sum(one.reconnects for one in connections),
        requests_sent=sum(endpoint.requests_sent for endpoint in registry.endpoints),
    )
    streams = sum(endpoint.streams for endpoint in registry.endpoints)
    place = yield from _membership(component)
    members, visitors = (yield from _door(place.door)), (yield from _network(component))
    return Health(
        place.role,
        component.name,
        registry.components,
        place.guests,
        tuple(connections),
        streams,
        counters,
        subscriptions,
        wanted=tuple(stream for endpoint in registry.endpoints for stream in endpoint.wanted),
        gaps=tuple(gap for endpoint in registry.endpoints for gap in endpoint.gaps),
        members=members.members,
        visitors=visitors.clients,
        cut_off=members.cut_off + visitors.cut_off,
    )


def is_open(component: Component, endpoint: str) -> Steps[bool]:
    """Whether a connection of `endpoint` is open now."""
    return any(one.state == "open" for one in (yield from _connections(component, endpoint)))


def _connections(component: Component, endpoint: str) -> Steps[list[ConnectionHealth]]:
    """Ask every source of the endpoint; one that has just been replaced has nothing to say."""
    found: list[ConnectionHealth] = []
    for ref in (yield from component.link.children()).connections[endpoint]:
        with contextlib.suppress(pykka.ActorDeadError):
            found += yield Answer.of(ref, GetHealth(), ASK_TIMEOUT)
    return [one for one in found if one.endpoint == endpoint]


def _membership(component: Component) -> Steps[MembershipHealth]:
    if (yield from component.link.children()).membership is None:
        return MembershipHealth(Role.EMBEDDED.value, 0)
    health = yield from component.link.ask(lambda children: cast(Ref, children.membership), GetHealth())
    return cast(MembershipHealth, health)


def _door(door: Ref | None) -> Steps[ServerHealth]:
    with contextlib.suppress(pykka.ActorDeadError, pykka.Timeout):
        if door is not None:
            return cast(ServerHealth, (yield Answer.of(door, GetHealth(), ASK_TIMEOUT)))
    return ServerHealth((), 0)


def _network(component: Component) -> Steps[NetworkHealth]:
    network = (yield from component.link.children()).network
    with contextlib.suppress(pykka.ActorDeadError, pykka.Timeout):
        if network is not None:
            return cast(NetworkHealth, (yield Answer.of(network, GetHealth(), ASK_TIMEOUT)))
    return NetworkHealth((), 0)


def _subscription(edge: Edge) -> SubscriptionHealth:
    stats = edge.mailbox.stats
    return SubscriptionHealth(
        edge.want.type, len(edge.want.codes), stats.delivered, stats.dropped, stats.queued, edge.lag_ns / 1e9
    )
