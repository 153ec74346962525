"""`top` of a host that is made up, as lines, as JSON and on a terminal with keys; and of a real one."""

import contextlib
import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.cli.made_up import HEALTH
from tests.cli.serving import serving
from tests.conftest import ROOT, wait_until
from websocket_v6 import Config
from websocket_v6.cli.app import app
from websocket_v6.cli.host_state import HostState, read_state
from websocket_v6.cli.page_state import page_state
from websocket_v6.cli.top import Top
from websocket_v6.cli.top_view import SORTS, Look, Row, lines_of, view
from websocket_v6.health import Health
from websocket_v6.protocol.errors import ConfigError, RemoteProtocolError, TransportError
from websocket_v6.simulator import Simulator

URL = "wss://api.upbit.com/websocket/v1"
EVIL = "\x1b[2J[red]bold\u202e\nx"
PATIENCE = 30.0


def state(health: Health = HEALTH) -> HostState:
    return read_state(page_state(health, URL, 1234.5, time.time() - 90_061))


def rows(of: HostState) -> list[Row]:
    return [Row(client, 10.0 * number) for number, client in enumerate(of.clients)]


def picture(of: HostState, look: Look) -> list[str]:
    console = Console(width=look.width, height=look.height, file=io.StringIO(), record=True, force_terminal=True)
    console.print(view(of, rows(of), look))
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", [80, 160])
def test_it_fits(width: int) -> None:
    lines = picture(state(), Look(width, 24, has_keys=True))
    text = "\n".join(lines)
    assert max(map(len, lines)) <= width
    assert len(lines) <= 24
    assert "1,234 messages/s" in text or "1,235 messages/s" in text
    assert "up 1 d 01:01" in text
    assert re.search(r"^public +open +3 +0:02:00 +2", text, re.MULTILINE)
    assert "no way" in text
    assert "2 ticker" in text
    assert "q quit  p pause  s sort by delivered" in text
    assert ("endpoints" in text) is (width == 160)


def test_more_than_fit_are_counted() -> None:
    many = HEALTH._replace(visitors=tuple(HEALTH.visitors[0] for _ in range(150)))
    lines = picture(state(many), Look(80, 24))
    assert len(lines) <= 24
    assert any("more" in line for line in lines)


@pytest.mark.parametrize(("sort", "first"), [("rate", "the page"), ("delivered", "bot"), ("name", "a program")])
def test_sorting(sort: str, first: str) -> None:
    lines = picture(state(), Look(80, 24, sort=sort))
    (header,) = (number for number, line in enumerate(lines) if line.startswith("served"))
    assert first in lines[header + 1]
    assert sort == "name" or f"{sort} ▾" in lines[header]
    assert set(SORTS) == {"rate", "delivered", "queued", "streams", "name"}


def test_names_stay_names() -> None:
    evil = HEALTH.members[0]._replace(name=EVIL)
    broken = HEALTH.connections[2]._replace(error=EVIL)
    of = state(HEALTH._replace(members=(evil,), connections=(broken,)))
    text = "\n".join([*picture(of, Look(160, 24)), *lines_of(of, rows(of))])
    assert all(line.isprintable() for line in text.splitlines())
    assert "[red]bold" in text


def test_an_old_state_says_so() -> None:
    lines = picture(state(), Look(80, 24, problem="nobody answers", is_paused=True, has_keys=True))
    assert any("old: nobody answers" in line for line in lines)
    assert any("PAUSED" in line and "go on" in line for line in lines)


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"<html>", b'{"pid": "x"}', b"[" * 100_000, b"\xff", b"9" * 5000])
def test_whoever_else_answers_is_no_host(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="no host"):
        read_state(body)


@contextmanager
def host(body: bytes, status: int = 200, token: str = "") -> Iterator[str]:
    """Answer all with `body`; with a `token`, those that show it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_known = not token or self.headers.get("Authorization") == f"Bearer {token}"
            self.send_response(status if is_known else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


STATE = page_state(HEALTH, URL, 1234.5, 1_790_000_000.0)


def test_rates_are_by_the_hosts_own_clock() -> None:
    with host(STATE) as url:
        top = Top(url, Config(), None)
        before = top.ask()
        top.rows(before)
        first, *others = before.clients
        later = before._replace(clients=(first._replace(delivered=first.delivered + 300), *others))
        found = top.rows(later._replace(about=_at(later, before.about.now + 2.0)))
        assert [row.rate for row in found] == [150.0, 0.0, 0.0, 0.0]
        found = top.rows(before._replace(about=_at(later, before.about.now + 4.0)))
        assert all(row.rate >= 0 for row in found), "one that came again counts from 0"


def _at(of: HostState, now: float) -> Any:
    document = {**of.document, "now": now}
    return read_state(json.dumps(document).encode()).about


def test_lines_and_json() -> None:
    with host(STATE) as url:
        done = CliRunner().invoke(app, ["top", url, "--seconds", "3"])
        assert done.exit_code == 0, done.output
        assert "public open epoch 3" in done.stdout
        done = CliRunner().invoke(app, ["top", url, "--seconds", "0.5", "--json"])
    document = json.loads(done.stdout)
    assert document["counters"]["received"] == 1000
    assert {"kind": "process", "name": "bot", "detail": "12", "rate": 0.0} in document["rates"]


def test_the_token(tmp_path: Path) -> None:
    token = "a-token-of-more-than-32-characters-for-this"
    path = tmp_path / "token"
    path.write_text(token + "\n")
    with host(STATE, token=token) as url:
        done = CliRunner().invoke(app, ["top", url, "--token-file", str(path), "--seconds", "0.5", "--json"])
        assert done.exit_code == 0, done.output
        without = CliRunner().invoke(app, ["top", url, "--json"])
    assert without.exit_code == 1
    assert "--token-file" in without.output
    with pytest.raises(ConfigError, match="in clear"):
        Top("http://host.example:8080", Config(), path)


@pytest.mark.parametrize("url", ["nonsense", "ws://127.0.0.1:1", "http://user:password@host"])
def test_a_url_that_is_none(url: str) -> None:
    done = CliRunner().invoke(app, ["top", url])
    assert done.exit_code == 2
    assert "http://127.0.0.1:8080" in done.output


def test_nobody_there_is_one_line() -> None:
    done = CliRunner().invoke(app, ["top", "http://127.0.0.1:1"])
    assert done.exit_code == 1
    assert "is `websocket-v6 serve --port` running there?" in done.output
    assert len(done.output.splitlines()) == 1


def test_one_that_is_only_starting_is_asked_again() -> None:
    with host(b"{}") as url, pytest.raises(TransportError, match="starting"):
        Top(url, Config(), None).ask()


def test_what_is_no_page_is_told() -> None:
    with host(b"{}", status=404) as url, pytest.raises(TransportError, match="404"):
        Top(url, Config(), None).ask()


def test_keys_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    try:
        termios.tcsetwinsize(theirs, (24, 80))
        before = termios.tcgetattr(theirs)
        with (
            host(STATE) as url,
            subprocess.Popen(
                [sys.executable, "-m", "websocket_v6", "top", url],
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
            ) as process,
        ):
            try:
                shown(ours, "sort by delivered")
                os.write(ours, b"s")
                shown(ours, "sort by queued")
                os.write(ours, b"p")
                shown(ours, "PAUSED")
                os.write(ours, b"q")
                shown(ours, None)
                assert process.wait(PATIENCE) == 0
            finally:
                process.kill()
        assert termios.tcgetattr(theirs) == before
    finally:
        os.close(ours)
        os.close(theirs)


def shown(fd: int, words: str | None) -> None:
    """Read what the terminal shows until `words` are there; without any, for as long as something comes."""
    text, deadline = "", time.monotonic() + PATIENCE
    while words is None or words not in text:
        if not select.select([fd], [], [], 0.3 if words is None else 1.0)[0]:
            if words is None:
                return
            assert time.monotonic() < deadline, text
            continue
        text += os.read(fd, 65536).decode("utf-8", "replace")


def test_a_real_host(tmp_path: Path) -> None:
    with Simulator(["KRW-BTC"]) as sim, serving(sim.url, None, "--port", "0") as one:
        said = one.line()
        top, found = Top(said["page"], Config(), None), HostState(state().about, (), {})

        def is_there() -> bool:
            nonlocal found
            with contextlib.suppress(TransportError):  # before its first state
                found = top.ask()
            return bool(found.document)

        wait_until(is_there, "its state", PATIENCE)
        assert found.about.pid == one.popen.pid
        assert {one.endpoint for one in found.about.connections} == {"public", "private", "info"}
