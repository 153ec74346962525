"""Every public name has an example in its docstring, and each runs, against a simulator that is called `sim`."""

import doctest
import inspect
import queue
import time
from collections.abc import Iterator
from typing import Any

import pytest

import websocket_v6
from websocket_v6 import Config, WebSocketClientProxy, logs
from websocket_v6.simulator import Simulator

FLAGS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL | doctest.NORMALIZE_WHITESPACE
NAMES = {name: value for name in dir(websocket_v6) if isinstance(value := getattr(websocket_v6, name), type)}
OTHERS = {"Simulator": Simulator, "LogEvents": logs.LogEvents, "json_formatter": logs.json_formatter}


@pytest.fixture
def world() -> Iterator[dict[str, Any]]:
    with Simulator(["KRW-BTC", "KRW-ETH"], traffic=50) as sim:
        config = Config(url=sim.url, mode="embedded", access_key=sim.access_key, secret_key=sim.secret_key)
        with WebSocketClientProxy("example", config=config) as proxy:
            yield {
                **NAMES,
                "Simulator": Simulator,
                "proxy": proxy,
                "sim": sim,
                "queue": queue,
                "time": time,
            }


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_each_public_name_has_an_example_that_runs(name: str, world: dict[str, Any]) -> None:
    what = (NAMES | OTHERS)[name]
    text = inspect.getdoc(what) or ""
    examples = doctest.DocTestParser().get_doctest(text, {**vars(logs), **world}, name, None, 0)
    assert examples.examples, f"{name} has no example in its docstring"
    said: list[str] = []
    results = doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(examples, out=said.append)
    assert results.failed == 0, "".join(said)
