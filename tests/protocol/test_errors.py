"""The tree of errors: as it is drawn, the same in every process, with advice and without secrets."""

import copy
import pickle
import re
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from websocket_v6.protocol import errors
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.errors import (
    AuthenticationError,
    ClosedError,
    ConfigError,
    EngineError,
    ExchangeError,
    LocalProtocolError,
    MailboxFullError,
    NotReadyError,
    ProtocolError,
    RateLimitedError,
    RecordingError,
    RemoteProtocolError,
    SnapshotTimeoutError,
    StreamError,
    TransportError,
    UnknownCodeError,
    WebSocketV6Error,
)
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.events.decode import decode
from websocket_v6.protocol.exchange.codes import (
    check_categories,
    check_codes,
    check_depth,
    check_interval,
    check_level,
)
from websocket_v6.protocol.exchange.indicators import check_timeframe
from websocket_v6.protocol.exchange.tokens import Keys

# One of each class, with every field it has, and what these fields are then.
MADE: list[tuple[WebSocketV6Error, dict[str, object]]] = [
    (WebSocketV6Error("text"), {}),
    (ProtocolError("text"), {}),
    (LocalProtocolError("text"), {}),
    (RemoteProtocolError("text", close_code=1007), {"close_code": 1007}),
    (ExchangeError("NO_CODES", "no codes"), {"name": "NO_CODES", "text": "no codes", "close_code": None}),
    (TransportError("text", retry_after=3.0), {"retry_after": 3.0}),
    (RateLimitedError("text", status=418, retry_after=2.5), {"status": 418, "retry_after": 2.5}),
    (AuthenticationError("text", name="jwt_verification"), {"name": "jwt_verification"}),
    (StreamError("text"), {}),
    (UnknownCodeError("text", codes=["KRW-X", "KRW-Y"]), {"codes": ("KRW-X", "KRW-Y")}),
    (SnapshotTimeoutError("text"), {}),
    (NotReadyError("text", streams=["ticker KRW-X"]), {"streams": ("ticker KRW-X",)}),
    (MailboxFullError("text"), {}),
    (ClosedError("text"), {}),
    (EngineError("text"), {}),
    (RecordingError("text"), {}),
    (ConfigError("text"), {}),
]
each_error = pytest.mark.parametrize(("error", "fields"), MADE, ids=[type(error).__name__ for error, _ in MADE])
KEY = "s" * 40  # spelled out nowhere, for tracebacks show the source
FAR = "y" * 400 + "FAR"  # what stands deep in a message


def drawn() -> dict[str, str]:
    """Return the parent of each class as the docstring draws it; the root has Exception."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = [(-1, "Exception")]
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"[ │├└─]{4,}(\w+Error)\b", line)
        if found:
            while above[-1][0] >= found.start(1):
                above.pop()
            parents[found[1]] = above[-1][1]
            above.append((found.start(1), found[1]))
    return parents


def test_the_tree_is_as_it_is_drawn() -> None:
    classes = {name: getattr(errors, name) for name in errors.__all__}
    assert {name: [base.__name__ for base in cls.__bases__] for name, cls in classes.items()} == {
        name: [parent] for name, parent in drawn().items()
    }


def test_every_error_of_the_file_is_in_the_tree_and_among_these_tests() -> None:
    defined = {name for name, value in vars(errors).items() if isinstance(value, type) and name[0] != "_"}
    raised = {name for name in defined if issubclass(getattr(errors, name), BaseException)}
    assert raised == set(errors.__all__) == set(drawn()) == {type(error).__name__ for error, _ in MADE}


@each_error
def test_fields_are_what_was_given(error: WebSocketV6Error, fields: dict[str, object]) -> None:
    assert vars(error) == fields
    assert "text" in str(error) or "no codes" in str(error)


@each_error
def test_errors_are_the_same_in_another_process(error: WebSocketV6Error, fields: dict[str, object]) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301
        assert type(again) is type(error)
        assert (str(again), again.args, vars(again)) == (str(error), error.args, fields)


def test_fields_may_be_left_out() -> None:
    assert RemoteProtocolError("text").close_code is None
    limited = RateLimitedError("text")
    assert (limited.status, limited.retry_after) == (429, None)
    assert AuthenticationError("text").name is None
    assert UnknownCodeError("text").codes == ()


@pytest.mark.parametrize(
    "kind", [RemoteProtocolError, TransportError, RateLimitedError, AuthenticationError, UnknownCodeError]
)
def test_fields_are_given_by_name(kind: Any) -> None:
    with pytest.raises(TypeError, match="positional"):
        kind("text", 1)


def test_codes_are_kept_from_whatever_names_them() -> None:
    error = UnknownCodeError("text", codes=(code for code in ("KRW-X", "KRW-Y")))
    assert (error.codes, error.codes) == (("KRW-X", "KRW-Y"),) * 2


def test_an_error_of_the_exchange_is_told_in_its_own_words() -> None:
    error = ExchangeError("WRONG_FORMAT", "Format is wrong")
    assert str(error) == "the exchange answered WRONG_FORMAT: Format is wrong"


def test_what_the_exchange_says_is_cut_and_cleaned() -> None:
    error = ExchangeError("N" + " \x1b" * 1_000, "one\ntwo eyJhbGciOiJIUzUxMiJ9.e30.x " + "x " * 1_000)
    assert (len(error.name), len(error.text)) == (64, 200)
    assert error.text.startswith("one two <cut> x x")
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("attempt", "kind", "what", "advice"),
    [
        (lambda: check_codes([]), LocalProtocolError, "no codes", "KRW-BTC"),
        (lambda: check_codes("BTC"), LocalProtocolError, "'BTC'", "QUOTE-BASE"),
        (lambda: check_codes(["KRW-BTC", 5]), LocalProtocolError, "5", "'KRW-BTC'"),  # type: ignore[list-item]
        (lambda: check_depth(7), LocalProtocolError, "depth=7", "1, 5, 15, 30"),
        (lambda: check_level("much", ["KRW-BTC"]), LocalProtocolError, "level='much'", "10000"),
        (lambda: check_level(10, ["BTC-ETH"]), LocalProtocolError, "BTC-ETH", "leave it out"),
        (lambda: check_interval("2m"), LocalProtocolError, "interval='2m'", "1s, 1m"),
        (lambda: check_categories("gossip", "kr"), LocalProtocolError, "'gossip'", "notice, trade"),
        (lambda: check_timeframe("1m"), LocalProtocolError, "timeframe='1m'", "5m, 15m"),
        (lambda: Mailbox.throttle(0), LocalProtocolError, "Mailbox.throttle(0)", "seconds above 0"),
        (lambda: Config.from_env({"WEBSOCKET_V6_REGION": "moon"}), ConfigError, "WEBSOCKET_V6_REGION", "kr"),
        (lambda: Keys("", KEY), ConfigError, "access_key", "as the exchange shows it"),
    ],
)
def test_a_text_says_what_is_wrong_and_then_what_to_do(
    attempt: Callable[[], object], kind: type[WebSocketV6Error], what: str, advice: str
) -> None:
    with pytest.raises(WebSocketV6Error) as caught:
        attempt()
    assert caught.type is kind
    text = str(caught.value)
    assert 0 <= text.find(what) < text.find(advice), text


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: Keys("ACCESS", f"{KEY} "),
        lambda: Keys(f"{KEY}\n", "x"),
        lambda: Config(access_key="ACCESS", secret_key=f"{KEY} "),
        lambda: Config(access_key="ACCESS", secret_key=KEY, region="moon"),  # type: ignore[arg-type]
        lambda: Config.from_env({"UPBIT_ACCESS_KEY": f"{KEY}\t", "UPBIT_SECRET_KEY": KEY}),
    ],
)
def test_no_error_holds_a_key(attempt: Callable[[], object]) -> None:
    with pytest.raises(ConfigError) as caught:
        attempt()
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "sss" not in shown + repr(vars(caught.value))


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: decode(f'{{"type":"ticker","code":"KRW-BTC","change":"{FAR}"'.encode()),
        lambda: decode(f'{{"status":"{FAR}"}}'.encode()),
        lambda: decode(f'{{"type":"ticker","code":"KRW-BTC","change":"{FAR}"}}'.encode() + b"\xff"),
        lambda: make_event("depth *", f'["{FAR}"]'.encode(), 0, 0).asdict(),
        lambda: make_event("ticker *", f'{{"ty":"ticker","tp":"{FAR}"}}'.encode(), 0, 0).asdict(),
        lambda: make_event("orderbook *", f'{{"ty":"orderbook","obu":["{FAR}"]}}'.encode(), 0, 0).asdict(),
        lambda: Batch.unpack(FAR.encode()),
    ],
)
def test_no_error_holds_a_whole_message(attempt: Callable[[], object]) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        attempt()
    chain = [caught.value, caught.value.__cause__]
    assert "FAR" not in "".join(map(str, chain))
    assert len(str(caught.value)) < 300
