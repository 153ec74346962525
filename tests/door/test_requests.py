"""Whatever a plain client sends, it is answered by the door as by the exchange: in the same words, and closed alike."""

import json
import random
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.bearer import bearer
from tests.door.world import World, handshake, raw_socket
from websocket_v6.simulator import Limits, Weather
from websocket_v6.simulator.market.catalog import many_markets

Make = Callable[..., World]
BTC = "KRW-BTC"
TICKET = {"ticket": "t"}
TICKER = {"type": "ticker", "codes": [BTC]}
RSI = {"type": "rsi", "params": {"period": 14}}
INDICATOR = {"type": "indicator", "codes": [BTC], "timeframe": "5m", "indicators": [RSI]}

REFUSED: dict[str, list[Any]] = {
    "public": [
        "",
        " ",
        "garbage",
        "null",
        "{}",
        '"PING"',
        "ping",
        "[]",
        "[1]",
        "[[]]",
        '[{"ticket":"t"},',
        "[" * 100_000,
        "[{}]",
        [{}, TICKER],
        [TICKER],
        [{"ticket": ""}, TICKER],
        [{"ticket": 7}, TICKER],
        [{"ticket": None}, TICKER],
        [TICKET],
        [TICKET, {"format": "SIMPLE"}],
        [TICKET, {"codes": [BTC]}],
        [TICKET, {"type": None, "codes": [BTC]}],
        [TICKET, {"type": 7, "codes": [BTC]}],
        [TICKET, {"type": "nonsense", "codes": [BTC]}],
        [TICKET, {"type": "Ticker", "codes": [BTC]}],
        [TICKET, {"type": "candle.2m", "codes": [BTC]}],
        [TICKET, {"type": "candle", "codes": [BTC]}],
        [TICKET, {"type": "ticker"}],
        [TICKET, {"type": "ticker", "codes": []}],
        [TICKET, {"type": "ticker", "codes": BTC}],
        [TICKET, {"type": "ticker", "codes": None}],
        [TICKET, {"type": "ticker", "codes": [7]}],
        [TICKET, {"type": "ticker", "codes": [[BTC]]}],
        [TICKET, {**TICKER, "is_only_snapshot": 1}],
        [TICKET, {**TICKER, "is_only_realtime": "yes"}],
        [TICKET, {"type": "orderbook", "codes": [BTC], "level": "x"}],
        [TICKET, {"type": "orderbook", "codes": [BTC], "level": True}],
        [TICKET, {"type": "orderbook", "codes": [BTC], "level": None}],
        [TICKET, {"type": "orderbook", "codes": [BTC], "level": [10_000]}],
        [TICKET, {"type": "myOrder"}],
        [TICKET, {"type": "myAsset"}],
        [TICKET, {"type": "announcement"}],
        [TICKET, INDICATOR],
        [TICKET, {"method": "NONSENSE"}],
        [TICKET, {"method": None}],
        [{"method": "LIST_SUBSCRIPTIONS"}],
    ],
    "private": [
        [TICKET, TICKER],
        [TICKET, INDICATOR],
        [TICKET, {"type": "nonsense"}],
        [TICKET, {"type": "myAsset", "codes": [BTC]}],
        [TICKET, {"type": "myAsset", "codes": []}],
        [TICKET, {"type": "myOrder", "codes": BTC}],
        [TICKET, {"type": "announcement", "categories": ["nonsense"]}],
        [TICKET, {"type": "announcement", "categories": "event"}],
        [TICKET, {"type": "announcement", "include_body": 1}],
    ],
    "info": [
        [TICKET, TICKER],
        [TICKET, {"type": "myOrder"}],
        [TICKET, {**INDICATOR, "codes": []}],
        [TICKET, {"type": "indicator", "timeframe": "5m", "indicators": [RSI]}],
        [TICKET, {**INDICATOR, "timeframe": "1m"}],
        [TICKET, {**INDICATOR, "timeframe": 5}],
        [TICKET, {"type": "indicator", "codes": [BTC], "indicators": [RSI]}],
        [TICKET, {**INDICATOR, "indicators": []}],
        [TICKET, {**INDICATOR, "indicators": [7]}],
        [TICKET, {**INDICATOR, "indicators": RSI}],
        [TICKET, {**INDICATOR, "indicators": [{"type": "nonsense"}]}],
        [TICKET, {**INDICATOR, "indicators": [{"type": "rsi", "params": {"period": "14"}}]}],
        [TICKET, {**INDICATOR, "indicators": [{"type": "rsi", "params": {"period": 100_000}}]}],
        [TICKET, {**INDICATOR, "type": "indicator_signal"}],
    ],
}


def _cases() -> list[Any]:
    return [pytest.param(endpoint, what, id=f"{endpoint} {i}") for endpoint in REFUSED for i, what in _of(endpoint)]


def _of(endpoint: str) -> list[tuple[int, list[Any]]]:
    # Ten to a test: an exchange and an engine of its own for each takes long.
    whats = REFUSED[endpoint]
    return [(start, whats[start : start + 10]) for start in range(0, len(whats), 10)]


@pytest.mark.parametrize(("endpoint", "whats"), _cases())
def test_what_is_refused_is_refused_in_the_same_words(world: Make, connects: None, endpoint: str, whats: Any) -> None:
    one = world()
    for what in whats:
        both = one.both(endpoint)
        both.send(what if isinstance(what, str) else json.dumps(what))
        answers, end = both.rest()
        assert len(answers) == 1, what
        assert end == (1000, ""), what


@pytest.mark.parametrize("format_", ["SIMPLE", "JSON_LIST", "SIMPLE_LIST"])
def test_errors_in_other_formats(world: Make, format_: str) -> None:
    both = world().both()
    both.ask(TICKER, format=format_)
    both.read()
    both.send("garbage")
    both.rest()


@pytest.mark.parametrize("region", ["sg", "id", "th"])
def test_errors_in_other_regions(world: Make, connects: None, region: str) -> None:
    one = world(region=region, door={"region": region})
    for what in ("garbage", [TICKET], [TICKET, {"type": "x", "codes": []}], [TICKET, {"type": "ticker", "codes": []}]):
        both = one.both()
        both.send(what if isinstance(what, str) else json.dumps(what))
        both.rest()


def test_what_is_taken_though_it_is_odd(world: Make, connects: None) -> None:
    one = world(frozen=True)
    odd: list[tuple[Any, int]] = [
        ([TICKER, TICKET], 1),
        ([TICKET, TICKET, TICKER], 1),
        ([TICKET, {**TICKER, "nonsense": 7, "format": "SIMPLE"}], 1),
        ([TICKET, {"format": "SIMPLE"}, TICKER], 1),
        ([TICKET, TICKER, {"format": "SIMPLE"}, {"format": "DEFAULT"}], 1),
        ([TICKET, {**TICKER, "is_only_snapshot": "true"}], 1),
        ([TICKET, {**TICKER, "isOnlySnapshot": True}], 1),
        ([TICKET, {"type": "ticker", "codes": [BTC, BTC]}], 1),
        ([TICKET, TICKER, {"type": "ticker", "codes": ["KRW-ETH"]}], 2),
        ([TICKET, {"type": "orderbook", "codes": [BTC], "level": "10000"}], 1),
        ([TICKET, {"type": "orderbook", "codes": [BTC], "level": 1e4}], 1),
        ([TICKET, {"type": "orderbook", "codes": [BTC], "level": 0.0}], 1),
    ]
    for what, count in odd:
        both = one.both()
        both.send(json.dumps(what, indent=1))
        both.read_many(count)
        both.be_heard()


def test_requests_in_binary_and_in_fragments(world: Make) -> None:
    one = world()
    both = one.both()
    both.send(json.dumps([TICKET, TICKER]).encode())
    both.read()
    text = json.dumps([TICKET, {"type": "ticker", "codes": ["KRW-ETH"]}], indent=4)
    for client in (both.exchange, both.door):
        client.connection.send(iter([text[:1], text[1:9], "", text[9:]]))
    assert both.read()["code"] == "KRW-ETH"
    both.send(b"\xff\xfe")
    both.rest()


def test_855_codes_of_three_types(world: Make) -> None:
    one = world(markets=855)
    codes = many_markets(855)
    both = one.both()
    both.ask(*({"type": type_, "codes": codes} for type_ in ("ticker", "trade", "orderbook")))
    both.read_many(3 * len(codes))


def test_too_much_for_one_message(world: Make) -> None:
    both = world(limits=Limits(connects_per_second=None)).both()
    codes = [f"KRW-{number:010}" for number in range(80_000)]
    both.ask({"type": "ticker", "codes": codes})
    # The reasons differ: what the exchange says there is not known, and the simulator's is a library's.
    for client in (both.exchange, both.door):
        code, _ = client.ended() or (0, "")
        assert code == 1009


def test_the_sixth_message_in_a_second(world: Make) -> None:
    both = world(limits=Limits(connects_per_second=None)).both()
    # Each end counts by itself, so each gets its six in a row.
    for client in (both.exchange, both.door):
        for _ in range(6):
            client.ask({"method": "LIST_SUBSCRIPTIONS"})
    answers, end = both.rest()
    assert [answer.get("method", "error") for answer in answers] == ["LIST_SUBSCRIPTIONS"] * 5 + ["error"]
    assert answers[-1]["error"]["name"] == "TOO_MANY_REQUEST"
    assert end == (1000, "")


def test_the_hundred_and_first_message_in_a_minute(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websocket_v6.protocol.server.plain_client.PER_SECOND", 1000)
    both = world(limits=Limits(connects_per_second=None, messages_per_second=None)).both()
    for client in (both.exchange, both.door):
        for _ in range(101):
            client.ask({"method": "LIST_SUBSCRIPTIONS"})
    answers, _ = both.rest()
    assert len(answers) == 101
    assert answers[-1]["error"]["name"] == "TOO_MANY_REQUEST"


def test_ping_as_text_begins_a_series(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websocket_v6.protocol.server.plain_client.STATUS", 0.2)
    one = world(frozen=True)
    both = one.both()
    both.send("PING")
    both.exchange.ask({"method": "LIST_SUBSCRIPTIONS"})
    both.exchange.read()
    for _ in range(2):
        one.sim.advance(10.0)
        assert both.door.raw() == both.exchange.raw() == b'{"status":"UP"}'


def test_who_is_idle_is_cut_without_a_close_frame(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websocket_v6.protocol.server.plain_client.IDLE", 1.0)
    one = world(frozen=True)
    idle, busy, pinging = one.both(), one.both(), one.both()
    busy.ask(TICKER)
    busy.read()
    one.settle(f"ticker {BTC}")

    def stir() -> None:
        # Data that goes out counts, and so do PING frames.
        one.sim.trade(BTC)
        busy.read()
        assert pinging.door.connection.ping().wait(5.0)

    while idle.door.is_open():
        stir()
    assert idle.door.ended() is None
    stir()
    one.sim.advance(121.0)
    assert idle.exchange.ended() is None


# --- the handshake


@pytest.mark.parametrize("endpoint", ["private", "info"])
def test_tokens_that_are_none(world: Make, connects: None, endpoint: str) -> None:
    one = world()
    used = bearer(one.sim, nonce="once")
    wrong: list[dict[str, str]] = [
        {},
        {"Authorization": "nonsense"},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Basic dTpw"},
        bearer(one.sim, secret="x" * 64),
        bearer(one.sim, access_key="another"),
        bearer(one.sim, nonce=None),
        bearer(one.sim, algorithm="HS384"),
    ]
    for headers in wrong:
        assert _refusals(one, endpoint, headers) == {401}
    # Whether a token without a key is malformed or unknown is not established: either is 401.
    _refusals(one, endpoint, bearer(one.sim, access_key=None), are_compared=False)
    one.both(endpoint, additional_headers=used)
    assert _refusals(one, endpoint, used) == {401}
    one.both(endpoint, additional_headers=bearer(one.sim, algorithm="HS256"))


def _refusals(one: World, endpoint: str, headers: dict[str, str], *, are_compared: bool = True) -> set[int]:
    found, bodies = set(), []
    for end in (one.sim, one.door):
        with pytest.raises(InvalidStatus) as refused:
            one.client(getattr(end, f"{endpoint}_url"), additional_headers=headers)
        found.add(refused.value.response.status_code)
        bodies.append(json.loads(refused.value.response.body)["error"]["name"])
    assert bodies[0] == bodies[1] or not are_compared, headers
    return found


def test_addresses_that_are_none(world: Make) -> None:
    one = world()
    for end in (one.sim, one.door):
        with pytest.raises(InvalidStatus) as refused:
            one.client(f"{end.url}/nonsense")
        assert refused.value.response.status_code == 404


def test_the_sixth_connection_in_a_second(world: Make) -> None:
    one = world(limits=Limits(), weather=Weather.calm())  # far away, six take longer than a second
    statuses = {}
    for end in (one.door, one.sim):
        for number in range(6):
            try:
                one.client(end.url)
            except InvalidStatus as refused:
                statuses[end.url] = number, refused.response.status_code
    # The engine behind the door has connected to the exchange as well, from the same address.
    assert statuses[one.door.url] == (5, 429)
    assert statuses[one.sim.url][1] == 429


# --- compression


def test_compression_is_granted_and_inflates_to_the_same(world: Make) -> None:
    one = world(frozen=True)
    both = one.both(compression="deflate")
    for client in (both.exchange, both.door):
        assert client.connection.protocol.extensions
    both.ask(TICKER, {"type": "orderbook", "codes": [BTC]}, format="SIMPLE")
    both.read_many(2)
    one.settle(f"ticker {BTC}", f"orderbook {BTC}")
    for _ in range(5):
        one.sim.trade(BTC)
    both.read_many(10)
    both.send(json.dumps([TICKET, TICKER]) * 100)  # compressed by the library, and refused
    both.rest()


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ("permessage-deflate", 15),
        ("permessage-deflate; client_max_window_bits", 15),
        ("permessage-deflate; server_max_window_bits=10", 10),
        ("permessage-deflate; server_no_context_takeover; client_max_window_bits=9", 15),
        ("x-other, permessage-deflate; nonsense, permessage-deflate; server_max_window_bits=12", 12),
        ("permessage-deflate; server_max_window_bits=8", None),
        ("x-webkit-deflate-frame", None),
    ],
)
def test_offers_of_compression(world: Make, offer: str, answer: int | None) -> None:
    one = world(frozen=True)
    plain = one.client(one.door.url)
    plain.ask({"type": "orderbook", "codes": [BTC]})
    expected = plain.raw()
    frames = []
    for _ in range(2):
        with raw_socket(one.door.port) as sock:
            sock.sendall(handshake(one.door.port, Sec_WebSocket_Extensions=offer))
            head = _until(sock, b"\r\n\r\n")
            assert (b"permessage-deflate" in head) is (answer is not None)
            assert (b"server_no_context_takeover" in head) is (answer is not None)
            sock.sendall(_masked(json.dumps([TICKET, {"type": "orderbook", "codes": [BTC]}]).encode()))
            frames.append(_frame(sock))
    assert frames[0] == frames[1], "compressed once for all"
    is_compressed, payload = frames[0]
    assert is_compressed is (answer is not None)
    if answer is not None:
        payload = zlib.decompressobj(-answer).decompress(payload + b"\0\0\xff\xff")
    assert payload == expected


def _until(sock: Any, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        data += sock.recv(1)
    return data


def _frame(sock: Any) -> tuple[bool, bytes]:
    first, length = sock.recv(1)[0], sock.recv(1)[0]
    if length == 126:
        length = int.from_bytes(_exactly(sock, 2), "big")
    return bool(first & 0x40), _exactly(sock, length)


def _exactly(sock: Any, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += sock.recv(size - len(data))
    return data


def _masked(payload: bytes) -> bytes:
    mask = random.randbytes(4)
    head = bytes((0x81, 0x80 | len(payload))) if len(payload) < 126 else b"\x81\xfe" + len(payload).to_bytes(2, "big")
    return head + mask + bytes(octet ^ mask[i % 4] for i, octet in enumerate(payload))
