"""Prices in a Flask app.

One proxy for each process of the app, made with its first request: so it also works with the reloader and with several
workers that are forked, which share one connection to the exchange. A code is subscribed to when it is first asked for.

    pip install flask
    flask --app examples/flask_prices.py run
    gunicorn --preload --workers 3 --chdir examples 'flask_prices:create_app()'
    curl http://127.0.0.1:5000/price/KRW-BTC
"""

import os
import threading
from typing import Any

from flask import Flask

from websocket_v6 import LocalProtocolError, Mailbox, Subscription, TickerEvent, UnknownCodeError, WebSocketClientProxy

Answer = tuple[dict[str, Any], int]


class Prices:
    """The newest ticker of each code that was ever asked for."""

    def __init__(self) -> None:
        self._proxy = WebSocketClientProxy("flask_prices")
        self._subscriptions: dict[str, Subscription[TickerEvent]] = {}
        self._newest: dict[str, TickerEvent] = {}
        self._lock = threading.Lock()

    def get(self, code: str) -> TickerEvent:
        """Return the newest ticker; the first call for a code waits for its snapshot.

        Raises:
            LocalProtocolError: if it is no code.
            UnknownCodeError: if the exchange does not have it.
        """
        ticker = self._newest.get(code)
        if ticker is None:
            (ticker,) = self._proxy.get_ticker_snapshot(code)
            with self._lock:  # two requests may ask for a new code at once
                if code not in self._subscriptions:
                    self._newest[code] = ticker
                    self._subscriptions[code] = self._proxy.subscribe_ticker(code, self._keep, mailbox=Mailbox.latest())
        return ticker

    def close(self) -> None:
        self._proxy.cleanup()

    def _keep(self, ticker: TickerEvent) -> None:
        self._newest[ticker.symbol] = ticker


def create_app(prices: Prices | None = None) -> Flask:
    """Return the app; Flask calls it by its name."""
    app = Flask(__name__)
    # A proxy costs nothing until it is used, and in a forked worker it starts afresh.
    prices = prices or Prices()

    @app.get("/price/<code>")
    def price(code: str) -> Answer:
        try:
            ticker = prices.get(code.upper())
        except (LocalProtocolError, UnknownCodeError) as error:
            return {"error": str(error)}, 404
        return {
            "code": ticker.symbol,
            "price": str(ticker.trade_price),
            "timestamp": ticker.timestamp,
            "pid": os.getpid(),  # which of the workers
        }, 200

    return app
