"""A page in headless Chromium against the simulator and the door: from an origin that is allowed, and from others."""

import json
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.front_door import front_door
from websocket_v6.protocol.server.door_rules import Rules
from websocket_v6.simulator import Simulator

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
    pytest.mark.slow,
    pytest.mark.timeout(120),
]
Make = Callable[..., Simulator]

# What any page would write: connects, asks, and tells its own server what it got, or how it failed.
PAGE = """<!doctype html><script>
const got = [], tell = what => fetch("/tell", {method: "POST", body: JSON.stringify(what)});
const socket = new WebSocket("URL");
socket.onopen = () => {
  socket.send(JSON.stringify([{ticket: "page"}, {type: "ticker", codes: ["KRW-BTC"]},
    {type: "orderbook", codes: ["KRW-BTC.5"]}, {format: "FORMAT"}]));
};
socket.onmessage = async message => {
  got.push(await message.data.text());
  if (got.length == 2) tell({opened: true, got, extensions: socket.extensions});
  if (got.length == 6) tell({got});
};
socket.onclose = closed => tell({code: closed.code, got});
fetch("STATE").then(answer => answer.text()).then(text => tell({read: text}), () => tell({read: null}));
</script>"""


class Browser:
    """One page that is open, and what it tells."""

    def __init__(self, told: "queue.SimpleQueue[dict[str, Any]]") -> None:
        self._told = told

    def hear(self, key: str = "") -> dict[str, Any]:
        """Wait for the next that is told, with this key."""
        while key and key not in (told := self._told.get(timeout=60.0)):
            pass
        return told if key else self._told.get(timeout=60.0)


class Site:
    """The page's own server."""

    def __init__(self) -> None:
        self.page = ""
        self.told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(site.page.encode())

            def do_POST(self) -> None:
                site.told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever)
    thread.start()
    yield site
    site.server.shutdown()
    thread.join()
    site.server.server_close()


@contextmanager
def browser(site: Site, folder: Path, url: str, format_: str = "DEFAULT", path: str = "/") -> Iterator[Browser]:
    """Open the page of a site, which connects to `url`."""
    state = url.replace("ws://", "http://").removesuffix("/websocket/v1") + "/state.json"
    site.page = PAGE.replace("URL", url).replace("FORMAT", format_).replace("STATE", state)
    assert CHROMIUM is not None
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-sync", f"--user-data-dir={folder}"]
    with subprocess.Popen(
        [CHROMIUM, *flags, site.origin + path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0
    ) as process:
        try:
            yield Browser(site.told)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("format_", ["DEFAULT", "SIMPLE_LIST"])
@pytest.mark.parametrize("end", ["exchange", "door"])
def test_a_page_gets_what_was_sent(simulator: Make, site: Site, tmp_path: Path, end: str, format_: str) -> None:
    sim = simulator(limits=None)
    rules = Rules(origins=frozenset({site.origin}))
    with front_door(sim, rules=rules, format=format_) as door:
        url = door.url if end == "door" else sim.url
        with browser(site, tmp_path, url, format_) as page:
            opened = page.hear("opened")
            assert "permessage-deflate" in opened["extensions"]
            sim.wait_served({"ticker KRW-BTC", "orderbook KRW-BTC"})
            sim.trade("KRW-BTC", volume="0.00077720")
            sim.trade("KRW-BTC")
            told = page.hear("got")
            sent = [one.text for one in sim.sent()]
            if format_.endswith("LIST"):
                sent = [text if text.startswith("[") else f"[{text}]" for text in sent]
            assert told["got"] == sent


def test_a_page_of_another_origin_gets_nothing(simulator: Make, site: Site, tmp_path: Path) -> None:
    with front_door(simulator(limits=None)) as door, browser(site, tmp_path, door.url) as page:
        told = page.hear() | page.hear()
        assert told == {"code": 1006, "got": [], "read": None}
