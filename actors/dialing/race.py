"""Connecting to whichever of a name's addresses answers first. Which is tried when: `protocol/dialing/addresses.py`.

Source: RFC 8305, section 5.
"""

import contextlib
import errno
import os
import selectors
import socket
import time
from collections.abc import Iterable

from websocket_v6.protocol.dialing.addresses import Address, Race

from .attempt import Attempt
from .bounded_socket import inherit_nothing

__all__ = ["connect"]

_UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EINPROGRESS))
_OPTIONS = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1))


def connect(addresses: Iterable[Address], attempt: Attempt) -> socket.socket:
    """Return a connected socket; those that came in later are closed.

    Raises:
        OSError: why none of them answers, the first one's reason; TimeoutError once the attempt's time is over.
        GivenUp: if the attempt is aborted.
    """
    race = Race(addresses, time.monotonic())
    waker, woken = socket.socketpair()
    with waker, woken, selectors.DefaultSelector() as selector, contextlib.ExitStack() as losers:
        selector.register(woken, selectors.EVENT_READ)
        with attempt.interrupted_by(lambda: waker.send(b"\0")):
            return _run(race, attempt, selector, losers)


def _run(race: Race, attempt: Attempt, selector: selectors.BaseSelector, losers: contextlib.ExitStack) -> socket.socket:
    first: OSError | None = None
    running = 0
    while True:
        now = time.monotonic()
        while (address := race.begin(now)) is not None:
            try:
                sock = _begin(address)
            except OSError as exc:
                first = first or exc
                race.failed(now)
                continue
            losers.callback(sock.close)
            selector.register(sock, selectors.EVENT_WRITE)
            running += 1
        next_at = race.next_at
        if not running and next_at is None:
            raise first or OSError("it has no address")
        remaining = attempt.remaining()
        for key, _ in selector.select(remaining if next_at is None else min(remaining, max(0.0, next_at - now))):
            ended = key.fileobj
            if not isinstance(ended, socket.socket) or key.events == selectors.EVENT_READ:
                continue  # it was woken, and the attempt says why
            selector.unregister(ended)
            code = ended.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code == 0:
                return _win(ended)
            first = first or OSError(code, os.strerror(code))
            race.failed(time.monotonic())
            running -= 1


def _begin(address: Address) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        inherit_nothing(sock)
        sock.setblocking(False)
        for option in _OPTIONS:
            sock.setsockopt(*option)
        code = sock.connect_ex(address.address)
        if code not in _UNDER_WAY:
            raise OSError(code, os.strerror(code))
    except BaseException:
        sock.close()
        raise
    return sock


def _win(winner: socket.socket) -> socket.socket:
    """Return a socket that is not among the losers: theirs are closed when the race is over."""
    won = socket.socket(winner.family, winner.type, fileno=winner.detach())
    inherit_nothing(won)
    return won
