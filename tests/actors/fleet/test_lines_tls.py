"""The way to a server that speaks TLS: whom it trusts, what it shows, and what is said where that is wrong."""

import time
from pathlib import Path

import pytest
import trustme

from tests.tls_server import KINDS, Kind, tls_server
from tests.valkey import Valkey, needs_server
from websocket_v6.actors.fleet.lines import open_line
from websocket_v6.protocol.dialing.servers import Servers, parse_servers
from websocket_v6.protocol.errors import AuthenticationError, ConfigError, TransportError

pytestmark = [needs_server, pytest.mark.parametrize("kind", KINDS)]


def servers(url: str) -> Servers:
    found = parse_servers(url)
    assert found is not None
    return found


def test_a_server_whose_authority_is_named_is_spoken_to(kind: Kind, tmp_path: Path) -> None:
    with tls_server(kind, tmp_path) as server:
        line = open_line(servers(server.url()), "key")
        assert line.is_tls
        assert line.call(("SET", "key", b"x" * 100_000), ("GET", "key")) == [b"OK", b"x" * 100_000]
        line.close()


def test_a_server_that_nobody_who_is_trusted_vouches_for_is_told_nothing(kind: Kind, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    with tls_server(kind, tmp_path) as server:
        for options in ("", f"ca={other}"):
            with pytest.raises(TransportError, match="certificate that is not trusted") as caught:
                open_line(servers(server.url(options, login="bot:hunter2@")), "key")
            assert "hunter2" not in str(caught.value)


def test_a_certificate_of_another_name_is_refused(kind: Kind, tmp_path: Path) -> None:
    is_refused = pytest.raises(TransportError, match=r"not valid for '127\.0\.0\.1'")
    with tls_server(kind, tmp_path, name="other.example") as server, is_refused:
        open_line(servers(server.url()), "key")


def test_a_client_shows_its_certificate_where_it_is_asked_for_one(kind: Kind, tmp_path: Path) -> None:
    with tls_server(kind, tmp_path, wants_clients=True) as server:
        line = open_line(servers(server.url(f"ca={server.ca}", server.client())), "key")
        assert line.call(("PING",)) == [b"PONG"]
        line.close()
        for wrong in ("", server.client(trustme.CA())):
            with pytest.raises(TransportError, match=r"want a client's certificate|closed by server"):
                open_line(servers(server.url(*filter(None, (f"ca={server.ca}", wrong)))), "key")


def test_a_user_comes_in_over_tls_and_a_wrong_password_is_named_and_never_printed(kind: Kind, tmp_path: Path) -> None:
    with tls_server(kind, tmp_path, "user bot on >hunter2right ~* +@all") as server:
        open_line(servers(server.url(login="bot:hunter2right@")), "key").close()
        with pytest.raises(AuthenticationError, match="does not let user 'bot' in") as caught:
            open_line(servers(server.url(login="bot:hunter2wrong@")), "key")
        assert "hunter2" not in str(caught.value)


def test_files_that_are_not_there_are_named(kind: Kind, tmp_path: Path) -> None:
    with tls_server(kind, tmp_path) as server:
        for option in ("ca", "cert", "key"):
            with pytest.raises(ConfigError, match=rf"{option}=.*nowhere.pem.* cannot be used: .*No such file"):
                open_line(servers(server.url(f"{option}={tmp_path / 'nowhere.pem'}")), "key")


def test_files_that_hold_something_else_are_named(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "letter.pem"
    path.write_text("Dear server")
    with tls_server(kind, tmp_path) as server:
        for option in ("ca", "cert"):
            with pytest.raises(ConfigError, match=rf"{option}=.*letter.pem.* cannot be used"):
                open_line(servers(server.url(f"{option}={path}")), "key")


def test_who_speaks_in_clear_to_it_is_told_soon(kind: Kind, tmp_path: Path) -> None:
    with tls_server(kind, tmp_path) as server, Valkey() as plain:
        for url in (f"valkey://127.0.0.1:{server.port}", f"rediss://127.0.0.1:{plain.port}?ca={server.ca}"):
            before = time.monotonic()
            with pytest.raises(TransportError, match="the fleet's server"):
                open_line(servers(url), "key")
            assert time.monotonic() - before < 5.0
