"""protocol/server/request_reading.py: whole requests; and what the simulator says to the same texts."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.exchange.codes import CODE
from websocket_v6.protocol.exchange.requests import REACH, encode_reach
from websocket_v6.protocol.exchange.wants import Want
from websocket_v6.protocol.server import request_reading
from websocket_v6.protocol.server.list_answer import list_answer
from websocket_v6.protocol.server.request_error import NAMES
from websocket_v6.protocol.server.request_reading import Refused, RequestError, read_guest_request, read_request
from websocket_v6.simulator.answers import Answers
from websocket_v6.simulator.parts import split_suffix
from websocket_v6.simulator.wire.refusals import RequestError as TheirError
from websocket_v6.simulator.wire.request_reader import parse_request
from websocket_v6.simulator.wire.subscription_list import subscriptions_text

RSI = {"type": "rsi", "params": {"period": 14}}
TICKET = {"ticket": "t"}


def text(*objects: object) -> bytes:
    return json.dumps(objects).encode()


def test_a_request_is_read_whole() -> None:
    request = read_request(
        text(
            TICKET,
            {"type": "ticker", "codes": ["KRW-BTC"]},
            {"type": "trade", "codes": ["KRW-ETH"]},
            {"format": "SIMPLE"},
        ),
        "public",
        region="kr",
    )
    assert request.ticket == "t"
    assert request.wants == (Want("ticker", ("KRW-BTC",)), Want("trade", ("KRW-ETH",)))
    assert request.format == "SIMPLE"
    assert not request.is_list
    assert [one["type"] for one in request.shown] == ["ticker", "trade"]


def test_the_question_what_is_subscribed_wants_nothing() -> None:
    request = read_request(text({"method": "LIST_SUBSCRIPTIONS"}, TICKET, {"type": "x"}), "public", region="kr")
    assert request == ("t", (), None, True, (), False)


@pytest.mark.parametrize(
    ("format_", "read"),
    [
        ("SIMPLE", "SIMPLE"),
        ("JSON_LIST", "JSON_LIST"),
        ("SIMPLE_LIST", "SIMPLE_LIST"),
        ("simple", "DEFAULT"),
        ([], "DEFAULT"),
    ],
)
def test_an_unknown_format_is_the_default(format_: object, read: str) -> None:
    asked = text(TICKET, {"type": "ticker", "codes": ["KRW-BTC"], "format": "JSON_LIST"}, {"format": format_})
    assert read_request(asked, "public", region="kr").format == read
    assert read_request(text(TICKET, {"type": "ticker", "codes": ["A"]}), "public", region="kr").format is None


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (b"hello", "WRONG_FORMAT"),
        (b"{}", "WRONG_FORMAT"),
        (b"[1]", "WRONG_FORMAT"),
        (b"[[]]", "WRONG_FORMAT"),
        (b'[{"ticket":"\xff"}]', "WRONG_FORMAT"),
        (b"[" * 100_000, "WRONG_FORMAT"),
        (b'[{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"],"level":1e999999999999999999999}]', "WRONG_FORMAT"),
        (b'[{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"],"level":' + b"1" * 10_000 + b"}]", "WRONG_FORMAT"),
        (b"[]", "NO_TICKET"),
        (text({"type": "ticker", "codes": ["KRW-BTC"]}), "NO_TICKET"),
        (text({"ticket": ""}, {"type": "ticker", "codes": ["KRW-BTC"]}), "NO_TICKET"),
        (text({"ticket": 1}, {"type": "ticker", "codes": ["KRW-BTC"]}), "NO_TICKET"),
        (text(TICKET), "NO_TYPE"),
        (text(TICKET, {"format": "SIMPLE"}), "NO_TYPE"),
        (text(TICKET, {"codes": ["KRW-BTC"]}), "NO_TYPE"),
        (text(TICKET, {"type": "ticker"}), "NO_CODES"),
        (text(TICKET, {"method": "UNSUBSCRIBE"}), "INVALID_PARAM"),
        (text(TICKET, *[{"type": "ticker", "codes": ["A"]}] * 10_001), "WRONG_FORMAT"),
        (text(TICKET, {"type": "ticker", "codes": ["A"] * 200_001}), "WRONG_FORMAT"),
    ],
)
def test_what_is_wrong_has_the_exchange_s_name(asked: bytes, name: str) -> None:
    with pytest.raises(RequestError) as raised:
        read_request(asked, "public", region="kr")
    assert raised.value.name == name


def test_a_request_may_be_so_long() -> None:
    for most, read in (
        (request_reading.MAX_REQUEST, read_request),
        (request_reading.MAX_GUEST_REQUEST, read_guest_request),
    ):
        short = text(TICKET, {"type": "ticker", "codes": ["KRW-BTC"]})
        assert read(short.ljust(most), "public", region="kr")
        with pytest.raises(RequestError, match="WRONG_FORMAT"):
            read(short.ljust(most + 1), "public", region="kr")


def info(codes: int, count: int) -> dict[str, Any]:
    volumes = [{"type": "volume", "params": {"period": 5 * one}} for one in range(1, count + 1)]
    return {"type": "indicator", "codes": [f"KRW-C{n}" for n in range(codes)], "timeframe": "5m", "indicators": volumes}


def test_a_connection_has_a_hundred_combinations() -> None:
    assert read_request(text(TICKET, info(10, 5), info(25, 2)), "info", region="kr").wants
    with pytest.raises(RequestError) as raised:
        read_request(text(TICKET, info(10, 5), info(25, 2), info(1, 1)), "info", region="kr")
    assert raised.value.name == "TOO_MANY_REQUEST"


# --- guests


def test_a_guest_is_refused_what_its_host_does_not_know_and_served_the_rest() -> None:
    asked = text(
        TICKET,
        {"type": "depth", "codes": ["KRW-BTC"]},
        {"type": "ticker", "codes": ["KRW-BTC"]},
        {"type": "orderbook", "codes": ["KRW-BTC"], "level": "x"},
    )
    request, refused = read_guest_request(asked, "public", region="kr")
    assert request.wants == (Want("ticker", ("KRW-BTC",)),)
    assert refused == (
        Refused(("depth KRW-BTC",), "INVALID_PARAM", "depth 은 지원하지 않는 타입입니다."),
        Refused((), "WRONG_FORMAT", "Format 이 맞지 않습니다."),
    )


def test_one_unknown_category_or_indicator_does_not_cost_the_others() -> None:
    notices = {"type": "announcement", "categories": ["trade", "airdrop"]}
    request, refused = read_guest_request(text(TICKET, notices), "private", region="kr")
    assert request.wants == (Want("announcement", categories=("trade",), snapshot=False),)
    assert [one.streams for one in refused] == [("announcement airdrop",)]
    values = {"type": "indicator", "codes": ["KRW-BTC"], "timeframe": "5m", "indicators": [RSI, {"type": "adx"}]}
    request, refused = read_guest_request(text(TICKET, values), "info", region="kr")
    assert [one.type for want in request.wants for one in want.indicators] == ["rsi"]
    assert [one.streams for one in refused] == [("indicator KRW-BTC 5m adx()",)]


def test_a_guest_is_refused_the_combinations_that_are_too_many() -> None:
    request, refused = read_guest_request(text(TICKET, info(25, 2), info(60, 1), info(50, 1)), "info", region="kr")
    assert [len(want.codes) for want in request.wants] == [25, 25, 50]
    assert [(len(one.streams), one.name) for one in refused] == [(60, "TOO_MANY_REQUEST")]


def test_a_guest_may_want_nothing_and_asks_for_fences() -> None:
    request, refused = read_guest_request(text(TICKET, {"format": "SIMPLE"}), "public", region="kr")
    assert (request.wants, refused) == ((), ())
    assert read_guest_request(text(TICKET, {"method": "LIST_SUBSCRIPTIONS"}), "public", region="kr")[0].is_list
    with pytest.raises(RequestError):
        read_guest_request(b"PING", "public", region="kr")


# --- whatever comes

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("aZ-.", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=5,
)
KEYS = ["ticket", "type", "codes", "method", "format", "level", "is_only_snapshot", "is_only_realtime", "categories"]
KEYS += ["include_body", "timeframe", "indicators"]
TYPES = ["ticker", "trade", "orderbook", "candle.1s", "candle.240m", "myOrder", "myAsset", "announcement", "indicator"]
TYPES += ["indicator_signal", "candle.2m", "Ticker"]
CODES = ["KRW-BTC", "KRW-ETH.5", "BTC-ETH", "krw-btc", "KRW-ETH", "KRW-BTC.2", "KRW-BTC.15", "", "USDT-X.Y"]
FLAGS: list[Any] = [True, False, "true", "FALSE", "no", 1, None]
PARAMS: list[Any] = [
    ("rsi", {"period": 14}),
    ("rsi", {"period": 15}),
    ("rsi", {"period": "14"}),
    ("volume", {"period": 20}),
    ("bollinger_bands", {"period": 20, "multiplier": 2}),
    ("bollinger_bands", {"period": 20, "multiplier": 2.04}),
    ("bollinger_bands", {"period": 20, "multiplier": 2.5}),
    ("ma_crossover", {"type": "EMA", "short_period": 5, "long_period": 20}),
    ("macd", {"fast": 12, "slow": 17, "signal_period": 9}),
    ("macd", {}),
    ("adx", {}),
]
EVENTS: list[Any] = [
    {},
    {"trigger": "oversold", "event_params": {"threshold": 30}},
    {"trigger": "volume_spike", "event_params": {"multiplier": 3}},
    {"trigger": "golden_cross"},
    {"trigger": "price_cross_above", "event_params": {}},
]


@st.composite
def indicator(draw: st.DrawFn) -> dict[str, Any]:
    kind, params = draw(st.sampled_from(PARAMS))
    return {"type": kind, "params": params, **draw(st.sampled_from(EVENTS))}


@st.composite
def data_type(draw: st.DrawFn) -> dict[str, Any]:
    codes = st.lists(st.sampled_from(CODES), max_size=4) | st.just(["KRW-BTC"] * 60)
    fields: dict[str, st.SearchStrategy[Any]] = {
        "type": st.sampled_from(TYPES),
        "codes": codes | st.sampled_from(["KRW-BTC", None, [1]]),
        "level": st.sampled_from([0, 10000, "10000", 1000.5, -1, "x", True, None, "1e4"]),
        "is_only_snapshot": st.sampled_from(FLAGS),
        "is_only_realtime": st.sampled_from(FLAGS),
        "categories": st.sampled_from([[], ["trade"], ["trading"], ["x"], "trade", [1]]),
        "include_body": st.sampled_from(FLAGS),
        "timeframe": st.sampled_from(["5m", "1d", "1m", 5, None]),
        "indicators": st.lists(indicator(), max_size=3) | st.sampled_from([None, [1], [{}]]),
    }
    # Most requests are nearly right, or nothing but the first error would ever be seen.
    usual = {"type", "codes", "timeframe", "indicators"}
    chosen = [key for key in fields if draw(st.integers(0, 9)) < (9 if key in usual else 3)]
    return {key: draw(fields[key]) for key in chosen}


frames = st.sampled_from(
    [
        {"ticket": "t"},
        {"ticket": ""},
        {"format": "SIMPLE"},
        {"format": "x"},
        {"method": "LIST_SUBSCRIPTIONS"},
        {"method": 1},
        {},
    ]
)


@st.composite
def good_data_type(draw: st.DrawFn, endpoint: str) -> dict[str, Any]:
    """Return one that the exchange takes, whatever it then serves."""
    codes = st.lists(st.sampled_from(CODES), min_size=1, max_size=4)
    if endpoint == "public":
        one: dict[str, Any] = {"type": draw(st.sampled_from(TYPES[:5])), "codes": draw(codes)}
        for key in ("is_only_snapshot", "is_only_realtime"):
            one |= draw(st.sampled_from([{}, {}, {key: True}, {key: False}, {key: "true"}]))
        if one["type"] == "orderbook":
            one |= draw(st.sampled_from([{}, {"level": 10000}, {"level": "10000"}, {"level": 0.1}, {"level": -1}]))
        return one
    if endpoint == "private":
        return draw(
            st.sampled_from([{"type": "myAsset"}, {"type": "myOrder"}, {"type": "announcement"}])
            | codes.map(lambda codes: {"type": "myOrder", "codes": codes})
            | st.builds(
                lambda categories, body: {"type": "announcement", "categories": categories, "include_body": body},
                st.lists(st.sampled_from(["trade", "event", "notice"]), max_size=3),
                st.booleans(),
            )
        )
    is_signal = draw(st.booleans())
    rsi = {"type": "rsi", "params": {"period": 14}, "trigger": "oversold", "event_params": {"threshold": 30}}
    macd = {"type": "macd", "params": {"fast": 12, "slow": 26, "signal_period": 9}, "trigger": "golden_cross"}
    bands = [{"type": "bollinger_bands", "params": {"period": 20, "multiplier": one}} for one in (2, 2.0, 2.5)]
    offered = [rsi, macd] if is_signal else [rsi, macd, *bands]
    return {
        "type": "indicator_signal" if is_signal else "indicator",
        "codes": draw(codes),
        "timeframe": draw(st.sampled_from(["5m", "1d"])),
        "indicators": draw(st.lists(st.sampled_from(offered), min_size=1, max_size=3)),
    }


strange = st.lists(st.dictionaries(st.sampled_from(KEYS), anything, max_size=4) | anything, max_size=4).map(
    json.dumps
) | st.text('[]{}":,at1 ', max_size=20)


def of_endpoint(endpoint: str) -> st.SearchStrategy[tuple[str, str]]:
    """Return texts for an endpoint: most of them requests that are good but for one object, or altogether."""
    good = good_data_type(endpoint)
    nearly = st.lists(good | good | good | data_type() | frames, max_size=4)
    whole = st.lists(good, min_size=1, max_size=4)
    requests = st.builds(lambda rest, format_: [TICKET, *rest, *format_], whole | nearly, st.lists(frames, max_size=1))
    return st.tuples(requests.map(json.dumps) | requests.map(json.dumps) | strange, st.just(endpoint))


asked_somewhere = of_endpoint("public") | of_endpoint("private") | of_endpoint("info")


def theirs(asked: str, endpoint: str, region: str) -> object:
    """Return what the simulator reads: the name of an error, or what is asked, stream by stream."""
    try:
        request = parse_request(asked, endpoint, Answers(), region=region)
    except TheirError as error:
        return error.name
    found = set()
    for part in request.parts:
        for code in dict.fromkeys(part.codes or ("*",)):
            bare, units = split_suffix(code) if part.type == "orderbook" else (code, 0)
            # What has the form of no code, and what no market can have, it finds out later.
            is_served = code == "*" or CODE.fullmatch(bare) is not None
            is_served = is_served and (part.level == 0 or (part.level > 0 and bare.startswith("KRW-")))
            if not is_served or (part.timeframe and not bare.startswith("KRW-")):
                continue
            is_public = endpoint == "public"
            combinations = frozenset(
                (one.indicator, frozenset(one.params), one.trigger, frozenset(one.event_params))
                for one in part.combinations
            )
            categories, flags = frozenset(part.categories), (part.snapshot and is_public, part.realtime)
            found.add(
                (part.type, bare, units, part.level, flags, categories, part.include_body, part.timeframe, combinations)
            )
    return request.ticket, request.is_list, request.format, found


def ours(asked: str, endpoint: str, region: str) -> object:
    try:
        request = read_request(asked.encode(), endpoint, region=region)
    except RequestError as error:
        return error.name
    found = set()
    for want in request.wants:
        for code in want.codes or ("*",):
            combinations = frozenset(
                (one.type, frozenset(one.params), one.trigger, frozenset(one.event_params)) for one in want.indicators
            )
            categories, flags = frozenset(want.categories), (want.snapshot, want.realtime)
            found.add(
                (
                    want.type,
                    code,
                    want.depth,
                    want.level,
                    flags,
                    categories,
                    want.include_body,
                    want.timeframe,
                    combinations,
                )
            )
    return request.ticket, request.is_list, request.format, found


@given(asked_somewhere, st.sampled_from(["kr", "sg"]))
def test_the_simulator_reads_the_same(asked: tuple[str, str], region: str) -> None:
    assert ours(*asked, region) == theirs(*asked, region)


def answered(read: Callable[..., object], asked: bytes, endpoint: str) -> Any:
    try:
        read(asked, endpoint, region="kr")
    except RequestError as error:
        return msgspec.json.decode(error.answer())
    return None


@given(
    st.binary(max_size=60) | asked_somewhere.map(lambda one: one[0].encode()), st.sampled_from(["public", "info", ""])
)
def test_only_the_one_error_is_ever_raised(asked: bytes, endpoint: str) -> None:
    for read in (read_request, read_guest_request):
        answer = answered(read, asked, endpoint)
        assert answer is None or answer["error"]["name"] in NAMES


@given(asked_somewhere)
def test_a_guest_gets_what_a_plain_client_gets(asked: tuple[str, str]) -> None:
    body, endpoint = asked[0].encode(), asked[1]
    try:
        plain = read_request(body, endpoint, region="kr")
    except RequestError:
        return
    request, refused = read_guest_request(body, endpoint, region="kr")
    assert not refused
    assert {stream for want in request.wants for stream in want.streams()} == {
        stream for want in plain.wants for stream in want.streams()
    }


@given(asked_somewhere, st.booleans())
def test_the_simulator_lists_the_same(asked: tuple[str, str], is_short: bool) -> None:
    try:
        parts = parse_request(*asked, Answers()).parts
    except TheirError:
        return
    listed = subscriptions_text(parts, "t", short=is_short, answers=Answers())
    shown = read_request(asked[0].encode(), asked[1], region="kr").shown
    assert json.loads(list_answer(shown, "t", "SIMPLE" if is_short else "DEFAULT")) == json.loads(listed)


def test_only_a_guest_may_ask_up_to_when_all_has_come() -> None:
    asked = text(TICKET, {"method": REACH})
    request, refused = read_guest_request(asked, "public", region="kr")
    assert (request.is_reach, request.is_list, request.wants, refused) == (True, False, (), ())
    assert read_guest_request(encode_reach().encode(), "public", region="kr")[0].is_reach
    with pytest.raises(RequestError):
        read_request(asked, "public", region="kr")


def test_a_guest_may_have_own_orders_and_assets_reconciled_and_a_plain_client_not() -> None:
    asked = [{"ticket": "t"}, {"type": "myOrder", "reconcile": True}, {"type": "myAsset", "reconcile": True}]
    asked += [{"type": "announcement", "reconcile": True}]
    text = msgspec.json.encode(asked)
    read, refused = read_guest_request(text, "private", region="kr")
    assert [(want.type, want.reconcile) for want in read.wants] == [
        ("myOrder", True),
        ("myAsset", True),
        ("announcement", False),
    ]
    assert refused == ()
    assert not any(want.reconcile for want in read_request(text, "private", region="kr").wants)
