"""A local exchange for tests and demonstrations: what its user calls.

    with Simulator(markets=["KRW-BTC"]) as sim:
        bot = start_my_bot(sim.url)
        sim.wait_served({"trade KRW-BTC"})
        sim.trade("KRW-BTC", price=100_000_000, volume="0.5", side="BID")
        sim.drop()

Nothing happens in its markets but by these calls, by `traffic`, or by a recording that is played. A call returns when
what follows from it has been sent. Every call can be made from any thread.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from os import PathLike
from typing import Any, TypeVar

from .account.orders import OrderType, SmpType, TimeInForce
from .answers import Answers
from .control.exchange import Settings
from .control.thread_runner import ProcessRunner, Runner, ThreadRunner
from .exact import Number
from .market.catalog import DEFAULT_MARKETS, many_markets
from .market.one_market import TradeSide
from .wire.limits import Limits
from .wire.reports import ConnectionInfo, Sent

__all__ = ["Simulator"]

_T = TypeVar("_T")
_REAL_LIMITS = Limits()
# As long as HS512 wants a key to be, so that no library warns of it.
_SECRET_KEY = "simulated-secret-key-that-opens-nothing-and-is-sixty-four-bytes-long"  # noqa: S105  # it guards a toy


class Simulator:
    """A simulated exchange on a port of this machine."""

    def __init__(
        self,
        markets: Iterable[str] | int | None = None,
        *,
        seed: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
        access_key: str = "simulated-access-key",
        secret_key: str = _SECRET_KEY,
        traffic: float | bool = False,
        paced: bool | None = None,
        answers: Answers | None = None,
        limits: Limits | None = _REAL_LIMITS,
        region: str = "kr",
        start_time: float | None = None,
        frozen: bool = False,
        record: int | bool = True,
        process: bool = False,
        tls: tuple[str, str] | None = None,
    ) -> None:
        """Describe an exchange; `start` or a `with` block opens it.

        Args:
            markets: codes, or how many; by default twenty of all three quote currencies.
            seed: the same seed and the same calls give the same prices, sizes and books.
            traffic: tickers, trades and books a second that the markets make by themselves; True is 100.
            paced: books on the exchange's 100 ms grid and candles once a second, instead of at once with the change;
                by default where there is traffic.
            answers: which answer to give where the exchange's documents leave one open.
            limits: rate limits, as the exchange has them; `None` is none.
            region: `kr`, or `sg`, `id`, `th` with English errors and neither `level` nor KST fields.
            start_time: the simulated time at the start, seconds since 1970; by default now.
            frozen: time stands but for `advance`, so that every run sends the same bytes.
            record: whether, or how many, messages are kept for `sent`.
            process: run in a process of its own instead of a thread.
            tls: files of a certificate and its key, for `wss://`.
        """
        codes = many_markets(markets) if isinstance(markets, int) else markets
        self.access_key = access_key
        self.secret_key = secret_key
        self._process = process
        self._runner: Runner | None = None
        self._settings = Settings(
            markets=tuple(DEFAULT_MARKETS if codes is None else codes),
            seed=seed,
            host=host,
            port=port,
            access_key=access_key,
            secret_key=secret_key,
            traffic=100.0 if traffic is True else float(traffic),
            paced=paced,
            answers=answers or Answers(),
            limits=limits or Limits.off(),
            region=region,
            start=start_time,
            frozen=frozen,
            record={True: 1_000_000, False: 0}.get(record, record) if isinstance(record, bool) else record,
            tls=tls,
        )
        self._port = port

    # Its life.

    def start(self) -> "Simulator":
        """Open, or listen again on the same port after `stop`."""
        if self._runner is None:
            self._runner = (ProcessRunner if self._process else ThreadRunner)(self._settings)
        self._port = self._call("start")
        return self

    def stop(self) -> None:
        """Stop listening and cut all connections; markets and records stay, and `start` listens again."""
        self._call("stop")

    def shut_down(self) -> None:
        """End the exchange for good."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.shut_down()

    def __enter__(self) -> "Simulator":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.shut_down()

    def __repr__(self) -> str:
        return f"<Simulator {self.url} {len(self._settings.markets)} markets>"

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if self._runner is None:
            raise RuntimeError("the simulator is not running: use it in a `with` block or call start()")
        return self._runner.call(name, *args, **kwargs)

    # Where it is.

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        """The public endpoint."""
        scheme = "ws" if self._settings.tls is None else "wss"
        return f"{scheme}://{self._settings.host}:{self._port}/websocket/v1"

    @property
    def private_url(self) -> str:
        return f"{self.url}/private"

    @property
    def info_url(self) -> str:
        return f"{self.url}/info"

    @property
    def rest_url(self) -> str:
        """The base of the REST calls, without the `/v1`."""
        scheme = "http" if self._settings.tls is None else "https"
        return f"{scheme}://{self._settings.host}:{self._port}"

    # What moves it.

    def trade(
        self, code: str, price: Number | None = None, volume: Number | None = None, side: TradeSide | None = None
    ) -> int:
        """Let a trade happen and return its sequential id; what is not given, the market makes up.

        A price away from the book moves the book there. Trade, ticker, orderbook and candles go out in this order.
        """
        number: int = self._call("trade", code, price, volume, side)
        return number

    def tick(self, count: int = 1, code: str | None = None) -> None:
        """Let `count` things happen at once, trades and changes of books, in one market or in all."""
        self._call("feed.tick", count, code)

    def flush(self) -> None:
        """Send the books and candles that wait for their grid, where a pace is kept."""
        self._call("feed.flush")

    def set_traffic(self, rate: float) -> None:
        """Let the markets make about `rate` messages a second by themselves; 0 stops them."""
        self._call("feed.set_traffic", rate)

    def advance(self, seconds: float, *, idle: bool = True) -> None:
        """Let `seconds` of the simulator's time pass at once: timers, limits, the trading day.

        With `idle`, connections are silent meanwhile, and after 60 s of that they are cut.
        """
        self._call("advance", seconds, idle=idle)

    def now(self) -> float:
        """Return the simulator's time, seconds since 1970."""
        seconds: float = self._call("now")
        return seconds

    def play(self, path: str | PathLike[str], speed: float | None = 1.0, *, wait: bool = False) -> int:
        """Play a recording (`capture.py` tells its form) and return how many messages it has.

        At `speed` times its own pace, in the background unless `wait`; with `speed=None` at once. The markets it names
        begin anew, at its first prices and times.
        """
        count: int = self._call("player.play", str(path), speed, wait=wait)
        return count

    def is_playing(self) -> bool:
        playing: bool = self._call("player.is_playing")
        return playing

    def stop_playing(self) -> None:
        self._call("player.stop_playing")

    def list_market(self, code: str, price: Number | None = None) -> None:
        """Add a market, or begin one anew."""
        self._call("list_market", code, price)

    def remove_market(self, code: str) -> None:
        """Take a market off the list; who subscribed to it hears nothing any more."""
        self._call("feed.remove_market", code)

    def set_market_state(self, code: str, state: str = "ACTIVE", delisting: datetime | None = None) -> None:
        """Set what the ticker says of a market (PREVIEW, ACTIVE, DELISTED; the day it ends), and send it."""
        self._call("feed.set_state", code, state, delisting)

    # Orders and accounts.

    def place_order(
        self,
        code: str,
        side: TradeSide,
        price: Number | None = None,
        volume: Number | None = None,
        order_type: OrderType = "limit",
        *,
        time_in_force: TimeInForce | None = None,
        identifier: str | None = None,
        smp_type: SmpType | None = None,
        trigger: Number | None = None,
        access_key: str | None = None,
    ) -> str:
        """Place an order of an account and return its uuid.

        It meets the book: what matches is traded, publicly too; the rest of a limit order stands in the book until
        trades reach it. A market purchase (`price`) takes the amount to spend as `price`, a market sale (`market`) a
        `volume`.
        With `trigger` it waits, in state `watch`, for a trade at that price.
        """
        uuid: str = self._call(
            "desk.place",
            access_key or self.access_key,
            code,
            side,
            price,
            volume,
            order_type,
            time_in_force,
            identifier,
            smp_type,
            trigger,
        )
        return uuid

    def cancel_order(self, uuid: str) -> None:
        self._call("desk.cancel", uuid)

    def orders(self, access_key: str | None = None) -> dict[str, str]:
        """Return the state of every order of an account by uuid, oldest first."""
        states: dict[str, str] = self._call("desk.orders", access_key or self.access_key)
        return states

    def deposit(self, currency: str, amount: Number, access_key: str | None = None) -> None:
        """Add to a balance, or take from it with a negative amount."""
        self._call("desk.deposit", access_key or self.access_key, currency, amount)

    def balances(self, access_key: str | None = None) -> dict[str, tuple[Decimal, Decimal]]:
        """Return the free and the locked amount of each currency."""
        amounts: dict[str, tuple[Decimal, Decimal]] = self._call("desk.balances", access_key or self.access_key)
        return amounts

    def delay_private(self, seconds: float) -> None:
        """Send myOrder and myAsset messages `seconds` late from now on."""
        self._call("delay_private", seconds)

    def add_key(
        self,
        access_key: str,
        secret_key: str,
        permissions: Iterable[str] = ("orders", "assets"),
        *,
        ip_allowed: bool = True,
    ) -> None:
        """Make a key known, with an account of its own; a known one gets this secret and keeps its account."""
        self._call("add_key", access_key, secret_key, tuple(permissions), ip_allowed)

    def expire_key(self, access_key: str | None = None) -> None:
        """Let a key expire: new handshakes answer `expired_access_key`."""
        self._call("end_key", access_key or self.access_key)

    def revoke_key(self, access_key: str | None = None) -> None:
        """Forget a key: new handshakes answer `jwt_verification`."""
        self._call("end_key", access_key or self.access_key, revoked=True)

    # Announcements and indicators.

    def announce(
        self, title: str, category: str = "notice", body: str | None = None, update_of: str | None = None
    ) -> str:
        """Publish a notice, or a new version of the notice `update_of`, and return its uuid."""
        uuid: str = self._call("board.announce", title, category, body, update_of)
        return uuid

    def close_candle(self, code: str, timeframe: str, price: Number | None = None) -> None:
        """Let time pass to the end of a candle (`5m`, `15m`, `60m`, `240m`, `1d`), which closes at `price` if given.

        The indicators and signals that follow are computed from the candles; no connection counts as idle meanwhile.
        """
        self._call("close_candle", code, timeframe, price)

    def indicate(
        self, code: str, timeframe: str, indicator: str, value: Mapping[str, Number], trigger: str = ""
    ) -> None:
        """Send a value of one's own for an indicator, or with `trigger` for a signal, to those who subscribed to it."""
        self._call("closes.indicate", code, timeframe, indicator, dict(value), trigger)

    # What is true.

    def connections(self, endpoint: str | None = None) -> list[ConnectionInfo]:
        """Return every connection there was, oldest first; `open` tells which still are."""
        infos: list[ConnectionInfo] = self._call("connections", endpoint)
        return infos

    def served(self, endpoint: str | None = "public") -> frozenset[str]:
        """Return the streams that go on over open connections: "ticker KRW-BTC" or "orderbook KRW-BTC@10000", say."""
        streams: frozenset[str] = self._call("served", endpoint)
        return streams

    def current(self, stream: str, format: str = "DEFAULT") -> str:  # noqa: A002
        """Return the JSON object that a snapshot of `stream` would be now, such as "orderbook KRW-BTC.5@10000"."""
        text: str = self._call("current", stream, format)
        return text

    def sent(self, connection_id: int | None = None, stream: str | None = None) -> list[Sent]:
        """Return the data messages sent, in order, of one connection or of all."""
        messages: list[Sent] = self._call("journal.sent", connection_id, stream)
        return messages

    def notices(self, connection_id: int | None = None) -> list[str]:
        """Return what else was sent: errors, `UP`, LIST_SUBSCRIPTIONS answers, raw frames."""
        texts: list[str] = self._call("journal.notices", connection_id)
        return texts

    def rest_calls(self) -> list[str]:
        """Return the paths and queries of the REST calls, in their order."""
        targets: list[str] = self._call("journal.rest_calls")
        return targets

    # Waiting.

    def wait(self, predicate: "Callable[[Simulator], _T]", timeout: float = 5.0) -> _T:
        """Return the first true value of `predicate(self)`; it is asked again after every change.

        Raises:
            TimeoutError: if there was none within `timeout` seconds; says what is served and connected.
        """
        deadline = time.monotonic() + timeout
        version = -1
        while True:
            version = self._call("journal.changed_since", version, 0.0)
            if value := predicate(self):
                return value
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"not within {timeout:g} s; {self._state()}")
            self._call("journal.changed_since", version, min(left, 1.0))

    def wait_served(
        self, streams: Collection[str], timeout: float = 5.0, *, endpoint: str = "public", exactly: bool = True
    ) -> None:
        """Wait until `streams` are served, and with `exactly` nothing else."""
        wanted = frozenset(streams)

        def reached(sim: Simulator) -> bool:
            served = sim.served(endpoint)
            return served == wanted if exactly else served >= wanted

        self.wait(reached, timeout)

    def wait_connected(
        self, count: int = 1, timeout: float = 5.0, *, endpoint: str | None = None
    ) -> list[ConnectionInfo]:
        """Wait until `count` connections are open, and return them."""

        def reached(sim: Simulator) -> list[ConnectionInfo] | None:
            infos = [info for info in sim.connections(endpoint) if info.open]
            return infos if len(infos) == count else None

        if count == 0:
            self.wait(lambda sim: reached(sim) is not None, timeout)
            return []
        return self.wait(reached, timeout) or []

    def _state(self) -> str:
        infos = [info for info in self.connections() if info.open]
        served = {info.id: f"{info.endpoint}: {', '.join(sorted(info.served)) or 'nothing'}" for info in infos}
        return f"open connections and what they are served: {served or 'none'}"

    # Faults.

    def drop(self, endpoint: str | None = None, connection_id: int | None = None) -> int:
        """Reset TCP connections, all or some; return how many."""
        count: int = self._call("faults.drop", endpoint, connection_id)
        return count

    def close(
        self, code: int = 1000, reason: str = "", endpoint: str | None = None, connection_id: int | None = None
    ) -> int:
        """Close connections with a close frame; return how many."""
        count: int = self._call("faults.close", code, reason, endpoint, connection_id)
        return count

    def stall(
        self,
        *,
        data: bool = True,
        pongs: bool = False,
        handshakes: bool = False,
        endpoint: str | None = None,
        connection_id: int | None = None,
    ) -> int:
        """Stall connections that are open, all or some: `data` stops what is sent, `pongs` stops reading and answering.

        With `handshakes`, new connections get no answer either. What is held back goes out at `resume`.
        """
        count: int = self._call(
            "faults.stall",
            data=data,
            pongs=pongs,
            handshakes=handshakes,
            endpoint=endpoint,
            connection_id=connection_id,
        )
        return count

    def resume(self) -> None:
        """End every stall."""
        self._call("faults.resume")

    def refuse(
        self,
        status: int = 429,
        times: int | None = 1,
        body: str | Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        endpoint: str | None = None,
    ) -> None:
        """Answer the next `times` handshakes with an HTTP status; `times=None` until `accept`.

        With the endpoint `"rest"` it is the next REST calls.
        """
        self._call("faults.refuse", status, times, body, headers, endpoint)

    def accept(self, endpoint: str | None = None) -> None:
        """Take back what `refuse` planned, for one endpoint or all of it."""
        self._call("faults.accept", endpoint)

    def send_raw(
        self,
        data: bytes | str,
        binary: bool | None = None,
        endpoint: str | None = None,
        connection_id: int | None = None,
    ) -> int:
        """Send a frame as it is; bytes as a binary frame and text as a text frame unless `binary` says otherwise."""
        count: int = self._call("faults.send_raw", data, binary, endpoint, connection_id)
        return count

    def send_error(
        self,
        name: str,
        text: str | None = None,
        close: bool = True,
        endpoint: str | None = None,
        connection_id: int | None = None,
    ) -> int:
        """Send an error object, and close with 1000 behind it unless told not to."""
        count: int = self._call("faults.send_error", name, text, close, endpoint, connection_id)
        return count

    def mute(self, code: str) -> None:
        """Let a code fall silent without a word, as a delisted one does; it stays in `served`."""
        self._call("mute", code)

    def unmute(self, code: str) -> None:
        self._call("unmute", code)

    def repeat_candle(self, code: str, unit: str = "1m") -> None:
        """Send the candle before the newest once more, as a late correction."""
        self._call("feed.repeat_candle", code, unit)

    def duplicate_last_trade(self, code: str) -> int:
        """Send the last trade of a market once more, with the same sequential id, and return that."""
        number: int = self._call("feed.repeat_trade", code)
        return number
