"""Each program of examples/ does what its first lines say, against the simulator, and ends at Ctrl-C without a word."""

import json
import os
import runpy
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Program, wait_until
from tests.replays import book, opened, rows, trade, write
from websocket_v6.simulator import Simulator

Start = Callable[..., AbstractContextManager[Any]]


def test_there_is_a_test_for_each() -> None:
    tests = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} <= tests


def test_backtest(start: Start, tmp_path: Path) -> None:
    def price(number: int) -> int:
        return 1000 if number < 120 else 990 if number < 140 else 1010

    values: list[Any] = [opened()]
    for number in range(1, 200):
        at = float(number)
        is_first = number == 1
        values.append(rows(at, book("KRW-BTC", at, price(number), is_first=is_first)))
        values.append(rows(at + 0.5, trade("KRW-BTC", at + 0.5, price(number), is_first=is_first)))
    with start("backtest", "KRW-BTC", write(tmp_path / "day.wsr", values)) as program:
        program.line("buys at 990")
        program.line("sells at 1009")
        program.line("199 trades, 1 deals, profit 18.")


def test_price_alert(sim: Simulator, start: Start) -> None:
    sim.trade("KRW-BTC", price=100_000_000)
    with start("price_alert", "KRW-BTC", "--above", 110_000_000, "--below", 90_000_000) as program:
        sim.wait_served({"ticker KRW-BTC"}, 20)
        for price in (111_000_000, 112_000_000, 100_000_000, 89_000_000, 113_000_000):
            sim.trade("KRW-BTC", price=price)
        assert program.line("113,000,000") == "KRW-BTC is above 110,000,000: 113,000,000"
        sim.trade("KRW-BTC", price=114_000_000)
        assert program.rest() == [], "once, not each time"


def test_price_alert_says_each_bound(sim: Simulator, start: Start) -> None:
    sim.trade("KRW-BTC", price=100_000_000)
    with start("price_alert", "KRW-BTC", "--above", 110_000_000, "--below", 90_000_000) as program:
        sim.wait_served({"ticker KRW-BTC"}, 20)
        sim.trade("KRW-BTC", price=111_000_000)
        program.line("above 110,000,000: 111,000,000")
        sim.trade("KRW-BTC", price=89_000_000)
        program.line("below 90,000,000: 89,000,000")


def test_best_prices_to_parquet(sim: Simulator, start: Start, tmp_path: Path) -> None:
    parquet, folder = pytest.importorskip("pyarrow.parquet"), tmp_path / "best"

    def read() -> list[dict[str, Any]]:
        return [row for path in sorted(folder.glob("*.parquet")) for row in parquet.read_table(path).to_pylist()]

    with start("best_prices_to_parquet", folder, "KRW-BTC", "KRW-ETH", "--every", 0.01, "--file", 0.05) as program:
        program.line("is whole")
        wait_until(lambda: {row["code"] for row in read()} == {"KRW-BTC", "KRW-ETH"}, "a row of each")
        book = json.loads(sim.current("orderbook KRW-BTC"), parse_float=Decimal, parse_int=Decimal)
        best = book["orderbook_units"][0]
        found = {
            (row["bid"], row["bid_size"], row["ask"], row["ask_size"]) for row in read() if row["code"] == "KRW-BTC"
        }
        assert (best["bid_price"], best["bid_size"], best["ask_price"], best["ask_size"]) in found
        program.rest()
    count = len(read())
    with start("best_prices_to_parquet", folder, "KRW-BTC", "--file", 0.05) as program:
        program.line("is whole")
        program.rest()
    assert len(read()) > count, "a second run goes on beside the first"
    assert list(folder.glob("*.part")) == []


def test_best_prices_to_parquet_of_all_markets(sim: Simulator, start: Start, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    folder, codes = tmp_path / "best", {"KRW-BTC", "KRW-ETH"}
    with start("best_prices_to_parquet", folder, "KRW-*", "--every", 0.01, "--file", 0.05) as program:
        assert program.line("from now on") == f"all {len(codes)} markets: from now on"
        program.line("is whole")
        wait_until(
            lambda: (
                {code for path in folder.glob("*.parquet") for code in parquet.read_table(path)["code"].to_pylist()}
                == codes
            ),
            "a row of each market",
        )
        program.rest()
    assert [path.suffix for path in folder.iterdir()] == [".parquet"] * len(list(folder.iterdir()))


def test_best_prices_to_parquet_writes_the_rest_when_it_ends(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    program = runpy.run_path(str(ROOT / "examples" / "best_prices_to_parquet.py"))
    now = datetime.now(UTC)
    values = (now, now, "KRW-BTC", *map(Decimal, ("100", "0.00000001", "101", "12345678901234567890.5")))
    row = dict(zip(program["SCHEMA"].names, values, strict=True))
    with closing(program["Files"](tmp_path / "best", 60.0)) as files:
        files.add(row)
        files.look()
        assert list((tmp_path / "best").iterdir()) == [], "its minute is not over"
    (file,) = (tmp_path / "best").iterdir()
    table = parquet.read_table(file)
    assert str(table.schema.field("bid").type) == "decimal128(38, 18)"
    assert table.to_pylist() == [row | {"time": now.replace(microsecond=now.microsecond // 1000 * 1000)}]


def test_market_maker_view(sim: Simulator, start: Start) -> None:
    best = json.loads(sim.current("orderbook KRW-BTC"))["orderbook_units"][0]
    with start("market_maker_view", "KRW-BTC") as program:
        sim.wait_served({"orderbook KRW-BTC"}, 20)
        sim.wait_served({"myOrder KRW-BTC"}, 20, endpoint="private")
        program.line("KRW-BTC")
        uuid = sim.place_order("KRW-BTC", "BID", best["bid_price"], "0.5")
        assert program.line("mine 0.5").split()[0] == f"{best['bid_price']:,.0f}"
        sim.cancel_order(uuid)
        program.line("KRW-BTC")
        sim.drop("private")
        program.line("ask REST")


def test_two_strategies(sim: Simulator, start: Start) -> None:
    with start("two_strategies", "KRW-BTC") as program:
        sim.wait_served({"trade KRW-BTC", "orderbook KRW-BTC"}, 30)
        sim.wait_connected(1, endpoint="public")
        sim.tick(200, "KRW-BTC")
        roles = {program.line(name).partition("(")[2].partition(")")[0] for name in ("spread", "pressure")}
        assert roles <= {"host", "guest"}
        program.rest()


def test_order_watcher(sim: Simulator, start: Start) -> None:
    old = sim.place_order("KRW-BTC", "BID", 50_000_000, "0.01")
    with start("order_watcher") as program:
        program.line("connection open")
        assert program.line("waits") == f"KRW-BTC buy {old[:8]}: waits, 0.01 at 50000000"
        program.line("reconciled: 1 events fetched, 1 orders are open")
        uuid = sim.place_order("KRW-BTC", "BID", 50_000_000, "0.02")
        assert program.line("waits").startswith(f"KRW-BTC buy {uuid[:8]}: waits, 0.02 at 50000000")
        sim.cancel_order(uuid)
        program.line("cancel, 0")
        sim.refuse(503, times=None, endpoint="private")
        sim.drop("private")
        program.line("connection lost")
        sim.cancel_order(old)  # nobody hears of it
        sim.accept("private")
        assert program.line("cancel") == f"KRW-BTC buy {old[:8]}: cancel, 0 had been executed (missed in a gap)"
        program.line("reconciled: 1 events fetched, 0 orders are open")


def test_web_prices(sim: Simulator, start: Start) -> None:
    sim.trade("KRW-BTC", price=123_000_000)
    with start("web_prices", 0, "KRW-BTC") as program:
        url = program.line("http://")

        def price() -> Any:
            try:
                with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # our own
                    return json.load(answer)["trade_price"]
            except urllib.error.HTTPError:
                return None

        wait_until(lambda: price() == 123_000_000, "the snapshot")
        sim.trade("KRW-BTC", price=124_000_000)
        wait_until(lambda: price() == 124_000_000, "the newest")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(url.replace("BTC", "NOPE"), timeout=10)  # noqa: S310  # our own
        assert program.rest() == []


def test_flask_prices(sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("flask", reason="the extra `examples` is not installed")
    names = runpy.run_path(str(ROOT / "examples" / "flask_prices.py"))
    monkeypatch.setenv("WEBSOCKET_V6_URL", sim.url)
    monkeypatch.setenv("WEBSOCKET_V6_RUNTIME_DIR", str(tmp_path / "run"))
    sim.trade("KRW-BTC", price=123_000_000)
    prices = names["Prices"]()
    try:
        client = names["create_app"](prices).test_client()
        assert client.get("/price/krw-btc").json["price"] == "123000000"
        sim.wait_served({"ticker KRW-BTC"})
        sim.trade("KRW-BTC", price=124_000_000)
        wait_until(lambda: client.get("/price/KRW-BTC").json["price"] == "124000000", "the newest")
        assert client.get("/price/nonsense!").status_code == 404
    finally:
        prices.close()


def test_closed_candles(sim: Simulator, start: Start) -> None:
    with start("closed_candles", "1m", "KRW-BTC") as program:
        sim.wait_served({"candle.1m KRW-BTC"}, 20)
        for price in (100_000_000, 101_000_000, 102_000_000):
            sim.trade("KRW-BTC", price=price)
            sim.advance(60, idle=False)
        sim.trade("KRW-BTC", price=103_000_000)
        program.line("101000000")
        closed = program.line("102000000").split()
        assert closed[1:6] == ["KRW-BTC", *["102000000"] * 4]
        assert closed[6] == "average"
        assert program.rest() == [], "the last one is not closed yet"


def test_trades_to_sqlite(sim: Simulator, start: Start, tmp_path: Path) -> None:
    file = tmp_path / "trades.db"

    def prices() -> list[str]:
        with closing(sqlite3.connect(file)) as database:
            try:
                return [price for (price,) in database.execute("SELECT price FROM trades ORDER BY time, id")]
            except sqlite3.OperationalError:
                return []

    with start("trades_to_sqlite", file, "KRW-BTC") as program:
        sim.wait_served({"trade KRW-BTC"}, 20)
        for price in (100_000_000, 101_000_000):
            sim.trade("KRW-BTC", price=price)
        wait_until(lambda: prices()[-2:] == ["100000000", "101000000"], "both rows")
        sim.duplicate_last_trade("KRW-BTC")
        sim.trade("KRW-BTC", price=102_000_000)
        wait_until(lambda: prices()[-1] == "102000000", "the third")
        assert prices().count("101000000") == 1
        assert program.rest() == []


@pytest.fixture
def hook() -> Iterator[tuple[str, list[str]]]:
    """A web hook: its address, and the texts it was sent."""
    texts: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", texts
        server.shutdown()
        thread.join()


def test_slow_notifier(sim: Simulator, start: Start, hook: tuple[str, list[str]]) -> None:
    url, texts = hook
    with start("slow_notifier", url, 1_000_000_000, "KRW-BTC") as program:
        sim.wait_served({"trade KRW-BTC"}, 20)
        sim.trade("KRW-BTC", price=100_000_000, volume="0.1", side="BID")
        sim.trade("KRW-BTC", price=100_000_000, volume="12", side="ASK")
        wait_until(lambda: texts, "the large one")
        assert texts[0].startswith("KRW-BTC: 12")
        assert texts[0].endswith("sold at 100,000,000"), "and the small one was left out"
        assert program.rest() == []


def test_a_slow_web_hook_costs_messages_and_never_the_stream(
    sim: Simulator, start: Start, hook: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hook hangs while 300 large trades come: a hundred wait, the rest are a number in the next text."""
    url, texts = hook
    gate = threading.Event()
    taken = HTTPServer.process_request

    def late(server: HTTPServer, *arguments: Any) -> None:
        gate.wait(30)
        taken(server, *arguments)

    monkeypatch.setattr(HTTPServer, "process_request", late)
    try:
        with start("slow_notifier", url, 1_000_000, "KRW-BTC") as program:
            sim.wait_served({"trade KRW-BTC"}, 20)
            for _ in range(300):
                sim.trade("KRW-BTC", price=100_000_000, volume="1", side="BID")
            sim.tick(50, "KRW-BTC")
            gate.set()
            wait_until(lambda: any("others were left out" in text for text in texts), "what was left out", 60)
            assert len(texts) <= 150
            assert program.rest() == []
    finally:
        gate.set()


@pytest.fixture
def display() -> Iterator[str]:
    """A screen that nobody sees."""
    pytest.importorskip("tkinter", reason="this Python has no Tk")
    xvfb = shutil.which("Xvfb")
    if xvfb is None:
        pytest.skip("Xvfb is not here: apt-get install xvfb")
    reading, writing = os.pipe()
    with Program([xvfb, "-displayfd", str(writing), "-screen", "0", "640x480x24"], pass_fds=[writing]):
        os.close(writing)
        with os.fdopen(reading) as found:
            yield f":{found.readline().strip()}"


def test_price_window(sim: Simulator, start: Start, display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display)
    sim.trade("KRW-BTC", price=123_000_000)
    with start("price_window", "KRW-BTC", "KRW-ETH") as program:
        sim.wait_served({"ticker KRW-BTC", "ticker KRW-ETH"}, 30)
        sim.trade("KRW-BTC", price=124_000_000)
        assert program.line("124,000,000").startswith("KRW-BTC 124,000,000 +"), "it tells what its window shows"
        assert all(line.startswith("KRW-ETH") for line in program.rest())


@pytest.mark.slow
def test_flask_prices_with_several_workers(sim: Simulator, tmp_path: Path) -> None:
    """Workers that are forked after the app was made share one connection to the exchange."""
    pytest.importorskip("flask", reason="the extra `examples` is not installed")
    pytest.importorskip("gunicorn", reason="the extra `examples` is not installed")
    sim.trade("KRW-BTC", price=123_000_000)
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "3", "--bind", "127.0.0.1:0"]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'examples'}",
        "WEBSOCKET_V6_URL": sim.url,
        "WEBSOCKET_V6_RUNTIME_DIR": str(tmp_path / "run"),
    }
    with Program(
        [*command, "flask_prices:create_app()"], stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    ) as server:
        assert server.stderr is not None
        url = next(line.split("Listening at: ")[1].split()[0] for line in server.stderr if "Listening at" in line)
        drain = threading.Thread(target=server.stderr.read)
        drain.start()
        seen: set[str] = set()

        def answered() -> bool:
            request = urllib.request.Request(f"{url}/price/KRW-BTC", headers={"Connection": "close"})  # noqa: S310
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # our own
                document = json.load(answer)
            assert document["price"] == "123000000"
            seen.add(document["pid"])
            return len(seen) >= 2

        wait_until(answered, "an answer of two workers", 60)
        sim.wait_connected(1, endpoint="public")
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        drain.join()
