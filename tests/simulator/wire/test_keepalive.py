"""Idle sockets are cut, pings are answered and none are sent, the text PING starts a series. Time is moved by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from websocket_v6.simulator import Answers

Make = Callable[..., Any]


def ping(sim: Any, reader: Any) -> None:
    """Send a PING frame and wait until the simulator has seen it."""
    before = sim.connections()[0].pings
    assert reader.connection.ping().wait(5.0)
    sim.wait(lambda sim: sim.connections()[0].pings == before + 1)


def test_a_silent_socket_is_cut_after_a_minute_without_a_close_frame(simulator: Make, client: Make) -> None:
    sim = simulator(frozen=True)
    reader = client(sim.url)
    sim.wait_connected(1)
    sim.advance(59.9)
    assert sim.connections()[0].open
    sim.advance(0.2)
    assert reader.ended() is None
    sim.wait_connected(0)
    assert sim.connections()[0].close_code == 1006


def test_what_is_sent_or_received_counts(simulator: Make, client: Make) -> None:
    sim = simulator(frozen=True)
    reader = client(sim.url)
    sim.wait_connected(1)
    sim.advance(50)
    reader.ask({"type": "trade", "codes": ["KRW-BTC"]})
    reader.read()
    sim.advance(50)
    sim.trade("KRW-BTC")
    reader.read()
    sim.advance(50)
    assert sim.connections()[0].open
    sim.advance(11)
    assert reader.ended() is None


@pytest.mark.parametrize("resets", [True, False])
def test_a_ping_may_reset_the_timer(simulator: Make, client: Make, resets: bool) -> None:
    sim = simulator(frozen=True, answers=Answers(ping_resets_idle=resets))
    reader = client(sim.url)
    sim.wait_connected(1)
    sim.advance(50)
    ping(sim, reader)
    sim.advance(50)
    if resets:
        assert sim.connections()[0].open
    else:
        assert reader.ended() is None


def test_the_timer_can_be_another_or_none(simulator: Make, client: Make) -> None:
    for timeout, still_open in ((120.0, True), (None, True), (5.0, False)):
        sim = simulator(frozen=True, answers=Answers(idle_timeout=timeout))
        client(sim.url)
        sim.wait_connected(1)
        sim.advance(100)
        sim.wait(lambda sim, expected=still_open: sim.connections()[0].open == expected)


def test_private_sockets_may_have_a_timer_of_their_own(simulator: Make, client: Make, bearer: Make) -> None:
    sim = simulator(frozen=True, answers=Answers(private_idle_timeout=120.0))
    client(sim.url)
    client(sim.private_url, additional_headers=bearer(sim))
    client(sim.info_url, additional_headers=bearer(sim))
    sim.wait_connected(3)
    sim.advance(100)
    sim.wait_connected(0, endpoint="public")
    assert [info.open for info in sim.connections()] == [False, True, True]
    sim.advance(30)
    sim.wait_connected(0)


def test_the_text_ping_starts_a_series_on_a_ten_second_grid(simulator: Make, client: Make) -> None:
    sim = simulator(frozen=True, start_time=1_795_176_003.0)
    reader = client(sim.url)
    reader.connection.send("PING")
    sim.wait(lambda sim: sim.connections()[0].open)
    assert reader.is_silent()
    sim.advance(7.0)
    assert reader.text() == '{"status":"UP"}'
    # A second PING starts no second series.
    reader.connection.send("PING")
    assert reader.is_silent()
    sim.advance(20.0)
    assert [reader.text(), reader.text(), reader.is_silent()] == ['{"status":"UP"}', '{"status":"UP"}', True]


@pytest.mark.parametrize("flows", [True, False])
def test_the_series_may_stop_for_a_subscription(simulator: Make, client: Make, flows: bool) -> None:
    sim = simulator(frozen=True, answers=Answers(status_on_subscribed=flows, wrap_status=True))
    reader = client(sim.url)
    reader.connection.send("PING")
    reader.ask({"type": "trade", "codes": ["KRW-BTC"], "is_only_realtime": True}, format="JSON_LIST")
    sim.wait_served({"trade KRW-BTC"})
    sim.advance(10.0)
    if flows:
        assert reader.text() == '[{"status":"UP"}]'
    assert reader.is_silent()


def test_the_exchange_sends_no_pings(simulator: Make, client: Make) -> None:
    sim = simulator(frozen=True, answers=Answers(idle_timeout=None))
    reader = client(sim.url)
    sim.wait_connected(1)
    sim.advance(300)
    assert reader.is_silent()
    assert reader.connection.protocol.state.name == "OPEN"


def test_a_running_series_keeps_a_socket_open_however_far_the_time_jumps(simulator: Make, client: Make) -> None:
    sim = simulator(frozen=True, start_time=1_795_176_003.0)
    reader = client(sim.url)
    reader.connection.send("PING")
    sim.wait(lambda sim: sim.connections()[0].open)
    assert reader.is_silent()
    sim.advance(61.0)
    sim.advance(600.0)
    assert sim.connections()[0].open
    assert [reader.text() for _ in range(66)] == ['{"status":"UP"}'] * 66


def test_what_a_stalled_socket_is_to_be_sent_keeps_it_not_open(simulator: Make, client: Make) -> None:
    sim = simulator(frozen=True, start_time=1_795_176_003.0)
    reader = client(sim.url)
    reader.connection.send("PING")
    assert reader.is_silent()
    sim.stall()
    sim.advance(61.0)
    assert reader.ended() is None
