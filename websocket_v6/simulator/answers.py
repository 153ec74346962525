"""What the exchange might answer where its documents are silent: one switch for each open question.

The defaults are what was measured, else what the documents suggest, else the stricter answer, so that a client which
is content here is content there. Source: Upbit WebSocket reference, sections 2, 3, 5, 6, 7, 9 and "Open questions".
"""

import json
import tomllib
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

__all__ = ["Answers"]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """One field for each open question; `dataclasses.replace` or keywords make another set."""

    # Handshake and keys.
    auth_refusal: Literal["http", "on_open", "on_request"] = "http"
    """A bad token: HTTP 401, or accepted and answered `INVALID_AUTH` at once, or only at the first request."""
    auth_close_code: int = 1000
    """The close code behind an `INVALID_AUTH`; 1000 was seen behind every other error."""
    nonce_checked: bool = True
    """Whether a nonce that was seen before is refused (`nonce_used`)."""
    hs384_accepted: bool = False
    token_expiry_checked: bool = False
    """Whether an `exp` claim counts; it is not part of the documented payload."""
    extra_claims_refused: bool = False
    """Whether a token with a claim that is not documented, such as `iat`, is refused (`invalid_query_payload`)."""
    key_end_closes: bool = False
    """Whether an open private socket is closed when its key expires, is revoked, or loses its address."""
    key_end_frame: bool = True
    """Whether that close has a frame, with code 1000; else the socket is cut."""
    key_end_refuses: bool = False
    """Whether a socket that stays open is answered `INVALID_AUTH` when it asks anew."""
    out_of_scope_status: Literal[401, 403] = 401
    """The status of a REST call that its key has no permission for; it differs by area."""
    wrong_endpoint: Literal["INVALID_AUTH", "INVALID_PARAM"] = "INVALID_PARAM"
    """The answer to a type that another endpoint serves; a private type on the public one is always `INVALID_AUTH`."""
    missing_permission: Literal["INVALID_AUTH", "silence"] = "INVALID_AUTH"
    """The answer to `myOrder` or `myAsset` with a key that lacks the permission."""

    # Frames and spelling.
    data_frames: Literal["binary", "text"] = "binary"
    error_frames: Literal["binary", "text"] = "binary"
    status_frames: Literal["binary", "text"] = "binary"
    subscription_frames: Literal["binary", "text"] = "binary"
    """The frame types of data, errors, `UP` and `LIST_SUBSCRIPTIONS` answers."""
    numbers: Literal["2026", "doubles", "zeros"] = "2026"
    """The spelling: of each field as last seen, as Java doubles throughout, or with eight decimals throughout."""
    list_batch: int = 1
    """How many messages that wait together share one array in the list formats."""
    wrap_errors: bool = False
    wrap_status: bool = False
    wrap_subscriptions: bool = True
    """Whether the list formats wrap errors, `UP` and `LIST_SUBSCRIPTIONS` answers in an array too."""
    deprecated_ticker_keys: bool = True
    """Whether tickers still carry `is_trading_suspended` and `market_warning`."""
    delisting_date: Literal["object", "text"] = "object"
    """The form of `delisting_date` once one is set: `{"year", "month", "day"}` or `yyyy-MM-dd`."""

    # Requests.
    wrong_format_name: Literal["default", "error"] = "default"
    """The answer to an unknown `format`: served as DEFAULT, or `INVALID_PARAM`."""
    empty_request: Literal["error", "clears", "ignored"] = "error"
    """The answer to a request of ticket and format alone: `NO_TYPE`, or the end of the subscription, or nothing."""
    regional_candles: bool = True
    regional_announcements: bool = True
    regional_indicators: bool = True
    regional_list_formats: bool = True
    """Whether these exist outside Korea too."""
    both_only: Literal["snapshot", "realtime", "nothing", "error"] = "snapshot"
    """What both `is_only_*` flags together mean."""
    camel_case_flags: bool = False
    """Whether `isOnlySnapshot` and `isOnlyRealtime`, the names of years ago, still count."""
    duplicate_codes: Literal["once", "twice"] = "once"
    """How often a code is served that stands twice in one list."""
    same_type_twice: Literal["both", "first", "last"] = "both"
    """Which of two objects of ticker, trade or one candle is served that name the same code."""
    same_code_twice: Literal["both", "first", "last"] = "both"
    """Which of two orderbook objects is served that name one code with other levels or depths."""
    binary_requests: bool = True
    """Whether a request in a binary frame is read; else `WRONG_FORMAT`."""
    rate_error: str = "TOO_MANY_REQUEST"
    """The name of the error for too many messages."""
    rate_error_closes: bool = True
    text_ping_counts: bool = False
    """Whether the text `PING` counts against the message limits."""
    refused_requests_count: bool = True
    """Whether a message over the limit counts too."""

    # Snapshots and streams.
    stray_frames: int = 0
    """How many messages of the old subscription may still come after a replacement: 0 and 2 were seen."""
    second_burst_pauses: bool = False
    """Whether a stream that ran before a request pauses until its snapshot, where that is in the second burst."""
    totals: Literal["shown", "all"] = "shown"
    """Whether `total_*_size` sums the levels that are sent, or always thirty."""
    best_prices: Literal["after", "before", "null"] = "after"
    """The book that `best_*` of a trade describes, or null."""
    best_null_share: float = 0.0
    """The share of trades whose `best_*` are null all the same."""
    my_order_snapshot: bool = False
    """Whether `myOrder` starts with the open orders as SNAPSHOT, as its field table hints."""
    my_asset_delay: float = 0.0
    """Seconds for which an account's first `myAsset` subscription stays silent; minutes are documented."""
    smp_default: bool = True
    """Whether orders without `smp_type` get `cancel_maker` (`none` when post-only), as announced for 2026-11-09."""
    my_asset_split: bool = True
    """Whether each asset has a message of its own, as in the newest live sample, or all that changed share one."""
    my_asset_scope: Literal["changed", "all"] = "changed"
    """Whether a `myAsset` message lists the changed assets, or all."""
    market_buy_residue: Literal["cancel", "done"] = "cancel"
    """The end of a purchase by amount whose residue buys nothing more; one that comes out exactly is `done`."""
    wait_before_trade: bool = True
    """Whether an order that fills at once says `wait` first."""
    done_after_trade: bool = True
    """Whether `done` is a message of its own after the last `trade`; else that trade is the last message."""
    cancel_after_prevented: bool = True
    """Whether an order of which nothing is left says `cancel` after `prevented`; else that is its last message."""
    tickers: Literal["each_trade", "conflated"] = "each_trade"
    """One ticker for each trade, or one for each 100 ms in which there was one (where the simulator keeps a pace)."""
    candle_timestamp: Literal["last_trade", "sent"] = "last_trade"
    """What the `timestamp` of a candle is: the time of its last trade, as over REST, or of the message."""
    day_roll_message: bool = False
    """Whether a ticker is pushed at 00:00 UTC without a trade; snapshots and REST roll over then in any case."""
    decay_message: bool = False
    """Whether a ticker is pushed, once a minute, as sums of 24 hours fall without a trade."""
    candle_flush: Literal["each", "newest_first", "newest"] = "each"
    """What a flush sends where a trade closed a candle: every one that changed since the last, oldest or newest first,
    or the newest alone, and what was traded before the boundary is never told."""
    candle_units: Literal["short_first", "long_first", "any"] = "short_first"
    """The order of the units whose candles a trade has changed."""

    # REST.
    rest_lag: float = 0.0
    """Seconds by which replicas lag: what REST calls show is so old."""
    quota_body: Literal["json", "text"] = "json"
    """The body of 429: an error object, or the bare text that an older client compares it with."""
    retry_after: bool = True
    """Whether 418 has `Retry-After` beside the time in its body, which alone is documented."""

    # LIST_SUBSCRIPTIONS.
    list_suffixes: bool = True
    """Whether codes are returned with the `.N` they were asked for with."""
    list_flags: bool = False
    """Whether `is_only_*` are returned."""
    list_snapshot_only: bool = True
    """Whether snapshot-only objects are returned once their snapshots are sent."""
    list_when_empty: Literal["empty", "error"] = "empty"
    """The answer while nothing is subscribed: an empty `result`, or `NO_TYPE`."""
    list_short_indicators: bool = False
    """Whether the short formats also shorten what is said of indicators."""
    list_resets_format: bool = True
    """Whether `LIST_SUBSCRIPTIONS` without a format switches the connection to DEFAULT."""

    # Keep-alive.
    idle_timeout: float | None = 60.0
    """Seconds of silence after which the socket is cut without a close frame; 60 measured, 120 documented."""
    private_idle_timeout: float | None = 60.0
    """The same of private and info sockets."""
    ping_resets_idle: bool = True
    status_on_subscribed: bool = True
    """Whether the `UP` series also runs on a socket with a subscription."""

    # permessage-deflate.
    compression: bool = True
    """Whether it is granted when offered; the answer has no parameters unless these say otherwise."""
    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int | None = None
    client_max_window_bits: int | None = None
    compress_from: int = 0
    """Bytes from which a message is compressed; shorter ones go plain on the same connection."""
    compress_level: int = 6
    """How hard it is tried, 0 to 9."""

    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> "Answers":
        """Read answers from JSON or TOML: what `websocket-v6 probe` wrote, or a table of switches.

        Raises:
            ValueError: if it is neither, or names what is no switch or no answer.
        """
        text = Path(path).read_text(encoding="utf-8")
        try:
            content = tomllib.loads(text) if Path(path).suffix == ".toml" else json.loads(text)
        except ValueError as error:
            raise ValueError(f"{path} cannot be read: {error}") from error
        answers = content.get("answers", content) if isinstance(content, dict) else None
        known = {field.name for field in fields(cls)}
        if not isinstance(answers, dict) or not set(answers) <= known:
            names = ", ".join(sorted(set(answers) - known)) if isinstance(answers, dict) else "its content"
            raise ValueError(f"{path}: {names} is no switch of Answers")
        return cls(**answers)

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for field in fields(self):
            hint, value = hints[field.name], getattr(self, field.name)
            if get_origin(hint) is Literal and value not in get_args(hint):
                raise ValueError(
                    f"{field.name}={value!r} is no answer: choose one of {', '.join(map(str, get_args(hint)))}"
                )
        if not 0 <= self.stray_frames <= 2:
            raise ValueError(f"stray_frames={self.stray_frames} was never seen: choose 0, 1 or 2")
        if self.list_batch < 1:
            raise ValueError(f"list_batch={self.list_batch} sends nothing: choose 1 or more")
