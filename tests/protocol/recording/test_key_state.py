from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.recording.key_state import PERIOD_NS, SHARE, KeyStates
from websocket_v6.protocol.recording.records import REPLAYED, KeyState, Listed, ListedMarket, Rows, Standing


def event(stream: str, at_ns: int, size: int = 100) -> Event:
    return make_event(stream, b"x" * size, 1, at_ns)


def test_it_is_the_last_value_of_each_stream_and_how_each_endpoint_stands() -> None:
    states = KeyStates()
    states.stands(Standing("public", "connecting", 0, 1))
    states.stands(Standing("public", "open", 1, 2))
    states.heard([event("a x", 1), event("b x", 2), event("a x", 3)])
    head, *rest = states.take(5)
    assert head == KeyState([Standing("public", "open", 1, 2)], 2)
    assert [(one.received_ns, one.marks, one.streams) for one in rest if isinstance(one, Rows)] == [
        (2, REPLAYED, ["b x"]),
        (3, REPLAYED, ["a x"]),
    ]


def test_lists_of_markets_are_in_it_and_the_same_again_is_no_news() -> None:
    states = KeyStates()
    first, second = Listed("KRW", 1, [ListedMarket("KRW-BTC")]), Listed("BTC", 2, [])
    assert states.listed(first)
    assert states.listed(second)
    assert not states.listed(Listed("KRW", 3, first.markets))
    assert list(states.take(5)) == [KeyState([], 0, [Listed("KRW", 3, first.markets), second])]
    assert states.listed(Listed("KRW", 4, [ListedMarket("KRW-BTC", warning=True)]))


def test_the_next_is_due_after_a_time_and_never_the_most_of_the_file() -> None:
    states = KeyStates()
    states.heard([event("a x", 1)])
    list(states.take(0))
    assert not states.is_due(PERIOD_NS)  # nothing has come since
    states.heard([event("a x", 2)] * (SHARE - 1))
    assert not states.is_due(PERIOD_NS)
    states.heard([event("a x", 2)])
    assert not states.is_due(PERIOD_NS - 1)
    assert states.is_due(PERIOD_NS)
