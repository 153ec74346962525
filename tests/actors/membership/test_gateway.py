"""A host's door, with real sockets: who comes is told of, and a door that is closed is gone."""

import os
import socket
from collections.abc import Iterator
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import pytest

from tests.actors.ear import Ear, StandIn
from tests.conftest import wait_until
from websocket_v6.actors.membership import gateway as subject
from websocket_v6.actors.membership.gateway import Gateway, GuestCame


@pytest.fixture
def address(tmp_path: Path) -> str:
    return str(tmp_path / "g.sock")


@pytest.fixture
def owner() -> Ear:
    return Ear()


@pytest.fixture
def gateway(address: str, owner: Ear) -> Iterator[Gateway]:
    made = Gateway(address, owner.ref)
    yield made
    if made.ident is None:
        made.abandon()
    else:
        made.close()
    assert not made.is_alive()


def came(owner: Ear) -> Any:
    told = owner.hear()
    assert isinstance(told, GuestCame)
    return told.connection


def test_it_listens_from_the_moment_it_is_made(gateway: Gateway, address: str, owner: Ear) -> None:
    with Client(address) as early:
        gateway.start()
        with came(owner) as connection:
            early.send_bytes(b"hello")
            assert connection.recv_bytes() == b"hello"


def test_many_at_once_are_all_told_of(gateway: Gateway, address: str, owner: Ear) -> None:
    clients = [Client(address) for _ in range(20)]
    gateway.start()
    for _ in clients:
        came(owner).close()
    for client in clients:
        client.close()


def test_an_address_that_is_taken_is_an_error(gateway: Gateway, address: str, owner: Ear) -> None:
    with pytest.raises(OSError, match="in use"):
        Gateway(address, owner.ref)


def test_a_closed_one_is_gone_with_its_address(gateway: Gateway, address: str, owner: Ear) -> None:
    gateway.start()
    gateway.close()
    assert not gateway.is_alive()
    assert not Path(address).exists()
    assert owner.heard() == [], "what wakes it up is no guest"
    gateway.close()
    Gateway(address, owner.ref).abandon()  # the address is free


def test_who_comes_to_an_owner_that_is_gone_is_hung_up_on(address: str) -> None:
    owner = StandIn("owner")
    owner.is_dead = True
    gateway = Gateway(address, owner.ref)
    gateway.start()
    with Client(address) as client, pytest.raises(EOFError):
        client.recv_bytes()
    gateway.join(10)
    assert not gateway.is_alive(), "there is nobody to listen for"
    assert not Path(address).exists()
    gateway.close()


class Failing:
    """A listener without a descriptor for the next that come."""

    def __init__(self, listener: Any, failures: int) -> None:
        self._listener = listener
        self.failures = failures

    def accept(self) -> Any:
        if self.failures:
            self.failures -= 1
            raise OSError(24, "Too many open files")
        return self._listener.accept()

    def close(self) -> None:
        self._listener.close()


def test_an_attempt_that_fails_is_not_the_end(
    gateway: Gateway, address: str, owner: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "PAUSE", 0.0)
    failing = Failing(gateway._listener, 3)
    monkeypatch.setattr(gateway, "_listener", failing)
    gateway.start()
    with Client(address):
        came(owner).close()
    assert failing.failures == 0


def test_one_that_can_take_in_nobody_can_be_closed(
    gateway: Gateway, address: str, owner: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "PAUSE", 1000.0)
    failing = Failing(gateway._listener, 1 << 60)
    monkeypatch.setattr(gateway, "_listener", failing)
    gateway.start()
    wait_until(lambda: failing.failures < 1 << 60, "an attempt that failed")
    gateway.close()
    assert not gateway.is_alive(), "it waits no longer than until then"
    assert not Path(address).exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_has_no_part_in_it(gateway: Gateway, address: str, owner: Ear) -> None:
    gateway.start()
    listening: Any = gateway._listener
    pid = os.fork()
    if pid == 0:
        os._exit(0 if listening._listener is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, "its copy of the socket is closed"
    with Client(address):
        came(owner).close()


def test_strangers_are_no_matter(gateway: Gateway, address: str, owner: Ear) -> None:
    gateway.start()
    for _ in range(3):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(address)
    for _ in range(3):
        with came(owner) as connection, pytest.raises(EOFError):
            connection.recv_bytes()


def test_what_a_child_closes_are_all_doors_there_are(gateway: Gateway, address: str, tmp_path: Path) -> None:
    other = Gateway(str(tmp_path / "other.sock"), Ear().ref)
    subject._abandon_in_child()
    for one in (gateway, other):
        with pytest.raises(OSError, match=r"No such file|refused"):
            Client(one._address)
