"""protocol/websocket/handshake.py: the response of a good handshake to the letter, and what a refused one means."""

import json
import pickle
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.errors import (
    AuthenticationError,
    RateLimitedError,
    RemoteProtocolError,
    TransportError,
    WebSocketV6Error,
)
from websocket_v6.protocol.limits import RETRY_AFTER
from websocket_v6.protocol.websocket.handshake import accept_for, check_response, date_ms, refusal

# The example of RFC 6455, 1.3.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
UPGRADE = {"upgrade": "websocket", "connection": "Upgrade"}


def error_body(name: object, message: str = "a message") -> bytes:
    return json.dumps({"error": {"name": name, "message": message}}).encode()


# --- the response


def test_the_example_of_the_rfc_is_accepted() -> None:
    assert accept_for(KEY) == ACCEPT
    check_response({**UPGRADE, "sec-websocket-accept": ACCEPT}, key=KEY)
    check_response(
        {"Upgrade": "WebSocket", "Connection": "keep-alive, upgrade", "Sec-WebSocket-Accept": f" {ACCEPT} "}, key=KEY
    )


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-websocket-accept": ""},
        {"sec-websocket-accept": KEY},
        {"sec-websocket-accept": ACCEPT.lower()},
        {"sec-websocket-accept": ACCEPT.swapcase()},
        {"sec-websocket-accept": ACCEPT.rstrip("=")},
        {"sec-websocket-accept": accept_for(KEY[::-1])},
    ],
)
def test_a_wrong_accept_is_a_remote_error(headers: Mapping[str, str]) -> None:
    with pytest.raises(RemoteProtocolError, match="Sec-WebSocket-Accept") as raised:
        check_response(UPGRADE | dict(headers), key=KEY)
    assert raised.value.close_code == 1002


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"upgrade": "h2c", "connection": "upgrade"},
        {"upgrade": "websocket", "connection": "keep-alive"},
        {"connection": "upgrade"},
        {"upgrade": "websocket"},
    ],
)
def test_an_answer_that_upgrades_to_nothing_is_a_remote_error(headers: Mapping[str, str]) -> None:
    with pytest.raises(RemoteProtocolError, match="lacks") as raised:
        check_response({**headers, "sec-websocket-accept": ACCEPT}, key=KEY)
    assert raised.value.close_code == 1002


def test_a_subprotocol_never_asked_for_is_a_remote_error() -> None:
    headers = {**UPGRADE, "sec-websocket-accept": ACCEPT, "Sec-WebSocket-Protocol": "chat"}
    check_response(headers, key=KEY, subprotocols=["soap", "chat"])
    for asked in ([], ["soap"], ["Chat"]):
        with pytest.raises(RemoteProtocolError, match="chat"):
            check_response(headers, key=KEY, subprotocols=asked)


# --- refusals


@pytest.mark.parametrize("status", [418, 429, 503])
@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": "999999999"},
        {"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"},
        {"retry-after": "Fri, 31 Dec 9999 23:59:59 -2359", "date": "Mon, 01 Jan 0001 00:00:00 +2359"},
        {"retry-after": "Mon, 01 Jan 0001 00:00:00 GMT", "date": "Fri, 31 Dec 9999 23:59:59 GMT"},
        {"retry-after": "9" * 100},
    ],
)
@pytest.mark.parametrize("body", [b"", error_body(418, "blocked for 999999999 hours")])
def test_no_wait_is_longer_than_the_limit_in_whatever_form_it_is_told(
    status: int, headers: Mapping[str, str], body: bytes
) -> None:
    for given_ in (headers, {}):
        error = refusal(status, given_, body)
        assert isinstance(error, TransportError)
        assert error.retry_after is None or 0.0 <= error.retry_after <= RETRY_AFTER
        assert "e+" not in str(error)


@pytest.mark.parametrize("status", [429, 418])
@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({}, b"", None),
        ({"retry-after": "30"}, b"", 30.0),
        ({"Retry-After": " 7 "}, error_body(418, "blocked for 5 minutes"), 7.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, error_body(418, "blocked for 5 minutes"), 300.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:27:15 GMT"}, b"", 45.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:29:15 GMT"}, b"", 0.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "some day"}, b"", None),
        ({"Retry-After": "-1"}, b"", None),
        ({}, error_body(418, "Too many requests, blocked for 10 seconds"), 10.0),
        ({}, error_body(418, "try again in 1.5 hours"), 600.0),
        ({}, error_body(418, "blocked for 90s."), 90.0),
        ({}, error_body(418, "요청이 너무 많습니다. 10분 후에 다시 시도해 주세요."), 600.0),
        ({}, error_body(418, "30초간 차단되었습니다"), 30.0),
        ({}, error_body(418, "2시간 동안 차단"), 600.0),
        ({}, error_body(418, "1 Hour"), 600.0),
        ({}, error_body(418, "0.5 Minutes"), 30.0),
        ({}, error_body(429, "more than 5 requests"), None),
        ({}, b"I'm a teapot, come back in 3 min", 180.0),
        ({}, error_body(418, "blocked for " + "9" * 400 + " seconds"), None),
    ],
)
def test_too_many_connects(status: int, headers: Mapping[str, str], body: bytes, wait: float | None) -> None:
    error = refusal(status, headers, body)
    assert isinstance(error, RateLimitedError)
    assert (error.status, error.retry_after) == (status, wait)
    assert f"HTTP {status}" in str(error)
    assert "wait" in str(error)
    what = "has blocked this address" if status == 418 else "refused the connection as one too many"
    assert what in str(error)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("no_authorization_token", "give the access and secret keys"),
        ("jwt_verification", "secret key belongs to the access key"),
        ("expired_access_key", "new key"),
        ("no_authorization_ip", "allow list"),
        ("out_of_scope", "permission"),
        ("something_new", "check the keys"),
    ],
)
def test_refused_keys(status: int, name: str, remedy: str) -> None:
    error = refusal(status, {}, error_body(name, "잘못된 토큰"))
    assert isinstance(error, AuthenticationError)
    assert error.name == name
    assert name in str(error)
    assert "잘못된 토큰" in str(error)
    assert remedy in str(error)


def test_a_401_without_words_still_means_the_keys() -> None:
    error = refusal(401, {}, b"")
    assert isinstance(error, AuthenticationError)
    assert error.name is None


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, b"<html><h1>Forbidden</h1></html>", "gateway"),
        (500, b"", "out of order"),
        (503, error_body("maintenance", "점검 중"), "maintenance: 점검 중"),
        (301, b"", "check the configured URL"),
        (404, error_body(404, "Code not found"), "404: Code not found"),
        (404, b"", "check the configured URL"),
        (499, b"", "check the configured URL"),
        (200, b"hello", "check the configured URL"),
    ],
)
def test_everything_else_is_a_transport_error(status: int, body: bytes, words: str) -> None:
    error = refusal(status, {}, body)
    assert type(error) is TransportError
    assert words in str(error)
    assert f"HTTP {status}" in str(error)


@pytest.mark.parametrize("status", [401, 403, 418, 429, 500, 400])
def test_no_token_gets_into_a_message(status: int) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJhY2Nlc3Nfa2V5IjoiS0VZIn0.QhT3-kd_6Wm0bDnO5zLW3Dh9UVtCzVqR3rkJ4pH2jBc"
    access_key = "xQ3mV8pT1kZr6LwYb0Nc5HdJ2sGf9AeU4oRiXt7K"
    bodies = [
        error_body("jwt_verification", f"bad token Bearer {token}"),
        error_body(token, f"key={access_key}"),
        f"Authorization: Bearer {token}".encode(),
        f"{'x ' * 95}{token}".encode(),
        json.dumps({"detail": {"token": token}}).encode(),
    ]
    for body in bodies:
        error = refusal(status, {"authorization": f"Bearer {token}"}, body)
        shown = f"{error} {error!r} {vars(error)}"
        for secret in (*token.split("."), access_key):
            assert secret[:16] not in shown


@given(
    st.integers(0, 999),
    st.dictionaries(st.text(max_size=5) | st.just("Retry-After"), st.text(max_size=20)),
    st.binary(max_size=300) | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "name", "message", "x"]), inner, max_size=3),
    ).map(lambda value: json.dumps(value).encode()),
)  # fmt: skip
def test_any_refusal_is_an_error_of_ours(status: int, headers: dict[str, str], body: bytes) -> None:
    error = refusal(status, headers, body)
    assert isinstance(error, WebSocketV6Error)
    assert len(str(error)) < 700
    assert str(error).isprintable()
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - of our own making


def test_two_hundred_characters_of_the_words_are_shown() -> None:
    words = "ab " * 200
    assert f"HTTP 404 ({words[:197]}...)" in str(refusal(404, {}, words.encode()))


def test_a_hostile_body_is_only_cut() -> None:
    for body in (b"[" * 1_000_000, b'{"error":' * 200_000, b"\xff" * 1_000_000, b"1" * 1_000_000):
        assert len(str(refusal(503, {}, body))) < 700


@pytest.mark.parametrize(
    ("headers", "body", "wait"), [({"Retry-After": "120"}, b"", 120.0), ({}, b"back in 5 minutes", None)]
)
def test_an_exchange_that_is_out_of_order_may_say_for_how_long(
    headers: Mapping[str, str], body: bytes, wait: float | None
) -> None:
    error = refusal(503, headers, body)
    assert isinstance(error, TransportError)
    assert error.retry_after == wait, "only the header is meant for us"


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_says_that_nobody_follows_it(status: int) -> None:
    error = refusal(status, {"location": "https://login.hotel.example/"}, b"<html>welcome</html>")
    assert type(error) is TransportError
    assert f"HTTP {status} (<html>welcome</html>), a redirect" in str(error)
    assert "hotel" not in str(error)


@pytest.mark.parametrize(
    ("headers", "ms"),
    [
        ({"Date": "Fri, 20 Nov 2026 12:00:05 GMT"}, 1_795_176_005_000),
        ({"date": "Fri, 20 Nov 2026 12:00:05 GMT"}, 1_795_176_005_000),
        ({}, None),
        ({"Date": "soon"}, None),
        ({"Date": "Fri, 20 Nov 999999999 12:00:05 GMT"}, None),
    ],
)
def test_what_time_the_answer_says_it_is(headers: dict[str, str], ms: int | None) -> None:
    assert date_ms(headers) == ms
