"""When a candle begins, and what stands for one in which nothing was traded."""

import pytest

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events.candle_intervals import empty_after, start_of, utc_text
from websocket_v6.protocol.events.decode import decode
from websocket_v6.protocol.exchange.codes import CANDLE_UNITS

DEFAULT = (
    b'{"type":"candle.1m","code":"KRW-ETH","candle_date_time_utc":"2026-11-20T05:31:00",'
    b'"candle_date_time_kst":"2026-11-20T14:31:00","opening_price":3872000.0,"high_price":3876000.0,'
    b'"low_price":3871000.0,"trade_price":3875000.0,"candle_acc_trade_volume":3.90217755,'
    b'"candle_acc_trade_price":15117402.66125,"timestamp":1795152672438,"stream_type":"REALTIME"}'
)
SIMPLE = (
    b'{"ty":"candle.1m","cd":"KRW-ETH","cdttmu":"2026-11-20T05:31:00","cdttmk":"2026-11-20T14:31:00","op":3872000.0,'
    b'"hp":3876000.0,"lp":3871000.0,"tp":3875000.0,"catv":3.90217755,"catp":15117402.66125,"tms":1795152672438,'
    b'"st":"REALTIME"}'
)
START_MS = 1_795_152_660_000


@pytest.mark.parametrize("payload", [DEFAULT, SIMPLE])
def test_the_start_is_read_without_decoding(payload: bytes) -> None:
    assert start_of(payload) == START_MS
    assert utc_text(START_MS) == "2026-11-20T05:31:00"


@pytest.mark.parametrize(
    "payload", [b"", b"{}", DEFAULT.replace(b"2026-11", b"2026-13"), DEFAULT.replace(b"T05", b" 05")]
)
def test_what_has_no_start_has_none(payload: bytes) -> None:
    assert start_of(payload) is None


@pytest.mark.parametrize("payload", [DEFAULT, SIMPLE])
def test_an_empty_candle_has_the_last_price_as_it_is_spelled_and_no_volume(payload: bytes) -> None:
    made = empty_after(payload, START_MS + 19 * 3_600_000)
    assert made.count(b":3875000.0") == 4
    event, before = decode(made).asdict(str), decode(payload).asdict(str)
    assert event.pop("candle_date_time_utc") == "2026-11-21T00:31:00"
    assert event.pop("candle_date_time_kst") == "2026-11-21T09:31:00"
    for name in ("opening_price", "high_price", "low_price", "trade_price"):
        assert event.pop(name) == before["trade_price"]
    for name in ("candle_acc_trade_volume", "candle_acc_trade_price"):
        assert event.pop(name) == "0.0"
    assert event.items() <= before.items()


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"type":"candle.1m"}', b"\xff"])
def test_after_what_is_no_candle_nothing_can_stand(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        empty_after(payload, START_MS)


def test_units() -> None:
    assert (CANDLE_UNITS["candle.1s"], CANDLE_UNITS["candle.1m"], CANDLE_UNITS["candle.240m"]) == (
        1000,
        60_000,
        14_400_000,
    )
    assert len(CANDLE_UNITS) == 9
