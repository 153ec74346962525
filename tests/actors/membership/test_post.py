"""The post of the host: who holds it listens, is found, and has the lock, and leaves nothing of that behind."""

from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import pykka
import pytest

from tests.actors.ear import Ear, StandIn
from websocket_v6.actors.jwt import GetFingerprint
from websocket_v6.actors.membership import post as subject
from websocket_v6.actors.membership.gateway import GuestCame
from websocket_v6.actors.membership.post import Post
from websocket_v6.actors.membership.rendezvous import Rendezvous
from websocket_v6.protocol.errors import ConfigError

URL = "wss://api.example/websocket/v1"


class World:
    """A post, its owner, and the keys' holder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.owner = Ear()
        self.jwt = StandIn("jwt", answers={GetFingerprint: lambda question: b"print of " + question.pipe_key})
        self.post = Post(folder, URL, self.jwt.ref, self.owner.ref)
        self.other = Rendezvous(folder, URL)  # another process

    def is_let_in(self, address: str) -> bool:
        try:
            client = Client(address)
        except OSError:
            return False
        came = self.owner.hear()
        assert isinstance(came, GuestCame)
        came.connection.close()
        client.close()
        return True


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "run")


def test_who_holds_it_is_found_and_lets_guests_in(world: World) -> None:
    assert world.post.rendezvous.try_lock()
    entry = world.post.take()
    assert world.post.entry == world.other.find_host() == entry
    assert world.is_let_in(entry.address)
    world.post.close()
    assert world.post.entry is None
    assert world.other.find_host() is None
    assert not world.is_let_in(entry.address)
    assert not world.other.try_lock(), "that is another matter"
    world.post.unlock()
    assert world.other.try_lock()
    world.other.unlock()
    assert list(world.folder.iterdir()) == []


def test_who_leaves_lets_go_of_everything(world: World) -> None:
    world.post.leave()  # nothing was held
    assert world.post.rendezvous.try_lock()
    entry = world.post.take()
    world.post.leave()
    assert world.post.entry is None
    assert not world.is_let_in(entry.address)
    assert world.other.try_lock()
    world.other.unlock()
    assert list(world.folder.iterdir()) == []


def test_it_is_taken_with_another_key_each_time(world: World) -> None:
    first = world.post.take()
    world.post.close()
    second = world.post.take()
    world.post.close()
    assert first.key != second.key
    assert first.address != second.address


def test_who_was_followed_does_not_take_back_the_others_announcement(world: World) -> None:
    world.post.take()
    entry = world.other.new_entry()
    world.other.announce(entry)
    world.post.close()
    assert world.other.find_host() == entry
    world.other.withdraw(entry)


def test_what_dead_hosts_left_is_swept_and_no_matter_if_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[str] = []

    def sweep(point: Rendezvous) -> None:
        assert point.find_host() is not None, "only after it was announced"
        swept.append("swept")
        raise ConfigError("no such folder") if len(swept) == 1 else PermissionError("not yours")

    monkeypatch.setattr(Rendezvous, "sweep_dead", sweep)
    for _ in range(2):
        assert world.post.take() == world.post.entry
        world.post.close()
    assert swept == ["swept", "swept"]


def test_an_address_that_cannot_be_listened_at_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError("no")

    monkeypatch.setattr(subject, "Gateway", fail)
    with pytest.raises(OSError, match="no"):
        world.post.take()
    world.post.close()
    assert world.post.entry is None
    assert world.other.find_host() is None


def test_a_post_that_cannot_be_announced_can_be_left(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Rendezvous, "announce", fail)
    assert world.post.rendezvous.try_lock()
    with pytest.raises(OSError, match="disk full"):
        world.post.take()
    assert world.post.entry is None, "nobody would find it"
    (address,) = (str(path) for path in world.folder.glob("*.sock"))
    assert world.is_let_in(address)
    world.post.leave()
    assert not world.is_let_in(address)
    assert world.other.try_lock()
    world.other.unlock()


def test_a_folder_that_cannot_be_used_is_found_out_when_it_is_needed(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("no folder")
    post = Post(tmp_path / "run", URL, StandIn().ref, Ear().ref)
    post.unlock()
    post.close()
    with pytest.raises(ConfigError):
        post.take()
    assert post.entry is None


# --- who has the same keys


def test_the_fingerprint_is_for_one_key_of_a_pipe(world: World) -> None:
    assert world.post.fingerprint(b"key") == b"print of key"
    assert world.post.own_keys() == b"", "who holds no post has nobody to compare with"
    entry = world.post.take()
    assert world.post.own_keys() == b"print of " + entry.key
    world.post.close()
    assert world.post.own_keys() == b""


@pytest.mark.parametrize("error", [pykka.ActorDeadError, pykka.Timeout])
def test_without_an_answer_there_are_no_keys(world: World, error: type[Exception]) -> None:
    def fail(_: object) -> bytes:
        raise error

    world.jwt.answers[GetFingerprint] = fail
    assert world.post.fingerprint(b"key") == b""
