"""The page of `serve --port` in a real browser: what it shows, that it changes nothing, and that names stay names."""

import json
import os
import signal
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.cli.browser import Browser, Tab, browser
from tests.cli.serving import serving
from tests.conftest import wait_until
from websocket_v6 import Config, WebSocketClientProxy, engine
from websocket_v6.actors.messages.supervisor import ShowState
from websocket_v6.protocol.server.network import Network
from websocket_v6.simulator import Simulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PATIENCE = 30.0
EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>&amp;"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as one:
        yield one


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Tab]:
    with chromium.tab() as one:
        yield one


@pytest.fixture
def exchange() -> Iterator[Simulator]:
    with Simulator(["KRW-BTC", "KRW-ETH", "BTC-ETH"]) as sim:
        yield sim


def connect(door: str, *codes: str, type_: str = "ticker") -> Any:
    client = websocket.create_connection(door, suppress_origin=True, timeout=PATIENCE)
    client.send(json.dumps([{"ticket": "t"}, {"type": type_, "codes": codes}]))
    client.recv()
    return client


def rows(tab: Tab, id_: str) -> list[list[str]]:
    """Return what a table of the page shows, looked at: what is out of sight is not painted."""
    tab.run(f"document.getElementById('{id_}').scrollIntoView()")
    code = f"[...document.querySelectorAll('#{id_} tr')].map(row => [...row.children].map(cell => cell.textContent))"
    found: list[list[str]] = tab.run(code)
    return found


def test_it_shows_what_the_host_does_and_asks_the_exchange_for_nothing(exchange: Simulator, tab: Tab) -> None:
    with serving(exchange.url, None, "--port", "0") as host:
        said = host.line()
        tab.open(said["page"])
        tab.wait("Ready: nothing is wanted", "#status")
        tab.wait("Nobody wants tickers")
        assert exchange.connections() == [], "a page that looks on is no reason to connect"

        client = connect(said["door"], "KRW-BTC", "KRW-ETH")
        exchange.wait_served({"ticker KRW-BTC", "ticker KRW-ETH"})
        (connection,) = exchange.connections()
        asked = connection.requests
        tab.wait("Serving", "#status")
        wait_until(lambda: [row[0] for row in rows(tab, "markets")] == ["KRW-BTC", "KRW-ETH"], "the markets", PATIENCE)
        exchange.trade("KRW-BTC", price=123_456_000)
        wait_until(lambda: rows(tab, "markets")[0][1] == "123,456,000", "the price", PATIENCE)
        assert rows(tab, "connections")[0][:3] == ["public", "● open", "1"]
        wait_until(lambda: {row[0].rpartition(":")[0] for row in rows(tab, "programs")} == NAMES, "both", PATIENCE)
        assert exchange.connections()[0].requests == asked, "the page's look is none of the exchange's business"

        # Nobody wants them any more: the page does not keep them.
        client.send(json.dumps([{"ticket": "t"}, {"type": "trade", "codes": ["KRW-BTC"]}]))
        exchange.wait_served({"trade KRW-BTC"})
        tab.wait("Nobody wants tickers")
        client.sock.close()
        assert tab.complaints() == []


NAMES = {"a program at 127.0.0.1", "the page at 127.0.0.1"}


def test_it_shows_gaps_and_a_host_that_is_gone(exchange: Simulator, tab: Tab) -> None:
    with serving(exchange.url, None, "--port", "0") as host:
        said = host.line()
        client = connect(said["door"], "KRW-BTC")
        tab.open(said["page"])
        tab.wait("Serving", "#status")
        tab.wait("None since this host began")
        exchange.drop()
        tab.wait("after a gap", "#status")
        ((endpoint, _, seconds, epoch, why),) = rows(tab, "gaps")
        assert (endpoint, epoch) == ("public", "2")
        assert float(seconds) > 0
        assert "lost" in why
        client.sock.close()
        host.signal(signal.SIGTERM)
        host.wait()
        tab.wait("The host does not answer", "#status")
        assert "stale" in tab.run("document.body.className")
        assert tab.run("document.title").startswith("⚠")


def test_it_takes_the_token(exchange: Simulator, tab: Tab, tmp_path: Path) -> None:
    token = "to&ken=#%+/" * 4
    path = tmp_path / "token"
    path.write_text(token)
    path.chmod(0o600)
    with serving(exchange.url, None, "--port", "0", "--token-file", str(path)) as host:
        said = host.line()
        tab.open(said["page"])
        tab.wait("the door's token is missing")
        quoted = "to%26ken%3D%23%25%2B%2F" * 4
        client = connect(f"{said['door']}?token={quoted}", "KRW-BTC")
        tab.open(f"{said['page']}?token={quoted}")
        tab.wait("KRW-BTC", "#markets")
        wait_until(lambda: rows(tab, "markets")[0][1] != "", "the price, through the door", PATIENCE)
        client.sock.close()


def test_what_others_say_stays_text(exchange: Simulator, tab: Tab) -> None:
    """Names, reasons and codes of a process that means ill are shown, and are no markup."""
    config = Config(url=exchange.url, mode="embedded")
    with engine.serve(config, Network(0)) as service, WebSocketClientProxy("looks", config=config) as proxy:
        evil_connection = {"endpoint": EVIL, "source": 1, "state": EVIL, "epoch": 1, "reconnects": 0, "error": EVIL}
        client = {"name": EVIL, "endpoint": EVIL, "format": EVIL, "streams": 1, "delivered": 1, "queued_bytes": 2 << 20}
        state = {
            "version": EVIL,
            "pid": 1,
            "url": EVIL,
            "role": EVIL,
            "now": 1e9,
            "began": 9e8,
            "rate": 1,
            "counters": proxy.health().counters._asdict(),
            "connections": [evil_connection],
            "gaps": [{"endpoint": EVIL, "epoch": 2, "started": 1e9, "ended": 1e9, "reason": EVIL}],
            "streams": {EVIL: 1},
            "tickers": [EVIL],
            "tickers_left_out": 0,
            "processes": [{**client, "endpoints": [EVIL], "pid": 1}],
            "programs": [client],
            "guests": 1,
            "visitors": 1,
            "cut_off": 0,
        }
        service.show(ShowState(json.dumps(state).encode()))
        tab.open(f"http://{service.address}/")
        for selector in (
            "#facts",
            "#status",
            "#connections",
            "#gaps",
            "#streams",
            "#processes",
            "#programs",
            "#markets",
        ):
            tab.wait("<img src=x", selector)
        assert tab.run("document.querySelectorAll('img').length") == 0
        assert tab.run("document.querySelectorAll('script').length") == 1
        assert "owned" not in tab.run("document.title").split("<")[0]
        # And if something had become markup: nothing but the page's own script is run, and nothing is fetched.
        tab.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.owned = 1\">')")
        tab.run("document.head.append(Object.assign(document.createElement('script'), {text: 'window.owned = 2'}))")
        wait_until(lambda: len(tab.complaints()) >= 2, "what the page's policy has against it", PATIENCE)
        assert tab.run("window.owned") is None


def test_it_asks_nobody_else_for_anything(exchange: Simulator, tab: Tab) -> None:
    with serving(exchange.url, None, "--port", "0") as host:
        said = host.line()
        client = connect(said["door"], "KRW-BTC")
        tab.open(said["page"])
        tab.wait("KRW-BTC", "#markets")
        client.sock.close()
        asked = {one["request"]["url"] for one in tab.told("Network.requestWillBeSent")}
        asked |= {one["url"] for one in tab.told("Network.webSocketCreated")}
        own = {said["page"], said["page"] + "state.json", said["door"]}
        assert {one for one in asked if not one.startswith("data:")} == own


def test_it_fits_every_screen_in_light_and_dark(exchange: Simulator, tab: Tab) -> None:
    """Nothing is wider than the screen, and all text stands out from what is behind it."""
    with serving(exchange.url, None, "--port", "0") as host:
        said = host.line()
        client = connect(said["door"], "KRW-BTC", "KRW-ETH", "BTC-ETH")
        tab.open(said["page"])
        for scheme in ("light", "dark"):
            for width in (320, 390, 800, 1280):
                tab.do("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
                tab.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
                wait_until(lambda: len(rows(tab, "markets")) == 3 and rows(tab, "markets")[0][1], "prices", PATIENCE)
                assert tab.run("document.documentElement.scrollWidth") <= width
                assert tab.run(CONTRAST) == [], (scheme, width)
        client.sock.close()


# Text whose contrast is below 4.5 (WCAG 2.2, 1.4.3), with what is behind it, box by box.
CONTRAST = """
(() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
  const behind = node => {
    for (let at = node; at; at = at.parentElement) {
      const color = parts(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some(one => one.nodeType === 3 && one.textContent.trim());
    if (!own || !node.offsetParent || node.closest("script, noscript")) continue;
    const [a, b] = [light(parts(getComputedStyle(node).color)), light(behind(node))].sort((x, y) => y - x);
    const contrast = (a + .05) / (b + .05);
    if (contrast < 4.5) found.add(node.textContent.trim().slice(0, 30) + " " + contrast.toFixed(2));
  }
  return [...found];
})()
"""


def test_three_hundred_markets_cost_little(tab: Tab) -> None:
    """The page does its work in a small part of its time, whatever comes: what is not seen is not painted."""
    with Simulator(300, traffic=600, record=False) as exchange, serving(exchange.url, None, "--port", "0") as host:
        with urllib.request.urlopen(f"{exchange.rest_url}/v1/market/all", timeout=PATIENCE) as answer:  # noqa: S310
            codes = [one["market"] for one in json.load(answer)]
        client = connect(host.line()["door"], *codes)
        stop = threading.Event()
        client.settimeout(1)

        def read() -> None:
            while not stop.is_set():
                try:
                    client.recv()
                except (OSError, websocket.WebSocketException):
                    return

        reader = threading.Thread(target=read)
        reader.start()
        try:
            tab.open(host.line()["page"])
            tab.do("Performance.enable")
            wait_until(lambda: len(rows(tab, "markets")) == 300, "the markets", PATIENCE)
            began = _spent(tab)
            for _ in range(5):
                host.line()
            took = _spent(tab) - began
        finally:
            stop.set()
            reader.join()
            client.sock.close()
    assert took < 1.5 or os.getloadavg()[0] > 4 * (os.cpu_count() or 1)


def _spent(tab: Tab) -> float:
    """Return how long the page has computed so far: its script, its styles, its layout."""
    found = {one["name"]: one["value"] for one in tab.do("Performance.getMetrics")["metrics"]}
    return float(found["ScriptDuration"] + found["LayoutDuration"] + found["RecalcStyleDuration"])
