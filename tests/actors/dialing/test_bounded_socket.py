"""No read beyond the bound, no wait beyond the attempt, and an end whenever it is aborted."""

import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from websocket_v6.actors.dialing.attempt import Attempt, GivenUp
from websocket_v6.actors.dialing.bounded_socket import BoundedSocket
from websocket_v6.protocol.errors import RemoteProtocolError

LONG = 20.0


@contextlib.contextmanager
def pair(timeout: float = LONG, room: int = 100) -> Iterator[tuple[BoundedSocket, socket.socket, Attempt]]:
    ours, theirs = socket.socketpair()
    attempt = Attempt(timeout)
    with ours, theirs:
        yield BoundedSocket(ours, attempt, room), theirs, attempt


def test_no_more_is_read_than_there_is_room_for() -> None:
    with pair(room=10) as (sock, peer, attempt):
        peer.sendall(b"x" * 100)
        assert sock.recv(4) == b"xxxx"
        assert sock.recv(100) == b"x" * 6
        with pytest.raises(RemoteProtocolError, match="more than 10 bytes"):
            sock.recv(1)
        sock.begin(attempt, 3)
        assert sock.recv(100) == b"xxx"


def test_what_is_sent_arrives_and_the_end_is_seen() -> None:
    with pair() as (sock, peer, _):
        sock.sendall(b"hello")
        assert peer.recv(100) == b"hello"
        peer.close()
        assert sock.recv(1) == b""
        with pytest.raises(OSError):
            sock.sendall(b"x")


def test_a_drip_is_not_waited_for_beyond_the_attempt() -> None:
    begin = time.monotonic()
    with pair(timeout=0.2, room=10**6) as (sock, peer, attempt):
        attempt.doing = "waiting"

        def read_on() -> None:
            while True:
                peer.sendall(b"x")
                sock.recv(2)

        with pytest.raises(TimeoutError, match=r"not done within 0\.2 s, it was waiting"):
            read_on()
    assert 0.2 <= time.monotonic() - begin < LONG


def test_nobody_who_says_nothing_nor_reads_is_waited_for() -> None:
    with pair(timeout=0.05) as (sock, _, _), pytest.raises(TimeoutError, match="not done within"):
        sock.recv(1)
    with pair(timeout=0.05) as (sock, _, _), pytest.raises(TimeoutError, match="not done within"):
        sock.sendall(b"x" * 10**7)


@pytest.mark.parametrize("does", ["recv", "sendall"])
def test_aborted_it_ends_at_once(does: str) -> None:
    with pair() as (sock, _, attempt):
        thread = threading.Timer(0.05, attempt.abort)
        thread.start()
        begin = time.monotonic()
        with pytest.raises(GivenUp):
            sock.recv(1) if does == "recv" else sock.sendall(b"x" * 10**7)
        thread.join()
        assert time.monotonic() - begin < LONG / 2
        with pytest.raises(GivenUp):
            sock.recv(1)


def test_released_it_is_the_callers_and_does_not_block() -> None:
    with pair() as (sock, peer, attempt):
        bare = sock.release()
        sock.close()
        attempt.abort()
        assert bare.gettimeout() == 0.0
        peer.sendall(b"x")
        assert bare.recv(1) == b"x"


def test_it_is_closed_when_the_last_reader_is_done() -> None:
    with pair() as (sock, peer, _):
        reader = sock.makefile("rb")
        sock.close()
        sock.close()
        peer.sendall(b"line\n")
        assert reader.readline() == b"line\n"
        reader.close()
        reader.close()
        peer.settimeout(LONG)
        assert peer.recv(1) == b""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process")
def test_a_forked_child_keeps_no_copy() -> None:
    with pair() as (sock, peer, _):
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.read(reading, 1)  # the parent has closed its own by then
            os._exit(0)
        os.close(reading)
        sock.close()
        peer.settimeout(LONG)
        assert peer.recv(1) == b"", "no copy holds it open"
        os.write(writing, b"x")
        os.close(writing)
        os.waitpid(pid, 0)


# --- TLS


def serve_tls(sock: socket.socket, authority: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("host.example").configure_cert(context)
    with contextlib.suppress(OSError), context.wrap_socket(sock, server_side=True) as tls:
        tls.sendall(b"hello")
        tls.recv(1)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@contextlib.contextmanager
def tls_pair(authority: trustme.CA) -> Iterator[tuple[BoundedSocket, Attempt]]:
    ours, theirs = socket.socketpair()
    attempt = Attempt(LONG)
    thread = threading.Thread(target=serve_tls, args=(theirs, authority))
    thread.start()
    sock = BoundedSocket(ours, attempt, 100)
    try:
        yield sock, attempt
    finally:
        sock.close()
        thread.join(LONG)
        theirs.close()


@pytest.mark.parametrize("is_path", [True, False])
def test_tls_with_whom_the_file_vouches_for(authority: trustme.CA, tmp_path: Path, is_path: bool) -> None:
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    with tls_pair(authority) as (sock, _):
        sock.secure("host.example", file if is_path else str(file))
        assert sock.recv(100) == b"hello"
        assert isinstance(sock.release(), ssl.SSLSocket)
        sock.release().close()


def test_tls_with_nobody_else(authority: trustme.CA, tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    for host, ca_file in (("host.example", file), ("host.example", None)):
        with tls_pair(authority) as (sock, _), pytest.raises(ssl.SSLCertVerificationError):
            sock.secure(host, ca_file)
    authority.cert_pem.write_to_path(str(file))
    with tls_pair(authority) as (sock, _), pytest.raises(ssl.SSLCertVerificationError, match="other"):
        sock.secure("other.example", file)


def test_a_file_that_holds_no_certificates_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for file in (empty, tmp_path / "missing.pem"):
        with pair() as (sock, _, _), pytest.raises(OSError, match=rf"certificates of .*{file.name} cannot be read"):
            sock.secure("host.example", file)


def test_a_tls_handshake_has_no_more_time_than_the_attempt_and_ends_when_it_does() -> None:
    with pair(timeout=0.05) as (sock, _, _):
        with pytest.raises(TimeoutError, match="shaking hands for TLS"):
            sock.secure("host.example", None)
        sock.close()
    with pair() as (sock, _, attempt):
        thread = threading.Timer(0.05, attempt.abort)
        thread.start()
        with pytest.raises(GivenUp):
            sock.secure("host.example", None)
        thread.join()
        sock.close()
