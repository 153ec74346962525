"""The REST calls about an account: what each is called, and the query exactly as its token is to sign it.

A time goes as milliseconds, since a text with a zone breaks the hash of its query; lists as `uuids[]=a&uuids[]=b`.
Source: Upbit REST reference, "Authentication", "List open orders", "List orders by ID", "List closed orders", "Get
order", "List balances"; Upbit WebSocket reference, "REST for an engine".
"""

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["CLOSED_ROWS", "PAGE", "WEEK_MS", "AccountCall", "accounts", "by_ids", "closed", "one_order", "open_orders"]

PAGE = 100  # orders of a page, and ids of a call, at most
CLOSED_ROWS = 1000
WEEK_MS = 7 * 86_400_000  # the longest window of closed orders


class AccountCall(NamedTuple):
    """One call. `query` is not encoded; `what` says to whom it matters, in words for an error."""

    path: str
    query: str
    what: str


def open_orders(page: int) -> AccountCall:
    """Ask for a page of what is open, the oldest first: by default those that wait for a price are left out."""
    query = f"states[]=wait&states[]=watch&page={page}&limit={PAGE}&order_by=asc"
    return AccountCall("/v1/orders/open", query, "open orders")


def by_ids(uuids: Iterable[str]) -> AccountCall:
    """Ask for orders by id, whatever became of them."""
    return AccountCall("/v1/orders/uuids", "&".join(f"uuids[]={uuid}" for uuid in uuids), "orders by id")


def closed(start_ms: int) -> AccountCall:
    """Ask for orders that have ended, and were made within a week from `start_ms` on, the oldest first."""
    query = f"states[]=done&states[]=cancel&start_time={start_ms}&end_time={start_ms + WEEK_MS}"
    return AccountCall("/v1/orders/closed", f"{query}&limit={CLOSED_ROWS}&order_by=asc", "closed orders")


def one_order(uuid: str) -> AccountCall:
    """Ask for an order with its trades."""
    return AccountCall("/v1/order", f"uuid={uuid}", "the trades of an order")


def accounts() -> AccountCall:
    """Ask for all balances."""
    return AccountCall("/v1/accounts", "", "balances")
