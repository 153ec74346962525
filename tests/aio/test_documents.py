"""The examples of the page on asyncio do what it says, what was specified runs, and so do the fixtures."""

import asyncio
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from tests.aio.conftest import Play, until
from tests.cli.test_readme import blocks
from tests.cli.test_readme import exchange as exchange
from websocket_v6 import Config, aio
from websocket_v6 import WebSocketClientProxy as Synchronous
from websocket_v6.simulator import Simulator
from websocket_v6.testing import async_proxy as async_proxy
from websocket_v6.testing import proxy as proxy
from websocket_v6.testing import simulator as simulator
from websocket_v6.testing import simulator_config as simulator_config

PAGE = "docs/howto/asyncio.md"


class Application:
    """As much of FastAPI's as the example uses."""

    def __init__(self, lifespan: Any) -> None:
        self.lifespan = lifespan
        self.state = types.SimpleNamespace()
        self.routes: dict[str, Callable[[Any], Any]] = {}

    def websocket(self, path: str) -> Callable[[Any], Any]:
        return lambda handler: self.routes.setdefault(path, handler)


class Browser:
    """Leaves after three messages."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def accept(self) -> None:
        assert not self.texts

    async def send_text(self, text: str) -> None:
        self.texts.append(text)
        if len(self.texts) == 3:
            raise ConnectionError("it is gone")


@pytest.fixture
def names(exchange: Simulator, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run all examples of the page; return what they have defined."""
    web = types.ModuleType("fastapi")
    web.__dict__.update(FastAPI=Application, WebSocket=Browser)
    monkeypatch.setitem(sys.modules, "fastapi", web)
    found: dict[str, Any] = {"__name__": "page"}
    web_page = next(code for code in blocks(PAGE, "py") if "fastapi" in code)
    for number, code in enumerate([*blocks(PAGE, "python"), web_page], 1):
        exec(compile(code, f"{PAGE}, example {number}", "exec"), found)  # noqa: S102  # our own page
    return found


def test_the_examples_run(names: dict[str, Any], play: Play) -> None:
    async def browse() -> None:
        app, browser = names["app"], Browser()
        async with app.lifespan(app):
            with pytest.raises(ConnectionError):
                await app.routes["/tickers"](browser)
            assert app.state.proxy.subscriptions() == []
        assert all('"type":"ticker"' in text.replace(" ", "") for text in browser.texts)

    async def talk() -> None:
        said: list[str] = []

        async def send(text: str) -> None:
            await asyncio.sleep(0)
            said.append(text)

        bot = names["Bot"](send)
        await bot.start()
        await bot.answer("/price KRW-ETH")
        await until(lambda: any(text.startswith("KRW-BTC: ") for text in said), "a price")
        assert any(text.startswith("KRW-ETH is at ") for text in said)
        await bot.on_error(ValueError("no"))
        await bot.stop()

    play(browse())
    play(talk())


SPECIFIED = """
async def main():
    proxy = WebSocketClientProxy(component_id="my_chart")

    async def on_ticker(event):
        print(event.symbol, event.trade_price)

    await proxy.subscribe_ticker(["KRW-BTC", "KRW-ETH"], callback=on_ticker)
    snapshot = await proxy.get_ticker_snapshot(["KRW-BTC"])
    print(len(snapshot))
    await asyncio.sleep(0.2)
    await proxy.cleanup()

asyncio.run(main())
"""


def test_what_was_specified_runs_but_for_the_import(exchange: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    exec(f"import asyncio\nfrom websocket_v6.aio import WebSocketClientProxy\n{SPECIFIED}", {})  # noqa: S102
    lines = capsys.readouterr().out.splitlines()
    assert "1" in lines
    assert {line.split()[0] for line in lines} == {"1", "KRW-BTC", "KRW-ETH"}


def test_the_fixtures(
    simulator: Simulator,
    proxy: Synchronous,
    async_proxy: aio.WebSocketClientProxy,
    simulator_config: Config,
    play: Play,
) -> None:
    async def main() -> None:
        trades = await async_proxy.subscribe_trade("KRW-BTC")
        await trades.get(20)
        simulator.trade("KRW-BTC")
        assert (await trades.get(20)).stream_type == "REALTIME"

    play(main())
    assert proxy.get_ticker_snapshot("KRW-BTC")[0].symbol == "KRW-BTC"
    assert simulator_config.url == simulator.url
