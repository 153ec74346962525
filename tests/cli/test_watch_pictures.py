"""What `watch` shows, at 80 and 160 columns, of few markets and of many, with colours and without."""

import io
import re
import time
from collections.abc import Sequence
from decimal import Decimal

import pytest
from rich.console import Console

from tests.cli.test_tables import event
from websocket_v6 import Config
from websocket_v6.cli.board import Board
from websocket_v6.cli.drawing import Palette
from websocket_v6.cli.watch_chart import Chart, read_candles
from websocket_v6.cli.watch_table import SORTS
from websocket_v6.cli.watch_view import Look, View
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import Event
from websocket_v6.simulator import Simulator

SIZES = [(80, 24), (160, 48), (40, 12)]
TICKER = '"tp":{price},"op":100,"hp":120,"lp":90,"pcp":100,"scr":{change},"atp24h":5000000,"atv24h":1234'


def tickers(count: int) -> list[Event]:
    return [
        event(f"ticker KRW-C{number:03}", TICKER.format(price=100 + number % 7, change=(number % 7 - 3) / 100))
        for number in range(count)
    ]


def book(code: str = "KRW-BTC", levels: int = 30) -> Event:
    units = ",".join(f'{{"ap":{101 + n},"bp":{100 - n},"as":{1 + n}.5,"bs":{n + 2}.25}}' for n in range(levels))
    return event(f"orderbook {code}", f'"obu":[{units}],"tas":{levels * 2},"tbs":{levels}')


def trades(count: int) -> list[Event]:
    return [
        event(
            "trade KRW-BTC",
            f'"tp":{100 + number},"pcp":100,"tv":{number + 1},"ab":"{"BID" if number % 2 else "ASK"}","sid":{number}',
        )
        for number in range(count)
    ]


def shown(
    view: View, board: Board, size: tuple[int, int], *, colour: bool = False, look: Look | None = None
) -> list[str]:
    """Return the lines as a terminal has them; with colours also what sets these."""
    width, height = size
    out = io.StringIO()
    system = "standard" if colour else None
    console = Console(file=out, width=width, height=height, color_system=system, force_terminal=colour)  # type: ignore[arg-type]
    look = (look or Look())._replace(width=width, height=height, has_colour=colour)
    rows = board.rows(time.monotonic())
    console.print(view.picture(rows, view.foot(rows, "connected to here", 3, look), look))
    return out.getvalue().splitlines()


def pictured(type_: str, codes: Sequence[str], events: Sequence[Event]) -> tuple[View, Board]:
    view, board = View(type_, codes, "1m"), Board(codes)
    for one in events:
        view.take(one)
        board.take(one)
    return view, board


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 5, 100])
def test_a_table_fits_whatever_it_holds(size: tuple[int, int], count: int) -> None:
    found = tickers(count)
    lines = shown(*pictured("ticker", [one.symbol for one in found], found), size)
    assert len(lines) <= size[1]
    assert max(map(len, lines)) <= size[0]
    assert any("3 dropped" in line for line in lines)


def test_a_hundred_markets_are_all_there_on_a_wide_terminal() -> None:
    found = tickers(100)
    view, board = pictured("ticker", [one.symbol for one in found], found)
    text = "\n".join(shown(view, board, (160, 48)))
    assert len(set(re.findall(r"KRW-C\d{3}", text))) >= 80
    narrow = "\n".join(shown(view, board, (80, 24), look=Look(offset=90)))
    assert set(re.findall(r"KRW-C\d{3}", narrow)) == {f"KRW-C{number:03}" for number in range(90, 100)}
    assert "from market 91 of 100" in narrow


def test_a_ticker_says_where_it_stands_in_its_day() -> None:
    (line,) = (
        line for line in shown(*pictured("ticker", ["KRW-C000"], tickers(1)), (80, 24)) if line.startswith("KRW-C000")
    )
    assert "────●───────" in line or "───●────────" in line, "a third of the way from 90 to 120"
    assert "▼ -3.00 %" in line


def test_up_and_down_have_colours_and_do_not_need_them() -> None:
    found = tickers(7)
    view, board = pictured("ticker", [one.symbol for one in found], found)
    coloured, plain = "\n".join(shown(view, board, (80, 24), colour=True)), "\n".join(shown(view, board, (80, 24)))
    assert "\x1b[32m" in coloured
    assert "\x1b[31m" in coloured
    assert "\x1b" not in plain
    assert "▲ +3.00 %" in plain
    assert "▼ -3.00 %" in plain


@pytest.mark.parametrize("size", SIZES)
def test_a_ladder_has_asks_above_bids_and_the_spread_between(size: tuple[int, int]) -> None:
    view, board = pictured("orderbook", ["KRW-BTC"], [book()])
    lines = shown(view, board, size)
    assert len(lines) <= size[1]
    assert max(map(len, lines)) <= size[0]
    text = "\n".join(lines)
    if size[0] < 56:
        assert re.search(r"^KRW-BTC +100 +101 ", text, re.MULTILINE), "as much of a line as there is room for"
        return
    at = {
        words: next(n for n, line in enumerate(lines) if words in line)
        for words in ("spread 1 (1.000 %)", " 101 ", " 100")
    }
    assert at[" 101 "] < at["spread 1 (1.000 %)"] < at[" 100"]
    assert "33%" in text
    assert ("sum" in text) is (size[0] == 160)


def test_several_books_stand_beside_each_other_as_far_as_there_is_room() -> None:
    codes = ["KRW-BTC", "KRW-ETH"]
    view, board = pictured("orderbook", codes, [book(code) for code in codes])
    assert sum("spread" in line for line in shown(view, board, (160, 24))) == 1
    assert any(line.count("spread 1") == 2 for line in shown(view, board, (160, 24)))
    assert any(line.startswith("Market") for line in shown(view, board, (80, 24))), "else each is a line"


def test_an_empty_book_is_no_error() -> None:
    view, board = pictured("orderbook", ["KRW-BTC"], [event("orderbook KRW-BTC", '"obu":[],"tas":0,"tbs":0')])
    assert any("one side is empty" in line for line in shown(view, board, (80, 24)))
    view, board = pictured("orderbook", ["KRW-BTC"], [])
    assert any("no book yet" in line for line in shown(view, board, (80, 24)))


@pytest.mark.parametrize("size", SIZES)
def test_the_newest_trade_is_the_first_of_the_tape(size: tuple[int, int]) -> None:
    lines = shown(*pictured("trade", ["KRW-BTC"], trades(200)), size)
    assert len(lines) <= size[1]
    assert max(map(len, lines)) <= size[0]
    if size[0] >= 80:
        assert re.search(r"▲ bought +299 +200 +59\.8 K", lines[1])
        assert re.search(r"▼ sold +298", lines[2])
    assert ("Bought ↔ sold" in lines[0]) is (size[0] == 160)


def candles(count: int) -> list[Event]:
    return [
        event(
            "candle.1m KRW-BTC",
            f'"cdttmu":"2026-01-01T{n // 60:02}:{n % 60:02}:00","op":{100 + n},"hp":{104 + n},"lp":{98 + n},'
            f'"tp":{102 + n if n % 3 else 99 + n},"catp":{n * 10}',
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("colour", [True, False])
def test_a_chart_fits_and_says_what_colours_would(size: tuple[int, int], colour: bool) -> None:
    lines = shown(*pictured("candle", ["KRW-BTC"], candles(200)), size, colour=colour)
    assert len(lines) <= size[1]
    plain = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in lines]
    assert max(map(len, plain)) <= size[0]
    text = "\n".join(plain)
    assert "◀ 301" in text
    assert "┃" in text
    signs = [line for line in plain if re.fullmatch(r"[+= -]{10,}", line.strip())]
    assert bool(signs) is not colour
    if not colour:
        assert set(signs[0].strip()) == {"+", "-"}
    assert "UTC" in text


def test_a_candle_that_changes_is_one_and_old_ones_are_let_go() -> None:
    chart = Chart("KRW-BTC", "1m")
    for one in [*candles(700), *candles(700)[-1:]]:
        chart.take(one)
    assert len(chart._candles) == 500
    assert min(chart._candles) == "2026-01-01T03:20:00"


def test_a_chart_begins_with_the_past_that_rest_tells() -> None:
    with Simulator(["KRW-BTC"]) as sim:
        for interval in ("1s", "15m"):
            chart = Chart("KRW-BTC", interval)
            chart.begin(Config(url=sim.url))
            assert 190 <= len(chart._candles) <= 200


def test_a_chart_without_a_past_says_why() -> None:
    chart = Chart("KRW-BTC", "1m")
    chart.begin(Config(url="ws://127.0.0.1:1/websocket/v1"))
    out = io.StringIO()
    Console(file=out, width=200).print(chart.picture(200, 20, Palette(), has_colour=False))
    assert "no candle yet: " in out.getvalue()
    chart.take(candles(1)[0])
    Console(file=out, width=200).print(chart.picture(200, 20, Palette(), has_colour=False))
    assert "the past is not known: " in out.getvalue()


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'[{"opening_price": 1}]', b"[" * 100_000, b'{"error":{}}'])
def test_what_is_no_list_of_candles_is_told(body: bytes) -> None:
    if body == b"{}":
        assert read_candles(body) == {}
        return
    with pytest.raises(RemoteProtocolError):
        read_candles(body)


def test_keys_sort_move_and_pause() -> None:
    view = View("ticker", ["KRW-BTC"], "1m")
    look = Look()
    for _number in SORTS:
        look = view.turned(look, "s", 100)
    assert look == Look()
    assert view.turned(look, "page down", 100).offset == 10
    assert view.turned(look, "end", 100).offset == 99
    assert view.turned(view.turned(look, "end", 100), "home", 100).offset == 0
    assert view.turned(look, "up", 100).offset == 0
    assert view.turned(look, "p", 100).is_paused
    assert view.turned(look, "x", 100) == look


def test_an_unknown_code_says_so_in_its_line() -> None:
    view, board = pictured("ticker", ["KRW-NOPE", "KRW-C000"], tickers(1))
    board.mark_unknown(["KRW-NOPE"])
    assert any(re.match("KRW-NOPE +unknown to", line) for line in shown(view, board, (100, 24)))


def test_prices_are_exact_and_sorted_by_change() -> None:
    found = tickers(7)
    view, board = pictured("ticker", [one.symbol for one in found], found)
    lines = shown(view, board, (80, 24), look=Look(sort="change"))
    assert [line.split()[0] for line in lines[1:3]] == ["KRW-C006", "KRW-C005"]
    assert Decimal(lines[1].split()[1]) == 106
