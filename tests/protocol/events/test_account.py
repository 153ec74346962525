"""Own orders and assets: every field by example, every amount exact."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.examples import FORMATS, Example, each_example, example_of, fields_of
from tests.protocol.spellings import numbers, quickly
from websocket_v6.protocol.events import MyAsset, MyAssetEvent, MyOrderEvent, decode


@each_example("myOrder")
@pytest.mark.parametrize("form", FORMATS)
def test_every_field_of_an_order_is_there_under_its_full_name(example: Example, form: str) -> None:
    event = decode(example.formats[form], epoch=3, received_at=7)
    assert type(event) is MyOrderEvent
    assert event.asdict() == {**fields_of(example), "symbol": event.code, "epoch": 3, "received_at": 7}


@each_example("myAsset")
@pytest.mark.parametrize("form", FORMATS)
def test_every_field_of_the_assets_is_there_under_its_full_name(example: Example, form: str) -> None:
    event = decode(example.formats[form], epoch=3, received_at=7)
    assert type(event) is MyAssetEvent
    assert event.asdict() == {**fields_of(example), "symbol": "*", "epoch": 3, "received_at": 7}


def test_null_fields_of_an_order_are_none() -> None:
    event = decode(
        example_of("myOrder").simple.encode().replace(b'"im":true', b'"im":null').replace(b'"tf":193.75', b'"tf":null')
    )
    assert isinstance(event, MyOrderEvent)
    assert (event.is_maker, event.trade_fee, event.time_in_force, event.code) == (None, None, None, "KRW-ETH")
    event = decode(example_of("myOrder").simple.encode())
    assert isinstance(event, MyOrderEvent)
    assert event.is_maker is True


def test_balances_keep_all_their_decimals() -> None:
    asset = '{"currency":"KRW","balance":1386929.37231066771348207123,"locked":0}'
    text = f'{{"type":"myAsset","asset_uuid":"u","assets":[{asset}]}}'
    event = decode(text.encode())
    assert isinstance(event, MyAssetEvent)
    assert event.symbol == "*"
    assert event.assets == (MyAsset("KRW", Decimal("1386929.37231066771348207123"), Decimal(0)),)


@quickly
@given(token=numbers, is_full=st.booleans())
def test_balances_are_exact(token: str, is_full: bool) -> None:
    example = example_of("myAsset")
    event = decode((example.default if is_full else example.simple).replace("1.4", token).encode())
    assert isinstance(event, MyAssetEvent)
    assert event.assets[0].balance.as_tuple() == Decimal(token).as_tuple()
    assert event.with_numbers(float).assets[0].balance == float(Decimal(token))
