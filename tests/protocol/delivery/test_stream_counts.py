"""Streams are counted from the first question on, and no longer than somebody asks."""

from websocket_v6.protocol.delivery.stream_counts import COUNTING_NS, StreamCounts


def test_nothing_is_counted_before_somebody_asks() -> None:
    counts = StreamCounts()
    counts.note(["ticker KRW-BTC"], 5)
    assert counts.ask(10) == {}
    counts.note(["ticker KRW-BTC", "trade KRW-BTC", "trade KRW-BTC"], 11)
    assert counts.ask(12) == {"ticker KRW-BTC": 1, "trade KRW-BTC": 2}
    counts.note(["ticker KRW-BTC"], 13)
    assert counts.ask(14) == {"ticker KRW-BTC": 2, "trade KRW-BTC": 2}


def test_counting_ends_when_nobody_asks_any_more() -> None:
    counts = StreamCounts()
    counts.ask(0)
    counts.note(["ticker KRW-BTC"], COUNTING_NS)
    counts.note(["ticker KRW-BTC"], COUNTING_NS + 1)
    counts.note(["ticker KRW-BTC"], 5)
    assert counts.ask(6) == {}, "and begins anew"


def test_what_is_returned_is_the_asker_s_own() -> None:
    counts = StreamCounts()
    found = counts.ask(0)
    counts.note(["ticker KRW-BTC"], 1)
    assert found == {}
