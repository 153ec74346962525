"""Who may come in at the door: a table of handshakes."""

import base64
import os

import pytest

from websocket_v6.protocol.connection import door
from websocket_v6.protocol.connection.door import Door, check_answer, offer
from websocket_v6.protocol.connection.target import DOOR_PATHS
from websocket_v6.protocol.server.guest_entrance import Entered, Refusal, enter
from websocket_v6.protocol.server.words import SUBPROTOCOL
from websocket_v6.protocol.websocket.server_handshake import Head, read_head

KEY = b"k" * 32
NONCE = "ab" * 16
SHARED = {"m": ("public", "info"), "other": ()}


def head(path: str = door.MEMBER_PATH, *, key: bytes = KEY, member: str = "", **headers: str | None) -> Head:
    all_: dict[str, str | None] = {
        "host": "localhost",
        "connection": "keep-alive, Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": base64.b64encode(os.urandom(16)).decode(),
        "sec-websocket-protocol": SUBPROTOCOL,
    }
    all_ |= {name.lower(): value for name, value in offer(Door("", key, 1, member), NONCE).items()}
    all_ |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Head("GET", path, "", {name: value for name, value in all_.items() if value is not None})


def judge(one: Head) -> Entered | Refusal:
    return enter(one, key=KEY, term=7, shared=SHARED)


def headers_of(response: bytes) -> dict[str, str]:
    lines = response.decode().split("\r\n\r\n")[0].split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def test_whoever_has_the_key_may_be_a_member() -> None:
    found = judge(head())
    assert isinstance(found, Entered)
    assert (found.endpoint, found.member) == ("", "")
    assert found.response.startswith(b"HTTP/1.1 101 ")
    check_answer(Door("", KEY, 7), NONCE, headers_of(found.response))


def test_whoever_has_the_key_may_look() -> None:
    found = judge(head(door.STATE_PATH))
    assert isinstance(found, Entered)
    assert (found.endpoint, found.looks) == ("", True)
    stranger = judge(head(door.STATE_PATH, key=b"x" * 32))
    assert isinstance(stranger, Refusal)
    assert stranger.response.startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("endpoint", SHARED["m"])
def test_a_member_may_have_what_is_shared_with_it(endpoint: str) -> None:
    found = judge(head(DOOR_PATHS[endpoint], member="m"))
    assert isinstance(found, Entered)
    assert (found.endpoint, found.member) == (endpoint, "m")


def test_lists_of_markets_are_had_by_who_has_public_data() -> None:
    found = judge(head(DOOR_PATHS["markets"], member="m"))
    assert isinstance(found, Entered)
    assert found.endpoint == "markets"
    assert isinstance(judge(head(DOOR_PATHS["markets"], member="other")), Refusal)


@pytest.mark.parametrize("offered", [f"v9, {SUBPROTOCOL}", f" {SUBPROTOCOL}\t,v0"])
def test_one_version_in_common_is_enough(offered: str) -> None:
    found = judge(head(sec_websocket_protocol=offered))
    assert isinstance(found, Entered)
    assert headers_of(found.response)["sec-websocket-protocol"] == SUBPROTOCOL


def test_compression_is_never_agreed_on() -> None:
    found = judge(head(sec_websocket_extensions="permessage-deflate"))
    assert isinstance(found, Entered)
    assert "sec-websocket-extensions" not in headers_of(found.response)


@pytest.mark.parametrize(
    ("one", "status", "reason"),
    [
        (head(key=b"x" * 32), 403, "key"),
        (head(x_v6_nonce=None), 403, "key"),
        (head(x_v6_nonce=NONCE.upper()), 403, "key"),
        (head(x_v6_auth=""), 403, "key"),
        (head(x_v6_auth=door.auth(KEY, "host", NONCE)), 403, "key"),
        (head(key=b"x" * 32, sec_websocket_protocol="v9"), 403, "key"),
        (head(sec_websocket_protocol=None), 426, "no version"),
        (head(sec_websocket_protocol="v9"), 426, "v9"),
        (head(sec_websocket_version="8"), 426, ""),
        (head(sec_websocket_key="short"), 400, ""),
        (head("/favicon.ico"), 404, "nothing"),
        (head(DOOR_PATHS["public"]), 403, "no member"),
        (head(DOOR_PATHS["public"], member="nobody"), 403, "no member"),
        (head(DOOR_PATHS["private"], member="m"), 403, "keys"),
        (head(DOOR_PATHS["public"], member="other"), 403, "keys"),
    ],
)
def test_all_others_may_not(one: Head, status: int, reason: str) -> None:
    found = judge(one)
    assert isinstance(found, Refusal)
    assert found.response.startswith(b"HTTP/1.1 %d " % status)
    assert reason in found.reason
    headers = headers_of(found.response)
    assert door.AUTH.lower() not in headers, "nothing is proved to who is not let in"
    assert (door.OTHER_KEYS.lower() in headers) == (reason == "keys")
    if "version" in reason or reason == "v9":
        assert headers["sec-websocket-protocol"] == SUBPROTOCOL


def test_what_a_stranger_says_is_not_repeated_without_end() -> None:
    found = judge(head("/" + "x" * 5000))
    assert isinstance(found, Refusal)
    assert len(found.reason) < 200
    found = judge(head(sec_websocket_protocol="v" * 5000))
    assert isinstance(found, Refusal)
    assert len(found.reason) < 200


def test_the_head_is_read_as_it_was_sent() -> None:
    lines = "\r\n".join(f"{name}: {value}" for name, value in head().headers.items())
    found = read_head(f"GET {door.MEMBER_PATH} HTTP/1.1\r\n{lines}\r\n\r\n".encode())
    assert found is not None
    assert isinstance(judge(found[0]), Entered)
