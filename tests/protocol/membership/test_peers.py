"""What processes say to each other: exact there and back, and nothing else is understood."""

import contextlib
from decimal import Decimal
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6 import LocalProtocolError, RemoteProtocolError
from websocket_v6.protocol.exchange.wants import (
    Want,
    announcement_want,
    candle_want,
    indicator_want,
    my_asset_want,
    my_order_want,
    orderbook_want,
    ticker_want,
    trade_want,
)
from websocket_v6.protocol.membership import peers

CODES = ["KRW-BTC", "KRW-ETH"]
BANDS = {"type": "bollinger_bands", "params": {"period": 20, "multiplier": Decimal("2.5")}}
AVERAGE = {"type": "moving_average", "params": {"type": "EMA", "period": 50}}
SPIKE = {
    "type": "volume",
    "params": {"period": 20},
    "trigger": "volume_spike",
    "event_params": {"multiplier": 2},
}
WANTS = [
    ticker_want(CODES),
    ticker_want(CODES, snapshot=False),
    trade_want("BTC-ETH", realtime=False),
    candle_want(CODES, interval="240m"),
    orderbook_want(CODES, depth=5),
    orderbook_want(CODES, level="1E+4"),
    my_order_want(),
    my_order_want(CODES),
    my_asset_want(),
    announcement_want(),
    announcement_want(["trade"], include_body=True),
    indicator_want(CODES, timeframe="15m", indicators=[BANDS, AVERAGE]),
    indicator_want(CODES, timeframe="1d", indicators=SPIKE, signal=True),
]
FROM_GUEST: list[peers.FromGuest] = [
    peers.Hello(1, "bot.py", 42, b"\x00" * 32),
    peers.Wanted("public", tuple(peers.to_wish(want) for want in WANTS if want.endpoint == "public")),
    peers.Question("info", "ticket"),
    peers.LetMeHost("/run/x.sock", b"key"),
    peers.Keys(b"other"),
    peers.Ping(),
]
FROM_HOST: list[peers.FromHost] = [
    peers.Welcome(1, 7, ("public",), False),
    peers.Goodbye("too slow", True),
    peers.Shared(("public", "private")),
    peers.Changed("public", "open", 3, 17, None, "", ""),
    peers.Refused("info", "StreamError", "no"),
    peers.Answer("public", "ticket", (peers.Entry("ticker", ("KRW-BTC",), None, {}),), ""),
    peers.Records([peers.Part("public", 99, ["ticker KRW-BTC"], [b'{"ty":"ticker"}'], True, False)]),
    peers.Host("", b""),
    peers.Pong(),
]


@pytest.mark.parametrize("want", WANTS, ids=lambda want: want.type)
def test_a_want_is_the_same_on_the_other_side(want: Want) -> None:
    (wish,) = peers.decode_from_guest(peers.encode(peers.Wanted(want.endpoint, (peers.to_wish(want),)))).wishes  # type: ignore[union-attr,arg-type]
    assert peers.to_want(wish, "kr") == want


@pytest.mark.parametrize("message", FROM_GUEST, ids=lambda one: type(one).__name__)
def test_what_a_guest_says_arrives(message: Any) -> None:
    assert peers.decode_from_guest(peers.encode(message)) == message


@pytest.mark.parametrize("message", FROM_HOST, ids=lambda one: type(one).__name__)
def test_what_a_host_says_arrives(message: Any) -> None:
    assert peers.decode_from_host(peers.encode(message)) == message


@given(st.lists(st.tuples(st.text(), st.binary())), st.integers(0, 2**62), st.booleans(), st.booleans())
def test_records_keep_every_byte(rows: list[tuple[str, bytes]], at: int, replayed: bool, backfilled: bool) -> None:
    part = peers.Part("public", at, [one for one, _ in rows], [one for _, one in rows], replayed, backfilled)
    assert peers.decode_from_host(peers.encode(peers.Records([part, part]))) == peers.Records([part, part])


WISH = peers.to_wish(ticker_want("KRW-BTC"))
BAD_WISHES = {
    "unknown type": {"type": "myTrade"},
    "nonsense code": {"codes": ("<script>",)},
    "no codes": {"codes": ()},
    "candle of nothing": {"type": "candle"},
    "candle that is not streamed": {"type": "candle.2m"},
    "type with a unit it does not have": {"type": "ticker.1m"},
    "odd depth": {"type": "orderbook", "depth": 7},
    "level that is no number": {"type": "orderbook", "depth": 5, "level": "NaN"},
    "level that is no text of one": {"type": "orderbook", "depth": 5, "level": "ten"},
    "level on a foreign market": {"type": "orderbook", "depth": 5, "level": "10", "codes": ("BTC-ETH",)},
    "unknown category": {"type": "announcement", "categories": ("gossip",)},
    "unknown timeframe": {"type": "indicator", "timeframe": "2m", "indicators": ({"type": "rsi"},)},
    "unknown parameter": {"type": "indicator", "timeframe": "5m", "indicators": ({"type": "rsi", "params": {}},)},
    "number as text": {
        "type": "indicator",
        "timeframe": "5m",
        "indicators": ({"type": "rsi", "params": {"period": "14"}},),
    },
    "neither snapshot nor realtime": {"snapshot": False, "realtime": False},
}


@pytest.mark.parametrize("fields", BAD_WISHES.values(), ids=BAD_WISHES)
def test_a_wish_is_checked_like_a_users(fields: dict[str, Any]) -> None:
    wish = peers.Wish(**{name: getattr(WISH, name) for name in WISH.__struct_fields__} | fields)
    with pytest.raises(LocalProtocolError):
        peers.to_want(wish, "kr")


def test_wants_of_another_endpoint_are_refused() -> None:
    with pytest.raises(LocalProtocolError):
        peers.check_endpoint([my_asset_want()], "public")
    peers.check_endpoint([my_asset_want()], "private")


NEST = b"\x91" * 100_000 + b"\xc0"
BOMBS = {
    "nothing": b"",
    "reserved byte": b"\xc1",
    "no message": msgpack.packb({"a": 1}),
    "unknown name": msgpack.packb(["format_disk", 1]),
    "too few fields": msgpack.packb(["hello", 1]),
    "too many fields": msgpack.packb(["ping", 1]),
    "wrong types": msgpack.packb(["hello", "one", "x", "y", "z"]),
    "array of four billion": b"\xdd\xff\xff\xff\xff",
    "map of four billion": b"\x92\xa6wanted\xdf\xff\xff\xff\xff",
    "bytes of four billion": b"\x95\xa5hello\x01\xa1x\x01\xc6\xff\xff\xff\xff",
    "nested a hundred thousand deep": NEST,
    "nested inside a wish": b"\x93\xa6wanted\xa6public" + NEST,
    "pickle": b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00.",
    "what only a host says": peers.encode(FROM_HOST[0]),
    "more wishes than there can be": peers.encode(peers.Wanted("public", (WISH,) * 10_001)),
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_garbage_of_a_guest_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        peers.decode_from_guest(data)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    for decode in (peers.decode_from_guest, peers.decode_from_host):
        with contextlib.suppress(RemoteProtocolError):
            decode(data)


@given(st.sampled_from([peers.encode(one) for one in FROM_GUEST + FROM_HOST]), st.data())
def test_no_flipped_bytes_do_more_than_be_refused(data: bytes, draw: st.DataObject) -> None:
    mutated = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        mutated[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    for decode in (peers.decode_from_guest, peers.decode_from_host):
        try:
            message = decode(bytes(mutated))
        except RemoteProtocolError:
            continue
        if isinstance(message, peers.Wanted):
            for wish in message.wishes:
                with contextlib.suppress(LocalProtocolError):
                    peers.to_want(wish, "kr")


def test_records_must_be_a_table() -> None:
    with pytest.raises(RemoteProtocolError, match="more streams"):
        peers.decode_from_host(peers.encode(peers.Records([peers.Part("public", 1, ["a", "b"], [b""], False, False)])))


@pytest.mark.parametrize("level", ["", "ten", "NaN", "sNaN", "Infinity"])
def test_a_level_must_be_a_number(level: str) -> None:
    sound, unsound = (peers.Entry("orderbook", ("KRW-BTC",), one, {}) for one in ("1E+4", level))
    assert peers.decode_from_host(peers.encode(peers.Answer("public", "ticket", (sound,), "")))
    with pytest.raises(RemoteProtocolError, match="level"):
        peers.decode_from_host(peers.encode(peers.Answer("public", "ticket", (sound, unsound), "")))


@pytest.mark.parametrize("state", ["backfilled", "Open", ""])
def test_a_connection_has_no_state_that_nobody_knows(state: Any) -> None:
    with pytest.raises(RemoteProtocolError):
        peers.decode_from_host(peers.encode(peers.Changed("public", state, 3, 17, None, "", "")))


def test_a_fingerprint_tells_only_who_has_the_same_keys() -> None:
    mine = peers.fingerprint(b"pipe", "access")
    assert mine == peers.fingerprint(b"pipe", "access")
    assert mine != peers.fingerprint(b"other pipe", "access")
    assert mine != peers.fingerprint(b"pipe", "another")
    assert b"access" not in mine
    assert peers.fingerprint(b"pipe", None) == b""
