"""What an account has and may do: balances, what can be ordered, its keys.

Source: Upbit REST reference, "List balances", "Available order information", "List API keys".
"""

from collections.abc import Mapping
from decimal import Decimal

from ..account.balances import Holding
from ..account.order_rows import seoul_time
from ..account.order_rules import MAX_TOTAL, MIN_TOTAL
from ..account.orders import fee_rate
from ..market.spelling import as_plain
from .visit import CallRefused, Visit

__all__ = ["get_chance", "list_accounts", "list_keys"]

_NOTHING = Holding(Decimal(0), Decimal(0), Decimal(0))
_CASH = {"kr": "KRW", "sg": "SGD", "id": "IDR", "th": "THB"}
_BOTH = ["limit", "limit_fok", "limit_ioc", "limit_post_only", "best_fok", "best_ioc"]


def list_accounts(visit: Visit) -> object:
    """Balances by currency; one of which there is nothing is left out."""
    holdings = visit.desk.holdings(visit.key, visit.as_of)
    return [_account(visit, name, each) for name, each in holdings.items() if each.free or each.locked]


def get_chance(visit: Visit) -> object:
    code = visit.params.get("market")
    market = visit.floor.markets.get(code or "")
    if market is None:
        raise CallRefused(400, "market is missing, market does not have a valid value", "validation_error")
    quote, _, base = market.code.partition("-")
    holdings = visit.desk.holdings(visit.key, visit.as_of)
    fee = as_plain(fee_rate(market.code))
    least = as_plain(MIN_TOTAL.get(quote, Decimal("0.00000001")))
    active = market.market_state == "ACTIVE" and not market.suspended
    return {
        "bid_fee": fee,
        "ask_fee": fee,
        "maker_bid_fee": fee,
        "maker_ask_fee": fee,
        "market": {
            "id": market.code,
            "name": f"{base}/{quote}",
            "order_types": ["limit"],
            "order_sides": ["ask", "bid"],
            "bid_types": [*_BOTH, "price"],
            "ask_types": [*_BOTH, "market"],
            "bid": {"currency": quote, "min_total": least},
            "ask": {"currency": base, "min_total": least},
            "max_total": as_plain(MAX_TOTAL),
            "state": "active" if active else "preview" if market.market_state == "PREVIEW" else "suspended",
        },
        "bid_account": _account(visit, quote, holdings.get(quote, _NOTHING)),
        "ask_account": _account(visit, base, holdings.get(base, _NOTHING)),
    }


def list_keys(visit: Visit) -> object:
    key = visit.house.keys.of(visit.key)
    return [{"access_key": key.access_key, "expire_at": seoul_time(int(key.expire_at * 1000))}]


def _account(visit: Visit, currency: str, holding: Holding) -> Mapping[str, object]:
    return {
        "currency": currency,
        "balance": as_plain(holding.free),
        "locked": as_plain(holding.locked),
        "avg_buy_price": as_plain(holding.average_price),
        "avg_buy_price_modified": False,
        "unit_currency": _CASH.get(visit.house.region, "KRW"),
    }
