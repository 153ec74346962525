"""The open questions that a public connection can settle, each named after the switch of `Answers` that it is about.

A question returns the switch's value and what was seen. Source: Upbit WebSocket reference, "Open questions".
"""

import time
from collections.abc import Callable, Mapping

from websockets.exceptions import ConnectionClosed, InvalidStatus

from .line import Caller, Frame, Line, Unsettled

__all__ = ["QUESTIONS", "SLOW", "Question"]

Question = Callable[[Caller], tuple[object, str]]


def _kind(frame: Frame) -> str:
    return "binary" if frame.binary else "text"


def _stream_types(line: Line, within: float) -> set[str]:
    """Return the stream types that come, or the error that does."""
    kinds: set[str] = set()
    for frame in line.frames(within):
        kinds.add(f"error {frame.error}" if frame.error else str(frame.get("stream_type", "st")))
        if len(kinds) == 2:
            break
    return kinds


def auth_refusal(caller: Caller) -> tuple[object, str]:
    try:
        with caller.line("/private") as line:
            frame = next(line.frames(caller.patience), None)
            if frame is not None:
                return "on_open", f"{frame.error} without a request"
            line.ask({"type": "myAsset"})
            frame = line.first("an error", lambda frame: frame.error is not None)
            return "on_request", f"{frame.error} after a request"
    except InvalidStatus as refused:
        body = bytes(refused.response.body or b"").decode("utf-8", "replace")
        return "http", f"HTTP {refused.response.status_code} {body:.200}"


def data_frames(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        line.ask(caller.part("ticker"))
        frame = line.first("a ticker")
        return _kind(frame), f"{frame.get('stream_type', 'st')} in a {_kind(frame)} frame"


def error_frames(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        line.ask({"type": "no_such_type", "codes": [caller.code]})
        frame = line.first("an error", lambda frame: frame.error is not None)
        return _kind(frame), f"{frame.error} in a {_kind(frame)} frame"


def subscription_frames(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        frame = line.list()
        return _kind(frame), f"the answer to LIST_SUBSCRIPTIONS in a {_kind(frame)} frame"


def deprecated_ticker_keys(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        line.ask(caller.part("ticker"))
        found = sorted({"is_trading_suspended", "market_warning"} & set(line.first("a ticker").value))
        return bool(found), f"a ticker with {found}"


def wrong_format_name(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        line.ask(caller.part("ticker"), format="TERSE")
        frame = line.first("an answer")
        return ("error", frame.error) if frame.error else ("default", f"keys such as {next(iter(frame.value))!r}")


def empty_request(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        line.ask(caller.part("ticker"))
        line.first("a ticker")
        line.ask()
        for frame in line.frames(caller.patience / 2):
            if frame.error:
                return "error", frame.error
        left = line.list().get("result", "rslt")
        return ("ignored" if left else "clears"), f"afterwards subscribed to {left}"


def both_only(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        line.ask(caller.part("ticker", is_only_snapshot=True, is_only_realtime=True))
        kinds = _stream_types(line, caller.patience)
        if any(kind.startswith("error") for kind in kinds):
            return "error", ", ".join(kinds)
        if kinds == {"SNAPSHOT", "REALTIME"}:
            raise Unsettled("both snapshot and realtime came: no switch has that")
        return next(iter(kinds), "nothing").lower(), f"{kinds or 'nothing'} came"


def camel_case_flags(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        line.ask(caller.part("ticker", isOnlyRealtime=True))
        first = line.first("a ticker").get("stream_type", "st")
        return first == "REALTIME", f"{first} came first with isOnlyRealtime"


def duplicate_codes(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        line.ask({"type": "ticker", "codes": [caller.code] * 2, "is_only_snapshot": True})
        count = sum(1 for _ in line.frames(caller.patience / 2))
        if count not in {1, 2}:
            raise Unsettled(f"{count} snapshots came")
        return ("once", "twice")[count - 1], f"{count} snapshots for one code named twice"


def same_type_twice(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        line.ask(caller.part("ticker", is_only_snapshot=True), caller.part("ticker", is_only_realtime=True))
        kinds = _stream_types(line, caller.patience)
        values: dict[frozenset[object], str] = {
            frozenset({"SNAPSHOT", "REALTIME"}): "both",
            frozenset({"SNAPSHOT"}): "first",
            frozenset({"REALTIME"}): "last",
        }
        return _value(values, frozenset(kinds)), f"{sorted(kinds)} of a snapshot-only and a realtime-only object"


def same_code_twice(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        flat = caller.part("orderbook", is_only_snapshot=True)
        line.ask(flat, {**flat, "level": 10_000})
        levels: frozenset[object] = frozenset(
            int(frame.get("level", "lv")) for frame in line.frames(caller.patience / 2)
        )
        values: dict[frozenset[object], str] = {
            frozenset({0, 10_000}): "both",
            frozenset({0}): "first",
            frozenset({10_000}): "last",
        }
        return _value(values, levels), f"books at levels {sorted(map(str, levels))}"


def totals(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        line.ask({"type": "orderbook", "codes": [f"{caller.code}.1"], "is_only_snapshot": True})
        book = line.first("a book").value
        (unit,) = book["orderbook_units"]
        shown = book["total_ask_size"] == unit["ask_size"]
        return ("shown" if shown else "all"), f"total {book['total_ask_size']} beside a level of {unit['ask_size']}"


def binary_requests(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        line.ask(caller.part("ticker"), binary=True)
        frame = line.first("an answer")
        return frame.error is None, frame.error or "a ticker came"


def _listed(caller: Caller, **options: object) -> tuple[dict[str, object], str]:
    with caller.line() as line:
        codes = [f"{caller.code}.5"]
        line.ask({"type": "orderbook", "codes": codes, **options})
        line.first("a book")
        result = line.list().get("result", "rslt") or [{}]
        return result[0], f"listed as {result}"


def list_suffixes(caller: Caller) -> tuple[object, str]:
    entry, seen = _listed(caller)
    codes = entry.get("codes")
    if codes not in ([caller.code], [f"{caller.code}.5"]):
        raise Unsettled(seen)
    return codes != [caller.code], seen


def list_flags(caller: Caller) -> tuple[object, str]:
    entry, seen = _listed(caller, is_only_snapshot=True)
    if not entry:
        raise Unsettled("what is snapshot-only is not listed")
    return any(key.startswith("is_only") for key in entry), seen


def list_snapshot_only(caller: Caller) -> tuple[object, str]:
    entry, seen = _listed(caller, is_only_snapshot=True)
    return bool(entry), seen


def list_when_empty(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        frame = line.list()
        return ("error", frame.error) if frame.error else ("empty", f"result {frame.get('result', 'rslt')}")


def list_resets_format(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        line.ask(caller.part("ticker"), format="SIMPLE")
        line.first("a ticker")
        frame = line.list(format=None)
        return "method" in frame.value, f"keys {list(frame.value)} after SIMPLE"


def wrap_subscriptions(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        frame = line.list(format="JSON_LIST")
        return frame.wrapped, "in an array" if frame.wrapped else "a bare object"


def wrap_errors(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        line.ask(caller.part("ticker"), format="JSON_LIST")
        line.first("a ticker")
        line.ask({"type": "no_such_type", "codes": [caller.code]}, format="JSON_LIST")
        frame = line.first("an error", lambda frame: frame.error is not None)
        return frame.wrapped, f"{frame.error} {'in an array' if frame.wrapped else 'as a bare object'}"


def compression(caller: Caller) -> tuple[object, str]:
    with caller.line(compression="deflate") as line:
        answer = _extensions(line)
        return "permessage-deflate" in answer, f"Sec-WebSocket-Extensions: {answer or 'none'}"


def server_no_context_takeover(caller: Caller) -> tuple[object, str]:
    with caller.line(compression="deflate") as line:
        answer = _extensions(line)
        return "server_no_context_takeover" in answer, f"Sec-WebSocket-Extensions: {answer or 'none'}"


def idle_timeout(caller: Caller) -> tuple[object, str]:
    with caller.line() as line:
        begun = time.monotonic()
        try:
            line.connection.recv(caller.long)
        except TimeoutError:
            return None, f"still open after {caller.long:g} s"
        except ConnectionClosed as closed:
            seconds = time.monotonic() - begun
            frame = "no close frame" if closed.rcvd is None else f"code {closed.rcvd.code}"
            return float(round(seconds)), f"ended after {seconds:.1f} s of silence, {frame}"
    raise Unsettled("something was sent on an idle connection")


def _extensions(line: Line) -> str:
    response = line.connection.response
    return "" if response is None else response.headers.get("Sec-WebSocket-Extensions", "")


def _value(values: Mapping[frozenset[object], str], seen: frozenset[object]) -> str:
    if seen not in values:
        raise Unsettled(f"{sorted(map(str, seen))} came")
    return values[seen]


QUESTIONS: Mapping[str, Question] = {
    question.__name__: question
    for question in (
        auth_refusal,
        data_frames,
        error_frames,
        subscription_frames,
        deprecated_ticker_keys,
        wrong_format_name,
        empty_request,
        both_only,
        camel_case_flags,
        duplicate_codes,
        same_type_twice,
        same_code_twice,
        totals,
        binary_requests,
        list_suffixes,
        list_flags,
        list_snapshot_only,
        list_when_empty,
        list_resets_format,
        wrap_subscriptions,
        wrap_errors,
        compression,
        server_no_context_takeover,
    )
}
# These wait for minutes.
SLOW: Mapping[str, Question] = {"idle_timeout": idle_timeout}
