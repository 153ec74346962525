"""protocol/server/request_error.py: the exchange's errors in its words."""

import json

import pytest

from websocket_v6.protocol.server.request_error import NAMES, RequestError


@pytest.mark.parametrize("format_", ["DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST"])
def test_an_error_is_the_same_object_in_every_format(format_: str) -> None:
    answer = RequestError.of("NO_TYPE", "kr").answer(format_)
    assert answer.decode() == '{"error":{"name":"NO_TYPE","message":"type 필드가 존재하지 않습니다."}}'


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (
            RequestError.of("WRONG_FORMAT", "kr"),
            '{"error":{"message":"Format 이 맞지 않습니다.","name":"WRONG_FORMAT"}}',
        ),
        (
            RequestError.unknown_type("tiker", "kr"),
            '{"error":{"message":"tiker 은 지원하지 않는 타입입니다.","name":"INVALID_PARAM"}}',
        ),
        (
            RequestError.of("NO_TICKET", "kr"),
            '{"error":{"name":"NO_TICKET","message":"티켓이 존재하지 않거나, 유효하지 않습니다."}}',
        ),
    ],
)
def test_the_keys_stand_in_the_order_that_was_seen(error: RequestError, seen: str) -> None:
    assert error.answer().decode() == seen


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (RequestError.of("WRONG_FORMAT", "id"), "Requested using wrong format."),
        (RequestError.of("NO_TICKET", "id"), "Ticket field must be contained."),
        (RequestError.of("NO_CODES", "id"), "codes field not exists."),
        (RequestError.unknown_type("nope", "id"), "type nope is not supported."),
    ],
)
def test_indonesia_was_seen_to_speak_english(error: RequestError, seen: str) -> None:
    assert json.loads(error.answer())["error"]["message"] == seen


@pytest.mark.parametrize("region", ["kr", "sg", "id", "th"])
def test_each_name_has_a_text_in_each_region(region: str) -> None:
    texts = [RequestError.of(name, region).text for name in NAMES]
    texts += [RequestError.unknown_type("x", region).text, RequestError.no_codes_in_list(region).text]
    assert len(set(texts)) == len(NAMES) + 2
    assert all(text.isascii() is (region != "kr") for text in texts)


def test_a_long_word_of_the_client_does_not_come_back_whole() -> None:
    assert len(json.loads(RequestError.unknown_type("x" * 10_000, "kr").answer())["error"]["message"]) < 200
