"""The REST calls of the exchange that a WebSocket client needs beside it: markets, past trades, tickers, books.

Source: Upbit WebSocket reference, "REST for an engine".
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

from websockets.datastructures import Headers

from ..market.spelling import as_plain
from ..market.trading_floor import TradingFloor
from ..market.wording import compact
from .house import House
from .quotation_calls import (
    CallRefused,
    Query,
    list_all_tickers,
    list_instruments,
    list_markets,
    list_orderbooks,
    list_tickers,
    list_trades,
)
from .replies import Reply, error_reply

__all__ = ["answer"]

# Path: limit group and call.
_CALLS: Mapping[str, tuple[str, Callable[[TradingFloor, Query], object] | None]] = {
    "/v1/market/all": ("market", list_markets),
    "/v1/trades/ticks": ("trade", list_trades),
    "/v1/ticker": ("ticker", list_tickers),
    "/v1/ticker/all": ("ticker", list_all_tickers),
    "/v1/orderbook": ("orderbook", list_orderbooks),
    "/v1/orderbook/instruments": ("orderbook", list_instruments),
}


def answer(house: House, floor: TradingFloor, target: str, headers: Headers, ip: str) -> Reply:
    """Answer `GET target`."""
    parts = urlsplit(target)
    group, call = _CALLS.get(parts.path, ("default", None))
    if call is None:
        return _error(404, "no Route matched with those values")
    house.journal.asked(target)
    planned = house.turnstile.next_refusal("rest")
    if planned is not None:
        return planned
    now, limits = house.clock.now(), house.limits
    if "Origin" in headers:
        verdict = house.gate.admit(f"origin {ip}", now, limit=limits.origin_per_10s, seconds=10.0)
    else:
        verdict = house.gate.admit(f"rest {group} {ip}", now, limit=limits.rest_per_second)
    if verdict.status != 101:
        return _error(verdict.status, f"Too many API requests, blocked for {int(verdict.blocked_for) + 1} seconds")
    remaining = (("Remaining-Req", f"group={group}; min=600; sec={verdict.left}"),)
    try:
        body = call(floor, dict(parse_qsl(parts.query)))
    except CallRefused as error:
        return _error(error.status, error.message)
    return Reply(200, _json(body).encode(), remaining)


def _error(status: int, message: str) -> Reply:
    return error_reply(status, status, message)


def _json(value: object) -> str:
    """Spell decimals as plain JSON numbers, with every digit."""
    if isinstance(value, Decimal):
        text = as_plain(value)
        return text if "." in text else f"{text}.0"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{compact(key)}:{_json(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_json, value)) + "]"
    return compact(value)
