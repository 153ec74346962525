"""What the reader of a fleet's log says to the router and to its source: attachments, batches, how things stand.

Belongs to the reader's thread; only `mark` is for others.
"""

import time
from collections.abc import Sequence
from typing import Final, TypeVar

from websocket_v6.actors.base import tell
from websocket_v6.actors.connection.allowance import DOOR_CREDITS, Allowance
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.connection import next_attachment
from websocket_v6.actors.messages.fleet import LogServes
from websocket_v6.actors.messages.router import Attach, SourceEnded, SourceOpened, SourceSaid, SourceState, TradesCame
from websocket_v6.protocol import errors
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.heads import Notice, SubscriptionList
from websocket_v6.protocol.fleet.entries import BACKFILLED, REPLAYED, State
from websocket_v6.protocol.fleet.joining import Taken
from websocket_v6.protocol.server.words import Refused

__all__ = ["REPEATED", "LogVoice", "error_of"]

T = TypeVar("T")

REPEATED: Final = 4  # beside the marks of the log: it may have come before this process was started anew
SILENT: Final = ("connecting",)  # states that are told once
MOST_ASKED: Final = 64  # questions that are remembered until they are answered


class LogVoice:
    """Of one source. `whole_ns` is up to when all was said that the log had."""

    def __init__(self, endpoint: str, source: int, owner: Ref, router: Ref) -> None:
        self.attachment = 0
        self.whole_ns = 0
        self.allowance = Allowance()
        self._source = (endpoint, source)
        self._owner = owner
        self._router = router
        self._shown = ""
        self._asked_ns: dict[str, int] = {}  # by ticket, when each of the last that are not answered was asked

    def mark(self) -> None:
        """Wake the thread, if it waits for a credit."""
        self.allowance.mark()

    def attach(self, at_ns: int, *, backfills: bool = False) -> None:
        """Begin an attachment, which is open since then."""
        number = self.attachment = next_attachment()
        self.whole_ns = at_ns
        self.allowance.renew()
        tell(self._router, Attach(number, *self._source, self.allowance.credits, DOOR_CREDITS))
        tell(self._owner, LogServes(number, "open"))
        tell(self._router, SourceOpened(*self._source, number, at_ns, backfills))
        self._shown = "open"

    def deliver(self, taken: Taken, at_ns: int) -> None:
        """Say messages, for which there is a credit."""
        self.whole_ns = max(self.whole_ns, at_ns)
        batch = Batch(
            self._source[0],
            self.attachment,
            self.whole_ns,
            at_ns,
            _as_list(taken.streams),
            _as_list(taken.payloads),
            bool(taken.marks & REPLAYED),
            bool(taken.marks & BACKFILLED),
            bool(taken.marks & REPEATED),
        )
        tell(self._router, batch)
        self.allowance.use(batch.weight)

    def asked(self, ticket: str, at_ns: int) -> None:
        """Note that it was asked then what is served: the answer stands in the log behind all from before that."""
        self._asked_ns = dict([*self._asked_ns.items(), (ticket, at_ns)][-MOST_ASKED:])

    def say(self, notice: Notice | Refused | TradesCame) -> None:
        """Say what is no data."""
        asked_ns = self._asked_ns.pop(notice.ticket, 0) if isinstance(notice, SubscriptionList) else 0
        if self.attachment:
            # What is silent is whole all the same; who takes the place of this source has served since before it asked.
            self.whole_ns = max(self.whole_ns, asked_ns)
        tell(self._router, SourceSaid(self._source[0], self.attachment, notice, self.whole_ns))

    def detach(self, reason: str, whole_ns: int, error: WebSocketV6Error | None) -> None:
        """End the attachment: all from before `whole_ns` was said."""
        number, self.attachment = self.attachment, 0
        self._shown = "lost"
        tell(self._owner, LogServes(0, "lost", error))
        tell(self._router, SourceEnded(*self._source, number, whole_ns, time.time_ns(), reason, error))

    def end(self, error: WebSocketV6Error, state: str) -> None:
        """Say that the log cannot be read, or is not any more."""
        if self.attachment:
            self.detach(str(error), self.whole_ns, error)
        self._tell(state, str(error), error)

    def show(self, shown: str, state: State | None = None) -> None:
        """Say how the leader's connection stands, or what is done to reach the log."""
        if self._shown != shown or shown not in SILENT:
            reason = "" if state is None else state.reason
            self._tell(shown, reason, None if state is None else error_of(state))

    def _tell(self, shown: str, reason: str, error: WebSocketV6Error | None) -> None:
        self._shown = shown
        tell(self._owner, LogServes(0, shown, error))
        tell(self._router, SourceState(*self._source, shown, time.time_ns(), reason, error))

    def lost(self, reason: str) -> None:
        """Say that something may be missing from here on, if that is news."""
        if self.attachment:
            self.detach(reason, self.whole_ns, TransportError(reason))
        elif self._shown != "lost":
            self._tell("lost", reason, TransportError(reason))


def _as_list(column: Sequence[T]) -> list[T]:
    return column if isinstance(column, list) else list(column)


def error_of(state: State) -> WebSocketV6Error | None:
    """Return an error of the class that the leader named; None if it named none."""
    if not state.error:
        return None
    found = getattr(errors, state.error, None)
    if found in (errors.AuthenticationError, errors.TransportError, errors.RateLimitedError):
        return found(state.reason)  # type: ignore[no-any-return]
    return TransportError(state.reason)
