"""The state of the engine as one immutable value that reads well."""

from typing import NamedTuple

__all__ = ["ConnectionHealth", "Counters", "Health", "SubscriptionHealth"]

from .actors.connection.connection import ConnectionHealth


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
    while it finds out.
    """

    role: str
    component_id: str
    components: int
    guests: int
    connections: tuple[ConnectionHealth, ...]
    streams: int  # distinct streams that all components of the process want
    counters: Counters
    subscriptions: tuple[SubscriptionHealth, ...]

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
