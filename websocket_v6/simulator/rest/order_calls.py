"""Orders over REST: placing, cancelling, and the lists of those that are open, closed or named.

Source: Upbit REST reference, "Create order", "Cancel order", "List open orders", "List closed orders", "List orders by
ID", "Get order", "Cancel and new".
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import cast

from ..account.desk import OPEN
from ..account.order_rows import order_row, trade_row
from ..account.order_rules import OrderRefused, Ticket
from ..account.orders import Order, OrderNote
from ..market.trades import TradeSide
from .visit import CallRefused, Params, Visit

__all__ = [
    "cancel_and_new",
    "cancel_many",
    "cancel_one",
    "cancel_open",
    "get_order",
    "list_by_ids",
    "list_closed",
    "list_open",
    "list_orders",
    "place",
    "rehearse",
]

_ENDED = ("done", "cancel")
_WEEK_MS = 7 * 86_400_000
_Row = dict[str, str | int]


def _invalid(name: str, visit: Visit) -> CallRefused:
    english = f"{name} is missing, {name} does not have a valid value"
    return CallRefused(400, f"{english} (잘못된 API 요청입니다.)" if visit.korean else english, "validation_error")


# Placing.


def place(visit: Visit) -> object:
    """Take an order; the answer shows it as it was before it met the book."""
    order = visit.desk.accept(visit.key, _ticket(visit), visit.params.get("identifier"))
    row = order_row(order)
    visit.desk.enter(order)
    return row


def rehearse(visit: Visit) -> object:
    return order_row(visit.desk.rehearse(visit.key, _ticket(visit), visit.params.get("identifier")))


def cancel_and_new(visit: Visit) -> object:
    """Cancel an open order and place another; one that its market would not take leaves the old one as it is."""
    before = _open(visit, visit.params.get("prev_order_uuid"), visit.params.get("prev_order_identifier"))
    params = visit.params
    if params.get("new_volume") == "remain_only":
        params = Params("&".join(f"{k}={v}" for k, v in params.pairs if k != "new_volume"))
        params.pairs.append(("new_volume", str(before.remaining)))
    price, volume = (_decimal(params.get(name), name, visit) for name in ("new_price", "new_volume"))
    ticket = Ticket(
        before.code,
        before.side,
        params.get("new_ord_type") or "",
        price,
        volume,
        params.get("new_time_in_force"),
        params.get("new_smp_type"),
    )
    row = _shown(before, visit)
    visit.desk.check(ticket)
    visit.desk.cancel(before.uuid)
    identifier = params.get("new_identifier")
    order = visit.desk.accept(visit.key, ticket, identifier)
    visit.desk.enter(order)
    return {**row, "new_order_uuid": order.uuid, **({"new_order_identifier": identifier} if identifier else {})}


def _ticket(visit: Visit) -> Ticket:
    params = visit.params
    side, order_type = params.get("side"), params.get("ord_type")
    if side not in {"ask", "bid"}:
        raise _invalid("side", visit)
    if order_type not in {"limit", "price", "market", "best"}:
        raise _invalid("ord_type", visit)
    code = params.get("market")
    if code is None:
        raise _invalid("market", visit)
    smp_type = params.get("smp_type")
    if smp_type not in {None, "reduce", "cancel_maker", "cancel_taker", "none"}:
        raise _invalid("smp_type", visit)
    price, volume = (_decimal(params.get(name), name, visit) for name in ("price", "volume"))
    time = params.get("time_in_force")
    return Ticket(code, cast("TradeSide", side.upper()), order_type, price, volume, time, smp_type)


def _decimal(text: str | None, name: str, visit: Visit) -> Decimal | None:
    if text is None:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _invalid(name, visit) from None
    # Longer than any amount there is, or no number at all.
    if len(text) > 40 or not value.is_finite() or abs(value.adjusted()) > 30:
        raise _invalid(name, visit)
    return value


# Cancelling.


def cancel_one(visit: Visit) -> object:
    """Take a cancellation; the answer shows the order as it was before."""
    order = _open(visit, visit.params.get("uuid"), visit.params.get("identifier"))
    row = _shown(order, visit)
    visit.desk.cancel(order.uuid)
    return row


def cancel_many(visit: Visit) -> object:
    """Cancel up to 20 orders by their uuids or identifiers."""
    wanted = _named(visit, 20)
    return _cancelled(visit, [order for order in _own(visit) if wanted(order)])


def cancel_open(visit: Visit) -> object:
    """Cancel open orders by side and market, the newest first, 20 unless told otherwise."""
    side = (visit.params.get("cancel_side") or "all").upper()
    if side not in {"ALL", "ASK", "BID"}:
        raise _invalid("cancel_side", visit)
    pairs, excluded = visit.params.many("pairs"), visit.params.many("excluded_pairs")
    quotes = visit.params.many("quote_currencies")
    count = visit.params.number("count", 20, 1, 300)
    chosen = [
        order
        for order in _own(visit)
        if order.state == "wait"
        and side in {"ALL", order.side}
        and (not pairs or order.code in pairs)
        and order.code not in excluded
        and (not quotes or order.quote in quotes)
    ]
    return _cancelled(visit, _ordered(visit, chosen)[:count])


def _cancelled(visit: Visit, orders: Iterable[Order]) -> object:
    told: dict[bool, list[_Row]] = {True: [], False: []}
    for order in orders:
        is_open = order.state in OPEN
        row: _Row = {"uuid": order.uuid, "market": order.code}
        if order.identifier is not None:
            row["identifier"] = order.identifier
        told[is_open].append(row)
        if is_open:
            visit.desk.cancel(order.uuid)
    return {
        name: {"count": len(told[well]), "orders": told[well]} for name, well in (("success", True), ("failed", False))
    }


def _open(visit: Visit, uuid: str | None, identifier: str | None) -> Order:
    if uuid is None and identifier is None:
        raise _invalid("uuid", visit)
    order = visit.desk.find(visit.key, uuid, identifier)
    if order.state not in OPEN:
        raise OrderRefused("order_not_found", f"order {order.uuid} is not open")
    return order


# Looking.


def get_order(visit: Visit) -> object:
    """One order with its trades."""
    uuid, identifier = visit.params.get("uuid"), visit.params.get("identifier")
    if uuid is None and identifier is None:
        raise _invalid("uuid", visit)
    order = visit.desk.find(visit.key, uuid, identifier)
    note = order.noted(visit.as_of)
    if note is None:
        raise OrderRefused("order_not_found", "a replica that lags does not know it yet")
    row = {name: value for name, value in note.row.items() if name != "executed_funds"}
    return {**row, "trades": [trade_row(order, each) for each in order.executions[: note.trades_count]]}


def list_open(visit: Visit) -> object:
    """Open orders, those that wait for a price only if asked for, in pages of 100 at most."""
    states = _states(visit, OPEN, ("wait",))
    return _page(visit, _found(visit, states), 100)


def list_closed(visit: Visit) -> object:
    """Ended orders by the time they were made at, within 7 days, 1,000 at most."""
    states = _states(visit, _ENDED, _ENDED)
    start, end = (_time(visit, name) for name in ("start_time", "end_time"))
    if end is None:
        end = start + _WEEK_MS if start is not None else int(visit.house.clock.now() * 1000)
    start = end - _WEEK_MS if start is None else start
    # A longer span is read as its first 7 days.
    end = min(end, start + _WEEK_MS)
    rows = _found(visit, states, lambda order: start <= order.ms // 1000 * 1000 <= end)
    return rows[: visit.params.number("limit", 100, 1, 1000)]


def list_by_ids(visit: Visit) -> object:
    """Up to 100 orders by their uuids or identifiers, in any state."""
    return _found(visit, (*OPEN, *_ENDED), _named(visit, 100))


def list_orders(visit: Visit) -> object:
    """The list that the three others replaced in 2024; old clients still ask for it."""
    states = _states(visit, (*OPEN, *_ENDED), ("wait",))
    if visit.params.many("uuids") or visit.params.many("identifiers"):
        return _page(visit, _found(visit, (*OPEN, *_ENDED), _named(visit, 100)), 100)
    return _page(visit, _found(visit, states), 100)


def _own(visit: Visit) -> list[Order]:
    return visit.desk.orders_of(visit.key)


def _shown(order: Order, visit: Visit) -> _Row:
    note = order.noted(visit.as_of) or order.notes[0]
    return note.row


def _found(visit: Visit, states: Iterable[str], wanted: Callable[[Order], bool] = lambda _: True) -> list[_Row]:
    """Return the orders that were in one of the states, as they were then, and are `wanted`."""
    code = visit.params.get("market")
    if code is not None and code not in visit.floor.markets:
        raise _invalid("market", visit)
    notes: list[tuple[Order, OrderNote | None]] = [
        (order, order.noted(visit.as_of)) for order in _ordered(visit, _own(visit))
    ]
    return [
        note.row
        for order, note in notes
        if note is not None and note.state in states and code in {None, order.code} and wanted(order)
    ]


def _ordered(visit: Visit, orders: list[Order]) -> list[Order]:
    order_by = visit.params.get("order_by") or "desc"
    if order_by not in {"asc", "desc"}:
        raise _invalid("order_by", visit)
    return orders if order_by == "asc" else orders[::-1]


def _page(visit: Visit, rows: list[_Row], most: int) -> list[_Row]:
    limit = visit.params.number("limit", most, 1, most)
    page = visit.params.number("page", 1, 1, 1_000_000)
    return rows[(page - 1) * limit : page * limit]


def _states(visit: Visit, allowed: tuple[str, ...], default: tuple[str, ...]) -> tuple[str, ...]:
    one, many = visit.params.get("state"), visit.params.many("states")
    if one is not None and many:
        raise CallRefused(400, "state and states cannot be used together", "validation_error")
    states = tuple(many) if many else (one,) if one is not None else default
    if not set(states) <= set(allowed):
        raise _invalid("states" if many else "state", visit)
    return states


def _named(visit: Visit, most: int) -> Callable[[Order], bool]:
    uuids, identifiers = visit.params.many("uuids"), visit.params.many("identifiers")
    if bool(uuids) == bool(identifiers):
        raise CallRefused(400, "one of uuids and identifiers is needed, and not both", "validation_error")
    if len(uuids or identifiers) > most:
        raise CallRefused(400, f"{most} orders at most", "validation_error")
    return lambda order: (order.uuid in uuids) if uuids else (order.identifier in identifiers)


def _time(visit: Visit, name: str) -> int | None:
    """Return a time in ms; it comes as ms or in ISO 8601 with a zone."""
    text = visit.params.get(name)
    if text is None:
        return None
    if text.isascii() and text.isdecimal() and len(text) < 17:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _invalid(name, visit) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
