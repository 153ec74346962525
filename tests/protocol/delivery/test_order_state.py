"""The present state of an order, made of the message that stated it and the last one of all."""

import json

import pytest

from websocket_v6.protocol.delivery.order_state import present_state
from websocket_v6.protocol.errors import RemoteProtocolError

STATED = b'{"ty":"myOrder","cd":"KRW-BTC","uid":"O1","s":"wait","p":100.0,"v":2.0,"rv":2.0,"ev":0,"tc":0,"tms":1}'
TRADE = (
    b'{"type":"myOrder","code":"KRW-BTC","uuid":"O1","state":"trade","trade_uuid":"T1","price":99.50,"volume":0.5,'
    b'"remaining_volume":1.5,"executed_volume":0.5,"trades_count":1,"trade_fee":0.1,"is_maker":true,"timestamp":2}'
)


def test_after_a_trade_price_and_volume_are_the_order_s_and_the_totals_new() -> None:
    made = present_state(STATED, TRADE)
    found = json.loads(made)
    assert (found["state"], found["price"], found["volume"]) == ("wait", 100.0, 2.0)
    assert (found["remaining_volume"], found["executed_volume"], found["trades_count"]) == (1.5, 0.5, 1)
    assert (found["trade_uuid"], found["trade_fee"], found["is_maker"], found["timestamp"]) == (None, None, None, 2)
    assert b"100.0" in made  # digits as they were


def test_the_last_message_itself_is_the_state_if_it_states_one() -> None:
    assert json.loads(present_state(STATED, STATED))["uuid"] == "O1"
    ended = TRADE.replace(b'"trade"', b'"done"')
    assert json.loads(present_state(STATED, ended))["state"] == "done"


def test_an_order_that_was_never_stated_has_no_price_of_its_own() -> None:
    found = json.loads(present_state(None, TRADE))
    assert (found["state"], found["price"], found["volume"], found["executed_volume"]) == ("wait", None, None, 0.5)


def test_an_order_that_had_ended_when_a_trade_came_late_stays_so() -> None:
    assert json.loads(present_state(STATED.replace(b'"wait"', b'"cancel"'), TRADE))["state"] == "cancel"


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"5", b'"text"', b"[" * 100_000])
def test_what_is_no_object_is_the_other_side_s_fault(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        present_state(STATED, payload)
