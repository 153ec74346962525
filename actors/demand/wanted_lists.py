"""The registry's way to its `MarketLists`, which most programs do without: begun for the first pattern or question."""

from typing import TYPE_CHECKING, Any

from websocket_v6.actors.forks import no_fork
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.registry import Subscribe
from websocket_v6.protocol.demand.commands import Report
from websocket_v6.protocol.errors import WebSocketV6Error

if TYPE_CHECKING:
    import pykka

    from websocket_v6.protocol.demand.patterns import PatternsInheritance
    from websocket_v6.protocol.exchange.market_list import Listing
    from websocket_v6.protocol.exchange.wants import Want

    from .market_lists import MarketLists

__all__ = ["WantedLists"]


class WantedLists:
    """What is told here means what it means to `MarketLists`; `desk` is what its Desk consists of.

    It has a lease if that has a pattern.
    """

    def __init__(
        self, registry: Ref, interval: float, inherited: "PatternsInheritance | None" = None, **desk: Any
    ) -> None:
        self._registry = registry
        self._interval = interval
        self._desk = desk
        self._inherited = inherited
        self._lists: MarketLists | None = None

    def go_on(self) -> None:
        """Have those lists brought that are needed already: a predecessor knew by whom."""
        if self._inherited is not None:
            self._begin()

    def _begin(self) -> "MarketLists":
        if self._lists is None:
            with no_fork():
                from .market_lists import Desk, MarketLists
            self._lists = MarketLists(self._registry, Desk(**self._desk), self._interval, self._inherited)
            self._lists.begin()
        return self._lists

    def __contains__(self, lease: object) -> bool:
        return self._lists is not None and lease in self._lists.patterns

    @property
    def listings(self) -> "tuple[Listing, ...]":
        """The lists that are known."""
        return () if self._lists is None else tuple(self._lists.patterns.listings.values())

    def inheritance(self) -> "PatternsInheritance | None":
        """Return what a successor begins with; None if nobody has asked yet."""
        return self._inherited if self._lists is None else self._lists.patterns.inheritance()

    # --- what components want

    def subscribe(self, message: Subscribe) -> None:
        """Take a lease with a pattern, or more of one."""
        self._begin().subscribe(message)

    def drop(self, lease: int, part: "Want | None") -> None:
        """Take back such a lease, or part of it."""
        self._begin().drop(lease, part)

    def end(self, lease: int) -> None:
        """Forget all of a lease that is over."""
        self._begin().end(lease)

    def ask(self, component_id: str, quote: str, answer: "pykka.Future[object]") -> None:
        """Answer with the list of a quote currency, once it is there."""
        self._begin().ask(component_id, quote, answer)

    def gone(self, component_id: str) -> None:
        """A component has left."""
        if self._lists is not None:
            self._lists.gone(component_id)

    def close(self, error: WebSocketV6Error) -> None:
        """Tell all who wait that nothing comes any more."""
        if self._lists is not None:
            self._lists.close(error)

    # --- what is said of them

    def came(self, payload: bytes) -> None:
        """Take in a list."""
        self._begin().came(payload)

    def refused(self, lease: int, error: WebSocketV6Error) -> None:
        """There is no such list."""
        self._begin().refused(lease, error)

    def without_listed(self, report: Report) -> Report | None:
        """Return what of a report is no error."""
        return report if self._lists is None else self._lists.without_listed(report)
