"""Programs in other languages move the exchange over HTTP; web pages do not."""

import json
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from websocket_v6.simulator import Simulator
from websocket_v6.simulator.control_server import CALLS, ControlServer

Make = Callable[..., Any]
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def sim(simulator: Make) -> Simulator:
    made: Simulator = simulator(frozen=True, start_time=1_795_176_000.0)
    return made


@pytest.fixture
def control(sim: Simulator) -> Iterator[ControlServer]:
    with ControlServer(sim) as server:
        yield server


def call(
    control: ControlServer, path: str, body: str | None = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    connection = HTTPConnection(control.url.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET" if body is None else "POST", path, body, JSON if headers is None else headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


# What a program elsewhere has no use for: its life, what takes a callable, a path or an endless list, `/state`.
NOT_CALLED = {"shut_down", "port", "url", "private_url", "info_url", "rest_url", "play", "sent", "connections"}


def test_every_method_is_a_call_and_every_call_a_method() -> None:
    methods = {name for name in dir(Simulator) if not name.startswith(("_", "wait"))}
    assert methods - NOT_CALLED == CALLS


def test_markets_are_moved_with_exact_numbers(sim: Simulator, control: ControlServer, client: Make) -> None:
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC"], "is_only_realtime": True})
    sim.wait_served({"trade KRW-BTC"})
    status, answer = call(control, "/trade", '{"code": "KRW-BTC", "price": 117000000, "volume": 0.12345678}')
    trade = reader.read()
    assert (status, answer) == (200, {"result": trade["sequential_id"]})
    assert (trade["trade_price"], trade["trade_volume"]) == (117_000_000, 0.12345678)
    assert call(control, "/advance", '{"seconds": 2.5, "idle": false}') == (200, {"result": None})
    assert call(control, "/now", "") == (200, {"result": 1_795_176_002.5})
    assert call(control, "/scenario", '{"name": "flash crash"}') == (200, {"result": 28.0})
    assert call(control, "/drop", '{"how": "end"}') == (200, {"result": 1})
    assert reader.ended() is None


def test_what_the_list_and_the_frames_say_of_a_market(sim: Simulator, control: ControlServer, client: Make) -> None:
    reader = client(sim.url)
    reader.ask({"type": "ticker", "codes": ["KRW-BTC"], "is_only_realtime": True})
    sim.wait_served({"ticker KRW-BTC"})
    assert call(control, "/warn", '{"code": "KRW-BTC", "cautions": ["PRICE_FLUCTUATIONS"]}')[0] == 200
    assert call(control, "/suspend", '{"code": "KRW-BTC"}')[0] == 200
    delisting = '{"code": "KRW-BTC", "state": "DELISTED", "delisting": "2026-12-31T00:00:00+00:00"}'
    assert call(control, "/set_market_state", delisting)[0] == 200
    warned, suspended, delisted = reader.read_many(3)
    assert (warned["market_warning"], suspended["is_trading_suspended"]) == ("CAUTION", True)
    assert (delisted["market_state"], delisted["delisting_date"]["day"]) == ("DELISTED", 31)


def test_it_may_be_away_for_a_while(sim: Simulator, control: ControlServer, client: Make) -> None:
    assert call(control, "/stop", "{}")[0] == 200
    with pytest.raises(OSError, match="refused"):
        client(sim.url)
    assert call(control, "/start", "{}") == (200, {"result": sim.url})
    client(sim.url)


def test_the_state_says_where_it_is_and_who_is_there(sim: Simulator, control: ControlServer, client: Make) -> None:
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-BTC"]})
    reader.read()
    status, state = call(control, "/state")
    assert (status, state["url"], state["now"]) == (200, sim.url, 1_795_176_000.0)
    (connection,) = state["connections"]
    assert (connection["endpoint"], connection["served"], connection["sent"]) == ("public", ["trade KRW-BTC"], 1)
    assert sim.secret_key not in json.dumps(state)


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("/nothing", "{}", 404, "choose one of"),
        ("/shut_down", "{}", 404, "choose one of"),
        ("/__init__", "{}", 404, "choose one of"),
        ("/trade", '{"code": "KRW-NOPE"}', 400, "not listed"),
        ("/trade", '{"nonsense": 1}', 400, "nonsense"),
        ("/trade", '{"code": "KRW-BTC", "price": "x"}', 400, ""),
        ("/trade", "[1]", 400, "object"),
        ("/trade", "{broken", 400, ""),
        ("/trade", " " * 70_000, 413, "at most"),
        ("/other", None, 404, "GET /state"),
    ],
)
def test_what_is_wrong_is_said(control: ControlServer, path: str, body: str | None, status: int, word: str) -> None:
    got, answer = call(control, path, body)
    assert got == status
    assert word in answer["error"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({**JSON, "Origin": "http://localhost"}, 403),
        ({**JSON, "Host": "evil.example"}, 403),
        ({**JSON, "Host": "evil.example:80"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({}, 415),
    ],
)
def test_web_pages_are_kept_out(control: ControlServer, headers: dict[str, str], status: int) -> None:
    assert call(control, "/trade", '{"code": "KRW-BTC"}', headers)[0] == status


def test_a_taken_port_is_an_error(sim: Simulator, control: ControlServer) -> None:
    with pytest.raises(OSError, match="in use"):
        ControlServer(sim, int(control.url.rpartition(":")[2]))
