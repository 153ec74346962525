"""Who is known at a door, and who is believed to be a host."""

import copy
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.connection.door import (
    AUTH,
    MEMBER,
    NONCE,
    TERM,
    Door,
    DoorError,
    DoorProblem,
    auth,
    check_answer,
    is_known,
    offer,
)
from websocket_v6.protocol.secret import HiddenBytes

DOOR = Door("/run/x.sock", b"k" * 32, 7, "member-1", 4711)
ONCE = "0123456789abcdef" * 2


def read(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def answer(**changes: str) -> dict[str, str]:
    good = {AUTH: auth(DOOR.key, "host", ONCE), TERM: "7", "Sec-WebSocket-Protocol": "v6.2"}
    return read(good) | changes


def test_who_has_the_key_is_known() -> None:
    headers = offer(DOOR, ONCE)
    assert headers[MEMBER] == "member-1"
    assert MEMBER not in offer(msgspec.structs.replace(DOOR, member=""), ONCE)
    assert is_known(DOOR.key, read(headers))
    assert not is_known(b"other", read(headers))
    assert DOOR.key.hex() not in str(headers)


@pytest.mark.parametrize(
    "change",
    [
        {NONCE: ONCE.upper()},
        {NONCE: ONCE + "00"},
        {NONCE: ""},
        {NONCE: "f" * 32},
        {AUTH: ""},
        {AUTH: "\u20ac\udcff"},
        {AUTH: auth(DOOR.key, "host", ONCE)},
    ],
)
def test_who_has_not_the_key_is_not_known(change: dict[str, str]) -> None:
    assert not is_known(DOOR.key, read(offer(DOOR, ONCE) | change))
    assert not is_known(DOOR.key, {})


def test_a_nonce_that_is_none_is_not_known_even_with_the_key() -> None:
    for nonce in ("", "x" * 32, ONCE[:-1]):
        assert not is_known(DOOR.key, read({NONCE: nonce, AUTH: auth(DOOR.key, "guest", nonce)}))


def test_the_host_is_believed() -> None:
    check_answer(DOOR, ONCE, answer())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"x-v6-auth": ""}, DoorProblem.STRANGER),
        ({"x-v6-auth": "\u20ac"}, DoorProblem.STRANGER),
        ({"x-v6-auth": auth(DOOR.key, "guest", ONCE)}, DoorProblem.STRANGER),
        ({"x-v6-term": "8"}, DoorProblem.STRANGER),
        ({"x-v6-term": ""}, DoorProblem.STRANGER),
        ({"x-v6-term": "07"}, DoorProblem.STRANGER),
        ({"sec-websocket-protocol": "v7.0"}, DoorProblem.VERSION),
        ({"sec-websocket-protocol": ""}, DoorProblem.VERSION),
    ],
)
def test_whoever_is_not_the_host_is_not_believed(change: dict[str, str], problem: DoorProblem) -> None:
    with pytest.raises(DoorError) as caught:
        check_answer(DOOR, ONCE, answer(**change))
    assert caught.value.problem is problem


@given(st.dictionaries(st.sampled_from(["x-v6-auth", "x-v6-term", "x-v6-nonce", "sec-websocket-protocol"]), st.text()))
def test_whatever_is_said_at_a_door_nothing_but_the_documented_is_raised(headers: dict[str, str]) -> None:
    assert not is_known(DOOR.key, headers)
    with pytest.raises(DoorError):
        check_answer(DOOR, ONCE, headers)


def test_the_key_does_not_show() -> None:
    door = msgspec.structs.replace(DOOR, key=HiddenBytes(DOOR.key))
    assert repr(DOOR.key)[2:-1] not in repr(door) + str(door)
    assert door == DOOR


def test_an_error_is_the_same_in_every_process() -> None:
    error = DoorError("closed", DoorProblem.GONE, status=403, is_other_keys=True)
    for one in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own
        assert (str(one), one.problem, one.status, one.is_other_keys) == ("closed", DoorProblem.GONE, 403, True)
