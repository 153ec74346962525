"""Prices over HTTP, with the standard library.

A web server with a thread for each request, and one subscription behind it: a request takes the newest price there is
and never waits for the exchange.

    python examples/web_prices.py 8000 KRW-BTC KRW-ETH
    curl http://127.0.0.1:8000/KRW-BTC
"""

import contextlib
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from websocket_v6 import Mailbox, TickerEvent, WebSocketClientProxy


class Newest:
    """The newest ticker of each code. Replacing the value of a key is atomic, so readers need no lock."""

    def __init__(self) -> None:
        self.tickers: dict[str, TickerEvent] = {}

    def __call__(self, ticker: TickerEvent) -> None:
        self.tickers[ticker.symbol] = ticker


class Server(ThreadingHTTPServer):
    """Knows the prices."""

    daemon_threads = True

    def __init__(self, port: int, newest: Newest) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.newest = newest


class Handler(BaseHTTPRequestHandler):
    """Answers `GET /KRW-BTC` with the ticker as JSON."""

    server: Server

    def do_GET(self) -> None:
        ticker = self.server.newest.tickers.get(self.path.strip("/"))
        if ticker is None:
            self.send_error(HTTPStatus.NOT_FOUND, "No such code, or no price yet")
            return
        body = ticker.json().encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing: a line for each request is a proxy's to write."""


def main() -> None:
    port, codes = int(sys.argv[1]), sys.argv[2:]
    newest = Newest()
    with WebSocketClientProxy("web_prices") as proxy, Server(port, newest) as server:
        proxy.subscribe_ticker(codes, newest, mailbox=Mailbox.latest())
        print(f"http://127.0.0.1:{server.server_port}/{codes[0]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
