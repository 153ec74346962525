"""What a request is read as, and what the exchange would say to a bad one."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.simulator import Answers
from websocket_v6.simulator.parts import split_suffix
from websocket_v6.simulator.wire.part_reader import ENDPOINTS
from websocket_v6.simulator.wire.refusals import RequestError, error_text
from websocket_v6.simulator.wire.request_reader import parse_request

TICKET = {"ticket": "t"}
RSI = {"type": "rsi", "params": {"period": 14}}


def ask(*parts: Any, endpoint: str = "public", **answers: Any) -> Any:
    return parse_request(json.dumps([TICKET, *parts]), endpoint, Answers(**answers))


def refusal(*parts: Any, endpoint: str = "public", **answers: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        ask(*parts, endpoint=endpoint, **answers)
    return caught.value


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("hello", "WRONG_FORMAT", "Format 이 맞지 않습니다."),
        ('{"ticket":"t"}', "WRONG_FORMAT", "Format 이 맞지 않습니다."),
        ("[1]", "WRONG_FORMAT", "Format 이 맞지 않습니다."),
        ("[" * 10_000, "WRONG_FORMAT", "Format 이 맞지 않습니다."),
        ('[{"type":"trade","codes":["KRW-BTC"]}]', "NO_TICKET", "티켓이 존재하지 않거나, 유효하지 않습니다."),
        (
            '[{"ticket":5},{"type":"trade","codes":["KRW-BTC"]}]',
            "NO_TICKET",
            "티켓이 존재하지 않거나, 유효하지 않습니다.",
        ),
        ('[{"ticket":"t"}]', "NO_TYPE", "type 필드가 존재하지 않습니다."),
        ('[{"ticket":"t"},{"codes":["KRW-BTC"]}]', "NO_TYPE", "type 필드가 존재하지 않습니다."),
        ('[{"ticket":"t"},{"type":"nope"}]', "INVALID_PARAM", "nope 은 지원하지 않는 타입입니다."),
        ('[{"ticket":"t"},{"type":"trade"}]', "NO_CODES", "codes 필드가 존재하지 않습니다."),
        ('[{"ticket":"t"},{"type":"trade","codes":[]}]', "INVALID_PARAM", "codes 필드가 비어 있습니다."),
        ('[{"ticket":"t"},{"type":"trade","codes":"KRW-BTC"}]', "WRONG_FORMAT", "Format 이 맞지 않습니다."),
        ('[{"ticket":"t"},{"type":"trade","codes":[1]}]', "WRONG_FORMAT", "Format 이 맞지 않습니다."),
        ('[{"ticket":"t"},{"type":3,"codes":["KRW-BTC"]}]', "WRONG_FORMAT", "Format 이 맞지 않습니다."),
        (
            '[{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"],"level":"x"}]',
            "WRONG_FORMAT",
            "Format 이 맞지 않습니다.",
        ),
        ('[{"ticket":"t"},{"type":"myOrder"}]', "INVALID_AUTH", "인증 정보가 올바르지 않습니다."),
        ('[{"ticket":"t"},{"method":"NOPE"}]', "INVALID_PARAM", "지원하지 않는 값입니다."),
    ],
)
def test_a_bad_request_gets_the_words_that_were_seen(text: str, name: str, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_request(text, "public", Answers())
    assert (caught.value.name, caught.value.text()) == (name, message)


def test_key_order_differs_by_name() -> None:
    assert error_text("NO_TICKET", "x") == '{"error":{"name":"NO_TICKET","message":"x"}}'
    assert error_text("INVALID_PARAM", "x") == '{"error":{"message":"x","name":"INVALID_PARAM"}}'


def test_other_regions_speak_english() -> None:
    assert refusal({"type": "nope"}).text("id") == "type nope is not supported."
    assert RequestError("NO_CODES").text("sg") == "codes field not exists."


def test_the_order_of_the_objects_does_not_matter() -> None:
    text = '[{"format":"SIMPLE"},{"method":"LIST_SUBSCRIPTIONS"},{"ticket":"x"}]'
    request = parse_request(text, "public", Answers())
    assert (request.is_list, request.ticket, request.format) == (True, "x", "SIMPLE")


@pytest.mark.parametrize(
    ("flags", "snapshot", "realtime"),
    [
        ({}, True, True),
        ({"is_only_snapshot": True}, True, False),
        ({"is_only_realtime": True}, False, True),
        ({"is_only_realtime": "true"}, False, True),
        ({"isOnlyRealtime": True}, True, True),
    ],
)
def test_flags_choose_between_snapshot_and_realtime(flags: dict[str, Any], snapshot: bool, realtime: bool) -> None:
    part = ask({"type": "ticker", "codes": ["KRW-BTC"], **flags}).parts[0]
    assert (part.snapshot, part.realtime) == (snapshot, realtime)


@pytest.mark.parametrize(
    ("answer", "snapshot", "realtime"),
    [("snapshot", True, False), ("realtime", False, True), ("nothing", False, False)],
)
def test_both_flags_mean_what_the_switch_says(answer: str, snapshot: bool, realtime: bool) -> None:
    both = {"type": "ticker", "codes": ["KRW-BTC"], "is_only_snapshot": True, "is_only_realtime": True}
    part = ask(both, both_only=answer).parts[0]
    assert (part.snapshot, part.realtime) == (snapshot, realtime)
    assert refusal(both, both_only="error").name == "INVALID_PARAM"


def test_camel_case_flags_count_if_they_should() -> None:
    part = {"type": "ticker", "codes": ["KRW-BTC"], "isOnlyRealtime": True}
    assert not ask(part, camel_case_flags=True).parts[0].snapshot


@pytest.mark.parametrize(("level", "expected"), [(0, "0"), (10000, "10000"), ("10000", "10000"), (0.5, "0.5")])
def test_level_is_a_number_or_the_text_of_one(level: Any, expected: str) -> None:
    assert ask({"type": "orderbook", "codes": ["KRW-BTC"], "level": level}).parts[0].level == Decimal(expected)


@pytest.mark.parametrize(
    ("code", "expected"),
    [("KRW-BTC", ("KRW-BTC", 30)), ("KRW-BTC.5", ("KRW-BTC", 5)), ("KRW-BTC.20", ("KRW-BTC", 30)), ("X.", ("X", 30))],
)
def test_a_suffix_that_is_not_offered_means_thirty(code: str, expected: tuple[str, int]) -> None:
    assert split_suffix(code) == expected


def test_an_unknown_format_is_default_or_an_error() -> None:
    parts = ({"type": "trade", "codes": ["KRW-BTC"]}, {"format": "TERSE"})
    assert ask(*parts).format == "DEFAULT"
    assert refusal(*parts, wrong_format_name="error").name == "INVALID_PARAM"


def test_what_is_new_may_not_exist_outside_korea() -> None:
    candle = json.dumps([TICKET, {"type": "candle.1m", "codes": ["SGD-BTC"]}, {"format": "SIMPLE_LIST"}])
    assert parse_request(candle, "public", Answers(), region="sg").format == "SIMPLE_LIST"
    answers = Answers(regional_candles=False, regional_list_formats=False)
    assert parse_request(candle, "public", answers, region="kr").parts[0].type == "candle.1m"
    with pytest.raises(RequestError, match="INVALID_PARAM"):
        parse_request(candle, "public", answers, region="sg")
    ticker = json.dumps([TICKET, {"type": "ticker", "codes": ["SGD-BTC"]}, {"format": "JSON_LIST"}])
    assert parse_request(ticker, "public", answers, region="sg").format == "DEFAULT"
    assert parse_request(ticker, "public", Answers(regional_candles=False), region="sg").format == "JSON_LIST"
    notices = json.dumps([TICKET, {"type": "announcement"}])
    assert parse_request(notices, "private", answers, region="sg").parts
    with pytest.raises(RequestError, match="INVALID_PARAM"):
        parse_request(notices, "private", Answers(regional_announcements=False), region="sg")


@pytest.mark.parametrize("answer", ["clears", "ignored"])
def test_an_empty_request_may_be_let_pass(answer: str) -> None:
    assert ask({"format": "SIMPLE"}, empty_request=answer).parts == ()


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ({"type": "myAsset", "codes": []}, "WRONG_FORMAT"),
        ({"type": "announcement", "categories": ["nope"]}, "INVALID_PARAM"),
        ({"type": "announcement", "categories": "trade"}, "WRONG_FORMAT"),
        ({"type": "announcement", "include_body": 1}, "WRONG_FORMAT"),
        ({"type": "ticker", "codes": ["KRW-BTC"]}, "INVALID_PARAM"),
    ],
)
def test_the_private_endpoint_refuses(part: dict[str, Any], name: str) -> None:
    assert refusal(part, endpoint="private").name == name


def test_a_type_of_another_endpoint_may_be_a_matter_of_authentication() -> None:
    part = {"type": "ticker", "codes": ["KRW-BTC"]}
    assert refusal(part, endpoint="private", wrong_endpoint="INVALID_AUTH").name == "INVALID_AUTH"


@pytest.mark.parametrize("codes", [None, []])
def test_my_order_without_codes_means_all(codes: Any) -> None:
    part = {"type": "myOrder"} if codes is None else {"type": "myOrder", "codes": codes}
    assert ask(part, endpoint="private").parts[0].codes is None


def info(indicators: Any, type_: str = "indicator", timeframe: Any = "5m", codes: Any = ("KRW-BTC",)) -> dict[str, Any]:
    return {"type": type_, "codes": list(codes), "timeframe": timeframe, "indicators": indicators}


@pytest.mark.parametrize(
    "indicator",
    [
        RSI,
        {"type": "volume", "params": {"period": 50}},
        {"type": "moving_average", "params": {"type": "EMA", "period": 99}},
        {"type": "ma_crossover", "params": {"type": "SMA", "short_period": 50, "long_period": 200}},
        {"type": "bollinger_bands", "params": {"period": 20, "multiplier": 2}},
        {"type": "macd", "params": {"fast": 5, "slow": 35, "signal_period": 5}},
    ],
)
def test_every_indicator_is_taken(indicator: dict[str, Any]) -> None:
    assert ask(info([indicator]), endpoint="info").parts[0].combinations[0].indicator == indicator["type"]


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (info([RSI], timeframe="1m"), "INVALID_PARAM"),
        (info([RSI], timeframe=5), "WRONG_FORMAT"),
        (info([]), "INVALID_PARAM"),
        (info("rsi"), "WRONG_FORMAT"),
        (info([{"type": "rsi", "params": {"period": "14"}}]), "WRONG_FORMAT"),
        (info([{"type": "rsi", "params": {"period": 14.0}}]), "WRONG_FORMAT"),
        (info([{"type": "rsi", "params": {"period": 15}}]), "INVALID_PARAM"),
        (info([{"type": "rsi", "params": {"period": 14, "more": 1}}]), "INVALID_PARAM"),
        (info([{"type": "bollinger_bands", "params": {"period": 20, "multiplier": 2.04}}]), "INVALID_PARAM"),
        (info([{"type": "macd", "params": {"fast": 12, "slow": 17, "signal_period": 9}}]), "INVALID_PARAM"),
        (info([RSI], type_="indicator_signal"), "INVALID_PARAM"),
        (info([{**RSI, "trigger": "golden_cross"}], type_="indicator_signal"), "INVALID_PARAM"),
        (
            info([{**RSI, "trigger": "oversold", "event_params": {"threshold": 40}}], type_="indicator_signal"),
            "INVALID_PARAM",
        ),
        (info([RSI], codes=[f"KRW-C{n}" for n in range(101)]), "TOO_MANY_REQUEST"),
    ],
)
def test_one_bad_part_refuses_an_info_request(part: dict[str, Any], name: str) -> None:
    assert refusal(part, endpoint="info").name == name


def test_multipliers_are_one_number_however_they_are_written() -> None:
    bands = [{"type": "bollinger_bands", "params": {"period": 20, "multiplier": value}} for value in (2, 2.0)]
    assert len(ask(info(bands), endpoint="info").parts[0].combinations) == 1


def test_a_hundred_combinations_are_let_in() -> None:
    part = info([RSI], codes=[f"KRW-C{n}" for n in range(100)])
    assert ask(part, endpoint="info").parts[0].codes[-1] == "KRW-C99"


@given(st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_nonsense_is_an_answer_and_never_a_fault(text: str) -> None:
    for endpoint in ENDPOINTS:
        with pytest.raises(RequestError):
            parse_request(text, endpoint, Answers())


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                ["ticket", "type", "codes", "format", "level", "indicators", "timeframe", "method", "categories"]
            ),
            st.sampled_from(["t", "ticker", "rsi", "orderbook", "myOrder", "indicator", "5m", "LIST_SUBSCRIPTIONS"])
            | st.none()
            | st.integers()
            | st.lists(st.just("KRW-BTC") | st.just({"type": "rsi", "params": {"period": 14}}), max_size=2),
        ),
        max_size=4,
    ),
    st.sampled_from(sorted(ENDPOINTS)),
)
def test_any_objects_are_a_request_or_an_answer(objects: list[Any], endpoint: str) -> None:
    try:
        request = parse_request(json.dumps(objects), endpoint, Answers())
    except RequestError:
        pass
    else:
        assert request.is_list or request.parts
