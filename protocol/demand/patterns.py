"""What patterns such as `KRW-*` stand for, and what follows when the list of markets changes.

A lease with a pattern has the codes that it names, and of each quote currency all that are listed, but for those that
were taken out. What is named stays wanted whatever a list says. The codes themselves are an endpoint's business
(`endpoint.py`), which knows no patterns: it is told which codes of a lease come and go.

Whoever takes a code hears of it first, and that it is gone last: so the commands leave in their order.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.events import MarketsEvent
from websocket_v6.protocol.exchange.market_list import Listing
from websocket_v6.protocol.exchange.wants import Want
from websocket_v6.protocol.message import Message

__all__ = [
    "ASK_AGAIN",
    "AskAgain",
    "End",
    "Grow",
    "Inform",
    "Need",
    "Note",
    "PatternCommand",
    "Patterns",
    "PatternsInheritance",
    "Shrink",
    "Spare",
]

ASK_AGAIN = 0.9  # of the interval between two lists: so often the request is repeated with what is listed and silent


class Grow(Message):
    """Have the lease want these codes, too."""

    lease: int
    want: Want


class Shrink(Message):
    """Have the lease want these codes no longer."""

    lease: int
    want: Want


class Note(Message):
    """Tell the lease's owner, in the order of its events."""

    lease: int
    event: MarketsEvent


class Inform(Message):
    """Tell a component what there is now; `event` is for one that no lease tells."""

    component_id: str
    listing: Listing
    event: MarketsEvent | None


class Need(Message):
    """Have the list of this quote currency brought, from now on."""

    quote: str


class Spare(Message):
    """Nobody needs the list of this quote currency any more."""

    quote: str


class End(Message):
    """The lease cannot be served, for there is no such quote currency."""

    lease: int
    error: WebSocketV6Error


class AskAgain(Message):
    """Repeat the request for those of these codes that have said nothing yet."""

    codes: frozenset[str]


PatternCommand: TypeAlias = Grow | Shrink | Note | Inform | Need | Spare | End | AskAgain


class _Pattern:
    """One lease. `kind` is its want without codes and quote currencies, `wanted` what it wants at the moment."""

    def __init__(self, component_id: str, kind: Want) -> None:
        self.component_id = component_id
        self.kind = kind
        self.names: dict[str, None] = {}
        self.quotes: dict[str, None] = {}
        self.excluded: set[str] = set()
        self.wanted: dict[str, None] = {}

    def stands_for(self, listings: Mapping[str, Listing]) -> dict[str, None]:
        """Return all codes, in the order of the names and the lists."""
        listed = (one.code for quote in self.quotes if quote in listings for one in listings[quote].markets)
        return {**self.names, **{code: None for code in listed if code not in self.excluded}}

    def copy(self) -> "_Pattern":
        other = _Pattern(self.component_id, self.kind)
        other.names, other.quotes, other.wanted = dict(self.names), dict(self.quotes), dict(self.wanted)
        other.excluded = set(self.excluded)
        return other


class PatternsInheritance(Message):
    """What outlives the one who kept them."""

    patterns: Mapping[int, _Pattern] = {}
    listings: Mapping[str, Listing] = {}
    interested: Mapping[str, frozenset[str]] = {}


class Patterns:
    """All leases with a pattern, and the lists that are known. Times are monotonic seconds; a list comes in each
    `interval`, or sooner.
    """

    def __init__(self, interval: float, inherited: PatternsInheritance | None = None) -> None:
        self._interval = interval
        left = inherited or PatternsInheritance()
        self._patterns = {lease: one.copy() for lease, one in left.patterns.items()}
        self.listings: dict[str, Listing] = dict(left.listings)
        self._interested = {
            quote: set(names) for quote, names in left.interested.items()
        }  # components, without a lease
        self._asked_again_at = float("-inf")

    def __contains__(self, lease: object) -> bool:
        return lease in self._patterns

    @property
    def needed(self) -> set[str]:
        """The quote currencies of which the list is needed."""
        return {quote for one in self._patterns.values() for quote in one.quotes} | set(self._interested)

    def is_listed(self, code: str) -> bool:
        """Whether a list that is known has this code."""
        listing = self.listings.get(code.partition("-")[0])
        return listing is not None and any(one.code == code for one in listing.markets)

    def inheritance(self) -> PatternsInheritance:
        """Return what a successor begins with."""
        patterns = {lease: one.copy() for lease, one in self._patterns.items()}
        interested = {quote: frozenset(names) for quote, names in self._interested.items()}
        return PatternsInheritance(patterns, dict(self.listings), interested)

    # --- leases

    def take(self, lease: int, component_id: str, want: Want) -> list[PatternCommand]:
        """Take a lease with a pattern, or more of one that is there."""
        before = self.needed
        one = self._patterns.setdefault(lease, _Pattern(component_id, want.with_codes(())))
        fresh = [quote for quote in want.quotes if quote not in one.quotes]
        one.names.update(dict.fromkeys(want.codes))
        one.quotes.update(dict.fromkeys(want.quotes))
        # Who asks for a code, or for all of a currency, wants what was taken out before.
        one.excluded -= {code for code in one.excluded if code in one.names or code.partition("-")[0] in want.quotes}
        commands: list[PatternCommand] = [Need(quote) for quote in fresh if quote not in before]
        for listing in (self.listings[quote] for quote in fresh if quote in self.listings):
            event = _event(listing, None)
            commands += [Inform(component_id, listing, None), Note(lease, event)]
        return commands + self._settle(lease, one)

    def drop(self, lease: int, part: Want | None) -> list[PatternCommand]:
        """Take back a lease, or its part in some codes and quote currencies: a code alone stays out from now on.

        What the endpoint knows of a whole lease is the caller's to take back.
        """
        one = self._patterns.get(lease)
        if one is None:
            return []
        before = self.needed
        if part is not None:
            for quote in part.quotes:
                one.quotes.pop(quote, None)
            for code in part.codes:
                one.names.pop(code, None)
            one.excluded = {code for code in (*one.excluded, *part.codes) if code.partition("-")[0] in one.quotes}
        if part is None or not (one.names or one.quotes):
            del self._patterns[lease]
            return self._spared(before)
        return self._settle(lease, one) + self._spared(before)

    def interest(self, component_id: str, quote: str) -> list[PatternCommand]:
        """Note that a component wants to know of a quote currency, without wanting data of it."""
        before = self.needed
        self._interested.setdefault(quote, set()).add(component_id)
        return [] if quote in before else [Need(quote)]

    def gone(self, component_id: str) -> list[PatternCommand]:
        """Forget what a component wanted to know; its leases are taken back one by one."""
        before = self.needed
        for quote in [quote for quote, names in self._interested.items() if component_id in names]:
            self._interested[quote].discard(component_id)
            if not self._interested[quote]:
                del self._interested[quote]
        return self._spared(before)

    def _settle(self, lease: int, one: _Pattern) -> list[PatternCommand]:
        """Have the endpoint want what the lease stands for now: less comes first, for nothing must come twice."""
        less, more = self._difference(one)
        return [*_shrink(lease, one, less), *_grow(lease, one, more)]

    def _difference(self, one: _Pattern) -> tuple[list[str], list[str]]:
        now = one.stands_for(self.listings)
        return [code for code in one.wanted if code not in now], [code for code in now if code not in one.wanted]

    def _spared(self, before: Collection[str]) -> list[PatternCommand]:
        spared = sorted(set(before) - self.needed)
        for quote in spared:
            self.listings.pop(quote, None)  # it would grow old unseen
        return [Spare(quote) for quote in spared]

    # --- lists

    def listed(self, listing: Listing, now: float) -> list[PatternCommand]:
        """Take in a list: what is gone goes, then all are told, then what is new is wanted."""
        quote = listing.quote
        if quote not in self.needed:
            return []
        before, self.listings[quote] = self.listings.get(quote), listing
        commands: list[PatternCommand] = self._asked_again(before, now)
        if before is not None and before.markets == listing.markets:
            return commands
        event = _event(listing, before)
        concerned = {lease: one for lease, one in self._patterns.items() if quote in one.quotes}
        differences = {lease: self._difference(one) for lease, one in concerned.items()}
        for lease, (less, _) in differences.items():
            commands += _shrink(lease, concerned[lease], less)
        commands += self._told(quote, listing, event, concerned)
        for lease, (_, more) in differences.items():
            commands += _grow(lease, concerned[lease], more)
        return commands

    def _told(
        self, quote: str, listing: Listing, event: MarketsEvent, concerned: Mapping[int, _Pattern]
    ) -> Iterable[PatternCommand]:
        is_news = bool(event.added or event.removed)
        owners = dict.fromkeys(one.component_id for one in concerned.values())
        for component_id in dict.fromkeys((*owners, *sorted(self._interested.get(quote, ())))):
            yield Inform(component_id, listing, event if is_news and component_id not in owners else None)
        if is_news:
            for lease in concerned:
                yield Note(lease, event)

    def _asked_again(self, before: Listing | None, now: float) -> list[PatternCommand]:
        """Ask again for what is listed and has said nothing: when the exchange looks for a code is not known."""
        if before is None or now - self._asked_again_at < ASK_AGAIN * self._interval:
            return []
        self._asked_again_at = now
        return [AskAgain(frozenset(one.code for listing in self.listings.values() for one in listing.markets))]

    def refused(self, quote: str, error: WebSocketV6Error) -> list[PatternCommand]:
        """There is no such quote currency: end all leases that wanted it, and tell why."""
        self.listings.pop(quote, None)
        self._interested.pop(quote, None)
        ended = [lease for lease, one in self._patterns.items() if quote in one.quotes]
        before = self.needed - {quote}
        for lease in ended:
            del self._patterns[lease]
        return [End(lease, error) for lease in ended] + self._spared(before)


def _shrink(lease: int, one: _Pattern, codes: Collection[str]) -> list[PatternCommand]:
    for code in codes:
        del one.wanted[code]
    return [Shrink(lease, one.kind.with_codes(codes))] if codes else []


def _grow(lease: int, one: _Pattern, codes: Collection[str]) -> list[PatternCommand]:
    one.wanted.update(dict.fromkeys(codes))
    return [Grow(lease, one.kind.with_codes(codes))] if codes else []


def _event(listing: Listing, before: Listing | None) -> MarketsEvent:
    known = {one.code for one in before.markets} if before is not None else set()
    present = {one.code for one in listing.markets}
    added = tuple(one.code for one in listing.markets if one.code not in known)
    removed = tuple(one.code for one in before.markets if one.code not in present) if before is not None else ()
    return MarketsEvent(listing.quote, added, removed, listing.markets, listing.listed_ns)
