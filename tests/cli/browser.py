"""A Chromium without a window, driven by its DevTools protocol over a WebSocket."""

import contextlib
import json
import re
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.conftest import wait_until

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless_shell")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # it runs nothing but our own page, and as root there is no sandbox
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--remote-debugging-port=0",
)
PATIENCE = 30.0


class Tab:
    """One page. `said` are events of the browser: errors, violations of the page's policy, requests."""

    def __init__(self, url: str) -> None:
        self._socket: Any = websocket.create_connection(url, suppress_origin=True, timeout=PATIENCE)
        self._number = 0
        self.said: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.do(f"{domain}.enable")

    def do(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._number:
                assert "error" not in message, message
                found: dict[str, Any] = message["result"]
                return found
            self.said.append(message)

    def open(self, url: str) -> None:
        self.do("Page.bringToFront")  # a page that nobody sees paints nothing
        self.do("Page.navigate", url=url)

    def run(self, code: str) -> Any:
        """Return what an expression is in the page."""
        return self.do("Runtime.evaluate", expression=code, returnByValue=True)["result"].get("value")

    def text(self, selector: str = "body") -> str:
        return str(self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def wait(self, text: str, selector: str = "body") -> None:
        """Wait until the page shows `text`."""
        wait_until(lambda: text in self.text(selector), f"{text!r} in {selector}", PATIENCE)

    def told(self, method: str) -> list[dict[str, Any]]:
        self.run("0")  # events up to now
        return [one["params"] for one in self.said if one["method"] == method]

    def complaints(self) -> list[str]:
        """Return what the browser has to say against the page, but for requests that nobody answered."""
        logged = [one["entry"] for one in self.told("Log.entryAdded")]
        errors = [str(one["text"]) for one in logged if one["source"] != "network"]
        return errors + [json.dumps(one) for one in self.told("Runtime.exceptionThrown")]

    def close(self) -> None:
        self._socket.sock.close()


class Browser:
    """A browser that runs. `tab` opens a page of its own in it."""

    def __init__(self, port: str) -> None:
        self._base = f"http://127.0.0.1:{port}/json"

    @contextlib.contextmanager
    def tab(self) -> Iterator[Tab]:
        """Open a tab, and close it."""
        request = urllib.request.Request(f"{self._base}/new?about:blank", method="PUT")  # noqa: S310 - on loopback
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            made = json.load(answer)
        tab = Tab(made["webSocketDebuggerUrl"])
        try:
            yield tab
        finally:
            tab.close()
            with urllib.request.urlopen(f"{self._base}/close/{made['id']}", timeout=PATIENCE) as answer:  # noqa: S310
                answer.read()


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Run a browser with an empty profile in `folder`; the tests are skipped if there is none."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium is here to show the page in: apt-get install chromium")
    process = subprocess.Popen(
        [program, *OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    ports: list[str] = []

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            ports.extend(re.findall(r"DevTools listening on ws://127\.0\.0\.1:(\d+)/", line))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        wait_until(lambda: ports or process.poll() is not None, "the browser", PATIENCE)
        if not ports:
            pytest.skip(f"{program} does not start here: it ended with {process.wait()}")
        yield Browser(ports[0])
    finally:
        process.terminate()
        process.wait(PATIENCE)
        reader.join(PATIENCE)
        assert process.stderr is not None
        process.stderr.close()
