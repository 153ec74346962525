"""actors/server/opening.py: certificate, key and token as they lie in files."""

import os
import ssl
import traceback
from pathlib import Path

import pytest
import trustme

from websocket_v6.actors.server.opening import prepare
from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.secret import Secret
from websocket_v6.protocol.server.network import Network

TOKEN = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pem")
    certificate = trustme.CA().issue_cert("localhost")
    (folder / "cert").write_bytes(b"".join(one.bytes() for one in certificate.cert_chain_pems))
    (folder / "key").write_bytes(certificate.private_key_pem.bytes())
    return folder


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return path


def test_loopback_is_opened_as_it_is() -> None:
    opening = prepare(Network(0))
    assert (opening.address, opening.rules.token, opening.context) == ("127.0.0.1:0", Secret(""), None)


def test_all_that_is_given_is_read(pem: Path, token_file: Path) -> None:
    opening = prepare(Network(0, "::", pem / "cert", pem / "key", token_file))
    assert opening.rules.token == Secret(TOKEN)
    assert opening.rules.is_secure
    assert opening.context is not None
    assert opening.context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_what_cannot_be_is_said_before_any_file_is_read() -> None:
    with pytest.raises(ConfigError, match="takes TLS and a token"):
        prepare(Network(0, "::", token_file=Path("/no/such/file")))


def test_a_file_that_is_not_there_is_named(pem: Path, tmp_path: Path) -> None:
    for network, named in (
        (Network(0, token_file=tmp_path / "no"), "--token-file"),
        (Network(0, tls_cert=tmp_path / "no", tls_key=pem / "key"), "--tls-cert"),
        (Network(0, tls_cert=pem / "cert", tls_key=tmp_path / "no"), "--tls-key"),
    ):
        with pytest.raises(ConfigError, match=rf"{named} .*no: No such file"):
            prepare(network)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_token_that_others_can_read_is_none(token_file: Path, mode: int) -> None:
    token_file.chmod(mode)
    with pytest.raises(ConfigError, match="can be read by others: chmod 600"):
        prepare(Network(0, token_file=token_file))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_token_of_somebody_else_is_none(token_file: Path) -> None:
    os.chown(token_file, 12345, -1)
    with pytest.raises(ConfigError, match="can be read by others"):
        prepare(Network(0, token_file=token_file))


def test_a_token_is_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ConfigError, match="no file"):
            prepare(Network(0, token_file=path))


def test_a_bad_token_is_in_no_error_and_in_no_traceback(token_file: Path) -> None:
    short = "deadbeef" * 3
    token_file.write_text(short)
    with pytest.raises(ConfigError, match="holds 24 characters") as caught:
        prepare(Network(0, token_file=token_file))
    told = "".join(traceback.TracebackException.from_exception(caught.value).format())
    assert "deadbeef" not in told


def test_a_key_that_is_none_is_named(pem: Path, tmp_path: Path) -> None:
    (tmp_path / "nonsense").write_text("nonsense")
    other = trustme.CA().issue_cert("localhost").private_key_pem
    (tmp_path / "other").write_bytes(other.bytes())
    for cert, key in (
        (pem / "cert", tmp_path / "nonsense"),
        (tmp_path / "nonsense", pem / "key"),
        (pem / "cert", tmp_path / "other"),
    ):
        with pytest.raises(ConfigError, match="are no certificate and its unencrypted key"):
            prepare(Network(0, tls_cert=cert, tls_key=key))
