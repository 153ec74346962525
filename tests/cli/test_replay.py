"""`replay`, `import` and what `recording` exports, as a user runs them."""

import csv
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.replays import market, opened, rows, trade, write
from websocket_v6.cli.app import app
from websocket_v6.simulator import Simulator

from .test_commands import run

ENVIRONMENT = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
CAPTURE = [
    {"dir": "open", "t": "1617646619.694145", "url": "wss://api.upbit.com/websocket/v1"},
    {"dir": "out", "t": "1617646620.613985", "raw": "[]"},
    {"dir": "in", "t": "1617646620.849474", "raw": '{"ty":"trade","cd":"KRW-BTC","tms":1617646620673,"tp":1E+2}'},
    {"dir": "in", "t": "1617646621.5", "raw": '{"ty":"ticker","cd":"KRW-ETH","tms":1617646621000,"tp":0.10}'},
    {"dir": "in", "t": "1617646622", "raw": '{"status":"UP"}'},
]


def shown(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments), env=ENVIRONMENT)
    assert "Traceback" not in result.output
    return result.exit_code, result.output


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write(tmp_path / "day.wsr", market(60))


def test_a_replay_says_what_was_delivered_and_the_same_each_time(recording: Path) -> None:
    code, out, err = run("replay", str(recording))
    assert (code, err) == (0, "")
    assert re.search(r"87 messages played\n +\d+  orderbook  [0-9a-f]{32}\n", out)
    assert run("replay", str(recording)) == (code, out, err)


def test_events_are_lines_of_json_in_their_order(recording: Path) -> None:
    code, out, _ = run("replay", str(recording), "--json", "--from", "2020-09-13T12:26:42")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["type"] for line in lines} == {"trade", "ticker", "orderbook"}
    received = [line["received_at"] for line in lines if line["stream_type"] == "REALTIME"]
    assert received == sorted(received)
    assert min(received) >= 1_600_000_002_000_000_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--speed", "quick"], "a number, or max"), (["--speed", "0"], "speed=0.0"), (["--to", "2000-01-01"], "")],
)
def test_what_makes_no_sense_is_refused(recording: Path, arguments: list[str], words: str) -> None:
    code, out = shown("replay", str(recording), *arguments)
    assert code == (2 if words else 0)
    assert words in out


def test_a_simulator_s_day_recorded_and_played_again(tmp_path: Path) -> None:
    path = tmp_path / "day.wsr"
    with Simulator(["KRW-BTC", "KRW-ETH"], traffic=100) as exchange:
        options = ("--type", "ticker", "--type", "trade", "--seconds", "1.5", "--url", exchange.url)
        assert run("record", str(path), "KRW-BTC", "KRW-ETH", *options)[0] == 0
    code, out = shown("recording", str(path), "--json")
    assert code == 0
    recorded = [json.loads(line) for line in out.splitlines()]
    code, played, _ = run("replay", str(path), "--json")
    assert code == 0
    assert [json.loads(line) for line in played.splitlines()] == [
        one for one in recorded if one["type"] != "connection"
    ]


@pytest.mark.parametrize("format_", ["parquet", "csv", "jsonl"])
def test_exports_have_each_message_once_and_exact_numbers(tmp_path: Path, format_: str) -> None:
    pyarrow = pytest.importorskip("pyarrow.parquet") if format_ == "parquet" else None
    number = 123456789.000000000000000012345678
    stream, message = trade("KRW-BTC", 1, 5)
    at, value = rows(1, (stream, message | {"tp": number}), trade("KRW-ETH", 1, 6))
    exact = b"123456789.000000000000000012345678"
    value.payloads[0] = value.payloads[0].replace(b"123456789.0", exact)
    path = write(tmp_path / "a.wsr", [opened(), (at, value)])
    code, out = shown("recording", str(path), "--export", format_, "--out", str(tmp_path / "out"))
    assert code == 0, out
    file = tmp_path / "out" / f"trade.{format_}"
    assert f"{file}: 2 rows" in out
    if pyarrow is not None:
        found = [row["trade_price"] for row in pyarrow.read_table(file).to_pylist()]
    elif format_ == "csv":
        found = [row["trade_price"] for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines())]
    else:
        found = [str(json.loads(line, parse_float=Decimal)["trade_price"]) for line in file.read_text().splitlines()]
    assert found == [exact.decode(), "6"]
    code, out = shown("recording", str(path), "--export", format_, "--out", str(tmp_path / "out"))
    assert code == 1
    assert "exists" in out


def test_decimal128_is_exact_or_refused(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow.parquet")
    path = write(tmp_path / "a.wsr", market(30))
    options = ("--export", "parquet", "--numbers", "decimal128", "--out")
    assert shown("recording", str(path), *options, str(tmp_path / "out"))[0] == 0
    table = pyarrow.read_table(tmp_path / "out" / "orderbook.parquet")
    assert str(table.schema.field("total_ask_size").type) == "decimal128(38, 18)"
    assert table.to_pylist()[0]["orderbook_units"][0]["bid_size"] == 1
    at, value = rows(1, trade("KRW-BTC", 1, 5))
    value.payloads[0] = value.payloads[0].replace(b'"tv":1', b'"tv":0.00000000000000000001')
    path = write(tmp_path / "b.wsr", [opened(), (at, value)])
    code, out = shown("recording", str(path), *options, str(tmp_path / "more"))
    assert code == 1
    assert "does not fit into decimal128" in out


def test_an_export_takes_a_folder_and_a_span(recording: Path, tmp_path: Path) -> None:
    assert shown("recording", str(recording), "--export", "csv")[0] == 2
    assert shown("recording", str(recording), "--out", str(tmp_path / "x"))[0] == 2
    span = ("--from", "2020-09-13T12:26:41", "--to", "2020-09-13T12:26:42")
    assert shown("recording", str(recording), "--export", "jsonl", "--out", str(tmp_path / "x"), *span)[0] == 0
    lines = [json.loads(line) for file in (tmp_path / "x").iterdir() for line in file.read_text().splitlines()]
    assert lines
    assert all(1_600_000_001 <= line["received_at"] // 10**9 < 1_600_000_002 for line in lines)


def test_a_capture_becomes_a_recording(tmp_path: Path) -> None:
    source, path = tmp_path / "capture.jsonl", tmp_path / "a.wsr"
    source.write_text("".join(json.dumps(line) + "\n" for line in CAPTURE), encoding="utf-8")
    code, out = shown("import", str(source), str(path))
    assert code == 0, out
    assert "2 messages of 2 streams, 0 gaps; 3 lines hold no data" in out
    assert "epochs are made up" in out
    code, out = shown("recording", str(path), "--json")
    _, first, second = [json.loads(line) for line in out.splitlines()]
    assert (first["received_at"], first["trade_price"]) == (1617646620849474000, 100)
    assert (second["received_at"], second["symbol"]) == (1617646621500000000, "KRW-ETH")
    assert shown("import", str(source), str(path))[0] == 1, "a file that is there is not overwritten"


def test_an_empty_line_of_tardis_dev_is_a_gap(tmp_path: Path) -> None:
    source, path = tmp_path / "trades.txt", tmp_path / "a.wsr"
    source.write_text(
        '2021-04-05T18:17:00.1234567Z {"ty":"trade","cd":"KRW-BTC","tp":1}\n\n\n'
        '2021-04-05T18:17:02.5000000Z {"ty":"trade","cd":"KRW-BTC","tp":2}\n',
        encoding="utf-8",
    )
    code, out = shown("import", str(source), str(path))
    assert code == 0, out
    assert "2 messages of 1 stream, 1 gap" in out
    _, out = shown("recording", str(path), "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(one["type"], one.get("state"), one["epoch"]) for one in lines] == [
        ("connection", "open", 1),
        ("trade", None, 1),
        ("connection", "lost", 1),
        ("connection", "open", 2),
        ("trade", None, 2),
    ]
    assert lines[1]["received_at"] == 1617646620123456700
    assert (lines[3]["gap_started_ns"], lines[3]["gap_ended_ns"]) == (1617646620123456700, 1617646622500000000)


def test_what_is_no_capture_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("nothing\n")
    code, out = shown("import", str(tmp_path / "a"), str(tmp_path / "a.wsr"))
    assert code == 1
    assert "no line that is a message" in out
    assert not (tmp_path / "a.wsr").exists()
