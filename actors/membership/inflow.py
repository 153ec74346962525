"""What a guest gets from its host: for each endpoint one source, with a new attachment whenever it is open again.

The pipe's thread tells the router all of it, in the order of the pipe. So nothing overtakes: a connection that is lost
ends its attachment behind the last record of it, and the next one has begun before the first of its own.
"""

import queue
import threading
import time
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import NamedTuple

from websocket_v6.actors.base import tell
from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.messages.common import Credits, Ref
from websocket_v6.actors.messages.connection import next_attachment
from websocket_v6.actors.messages.router import Attach, SourceEnded, SourceOpened, SourceSaid, SourceState
from websocket_v6.protocol import errors
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.heads import ErrorNotice, Notice, SubscribedEntry, SubscriptionList
from websocket_v6.protocol.membership import peers

__all__ = ["Inflow", "State"]

CREDITS = 32  # batches of an attachment that may be on their way to the router; they come many together


class State(NamedTuple):
    """How an endpoint stands that is wanted from the host."""

    state: str  # "connecting", "open", "lost", "refused"
    at_ns: int
    reason: str = ""

    @property
    def up_seconds(self) -> float:
        """For how long it has been open; 0 if it is not."""
        return (time.time_ns() - self.at_ns) / 1e9 if self.state == "open" else 0.0


class _Attachment:
    """One life of the source of one endpoint."""

    __slots__ = ("asked_ns", "credits", "number", "opened_ns", "whole_ns")

    def __init__(self, at_ns: int) -> None:
        self.number = next_attachment()
        self.credits: Credits = queue.SimpleQueue()
        self.opened_ns = self.whole_ns = at_ns
        self.asked_ns: dict[str, int] = {}  # by ticket, when each question to the exchange was asked


class Inflow:
    """The sources of one link, `sources` by endpoint.

    Two threads come here. The link's says what is wanted. The pipe's brings what the host says, and waits in `part`
    while the router has no credit for it; `reading_since` says since when it has not (see `clock`), `None` while it
    does. The lock is held for as long as it takes to tell of a change.
    """

    def __init__(self, sources: Mapping[str, int], router: Ref) -> None:
        self.reading_since: float | None = 0.0
        self._sources = sources
        self._router = router
        self._lock = threading.Lock()
        self._states: dict[str, State] = {}  # of the endpoints that are wanted
        self._attached: dict[str, _Attachment] = {}  # of those that are open

    # --- the link's thread

    def begin(self, endpoint: str) -> None:
        """Note that `endpoint` is wanted."""
        with self._lock:
            if endpoint not in self._states:
                self._tell_state(endpoint, State("connecting", time.time_ns()))

    def is_open(self, endpoint: str, attachment: int) -> bool:
        """Whether this is the endpoint's attachment of now: what is meant for one that has ended is void."""
        with self._lock:
            attached = self._attached.get(endpoint)
            return attached is not None and attached.number == attachment

    def ask(self, endpoint: str, ticket: str) -> None:
        """Note a question to the exchange: its answer comes after all that was emitted before it was asked."""
        with self._lock:
            attachment = self._attached.get(endpoint)
            if attachment is not None:
                attachment.asked_ns[ticket] = time.time_ns()

    def stop(self, endpoint: str) -> None:
        """Note that nobody wants `endpoint` any more."""
        with self._lock:
            if self._states.pop(endpoint, None) is None:
                return
            now_ns = time.time_ns()
            self._end(endpoint, now_ns, "nobody wants it")
            tell(self._router, SourceState(endpoint, self._sources[endpoint], "closed", now_ns))

    def fail(self, error: WebSocketV6Error) -> None:
        """End all of it: there is no host any more, and why."""
        with self._lock:
            now_ns = time.time_ns()
            for endpoint in self._states:
                if not self._end(endpoint, now_ns, str(error), error):
                    source = self._sources[endpoint]
                    tell(self._router, SourceState(endpoint, source, "lost", now_ns, str(error), error))
            self._states.clear()

    def close(self) -> None:
        """End what is open: the link is not needed any more."""
        with self._lock:
            self._states.clear()
            for endpoint in list(self._attached):
                self._end(endpoint, time.time_ns(), "the link to the host is not needed any more")

    @property
    def states(self) -> Mapping[str, State]:
        """How each endpoint stands that is wanted."""
        with self._lock:
            return dict(self._states)

    # --- the pipe's thread

    def share(self, endpoints: Collection[str]) -> None:
        """The host shares these endpoints with this process, and no others."""
        with self._lock:
            for endpoint in set(self._states) - set(endpoints):
                del self._states[endpoint]
                self._end(endpoint, time.time_ns(), "the host does not share it with this process any more")

    def changed(self, change: peers.Changed) -> None:
        """What happened to a connection of the host."""
        endpoint = change.endpoint
        with self._lock:
            before = self._states.get(endpoint)
            if before is None:
                return  # nobody wants it any more, which the host has not heard yet
            # It may have been open for long, but to this process it is open since it was told.
            at_ns = max(change.at_ns, before.at_ns)
            error = _error(change.error, change.reason)
            was_open = self._end(endpoint, at_ns, change.reason, error, change.gap_started_ns)
            if change.state == "open":
                self._open(endpoint, at_ns)
            elif change.state == "lost" and was_open:  # which the end of its attachment says
                self._states[endpoint] = State("lost", at_ns, change.reason)
            elif was_open or change.state != before.state or change.state != "connecting":
                self._tell_state(endpoint, State(change.state, at_ns, change.reason), error)

    def refused(self, refusal: peers.Refused) -> None:
        """Let the registry find out whose want it was, as it does when the exchange closes after an error."""
        endpoint = refusal.endpoint
        with self._lock:
            before = self._states.get(endpoint)
            if before is None:
                return
            now_ns = max(time.time_ns(), before.at_ns)
            if endpoint not in self._attached:
                self._open(endpoint, now_ns)
            self._say(endpoint, ErrorNotice(refusal.name, refusal.text))
            self._end(endpoint, now_ns, f"the exchange answered {refusal.name}: {refusal.text}")
            self._open(endpoint, now_ns)

    def answered(self, answer: peers.Answer) -> None:
        """What the exchange said to a question of this process."""
        if answer.problem:
            with self._lock:
                attachment = self._attached.get(answer.endpoint)
                if attachment is not None:
                    attachment.asked_ns.pop(answer.ticket, None)
            return
        entries = tuple(
            SubscribedEntry(one.type, one.codes, None if one.level is None else Decimal(one.level), one.extra)
            for one in answer.entries
        )
        with self._lock:
            attachment = self._attached.get(answer.endpoint)
            if attachment is not None:
                attachment.whole_ns = max(attachment.whole_ns, attachment.asked_ns.pop(answer.ticket, 0))
                self._say(answer.endpoint, SubscriptionList(answer.ticket, entries))

    def part(self, part: peers.Part) -> None:
        """Hand on messages of the exchange, once there is a credit for them.

        Raises:
            TransportError: if there is no router any more.
        """
        attachment = self._attached.get(part.endpoint)
        # What comes while none is open is left from before, when it was wanted already once.
        if attachment is None or not self._take_credit(attachment.credits):
            return
        # What the host read is in order, and its clock this machine's. A last value that it passes on may be older.
        whole_ns = max(attachment.whole_ns, part.ts_received_ns)
        batch = Batch(
            part.endpoint,
            attachment.number,
            whole_ns,
            part.ts_received_ns,
            part.streams,
            part.payloads,
            part.replayed,
            part.backfilled,
        )
        if not tell(self._router, batch):
            raise TransportError("the router of this process has failed, and the link is replaced with it")
        attachment.whole_ns = whole_ns

    def _take_credit(self, credits_: Credits) -> bool:
        """Wait for a credit; False if the attachment has ended instead."""
        try:
            return credits_.get_nowait()
        except queue.Empty:
            self.reading_since = None
            try:
                return credits_.get()
            finally:
                self.reading_since = clock()

    # --- under the lock

    def _open(self, endpoint: str, at_ns: int) -> None:
        attachment = _Attachment(at_ns)
        source = self._sources[endpoint]
        tell(self._router, Attach(attachment.number, endpoint, source, attachment.credits, CREDITS))
        tell(self._router, SourceOpened(endpoint, source, attachment.number, at_ns))
        self._states[endpoint] = State("open", at_ns)
        self._attached[endpoint] = attachment

    def _end(
        self,
        endpoint: str,
        at_ns: int,
        reason: str,
        error: WebSocketV6Error | None = None,
        gap_started_ns: int | None = None,
    ) -> bool:
        """End the endpoint's attachment; False if there is none."""
        attachment = self._attached.pop(endpoint, None)
        if attachment is None:
            return False
        whole_ns = attachment.whole_ns
        if gap_started_ns is not None:  # what the host missed begins before what it could not pass on
            whole_ns = min(whole_ns, max(gap_started_ns, attachment.opened_ns))
        source, number = self._sources[endpoint], attachment.number
        tell(self._router, SourceEnded(endpoint, source, number, whole_ns, at_ns, reason, error))
        attachment.credits.put(False)  # whoever waits for one waits no more
        return True

    def _say(self, endpoint: str, notice: Notice) -> None:
        attachment = self._attached.get(endpoint)
        if attachment is not None:
            tell(self._router, SourceSaid(endpoint, attachment.number, notice, attachment.whole_ns))

    def _tell_state(self, endpoint: str, state: State, error: WebSocketV6Error | None = None) -> None:
        self._states[endpoint] = state
        source = self._sources[endpoint]
        tell(self._router, SourceState(endpoint, source, state.state, state.at_ns, state.reason, error))


def _error(name: str, reason: str) -> WebSocketV6Error | None:
    """Return an error of the class that the host named; `None` if it named none."""
    if not name:
        return None
    cls = getattr(errors, name, None)
    if cls in (errors.AuthenticationError, errors.TransportError, errors.RateLimitedError):
        return cls(reason)  # type: ignore[no-any-return]
    return TransportError(reason)
