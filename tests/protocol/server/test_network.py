"""protocol/server/network.py: what a door to the network may be asked to be."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.loopback import is_loopback
from websocket_v6.protocol.secret import Secret
from websocket_v6.protocol.server.network import (
    LEAST_TOKEN,
    MOST_TOKEN,
    Network,
    address_of,
    check,
    read_token_file,
    rules_of,
    web_url,
)

FILE = Path("a file")
TOKEN = "a" * LEAST_TOKEN
GUARDED: dict[str, Any] = {"tls_cert": FILE, "tls_key": FILE, "token_file": FILE}


@pytest.mark.parametrize("bind", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1"])
def test_loopback_takes_nothing(bind: str) -> None:
    assert is_loopback(bind)
    check(Network(8080, bind))


@pytest.mark.parametrize(
    "bind",
    ["0.0.0.0", "::", "192.168.0.7", "fe80::1%eth0", "2001:db8::1", "::ffff:10.0.0.1"],  # noqa: S104 - told apart
)
def test_beyond_loopback_it_takes_both_tls_and_a_token(bind: str) -> None:
    assert not is_loopback(bind)
    check(Network(8080, bind, **GUARDED))
    for missing, named in (
        (("token_file",), "--token-file"),
        (("tls_cert", "tls_key"), "--tls-cert and --tls-key"),
        (("tls_cert", "tls_key", "token_file"), "--tls-cert and --tls-key and --token-file"),
    ):
        given_ = {name: value for name, value in GUARDED.items() if name not in missing}
        with pytest.raises(ConfigError, match=f"takes TLS and a token: give {named} as well"):
            check(Network(8080, bind, **given_))


@pytest.mark.parametrize("half", [{"tls_cert": FILE}, {"tls_key": FILE}])
def test_a_certificate_and_its_key_go_together(half: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="both, --tls-cert and --tls-key"):
        check(Network(8080, **half))


@pytest.mark.parametrize(
    ("network", "complaint"),
    [
        (Network(-1), "--port -1"),
        (Network(65536), "--port 65536"),
        (Network(1, "example.com"), "--bind 'example.com'"),
        (Network(1, ""), "--bind ''"),
        (Network(1, "127.0.0.1:80"), "--bind '127.0.0.1:80'"),
        (Network(1, "[::1]"), r"--bind '\[::1\]'"),
        (Network(1, origins=("example.com",)), "--allow-origin 'example.com'"),
        (Network(1, origins=("null",)), "--allow-origin 'null'"),
        (Network(1, origins=("*",)), "--allow-origin"),
        (Network(1, origins=("https://*.example.com",)), "--allow-origin"),
        (Network(1, origins=("https://example.com/path",)), "--allow-origin"),
        (Network(1, origins=("https://me@example.com",)), "--allow-origin"),
        (Network(1, origins=("https://example.com:x",)), "--allow-origin"),
        (Network(1, origins=("ws://example.com",)), "--allow-origin"),
        (Network(1, names=("example.com:80",)), "--host 'example.com:80'"),
        (Network(1, names=("https://example.com",)), "--host"),
        (Network(1, names=("*.example.com",)), "--host"),
        (Network(1, names=("",)), "--host ''"),
    ],
)
def test_what_makes_no_sense_is_named(network: Network, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        check(network)


def test_what_makes_sense_is_taken() -> None:
    origins = ("https://example.com", "http://localhost:3000", "https://example.com/")
    check(Network(0, origins=origins, names=("feeds.example.com", "10.0.0.1", "[::1]", "a")))


@pytest.mark.parametrize(
    ("bind", "address"),
    [("127.0.0.1", "127.0.0.1:80"), ("localhost", "127.0.0.1:80"), ("::1", "[::1]:80"), ("::", "[::]:80")],
)
def test_the_address_has_brackets_where_it_takes_them(bind: str, address: str) -> None:
    assert address_of(Network(80, bind)) == address


def test_the_rules_follow() -> None:
    network = Network(80, "::", FILE, FILE, FILE, ("https://a.example",), ("feeds.example",))
    rules = rules_of(network, Secret(TOKEN))
    assert rules.names >= {"localhost", "feeds.example"}
    assert rules.origins == {"https://a.example"}
    assert (rules.token, rules.is_secure) == (Secret(TOKEN), True)
    assert not rules_of(Network(80), Secret("")).is_secure


def test_the_token_does_not_show_itself() -> None:
    rules = rules_of(Network(80), Secret(TOKEN))
    assert TOKEN not in repr(rules) + repr([rules.token]) + f"{rules}"


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
def test_a_newline_at_the_end_is_not_part_of_the_token(end: bytes) -> None:
    assert read_token_file(TOKEN.encode() + end).reveal() == TOKEN


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        TOKEN[1:].encode(),
        TOKEN[1:].encode() + b"\n",
        b"a b" * 30,
        b"\n" + TOKEN.encode(),
        TOKEN.encode() + b"\n" + TOKEN.encode(),
        "비밀".encode() * 20,
        b"\0" * 40,
        b"a" * (MOST_TOKEN + 1),
    ],
)
def test_a_bad_token_is_refused_and_not_told(data: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        read_token_file(data)
    assert "aaaa" not in str(caught.value)


@given(st.binary(max_size=80))
def test_any_file_is_a_token_or_none(data: bytes) -> None:
    try:
        token = read_token_file(data).reveal()
    except ConfigError:
        return
    assert token.isprintable()
    assert token.isascii()
    assert " " not in token
    assert len(token) >= LEAST_TOKEN


@pytest.mark.parametrize(
    ("address", "names", "url"),
    [
        ("127.0.0.1:80", (), "ws://127.0.0.1:80/p"),
        ("[::1]:80", ("a.example",), "ws://[::1]:80/p"),
        ("0.0.0.0:80", (), "ws://ADDRESS:80/p"),
        ("[::]:80", ("a.example", "b.example"), "ws://a.example:80/p"),
    ],
)
def test_it_is_said_where_programs_connect(address: str, names: tuple[str, ...], url: str) -> None:
    assert web_url("ws", address, names, "/p") == url
