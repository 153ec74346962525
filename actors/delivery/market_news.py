"""What is told of the markets to who listens for a whole component, which may hear of a change by several mailboxes."""

from collections.abc import Iterable, Iterator

import msgspec

from websocket_v6.protocol.events import Markets, MarketsEvent

__all__ = ["MarketNews"]


class MarketNews:
    """Remembers what was told, quote currency by quote currency."""

    def __init__(self) -> None:
        self._told: dict[str, MarketsEvent] = {}  # the last one each

    def of(self, event: MarketsEvent) -> MarketsEvent | None:
        """Return what is new in `event` against what was told before; `None` if nothing is, or it is older."""
        before = self._told.get(event.quote)
        if before is None:
            self._told[event.quote] = event
            return msgspec.structs.replace(event, added=event.codes, removed=())
        known, present = set(before.codes), set(event.codes)
        if event.received_at < before.received_at or known == present:
            return None
        self._told[event.quote] = event
        added = tuple(code for code in event.codes if code not in known)
        return msgspec.structs.replace(event, added=added, removed=tuple(c for c in before.codes if c not in present))

    def present(self, lists: Iterable[Markets]) -> Iterator[MarketsEvent]:
        """Yield what who begins to listen is told: all that is there."""
        for one in list(lists):
            event = MarketsEvent(one.quote, one.codes, (), one.markets, one.listed_at)
            told = self._told.setdefault(one.quote, event)
            yield event if told.received_at <= event.received_at else msgspec.structs.replace(told, added=told.codes)
