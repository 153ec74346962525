"""Queries as the exchange reads them, and as their hash is made."""

from websocket_v6.protocol.gaps.inquiry_calls import accounts, by_ids, closed, one_order, open_orders


def test_open_orders_are_asked_for_in_both_states_oldest_first() -> None:
    assert open_orders(2)[:2] == (
        "/v1/orders/open",
        "states[]=wait&states[]=watch&page=2&limit=100&order_by=asc",
    )


def test_closed_orders_are_asked_for_a_week_at_a_time_in_milliseconds() -> None:
    assert closed(1_795_152_000_000)[:2] == (
        "/v1/orders/closed",
        "states[]=done&states[]=cancel&start_time=1795152000000&end_time=1795756800000&limit=1000&order_by=asc",
    )


def test_the_other_calls() -> None:
    assert by_ids(["a", "b"])[:2] == ("/v1/orders/uuids", "uuids[]=a&uuids[]=b")
    assert one_order("a")[:2] == ("/v1/order", "uuid=a")
    assert accounts()[:2] == ("/v1/accounts", "")
