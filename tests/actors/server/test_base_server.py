"""What every server does, whoever its clients are: it listens, asks the router whether it is there, and ends."""

from pathlib import Path
from typing import Any

import pytest

from tests.actors.ear import Ear
from tests.conftest import wait_until
from websocket_v6.actors.base import stop_and_join, tell
from websocket_v6.actors.messages.router import Beat, Beaten
from websocket_v6.actors.messages.server import Dismiss
from websocket_v6.actors.messages.supervisor import DoorFailed, DoorOpened
from websocket_v6.actors.server import base_server as subject
from websocket_v6.actors.server.base_server import BaseServer
from websocket_v6.actors.server.server_client import Client, Session
from websocket_v6.protocol.websocket.server_handshake import Head

TIMEOUT = 20.0


class Empty(BaseServer):
    """Lets nobody in."""

    def _accept(self) -> None:
        raise AssertionError("nobody comes")

    def enter(self, client: Client, head: Head) -> Session | None:
        raise AssertionError("nobody comes")

    def left(self, client: Client, reason: str) -> None:
        raise AssertionError("nobody was there")


def start(address: str) -> tuple[Any, Ear, Ear]:
    router, owner = Ear(), Ear()
    return Empty.start(address, None, router.ref, owner.ref), router, owner


def test_it_says_where_it_listens_and_asks_at_once_whether_the_router_is_there(tmp_path: Path) -> None:
    ref, router, owner = start(str(tmp_path / "door"))
    assert owner.hear(TIMEOUT) == DoorOpened(ref, str(tmp_path / "door"))
    assert router.hear(TIMEOUT) == Beat(ref)
    assert stop_and_join(ref, TIMEOUT)
    assert not (tmp_path / "door").exists()


def test_where_it_cannot_listen_it_says_why_and_ends(tmp_path: Path) -> None:
    ref, router, owner = start(str(tmp_path / "nowhere" / "door"))
    failed = owner.hear(TIMEOUT)
    assert isinstance(failed, DoorFailed)
    assert "No such file" in failed.reason
    wait_until(lambda: not ref.is_alive(), "its end")
    assert stop_and_join(ref, TIMEOUT)
    assert router.heard() == []


@pytest.mark.parametrize("answers", [True, False])
def test_it_serves_as_long_as_the_router_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    for name, seconds in (("LOOK", 0.05), ("BEAT", 0.05), ("DEAD", 0.4)):
        monkeypatch.setattr(subject, name, seconds)
    path = tmp_path / "door"
    ref, router, owner = start(str(path))
    owner.hear(TIMEOUT)
    if answers:
        for _ in range(25):
            router.hear(TIMEOUT)
            tell(ref, Beaten())
        assert path.exists()
    wait_until(lambda: not path.exists(), "its end as a server")
    assert stop_and_join(ref, TIMEOUT)


def test_who_is_dismissed_twice_is_dismissed(tmp_path: Path) -> None:
    ref, _, owner = start(str(tmp_path / "door"))
    owner.hear(TIMEOUT)
    tell(ref, Dismiss(1001, "bye"))
    tell(ref, Dismiss(1001, "bye"))
    wait_until(lambda: not (tmp_path / "door").exists(), "its end as a server")
    assert stop_and_join(ref, TIMEOUT)


def test_what_the_machine_has_run_out_of_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nothing of the address: who started the server is told of a failure, and may try again."""
    failures: list[BaseException] = []
    monkeypatch.setattr(subject, "Listener", lambda _: (_ for _ in ()).throw(OSError(24, "Too many open files")))
    monkeypatch.setattr(Empty, "failed", lambda _self, error: failures.append(error))
    ref, _, owner = start(str(tmp_path / "door"))
    wait_until(lambda: failures, "its failure")
    assert stop_and_join(ref, TIMEOUT)
    assert owner.heard() == []
