"""The desk where orders are placed and cancelled and money is paid in.

Source: Upbit WebSocket reference, "myOrder" and "myAsset".
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import cast

from ..answers import Answers
from ..exact import Number, decimal_or_none, to_decimal
from ..market.trades import TradeSide
from ..market.trading_floor import TradingFloor
from ..market.wording import Bulletin
from .balances import Accounts, Holding, Shortage
from .matching import Matching
from .order_rules import OrderRefused, Ticket, check_order
from .orders import Order, OrderType, SmpType, TimeInForce
from .statements import Statements

__all__ = ["OPEN", "Desk"]

OPEN = ("wait", "watch")


class Desk:
    """All accounts and orders of one exchange."""

    def __init__(
        self, floor: TradingFloor, answers: Answers, publish: Callable[[str, Bulletin], None], seed: int
    ) -> None:
        """`publish` takes an access key and a private message of its account."""
        self._floor = floor
        self._answers = answers
        self._statements = Statements(floor.clock, answers, publish, seed)
        self._matching = Matching(floor, answers, self._statements)
        self._accounts = Accounts()
        self._orders: dict[str, Order] = {}
        self._of: dict[str, dict[str, Order]] = {}  # by access key, then by uuid
        self._identifiers: set[tuple[str, str]] = set()  # (access key, identifier), those of refused orders too

    def open_account(self, access_key: str) -> None:
        """Make an account for a key, with some of everything in it; one that exists stays as it is."""
        self._accounts.open(access_key)
        self._of.setdefault(access_key, {})

    def place(
        self,
        access_key: str,
        code: str,
        side: TradeSide,
        price: Number | None = None,
        volume: Number | None = None,
        order_type: OrderType = "limit",
        time_in_force: TimeInForce | None = None,
        identifier: str | None = None,
        smp_type: SmpType | None = None,
        trigger: Number | None = None,
    ) -> str:
        """Place an order and return its uuid.

        Raises:
            OrderRefused: if the exchange would not take it.
        """
        numbers = (decimal_or_none(price), decimal_or_none(volume))
        ticket = Ticket(code, side, order_type, *numbers, time_in_force, smp_type, decimal_or_none(trigger))
        self._floor.market(code)
        order = self.accept(access_key, ticket, identifier)
        self.enter(order)
        return order.uuid

    def accept(self, access_key: str, ticket: Ticket, identifier: str | None = None) -> Order:
        """Take an order and lock its money; `enter` brings it to the market.

        Raises:
            OrderRefused: if the exchange would not take it.
        """
        account = self._accounts.of(access_key)
        if identifier is not None:
            # An identifier is used up by an order that is refused, too.
            if (access_key, identifier) in self._identifiers:
                raise OrderRefused("duplicated_identifier", f"identifier {identifier!r} has been used: take another")
            self._identifiers.add((access_key, identifier))
        order = self._draft(access_key, ticket, identifier)
        try:
            account.lock(order.lock_currency, order.locked)
        except Shortage as error:
            name = f"insufficient_funds_{ticket.ending}"
            raise OrderRefused(name, str(error), order.lock_currency) from error
        self._orders[order.uuid] = self._of[access_key][order.uuid] = order
        if order.trigger is not None:
            order.state = "watch"
        self._statements.note(order)
        return order

    def rehearse(self, access_key: str, ticket: Ticket, identifier: str | None = None) -> Order:
        """Check an order as `accept` does and return it without placing it."""
        order = self._draft(access_key, ticket, identifier)
        free = self._accounts.of(access_key).free.get(order.lock_currency, Decimal(0))
        if free < order.locked:
            name, hint = f"insufficient_funds_{ticket.ending}", f"the order needs {order.locked} and {free} is free"
            raise OrderRefused(name, hint, order.lock_currency)
        return order

    def check(self, ticket: Ticket) -> None:
        """Raise OrderRefused if the market would not take an order, whatever the account has."""
        check_order(self._floor.market(ticket.code), ticket)

    def enter(self, order: Order) -> None:
        """Bring an order that was accepted to the market."""
        market = self._floor.market(order.code)
        if order.trigger is not None:
            self._matching.watch(market, order)
        else:
            self._matching.enter(market, order, locked_now=True)

    def _draft(self, access_key: str, ticket: Ticket, identifier: str | None) -> Order:
        market = self._floor.markets.get(ticket.code)
        if market is None:
            raise OrderRefused("notfoundmarket", f"{ticket.code!r} is not listed here")
        check_order(market, ticket)
        smp_type = ticket.smp_type
        if smp_type is None and self._answers.smp_default:
            smp_type = "none" if ticket.time_in_force == "post_only" else "cancel_maker"
        return Order(
            uuid=self._statements.uuid(),
            account=self._accounts.of(access_key),
            code=ticket.code,
            side=ticket.side,
            order_type=cast("OrderType", ticket.order_type),
            price=ticket.price,
            volume=ticket.volume,
            ms=self._floor.clock.now_ms(),
            time_in_force=cast("TimeInForce | None", ticket.time_in_force),
            identifier=identifier,
            smp_type=cast("SmpType | None", smp_type),
            trigger=ticket.trigger,
        )

    def cancel(self, uuid: str) -> None:
        order = self._orders.get(uuid)
        if order is None or order.state not in OPEN:
            raise OrderRefused("order_not_found", f"order {uuid} is not open: orders() lists those that are")
        self._matching.leave(order)
        self._statements.end(order, "cancel")

    def deposit(self, access_key: str, currency: str, amount: Number) -> None:
        """Add to a balance, or take from it with a negative amount."""
        account = self._accounts.of(access_key)
        account.add(currency, to_decimal(amount))
        self._statements.assets(account, [currency])

    # What is there.

    def balances(self, access_key: str) -> dict[str, tuple[Decimal, Decimal]]:
        """Return the free and the locked amount of each currency."""
        return self._accounts.of(access_key).amounts()

    def holdings(self, access_key: str, until: float) -> dict[str, Holding]:
        """Return what an account had of each currency at a time."""
        return self._accounts.of(access_key).noted(until)

    def orders(self, access_key: str) -> dict[str, str]:
        """Return the state of every order of an account by its uuid, oldest first."""
        return {uuid: order.state for uuid, order in self._of.get(access_key, {}).items()}

    def orders_of(self, access_key: str) -> list[Order]:
        """Return the orders of an account, oldest first."""
        return list(self._of.get(access_key, {}).values())

    def find(self, access_key: str, uuid: str | None, identifier: str | None = None) -> Order:
        """Return an order of an account by its uuid, or else by its identifier.

        Raises:
            OrderRefused: if there is none.
        """
        orders = self._of.get(access_key, {})
        found = orders.get(uuid) if uuid is not None else None
        if found is None and uuid is None:
            found = next((order for order in orders.values() if order.identifier == identifier), None)
        if found is None:
            raise OrderRefused("order_not_found", f"the account has no order {uuid or identifier}")
        return found

    def open_bulletins(self, access_key: str, code: str) -> Iterator[Bulletin]:
        """Return the open orders of an account as messages; `code` may be `*`."""
        for order in self.orders_of(access_key):
            if order.state in OPEN and code in {"*", order.code}:
                yield order.bulletin(order.state, self._floor.clock.now_ms())
