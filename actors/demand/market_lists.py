"""The lists of markets that this process needs: where they are had, who waits for them, and what patterns follow.

What patterns stand for is decided in `protocol/demand/patterns.py`. The lists are streams of the endpoint `markets`,
and the registry takes them as any component does: with leases, its own, and a way at the end of which it is told.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pykka

from websocket_v6.actors.base import tell
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.component import MarketsListed, StreamFailed
from websocket_v6.actors.messages.registry import ListCame, ListRefused, Subscribe, next_subscription_id
from websocket_v6.actors.messages.router import DropRoutes, Notify
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.demand.commands import Command, Report, Tell
from websocket_v6.protocol.demand.endpoint import Endpoint
from websocket_v6.protocol.demand.patterns import (
    AskAgain,
    End,
    Grow,
    Inform,
    Need,
    Note,
    PatternCommand,
    Patterns,
    PatternsInheritance,
    Shrink,
    Spare,
)
from websocket_v6.protocol.errors import ExchangeError, RemoteProtocolError, UnknownCodeError, WebSocketV6Error
from websocket_v6.protocol.events import Event, Markets
from websocket_v6.protocol.exchange.market_list import Listing, read_listing
from websocket_v6.protocol.exchange.streams import MARKETS, split
from websocket_v6.protocol.exchange.wants import Want, markets_want
from websocket_v6.protocol.message import Message

from .inheritance import OWNER, Claim

__all__ = ["Desk", "MarketLists"]


class _RegistryMouth(Mouth):
    """Tells the registry what the router delivers to it."""

    def __init__(self, registry: Ref) -> None:
        self._registry = registry

    def deliver(self, rows: Sequence[tuple[Way, list[Event]]]) -> None:
        for _, events in rows:
            for event in events:
                tell(self._registry, ListCame(event.payload))

    def convey(self, way: Way, news: object) -> None:  # noqa: ARG002 - there is one
        if isinstance(news, StreamFailed):
            tell(self._registry, ListRefused(news.subscription_id, news.error))


class Desk(Message):
    """What the registry does for it (live)."""

    endpoints: Mapping[str, Endpoint]
    claims: Mapping[int, Claim]
    claim: Callable[[int, Claim], None]
    unclaim: Callable[[int], None]
    do: Callable[[str, Iterable[Command]], None]
    tell_router: Callable[[object], object]
    tell_component: Callable[[str, object], object]


class MarketLists:
    """The registry's part in patterns and lists, in its thread."""

    def __init__(
        self, registry: Ref, desk: Desk, interval: float, inherited: PatternsInheritance | None = None
    ) -> None:
        self.patterns = Patterns(interval, inherited)
        self._desk = desk
        self._way = Way(0, _RegistryMouth(registry))
        self._leases: dict[str, int] = {}  # its own, by quote currency
        self._asked: dict[str, list[pykka.Future[Any]]] = {}
        self._grown: set[int] = set()  # leases with a pattern that had codes before

    def begin(self) -> None:
        """Have those lists brought that are needed already: a predecessor knew by whom."""
        for quote in sorted(self.patterns.needed):
            self._need(quote)

    # --- what components want

    def subscribe(self, message: Subscribe) -> None:
        """Take a lease with a pattern, or more of one."""
        component_id, lease, want = message.component_id, message.subscription_id, message.want
        if lease not in self._desk.claims:
            claim = Claim(component_id, want.endpoint, message.mailbox, message.component, want.closing)
            self._desk.claim(lease, claim)
        self._carry_out(self.patterns.take(lease, component_id, want))

    def drop(self, lease: int, part: Want | None) -> None:
        """Take back such a lease, or part of it."""
        self._carry_out(self.patterns.drop(lease, part))
        if lease not in self.patterns:
            self.end(lease)

    def end(self, lease: int) -> None:
        """Forget all of a lease that is over."""
        self._carry_out(self.patterns.drop(lease, None))
        self._grown.discard(lease)
        claim = self._desk.claims.get(lease)
        if claim is not None:
            endpoint = self._desk.endpoints[claim.endpoint]
            self._desk.do(claim.endpoint, endpoint.drop(lease, None, time.monotonic()))
        if lease in self._desk.claims:  # it had no codes, so nobody else knew it
            self._desk.unclaim(lease)
            self._desk.tell_router(DropRoutes(lease))

    def ask(self, component_id: str, quote: str, answer: "pykka.Future[Any]") -> None:
        """Answer with the list of a quote currency, once it is there; it is kept up to date for the component."""
        listing = self.patterns.listings.get(quote)
        if listing is None:
            self._asked.setdefault(quote, []).append(answer)
        self._carry_out(self.patterns.interest(component_id, quote))
        if listing is not None:
            self._desk.tell_component(component_id, MarketsListed(_markets(listing), None))
            answer.set(_markets(listing))

    def gone(self, component_id: str) -> None:
        """A component has left."""
        self._carry_out(self.patterns.gone(component_id))

    def close(self, error: WebSocketV6Error) -> None:
        """Tell all who wait that nothing comes any more."""
        for quote in list(self._asked):
            self._deny(quote, error)

    # --- what the source of lists says

    def came(self, payload: bytes) -> None:
        """Take in a list."""
        try:
            listing = read_listing(payload)
        except RemoteProtocolError:
            return  # of a host that is newer, or worse
        self._carry_out(self.patterns.listed(listing, time.monotonic()))
        for answer in self._asked.pop(listing.quote, ()):
            answer.set(_markets(listing))

    def refused(self, lease: int, error: WebSocketV6Error) -> None:
        """There is no such list."""
        quote = next((quote for quote, other in self._leases.items() if other == lease), None)
        if quote is None:
            return
        del self._leases[quote]
        cause = error.__cause__
        text = cause.text if isinstance(cause, ExchangeError) else str(error)
        unknown = UnknownCodeError(text, codes=(f"{quote}-*",))
        self._deny(quote, unknown)
        self._carry_out(self.patterns.refused(quote, unknown))

    def _deny(self, quote: str, error: WebSocketV6Error) -> None:
        for answer in self._asked.pop(quote, ()):
            answer.set_exception((type(error), error, None))

    def without_listed(self, report: Report) -> Report | None:
        """Return what of a report is no error: a market that is listed may be silent, and is no unknown code."""
        if report.is_final or not isinstance(report.error, UnknownCodeError):
            return report
        codes = report.error.codes
        left = tuple(code for code in codes if not self.patterns.is_listed(code))
        if left == codes:
            return report
        if not left:
            return None
        text = str(report.error).replace(", ".join(codes), ", ".join(left), 1)
        streams = tuple(stream for stream in report.streams if split(stream)[1] in left)
        return msgspec.structs.replace(report, error=UnknownCodeError(text, codes=left), streams=streams)

    # --- what follows

    def _carry_out(self, commands: Iterable[PatternCommand]) -> None:
        for command in commands:
            match command:
                case Grow(lease, want):
                    self._grow(lease, want)
                case Shrink(lease, want):
                    endpoint = self._desk.endpoints[want.endpoint]
                    self._desk.do(want.endpoint, endpoint.drop(lease, want, time.monotonic()))
                case Note(lease, event):
                    claim = self._desk.claims.get(lease)
                    if claim is not None and isinstance(claim.mailbox, MailboxQueue):
                        self._desk.tell_router(Notify(lease, claim.mailbox, claim.component, event))
                case Inform(component_id, listing, event):
                    self._desk.tell_component(component_id, MarketsListed(_markets(listing), event))
                case Need(quote):
                    self._need(quote)
                case Spare(quote):
                    self._spare(quote)
                case End(lease, error):
                    self._fail(lease, error)
                case AskAgain(codes):
                    self._desk.do("public", self._desk.endpoints["public"].ask_again(codes, time.monotonic()))

    def _grow(self, lease: int, want: Want) -> None:
        claim = self._desk.claims.get(lease)
        if claim is None:
            return
        commands = self._desk.endpoints[want.endpoint].want(lease, want, time.monotonic())
        is_first = not any(self._has_heard(other, claim) for other in self._desk.claims)
        self._grown.add(lease)
        # A component that has something of the endpoint already knows how it stands.
        self._desk.do(want.endpoint, [one for one in commands if is_first or not isinstance(one, Tell)])

    def _has_heard(self, lease: int, claim: Claim) -> bool:
        """Whether by this lease the owner of `claim` has heard how its endpoint stands."""
        other = self._desk.claims[lease]
        is_known = lease not in self.patterns or lease in self._grown
        return is_known and other.component_id == claim.component_id and other.endpoint == claim.endpoint

    def _fail(self, lease: int, error: WebSocketV6Error) -> None:
        claim = self._desk.claims.get(lease)
        if claim is not None:
            self._desk.tell_component(claim.component_id, StreamFailed(lease, error, final=True))
            self.end(lease)

    def _need(self, quote: str) -> None:
        if quote not in self._leases:
            lease = self._leases[quote] = next_subscription_id()
            self._desk.claim(lease, Claim(OWNER, MARKETS, self._way, None))
            lists = self._desk.endpoints[MARKETS]
            self._desk.do(MARKETS, lists.want(lease, markets_want([quote]), time.monotonic()))

    def _spare(self, quote: str) -> None:
        lease = self._leases.pop(quote, None)
        if lease is not None:
            self._desk.do(MARKETS, self._desk.endpoints[MARKETS].drop(lease, None, time.monotonic()))


def _markets(listing: Listing) -> Markets:
    return Markets(listing.quote, listing.markets, listing.listed_ns)
