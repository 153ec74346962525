"""Answers the REST calls of the exchange: which there are, their limits, tokens and permissions, and their faults.

Sources: Upbit WebSocket reference, "REST for an engine", "Rate limits", "Authentication"; Upbit REST reference.
"""

import asyncio
import gzip
import logging
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import urlsplit

from ..account.desk import Desk
from ..account.keyring import AuthRefusal
from ..account.order_rules import OrderRefused
from ..exact import be_exact
from ..market.spelling import as_plain
from ..market.trading_floor import TradingFloor
from ..market.wording import compact
from ..wire.gate import Verdict
from ..wire.house import House
from ..wire.replies import QUOTA_TEXT, Reply, error_reply, quota_reply
from . import candle_calls, order_calls, quotation_calls, wallet_calls
from .rest_faults import RestFaults
from .visit import CallRefused, Params, Visit

__all__ = ["Call", "RestSide"]

_logger = logging.getLogger(__name__)
# Bytes from which a body is worth packing.
_PACKED_FROM = 256


class Call(NamedTuple):
    """One HTTP request."""

    method: str
    target: str
    headers: Mapping[str, str]  # in lower case
    body: bytes
    ip: str


class _Route(NamedTuple):
    group: str
    handler: Callable[[Visit], object]
    permission: str | None = None  # of an exchange call; `""` needs a key and no permission
    status: int = 200


_PUBLIC: Mapping[str, _Route] = {
    "/v1/market/all": _Route("market", quotation_calls.list_markets),
    "/v1/trades/ticks": _Route("trade", quotation_calls.list_trades),
    "/v1/ticker": _Route("ticker", quotation_calls.list_tickers),
    "/v1/ticker/all": _Route("ticker", quotation_calls.list_all_tickers),
    "/v1/orderbook": _Route("orderbook", quotation_calls.list_orderbooks),
    "/v1/orderbook/instruments": _Route("orderbook", quotation_calls.list_instruments),
    "/v1/candles/seconds": _Route("candle", candle_calls.list_seconds),
    "/v1/candles/days": _Route("candle", candle_calls.list_days),
    "/v1/candles/weeks": _Route("candle", candle_calls.list_weeks),
    "/v1/candles/months": _Route("candle", candle_calls.list_months),
    "/v1/candles/years": _Route("candle", candle_calls.list_years),
}
_MINUTES = "/v1/candles/minutes/"
_ROUTES: Mapping[tuple[str, str], _Route] = {
    **{("GET", path): route for path, route in _PUBLIC.items()},
    ("GET", "/v1/accounts"): _Route("default", wallet_calls.list_accounts, "assets"),
    ("GET", "/v1/api_keys"): _Route("default", wallet_calls.list_keys, ""),
    ("GET", "/v1/orders/chance"): _Route("default", wallet_calls.get_chance, "orders"),
    ("GET", "/v1/order"): _Route("default", order_calls.get_order, "orders"),
    ("GET", "/v1/orders"): _Route("default", order_calls.list_orders, "orders"),
    ("GET", "/v1/orders/open"): _Route("default", order_calls.list_open, "orders"),
    ("GET", "/v1/orders/closed"): _Route("default", order_calls.list_closed, "orders"),
    ("GET", "/v1/orders/uuids"): _Route("default", order_calls.list_by_ids, "orders"),
    ("POST", "/v1/orders"): _Route("order", order_calls.place, "trade", 201),
    ("POST", "/v1/orders/test"): _Route("order-test", order_calls.rehearse, "trade", 201),
    ("POST", "/v1/orders/cancel_and_new"): _Route("order", order_calls.cancel_and_new, "trade", 201),
    ("DELETE", "/v1/order"): _Route("default", order_calls.cancel_one, "trade"),
    ("DELETE", "/v1/orders/uuids"): _Route("default", order_calls.cancel_many, "trade"),
    ("DELETE", "/v1/orders/open"): _Route("order-cancel-all", order_calls.cancel_open, "trade"),
}
_MINUTE = {"default": 1800, "order": 720, "order-test": 480, "order-cancel-all": 30}
_PATHS = {path for _, path in _ROUTES}


class RestSide:
    """The calls of one exchange."""

    def __init__(self, house: House, floor: TradingFloor, desk: Desk) -> None:
        self.faults = RestFaults(lag=house.answers.rest_lag)
        self._house = house
        self._floor = floor
        self._desk = desk

    async def serve(self, call: Call) -> Reply | None:
        """Answer one call when the exchange answers at all; `None` is the end of the connection without an answer."""
        be_exact()
        await self._house.turnstile.answering(unless=asyncio.Event())
        self._house.journal.asked(call.target if call.method == "GET" else f"{call.method} {call.target}")
        if await self.faults.held_back(urlsplit(call.target).path):
            return None
        return self.answer(call)

    def answer(self, call: Call) -> Reply:
        parts = urlsplit(call.target)
        planned = self._house.turnstile.next_refusal("rest", parts.path)
        if planned is not None:
            return planned
        unit = parts.path.removeprefix(_MINUTES) if parts.path.startswith(_MINUTES) else ""
        path = _MINUTES if unit else parts.path
        route = _Route("candle", candle_calls.list_minutes) if unit else _ROUTES.get((call.method, path))
        if unit and call.method != "GET":
            route = None
        if route is None:
            return _no_route(405 if path in _PATHS or unit else 404)
        return self._admitted(call, route, parts.query, unit)

    def _admitted(self, call: Call, route: _Route, query: str, unit: str) -> Reply:
        """Answer a call that exists, if its limit allows."""
        # `min` is fixed and means nothing any more: 60 times the limit.
        label = f"group={route.group}; min={_MINUTE.get(route.group, 600)}"
        verdict = self._quota(call, route)
        if verdict.status != 101:
            answers = self._house.answers
            reply = quota_reply(verdict, label, retry_after=answers.retry_after)
            return reply._replace(body=QUOTA_TEXT) if (verdict.status, answers.quota_body) == (429, "text") else reply
        remaining = (("Remaining-Req", f"{label}; sec={verdict.left}"),)
        try:
            reply = self._handled(call, route, query, unit)
        except CallRefused as error:
            reply = error_reply(error.status, error.name, error.message)
        except OrderRefused as error:
            reply = error_reply(error.status, error.name, error.message(self._house.region))
        except AuthRefusal as error:
            reply = error_reply(error.status, error.name, error.text(self._house.region))
        except Exception:
            _logger.exception("the simulator failed on %s %s; this is a bug of the simulator", call.method, call.target)
            reply = error_reply(500, "server_error", "Internal server error")
        return self._packed(call, route, reply._replace(headers=remaining))

    def _handled(self, call: Call, route: _Route, query: str, unit: str) -> Reply:
        params = Params(query, call.body, call.headers.get("content-type", ""))
        key = "" if route.permission is None else self._authorize(call, params, route.permission)
        now = self._house.clock.now()
        # Replicas lag; who writes is told of what is there.
        as_of = now - self.faults.lag if call.method == "GET" else now
        visit = Visit(self._house, self._floor, self._desk, params, as_of, key, unit)
        path = urlsplit(call.target).path
        return Reply(route.status, self.faults.spoil(path, json_text(route.handler(visit))))

    def _quota(self, call: Call, route: _Route) -> Verdict:
        house = self._house
        now, limits = house.clock.now(), house.limits
        if route.permission is None and "origin" in call.headers:
            return house.gate.admit(f"origin {call.ip}", now, limit=limits.origin_per_10s, seconds=10.0)
        who = call.ip
        if route.permission is not None:
            # Exchange calls are counted for the key, whoever brings it.
            who = house.keys.owner(call.headers.get("authorization", "")) or f"unknown key of {call.ip}"
        limit, seconds = limits.rest_quota(route.group)
        return house.gate.admit(f"rest {route.group} {who}", now, limit=limit, seconds=seconds)

    def _authorize(self, call: Call, params: Params, permission: str) -> str:
        house = self._house
        token = call.headers.get("authorization")
        key = house.keys.check(token, house.answers, house.clock.now(), query=params.hashed)
        if permission and permission not in key.permissions:
            raise AuthRefusal("out_of_scope", house.answers.out_of_scope_status)
        return key.access_key

    def _packed(self, call: Call, route: _Route, reply: Reply) -> Reply:
        """Pack a body for those who take it; documented for quotation calls."""
        takes = "gzip" in call.headers.get("accept-encoding", "")
        if route.permission is not None or not takes or len(reply.body) < _PACKED_FROM:
            return reply
        headers = (*reply.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
        return reply._replace(body=gzip.compress(reply.body, 1, mtime=0), headers=headers)


def _no_route(status: int) -> Reply:
    words = "no Route matched with those values" if status == 404 else "Method Not Allowed"
    return error_reply(status, status, words)


def json_text(value: object) -> bytes:
    """Spell decimals as plain JSON numbers, with every digit."""
    return _json(value).encode()


def _json(value: object) -> str:
    if isinstance(value, Decimal):
        text = as_plain(value)
        return text if "." in text else f"{text}.0"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{compact(key)}:{_json(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_json, value)) + "]"
    return compact(value)
