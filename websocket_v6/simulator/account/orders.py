"""Orders: what is bought and sold through the simulator, with its fees, locks and messages.

Source: Upbit WebSocket reference, "myOrder"; the sample of 2025-11 for the nulls of a market buy.
"""

from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Literal, NamedTuple

from ..market.trades import Trade, TradeSide
from ..market.wording import Bulletin
from .balances import Account

__all__ = ["Execution", "Order", "OrderNote", "OrderType", "SmpType", "TimeInForce", "fee_rate"]

OrderType = Literal["limit", "price", "market", "best"]
SmpType = Literal["reduce", "cancel_maker", "cancel_taker", "none"]
TimeInForce = Literal["ioc", "fok", "post_only"]

_ZERO = Decimal(0)
_EIGHT = Decimal("0.00000001")
# 0.05 % in the KRW market, 0.25 % in the others.
_FEES = {"KRW": Decimal("0.0005")}
_OTHER_FEE = Decimal("0.0025")


def fee_rate(code: str) -> Decimal:
    """Return the share of its amount that a trade costs."""
    return _FEES.get(code.partition("-")[0], _OTHER_FEE)


class Execution(NamedTuple):
    """One trade as one of its two orders has it."""

    trade: Trade
    volume: Decimal
    fee: Decimal
    uuid: str
    is_maker: bool


class OrderNote(NamedTuple):
    """What an order was at a time, as the exchange's REST side tells it: what is null is left out."""

    at: float  # the simulator's clock, seconds since 1970
    state: str
    row: dict[str, str | int]
    trades_count: int


@dataclass(eq=False)
class Order:
    """One order and what has become of it."""

    uuid: str
    account: Account
    code: str
    side: TradeSide
    order_type: OrderType
    price: Decimal | None  # of a market buy: the amount to spend
    volume: Decimal | None
    ms: int
    time_in_force: TimeInForce | None = None
    identifier: str | None = None
    smp_type: SmpType | None = None
    trigger: Decimal | None = None
    rises_to_trigger: bool = True
    state: str = "wait"
    executed: Decimal = _ZERO
    funds: Decimal = _ZERO
    paid_fee: Decimal = _ZERO
    trades_count: int = 0
    prevented_volume: Decimal = _ZERO
    prevented_locked: Decimal = _ZERO
    locked: Decimal = _ZERO
    executions: list["Execution"] = field(default_factory=list)
    notes: list["OrderNote"] = field(default_factory=list)  # what it was after each change, oldest first

    def __post_init__(self) -> None:
        quote, _, self.base = self.code.partition("-")
        self.quote = quote
        self.fee_rate = fee_rate(self.code)
        self.locked = self._to_lock()
        self.reserved_fee = self._fee_of_rest()

    @property
    def by_amount(self) -> bool:
        """Whether the order is to spend an amount rather than to trade a size."""
        return self.volume is None

    @property
    def lock_currency(self) -> str:
        return self.quote if self.side == "BID" else self.base

    @property
    def remaining(self) -> Decimal:
        """The size that is still to trade; of an order by amount, the amount that is still to spend."""
        if self.by_amount:
            return self._needed(self.price) - self.funds - self.prevented_volume
        return self._needed(self.volume) - self.executed - self.prevented_volume

    @property
    def remaining_fee(self) -> Decimal:
        return self._fee_of_rest() if self.locked else _ZERO

    def volume_at(self, price: Decimal) -> Decimal:
        """Return how much of the rest can trade at `price`."""
        if not self.by_amount:
            return self.remaining
        return (self.remaining / price).quantize(_EIGHT, ROUND_DOWN)

    def allows(self, price: Decimal) -> bool:
        """Whether the order takes `price`."""
        if self.order_type in {"price", "market"} or self.price is None or self.by_amount:
            return True
        return price <= self.price if self.side == "BID" else price >= self.price

    def fill(self, trade: Trade, volume: Decimal) -> Decimal:
        """Count an execution, move the money, and return its fee."""
        amount = (trade.price * volume).quantize(Decimal("1e-16"))
        fee = amount * self.fee_rate
        before = self.locked
        self.executed += volume
        self.funds += amount
        self.paid_fee += fee
        self.trades_count += 1
        self.locked = self._to_lock()
        released = before - self.locked
        self.account.take_locked(self.lock_currency, released)
        if self.side == "BID":
            # What was locked for a higher price than was paid comes back.
            self.account.add(self.quote, released - amount - fee)
            self.account.buy(self.base, volume, amount)
        else:
            self.account.add(self.quote, amount - fee)
        return fee

    def prevent(self, size: Decimal) -> None:
        """Take out of the order what would have matched an order of the same account."""
        before = self.locked
        self.prevented_volume += size
        self.locked = self._to_lock()
        self.prevented_locked += before - self.locked
        self.account.lock(self.lock_currency, self.locked - before)

    def noted(self, until: float) -> OrderNote | None:
        """Return what the order was at a time, `None` if it was not there yet."""
        return next((note for note in reversed(self.notes) if note.at <= until), None)

    def release(self) -> None:
        """Give back what is locked: the order is over."""
        self.account.lock(self.lock_currency, -self.locked)
        self.locked = _ZERO

    def bulletin(self, state: str, ms: int, execution: Execution | None = None) -> Bulletin:
        """Return the message of a state; `trade` comes with its execution."""
        rest = None if self.by_amount else self.remaining
        fields: dict[str, object] = {
            "type": "myOrder",
            "code": self.code,
            "uuid": self.uuid,
            "ask_bid": self.side,
            "order_type": self.order_type,
            "state": state,
            "trade_uuid": execution and execution.uuid,
            "price": self.price if execution is None else execution.trade.price,
            "avg_price": (self.funds / self.executed).quantize(_EIGHT) if self.executed else _ZERO,
            "volume": self.volume if execution is None else execution.volume,
            "remaining_volume": rest,
            "executed_volume": self.executed if self.executed or not self.by_amount else None,
            "trades_count": self.trades_count,
            "reserved_fee": self.reserved_fee,
            "remaining_fee": self.remaining_fee,
            "paid_fee": self.paid_fee,
            "locked": self.locked,
            "executed_funds": self.funds,
            "time_in_force": self.time_in_force,
            "trade_fee": execution and execution.fee,
            "is_maker": execution and execution.is_maker,
            "identifier": self.identifier,
            "smp_type": self.smp_type,
            "prevented_volume": None if self.by_amount else self.prevented_volume,
            "prevented_locked": self.prevented_locked,
            "trade_timestamp": execution and execution.trade.ms,
            "order_timestamp": self.ms // 1000 * 1000,  # every sample is in whole seconds
            "timestamp": ms,
        }
        return Bulletin("myOrder", self.code, fields)

    def _to_lock(self) -> Decimal:
        """Return what must be locked for the rest: amount and fee of a purchase, size of a sale."""
        if self.side == "ASK":
            return self.remaining
        rest = self.remaining if self.by_amount else self._needed(self.price) * self.remaining
        return rest * (1 + self.fee_rate)

    def _fee_of_rest(self) -> Decimal:
        # The fee of a sale is taken from its proceeds.
        return self.locked * self.fee_rate / (1 + self.fee_rate) if self.side == "BID" else _ZERO

    def _needed(self, value: Decimal | None) -> Decimal:
        if value is None:
            raise AssertionError("__post_init__ has seen that it is there")
        return value
