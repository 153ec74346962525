"""Whatever a library raises comes out as ours, in words, without a secret."""

import socket
import ssl

import pytest

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
