"""The lists of markets of a replay, and what patterns stand for: as it was recorded, list by list.

What follows a list is decided where it is for the exchange's own, `protocol/demand/patterns.py`.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pykka

from websocket_v6.actors.messages.component import MarketsListed
from websocket_v6.protocol.demand.patterns import Grow, Inform, Need, Note, PatternCommand, Patterns, Shrink
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.events import Markets, MarketsEvent
from websocket_v6.protocol.exchange.market_list import Listing, Market
from websocket_v6.protocol.exchange.wants import Want
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.recording.records import Listed

__all__ = ["Desk", "ReplayLists"]

NOT_RECORDED = (
    "there is no list of {quote} markets in the recording: it has those that a pattern such as {quote}-* followed, "
    "or markets() was asked for, when it was made"
)


class Desk(Message):
    """What the registry does for it (live)."""

    route: Callable[[int, Want], None]  # these streams of a lease
    unroute: Callable[[int, Want], None]
    notify: Callable[[int, MarketsEvent], None]  # the owner of a lease, in the order of its events
    tell: Callable[[str, object], None]  # a component


class ReplayLists:
    """The registry's part in patterns and lists, in its thread. `quotes` are those of which there are lists."""

    def __init__(self, desk: Desk, quotes: Iterable[str], first: Mapping[str, Listed]) -> None:
        self.patterns = Patterns(math.inf)
        self._desk = desk
        self._quotes = frozenset(quotes)
        self._lists = {quote: _listing(one) for quote, one in first.items()}
        self._asked: dict[str, list[pykka.Future[Any]]] = {}

    @property
    def known(self) -> tuple[Listing, ...]:
        """The lists that somebody needs, as they stand."""
        return tuple(self.patterns.listings.values())

    def subscribe(self, lease: int, component_id: str, want: Want) -> None:
        """Take a lease with a pattern, or more of one."""
        self._carry_out(self.patterns.take(lease, component_id, want))

    def drop(self, lease: int, part: Want | None) -> None:
        """Take back such a lease, or part of it; what is routed of a whole one is the caller's to take back."""
        self._carry_out(self.patterns.drop(lease, part))

    def gone(self, component_id: str) -> None:
        """A component has left."""
        self._carry_out(self.patterns.gone(component_id))

    def ask(self, component_id: str, quote: str, answer: "pykka.Future[Any]") -> None:
        """Answer with the list of a quote currency as it stands where the replay does, or as it stood at first."""
        if quote not in self._quotes:
            error = LocalProtocolError(NOT_RECORDED.format(quote=quote))
            answer.set_exception((type(error), error, None))
            return
        self._carry_out(self.patterns.interest(component_id, quote))
        listing = self._lists.get(quote)
        if listing is None:
            self._asked.setdefault(quote, []).append(answer)
        else:
            self._desk.tell(component_id, MarketsListed(_markets(listing), None))
            answer.set(_markets(listing))

    def came(self, listed: Listed) -> None:
        """Take in a list where it was recorded."""
        listing = self._lists[listed.quote] = _listing(listed)
        self._carry_out(self.patterns.listed(listing, 0.0))
        for answer in self._asked.pop(listing.quote, ()):
            answer.set(_markets(listing))

    def _carry_out(self, commands: Iterable[PatternCommand]) -> None:
        for command in commands:
            match command:
                case Grow(lease, want):
                    self._desk.route(lease, want)
                case Shrink(lease, want):
                    self._desk.unroute(lease, want)
                case Note(lease, event):
                    self._desk.notify(lease, event)
                case Inform(component_id, listing, event):
                    self._desk.tell(component_id, MarketsListed(_markets(listing), event))
                case Need(quote) if quote in self._lists:
                    self._carry_out(self.patterns.listed(self._lists[quote], 0.0))
                case _:
                    pass  # nobody is asked: a list comes when it came


def _listing(listed: Listed) -> Listing:
    rows = (Market(one.code, one.korean_name, one.english_name, one.warning, one.cautions) for one in listed.markets)
    return Listing(listed.quote, listed.listed_ns, tuple(rows))


def _markets(listing: Listing) -> Markets:
    return Markets(listing.quote, listing.markets, listing.listed_ns)
