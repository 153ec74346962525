"""Balances as they are known: the stream is believed for a while, REST where it differs and after that."""

import json
from decimal import Decimal

from websocket_v6.protocol.delivery.wallet import FRESH, Balance, Balances, asset_message
from websocket_v6.protocol.events import MyAsset
from websocket_v6.protocol.limits import LEDGER_CURRENCIES


def balance(amount: int, locked: int = 0) -> Balance:
    return Balance(Decimal(amount), Decimal(locked))


def asset(currency: str, amount: int) -> MyAsset:
    return MyAsset(currency, Decimal(amount), Decimal(0))


def test_at_a_start_all_is_news_and_later_what_differs() -> None:
    balances = Balances()
    assert balances.find({"KRW": balance(5), "ETH": balance(1)}, (), 0.0) == {"KRW": balance(5), "ETH": balance(1)}
    assert balances.find({"KRW": balance(5), "ETH": balance(2)}, (), 9.0) == {"ETH": balance(2)}
    assert balances.find({"KRW": balance(5), "ETH": balance(2)}, (), 9.0) == {}


def test_what_is_missing_in_the_answer_is_nothing() -> None:
    balances = Balances()
    balances.find({"ETH": balance(1, 1)}, (), 0.0)
    assert balances.find({}, (), 9.0) == {"ETH": balance(0)}
    assert balances.find({}, (), 9.0) == {}


def test_the_stream_is_believed_for_a_while() -> None:
    balances = Balances()
    balances.hear([asset("KRW", 7)], 10.0)
    assert balances.find({"KRW": balance(5)}, (), 10.0 + FRESH - 0.1) == {}
    assert balances.of == {"KRW": balance(7)}
    assert balances.find({"KRW": balance(5)}, (), 10.0 + FRESH) == {"KRW": balance(5)}


def test_what_waits_says_more() -> None:
    assert Balances().find({"KRW": balance(5), "ETH": balance(1)}, ["KRW"], 0.0) == {"ETH": balance(1)}


def test_no_more_currencies_are_remembered_than_the_limit() -> None:
    balances = Balances()
    balances.hear((asset(f"C{number}", 1) for number in range(LEDGER_CURRENCIES + 5)), 0.0)
    assert len(balances.of) == LEDGER_CURRENCIES
    balances.hear([asset("C0", 2)], 0.0)
    assert balances.of["C0"] == balance(2)


def test_a_message_keeps_every_digit() -> None:
    exact = Decimal("0.00000001234567890123456789")
    made = asset_message({"KRW": Balance(exact, Decimal("1E+3")), "X": Balance(Decimal("1E+9999"), Decimal(0))}, 5)
    assert b'"balance":0.00000001234567890123456789,"locked":1000}' in made
    assert len(made) < 400  # no million digits
    found = json.loads(made)
    assert (found["type"], found["asset_uuid"], found["asset_timestamp"]) == ("myAsset", None, 5)
