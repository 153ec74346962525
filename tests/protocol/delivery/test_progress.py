"""What a message says of an order, and which of two came later."""

import json
from decimal import Decimal
from typing import Any

import pytest

from websocket_v6.protocol.delivery.progress import Progress, said_of
from websocket_v6.protocol.events import make_event

WATCHES = Progress(is_triggered=False)
WAITS = Progress()
EXECUTED = Progress(trades=1, executed=Decimal("0.5"))
PREVENTED = Progress(trades=1, executed=Decimal("0.5"), prevented=Decimal(1))
MORE = Progress(trades=2, executed=Decimal("0.6"))
DONE = Progress(has_ended=True, trades=1, executed=Decimal("0.5"))


def test_what_grows_tells_which_came_later() -> None:
    ordered = [WATCHES, WAITS, EXECUTED, PREVENTED, MORE, DONE]
    assert sorted(ordered) == ordered


def order(**fields: Any) -> Any:
    body = {"ty": "myOrder", "cd": "KRW-BTC", "uid": "O1", "s": "wait", "tc": 0, "ev": 0} | fields
    return make_event("myOrder KRW-BTC", json.dumps(body).encode(), 1, 0)


def test_a_trade_is_told_by_its_id() -> None:
    said = said_of(order(s="trade", tuid="T1", tc=1, ev=0.5))
    assert said is not None
    assert (said.uuid, said.code, said.state, said.trade) == ("O1", "KRW-BTC", "trade", "T1")
    assert said.progress == EXECUTED


def test_what_is_null_counts_as_nothing() -> None:
    said = said_of(order(s="cancel", ev=None, pv=None, tuid=None))
    assert said is not None
    assert (said.trade, said.progress) == ("", Progress(has_ended=True))


@pytest.mark.parametrize("fields", [{"uid": None}, {"s": None}, {"tc": "many"}, {"uid": "x" * 65}, {"tuid": 5}])
def test_what_says_nothing_of_use_is_none(fields: dict[str, Any]) -> None:
    assert said_of(order(**fields)) is None


def test_what_is_of_no_order_is_none() -> None:
    assert said_of(make_event("myAsset *", b"{}", 1, 0)) is None
