"""`serve --port`: its options, what it says, and who gets in. The real command, in a process of its own."""

import json
import os
import pty
import re
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
import websocket
from typer.testing import CliRunner

from tests.cli.serving import PATIENCE, serving
from tests.conftest import ROOT
from websocket_v6.cli.app import app
from websocket_v6.simulator import Simulator

TOKEN = "correct-horse-battery-staple-0123456789"
TICKERS = json.dumps([{"ticket": "t"}, {"type": "ticker", "codes": ["KRW-BTC"]}])


@pytest.fixture
def exchange() -> Iterator[Simulator]:
    with Simulator(["KRW-BTC", "KRW-ETH"]) as sim:
        yield sim


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return path


def pem(folder: Path) -> tuple[Path, Path, trustme.CA]:
    """Write a certificate for localhost and 127.0.0.1, and its key."""
    ca = trustme.CA()
    certificate = ca.issue_cert("localhost", "127.0.0.1")
    (folder / "cert").write_bytes(b"".join(one.bytes() for one in certificate.cert_chain_pems))
    (folder / "key").write_bytes(certificate.private_key_pem.bytes())
    return folder / "cert", folder / "key", ca


def get(url: str, context: ssl.SSLContext | None = None, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - of this test
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE, context=context) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def first(url: str, **options: Any) -> dict[str, Any]:
    """Connect as any program does, and return the first that comes."""
    client: Any = websocket.create_connection(url, timeout=PATIENCE, **{"suppress_origin": True, **options})
    try:
        client.send(TICKERS)
        found: dict[str, Any] = json.loads(client.recv())
        return found
    finally:
        client.sock.close()


# Arguments.


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--bind", "::1"], "take a --port"),
        (["--token-file", "/some/file"], "take a --port"),
        (["--allow-origin", "https://a.example"], "take a --port"),
        (["--host", "a.example"], "take a --port"),
        (["--port", "many"], "--port"),
        (["--port", "70000"], "--port 70000 is none"),
        (["--port", "0", "--bind", "example.com"], "--bind 'example.com' is no address"),
        (["--port", "0", "--bind", "192.168.0.7"], "takes TLS and a token"),
        (["--port", "0", "--bind", "::", "--token-file", "/some/file"], "give --tls-cert and --tls-key as well"),
        (["--port", "0", "--tls-cert", "/some/file"], "both, --tls-cert and --tls-key"),
        (["--port", "0", "--allow-origin", "*"], "--allow-origin '*' is no origin"),
        (["--port", "0", "--host", "a.example:80"], "without a port"),
        (["--port", "0", "--token-file", "/no/such/file"], "--token-file /no/such/file: No such file"),
    ],
)
def test_wrong_arguments_are_named_and_exit_with_2(arguments: list[str], complaint: str) -> None:
    env = {"COLUMNS": "250", "NO_COLOR": "1", "TERM": "dumb", "WEBSOCKET_V6_MODE": "embedded"}
    result = CliRunner().invoke(app, ["serve", *arguments], env=env)
    assert complaint in result.output
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_without_a_door_and_without_others_there_is_nothing_to_serve() -> None:
    result = CliRunner().invoke(app, ["serve"], env={"WEBSOCKET_V6_MODE": "embedded"})
    assert result.exit_code == 2
    assert "shares with nobody" in result.output


def test_a_port_that_is_taken_is_one_line(exchange: Simulator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with serving(exchange.url, None, "--port", str(port)) as host:
            assert host.wait()[0] == 1
    assert host.errors == (
        f"websocket-v6: cannot listen at 127.0.0.1:{port}: Address already in use: "
        "give another --port or --bind, or end what listens there\n"
    )


# What it says.


def test_on_a_terminal_it_says_where_programs_connect(exchange: Simulator) -> None:
    ours, theirs = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "WEBSOCKET_V6_MODE": "embedded", "TERM": "xterm", "COLUMNS": "200"}
    command = [sys.executable, "-m", "websocket_v6", "serve", "--port", "0", "--url", exchange.url]
    shown = b""
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        try:
            while b" received" not in shown:
                shown += os.read(ours, 4096)
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            os.close(ours)
    text = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", shown).decode()
    match = re.search(r"Other programs connect to:  ws://127\.0\.0\.1:(\d+)/websocket/v1\r\n", text)
    assert match is not None, text
    assert f"What it does is shown at:   http://127.0.0.1:{match[1]}/\r\n" in text
    assert "0 programs served, 0 streams wanted" in text


def test_the_doors_are_told_as_json(exchange: Simulator) -> None:
    with serving(exchange.url, None, "--port", "0") as host:
        said = host.line()
        assert re.fullmatch(r"ws://127\.0\.0\.1:\d+/websocket/v1", said["door"])
        assert said["page"] == said["door"].replace("ws:", "http:").replace("websocket/v1", "")


# Who gets in.


def test_a_program_is_served_and_the_page_says_so(exchange: Simulator) -> None:
    with serving(exchange.url, None, "--port", "0") as host:
        said = host.line()
        assert first(said["door"])["code"] == "KRW-BTC"
        assert b"<title>" in get(said["page"])[1]
        client: Any = websocket.create_connection(said["door"], timeout=PATIENCE, suppress_origin=True)
        client.send(TICKERS)
        client.recv()
        state: dict[str, Any] = {}
        while not state.get("programs"):
            host.line()
            state = json.loads(get(said["page"] + "state.json")[1])
        client.sock.close()
        assert state["tickers"] == ["KRW-BTC"]
        assert state["programs"][0]["delivered"] >= 1
        assert [one["state"] for one in state["connections"] if one["endpoint"] == "public"] == ["open"]


def test_at_the_end_clients_are_told(exchange: Simulator) -> None:
    with serving(exchange.url, None, "--port", "0") as host:
        client: Any = websocket.create_connection(host.line()["door"], timeout=PATIENCE, suppress_origin=True)
        client.send(TICKERS)
        client.recv()
        host.signal(signal.SIGTERM)
        opcode, data = client.recv_data()
        while opcode != websocket.ABNF.OPCODE_CLOSE:
            opcode, data = client.recv_data()
        assert data[:2] == (1001).to_bytes(2, "big")
        client.sock.close()
        assert host.wait()[0] == 0


def test_the_token_opens_and_is_told_nowhere(exchange: Simulator, token_file: Path) -> None:
    with serving(exchange.url, None, "--port", "0", "--token-file", str(token_file)) as host:
        said = host.line()
        for wrong in ("", "?token=", "?token=wrong", f"?token={TOKEN[:-1]}", f"?TOKEN={TOKEN}"):
            assert get(said["page"] + wrong)[0] == 401
            assert get(said["page"] + "state.json" + wrong)[0] == 401
        for wrong in ("", f"?token={TOKEN[:-1]}"):  # not more: an address may connect five times a second
            with pytest.raises(websocket.WebSocketBadStatusException, match="401"):
                first(said["door"] + wrong)
        assert get(said["page"] + f"?token={TOKEN}")[0] == 200
        status, state = get(said["page"] + "state.json", Authorization=f"Bearer {TOKEN}")
        assert status == 200
        assert first(said["door"] + f"?token={TOKEN}")["code"] == "KRW-BTC"
        assert first(said["door"], header=[f"Authorization: Bearer {TOKEN}"])["code"] == "KRW-BTC"
        last = host.line()
        host.signal(signal.SIGTERM)
        assert host.wait()[0] == 0
    assert TOKEN not in json.dumps([said, last]) + state.decode() + host.errors


def test_beyond_loopback_it_is_tls_and_a_token(exchange: Simulator, tmp_path: Path, token_file: Path) -> None:
    cert, key, ca = pem(tmp_path)
    context = ssl.create_default_context()
    ca.configure_trust(context)
    options = ("--bind", "0.0.0.0", "--tls-cert", str(cert), "--tls-key", str(key), "--token-file", str(token_file))  # noqa: S104
    with serving(exchange.url, None, "--port", "0", *options, "--host", "feeds.example") as host:
        said = host.line()
        match = re.fullmatch(r"wss://feeds\.example:(\d+)/websocket/v1", said["door"])
        assert match is not None
        base = f"localhost:{match[1]}"
        assert get(f"https://{base}/", context)[0] == 401
        assert get(f"https://{base}/?token={TOKEN}", context)[0] == 200
        assert get(f"https://{base}/?token={TOKEN}", context, Host="feeds.example")[0] == 200
        assert get(f"https://{base}/?token={TOKEN}", context, Host="evil.example")[0] == 421
        assert first(f"wss://{base}/websocket/v1?token={TOKEN}", sslopt={"context": context})["code"] == "KRW-BTC"
        with pytest.raises((OSError, websocket.WebSocketException)):
            first(f"ws://{base}/websocket/v1?token={TOKEN}")


def test_pages_come_in_by_name(exchange: Simulator) -> None:
    with serving(exchange.url, None, "--port", "0", "--allow-origin", "https://good.example") as host:
        said = host.line()
        assert first(said["door"], origin="https://good.example", suppress_origin=False)["code"] == "KRW-BTC"
        with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
            first(said["door"], origin="https://evil.example", suppress_origin=False)


def test_it_is_served_over_ipv6(exchange: Simulator) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serving(exchange.url, None, "--port", "0", "--bind", "::1") as host:
        said = host.line()
        assert said["door"].startswith("ws://[::1]:")
        assert first(said["door"])["code"] == "KRW-BTC"
        assert get(said["page"])[0] == 200
