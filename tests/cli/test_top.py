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
from tests.conftest import ROOT, Program, wait_until
from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.cli.app import app
from websocket_v6.cli.host_door import HostDoor
from websocket_v6.cli.host_state import ComponentState, HostState, read_state
from websocket_v6.cli.top import HostPage, Meters
from websocket_v6.cli.top_view import PANELS, SORTS, Look, Rates, lines_of, turned, view
from websocket_v6.health import Health
from websocket_v6.protocol.errors import ConfigError, RemoteProtocolError, TransportError
from websocket_v6.protocol.membership.whole_state import whole_state
from websocket_v6.protocol.membership.words import ComponentRow, Components
from websocket_v6.simulator import Simulator
from websocket_v6.state import host_state

URL = "wss://api.upbit.com/websocket/v1"
EVIL = "\x1b[2J[red]bold\u202e\nx"
PATIENCE = 30.0


def state(health: Health = HEALTH, **more: Any) -> HostState:
    return read_state(host_state(health, URL, 1234.5, time.time() - 90_061, **more))


ROWS = (
    ComponentRow("chart", "ticker", 3, 900, 0, 2, 0.001),
    ComponentRow("slow bot", "trade", 0, 40, 77, 19, 1.5),
)


def rates_of(of: HostState) -> Rates:
    """Return rates that rise with the place in the state."""
    clients, components = (tuple(10.0 * at for at in range(len(found))) for found in (of.clients, of.components))
    return Rates(1234.5, clients, components, dict.fromkeys(of.about.stream_counts, 5.0))


def picture(of: HostState, look: Look) -> list[str]:
    console = Console(width=look.width, height=look.height, file=io.StringIO(), record=True, force_terminal=True)
    console.print(view(of, rates_of(of), look))
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
    assert "q quit  p pause  s sort by delivered  v show served" in text


def test_more_than_fit_are_counted() -> None:
    many = HEALTH._replace(visitors=tuple(HEALTH.visitors[0] for _ in range(150)))
    lines = picture(state(many), Look(80, 24, panel="served"))
    assert len(lines) <= 24
    assert any("more" in line for line in lines)


@pytest.mark.parametrize(("sort", "first"), [("rate", "the page"), ("delivered", "bot"), ("name", "a program")])
def test_sorting(sort: str, first: str) -> None:
    lines = picture(state(), Look(80, 24, sort=sort, panel="served"))
    (header,) = (number for number, line in enumerate(lines) if line.startswith("served"))
    assert first in lines[header + 1]
    assert sort == "name" or f"{sort} ▾" in lines[header]


@pytest.mark.parametrize(
    ("sort", "first"),
    [("rate", "slow"), ("delivered", "chart"), ("dropped", "slow"), ("lag", "slow"), ("name", "chart")],
)
def test_components_are_told_with_what_they_missed(sort: str, first: str) -> None:
    lines = picture(state(components=ROWS), Look(80, 24, sort=sort))
    (header,) = (number for number, line in enumerate(lines) if line.startswith("component "))
    assert lines[header + 1].startswith(first)
    text = "\n".join(lines)
    assert re.search(r"^slow bot +\d+ +trade +40 +10/s +77 +19 +1\.5 s *$", text, re.MULTILINE)


def test_streams_by_rate() -> None:
    counts = {"ticker KRW-BTC": 7, "trade KRW-BTC": 9}
    of = state(stream_counts=counts)
    rates = rates_of(of)._replace(streams={"ticker KRW-BTC": 2.0, "trade KRW-BTC": 3.5})
    console = Console(width=80, height=24, file=io.StringIO(), record=True)
    console.print(view(of, rates, Look(80, 24, panel="streams")))
    lines = console.export_text().splitlines()
    (header,) = (number for number, line in enumerate(lines) if line.startswith("stream "))
    assert [line.split() for line in lines[header + 1 : header + 3]] == [
        ["trade", "KRW-BTC", "9", "3.5/s"],
        ["ticker", "KRW-BTC", "7", "2.0/s"],
    ]


def test_a_connection_says_its_delay_and_what_compression_saves() -> None:
    one = HEALTH.connections[0]._replace(delay=0.042, wire_bytes=1024**2, payload_bytes=4 * 1024**2)
    text = "\n".join(picture(state(HEALTH._replace(connections=(one,))), Look(80, 24)))
    assert "42.0 ms" in text
    assert "3.0 MiB 75%" in text


def test_a_tall_terminal_shows_all_at_once_and_a_small_one_what_is_asked_for() -> None:
    tall = "\n".join(picture(state(components=ROWS), Look(160, 50, has_keys=True)))
    assert all(head in tall for head in ("component ", "served ", "stream "))
    assert "v show" not in tall
    for panel, head in zip(PANELS, ("component ", "served ", "stream "), strict=True):
        lines = picture(state(components=ROWS), Look(80, 24, panel=panel, has_keys=True))
        assert sum(line.startswith(("component ", "served ", "stream ")) for line in lines) == 1
        assert any(line.startswith(head) for line in lines)


def test_keys_go_round() -> None:
    look = Look(80, 24)
    for _number in SORTS:
        look = turned(look, "s")
    for _number in PANELS:
        look = turned(look, "v")
    assert look == Look(80, 24)
    assert turned(turned(look, "p"), " ") == look
    assert turned(look, "x") == look


def test_the_words_of_guests_stand_beside_the_host_s_own() -> None:
    own = host_state(HEALTH, URL, 1.0, 1.0, ROWS[:1])
    of = read_state(whole_state(own, {7: Components(ROWS[1:], 3)}))
    assert [(one.pid, one.row.component) for one in of.components] == [(os.getpid(), "chart"), (7, "slow bot")]


def test_names_stay_names() -> None:
    evil = HEALTH.members[0]._replace(name=EVIL)
    broken = HEALTH.connections[2]._replace(error=EVIL)
    of = state(HEALTH._replace(members=(evil,), connections=(broken,)))
    text = "\n".join([*picture(of, Look(160, 24)), *lines_of(of, rates_of(of))])
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


STATE = host_state(HEALTH, URL, 1234.5, 1_790_000_000.0)


def test_rates_are_by_the_hosts_own_clock() -> None:
    meters, before = Meters(), read_state(STATE)
    meters.rates(before)
    first, *others = before.clients
    later = before._replace(clients=(first._replace(delivered=first.delivered + 300), *others))
    found = meters.rates(later._replace(about=_at(later, before.about.now + 2.0)))
    assert found.clients == (150.0, 0.0, 0.0, 0.0)
    found = meters.rates(before._replace(about=_at(later, before.about.now + 4.0)))
    assert min(found.clients) >= 0, "one that came again counts from 0"


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
    assert {"kind": "process", "name": "bot", "detail": "12", "rate": 0.0} in document["rates"]["clients"]


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
        HostPage("http://host.example:8080", Config(), path)


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
        HostPage(url, Config(), None).ask()


def test_what_is_no_page_is_told() -> None:
    with host(b"{}", status=404) as url, pytest.raises(TransportError, match="404"):
        HostPage(url, Config(), None).ask()


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
                shown(ours, "sort by dropped")
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
        page, found = HostPage(said["page"], Config(), None), HostState(state().about, (), {})

        def is_there() -> bool:
            nonlocal found
            with contextlib.suppress(TransportError):  # before its first state
                found = page.ask()
            return bool(found.document)

        wait_until(is_there, "its state", PATIENCE)
        assert found.about.pid == one.popen.pid
        assert {one.endpoint for one in found.about.connections} == {"public", "private", "info"}


BOT = """
import sys
from websocket_v6 import Config, Mailbox, WebSocketClientProxy
with WebSocketClientProxy("the_guest", config=Config(url=sys.argv[1], runtime_dir=sys.argv[2])) as proxy:
    proxy.subscribe_trade(["KRW-BTC"], mailbox=Mailbox.drop_oldest(4))
    print("there", flush=True)
    sys.stdin.read()
"""


def test_any_host_is_looked_at_through_its_own_door(tmp_path: Path) -> None:
    """A plain program is the host, another one its guest: both have components, and `top` is neither."""
    folder = tmp_path / "run"
    with Simulator(["KRW-BTC"], traffic=200) as sim:
        config = Config(url=sim.url, runtime_dir=folder)
        command = [sys.executable, "-c", BOT, sim.url, str(folder)]
        with (
            WebSocketClientProxy("the_host", config=config) as proxy,
            HostDoor(config) as door,
            Program(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            ) as bot,
        ):
            ticks = proxy.subscribe_ticker(["KRW-BTC"], callback=lambda event: None)
            wait_until(lambda: ticks.stats.delivered > 0, "data", PATIENCE)
            assert bot.stdout is not None
            assert bot.stdout.readline() == "there\n"

            def rows_of() -> dict[str, ComponentState]:
                return {one.row.component: one for one in door.ask().components}

            wait_until(lambda: {"the_host", "the_guest"} <= set(rows_of()), "the components of both", PATIENCE)
            wait_until(lambda: rows_of()["the_guest"].row.dropped > 0, "that the guest takes nothing", PATIENCE)
            rows = rows_of()
            assert (rows["the_host"].pid, rows["the_guest"].pid) == (os.getpid(), bot.pid)
            assert rows["the_guest"].row.queued == 4
            wait_until(lambda: door.ask().about.stream_counts.get("ticker KRW-BTC", 0) > 0, "streams", PATIENCE)
            state = door.ask()
            assert state.about.guests == 1, "who looks is no guest"
            assert state.about.connections[0].delay is not None
            assert state.about.connections[0].saved is not None
            environment = {"WEBSOCKET_V6_URL": sim.url, "WEBSOCKET_V6_RUNTIME_DIR": str(folder)}
            done = CliRunner().invoke(app, ["top", "--seconds", "0.5", "--json"], env=environment)
            assert done.exit_code == 0, done.output
            assert json.loads(done.stdout)["state"]["pid"] == os.getpid()
            bot.communicate(timeout=PATIENCE)


def test_without_a_host_it_says_how_to_come_by_one(tmp_path: Path) -> None:
    environment = {"WEBSOCKET_V6_URL": "ws://127.0.0.1:1", "WEBSOCKET_V6_RUNTIME_DIR": str(tmp_path / "run")}
    done = CliRunner().invoke(app, ["top"], env=environment)
    assert done.exit_code == 1
    assert "websocket-v6 serve" in done.output
    assert len(done.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(["--token-file", "x"], "goes with a PAGE"), (["http://127.0.0.1:1", "--url", "ws://127.0.0.1:1"], "not both")],
)
def test_what_does_not_go_together(arguments: list[str], complaint: str) -> None:
    done = CliRunner().invoke(app, ["top", *arguments], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})
    assert done.exit_code == 2
    assert complaint in done.output
