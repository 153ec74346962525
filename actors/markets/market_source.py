"""The source of the endpoint `markets` in a process that asks the exchange itself: REST becomes a stream.

To the registry and the router it is a source as any other, a Connection to the exchange or through a door: it is told
to connect and what is wanted, opens an attachment, brings rows for credits, and refuses by name. In a guest the same
endpoint is served by a Connection to the host's door, so the host alone asks, and both get the same.

When it asks and what an answer means is decided in `protocol/markets/`.
"""

import logging
import queue
import random
import time
from collections.abc import Collection, Mapping, Sequence

from websocket_v6.actors.base import Actor, Timer, tell
from websocket_v6.actors.delivery.last_values import LastValues
from websocket_v6.actors.future import Future
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.connection import (
    Connect,
    Disconnect,
    KeysChanged,
    ListSubscriptions,
    Resign,
    SendRequest,
    Suspect,
    next_attachment,
)
from websocket_v6.actors.messages.markets import MarketsHealth, Recall, SilentCodes
from websocket_v6.actors.messages.router import (
    Attach,
    GetLastValues,
    SourceEnded,
    SourceOpened,
    SourceSaid,
    SourceState,
)
from websocket_v6.actors.messages.supervisor import Failed
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.market_list import list_stream
from websocket_v6.protocol.exchange.streams import MARKETS, Stream
from websocket_v6.protocol.markets import steps
from websocket_v6.protocol.markets.machine import MarketsMachine
from websocket_v6.protocol.markets.signs import Signs
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.server.words import Refused

from .list_call import ListAnswered, ListCall, ListFailed
from .outlook import announcements, last_heard, standings

__all__ = ["MarketSource", "MarketsHealth"]

logger = logging.getLogger(__name__)

LOOK = 1 / 6  # of the interval between two lists, between two looks for signs
CREDITS = 2  # batches that may be on their way: each has the newest list of what it is of
UNKNOWN_QUOTE = "UNKNOWN_QUOTE"


class TimeCame(Message):
    """The machine is due."""


class LookOut(Message):
    """Look for signs."""


class CreditCame(Message):
    """The router takes one batch more of this attachment."""

    attachment: int


class ValuesKnown(Message):
    """The router has said where its newest values are (live)."""

    values: LastValues


class _Credits(queue.SimpleQueue[bool]):
    """What the router puts credits into; its owner has no thread that could wait for them, so it is told instead."""

    def __init__(self, attachment: int, owner: Ref) -> None:
        super().__init__()
        self._attachment = attachment
        self._owner = owner

    def put(self, item: bool, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002
        tell(self._owner, CreditCame(self._attachment))


class MarketSource(Actor):
    """Asks for the list of markets while somebody wants it, and brings it, quote currency by quote currency.

    Receives Connect, Disconnect, SendRequest, ListSubscriptions, Suspect, Recall and SilentCodes from the registry,
    KeysChanged and Resign from the supervisor, ListAnswered and ListFailed from its call. Sends Attach, SourceOpened,
    SourceState, SourceSaid, SourceEnded and batches to the router.
    """

    def __init__(self, *, endpoint: str, source: int, config: Config, router: Ref, supervisor: Ref) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._source = source
        self._config = config
        self._router = router
        self._supervisor = supervisor
        self._machine = MarketsMachine(config.markets_interval, random.random)
        self._signs = Signs()
        self._values: LastValues | None = None
        self._call: ListCall | None = None
        self._calls = 0
        self._attachment = 0  # 0: there is none
        self._credits = 0
        self._rows: dict[Stream, bytes] = {}  # that wait for a credit
        self._timer: Timer | None = None
        self._look: Timer | None = None

    def on_start(self) -> None:
        """Find out where the newest values are, without waiting for it."""
        answer = self._router.ask(GetLastValues(), block=False)
        assert isinstance(answer, Future)
        answer.hand_to(lambda values: tell(self.actor_ref, ValuesKnown(values)))

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case Connect():
                self._wanted()
            case Disconnect():
                self._unwanted()
            case SendRequest(_, _, types, attachment) if attachment == self._attachment:
                self._handle(steps.Requested(_quotes(types)))
            case ListSubscriptions(_, ticket, attachment) if attachment == self._attachment:
                tell(self._router, SourceSaid(self._endpoint, attachment, SubscriptionList(ticket, ())))
            case ListAnswered(number, listed) if number == self._calls:
                self._call = None
                heard = self._heard(self._machine.codes - listed.codes)
                self._handle(steps.Answered(listed, time.time_ns(), heard))
            case ListFailed(number, reason, retry_after) if number == self._calls:
                self._call = None
                self._handle(steps.Failed(reason, retry_after))
            case Recall(listings):
                self._handle(steps.Recall(listings, time.time_ns()))
            case SilentCodes(codes):
                self._handle(steps.Sign(f"nothing comes of {', '.join(codes[:3])}"))
            case TimeCame():
                self._timer = None
                self._handle(steps.Due())
            case LookOut():
                self._look = self.after(LOOK * self._config.markets_interval, LookOut())
                self._look_out()
            case CreditCame(attachment):
                self._credits += attachment == self._attachment
                self._send()
            case ValuesKnown(values):
                self._values = values
            case GetHealth():
                return MarketsHealth(self._machine.listed_ns, self._machine.problem)
            case SendRequest() | ListSubscriptions() | ListAnswered() | ListFailed():
                pass  # of an attachment, or a call, that is over
            case Suspect() | KeysChanged() | Resign():
                pass  # it needs no keys and leaves nothing; that it is silent is no fault
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """End the call that is under way."""
        if self._call is not None:
            self._call.abort()
            self._call = None

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor; the registry tells a successor what is known."""
        tell(self._supervisor, Failed(MARKETS, self.actor_ref, error))

    # --- wanted or not

    def _wanted(self) -> None:
        if not self._attachment:
            tell(self._router, SourceState(self._endpoint, self._source, "connecting", time.time_ns()))
        if self._look is None:
            self._look = self.after(LOOK * self._config.markets_interval, LookOut())
        self._handle(steps.Wanted())

    def _unwanted(self) -> None:
        self._handle(steps.Unwanted())
        if self._look is not None:
            self._look.cancel()
            self._look = None
        if self._attachment:
            now_ns, attachment = time.time_ns(), self._attachment
            self._attachment = self._credits = 0
            self._rows.clear()
            reason = "nobody wants it any more"
            tell(self._router, SourceEnded(self._endpoint, self._source, attachment, now_ns, now_ns, reason))

    # --- the machine

    def _handle(self, event: steps.Event) -> None:
        now = time.monotonic()
        for action in self._machine.handle(event, now):
            self._do(action)
        self._send()
        if self._timer is not None:
            self._timer.cancel()
        due = self._machine.next_due
        self._timer = None if due is None else self.at(due, TimeCame())

    def _do(self, action: steps.Action) -> None:
        match action:
            case steps.Ask():
                self._ask()
            case steps.Open():
                self._open()
            case steps.Say(listing):
                self._rows[list_stream(listing.quote)] = listing.encode()
            case steps.Refuse(quote, quotes):
                text = f"there are no {quote} markets here; the quote currencies are {', '.join(quotes)}"
                refused = Refused((list_stream(quote),), UNKNOWN_QUOTE, text)
                tell(self._router, SourceSaid(self._endpoint, self._attachment, refused))
            case steps.Wait(reason, retry_in):
                error, now_ns = TransportError(f"there is no list of markets: {reason}"), time.time_ns()
                lost = SourceState(self._endpoint, self._source, "lost", now_ns, str(error), error, retry_in)
                tell(self._router, lost)
            case steps.Complain(seconds, reason):
                text = "there has been no list of markets from %s for %.0f s: %s; markets that come or go are not seen"
                logger.warning(text, self._config.rest_base, seconds, reason)
            case steps.Relieve(seconds):
                logger.warning("there is a list of markets again, after %.0f s", seconds)

    def _ask(self) -> None:
        self._calls += 1
        self._call = ListCall(self._calls, self._config, self.actor_ref)
        try:
            self._call.start()
        except (RuntimeError, MemoryError) as exc:  # no thread for it
            self._call = None
            tell(self.actor_ref, ListFailed(self._calls, str(exc), None))

    def _open(self) -> None:
        self._attachment = number = next_attachment()
        self._credits = 0
        credits_ = _Credits(number, self.actor_ref)
        tell(self._router, Attach(number, self._endpoint, self._source, credits_, CREDITS))
        tell(self._router, SourceOpened(self._endpoint, self._source, number, time.time_ns()))

    def _send(self) -> None:
        if not self._rows or not self._credits:
            return
        self._credits -= 1
        rows, self._rows = self._rows, {}
        now_ns = time.time_ns()
        batch = Batch(self._endpoint, self._attachment, now_ns, now_ns, list(rows), list(rows.values()))
        tell(self._router, batch)

    # --- what streams say

    def _heard(self, codes: Collection[str]) -> Mapping[str, float]:
        return {} if self._values is None else last_heard(self._values, codes)

    def _look_out(self) -> None:
        if self._values is None:
            return
        sign = self._signs.look(standings(self._values, self._machine.codes), announcements(self._values))
        if sign:
            self._handle(steps.Sign(sign))


def _quotes(types: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    """Return the quote currencies that a request names."""
    found: dict[str, None] = {}
    for one in types:
        codes = one.get("codes")
        if one.get("type") == MARKETS and isinstance(codes, list):
            found.update(dict.fromkeys(map(str, codes)))
    return tuple(found)
