"""protocol/exchange/heads.py and envelope.py: what a connection learns and says has bounds, whatever it is sent."""

import tracemalloc

import pytest

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.exchange import heads
from websocket_v6.protocol.exchange.heads import ErrorNotice, Inbound, Malformed, StatusUp
from websocket_v6.protocol.limits import LEVEL_CHARACTERS, LIST_ELEMENTS, NOTICES, STREAM_CHARACTERS

MIB = 1024 * 1024
TICKER = b'{"ty":"ticker","cd":"KRW-BTC","tp":1}'


def book(level: bytes, code: str = "KRW-BTC") -> bytes:
    return b'{"ty":"orderbook","cd":"%s","tas":1,"lv":%s}' % (code.encode(), level)


def learned(inbound: Inbound) -> int:
    return len(inbound._heads) + sum(len(levels) for levels in inbound._books.values())


# --- lists


def test_a_list_of_too_many_elements_is_too_big() -> None:
    inbound = Inbound()
    most = b"[" + b",".join([TICKER] * LIST_ELEMENTS) + b"]"
    assert len(inbound.sort([most]).streams) == LIST_ELEMENTS
    for element in (TICKER, b"{}", b"1"):
        with pytest.raises(RemoteProtocolError, match="a list of more than 10,000 elements") as caught:
            inbound.sort([TICKER, b"[" + b",".join([element] * (LIST_ELEMENTS + 1)) + b"]"])
        assert caught.value.close_code == 1009


@pytest.mark.parametrize("element", [b"{}", b"1", b"[]", b'""'])
def test_a_long_list_costs_little_before_it_is_refused(element: bytes) -> None:
    """A million empty objects, 2.9 kB when they are deflated, were 140 MB of notices."""
    message = b"[" + b",".join([element] * 2_000_000) + b"]"
    tracemalloc.start()
    try:
        with pytest.raises(RemoteProtocolError):
            Inbound().sort([message])
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()


# --- notices


def test_what_cannot_be_read_is_told_once_for_each_kind_with_its_number() -> None:
    junk = [b"", b"{}", b"nonsense %d", b"[]", b"[[],1]", b'{"ty":"ticker"}'] * 1000
    notices = Inbound().sort(junk).notices
    assert all(isinstance(one, Malformed) for one in notices)
    told = {one.kind: one.times for one in notices if isinstance(one, Malformed)}
    assert len(told) == len(notices)
    assert told == {"not JSON": 2000, "no type": 1000, "not an object": 2000, "no code": 1000}


@pytest.mark.parametrize("notice", [b'{"error":{"name":"E","message":"m"}}', b'{"mthd":"LIST_SUBSCRIPTIONS"}'])
def test_a_read_brings_few_notices(notice: bytes) -> None:
    notices = Inbound().sort([notice] * 5000).notices
    assert len(notices) == NOTICES + 1
    assert notices[-1] == Malformed("too many notices", "", 5000 - NOTICES)


def test_notices_keep_their_order() -> None:
    up, error = b'{"status":"UP"}', b'{"error":{"name":"E","message":"m"}}'
    notices = Inbound().sort([up, b"junk", error, b"junk", up]).notices
    assert notices == [StatusUp(), Malformed("not JSON", "junk", 2), ErrorNotice("E", "m"), StatusUp()]


# --- what is learned


def test_a_level_too_long_for_a_price_is_malformed_and_not_learned() -> None:
    """A hundred and eighty-six books, 2 kB each on the wire, left 728 MB."""
    inbound = Inbound()
    assert inbound.sort([book(b"1.".ljust(LEVEL_CHARACTERS, b"0"))]).streams == ["orderbook KRW-BTC@1"]
    before = learned(inbound)
    for level in (
        b"1.".ljust(2 * MIB, b"0"),
        b"1.".ljust(LEVEL_CHARACTERS + 1, b"0"),
        b'"' + b"1" * 50 + b'"',
    ):
        (notice,) = inbound.sort([book(level)]).notices
        assert isinstance(notice, Malformed)
        assert notice.kind == "bad level"
        assert len(notice.excerpt) <= 80
    assert learned(inbound) == before


def test_a_stream_has_no_longer_name_than_an_indicators() -> None:
    text = '{"type":"indicator","code":"KRW-BTC","timeframe":"1m","indicator":"rsi","params":{"period":"%s"}}'
    (notice,) = Inbound().sort([(text % ("9" * STREAM_CHARACTERS)).encode()]).notices
    assert isinstance(notice, Malformed)
    assert notice.kind == "bad indicator"
    assert len(Inbound().sort([(text % 14).encode()]).streams) == 1


def test_what_is_learned_of_heads_and_levels_is_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-four levels for each of so many codes would be a million."""
    monkeypatch.setattr(heads, "LEARNED_HEADS", 500)
    inbound = Inbound()
    for number in range(3000):
        code = f"KRW-{number % 40}"
        assert inbound.sort([book(b"%d" % (number + 1), code)]).streams == [f"orderbook {code}@{number + 1}"]
        assert inbound.sort([b'{"ty":"ticker","cd":"KRW-%d","tp":1}' % number]).streams == [f"ticker KRW-{number}"]
        assert learned(inbound) <= 502
    again = [book(b"%d" % 2990, "KRW-29"), b'{"ty":"ticker","cd":"KRW-2999","tp":1}']
    assert inbound.sort(again).streams == ["orderbook KRW-29@2990", "ticker KRW-2999"]


def test_a_head_that_is_known_is_not_counted_again() -> None:
    inbound = Inbound()
    for _ in range(3):  # the level is not the last key: the slow way, each time
        assert inbound.sort([b'{"ty":"orderbook","cd":"KRW-BTC","lv":5,"tas":1}']).streams == ["orderbook KRW-BTC@5"]
    assert inbound._count == 1
