"""A small HTTP server that moves a simulator: for programs in other languages, and for a shell.

    curl localhost:9000/state
    curl localhost:9000/trade -H 'Content-Type: application/json' -d '{"code": "KRW-BTC", "price": 117000000}'

`POST /NAME` calls the method of `Simulator` of that name with the members of a JSON object, and answers
`{"result": ...}`; what it refuses is 400 with `{"error": ...}`. `GET /state` tells where the exchange is and who is
connected.

It listens on this machine alone and asks for no token: what it opens is a toy. Web pages are kept out, which could
reach it through a browser: a request with an `Origin`, with another host's name, or not of type JSON is refused.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from .simulator import Simulator

__all__ = ["CALLS", "ControlServer"]

LOOPBACK = "127.0.0.1"
_MOST_BYTES = 64 * 1024
_SECONDS = 10.0
_EXACT = {"price", "volume", "amount", "trigger"}
_HOSTS = {LOOPBACK, "localhost"}
CALLS = frozenset(
    {
        *("trade", "tick", "flush", "advance", "now", "set_traffic", "scenario"),
        *("list_market", "remove_market", "set_market_state", "warn", "suspend", "mute", "unmute"),
        *("duplicate_last_trade", "repeat_candle", "close_candle", "indicate", "announce"),
        *("place_order", "cancel_order", "orders", "deposit", "balances", "delay_private"),
        *("add_key", "expire_key", "revoke_key", "allow_ip"),
        *("start", "stop", "drop", "close", "stall", "resume", "deploy", "maintain", "refuse", "accept"),
        *("spoil", "mend", "delay_rest", "send_raw", "send_error"),
        *("served", "current", "notices", "rest_calls", "is_playing", "stop_playing"),
    }
)


class ControlServer:
    """Serves one simulator from a thread of its own, from the start until `close`."""

    def __init__(self, sim: Simulator, port: int = 0) -> None:
        """Listen on `port`, or on any free one.

        Raises:
            OSError: if the port is taken.
        """

        class Handler(_Handler):
            simulator = sim

        self._server = ThreadingHTTPServer((LOOPBACK, port), Handler)
        self._server.daemon_threads = False  # so that none outlives `close`
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="simulator control", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> "ControlServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Handler(BaseHTTPRequestHandler):
    simulator: Simulator
    timeout = _SECONDS

    def do_GET(self) -> None:
        if self._is_from_here():
            if self.path == "/state":
                self._answer(200, _state(self.simulator))
            else:
                self._answer(404, {"error": "GET /state, or POST /NAME with one of: " + ", ".join(sorted(CALLS))})

    def do_POST(self) -> None:
        if not self._is_from_here():
            return
        if self.headers.get_content_type() != "application/json":
            self._answer(415, {"error": "send a JSON object, with Content-Type: application/json"})
            return
        name = self.path.removeprefix("/")
        length = self.headers.get("Content-Length", "0")
        if name not in CALLS:
            self._answer(404, {"error": f"there is no call {name!r}: choose one of {', '.join(sorted(CALLS))}"})
        elif not length.isdecimal() or int(length) > _MOST_BYTES:
            self._answer(413, {"error": f"send at most {_MOST_BYTES} bytes, and say how many"})
        else:
            self._call(name, self.rfile.read(int(length)))

    def _call(self, name: str, body: bytes) -> None:
        try:
            arguments = json.loads(body or b"{}", parse_float=Decimal)
            if not isinstance(arguments, dict):
                raise ValueError("the arguments are a JSON object")
            result = getattr(self.simulator, name)(**{key: _argument(key, one) for key, one in arguments.items()})
        except (ValueError, TypeError, ArithmeticError) as error:
            self._answer(400, {"error": str(error)})
        else:
            self._answer(200, {"result": result})

    def _is_from_here(self) -> bool:
        """Whether no web page sent this; else refuse it."""
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if self.headers.get("Origin") is None and host in _HOSTS:
            return True
        self._answer(403, {"error": f"only programs on this machine may call, at {LOOPBACK}"})
        return False

    def _answer(self, status: int, value: object) -> None:
        body = json.dumps(value, ensure_ascii=False, default=_as_json).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass  # what it does is seen in the exchange


def _state(sim: Simulator) -> Mapping[str, object]:
    connections = [info for info in sim.connections() if info.open]
    return {
        "now": sim.now(),
        "url": sim.url,
        "private_url": sim.private_url,
        "info_url": sim.info_url,
        "rest_url": sim.rest_url,
        "connections": [
            {"id": info.id, "endpoint": info.endpoint, "format": info.format, "served": info.served, "sent": info.sent}
            for info in connections
        ],
    }


def _argument(name: str, value: object) -> object:
    """Return what a member of the JSON object stands for: a price is exactly what was written, times are floats."""
    if isinstance(value, Decimal) and name not in _EXACT:
        return float(value)
    return datetime.fromisoformat(value) if name == "delisting" and isinstance(value, str) else value


def _as_json(value: Any) -> object:
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, Simulator):
        return value.url
    return str(value)
