"""Orders and their trades as the REST calls tell them: numbers as text, sides in lower case, times in Korea's zone.

Fields that are null are left out. Source: Upbit REST reference, "List open orders", "Get order"; samples of 2025.
"""

from datetime import datetime, timedelta, timezone
from decimal import Decimal

from ..market.spelling import as_plain
from .orders import Execution, Order

__all__ = ["order_row", "seoul_time", "trade_row"]

_SEOUL = timezone(timedelta(hours=9))


def seoul_time(ms: int, *, parts: str = "seconds") -> str:
    """Return a time as `yyyy-MM-ddTHH:mm:ss+09:00`."""
    return datetime.fromtimestamp(ms / 1000, _SEOUL).isoformat(timespec=parts)


def order_row(order: Order) -> dict[str, str | int]:
    """Return an order as it is now."""
    by_amount = order.by_amount
    numbers: dict[str, Decimal | None] = {
        "price": order.price,
        "volume": order.volume,
        "remaining_volume": None if by_amount else order.remaining,
        "reserved_fee": order.reserved_fee,
        "remaining_fee": order.remaining_fee,
        "paid_fee": order.paid_fee,
        "locked": order.locked,
        "executed_volume": order.executed,
        "executed_funds": order.funds,
        "prevented_volume": Decimal(0) if by_amount else order.prevented_volume,
        "prevented_locked": order.prevented_locked,
    }
    names: dict[str, str | None] = {
        "time_in_force": order.time_in_force,
        "identifier": order.identifier,
        "smp_type": order.smp_type,
    }
    return {
        "market": order.code,
        "uuid": order.uuid,
        "side": order.side.lower(),
        "ord_type": order.order_type,
        "state": order.state,
        "created_at": seoul_time(order.ms),
        **{name: as_plain(number) for name, number in numbers.items() if number is not None},
        "trades_count": order.trades_count,
        **{name: text for name, text in names.items() if text is not None},
    }


def trade_row(order: Order, execution: Execution) -> dict[str, str]:
    """Return one trade of an order; `trend` is the taker's side."""
    trade = execution.trade
    return {
        "market": order.code,
        "uuid": execution.uuid,
        "price": as_plain(trade.price),
        "volume": as_plain(execution.volume),
        "funds": as_plain(trade.price * execution.volume),
        "trend": "up" if trade.side == "BID" else "down",
        "created_at": seoul_time(trade.ms, parts="microseconds"),
        "side": order.side.lower(),
    }
