"""Who looks at a process is answered in a thread that is there for as long as somebody asks."""

import json
import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6 import Config, WebSocketClientProxy, surveyor
from websocket_v6.protocol.membership.words import MOST_ROWS, Components
from websocket_v6.simulator import Simulator


@pytest.fixture
def proxy() -> Iterator[WebSocketClientProxy]:
    with (
        Simulator(["KRW-BTC"], traffic=100) as sim,
        WebSocketClientProxy("a component", config=Config(url=sim.url, mode="embedded")) as made,
    ):
        ticks = made.subscribe_ticker(["KRW-BTC"], callback=lambda event: None)
        wait_until(lambda: ticks.stats.delivered > 0, "data")
        yield made


def survey_of(proxy: WebSocketClientProxy) -> surveyor.Surveyor:
    component: Any = proxy._component
    found: surveyor.Surveyor = component.link._engine.survey
    return found


def threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "surveyor"]


def test_it_says_what_components_do_and_how_the_engine_is(proxy: WebSocketClientProxy) -> None:
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    survey = survey_of(proxy)
    survey(False, answers.put)
    said = answers.get(timeout=10)
    assert isinstance(said, Components)
    assert [(one.component, one.type, one.symbols) for one in said.rows] == [("a component", "ticker", 1)]
    survey(True, answers.put)
    state = json.loads(answers.get(timeout=10))
    assert (state["role"], state["streams"]) == ("embedded", {"ticker": 1})
    assert state["components"][0]["delivered"] >= said.rows[0].delivered


def test_more_components_than_fit_are_counted(proxy: WebSocketClientProxy) -> None:
    for _number in range(MOST_ROWS + 4):
        proxy.subscribe_trade(["KRW-BTC"], callback=lambda event: None)
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    survey_of(proxy)(False, answers.put)
    said = answers.get(timeout=10)
    assert (len(said.rows), said.left_out) == (MOST_ROWS, 5)


def test_its_thread_ends_when_nobody_asks_and_comes_again(
    proxy: WebSocketClientProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveyor, "IDLE", 0.05)
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for _time in range(2):
        survey_of(proxy)(False, answers.put)
        answers.get(timeout=10)
        wait_until(lambda: not threads(), "that nothing is left of it")


def test_an_engine_that_stops_takes_it_along(proxy: WebSocketClientProxy) -> None:
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    survey = survey_of(proxy)
    survey(True, answers.put)
    answers.get(timeout=10)
    assert threads()
    proxy.cleanup()
    assert not threads()
    survey(False, answers.put)
    assert not threads(), "and answers nobody any more"


def test_a_component_that_has_left_is_not_seen(proxy: WebSocketClientProxy) -> None:
    survey = survey_of(proxy)
    config = proxy._config
    with WebSocketClientProxy("another", config=config) as other:
        other.subscribe_ticker(["KRW-BTC"], callback=lambda event: None)
        assert [one.component for one in survey.rows()] == ["a component", "another"]
    assert [one.component for one in survey.rows()] == ["a component"]
