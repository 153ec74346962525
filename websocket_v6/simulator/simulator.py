"""A local exchange for tests and demonstrations: what its user calls.

    with Simulator(markets=["KRW-BTC"]) as sim:
        bot = start_my_bot(sim.url)
        sim.wait_served({"trade KRW-BTC"})
        sim.trade("KRW-BTC", price=100_000_000, volume="0.5", side="BID")
        sim.drop()

Nothing happens in its markets but by these calls, by `traffic`, or by a recording that is played. A call returns when
what follows from it has been sent. Every call can be made from any thread.
"""

import asyncio
from collections.abc import Iterable

from .answers import Answers
from .control.account_calls import AccountCalls
from .control.fault_calls import FaultCalls
from .control.market_calls import MarketCalls
from .control.process_runner import ProcessRunner
from .control.settings import Settings
from .control.state_calls import StateCalls
from .control.thread_runner import ThreadRunner
from .market.catalog import DEFAULT_MARKETS, many_markets
from .weather import Weather
from .wire.exchange_limits import Limits

__all__ = ["Simulator"]

_REAL_LIMITS = Limits()
# As long as HS512 wants a key to be, so that no library warns of it.
_SECRET_KEY = "simulated-secret-key-that-opens-nothing-and-is-sixty-four-bytes-long"  # noqa: S105  # it guards a toy


def _weather_for(traffic: float) -> Weather:
    """Return the weather where none is asked for."""
    return Weather.usual() if traffic else Weather.calm()


class Simulator(MarketCalls, AccountCalls, StateCalls, FaultCalls):
    """A simulated exchange on a port of this machine.

    >>> with Simulator(["KRW-BTC"]) as exchange:
    ...     number = exchange.trade("KRW-BTC", price=100_000_000)
    ...     with WebSocketClientProxy("bot", config=Config(url=exchange.url, mode="embedded")) as bot:
    ...         (ticker,) = bot.get_ticker_snapshot("KRW-BTC")
    >>> ticker.trade_price
    Decimal('100000000')
    """

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
        weather: Weather | None = None,
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
        """Describe an exchange; `start`, a `with` or an `async with` block opens it.

        Args:
            markets: codes, or how many; by default twenty of all three quote currencies.
            seed: the same seed and the same calls give the same prices, sizes and books.
            traffic: tickers, trades and books a second that the markets make by themselves; True is 100.
            weather: how late, bunched and out of order messages come: `Weather.calm()`, `usual()` or `storm()`; by
                default the usual where there is traffic from the start, else calm.
            paced: books and candles on the exchange's grids of 100 ms and 1 s, instead of at once with the change; by
                default where there is traffic, and in any weather but a calm.
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
        rate = 100.0 if traffic is True else float(traffic)
        weather = _weather_for(rate) if weather is None else weather
        self.access_key = access_key
        self.secret_key = secret_key
        self._process = process
        self._settings = Settings(
            markets=tuple(DEFAULT_MARKETS if codes is None else codes),
            seed=seed,
            host=host,
            port=port,
            access_key=access_key,
            secret_key=secret_key,
            traffic=rate,
            weather=weather,
            paced=(rate > 0 or not weather.is_calm) if paced is None else paced,
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

    async def __aenter__(self) -> "Simulator":
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.shut_down)

    def __repr__(self) -> str:
        return f"<Simulator {self.url} {len(self._settings.markets)} markets>"

    # Where it is.

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        """The public endpoint."""
        scheme = "ws" if self._settings.tls is None else "wss"
        return f"{scheme}://{self._shown_host}:{self._port}/websocket/v1"

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
        return f"{scheme}://{self._shown_host}:{self._port}"

    @property
    def _shown_host(self) -> str:
        host = self._settings.host
        return f"[{host}]" if ":" in host else host  # IPv6 (RFC 3986)
