"""Whatever a library raises comes out as ours, in words, without a secret."""

import contextlib
import datetime
import re
import socket
import ssl

import pytest
import trustme

from tests.foreign_errors import FOREIGN, made
from websocket_v6.actors.dialing.attempt import GivenUp
from websocket_v6.actors.dialing.boundary import outside, words_of
from websocket_v6.protocol.errors import RateLimitedError, RemoteProtocolError, TransportError


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_whatever_is_raised_is_a_transport_error_with_words(kind: type[Exception]) -> None:
    with pytest.raises(TransportError) as caught, outside("cannot do this"):
        raise made(kind)
    text = str(caught.value)
    assert text.startswith("cannot do this: ")
    assert len(text) > len("cannot do this: ")
    assert text.isprintable()
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("error", [GivenUp("given up"), RateLimitedError("too many"), TransportError("gone")])
def test_what_says_why_already_is_left_alone(error: TransportError) -> None:
    with pytest.raises(TransportError) as caught, outside("cannot do this"):
        raise error
    assert caught.value is error


def test_a_peer_that_breaks_rules_cannot_be_connected_to() -> None:
    with pytest.raises(TransportError, match=r"^cannot do this: no HTTP$"), outside("cannot do this"):
        raise RemoteProtocolError("no HTTP")


def test_what_ends_a_program_passes() -> None:
    for kind in (KeyboardInterrupt, SystemExit):
        with pytest.raises(kind), outside("cannot do this"):
            raise kind


def test_words_are_short_clean_and_without_secrets() -> None:
    token = "a.token"
    text = words_of(ValueError(f"bad \x1b[31m{token}\r\n{'x y ' * 10_000} eyJhbGci.eyJub25j.c2ln"), [token])
    assert text.startswith(r"ValueError: bad \x1b[31m<cut> x y")
    assert len(text) <= 200
    assert words_of(ConnectionRefusedError(111, "Connection refused")) == "Connection refused"
    assert words_of(socket.gaierror(-2, "Name or service not known")) == "Name or service not known"
    assert words_of(KeyError()) == "KeyError:"


def test_an_untrusted_certificate_says_what_to_do() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate in certificate chain"
    text = words_of(error)
    assert "self-signed certificate in certificate chain" in text
    assert "WEBSOCKET_V6_CA_FILE" in text


@pytest.mark.parametrize("days", [(-30, -1), (1, 30)])
def test_a_certificate_whose_time_it_is_not_says_to_look_at_the_clock(days: tuple[int, int]) -> None:
    now = datetime.datetime.now(tz=datetime.UTC)
    before, after = (now + datetime.timedelta(days=one) for one in days)
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("host.example", not_before=before, not_after=after).configure_cert(server)
    authority.configure_trust(client)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(down, up, server_hostname="host.example")
    theirs = server.wrap_bio(up, down, server_side=True)

    def shake_hands() -> None:
        for side in (ours, theirs) * 4:
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()

    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        shake_hands()
    text = words_of(caught.value)
    assert re.match("its certificate (has expired|is not yet valid): is this machine's clock right?", text)
