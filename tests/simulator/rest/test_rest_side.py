"""Tokens, permissions, limits and faults of the REST calls."""

import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest

from websocket_v6.simulator import Answers, Limits

Make = Callable[..., Any]


def test_a_token_is_good_for_one_call_with_its_parameters(simulator: Make, caller: Make) -> None:
    call = caller(simulator())
    plain = "market=KRW-BTC&states[]=wait&states[]=watch"
    path = "/v1/orders/open?market=KRW-BTC&states%5B%5D=wait&states[]=watch"
    headers = call.headers(plain)
    assert call.send("GET", path, None, headers).status == 200
    assert call.send("GET", path, None, headers).error == "nonce_used"
    for wrong in ("", "market=KRW-BTC", plain.replace("[]", "%5B%5D")):
        answer = call.send("GET", path, None, call.headers(wrong))
        assert (answer.status, answer.error) == (401, "invalid_query_payload")
    assert call.send("GET", path, None, call.headers(plain, query_hash_alg="SHA256")).error == "invalid_query_payload"


def test_parameters_come_in_a_query_a_json_body_or_a_form(simulator: Make, caller: Make) -> None:
    call = caller(simulator())
    uuid = call.order()["uuid"]
    plain = f"uuid={uuid}"
    form = {**call.headers(plain), "Content-Type": "application/x-www-form-urlencoded"}
    assert call.send("GET", "/v1/order", plain, form).body["uuid"] == uuid
    body = {**call.headers(plain), "Content-Type": "application/json"}
    assert call.send("DELETE", "/v1/order", json.dumps({"uuid": uuid}), body).status == 200
    assert call.send("POST", "/v1/orders", "{", call.headers("x=y")).error == "invalid_parameter"
    assert call.send("POST", "/v1/orders", "[1]", body).status in {400, 401}


@pytest.mark.parametrize("answer", [401, 403])
def test_permissions(simulator: Make, caller: Make, answer: int) -> None:
    sim = simulator(answers=Answers(out_of_scope_status=answer))  # type: ignore[arg-type]
    secret = "another-secret-that-is-long-enough-for-the-algorithm-in-question"
    sim.add_key("reader", secret, ["orders"])
    call = caller(sim, "reader", secret)
    assert call("GET", "/v1/orders/open").status == call("GET", "/v1/api_keys").status == 200
    assert (call("GET", "/v1/accounts").status, call("GET", "/v1/accounts").error) == (answer, "out_of_scope")
    assert call("DELETE", "/v1/order", uuid="x").error == "out_of_scope"


def test_keys_that_are_not_good(simulator: Make, caller: Make) -> None:
    sim = simulator()
    assert caller(sim, "nobody")("GET", "/v1/accounts").error == "invalid_access_key"
    assert caller(sim, None, "a wrong secret" * 5)("GET", "/v1/accounts").error == "jwt_verification"
    call = caller(sim)
    assert call.send("GET", "/v1/accounts", None, {}).error == "no_authorization_token"
    sim.allow_ip(False)
    assert call("GET", "/v1/accounts").error == "no_authorization_ip"
    sim.allow_ip(True)
    assert call("GET", "/v1/accounts").status == 200
    sim.expire_key()
    assert call("GET", "/v1/accounts").error == "expired_access_key"


def test_each_account_sees_its_own(simulator: Make, caller: Make) -> None:
    sim = simulator()
    secret = "another-secret-that-is-long-enough-for-the-algorithm-in-question"
    sim.add_key("other", secret)
    uuid = caller(sim).order(identifier="same")["uuid"]
    other = caller(sim, "other", secret)
    assert other("GET", "/v1/order", uuid=uuid).error == "order_not_found"
    assert other("DELETE", "/v1/order", uuid=uuid).error == "order_not_found"
    assert other.order(identifier="same")["uuid"] != uuid


def test_limits_by_group_and_key(simulator: Make, caller: Make) -> None:
    sim = simulator(limits=Limits(), frozen=True)
    secret = "another-secret-that-is-long-enough-for-the-algorithm-in-question"
    sim.add_key("other", secret)
    call = caller(sim)
    answers = [call("GET", "/v1/accounts") for _ in range(31)]
    assert [answer.status for answer in answers] == [200] * 30 + [429]
    assert answers[0].headers["Remaining-Req"] == "group=default; min=1800; sec=29"
    assert answers[-1].headers["Remaining-Req"] == "group=default; min=1800; sec=0"
    assert answers[-1].body == {"error": {"name": 429, "message": "Too many API requests."}}
    # The market's calls, another key's and orders have their own.
    assert call("GET", "/v1/market/all").headers["Remaining-Req"] == "group=market; min=600; sec=9"
    assert caller(sim, "other", secret)("GET", "/v1/accounts").status == 200
    orders = [call("POST", "/v1/orders", market="KRW-BTC") for _ in range(13)]
    assert [answer.status for answer in orders] == [400] * 12 + [429]
    assert orders[0].headers["Remaining-Req"] == "group=order; min=720; sec=11"
    assert [call("DELETE", "/v1/orders/open").status for _ in range(2)] == [200, 429]
    sim.advance(2.0)
    assert call("DELETE", "/v1/orders/open").status == 200


def test_what_is_refused_says_what_is_left_too(simulator: Make, caller: Make) -> None:
    call = caller(simulator(limits=Limits(), frozen=True))
    answer = call("GET", "/v1/ticker", markets="KRW-NOPE")
    assert (answer.status, answer.headers["Remaining-Req"]) == (404, "group=ticker; min=600; sec=9")


@pytest.mark.parametrize("told", [True, False])
def test_who_goes_on_is_blocked_for_a_time(simulator: Make, caller: Make, told: bool) -> None:
    sim = simulator(limits=Limits(), frozen=True, answers=Answers(retry_after=told))
    call = caller(sim)
    answers = [call("GET", "/v1/market/all") for _ in range(14)]
    assert [answer.status for answer in answers[-4:]] == [429, 429, 429, 418]
    blocked = answers[-1]
    assert blocked.body["error"]["message"] == "Too many API requests, blocked for 11 seconds"
    assert blocked.headers["Retry-After"] == ("11" if told else None)
    assert blocked.headers["Remaining-Req"] == "group=market; min=600; sec=0"
    sim.advance(11)
    assert call("GET", "/v1/market/all").status == 200


def test_a_quota_may_be_told_in_bare_text(simulator: Make, caller: Make) -> None:
    sim = simulator(limits=Limits(rest_per_second=0), frozen=True, answers=Answers(quota_body="text"))
    call = caller(sim)
    call.connection.request("GET", "/v1/market/all")
    response = call.connection.getresponse()
    assert (response.status, response.read()) == (429, b"Too many API requests.")


def test_lists_that_fail_shrink_and_come_empty(simulator: Make, caller: Make) -> None:
    sim = simulator()
    call = caller(sim)
    sim.refuse(500, endpoint="/v1/market/all")
    sim.spoil("/v1/market/all", "empty", times=2)
    sim.spoil("/v1/market/all", "half")
    sim.spoil("/v1/accounts", "empty")
    sizes = []
    for _ in range(5):
        answer = call("GET", "/v1/market/all")
        sizes.append(len(answer.body) if answer.status == 200 else answer.status)
    assert sizes == [500, 0, 0, 10, 20]
    assert [call("GET", "/v1/accounts").body == [] for _ in range(2)] == [True, False]
    sim.spoil("/v1/market/all", "truncated")
    with pytest.raises(ValueError, match="line 1"):
        call("GET", "/v1/market/all")
    sim.spoil("/v1/market/all", "cut")
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        call("GET", "/v1/market/all")
    sim.spoil("/v1/market/all", "empty", times=None)
    assert [call("GET", "/v1/market/all").body for _ in range(3)] == [[], [], []]
    sim.mend()
    assert len(call("GET", "/v1/market/all").body) == 20
    with pytest.raises(ValueError, match="no way to spoil"):
        sim.spoil("/v1/market/all", "burn")


def test_a_refusal_may_be_a_page_of_something_in_front(simulator: Make, caller: Make) -> None:
    sim = simulator()
    sim.refuse(502, endpoint="rest")
    call = caller(sim)
    call.connection.request("GET", "/v1/market/all")
    response = call.connection.getresponse()
    assert (response.status, response.headers.get_all("Content-Type")) == (502, ["text/html"])
    assert b"<h1>502 Bad Gateway</h1>" in response.read()


def test_a_bug_of_ours_is_a_500_and_not_the_end(simulator: Make, caller: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    sim = simulator()
    call = caller(sim)
    monkeypatch.setattr("websocket_v6.simulator.rest.quotation_calls.korean_name", lambda _: 1 / 0)
    answer = call("GET", "/v1/market/all")
    assert (answer.status, answer.error) == (500, "server_error")
    assert call("GET", "/v1/ticker", markets="KRW-BTC").status == 200


def test_calls_are_noted_with_their_method(simulator: Make, caller: Make) -> None:
    sim = simulator()
    call = caller(sim)
    call.order()
    call("GET", "/v1/market/all")
    assert sim.rest_calls() == ["POST /v1/orders", "/v1/market/all"]
