"""actors/server/outlet.py: pongs to a client that reads nothing do not pile up."""

import socket
from collections.abc import Iterator

import pytest

from websocket_v6.actors.server.outlet import Account, Outlet

Ends = tuple[Outlet, socket.socket, Account]


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    account = Account(1000)
    outlet = Outlet(ours, ours.send, account, lambda: None)
    with theirs:
        yield outlet, theirs, account
        outlet.close()


def test_of_pongs_that_wait_the_last_is_sent(ends: Ends) -> None:
    outlet, theirs, account = ends
    outlet.put(b"x" * 10_000_000)
    for number in range(1000):
        outlet.pong(b"pong %03d" % number)
    outlet.add(b"last")
    assert account.queued < 10_000_000
    got = b""
    while not got.endswith(b"last"):
        got += theirs.recv(1 << 20)
        outlet.catch_up()
    assert got.strip(b"x") == b"pong 999last"
    assert not outlet.is_behind


def test_a_pong_goes_out_at_once_if_it_can(ends: Ends) -> None:
    outlet, theirs, _ = ends
    outlet.pong(b"one")
    outlet.pong(b"two")
    assert theirs.recv(100) == b"onetwo"


def test_no_pong_comes_behind_the_last_frame(ends: Ends) -> None:
    outlet, theirs, _ = ends
    outlet.put(b"x" * 10_000_000)
    outlet.pong(b"pong")
    outlet.finish(b"last")
    got = b""
    while not got.endswith(b"last"):
        got += theirs.recv(1 << 20)
        outlet.catch_up()
    assert got.strip(b"x") == b"last"
