"""The way through a door: let in by another process, within a time of its own; see also test_remote_handshake.py."""

import threading
import time
from pathlib import Path

import pytest

from tests.actors.ear import StandIn
from tests.actors.played_door import PlayedDoor, raw_door
from tests.foreign_errors import FOREIGN, made
from websocket_v6.actors.connection import door_opening
from websocket_v6.actors.connection.door_opening import DoorOpening
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import Door
from websocket_v6.protocol.connection.target import door_target
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error


def opening(door: Door) -> DoorOpening:
    return DoorOpening("public", door_target(door), Config(), StandIn().ref)


def failure(one: DoorOpening) -> WebSocketV6Error:
    with pytest.raises(WebSocketV6Error) as caught:
        one.open()
    assert one.ws.sock is None
    return caught.value


def test_who_is_let_in_has_a_connection_without_compression(tmp_path: Path) -> None:
    with PlayedDoor(tmp_path / "door") as played:
        one = opening(played.door)
        assert one.open() is None
        assert one.ws.connected
        assert played.requests[0].path == "/websocket/v1"
        one.close()


def test_who_was_given_up_meanwhile_is_not_let_in(tmp_path: Path) -> None:
    with PlayedDoor(tmp_path / "door") as played:
        one = opening(played.door)
        one.is_aborted = True
        assert "given up" in str(failure(one))


def test_another_process_has_a_time_of_its_own_to_answer_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_opening, "DOOR_TIMEOUT", 0.1)
    heard = threading.Event()
    with raw_door(tmp_path / "door", lambda _: heard.wait(5.0)) as door:
        began = time.monotonic()
        assert "does not answer" in str(failure(opening(door)))
        heard.set()
    assert time.monotonic() - began < 5.0, "a connection to the exchange may take longer"


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_whatever_is_raised_at_a_door_is_no_door(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise made(kind)

    monkeypatch.setattr("websocket_v6.actors.connection.door_handshake._connect", fail)
    assert isinstance(failure(opening(Door("/nowhere", b"k", 1, pid=4711))), TransportError)
