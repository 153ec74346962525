"""Lists of markets, read and written: what the exchange sends, and what is none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.exchange.codes import CODE
from websocket_v6.protocol.exchange.market_list import (
    Listing,
    Market,
    list_stream,
    read_listing,
    read_market_list,
)
from websocket_v6.protocol.exchange.streams import split
from websocket_v6.protocol.exchange.wants import endpoint_of, markets_want

NAMES = {"korean_name": "비트코인", "english_name": "Bitcoin"}


def rows(*codes: str, **more: Any) -> bytes:
    return json.dumps([{"market": code, **NAMES, **more} for code in codes]).encode()


def test_what_the_exchange_sends_without_details() -> None:
    listed = read_market_list(rows("KRW-BTC", "BTC-ETH", "KRW-ETH"))
    assert listed.quotes == {
        "KRW": (Market("KRW-BTC", "비트코인", "Bitcoin"), Market("KRW-ETH", "비트코인", "Bitcoin")),
        "BTC": (Market("BTC-ETH", "비트코인", "Bitcoin"),),
    }
    assert listed.codes == {"KRW-BTC", "BTC-ETH", "KRW-ETH"}


def test_what_it_sends_with_details() -> None:
    event = {"warning": True, "caution": {"PRICE_FLUCTUATIONS": True, "DEPOSIT_AMOUNT_SOARING": False}}
    (market,) = read_market_list(rows("KRW-BTC", market_event=event)).quotes["KRW"]
    assert (market.warning, market.cautions) == (True, ("PRICE_FLUCTUATIONS",))


def test_a_name_is_data_and_not_touched() -> None:
    body = rows("KRW-BAT", english_name="Basic Attention Token", korean_name="가" * 200)
    (market,) = read_market_list(body).quotes["KRW"]
    assert (market.english_name, market.korean_name) == ("Basic Attention Token", "가" * 200)


def test_a_code_that_cannot_be_one_is_left_out_and_one_that_comes_twice_is_one() -> None:
    listed = read_market_list(rows("KRW-BTC", "krw-eth", "KRW", "KRW-BTC", "KRW-" + "X" * 30))
    assert listed.codes == {"KRW-BTC"}


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"{}", b"null", b'{"error":{"name":500,"message":"x"}}', b"[1]", b'[{"market":1}]', b"[[]]"),
        *(rows("KRW-BTC")[:-5], b"<html>", rows("nonsense"), b"\xff\xfe", b"[" * 100_000),
    ],
)
def test_what_is_no_list(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read_market_list(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_an_error(body: bytes) -> None:
    for read in (read_market_list, read_listing):
        with pytest.raises(RemoteProtocolError):
            read(body)


text = st.text(max_size=20)
codes = st.from_regex(CODE, fullmatch=True).map(lambda code: "KRW-" + code.partition("-")[2])


@given(
    st.lists(
        st.builds(Market, codes, text, text, st.booleans(), st.lists(text, unique=True).map(tuple)),
        unique_by=lambda market: market.code,
    ),
    st.integers(0, 2**63 - 1),
)
def test_what_is_written_is_read(markets: list[Market], listed_ns: int) -> None:
    listing = Listing("KRW", listed_ns, tuple(markets))
    assert read_listing(listing.encode()) == listing


def test_a_message_is_of_one_quote_currency() -> None:
    message = Listing("KRW", 5, (Market("KRW-BTC", "", ""), Market("BTC-ETH", "", ""))).encode()
    assert [one.code for one in read_listing(message).markets] == ["KRW-BTC"]
    assert json.loads(message)["type"] == "markets"


@pytest.mark.parametrize("harm", [("KRW", "krw"), ("5,", "-5,"), ("markets", "market")])
def test_what_is_no_message(harm: tuple[str, str]) -> None:
    message = Listing("KRW", 5_000_000, ()).encode().replace(b"5000000,", b"5,").decode()
    assert read_listing(message.encode()).listed_ns == 5
    with pytest.raises(RemoteProtocolError):
        read_listing(message.replace(*harm).encode())


def test_the_stream_belongs_to_an_endpoint_of_its_own() -> None:
    assert list_stream("KRW") == "markets KRW"
    assert endpoint_of(split("markets KRW")[0]) == "markets"
    assert list(markets_want(["KRW", "BTC"]).streams()) == ["markets KRW", "markets BTC"]
