"""Values that show themselves to nobody by themselves."""

import copy
import json
import pickle
from collections.abc import Callable

import msgpack
import msgspec
import pytest

from websocket_v6.protocol.secret import HiddenBytes, HiddenText, Secret

TEXT = "a-secret-of-some-length"
VALUES = [Secret(TEXT), HiddenBytes(TEXT.encode())]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("show", [repr, str, "{}".format, lambda value: repr([value]), lambda value: repr({1: value})])
def test_it_does_not_show(value: object, show: Callable[[object], str]) -> None:
    assert TEXT[:8] not in show(value)


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(
    "leave",
    [pickle.dumps, copy.deepcopy, json.dumps, msgspec.json.encode, msgspec.msgpack.encode, msgspec.to_builtins, vars],
)
def test_it_does_not_leave(value: object, leave: Callable[[object], object]) -> None:
    with pytest.raises(TypeError):
        leave(value)


def test_who_is_to_have_it_gets_it() -> None:
    secret, hidden = VALUES
    assert isinstance(secret, Secret)
    assert secret.reveal() == TEXT
    assert isinstance(hidden, HiddenBytes)
    assert type(bytes(hidden)) is bytes
    assert hidden == TEXT.encode() == bytes(hidden)
    with pytest.raises(TypeError):
        msgpack.packb(secret)


def test_equal_secrets_are_equal() -> None:
    assert Secret(TEXT) == Secret(TEXT) != Secret("other")
    assert hash(Secret(TEXT)) == hash(Secret(TEXT))
    assert Secret(TEXT) == TEXT != Secret("other"), "whoever has the text may ask"
    assert (bool(Secret("")), bool(Secret("x"))) == (False, True)
    assert repr(Secret("")) == "''"


def test_a_header_is_sent_and_not_shown() -> None:
    header = HiddenText(f"Bearer {TEXT}")
    assert f"Authorization: {header}" == ": ".join(["Authorization", header]) == f"Authorization: Bearer {TEXT}"
    assert TEXT not in repr({"Authorization": header})
    for leave in (pickle.dumps, copy.deepcopy, msgspec.json.encode):
        with pytest.raises(TypeError):
            leave(header)
