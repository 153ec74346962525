"""Who is let in: paths, tokens, limits, planned refusals."""

import json
import socket
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from websockets.exceptions import InvalidStatus

from websocket_v6.simulator import Answers, Limits

Make = Callable[..., Any]


def refused(client: Make, url: str, **options: Any) -> tuple[int, Any, Any]:
    """Return status, headers and the JSON body of a refused handshake."""
    with pytest.raises(InvalidStatus) as caught:
        client(url, **options)
    response = caught.value.response
    return response.status_code, response.headers, json.loads(response.body)


def test_there_are_three_endpoints(simulator: Make, client: Make, bearer: Make) -> None:
    sim = simulator()
    client(sim.url)
    client(sim.private_url, additional_headers=bearer(sim))
    client(sim.info_url, additional_headers=bearer(sim, algorithm="HS256"))
    infos = sim.wait_connected(3)
    assert [info.endpoint for info in infos] == ["public", "private", "info"]
    assert [info.access_key for info in infos] == [None, sim.access_key, sim.access_key]
    assert refused(client, f"{sim.url}/nowhere")[0] == 404


def test_an_upgrade_tells_what_remains_and_keeps_no_secret(simulator: Make, client: Make, bearer: Make) -> None:
    sim = simulator(limits=Limits(), frozen=True)
    headers = bearer(sim)
    reader = client(sim.private_url, additional_headers={**headers, "X-Upbit-Client-Name": "bot"})
    response = reader.connection.response.headers
    assert response["remaining-req"] == "group=websocket; min=300; sec=4"
    assert response["limit-by-ip"] == "Yes"
    info = sim.connections()[0]
    assert info.headers["x-upbit-client-name"] == "bot"
    assert headers["Authorization"][7:] not in repr(info)
    assert sim.secret_key not in repr(info) + repr(sim)


@pytest.mark.parametrize(
    ("token", "name"),
    [
        (None, "no_authorization_token"),
        ("Basic x", "no_authorization_token"),
        ("Bearer x.y.z", "jwt_verification"),
        ("Bearer nonsense", "jwt_verification"),
    ],
)
def test_no_token_and_no_sense(simulator: Make, client: Make, token: str | None, name: str) -> None:
    sim = simulator()
    status, _, body = refused(client, sim.private_url, additional_headers={"Authorization": token} if token else {})
    assert (status, body["error"]["name"]) == (401, name)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"secret": "another-secret-that-is-long-enough-for-the-algorithm-in-question"}, "jwt_verification"),
        ({"access_key": "nobody"}, "jwt_verification"),
        ({"algorithm": "HS384"}, "jwt_verification"),
        ({"nonce": None}, "invalid_query_payload"),
    ],
)
def test_a_token_that_does_not_fit(
    simulator: Make, client: Make, bearer: Make, options: dict[str, Any], name: str
) -> None:
    sim = simulator()
    status, _, body = refused(client, sim.info_url, additional_headers=bearer(sim, **options))
    assert (status, body["error"]["name"]) == (401, name)


def test_a_token_works_once_unless_nonces_are_not_looked_at(simulator: Make, client: Make, bearer: Make) -> None:
    sim = simulator()
    headers = bearer(sim)
    client(sim.private_url, additional_headers=headers)
    assert refused(client, sim.private_url, additional_headers=headers)[2]["error"]["name"] == "nonce_used"
    sim = simulator(answers=Answers(nonce_checked=False))
    for _ in range(2):
        client(sim.private_url, additional_headers=headers)


def test_extra_claims_and_other_algorithms_are_a_switch(simulator: Make, client: Make, bearer: Make) -> None:
    sim = simulator(answers=Answers(hs384_accepted=True))
    client(sim.private_url, additional_headers=bearer(sim, algorithm="HS384", exp=1))
    sim = simulator(answers=Answers(token_expiry_checked=True))
    assert refused(client, sim.private_url, additional_headers=bearer(sim, exp=1))[0] == 401
    sim = simulator(answers=Answers(extra_claims_refused=True))
    client(sim.private_url, additional_headers=bearer(sim))
    assert refused(client, sim.private_url, additional_headers=bearer(sim, iat=1))[0] == 401


@pytest.mark.parametrize("when", ["on_open", "on_request"])
def test_a_bad_token_may_be_refused_in_band(simulator: Make, client: Make, when: str) -> None:
    sim = simulator(answers=Answers(auth_refusal=when, auth_close_code=1008))  # type: ignore[arg-type]
    reader = client(sim.private_url)
    if when == "on_request":
        assert reader.is_silent()
        reader.ask({"type": "myAsset"})
    assert reader.text() == '{"error":{"name":"INVALID_AUTH","message":"인증 정보가 올바르지 않습니다."}}'
    assert reader.ended() == (1008, "")


def test_keys_end(simulator: Make, client: Make, bearer: Make) -> None:
    sim = simulator(answers=Answers(key_end_closes=True))
    sim.add_key("other", "another-secret-that-is-long-enough-for-the-algorithm-in-question")
    reader = client(sim.private_url, additional_headers=bearer(sim))
    sim.expire_key()
    assert reader.ended() == (1000, "")
    assert refused(client, sim.private_url, additional_headers=bearer(sim))[2]["error"]["name"] == "expired_access_key"
    sim.add_key(sim.access_key, sim.secret_key, ip_allowed=False)
    name = refused(client, sim.private_url, additional_headers=bearer(sim))[2]["error"]["name"]
    assert name == "no_authorization_ip"
    sim.revoke_key()
    assert refused(client, sim.private_url, additional_headers=bearer(sim))[2]["error"]["name"] == "jwt_verification"


def test_a_key_that_loses_its_address(simulator: Make, client: Make, bearer: Make) -> None:
    sim = simulator(answers=Answers(key_end_closes=True, key_end_frame=False))
    reader = client(sim.private_url, additional_headers=bearer(sim))
    sim.allow_ip(False)
    assert reader.ended() is None
    name = refused(client, sim.private_url, additional_headers=bearer(sim))[2]["error"]["name"]
    assert name == "no_authorization_ip"
    sim.allow_ip(True)
    client(sim.private_url, additional_headers=bearer(sim))


def test_a_socket_whose_key_is_gone_may_not_ask_anew(simulator: Make, client: Make, bearer: Make) -> None:
    sim = simulator(answers=Answers(key_end_refuses=True))
    reader = client(sim.private_url, additional_headers=bearer(sim))
    reader.ask({"type": "announcement"})
    sim.wait_served({"announcement *"}, endpoint="private")
    sim.allow_ip(False)
    sim.announce("still told")
    assert reader.read()["title"] == "still told"
    reader.ask({"type": "announcement"})
    assert reader.read()["error"]["name"] == "INVALID_AUTH"
    assert reader.ended() == (1000, "")


@pytest.mark.parametrize("status", [429, 503])
def test_public_sockets_may_be_too_many(simulator: Make, client: Make, status: int) -> None:
    sim = simulator(limits=Limits(public_connections=2, connections_status=status, connects_per_second=None))
    first, _ = client(sim.url), client(sim.url)
    assert refused(client, sim.url)[0] == status
    first.connection.close()
    sim.wait_connected(1, endpoint="public")
    client(sim.url)


def test_refusals_are_in_the_words_of_the_region(simulator: Make, client: Make) -> None:
    bodies = [refused(client, simulator(region=region).private_url)[2]["error"] for region in ("kr", "sg")]
    assert [body["name"] for body in bodies] == ["no_authorization_token"] * 2
    assert [body["message"].isascii() for body in bodies] == [False, True]


def test_an_open_socket_outlives_its_key_by_default(simulator: Make, client: Make, bearer: Make) -> None:
    sim = simulator()
    reader = client(sim.private_url, additional_headers=bearer(sim))
    sim.revoke_key()
    assert reader.is_silent()
    assert sim.connections()[0].open


def test_a_key_may_have_too_many_private_connections(simulator: Make, client: Make, bearer: Make) -> None:
    sim = simulator(limits=Limits(private_connections=1))
    client(sim.private_url, additional_headers=bearer(sim))
    assert refused(client, sim.private_url, additional_headers=bearer(sim))[0] == 429
    client(sim.url)


def test_connects_are_limited_by_address_and_with_a_token_by_key(simulator: Make, client: Make, bearer: Make) -> None:
    sim = simulator(limits=Limits(), frozen=True)
    for _ in range(5):
        client(sim.url)
    status, headers, _ = refused(client, sim.url)
    assert (status, headers["Remaining-Req"]) == (429, "group=websocket; min=300; sec=0")
    client(sim.url, additional_headers=bearer(sim))
    client(sim.private_url, additional_headers=bearer(sim))
    sim.advance(1.0)
    client(sim.url)


def test_who_does_not_listen_is_blocked(simulator: Make, client: Make) -> None:
    sim = simulator(limits=Limits(connects_per_second=1), frozen=True)
    client(sim.url)
    statuses = [refused(client, sim.url)[0] for _ in range(4)]
    assert statuses == [429, 429, 429, 418]
    sim.advance(5.0)
    status, headers, body = refused(client, sim.url)
    assert (status, headers["Retry-After"]) == (418, "6")
    assert "blocked for 6 seconds" in body["error"]["message"]
    sim.advance(5.0)
    client(sim.url)


def test_an_origin_header_has_a_bucket_of_its_own(simulator: Make, client: Make) -> None:
    sim = simulator(limits=Limits(), frozen=True)
    client(sim.url, origin="http://example.com")
    assert refused(client, sim.url, origin="http://example.com")[0] == 429
    client(sim.url)
    sim.advance(10.0)
    client(sim.url, origin="http://example.com")


@pytest.mark.parametrize("status", [401, 418, 429, 500])
def test_refusals_can_be_planned(simulator: Make, client: Make, bearer: Make, status: int) -> None:
    sim = simulator()
    sim.refuse(status, times=2, headers={"Retry-After": "3"})
    for _ in range(2):
        got, headers, body = refused(client, sim.url)
        assert (got, headers["Retry-After"], "error" in body) == (status, "3", True)
    client(sim.url)
    sim.refuse(status, times=None, body={"error": {"name": "maintenance"}}, endpoint="private")
    client(sim.url)
    for _ in range(2):
        options = {"additional_headers": bearer(sim)}
        assert refused(client, sim.private_url, **options)[2] == {"error": {"name": "maintenance"}}
    sim.accept()
    client(sim.private_url, additional_headers=bearer(sim))


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_balancer_answers_with_a_page(simulator: Make, client: Make, status: int) -> None:
    sim = simulator()
    sim.refuse(status)
    with pytest.raises(InvalidStatus) as caught:
        client(sim.url)
    response = caught.value.response
    assert (response.status_code, response.headers["Content-Type"]) == (status, "text/html")
    assert f"<title>{status} ".encode() in response.body
    client(sim.url)


def test_a_handshake_can_stay_without_an_answer(simulator: Make, client: Make) -> None:
    sim = simulator()
    sim.stall(handshakes=True)
    with pytest.raises(TimeoutError):
        client(sim.url, open_timeout=0.2)
    sim.resume()
    client(sim.url)


def test_a_stopped_exchange_ends_unanswered_handshakes_too(simulator: Make) -> None:
    sim = simulator()
    sim.stall(handshakes=True)
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    lines = ["GET /websocket/v1 HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
    with socket.create_connection(("127.0.0.1", sim.port), 5.0) as sock:
        sock.sendall("\r\n".join(lines).encode())
        sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(5.0)
        sim.stop()
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


def test_a_nonce_is_any_text(simulator: Make, client: Make, bearer: Make) -> None:
    sim = simulator()
    for nonce in (str(uuid4()), "abc"):
        client(sim.private_url, additional_headers=bearer(sim, nonce=nonce))
