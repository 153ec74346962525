"""Requests that follow one another while what the exchange says is still on its way.

The answer takes the times that were measured from far away: snapshots in two bursts. What runs may pause until its
snapshot if that is asked for again, and the exchange has no word for what is missing then.
"""

import threading
from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6 import Config, ConnectionEvent, Mailbox, WebSocketClientProxy
from websocket_v6.simulator import Simulator
from websocket_v6.simulator.answers import Answers
from websocket_v6.simulator.weather import Weather

CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL"]
LATER = "BTC-ETH"
KEEP_ALL = Mailbox.lossless(1 << 26)
FAR = Weather.calm(round_trip=0.165, second_burst=0.16)


@pytest.mark.parametrize("comes_after", [0.0, 0.1, 0.2, 0.3])
def test_a_want_that_comes_while_snapshots_do_costs_the_others_nothing(comes_after: float) -> None:
    made: dict[str, list[int]] = {code: [] for code in CODES}
    trades: list[Any] = []
    tickers: list[Any] = []
    told: list[ConnectionEvent] = []
    with (
        Simulator(markets=[*CODES, LATER], weather=FAR, answers=Answers(second_burst_pauses=True)) as sim,
        WebSocketClientProxy("early", config=Config(url=sim.url)) as early,
    ):
        early.on_connection(told.append)
        early.subscribe_trade(CODES, trades.append, mailbox=KEEP_ALL)
        early.subscribe_ticker(CODES, tickers.append, mailbox=KEEP_ALL)
        sim.wait(lambda sim: any(one.requests for one in sim.connections()))
        threading.Event().wait(comes_after)
        early.subscribe_trade(LATER, lambda _: None)
        while f"trade {LATER}" not in sim.served() or len(trades) < 20 * len(CODES):
            for code in CODES:
                made[code].append(sim.trade(code))
            threading.Event().wait(0.01)
        last = {(code, numbers[-1]) for code, numbers in made.items()}  # ids are each market's own
        wait_until(lambda: last <= {(one.symbol, one.sequential_id) for one in trades}, "the last trades")
    assert not [one for one in told if one.gap_started_at]
    for code in CODES:
        kinds = [one.stream_type for one in tickers if one.symbol == code]
        assert kinds.count("SNAPSHOT") == 1
        came = [one.sequential_id for one in trades if one.symbol == code and one.sequential_id in made[code]]
        assert came == made[code][made[code].index(came[0]) :]


def test_what_was_on_its_way_before_a_stream_was_left_out_is_not_given_to_who_wants_it_next() -> None:
    """Behind it there is a hole, as long as nobody wanted the stream."""
    made: list[int] = []
    seen: list[Any] = []
    end = threading.Event()
    with (
        Simulator(markets=CODES[:2], weather=Weather.calm(round_trip=0.8)) as sim,
        WebSocketClientProxy("fickle", config=Config(url=sim.url)) as proxy,
    ):
        proxy.subscribe_trade(CODES[0], lambda _: None)
        first = proxy.subscribe_trade(CODES[1], lambda _: None)

        def make() -> None:
            while not end.wait(0.01):
                made.append(sim.trade(CODES[1]))

        maker = threading.Thread(target=make)
        maker.start()
        try:
            wait_until(lambda: first.stats.delivered > 20, "a stream that runs")
            requests = len(sim.connections()[0].requests)
            first.close()
            sim.wait(lambda sim: len(sim.connections()[0].requests) > requests)
            proxy.subscribe_trade(CODES[1], seen.append, mailbox=KEEP_ALL)
            wait_until(lambda: len(seen) > 100, "the stream again")
        finally:
            end.set()
            maker.join()
    came = [one.sequential_id for one in seen]
    assert seen[0].stream_type == "SNAPSHOT"
    begin = made.index(came[0])
    assert came == made[begin : begin + len(came)]
