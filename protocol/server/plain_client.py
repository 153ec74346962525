"""A client of a door that takes it for the exchange: what it is answered, and what it leases.

It stays by the limits of a connection to the exchange and is told the exchange's errors, so that what works here works
there. Two things the exchange does not say. After a gap the client is closed: it connects again, gets its snapshots,
and knows. And what the engine cannot serve for want of room is TOO_MANY_REQUEST, whoever took the room.

Source: Upbit WebSocket reference, "Semantics", "Errors", "Keep-alive", "Rate limits". Where it is silent: PING does not
count against the limits, a message over the limit closes, idle is who neither sends nor is sent anything for 120 s.
"""

import math
from collections.abc import Callable, Sequence
from enum import Enum

from websocket_v6.protocol.exchange.wants import Want

from .client_leases import Change as LeaseChange
from .client_leases import ClientLeases
from .list_answer import UP, list_answer
from .quota import Quota
from .request_error import CLOSE_CODE, RequestError
from .request_reading import Request, read_request
from .steps import (
    Action,
    Change,
    Close,
    Due,
    Event,
    Gone,
    HangUp,
    Heard,
    Interrupted,
    LeaseRefused,
    Revoked,
    Say,
    UseFormat,
)

__all__ = ["PlainClient", "State"]

IDLE = 120.0  # seconds
LATE = 5.0  # seconds after which a timer says that this process stood still, and not that the client was silent
STATUS = 10.0  # seconds from one UP to the next, on the server's own grid
PER_SECOND = 5
PER_MINUTE = 100
MOST_STREAMS = 15_000  # of one client: all codes of all types, and room
RESTART = 1012  # "service restart": come again


class State(Enum):
    """Whether the client is served."""

    OPEN = "it is served"
    CLOSED = "it was told to go, or has gone"


class PlainClient:
    """One client of one endpoint. Times are monotonic seconds.

    `room` says how many streams the other clients leave: codes that nobody knows are silent, but not free.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        region: str,
        new_lease: Callable[[], int],
        now: float,
        room: Callable[[], int] = lambda: MOST_STREAMS,
    ) -> None:
        self.state = State.OPEN
        self.format = "DEFAULT"
        self._endpoint = endpoint
        self._region = region
        self._room = room
        self._leases = ClientLeases(new_lease)
        self._subscribed: Request | None = None
        self._limits = (Quota(PER_SECOND, 1.0), Quota(PER_MINUTE, 60.0))
        self._stirred_at = now
        self._status_due = math.inf
        self._out: list[Action] = []

    @property
    def streams(self) -> int:
        """How many are leased."""
        return self._leases.count

    @property
    def next_due(self) -> float | None:
        """When a `Due` is wanted; `None` if never."""
        return min(self._stirred_at + IDLE, self._status_due) if self.state is State.OPEN else None

    def handle(self, event: Event, now: float) -> list[Action]:
        """Return what to do about an event."""
        match event:
            case _ if self.state is State.CLOSED:
                pass  # it is on its way out, or what it had was given back already
            case Heard(data):
                self._heard(data, now)
            case LeaseRefused():
                self._refused(event)
            case Interrupted():
                self._interrupted()
            case Revoked():
                self._revoked()
            case Due(stirred_at):
                self._due(stirred_at, now)
            case Gone():
                self._leave()
        out, self._out = self._out, []
        return out

    def _heard(self, data: bytes, now: float) -> None:
        self._stirred_at = now
        if data == b"PING":
            if self._status_due == math.inf:
                self._status_due = _on_grid(now)
            return
        try:
            within = [limit.take(now) for limit in self._limits]  # both count it
            if not all(within):
                raise RequestError.of("TOO_MANY_REQUEST", self._region)
            request = read_request(data, self._endpoint, region=self._region)
            if sum(map(_size, request.wants)) > min(MOST_STREAMS, self._room()):
                raise RequestError.of("TOO_MANY_REQUEST", self._region)
        except RequestError as error:
            self._fail(error)
            return
        self._use(request.format or "DEFAULT")
        if request.is_list:
            shown = self._subscribed.shown if self._subscribed else ()
            self._out.append(Say(list_answer(shown, request.ticket, self.format)))
            return
        self._subscribed = request
        self._change(self._leases.renew(request.wants))

    def _use(self, format_: str) -> None:
        if format_ != self.format:
            self.format = format_
            self._out.append(UseFormat(format_))

    def _refused(self, event: LeaseRefused) -> None:
        # The answer to a lease that was given back meanwhile concerns nobody.
        if not self._leases.refused(event.lease):
            return
        if event.name:
            self._fail(RequestError(event.name, event.text))
        else:
            self._fail(RequestError.of("TOO_MANY_REQUEST", self._region))

    def _interrupted(self) -> None:
        # Who was served nothing misses nothing.
        if self._leases.streams:
            self._leave(Close(RESTART, "messages may be missing: connect again"))

    def _revoked(self) -> None:
        if self._endpoint != "public":
            self._fail(RequestError.of("INVALID_AUTH", self._region))

    def _due(self, stirred_at: float, now: float) -> None:
        self._stirred_at = max(self._stirred_at, stirred_at)
        if now >= self._status_due:
            self._status_due = _on_grid(now)
            self._stirred_at = now
            self._out.append(Say(UP))
        if now >= self._stirred_at + IDLE + LATE:
            self._stirred_at = now
        elif now >= self._stirred_at + IDLE:
            self._leave(HangUp())

    def _fail(self, error: RequestError) -> None:
        self._out.append(Say(error.answer(self.format)))
        self._leave(Close(CLOSE_CODE, ""))

    def _leave(self, *last: Action) -> None:
        self.state = State.CLOSED
        self._change(self._leases.clear())
        self._out.extend(last)

    def _change(self, changes: Sequence[LeaseChange]) -> None:
        if changes:
            self._out.append(Change(tuple(changes)))


def _size(want: Want) -> int:
    """Return how many streams a want has."""
    return (len(want.codes) or len(want.categories) or 1) * (len(want.indicators) or 1)


def _on_grid(now: float) -> float:
    return (now // STATUS + 1) * STATUS
