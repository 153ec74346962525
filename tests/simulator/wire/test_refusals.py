"""A bad request gets an error and a close with 1000; what the exchange does not say, it does not say here."""

from collections.abc import Callable
from typing import Any

import pytest

from websocket_v6.simulator import Answers, Limits

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", '{"error":{"message":"Format 이 맞지 않습니다.","name":"WRONG_FORMAT"}}'),
        ("[{}]", '{"error":{"name":"NO_TICKET","message":"티켓이 존재하지 않거나, 유효하지 않습니다."}}'),
        (
            '[{"ticket":"t"},{"type":"nope"}]',
            '{"error":{"message":"nope 은 지원하지 않는 타입입니다.","name":"INVALID_PARAM"}}',
        ),
    ],
)
def test_an_error_and_then_a_close(simulator: Make, client: Make, text: str, expected: str) -> None:
    sim = simulator()
    reader = client(sim.url)
    reader.connection.send(text)
    assert reader.text() == expected
    assert reader.ended() == (1000, "")
    sim.wait_connected(0)
    assert sim.connections()[0].close_code == 1000
    assert sim.notices() == [expected]


def test_an_error_ends_the_streams_that_ran(simulator: Make, client: Make) -> None:
    sim = simulator()
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC"]})
    reader.read()
    reader.ask({"type": "trade", "codes": []})
    assert reader.read()["error"]["name"] == "INVALID_PARAM"
    assert reader.ended() == (1000, "")
    sim.wait_connected(0)
    assert sim.served() == frozenset()


@pytest.mark.parametrize(("wrapped", "start"), [(False, '{"error"'), (True, '[{"error"')])
def test_list_formats_may_wrap_errors(simulator: Make, client: Make, wrapped: bool, start: str) -> None:
    reader = client(simulator(answers=Answers(wrap_errors=wrapped)).url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC"]}, format="SIMPLE_LIST")
    reader.read()
    reader.connection.send("hello")
    assert reader.text().startswith(start)


def test_a_request_in_a_binary_frame_is_read_or_not(simulator: Make, client: Make) -> None:
    text = b'[{"ticket":"t"},{"type":"trade","codes":["KRW-BTC"]}]'
    for read in (True, False):
        reader = client(simulator(answers=Answers(binary_requests=read)).url)
        reader.connection.send(text)
        assert ("error" in reader.read()) != read


def test_the_sixth_message_within_a_second_is_too_many(simulator: Make, client: Make) -> None:
    sim = simulator(limits=Limits(), frozen=True)
    reader, other = client(sim.url), client(sim.url)
    for _ in range(5):
        reader.ask({"method": "LIST_SUBSCRIPTIONS"})
        assert reader.read()["result"] == []
    other.ask({"method": "LIST_SUBSCRIPTIONS"})
    assert other.read()["result"] == []
    reader.ask({"method": "LIST_SUBSCRIPTIONS"})
    assert reader.read()["error"]["name"] == "TOO_MANY_REQUEST"
    assert reader.ended() == (1000, "")


def test_a_hundred_messages_a_minute_are_allowed(simulator: Make, client: Make) -> None:
    sim = simulator(limits=Limits(), frozen=True, answers=Answers(rate_error="NO_TICKET", rate_error_closes=False))
    reader = client(sim.url)
    for number in range(101):
        sim.advance(0.25)
        reader.ask({"method": "LIST_SUBSCRIPTIONS"})
        answer = reader.read()
        assert ("error" in answer) == (number == 100)
    assert answer["error"]["name"] == "NO_TICKET"
    sim.advance(60, idle=False)
    reader.ask({"method": "LIST_SUBSCRIPTIONS"})
    assert reader.read()["result"] == []


@pytest.mark.parametrize(("counts", "closes"), [(False, False), (True, True)])
def test_a_text_ping_may_count_as_a_message(simulator: Make, client: Make, counts: bool, closes: bool) -> None:
    sim = simulator(limits=Limits(), frozen=True, answers=Answers(text_ping_counts=counts))
    reader = client(sim.url)
    for _ in range(6):
        reader.connection.send("PING")
    reader.ask({"method": "LIST_SUBSCRIPTIONS"})
    assert ("error" in reader.read()) == closes


def test_a_switch_takes_only_the_answers_it_knows() -> None:
    with pytest.raises(ValueError, match="auth_refusal='maybe' is no answer: choose one of http, on_open, on_request"):
        Answers(auth_refusal="maybe")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="stray_frames=3"):
        Answers(stray_frames=3)
    with pytest.raises(ValueError, match="list_batch=0"):
        Answers(list_batch=0)
