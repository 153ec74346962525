"""Every error of this project, in one tree.

    WebSocketV6Error
    ├── ProtocolError
    │   ├── LocalProtocolError      we broke a rule: the request was never sent
    │   └── RemoteProtocolError     the exchange broke one: a malformed message, a bad frame
    │       └── ExchangeError       the exchange answered with an error object
    ├── TransportError              no connection: refused, lost, timed out
    │   └── RateLimitedError        HTTP 429 or 418
    ├── AuthenticationError         no keys, or the exchange refused them
    ├── StreamError                 one component's stream cannot go on
    │   ├── UnknownCodeError        the exchange sends nothing for these codes
    │   ├── SnapshotTimeoutError    no snapshot within the time given
    │   ├── NotReadyError           some streams have had no data within the time given
    │   ├── MailboxFullError        a lossless mailbox ran out of memory budget
    │   └── ClosedError             the subscription, the proxy or the engine is closed
    ├── EngineError                 the engine cannot do this now: a part of it is being started again
    ├── RecordingError              a file is no recording, or one cannot be written any more
    └── ConfigError                 a configuration value makes no sense

Each says what happened, to whom, and what to do next. None holds a key, a token or a whole payload.
"""

from collections.abc import Iterable

from .limits import NAME_CHARACTERS
from .outside_text import outside_text

__all__ = [
    "AuthenticationError",
    "ClosedError",
    "ConfigError",
    "EngineError",
    "ExchangeError",
    "LocalProtocolError",
    "MailboxFullError",
    "NotReadyError",
    "ProtocolError",
    "RateLimitedError",
    "RecordingError",
    "RemoteProtocolError",
    "SnapshotTimeoutError",
    "StreamError",
    "TransportError",
    "UnknownCodeError",
    "WebSocketV6Error",
]


class WebSocketV6Error(Exception):
    """Base of all errors raised or reported by this project.

    >>> try:
    ...     proxy.subscribe_ticker("nonsense!")
    ... except WebSocketV6Error as error:
    ...     print(type(error).__name__)
    LocalProtocolError
    """


class ProtocolError(WebSocketV6Error):
    """A rule of the exchange or of RFC 6455 was broken.

    >>> issubclass(LocalProtocolError, ProtocolError), issubclass(RemoteProtocolError, ProtocolError)
    (True, True)
    """


class LocalProtocolError(ProtocolError):
    """What was asked for is not allowed; nothing was sent.

    >>> proxy.subscribe_orderbook("KRW-BTC", depth=7)
    Traceback (most recent call last):
    websocket_v6.protocol.errors.LocalProtocolError: depth=7 ...
    """


class RemoteProtocolError(ProtocolError):
    """The peer sent what it must not send.

    `close_code` is the RFC 6455 close code that answers it, `None` where the connection goes on.

    >>> RemoteProtocolError("a frame with a reserved bit", close_code=1002).close_code
    1002
    """

    def __init__(self, message: str, *, close_code: int | None = None) -> None:
        super().__init__(message)
        self.close_code = close_code


class ExchangeError(RemoteProtocolError):
    """The exchange answered with `{"error": {"name": ..., "message": ...}}` and closed the connection.

    `name` and `text` are its own, cut and fit to be told.

    >>> error = ExchangeError("WRONG_FORMAT", "Format is wrong.")
    >>> error.name, error.text
    ('WRONG_FORMAT', 'Format is wrong.')
    """

    def __init__(self, name: str, text: str) -> None:
        name, text = outside_text(name, NAME_CHARACTERS), outside_text(text)
        super().__init__(f"the exchange answered {name}: {text}")
        self.name = name
        self.text = text

    def __reduce__(self) -> tuple[type["ExchangeError"], tuple[str, str]]:
        return type(self), (self.name, self.text)


class TransportError(WebSocketV6Error):
    """There is no connection to the exchange; the engine goes on trying unless it says otherwise.

    `retry_after` is seconds to wait, if the exchange said so.

    >>> def on_error(error):
    ...     if isinstance(error, TransportError) and error.retry_after is not None:
    ...         print(f"the exchange asks for {error.retry_after:g} s of patience")
    >>> on_error(TransportError("blocked", retry_after=30))
    the exchange asks for 30 s of patience
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimitedError(TransportError):
    """The exchange refused the connection with HTTP 429 or 418.

    >>> RateLimitedError("too many", status=418, retry_after=60).status  # 418: the address is blocked for a while
    418
    """

    def __init__(self, message: str, *, status: int = 429, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.status = status


class AuthenticationError(WebSocketV6Error):
    """Keys are missing, or the exchange refused them; `name` is its own word for it, such as `jwt_verification`.

    >>> with WebSocketClientProxy("no_keys", config=Config(url=sim.url, mode="embedded")) as stranger:
    ...     stranger.subscribe_my_order()
    Traceback (most recent call last):
    websocket_v6.protocol.errors.AuthenticationError: ... needs API keys: ...
    """

    def __init__(self, message: str, *, name: str | None = None) -> None:
        super().__init__(message)
        self.name = name


class StreamError(WebSocketV6Error):
    """One component's stream cannot be served; the streams of other components go on.

    >>> def on_error(error):
    ...     if isinstance(error, StreamError):
    ...         print("not served:", type(error).__name__)
    >>> on_error(UnknownCodeError("nothing comes", codes=["KRW-NOPE"]))
    not served: UnknownCodeError
    """


class UnknownCodeError(StreamError):
    """The exchange sends nothing for `codes`: unknown, delisted, or a price level it does not support.

    >>> try:
    ...     proxy.get_ticker_snapshot(["KRW-NOPE"], timeout=1.0)
    ... except UnknownCodeError as error:
    ...     print(error.codes)
    ('KRW-NOPE',)
    """

    def __init__(self, message: str, *, codes: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.codes = tuple(codes)


class SnapshotTimeoutError(StreamError):
    """No snapshot came within the time given, for a reason other than the codes.

    >>> issubclass(SnapshotTimeoutError, StreamError)
    True
    """


class NotReadyError(StreamError):
    """`streams`, such as "ticker KRW-BTC", have had no data in the time given; the message says what they wait for.

    >>> quiet = proxy.subscribe_my_order()
    >>> try:
    ...     proxy.wait_ready(timeout=0.1)  # no order has come
    ... except NotReadyError as error:
    ...     print(error.streams)
    ('myOrder *',)
    >>> quiet.close()
    """

    def __init__(self, message: str, *, streams: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.streams = tuple(streams)


class MailboxFullError(StreamError):
    """A lossless mailbox outgrew its memory budget and its subscription was cut off.

    >>> trades = proxy.subscribe_trade("KRW-BTC", mailbox=Mailbox.lossless(max_bytes=4096))
    >>> time.sleep(2.0)  # and nobody takes what comes
    >>> while True:
    ...     event = trades.get(timeout=5.0)
    Traceback (most recent call last):
    websocket_v6.protocol.errors.MailboxFullError: ...
    """


class ClosedError(StreamError):
    """The subscription, its proxy or the engine is closed.

    >>> trades = proxy.subscribe_trade("KRW-BTC")
    >>> trades.close()
    >>> trades.get()
    Traceback (most recent call last):
    websocket_v6.protocol.errors.ClosedError: ...
    """


class EngineError(WebSocketV6Error):
    """The engine cannot do this now: a part of it failed and is started again, or does not answer.

    What was wanted before is not lost.

    >>> def tried_again(call):
    ...     try:
    ...         return call()
    ...     except EngineError:
    ...         return call()
    >>> tried_again(lambda: len(proxy.get_ticker_snapshot("KRW-BTC")))
    1
    """


class RecordingError(WebSocketV6Error):
    """A file is no recording that this version reads, or a recording cannot be written any more.

    >>> try:
    ...     raise RecordingError("the disk is full")
    ... except WebSocketV6Error as error:
    ...     print(error)
    the disk is full
    """


class ConfigError(WebSocketV6Error):
    """A configuration value makes no sense; the message names the variable and what it accepts.

    >>> Config(region="moon")
    Traceback (most recent call last):
    websocket_v6.protocol.errors.ConfigError: ...
    """
