"""The state of the engine and of one component as an immutable value that reads well, and how it is gathered."""

import contextlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, cast

import pykka

from .actors.connection.health import ConnectionHealth, PartHealth
from .actors.delivery.edge import Edge
from .actors.delivery.router import RouterHealth
from .actors.demand.health import RegistryHealth
from .actors.demand.recoveries import Unreconciled
from .actors.membership.place import MembershipHealth, Role
from .actors.messages.common import GetHealth, Ref
from .actors.messages.fleet import FleetHealth
from .actors.messages.markets import MarketsHealth as SourceHealth
from .actors.messages.server import NetworkHealth, VisitorHealth
from .actors.recording.progress import Progress, RecordingHealth
from .actors.server.server import ClientHealth, ServerHealth
from .link import ASK_TIMEOUT, Link
from .protocol.delivery.delays import DelayHealth
from .protocol.demand.epochs import KnownGap
from .protocol.errors import EngineError
from .protocol.exchange.market_list import Listing
from .protocol.exchange.streams import MARKETS
from .protocol.exchange.wants import ENDPOINTS
from .steps import Answer, Steps

__all__ = [
    "ClientHealth",
    "ConnectionHealth",
    "Counters",
    "DelayHealth",
    "Health",
    "KnownGap",
    "MarketsHealth",
    "PartHealth",
    "RecordingHealth",
    "RestartHealth",
    "SubscriptionHealth",
    "Unreconciled",
    "VisitorHealth",
    "gather",
    "is_open",
    "lists_problem",
]


_NO_ROUTER = RouterHealth(0, 0, 0, 0, 0, 0, 0, 0)


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
    """One subscription of this component. `lag` in seconds, of the last event, from the socket to user code.

    `late` counts messages that changed a closed candle after it was delivered.
    """

    type: str
    symbols: int
    delivered: int
    dropped: int
    queued: int
    lag: float
    late: int = 0


class MarketsHealth(NamedTuple):
    """The list of markets of one quote currency that a pattern such as `KRW-*` follows; `age` in seconds.

    `problem` says why the exchange's last answer was of no use, where this process asks it.
    """

    quote: str
    markets: int
    age: float
    problem: str = ""


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
    not there now: what these would say is left out, or 0, until they are started again. `markets` are the lists that
    patterns follow; `unreconciled` names own orders or balances that could not be reconciled after a gap, where that is
    wanted. `delays` are how long live messages were on their way from the exchange, by endpoint: counts up to each of
    some bounds. `fleets` is this machine's place among many, with `Config(fleet=)`. `recordings` are
    those that this component has begun, also the last ones that have ended or failed: since when, why, what is missing.

    >>> ticker = proxy.subscribe_ticker("KRW-BTC").get(timeout=5.0)
    >>> health = proxy.health()
    >>> health.role, [one.state for one in health.connections if one.endpoint == "public"]
    ('embedded', ['open'])
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
    markets: tuple[MarketsHealth, ...] = ()
    unreconciled: tuple[Unreconciled, ...] = ()
    delays: tuple[DelayHealth, ...] = ()
    fleets: tuple[FleetHealth, ...] = ()
    recordings: tuple[RecordingHealth, ...] = ()

    def __str__(self) -> str:
        guests = f", {self.guests} guests" if self.guests else ""
        lines = [
            f"{self.component_id}: {self.role} engine, {self.components} components{guests}, {self.streams} streams"
        ]
        for one in self.connections:
            idle = "not needed" if one.state == "idle" else ""
            detail = _standing(one) if one.state == "open" else one.error or idle
            line = f"  {one.endpoint:8} {one.state:10} epoch {one.epoch}, {one.reconnects} reconnects"
            size = f", {_asked(one)}" if one.request_bytes and one.state == "open" else ""
            lines.append(f"{line}, {detail}{size}" if detail else line)
        for listed in self.markets:
            problem = f"; the last answer was of no use: {listed.problem}" if listed.problem else ""
            lines.append(f"  {listed.quote}-*    {listed.markets} markets, listed {listed.age:.0f} s ago{problem}")
            lines.append(f"{line}, {detail}" if detail else line)
        lines += [f"  {one}" for one in (*self.fleets, *self.recordings)]
        counts = self.counters
        lines.append(
            f"  messages {counts.received} received, {counts.delivered} delivered, {counts.dropped} dropped, "
            f"{counts.malformed} malformed, {counts.unrouted} unrouted; {counts.requests_sent} requests sent"
        )
        for sub in self.subscriptions:
            lines.append(
                f"  {sub.type} of {sub.symbols or 'all'} codes: {sub.delivered} delivered, {sub.dropped} dropped, "
                f"{sub.queued} queued, lag {sub.lag * 1e3:.1f} ms" + (f", {sub.late} late" if sub.late else "")
            )
        for one_type in self.unreconciled:
            since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(one_type.since_ns // 1_000_000_000))
            lines.append(f"  {one_type.type} not reconciled since {since}: {one_type.reason}")
        for part in self.restarts:
            now = "runs again" if part.next_attempt is None else f"is started again in {part.next_attempt:.1f} s"
            lines.append(f"  {part.part} failed {part.failures} times in a row and {now}: {part.error}")
        return "\n".join(lines)


def _standing(one: ConnectionHealth) -> str:
    delay = "" if one.delay is None else f", delay {one.delay * 1e3:.0f} ms"
    saved = 1 - one.wire_bytes / one.payload_bytes if one.payload_bytes else 0.0
    return f"up {one.up_seconds:.0f} s{delay}" + (f", {saved:.0%} of the bytes saved" if saved > 0 else "")


def _asked(one: ConnectionHealth) -> str:
    """Say how much it was asked for: over one socket, or over which several."""
    parts = [_request(part.request_bytes, part.codes) for part in one.parts]
    if len(parts) > 1:
        return f"{len(parts)} sockets: {'; '.join(parts)}"
    return _request(one.request_bytes, one.codes)


def _request(size: int, codes: int) -> str:
    return f"request of {size:,} bytes" + (f" for {codes:,} codes" if codes else "")


class Gathered(Protocol):
    """A component, or an engine without one."""

    @property
    def link(self) -> Link:
        """The way to the engine."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def edges(self) -> Sequence[Edge]:
        """Its subscriptions."""

    @property
    def recordings(self) -> Sequence[Progress]:
        """Its recordings."""


def gather(component: Gathered) -> Steps[Health]:
    """Ask each of the engine's actors for its part.

    Raises:
        EngineError: if the engine does not answer.
    """
    router: RouterHealth = (yield from _ask(component, "router")) or _NO_ROUTER
    registry: RegistryHealth = (yield from _ask(component, "registry")) or RegistryHealth(0, (), 0)
    delays = {one.endpoint: one.recent for one in router.delays}
    connections: list[ConnectionHealth] = []
    exchange = [endpoint for endpoint in registry.endpoints if endpoint.endpoint in ENDPOINTS]
    for endpoint in exchange:
        for one in (yield from _connections(component, endpoint.endpoint)):
            serves, delay = one.source in endpoint.serving, delays.get(one.endpoint)
            connections.append(one._replace(epoch=endpoint.epoch, serves=serves, delay=delay))
    subscriptions = tuple(_subscription(edge) for edge in component.edges)
    counters = Counters(
        received=router.received,
        delivered=router.delivered,
        dropped=sum(one.dropped for one in subscriptions),
        malformed=router.malformed + registry.malformed,
        unrouted=router.unrouted,
        reconnects=sum(one.reconnects for one in connections),
        requests_sent=sum(endpoint.requests_sent for endpoint in exchange),
    )
    streams = sum(endpoint.streams for endpoint in exchange)
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
        wanted=tuple(stream for endpoint in exchange for stream in endpoint.wanted),
        gaps=tuple(gap for endpoint in exchange for gap in endpoint.gaps),
        members=members.members,
        visitors=visitors.clients,
        cut_off=members.cut_off + visitors.cut_off,
        restarts=(yield from _restarts(component)),
        markets=(yield from _lists(component, registry.lists)),
        unreconciled=registry.unreconciled,
        delays=router.delays,
        fleets=(yield from _fleets(component)),
        recordings=tuple(one.health() for one in component.recordings),
    )


def _lists(component: Gathered, lists: tuple[Listing, ...]) -> Steps[tuple[MarketsHealth, ...]]:
    """Say which lists are known, and what is wrong with them, if this process asks for them itself."""
    problem = (yield from lists_problem(component)) if lists else ""
    now_ns = time.time_ns()
    return tuple(
        MarketsHealth(one.quote, len(one.markets), max(0.0, (now_ns - one.listed_ns) / 1e9), problem) for one in lists
    )


def lists_problem(component: Gathered) -> Steps[str]:
    """Return what keeps this process from a list of markets, "" if nothing does or another process asks."""
    for ref in (yield from component.link.children()).connections[MARKETS]:
        with contextlib.suppress(pykka.ActorDeadError, pykka.Timeout):
            found = yield Answer.of(ref, GetHealth(), ASK_TIMEOUT)
            if isinstance(found, SourceHealth) and found.problem:
                return found.problem
    return ""


def is_open(component: Gathered, endpoint: str) -> Steps[bool]:
    """Whether a connection of `endpoint` is open now."""
    return any(one.state == "open" for one in (yield from _connections(component, endpoint)))


def _connections(component: Gathered, endpoint: str) -> Steps[list[ConnectionHealth]]:
    """Ask every source of the endpoint; one that has just been replaced has nothing to say."""
    found: list[ConnectionHealth] = []
    for ref in (yield from component.link.children()).connections[endpoint]:
        with contextlib.suppress(pykka.ActorDeadError):
            found += yield Answer.of(ref, GetHealth(), ASK_TIMEOUT)
    return [one for one in found if one.endpoint == endpoint]


def _ask(component: Gathered, name: str) -> Steps[Any]:
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


def _restarts(component: Gathered) -> Steps[tuple[RestartHealth, ...]]:
    now = time.monotonic()
    return tuple(
        RestartHealth(one.part, one.times, one.error, None if one.due is None else max(0.0, one.due - now))
        for one in (yield from component.link.children()).troubles
    )


def _membership(component: Gathered) -> Steps[MembershipHealth]:
    role = Role.LOOKING if (yield from component.link.children()).shares else Role.EMBEDDED
    found = yield from _ask(component, "membership")
    return cast(MembershipHealth, found or MembershipHealth(role.value, 0))


def _door(door: Ref | None) -> Steps[ServerHealth]:
    with contextlib.suppress(pykka.ActorDeadError, pykka.Timeout):
        if door is not None:
            return cast(ServerHealth, (yield Answer.of(door, GetHealth(), ASK_TIMEOUT)))
    return ServerHealth((), 0)


def _fleets(component: Gathered) -> Steps[tuple[FleetHealth, ...]]:
    found: list[FleetHealth] = []
    for ref in (yield from component.link.children()).fleets:
        with contextlib.suppress(pykka.ActorDeadError, pykka.Timeout):
            found.append((yield Answer.of(ref, GetHealth(), ASK_TIMEOUT)))
    return tuple(found)


def _network(component: Gathered) -> Steps[NetworkHealth]:
    return cast(NetworkHealth, (yield from _ask(component, "network")) or NetworkHealth((), 0))


def _subscription(edge: Edge) -> SubscriptionHealth:
    stats = edge.mailbox.stats
    return SubscriptionHealth(
        edge.want.type,
        len(edge.symbols),
        stats.delivered,
        stats.dropped,
        stats.queued,
        edge.lag_ns / 1e9,
        edge.mailbox.late,
    )
