"""Own orders and assets: every field by example, every amount exact."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.examples import FORMATS, Example, each_example, example_of, fields_of
from tests.protocol.spellings import numbers, quickly
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import MyAsset, MyAssetEvent, MyOrderEvent
from websocket_v6.protocol.events.decode import decode
from websocket_v6.protocol.events.plain import plain


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
    text = example_of("myOrder").simple
    event = decode(text.replace('"im":true', '"im":null').replace('"tf":193.75', '"tf":null').encode())
    assert isinstance(event, MyOrderEvent)
    assert (event.is_maker, event.trade_fee, event.time_in_force, event.code) == (None, None, None, "KRW-ETH")
    event = decode(text.encode())
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
    assert event.assets[0].balance.as_tuple() == plain(Decimal(token)).as_tuple()
    if math.isinf(float(token)):
        with pytest.raises(RemoteProtocolError, match="beyond the floats"):
            _ = event.with_numbers(float).assets
    else:
        assert event.with_numbers(float).assets[0].balance == float(Decimal(token))


def assets(sent: str) -> MyAssetEvent:
    """Make an event with `sent` where the assets stand."""
    event = decode(f'{{"ty":"myAsset","astuid":"u","ast":{sent},"asttms":5}}'.encode())
    assert isinstance(event, MyAssetEvent)
    return event


def test_an_asset_is_a_value_with_three_names() -> None:
    (asset,) = assets('[{"cu":"ETH","b":1.40,"l":0}]').assets
    assert asset.asdict() == {"currency": "ETH", "balance": Decimal("1.40"), "locked": Decimal(0)}
    assert (asset, hash(asset)) == (MyAsset("ETH", Decimal("1.4"), Decimal("0.0")), hash(asset))
    with pytest.raises(AttributeError):
        asset.balance = Decimal(2)  # type: ignore[misc]


def test_amounts_are_floats_where_floats_are_asked_for() -> None:
    event = assets('[{"cu":"ETH","b":1.40,"l":"0.1"},{"cu":"KRW","b":-0,"l":1e300}]')
    floats: list[float] = []
    for asset in event.with_numbers(float).assets:
        floats += [asset.balance, asset.locked]  # type: ignore[list-item]
    assert [type(value) for value in floats] == [float] * 4
    assert [str(value) for value in floats] == ["1.4", "0.1", "-0.0", "1e+300"]


def test_amounts_beyond_the_floats_are_malformed_as_floats_alone() -> None:
    event = assets('[{"cu":"ETH","b":1e400,"l":"0.1"}]')
    assert event.assets[0].balance == Decimal("1e400")
    with pytest.raises(RemoteProtocolError, match="beyond the floats"):
        _ = event.with_numbers(float).assets


@pytest.mark.parametrize("sent", ["null", "[]"])
@pytest.mark.parametrize("number", [Decimal, float])
def test_no_assets_are_an_empty_tuple(sent: str, number: type[Decimal | float]) -> None:
    assert assets(sent).with_numbers(number).assets == ()


@pytest.mark.parametrize("key", ["currency", "cu"])
@pytest.mark.parametrize("amount", ['"NaN"', '"-Infinity"', '"sNaN"', '"much"', "null", "true", "[1]", "{}"])
@pytest.mark.parametrize("number", [Decimal, float])
def test_an_amount_that_is_none_fails_alone_and_when_it_is_read(
    key: str, amount: str, number: type[Decimal | float]
) -> None:
    names = ("balance", "locked") if key == "currency" else ("b", "l")
    for amounts in ((amount, "1"), ("1", amount)):
        pairs = ",".join(f'"{name}":{value}' for name, value in zip(names, amounts, strict=True))
        event = assets(f'[{{"{key}":"ETH",{pairs}}}]').with_numbers(number)
        for _ in range(2):
            with pytest.raises(RemoteProtocolError, match="malformed"):
                _ = event.assets
        assert (event.asset_uuid, event.asset_timestamp) == ("u", 5)


@pytest.mark.parametrize("sent", ["5", '"x"', "{}", "[5]", "[null]", '[{"cu":"ETH"}]', '[{"cu":5,"b":1,"l":1}]'])
def test_what_is_no_list_of_assets_fails_when_it_is_read(sent: str) -> None:
    event = assets(sent)
    with pytest.raises(RemoteProtocolError, match="malformed"):
        _ = event.assets
