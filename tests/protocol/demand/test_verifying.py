"""How many candles may be verified: as many as REST can be asked about in time."""

import pytest

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.demand.endpoint import Endpoint
from websocket_v6.protocol.demand.verifying import check_verified
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.wants import Closing, Want, candle_want

CODES = [f"KRW-X{number}" for number in range(200)]
VERIFY = Closing(verify=True)


def want(count: int, interval: str = "1m", closing: Closing | None = VERIFY, first: int = 0) -> Want:
    return candle_want(CODES[first : first + count], interval=interval, closing=closing)


@pytest.mark.parametrize(
    ("interval", "patience", "most"),
    [("1s", 15.0, 8), ("1m", 15.0, 120), ("240m", 15.0, 120), ("1m", 5.0, 40), ("1s", 0.5, 4)],
)
def test_each_candle_takes_a_call_in_the_time_that_is_waited(interval: str, patience: float, most: int) -> None:
    check_verified(want(most, interval), (), patience)
    with pytest.raises(LocalProtocolError, match=f"so {most} codes of candle.{interval} alone"):
        check_verified(want(most + 1, interval), (), patience)


def test_intervals_share_the_calls() -> None:
    check_verified(want(4, "1s"), [want(60)], 15.0)
    with pytest.raises(LocalProtocolError, match="65 streams"):
        check_verified(want(4, "1s"), [want(61)], 15.0)


def test_a_stream_that_several_verify_is_asked_about_once() -> None:
    check_verified(want(8, "1s"), [want(8, "1s")] * 9, 15.0)


@pytest.mark.parametrize("closing", [None, Closing(), Closing(history=5, empty=True)])
def test_what_is_not_verified_is_not_counted(closing: Closing | None) -> None:
    check_verified(want(200, "1s", closing), (), 15.0)
    check_verified(want(8, "1s"), [want(200, "1s", closing)], 15.0)


def test_an_endpoint_counts_nothing_of_what_it_refuses() -> None:
    endpoint = Endpoint("public", Config())
    endpoint.want(1, want(6, "1s"), 0.0)
    endpoint.want(2, want(2, "1s", first=6), 0.0)
    with pytest.raises(LocalProtocolError):
        endpoint.want(3, want(1, "1s", first=8), 0.0)
    with pytest.raises(LocalProtocolError):
        endpoint.want(1, want(1, "1s", first=8), 0.0)
    assert len(endpoint.wanted) == 8
    endpoint.drop(2, want(1, "1s", first=6), 0.0)
    endpoint.want(1, want(1, "1s", first=8), 0.0)
    endpoint.want(1, want(1, "1s", first=8), 0.0)
    assert len(endpoint.wanted) == 8
