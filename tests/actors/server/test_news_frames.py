"""What a guest is told beside rows, word for word."""

import json
import time
from decimal import Decimal
from typing import cast

import pytest

from websocket_v6.actors.messages.component import ConnectionChanged, EngineFailed, StreamFailed
from websocket_v6.actors.server.news_frames import news_frame
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.delivery.steps import Outcome
from websocket_v6.protocol.errors import AuthenticationError, StreamError, TransportError
from websocket_v6.protocol.events import Unrecovered
from websocket_v6.protocol.exchange.heads import SubscribedEntry, SubscriptionList
from websocket_v6.protocol.server import words
from websocket_v6.protocol.websocket.frames import FrameDecoder, Text


def way() -> Way:
    return Way(1, cast(Mouth, None))


def said(news: object, *, backfills: bool = False) -> bytes:
    made = news_frame(way(), news, backfills=backfills)
    assert made is not None
    (message,) = FrameDecoder().receive(made)
    return message


@pytest.mark.parametrize("state", ["connecting", "open", "lost", "refused", "closed"])
def test_a_state_is_told_as_it_is(state: str) -> None:
    before = time.time_ns()
    word = words.decode(said(ConnectionChanged("public", state, 4, 20, 15, "gone", AuthenticationError("no"))))
    assert isinstance(word, words.State)
    assert (word.state, word.at_ns, word.gap_started_ns, word.reason) == (state, 20, 15, "gone")
    assert word.error == "AuthenticationError"
    assert before <= word.sent_ns <= time.time_ns()


@pytest.mark.parametrize(
    ("endpoint", "backfills", "told"),
    [("public", True, True), ("public", False, False), ("private", True, False), ("info", True, False)],
)
def test_missed_trades_come_by_themselves_where_there_are_trades(endpoint: str, backfills: bool, told: bool) -> None:
    word = words.decode(said(ConnectionChanged(endpoint, "open", 1, 5), backfills=backfills))
    assert isinstance(word, words.State)
    assert (word.backfills, word.error) == (told, "")


def test_a_refusal_names_streams_and_reason() -> None:
    streams = ("ticker KRW-BTC", "ticker KRW-ETH")
    word = words.decode(said(StreamFailed(7, StreamError("was dropped"), True, streams)))
    assert word == words.Refused(streams, "StreamError", "was dropped")


def test_an_answer_is_the_exchange_s_own_text() -> None:
    extra = {"indicators": [{"type": "rsi", "params": {"period": 14, "multiplier": Decimal("2.0")}}]}
    entries = (
        SubscribedEntry("orderbook", ("KRW-BTC.5",), Decimal(10000), {}),
        SubscribedEntry("indicator", ("KRW-BTC",), None, extra),
    )
    message = said(SubscriptionList("mine", entries))
    assert isinstance(message, Text)
    answer = json.loads(message, parse_float=str, parse_int=str)
    assert answer["ticket"] == "mine"
    assert answer["result"] == [
        {"type": "orderbook", "codes": ["KRW-BTC.5"], "level": "10000"},
        {
            "type": "indicator",
            "codes": ["KRW-BTC"],
            "indicators": [{"type": "rsi", "params": {"period": "14", "multiplier": "2.0"}}],
        },
    ]


@pytest.mark.parametrize(
    "news",
    [
        ConnectionChanged("public", "backfilled", 1, 5),
        StreamFailed(7, StreamError("silent"), False),
        EngineFailed(TransportError("over")),
        None,
    ],
)
def test_the_rest_is_not_for_guests(news: object) -> None:
    assert news_frame(way(), news, backfills=True) is None


def test_that_an_epoch_is_open_is_told_once() -> None:
    """The registry says so whenever the first of something is wanted; to a guest that would be a gap."""
    one = way()
    told = [
        news_frame(one, ConnectionChanged("public", state, epoch, 5), backfills=True) is not None
        for state, epoch in (
            ("open", 1),
            ("open", 1),
            ("backfilled", 1),
            ("open", 1),
            ("open", 2),
            ("lost", 2),
            ("lost", 2),
            ("open", 2),
            ("open", 2),
        )
    ]
    assert told == [True, False, False, False, True, True, True, True, False]


def test_what_came_of_reconciling_is_told_with_what_is_missing() -> None:
    missing = Unrecovered("*", 5, 9, "order O1: gone", "myOrder")
    word = words.decode(
        said(Outcome("myOrder", 5, 9, 3, (missing,), AuthenticationError("no permission"), is_final=True))
    )
    assert word == words.Reconciled(
        "myOrder", 5, 9, 3, (words.Missing(*missing[:-1]),), "AuthenticationError", "no permission", True
    )
