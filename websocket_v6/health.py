"""The state of the engine and of one component as an immutable value that reads well, and how it is gathered."""

import contextlib
import time
from typing import Any, NamedTuple, cast

import pykka

from .actors.connection.connection import ConnectionHealth
from .actors.delivery.edge import Edge
from .actors.delivery.router import RouterHealth
from .actors.demand.registry import RegistryHealth
from .actors.membership.place import MembershipHealth, Role
from .actors.messages.common import GetHealth, Ref
from .actors.messages.fleet import FleetHealth
from .actors.server.network_server import NetworkHealth, VisitorHealth
from .actors.server.server import ClientHealth, ServerHealth
from .component import Component
from .link import ASK_TIMEOUT
from .protocol.demand.epochs import KnownGap
from .protocol.errors import EngineError
from .steps import Answer, Steps

__all__ = [
    "ClientHealth",
    "ConnectionHealth",
    "Counters",
    "Health",
    "KnownGap",
    "RestartHealth",
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


class RestartHealth(NamedTuple):
    """A part of the engine that failed and has not run well since: what, how often in a row, why.

    `next_attempt` is in how many seconds it is started again; `None`: it runs again.
    """

    part: str
    failures: int
    error: str
    next_attempt: float | None


class Health(NamedTuple):
    """What the engine and this component are doing.

    `role` is what this process is among those of the user on this machine: `host` (its connections serve `guests` other
    processes too), `guest` (another process's connections serve this one), `embedded` (it shares nothing), or `looking`
    while it finds out. `wanted` are all streams by name, `gaps` the last times in which something may have been missed.
    A host says how it serves its `members`, other processes, and its `visitors` from the network; `cut_off` counts
    those of both that were too slow. `restarts` says which parts of the engine failed a short while ago, or are
    not there now: what these would say is left out, or 0, until they are started again. `fleets` is this machine's
    place among many, with `Config(fleet=)`.
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
    restarts: tuple[RestartHealth, ...] = ()
    fleets: tuple[FleetHealth, ...] = ()

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
        lines += [f"  {one}" for one in self.fleets]
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
        for part in self.restarts:
            now = "runs again" if part.next_attempt is None else f"is started again in {part.next_attempt:.1f} s"
            lines.append(f"  {part.part} failed {part.failures} times in a row and {now}: {part.error}")
        return "\n".join(lines)


def gather(component: Component) -> Steps[Health]:
    """Ask each of the engine's actors for its part.

    Raises:
        EngineError: if the engine does not answer.
    """
    router: RouterHealth = (yield from _ask(component, "router")) or RouterHealth(*(0,) * len(RouterHealth._fields))
    registry: RegistryHealth = (yield from _ask(component, "registry")) or RegistryHealth(0, (), 0)
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
        restarts=(yield from _restarts(component)),
        fleets=(yield from _fleets(component)),
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


def _ask(component: Component, name: str) -> Steps[Any]:
    """Ask one of the engine's actors; `None` if it is being started again, or there is no such one."""
    ref = getattr((yield from component.link.children()), name)
    with contextlib.suppress(pykka.ActorDeadError):
        if ref is not None:
            try:
                return (yield Answer.of(ref, GetHealth(), ASK_TIMEOUT))
            except pykka.Timeout as exc:
                text = f"the engine's {name} did not answer within {ASK_TIMEOUT:g} s: is the process starved?"
                raise EngineError(text) from exc
    return None


def _restarts(component: Component) -> Steps[tuple[RestartHealth, ...]]:
    now = time.monotonic()
    return tuple(
        RestartHealth(one.part, one.times, one.error, None if one.due is None else max(0.0, one.due - now))
        for one in (yield from component.link.children()).troubles
    )


def _membership(component: Component) -> Steps[MembershipHealth]:
    role = Role.LOOKING if (yield from component.link.children()).shares else Role.EMBEDDED
    found = yield from _ask(component, "membership")
    return cast(MembershipHealth, found or MembershipHealth(role.value, 0))


def _door(door: Ref | None) -> Steps[ServerHealth]:
    with contextlib.suppress(pykka.ActorDeadError, pykka.Timeout):
        if door is not None:
            return cast(ServerHealth, (yield Answer.of(door, GetHealth(), ASK_TIMEOUT)))
    return ServerHealth((), 0)


def _fleets(component: Component) -> Steps[tuple[FleetHealth, ...]]:
    found: list[FleetHealth] = []
    for ref in (yield from component.link.children()).fleets:
        with contextlib.suppress(pykka.ActorDeadError, pykka.Timeout):
            found.append((yield Answer.of(ref, GetHealth(), ASK_TIMEOUT)))
    return tuple(found)


def _network(component: Component) -> Steps[NetworkHealth]:
    return cast(NetworkHealth, (yield from _ask(component, "network")) or NetworkHealth((), 0))


def _subscription(edge: Edge) -> SubscriptionHealth:
    stats = edge.mailbox.stats
    return SubscriptionHealth(
        edge.want.type, len(edge.want.codes), stats.delivered, stats.dropped, stats.queued, edge.lag_ns / 1e9
    )
