"""What tables are made of: numbers in words, rates, the connection's line, the sums of the demo. All of it pure."""

import json
import time
from decimal import Decimal
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from websocket_v6.cli import watch as watch_module
from websocket_v6.cli.board import WINDOW, Board, Meter
from websocket_v6.cli.demo_view import Tally, summary
from websocket_v6.cli.drawing import Palette
from websocket_v6.cli.line import ConnectionLine
from websocket_v6.cli.quote import amount_text, percent_text, price_text, quote_of, seconds_text
from websocket_v6.cli.watch_table import market_table
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.events import ConnectionEvent, ConnectionState, Event, OverflowEvent
from websocket_v6.protocol.events.make import make_event

NOW = 1_700_000_000


def event(stream: str, body: str, *, kind: str = "REALTIME", delay_ms: int = 20) -> Event:
    type_, code = stream.split()
    tail = f',"tms":{NOW * 1000 - delay_ms},"st":"{kind}"}}'
    payload = f'{{"ty":"{type_}","cd":"{code}",{body}{tail}'.encode()
    return make_event(stream, payload, epoch=1, received_at=NOW * 10**9)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12))
def test_a_price_keeps_every_digit(value: Decimal) -> None:
    text = price_text(value)
    assert "E" not in text.upper()
    assert Decimal(text.replace(",", "")) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (price_text(Decimal("1.16539E8")), "116,539,000"),
        (price_text(Decimal("0E-8")), "0"),
        (price_text(Decimal("158219000.00000000")), "158,219,000"),
        (price_text(None), "-"),
        (percent_text(Decimal("0.0125")), "+1.25 %"),
        (percent_text(Decimal("-0.5")), "-50.00 %"),
        (percent_text(None), ""),
        (amount_text(None), "-"),
        (amount_text(Decimal("0.5")), "0.50"),
        (amount_text(Decimal(999)), "999"),
        (amount_text(Decimal(12_345)), "12.3 K"),
        (amount_text(Decimal(1_234_567)), "1.23 M"),
        (amount_text(Decimal("1.5E12")), "1.50 T"),
        (seconds_text(0.0004), "0.4 ms"),
        (seconds_text(0.25), "250 ms"),
        (seconds_text(2.0), "2.0 s"),
        (seconds_text(None), "-"),
    ],
)
def test_numbers_in_words(text: str, expected: str) -> None:
    assert text == expected


@pytest.mark.parametrize(
    ("stream", "body", "price", "change", "remark"),
    [
        ("ticker KRW-BTC", '"tp":110,"scr":0.1,"atp24h":1234.9', "110", "0.1", "24h 1,235"),
        ("trade KRW-BTC", '"tp":90,"pcp":100,"tv":0.5,"ab":"ASK"', "90", "-0.1", "sold 0.5"),
        ("trade KRW-BTC", '"tp":90,"pcp":0,"tv":2,"ab":"BID"', "90", None, "bought 2"),
        ("candle.1m KRW-BTC", '"op":100,"tp":101,"lp":99,"hp":1020', "101", "0.01", "99..1,020"),
        ("orderbook KRW-BTC", '"obu":[{"ap":101,"bp":99,"as":1,"bs":1}]', "99", None, "ask 101, 1 levels"),
        ("orderbook KRW-BTC", '"obu":[]', None, None, "empty"),
    ],
)
def test_each_type_has_its_quote(stream: str, body: str, price: str | None, change: str | None, remark: str) -> None:
    quote = quote_of(event(stream, body))
    assert quote is not None
    assert quote.price == (None if price is None else Decimal(price))
    assert quote.change == (None if change is None else Decimal(change))
    assert quote.remark == remark


def test_a_rate_is_that_of_the_last_seconds() -> None:
    meter = Meter()
    rates = [meter.rate(now / 4, count=now * 5) for now in range(40)]  # 20 a second
    assert rates[0] == 0.0
    assert rates[1:] == pytest.approx([20.0] * 39)
    assert meter.rate(39 / 4 + 2 * WINDOW, count=39 * 5) == pytest.approx(0.0, abs=10.0)
    assert meter.rate(39 / 4 + 4 * WINDOW, count=39 * 5) == 0.0


def test_a_board_tells_snapshots_live_events_and_drops_apart() -> None:
    board = Board(["KRW-BTC", "KRW-ETH"], priced_by="ticker")
    board.take(event("ticker KRW-BTC", '"tp":100', kind="SNAPSHOT"))
    board.take(event("ticker KRW-BTC", '"tp":101'))
    board.take(event("trade KRW-BTC", '"tp":55'))
    board.take(OverflowEvent(symbol=None, dropped=7, dropped_total=7, policy="latest"))
    bitcoin, ether = board.rows(time.monotonic())
    assert (board.snapshots, board.live, board.dropped) == (1, 2, 7)
    assert (bitcoin.events, ether.events) == (3, 0)
    assert bitcoin.quote is not None
    assert bitcoin.quote.price == 101
    assert bitcoin.delay == pytest.approx(0.02)
    assert ether.quote is None


def test_a_delay_between_strange_clocks_is_none() -> None:
    board = Board([])
    board.take(event("trade KRW-BTC", '"tp":55', delay_ms=10**9))
    (row,) = board.rows(0.0)
    assert row.delay is None
    assert row.lag is not None


def test_a_board_without_any_known_code_is_hopeless() -> None:
    board = Board(["KRW-BTC", "KRW-NOPE"])
    board.mark_unknown(["KRW-NOPE"])
    assert not board.is_hopeless
    board.mark_unknown(["KRW-BTC"])
    assert board.is_hopeless
    board.take(event("trade KRW-BTC", '"tp":55'))
    assert not board.is_hopeless


def test_the_line_tells_why_it_is_connecting_again() -> None:
    said: list[str] = []
    line = ConnectionLine("ws://here", said.append)
    with pytest.raises(TransportError, match="no connection to ws://here"):
        line.check()
    for state, reason, gap in [
        ("connecting", "", None),
        ("lost", "refused", 0.1),
        ("connecting", "", 0.2),
    ]:
        line.take(ConnectionEvent(endpoint="public", state=ConnectionState(state), epoch=0, reason=reason, gap=gap))
    assert said == [
        "connecting to ws://here ...",
        "no connection, trying again: refused",
        "connecting to ws://here ...",
    ]
    assert str(line) == "connecting to ws://here ...\nbefore: refused"
    with pytest.raises(TransportError, match="refused"):
        line.check()
    line.take(ConnectionEvent(endpoint="private", state=ConnectionState.OPEN, epoch=1))
    line.take(ConnectionEvent(endpoint="public", state=ConnectionState.OPEN, epoch=1, gap=1.25))
    line.check()
    assert str(line) == "connected to ws://here again after a gap of 1.2 s"
    line.take(ConnectionEvent(endpoint="public", state=ConnectionState.LOST, epoch=1, reason="reset"))
    assert str(line) == "connection lost, trying again: reset"


def test_the_summary_counts_what_each_client_lost() -> None:
    tallies = [Tally("chart", 100, 98, 2, 40), Tally("bot", 100, 100, 0, 90)]
    console = Console(file=StringIO(), width=300)
    console.print(summary(tallies, 1))
    text = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert "lost 70 (35%) of their messages" in text
    assert "websocket_v6 lost 2, over one connection, with 1 request." in text
    assert all(tally.is_complete for tally in tallies)
    assert not Tally("chart", 100, 97, 2, 40).is_complete
    assert not Tally("chart", 100, 101, 0, 40).is_complete


def test_a_code_is_no_markup() -> None:
    board = Board([])
    board.take(event("ticker KRW-[red]X[/]", '"tp":5'))
    out = StringIO()
    for type_ in ("ticker", "trade", "orderbook", "candle"):
        picture = market_table(type_, board.rows(0.0), 100, 10, 0, Palette())
        Console(file=out, width=100, color_system=None).print(picture)
    assert out.getvalue().count("KRW-[red]X[/]") == 4


def test_a_json_line_steers_no_terminal() -> None:
    text = watch_module._json(event("ticker KRW-BTC", '"tp":5,"ms":"a\u009b31m\u202eb\\u001b"'))
    assert text.isprintable()
    assert json.loads(text)["market_state"] == "a\u009b31m\u202eb\u001b"
