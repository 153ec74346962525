"""The books of own orders and of own balances: a ledger each, for the machine of `reconciliation.py`, in events."""

from collections.abc import Callable, Iterator, Sequence

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import Event, MyAsset, MyAssetEvent, weigh
from websocket_v6.protocol.exchange.streams import ANY

from .ledger import Ledger, Waiting
from .order_state import present_state
from .progress import Said, said_of
from .reconciliation import Book, Reconciliation, When, covers
from .steps import Answer, Inquire
from .wallet import Balances, asset_message

__all__ = ["Accounts", "AssetBook", "OrderBook", "Wrap"]

# Makes an event that was fetched: of a type, a market, a payload, and whether it is of a start.
Wrap = Callable[[str, str, bytes, bool], Event]


class OrderBook(Book[Event]):
    """Own orders."""

    type = "myOrder"

    def __init__(self, wrap: Wrap) -> None:
        self._wrap = wrap
        self.ledger: Ledger[Event] = Ledger(
            lambda code, payload, is_start: wrap(self.type, code, payload, is_start), lambda item: weigh([item])
        )

    def inherit(self, other: "OrderBook") -> None:
        """Begin with what another book knew."""
        self.ledger.orders = other.ledger.orders

    def code(self, item: Event) -> str:
        return item.symbol

    def size(self, item: Event) -> int:
        return weigh([item])

    def ends(self, item: Event) -> bool:
        said = said_of(item)
        return said is not None and said.progress.has_ended

    def hear(self, item: Event, now: float, *, is_start: bool, is_fetched: bool) -> bool:
        said = said_of(item)
        if said is None:
            return True  # malformed, or of a kind that is not known here: the edge will say so
        if is_start and is_fetched and (said.trade or said.progress.has_ended):
            self.ledger.note(said, item, now)
            return False
        return self.ledger.hear(said, item, now, is_start=is_start, is_fetched=is_fetched)

    def find(self, answer: Answer, waiting: Sequence[Event], when: When) -> list[Event]:
        waits: dict[str, tuple[tuple[Said, Event], ...]] = {}
        for item in waiting:
            said = said_of(item)
            if said is not None:
                waits[said.uuid] = (*waits.get(said.uuid, ()), (said, item))
        found: Waiting[Event] = waits
        news: list[Event] = []
        for order in answer.orders:
            is_start = not covers(when.covered, order.code)
            news += self.ledger.find(order, found, when.now, is_start=is_start, since_ms=when.since_ms)
        return news

    def inquire(self, number: int, fence: float, codes: frozenset[str]) -> Inquire:
        ledger = self.ledger
        return Inquire(self.type, number, ledger.known(), ledger.doubtful(fence), ledger.lacking(), codes)

    def keep(self, codes: frozenset[str]) -> None:
        self.ledger.keep(codes)

    def present(self, codes: frozenset[str]) -> list[Event]:
        """Return the present state of each open order, for who begins now."""
        return [
            self._state(order.code, order.stated, order.last)
            for _, order in self.ledger.open()
            if order.last is not None and covers(codes, order.code)
        ]

    def whole(self, codes: frozenset[str]) -> list[Event]:
        """Return all that is known, for another process's ledger: of each order its trades, then its present state."""
        known: list[Event] = []
        for order in self.ledger.orders.values():
            if order.last is not None and covers(codes, order.code):
                known += [trade.as_backfilled() for trade in order.trades.values() if trade is not None]
                known.append(self._state(order.code, order.stated, order.last))
        return known

    def _state(self, code: str, stated: Event | None, last: Event) -> Event:
        try:
            payload = present_state(None if stated is None else stated.payload, last.payload)
        except RemoteProtocolError:
            return last
        return self._wrap(self.type, code, payload, True)


class AssetBook(Book[Event]):
    """Own balances."""

    type = "myAsset"

    def __init__(self, wrap: Wrap) -> None:
        self.balances = Balances()
        self._wrap = wrap

    def inherit(self, other: "AssetBook") -> None:
        """Begin with what another book knew."""
        self.balances = other.balances

    def code(self, item: Event) -> str:  # noqa: ARG002
        return ANY

    def size(self, item: Event) -> int:
        return weigh([item])

    def ends(self, item: Event) -> bool:  # noqa: ARG002
        return False

    def hear(self, item: Event, now: float, *, is_start: bool, is_fetched: bool) -> bool:
        assets = _assets(item)
        if is_fetched and not is_start and all(self._knows(one) for one in assets):
            return False
        self.balances.hear(assets, now)
        return True

    def _knows(self, one: MyAsset) -> bool:
        known = self.balances.of.get(one.currency)
        return known is not None and (known.balance, known.locked) == (one.balance, one.locked)

    def find(self, answer: Answer, waiting: Sequence[Event], when: When) -> list[Event]:
        live = [one.currency for item in waiting for one in _assets(item)]
        news = self.balances.find(answer.balances, live, when.now)
        is_start = not covers(when.covered, ANY)
        return [self._wrap(self.type, ANY, asset_message(news, when.now_ms), is_start)] if news else []

    def inquire(self, number: int, fence: float, codes: frozenset[str]) -> Inquire:  # noqa: ARG002
        return Inquire(self.type, number, codes=codes)

    def keep(self, codes: frozenset[str]) -> None:
        if not codes:
            self.balances = Balances()

    def present(self, now_ms: int) -> list[Event]:
        """Return all balances, for who begins now."""
        return [self._wrap(self.type, ANY, asset_message(self.balances.of, now_ms), True)] if self.balances.of else []


def _assets(item: Event) -> tuple[MyAsset, ...]:
    try:
        return item.assets or () if isinstance(item, MyAssetEvent) else ()
    except RemoteProtocolError:
        return ()  # malformed: the edge will say so


class Accounts:
    """Own orders and own balances of one process, each with the machine that reconciles it."""

    def __init__(self, wrap: Wrap, inherited: "Accounts | None" = None) -> None:
        self.orders, self.assets = OrderBook(wrap), AssetBook(wrap)
        self._machines: dict[str, Reconciliation[Event]] = {
            book.type: Reconciliation(book) for book in (self.orders, self.assets)
        }
        if inherited is not None:
            self.orders.inherit(inherited.orders)
            self.assets.inherit(inherited.assets)
            for type_, machine in self._machines.items():
                machine.inherit(inherited.of(type_))

    def __iter__(self) -> Iterator[Reconciliation[Event]]:
        return iter(self._machines.values())

    def of(self, type_: str) -> Reconciliation[Event]:
        """Return the machine of a data type."""
        return self._machines[type_]

    def present(self, type_: str, codes: frozenset[str], now_ms: int, *, is_whole: bool) -> list[Event]:
        """Return what is known, for who begins now; `is_whole`: for another process, which has a ledger of its own."""
        if type_ == self.assets.type:
            return self.assets.present(now_ms)
        return self.orders.whole(codes) if is_whole else self.orders.present(codes)
