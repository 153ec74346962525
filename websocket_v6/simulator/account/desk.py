"""The desk where orders are placed and cancelled and money is paid in.

Source: Upbit WebSocket reference, "myOrder" and "myAsset".
"""

from collections.abc import Callable, Iterator
from decimal import Decimal

from ..answers import Answers
from ..exact import Number, decimal_or_none, to_decimal
from ..market.trades import TradeSide
from ..market.trading_floor import TradingFloor
from ..market.wording import Bulletin
from .balances import Accounts
from .matching import Matching
from .orders import Order, OrderType, SmpType, TimeInForce
from .statements import Statements

__all__ = ["Desk"]


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

    def open_account(self, access_key: str) -> None:
        """Make an account for a key, with some of everything in it; one that exists stays as it is."""
        self._accounts.open(access_key)

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
        """Place an order and return its uuid."""
        market = self._floor.market(code)
        if smp_type is None and self._answers.smp_default:
            smp_type = "none" if time_in_force == "post_only" else "cancel_maker"
        order = Order(
            uuid=self._statements.uuid(),
            account=self._accounts.of(access_key),
            code=code,
            side=side,
            order_type=order_type,
            price=decimal_or_none(price),
            volume=decimal_or_none(volume),
            ms=self._floor.clock.now_ms(),
            time_in_force=time_in_force,
            identifier=identifier,
            smp_type=smp_type,
            trigger=decimal_or_none(trigger),
        )
        order.account.lock(order.lock_currency, order.locked)
        self._orders[order.uuid] = order
        if order.trigger is not None:
            self._matching.watch(market, order)
        else:
            self._matching.enter(market, order, locked_now=True)
        return order.uuid

    def cancel(self, uuid: str) -> None:
        order = self._orders.get(uuid)
        if order is None or order.state not in {"wait", "watch"}:
            raise ValueError(f"order {uuid} is not open: orders() lists those that are")
        self._matching.leave(order)
        self._statements.end(order, "cancel")

    def deposit(self, access_key: str, currency: str, amount: Number) -> None:
        """Add to a balance, or take from it with a negative amount."""
        account = self._accounts.of(access_key)
        account.add(currency, to_decimal(amount))
        self._statements.assets(account, [currency])

    def balances(self, access_key: str) -> dict[str, tuple[Decimal, Decimal]]:
        """Return the free and the locked amount of each currency."""
        return self._accounts.of(access_key).amounts()

    def orders(self, access_key: str) -> dict[str, str]:
        """Return the state of every order of an account by its uuid, oldest first."""
        return {uuid: order.state for uuid, order in self._orders.items() if order.account.access_key == access_key}

    def open_bulletins(self, access_key: str, code: str) -> Iterator[Bulletin]:
        """Return the open orders of an account as messages; `code` may be `*`."""
        for order in self._orders.values():
            if (
                order.account.access_key == access_key
                and order.state in {"wait", "watch"}
                and code in {"*", order.code}
            ):
                yield order.bulletin(order.state, self._floor.clock.now_ms())
