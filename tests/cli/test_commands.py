"""The commands as a user runs them: real processes against a simulator, plain output, signals, exit codes."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.request import urlopen
from uuid import uuid4

import psutil
import pytest
from typer.testing import CliRunner

from websocket_v6 import __main__, __version__
from websocket_v6.cli.app import app
from websocket_v6.simulator import Answers, Simulator

from ..conftest import Program, wait_until

INTERRUPTED = 130
MARK = f"WEBSOCKET_V6_TEST_{uuid4().hex}"  # a variable of what is started here, and of what that starts
PROMPT = 5.0  # seconds from Ctrl-C to the end, on a machine that does much else


@pytest.fixture
def exchange() -> Iterator[Simulator]:
    with Simulator(["KRW-BTC", "KRW-ETH"], traffic=100) as sim:
        yield sim


def start(*arguments: str) -> Program:
    return Program(
        [sys.executable, "-m", "websocket_v6", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, MARK: "yes"},
    )


def run(*arguments: str) -> tuple[int, str, str]:
    """Run a command to its end and return its exit code, output and error output."""
    with start(*arguments) as process:
        out, err = process.communicate(timeout=50)
        return process.returncode, out, err


def record(folder: Path, codes: list[str]) -> Path:
    """Write ten seconds of trades, in turn of each code, each at 1 more than the last one."""
    ticks = [
        {"t": 1_600_000_000 + n / 20, "code": codes[n % len(codes)], "price": str(300 + n), "volume": "1"}
        for n in range(200)
    ]
    path = folder / "ticks.jsonl"
    path.write_text("\n".join(json.dumps(tick) for tick in ticks))
    return path


def interrupt(process: Program) -> tuple[float, str, str]:
    """Send what Ctrl-C sends, and return how long the end took and what was printed till then."""
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return time.monotonic() - began, out, err


# Arguments.


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["watch"], "CODE"),
        (["watch", "BITCOIN"], "'BITCOIN' is not a code"),
        (["watch", "KRW-BTC", "--type", "orders"], "'orders'"),
        (["watch", "KRW-BTC", "--depth", "5"], "--depth goes with --type orderbook"),
        (["watch", "KRW-BTC", "--type", "orderbook", "--depth", "7"], "depth=7"),
        (["watch", "KRW-BTC", "--interval", "1m"], "--interval goes with --type candle"),
        (["watch", "KRW-BTC", "--type", "candle", "--interval", "2m"], "'2m'"),
        (["watch", "KRW-BTC", "--url", "http://here"], "url="),
        (["watch", "KRW-BTC", "--seconds", "0"], "--seconds"),
        (["simulate", "KRW-BTC", "--markets", "3"], "not both"),
        (["simulate", "nonsense"], "'nonsense' is not a code"),
        (["simulate", "--capture", "no/such/file"], "--capture"),
        (["demo", "--seconds", "0"], "--seconds"),
        (["record", "file"], "CODE"),
        (["record", "file", "KRW-BTC", "--interval", "1m"], "--interval goes with --type candle"),
        (["recording", "no/such/file"], "FILE"),
        (["replay", "no/such/file"], "FILE"),
        (["play", "file"], "No such command"),
    ],
)
def test_wrong_arguments_are_named_and_exit_with_2(arguments: list[str], complaint: str) -> None:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})
    assert result.exit_code == 2
    assert complaint in result.output
    assert "Traceback" not in result.output


def test_a_nonsensical_environment_is_named() -> None:
    result = CliRunner().invoke(app, ["watch", "KRW-BTC"], env={"WEBSOCKET_V6_REGION": "moon"})
    assert result.exit_code == 2
    assert "WEBSOCKET_V6_REGION" in result.output


def test_the_help_lists_what_there_is_and_nothing_else() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    listed = re.findall(r"^│ (\w+) +\S", result.output.partition("─ Commands ─")[2], re.MULTILINE)
    assert sorted(listed) == [
        "demo", "doctor", "fleet", "import", "probe", "record",
        "recording", "replay", "serve", "simulate", "top", "watch",
    ]  # fmt: skip


def test_the_version_is_the_packages() -> None:
    assert CliRunner().invoke(app, ["--version"]).output.strip() == __version__


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(__main__, "NEEDED", ("json", "no_such_package"))
    with pytest.raises(SystemExit, match=r"needs no_such_package: pip install 'websocket-v6\[cli\]'"):
        __main__.main()


# watch


@pytest.mark.parametrize(
    ("options", "type_", "field"),
    [
        (["--type", "ticker"], "ticker", "trade_price"),
        (["--type", "trade"], "trade", "sequential_id"),
        (["--type", "orderbook", "--depth", "5"], "orderbook", "total_ask_size"),
        (["--type", "candle", "--interval", "1s"], "candle.1s", "high_price"),
    ],
)
def test_json_is_one_object_a_line_with_the_exchanges_numbers(
    exchange: Simulator, options: list[str], type_: str, field: str
) -> None:
    code, out, err = run("watch", "krw-btc", "--json", "--seconds", "2", "--url", exchange.url, *options)
    assert code == 0, err
    events = [json.loads(line, parse_float=Decimal) for line in out.splitlines()]
    assert len(events) > 1
    assert {event["type"] for event in events} == {type_}
    assert {event["symbol"] for event in events} == {"KRW-BTC"}
    assert all(event[field] > 0 for event in events)
    assert "connected to" in err
    sent = [json.loads(sent.text, parse_float=Decimal) for sent in exchange.sent()]
    # Every one was sent, in this order; the last ones may have come too late.
    short = {"trade_price": "tp", "sequential_id": "sid", "total_ask_size": "tas", "high_price": "hp"}[field]
    assert [event[field] for event in events] == [message[short] for message in sent[: len(events)]]


def test_without_a_terminal_lines_are_plain(exchange: Simulator) -> None:
    code, out, err = run("watch", "KRW-BTC", "--seconds", "2.5", "--url", exchange.url)
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert any(line.startswith("KRW-BTC") and "/s" in line for line in out.splitlines())


def test_an_unknown_code_is_named_while_the_others_go_on(exchange: Simulator) -> None:
    with start("watch", "KRW-BTC", "KRW-NOPE", "--url", exchange.url) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any("KRW-NOPE" in line for line in lines)
        assert any(line.startswith("KRW-BTC") for line in lines)
        interrupt(process)
        assert process.returncode == INTERRUPTED


def test_with_unknown_codes_alone_it_ends(exchange: Simulator) -> None:
    code, out, err = run("watch", "KRW-NOPE", "--url", exchange.url)
    assert code == 1
    assert "KRW-NOPE" in out
    assert "none of the codes" in err
    assert "Traceback" not in err


def test_no_network_is_told_and_tried_again_until_the_time_is_over() -> None:
    # Port 1 of this machine: nobody listens there.
    code, out, err = run("watch", "KRW-BTC", "--seconds", "3", "--url", "ws://127.0.0.1:1/websocket/v1")
    assert code == 1
    assert out.count("connecting to ws://127.0.0.1:1/") > 1
    assert "no connection, trying again: " in out
    assert "cannot connect" in err
    assert "Traceback" not in out + err


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_ctrl_c_ends_watching_promptly(exchange: Simulator, options: list[str]) -> None:
    with start("watch", "KRW-BTC", "--url", exchange.url, *options) as process:
        exchange.wait_served({"ticker KRW-BTC"}, timeout=30)
        took, out, err = interrupt(process)
        assert process.returncode == INTERRUPTED
        assert "Traceback" not in out + err
        assert took < PROMPT
    exchange.wait_connected(0)


def test_ctrl_c_ends_waiting_for_a_network_promptly() -> None:
    with start("watch", "KRW-BTC", "--url", "ws://127.0.0.1:1") as process:
        assert process.stdout is not None
        assert "connecting" in process.stdout.readline()
        took, out, err = interrupt(process)
        assert process.returncode == INTERRUPTED
        assert "Traceback" not in out + err
        assert took < PROMPT


def test_a_reader_that_leaves_ends_it_quietly(exchange: Simulator) -> None:
    with start("watch", "KRW-BTC", "--json", "--url", exchange.url) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        json.loads(process.stdout.readline())
        process.stdout.close()
        assert process.wait(30) == 1
        assert "Traceback" not in process.stderr.read()


# simulate


def test_the_simulator_says_where_it_is_and_ends_at_ctrl_c() -> None:
    with start("simulate", "KRW-BTC", "--traffic", "50", "--weather", "calm") as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        code, out, err = run("watch", "KRW-BTC", "--json", "--seconds", "1", "--url", url)
        assert code == 0, err
        assert len(out.splitlines()) > 1
        took, out, err = interrupt(process)
        assert process.returncode == INTERRUPTED
        assert "Traceback" not in out + err
        assert took < PROMPT
    assert "messages sent" in out


def test_the_simulator_plays_a_recording(tmp_path: Path) -> None:
    capture = record(tmp_path, ["KRW-XRP"])
    with start("simulate", "--capture", str(capture)) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        code, out, err = run("watch", "KRW-XRP", "--type", "trade", "--json", "--seconds", "2", "--url", url)
        assert code == 0, err
        prices = [
            event["trade_price"] for event in map(json.loads, out.splitlines()) if event["stream_type"] == "REALTIME"
        ]
        assert prices == [prices[0] + n for n in range(len(prices))]
        interrupt(process)


def test_a_simulator_in_a_storm_plays_a_scenario_and_takes_calls() -> None:
    with start("simulate", "--weather", "storm", "--scenario", "listing", "--control", "0") as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        url = next(line.split()[-1] for line in lines if line.startswith("Calls from any program"))
        assert next(lines) == "Playing 'listing', 19.8 s\n"
        with urlopen(url) as answer:  # noqa: S310  # our own server
            state = json.loads(answer.read())
        assert state["url"].startswith("ws://127.0.0.1:")
        took, out, err = interrupt(process)
        assert process.returncode == INTERRUPTED
        assert "Traceback" not in out + err
        assert took < PROMPT


def test_an_unknown_scenario_is_one_line() -> None:
    code, _, err = run("simulate", "--traffic", "0", "--scenario", "doomsday")
    assert code == 1
    assert "choose one of flash crash" in err
    assert len(err.splitlines()) == 1


def test_a_port_that_is_taken_is_one_line(exchange: Simulator) -> None:
    code, _, err = run("simulate", "--port", str(exchange.port))
    assert code == 1
    assert "address" in err
    assert len(err.splitlines()) == 1


# demo


@pytest.mark.parametrize("is_recorded", [False, True])
def test_the_demo_adds_up_and_leaves_nothing(is_recorded: bool, tmp_path: Path) -> None:
    capture = ["--capture", str(record(tmp_path, ["KRW-XRP", "KRW-BTC", "BTC-ETH"]))] if is_recorded else []
    code, out, err = run("demo", "--seconds", "3", *capture)
    assert (code, err) == (0, "")
    rows = [line.split("│")[1:-1] for line in out.splitlines() if line.startswith("│")]
    total = lost = 0
    for name, sent, ours, ours_lost, plain, plain_lost in (
        [cell.strip().replace(",", "") for cell in row] for row in rows
    ):
        assert int(sent) == int(ours) > 0, name
        assert int(ours_lost) == 0
        assert int(plain) + int(plain_lost.split()[0]) == int(sent)
        total += int(sent)
        lost += int(plain_lost.split()[0])
    assert len(rows) == 2
    assert 0 < lost < total
    assert f"lost {lost} ({lost / total:.0%}) of their messages" in out
    served = "orderbook of 2, ticker of 3, trade of 2" if is_recorded else "orderbook of 4, ticker of 6, trade of 4"
    assert f"exchange serves {served};" in out
    wait_until(lambda: not left_behind(), "the end of the demo's processes")


def test_ctrl_c_ends_the_demo_promptly() -> None:
    with start("demo", "--seconds", "60") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert "delivered" in line, process.stderr.read()
        took, out, err = interrupt(process)
        assert process.returncode == INTERRUPTED
        assert "Traceback" not in out + err
        assert took < PROMPT
    wait_until(lambda: not left_behind(), "the end of the demo's processes")


def left_behind() -> list[psutil.Process]:
    """Return the processes that what was started here has started and that still run, whoever their parent is now."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it ended meanwhile, or is another user's
            if MARK in process.environ():
                found.append(process)
    return found


def test_probe_asks_first_and_writes_what_a_simulator_reads(exchange: Simulator, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    arguments = ["probe", "--url", exchange.url, "--out", str(out), "--pause", "0.21", "--only", "data_frames"]
    refused = CliRunner().invoke(app, arguments, input="n\n")
    assert (refused.exit_code, exchange.connections()) == (1, [])
    done = CliRunner().invoke(app, [*arguments, "--yes"])
    assert done.exit_code == 0, done.output
    assert "data_frames: 'binary'" in done.output
    assert Answers.from_file(out) == Answers(data_frames="binary")


def test_probe_says_why_it_could_not(exchange: Simulator, tmp_path: Path) -> None:
    exchange.refuse(429, times=None)
    out = str(tmp_path / "report.json")
    done = CliRunner().invoke(app, ["probe", "--yes", "--pause", "0", "--url", exchange.url, "--out", out])
    assert (done.exit_code, "HTTP 429" in done.output) == (1, True)
    done = CliRunner().invoke(app, ["probe", "--yes", "--only", "nonsense", "--url", exchange.url, "--out", out])
    assert (done.exit_code, "no question nonsense" in done.output) == (1, True)
