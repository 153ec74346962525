"""Coverage-guided fuzzing of sorting and event decoding.

    python -m tests.fuzz.fuzz_events -max_total_time=60 [other flags of libFuzzer]

Any messages: data and notices, each data message a typed event whose fields come out or raise RemoteProtocolError,
never anything else. The corpus stays in reports/fuzz/events.
"""

import contextlib
import json
import pickle
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from tests.fuzz.instrumenting import instrumented
from tests.fuzz.judging import fuzz

with instrumented("events", "exchange"):
    from websocket_v6.protocol.errors import RemoteProtocolError
    from websocket_v6.protocol.events import Event, make_event
    from websocket_v6.protocol.exchange.heads import Inbound

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLES = ROOT.parent / "shared" / "data" / "samples"
SEPARATOR = b"\n"  # between the messages of one input: no JSON of the exchange has it


def check(data: bytes) -> None:
    """Sort and decode the lines of `data`, and once more with all that was learned from them."""
    messages = data.split(SEPARATOR)
    inbound = Inbound()
    for _ in range(2):
        sorted_ = inbound.sort(messages)
        for stream, payload in zip(sorted_.streams, sorted_.payloads, strict=True):
            assert type(stream) is str
            assert type(payload) is bytes
            _check_event(make_event(stream, payload, 1, 2))


def _check_event(event: Event) -> None:
    assert repr(event)
    assert pickle.loads(pickle.dumps(event)).stream == event.stream  # noqa: S301 - our own, a moment ago
    with contextlib.suppress(RemoteProtocolError):
        event.load()
        assert event.asdict()["symbol"] == event.symbol
        assert event == make_event(event.stream, bytes(event._payload), 1, 2)
        assert event.as_snapshot().asdict()["stream_type"] == "SNAPSHOT"
    with contextlib.suppress(RemoteProtocolError):
        inexact = event.with_numbers(float)
        assert inexact.asdict().keys() == inexact.with_numbers(Decimal).asdict().keys()


def seeds() -> Iterator[bytes]:
    """Yield inputs to begin with: one message of each kind, in both spellings, and some of each together."""
    messages = [
        b'{"ty":"ticker","cd":"KRW-BTC","op":1.5E8,"tp":0E-8,"c":"RISE","tms":1,"st":"REALTIME"}',
        b'{"type":"ticker","code":"KRW-BTC","trade_price":7.9276E-4,"timestamp":1,"stream_type":"SNAPSHOT"}',
        b'{"ty":"trade","cd":"KRW-BTC","tp":1,"tv":0.1,"sid":17000000000000000,"td":"2026-01-01","ab":"ASK"}',
        b'{"ty":"orderbook","cd":"KRW-BTC","tas":1,"obu":[{"ap":2,"bp":1,"as":1E-8,"bs":0}],"lv":0}',
        b'{"type":"orderbook","code":"KRW-BTC","orderbook_units":[{"ask_price":2,"bid_price":1}],"level":10000}',
        b'{"ty":"candle.1m","cd":"KRW-BTC","cdttmu":"2026-01-01T00:00:00","op":1}',
        b'{"ty":"myOrder","cd":"KRW-BTC","uid":"a-b","ab":"BID","s":"trade","p":null}',
        b'{"ty":"myAsset","astuid":"a","ast":[{"cu":"KRW","b":1.0,"l":0}],"asttms":1}',
        b'{"type":"announcement","id":1,"title":"\xea\xb3\xb5\xec\xa7\x80","category":"trade"}',
        b'{"type":"indicator","code":"KRW-BTC","timeframe":"1m","values":{"rsi":50.1}}',
        b'{"type":"brand_new","code":"X-Y","a":[{}]}',
        b'{"status":"UP"}',
        b'{"error":{"name":"NO_CODES","message":"m"}}',
        b'{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"ticker","codes":["KRW-BTC"]}],"ticket":"t"}',
        b'[{"ty":"ticker","cd":"KRW-ETH","tp":1},{"ty":"ticker","cd":"KRW-ETH","tp":2}]',
        b"",
    ]
    yield from messages
    yield SEPARATOR.join(messages)
    yield SEPARATOR.join(messages[:3] * 2)


def recorded() -> Iterator[bytes]:
    """Yield the recorded messages, where they are at hand."""
    for path in sorted(SAMPLES.glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            yield str(json.loads(line)["raw"]).encode()


if __name__ == "__main__":
    fuzz("events", check, [*seeds(), *recorded()])
