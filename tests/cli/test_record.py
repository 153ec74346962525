"""`record` and `recording` as a user runs them."""

import json
import re
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from websocket_v6.cli.app import app
from websocket_v6.simulator import Simulator

from ..conftest import wait_until
from ..protocol.recording.made import SECOND, rows, written
from .test_commands import INTERRUPTED, run, start

ENVIRONMENT = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}


def shown(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["recording", *arguments], env=ENVIRONMENT)
    assert "Traceback" not in result.output
    return result.exit_code, result.output


def test_what_is_recorded_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "day.wsr"
    with Simulator(["KRW-BTC", "KRW-ETH"], traffic=100) as exchange:
        options = ("--type", "ticker", "--type", "orderbook", "--seconds", "1.5", "--url", exchange.url)
        code, out, err = run("record", str(path), "KRW-BTC", "KRW-ETH", *options)
        assert code == 0, err
        sent = [json.loads(one.text) for one in exchange.sent()]
    assert re.search(r"day.wsr: [\d,]+ messages, [\d.]+ MB, public open", out)
    code, out = shown(str(path))
    assert code == 0
    for words in ("127.0.0.1 (kr)", "ticker KRW-BTC", "orderbook KRW-ETH", "0 gaps", "it was ended in order"):
        assert words in out
    code, out = shown(str(path), "--json")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[0] | {"at_ns": 0} == lines[0] | {"type": "connection", "endpoint": "public", "at_ns": 0}
    prices = [line["trade_price"] for line in lines if line["type"] == "ticker"]
    assert prices
    assert prices == [one["tp"] for one in sent if one["ty"] == "ticker"][: len(prices)]


def test_ctrl_c_ends_a_recording_in_order(tmp_path: Path) -> None:
    path = tmp_path / "day.wsr"
    with (
        Simulator(["KRW-BTC"], traffic=100) as exchange,
        start("record", str(path), "KRW-BTC", "--url", exchange.url) as process,
    ):
        exchange.wait_served({"ticker KRW-BTC"}, timeout=30)
        wait_until(lambda: path.stat().st_size > 1000, "something in the file")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (INTERRUPTED, "")
    assert "it was ended in order" in shown(str(path))[1]


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "day.wsr"
    path.write_text("mine")
    result = CliRunner().invoke(app, ["record", str(path), "KRW-BTC", "--url", "ws://127.0.0.1:1"], env=ENVIRONMENT)
    assert result.exit_code == 1
    assert "File exists" in result.output
    assert path.read_text() == "mine"


def test_a_file_that_is_cut_off_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "day.wsr"
    path.write_bytes(b"".join(written([[rows(1)], [rows(2)]], is_ended=False))[:-3])
    code, out = shown(str(path))
    assert code == 0
    assert re.search(r"it ends without an index, \d+ bytes unread", out)
    assert '"type":"cut_off"' in shown(str(path), "--json")[1].splitlines()[-1]


def test_a_span_is_of_the_time_of_receiving(tmp_path: Path) -> None:
    path = tmp_path / "day.wsr"
    path.write_bytes(b"".join(written([[rows(0, 1), rows(5 * SECOND, 1)]])))
    assert len(shown(str(path), "--json")[1].splitlines()) == 2
    assert len(shown(str(path), "--json", "--from", "2020-09-13T12:26:42")[1].splitlines()) == 1
    assert len(shown(str(path), "--json", "--to", "2020-09-13T12:26:42")[1].splitlines()) == 1
    assert shown(str(path), "--from", "2020-09-13")[0] == 2


@pytest.mark.parametrize("content", ["", "{}"])
def test_another_file_is_named_as_such(tmp_path: Path, content: str) -> None:
    (tmp_path / "a").write_text(content)
    code, out = shown(str(tmp_path / "a"))
    assert code == 1
    assert "this is no recording" in out
