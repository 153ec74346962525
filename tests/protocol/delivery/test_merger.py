from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.merger import Merger

BITCOIN = "ticker KRW-BTC"


def ticker(price: int, kind: str = "REALTIME") -> bytes:
    return f'{{"ty":"ticker","cd":"KRW-BTC","tp":{price},"tms":{1000 + price},"st":"{kind}"}}'.encode()


def trade(number: int, kind: str = "REALTIME", at: int | None = None) -> bytes:
    made_at = 1000 + number if at is None else at
    return f'{{"ty":"trade","cd":"KRW-BTC","sid":{number},"tms":{made_at},"st":"{kind}"}}'.encode()


class Side:
    """A merger with someone behind it who remembers the last message of each stream."""

    def __init__(self) -> None:
        self.merger = Merger()
        self.last: dict[str, bytes] = {}
        self.delivered: list[bytes] = []
        self.firsts: list[tuple[int, str]] = []

    def bring(
        self, line: int, *payloads: bytes, stream: str = BITCOIN, replayed: bool = False, at_ns: int = 0
    ) -> list[bytes]:
        """Let `line` bring something, and return what of it is delivered."""
        batch = Batch("public", line, 1, at_ns, [stream] * len(payloads), list(payloads), replayed)
        firsts: list[str] = []
        held = self.merger.hold(batch, firsts)
        news = [] if held else self.deliver(batch, firsts)
        self.firsts += [(line, one) for one in firsts]
        return news

    def deliver(self, batch: Batch, firsts: list[str]) -> list[bytes]:
        news = []
        for stream, payload in self.merger.news(batch, self.last.get, firsts):
            self.last[stream] = payload
            news.append(payload)
        self.delivered += news
        return news

    def join(self, line: int) -> list[bytes]:
        return [payload for batch in self.merger.join(line, self.last.get) for payload in self.deliver(batch, [])]


def test_what_arrives_first_is_delivered_and_the_rest_is_counted() -> None:
    side = Side()
    assert side.bring(1, ticker(1), ticker(2)) == [ticker(1), ticker(2)]
    assert side.bring(2, ticker(2), ticker(3)) == [ticker(3)]
    assert side.bring(1, ticker(3), ticker(4)) == [ticker(4)]
    assert side.merger.repeated == 2


def test_a_snapshot_of_what_was_delivered_is_no_news() -> None:
    side = Side()
    side.bring(1, ticker(1))
    assert side.bring(2, ticker(1, "SNAPSHOT")) == []
    assert side.bring(3, ticker(2, "SNAPSHOT")) == [ticker(2, "SNAPSHOT")], "and one of something later is"
    assert side.bring(2, ticker(2)) == []


def test_a_snapshot_that_the_others_have_gone_past_is_no_news() -> None:
    side = Side()
    side.bring(1, ticker(1), ticker(5))
    assert side.bring(2, ticker(3, "SNAPSHOT")) == [], "a state between two messages"
    assert side.bring(2, ticker(5), ticker(6)) == [ticker(6)]


def test_a_stream_that_waits_for_a_value_takes_one_that_was_delivered_before() -> None:
    side = Side()
    side.bring(1, ticker(1))
    side.last.clear()
    assert side.bring(2, ticker(1, "SNAPSHOT")) == [ticker(1, "SNAPSHOT")]


def test_a_line_that_begins_is_held_until_it_joins() -> None:
    side = Side()
    side.bring(1, trade(1), trade(2), stream="trade KRW-BTC")
    side.merger.begin(2)
    assert side.bring(2, trade(4, "SNAPSHOT"), trade(5), trade(6), stream="trade KRW-BTC") == []
    assert side.bring(1, trade(3), trade(4), trade(5), stream="trade KRW-BTC") == [trade(3), trade(4), trade(5)]
    assert side.join(2) == [trade(6)], "so they stay in order"
    assert side.bring(2, trade(7), stream="trade KRW-BTC") == [trade(7)]


def test_what_a_held_line_brought_before_the_stream_was_wanted_is_not_delivered_late() -> None:
    side = Side()
    side.merger.begin(2)
    # Another process, which has long wanted it, is quicker to bring it than the line before.
    side.bring(2, trade(1, "SNAPSHOT"), trade(2), trade(3), trade(4), trade(5), stream="trade KRW-BTC")
    assert side.bring(1, trade(4, "SNAPSHOT"), stream="trade KRW-BTC") == [trade(4, "SNAPSHOT")]
    assert side.join(2) == [trade(5)]


def test_of_what_a_held_line_brought_nothing_old_is_delivered_even_if_nothing_is_known() -> None:
    side = Side()
    side.merger.begin(2)
    side.bring(2, trade(1), trade(2), stream="trade KRW-BTC")
    side.bring(1, trade(4), stream="trade KRW-BTC")
    assert side.join(2) == []
    assert side.bring(2, trade(5), stream="trade KRW-BTC") == [trade(5)]


def test_what_a_held_line_alone_has_brought_is_delivered_when_it_joins() -> None:
    side = Side()
    side.merger.begin(2)
    side.bring(2, trade(1), stream="trade KRW-BTC")
    side.bring(2, ticker(1), ticker(2))
    side.bring(1, trade(1), stream="trade KRW-BTC")
    assert side.join(2) == [ticker(1), ticker(2)], "nobody else has brought the ticker"


def test_held_trades_of_the_millisecond_of_the_last_delivered_one_are_news() -> None:
    side = Side()
    side.merger.begin(2)
    side.bring(2, trade(2, at=1000), trade(3, at=1000), trade(4, at=1001), stream="trade KRW-BTC")
    side.bring(1, trade(1, at=1000), stream="trade KRW-BTC")
    assert side.join(2) == [trade(2, at=1000), trade(3, at=1000), trade(4, at=1001)]


def test_held_trades_from_before_a_known_one_are_no_news_though_of_the_same_millisecond() -> None:
    side = Side()
    side.merger.begin(2)
    side.bring(2, trade(1, at=1000), trade(2, at=1000), trade(3, at=1000), trade(4, at=999), stream="trade KRW-BTC")
    side.bring(1, trade(2, at=1000), stream="trade KRW-BTC")
    assert side.join(2) == [trade(3, at=1000), trade(4, at=999)], "their order is that of the line"


def test_what_is_held_of_one_stream_says_nothing_of_another() -> None:
    side = Side()
    side.merger.begin(2)
    mixed = Batch(
        "public", 2, 1, 0, [BITCOIN, "trade KRW-BTC"] * 3,
        [ticker(1), trade(7), ticker(2), trade(8), ticker(3), trade(9)],
    )  # fmt: skip
    assert side.merger.hold(mixed, [])
    side.bring(1, trade(8), stream="trade KRW-BTC")
    side.bring(1, ticker(1))
    assert side.join(2) == [ticker(2), ticker(3), trade(9)]


def test_of_what_is_held_the_last_repeat_counts_though_it_came_before_too() -> None:
    """A ticker that looks as it did before: the held line goes on behind the last of its repeats."""
    side = Side()
    side.merger.begin(2)
    side.bring(2, ticker(1), ticker(2))
    side.bring(2, ticker(3), ticker(4))
    side.bring(1, ticker(1), ticker(2), ticker(3))
    assert side.join(2) == [ticker(4)]


def test_only_the_last_thousand_batches_of_a_held_line_are_kept() -> None:
    side = Side()
    side.merger.begin(2)
    for number in range(1, 1031):
        side.bring(2, trade(number), stream="trade KRW-BTC")
    assert side.join(2) == [trade(number) for number in range(7, 1031)]


def test_what_ended_while_it_was_held_is_gone() -> None:
    side = Side()
    side.merger.begin(2)
    side.bring(2, ticker(1))
    side.merger.end(2)
    assert side.join(2) == []
    assert side.bring(2, ticker(2)) == [ticker(2)]


def test_a_stream_wanted_again_begins_anew() -> None:
    side = Side()
    side.bring(1, ticker(1))
    side.bring(2, ticker(1))
    side.merger.forget(BITCOIN)
    assert side.bring(3, ticker(1)) == [ticker(1)], "what was said before is no repeat"
    side.bring(2, ticker(2))
    side.bring(1, ticker(2))
    assert side.firsts == [(1, BITCOIN), (2, BITCOIN), (3, BITCOIN), (2, BITCOIN), (1, BITCOIN)]


def test_a_trade_said_twice_by_one_line_is_one_and_a_ticker_is_two() -> None:
    side = Side()
    assert side.bring(1, trade(1), trade(1), stream="trade KRW-BTC") == [trade(1)]
    assert side.bring(1, ticker(1), ticker(1)) == [ticker(1), ticker(1)]


def test_of_two_snapshots_of_one_timestamp_the_second_may_be_news() -> None:
    side = Side()
    side.bring(1, ticker(1))
    other = ticker(9, "SNAPSHOT").replace(b"1009", b"1001")
    assert side.bring(2, other) == [other]


def test_what_was_delivered_long_ago_is_no_repeat() -> None:
    side = Side()
    for number in range(20):
        side.bring(1, ticker(number))
    later = 31_000_000_000
    side.bring(1, ticker(100), at_ns=later)
    assert side.bring(2, ticker(0), at_ns=later) == [ticker(0)]


def test_what_a_line_brings_first_is_told_even_while_it_is_held() -> None:
    side = Side()
    side.bring(1, ticker(1), ticker(2))
    side.merger.begin(2)
    side.bring(2, ticker(2), ticker(3))
    assert side.firsts == [(1, BITCOIN), (2, BITCOIN)]
    side.bring(2, ticker(3, "SNAPSHOT"))
    assert side.firsts[2:] == [(2, BITCOIN)], "a snapshot answers a request"
    side.merger.begin(2)
    side.bring(2, ticker(3))
    assert side.firsts[3:] == [(2, BITCOIN)]


def test_replayed_values_are_snapshots() -> None:
    side = Side()
    side.bring(1, ticker(5))
    assert side.bring(2, ticker(3), replayed=True) == []


def test_what_was_delivered_by_one_line_alone_is_known() -> None:
    side = Side()
    side.merger.remember(BITCOIN, ticker(1), 0)
    side.last[BITCOIN] = ticker(1)
    assert side.bring(2, ticker(1, "SNAPSHOT"), ticker(2)) == [ticker(2)]


@given(
    st.lists(st.tuples(st.sampled_from(["bring", "lose", "join"]), st.integers(1, 3), st.integers(1, 5)), max_size=60),
    st.sampled_from([1, 3, 1000]),
)
def test_trades_are_delivered_once_and_in_order_while_a_line_that_joined_goes_on(
    steps: list[tuple[str, int, int]], in_a_millisecond: int
) -> None:
    """Lines begin at the exchange's present, lag as they like, and join once another has caught up with that."""

    def made_at(number: int, kind: str = "REALTIME") -> bytes:
        return trade(number, kind, at=1000 + number // in_a_millisecond)

    side = Side()
    made = 0
    at = {1: 0}  # how far each line has brought the trades
    began: dict[int, int] = {}  # lines that are held, and the trade they began with
    joined = {1}
    for action, line, count in steps:
        made += count
        if action == "lose" and line in at and (line not in joined or len(joined) > 1):
            # Only a line that no other needs: with the last one that joined, a gap would be told.
            if line not in joined or all(at[other] >= at[line] for other in joined - {line}):
                joined.discard(line)
                began.pop(line, None)
                del at[line]
        elif action == "bring" and line not in at:
            side.merger.begin(line)
            began[line] = at[line] = made
            side.bring(line, made_at(made, "SNAPSHOT"), stream="trade KRW-BTC")
        elif action == "bring":
            new = range(at[line] + 1, min(made, at[line] + count) + 1)
            side.bring(line, *(made_at(number) for number in new), stream="trade KRW-BTC")
            at[line] += len(new)
        elif action == "join" and line in began and any(at[other] >= began[line] for other in joined):
            side.join(line)
            joined.add(line)
            del began[line]
    numbers = [int(payload.partition(b'"sid":')[2].partition(b",")[0]) for payload in side.delivered]
    assert numbers == list(range(1, max((at[line] for line in joined), default=0) + 1))


def test_what_a_held_line_leaves_out_is_forgotten_and_the_rest_is_not() -> None:
    side = Side()
    side.merger.begin(2)
    side.bring(2, ticker(1))
    side.bring(2, trade(1), stream="trade KRW-BTC")
    side.merger.skip(2, ["ticker KRW-BTC"])
    side.merger.skip(3, ["ticker KRW-BTC"])
    assert side.join(2) == [trade(1)]
