"""actors/server/network_door.py: what is remembered of a door while its servers come and go."""

import logging

import pykka
import pytest

from tests.actors.ear import Ear
from websocket_v6.actors.server.network_door import NetworkDoor
from websocket_v6.actors.server.opening import prepare
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.server.network import Network


@pytest.fixture
def address() -> "pykka.Future[str]":
    return pykka.ThreadingFuture()


@pytest.fixture
def door(address: "pykka.Future[str]") -> NetworkDoor:
    door = NetworkDoor()
    door.open(prepare(Network(0)), address)
    return door


def test_without_an_order_there_is_none() -> None:
    door = NetworkDoor()
    door.opened("127.0.0.1:1")
    assert not door.failed("nobody asked")
    assert door.opening is None
    with pytest.raises(LookupError):
        door.start(Config(), {}, Ear().ref)


def test_it_is_opened_again_where_it_was(door: NetworkDoor, address: "pykka.Future[str]") -> None:
    door.opened("127.0.0.1:4711")
    assert address.get(timeout=0) == "127.0.0.1:4711"
    assert door.opening is not None
    assert door.opening.address == "127.0.0.1:4711"


def test_at_first_it_is_not_tried_again(door: NetworkDoor, address: "pykka.Future[str]") -> None:
    assert not door.failed("Address already in use")
    with pytest.raises(OSError, match=r"cannot listen at 127\.0\.0\.1:0: Address already in use"):
        address.get(timeout=0)
    assert door.opening is None


def test_later_it_is_tried_on_and_told_once(door: NetworkDoor, caplog: pytest.LogCaptureFixture) -> None:
    door.opened("127.0.0.1:4711")
    with caplog.at_level(logging.WARNING):
        assert door.failed("taken")
        assert door.failed("taken")
        door.opened("127.0.0.1:4711")
        door.opened("127.0.0.1:4711")
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "cannot listen at 127.0.0.1:4711 again: taken" in caplog.text
