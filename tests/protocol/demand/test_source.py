import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.demand.attachment_parts import Parts
from websocket_v6.protocol.demand.source import Attachment, Question, Source, Sources, Traits, What
from websocket_v6.protocol.demand.union import Union
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.wants import Want, orderbook_want, ticker_want

GATHER = 0.125
BOOK = "orderbook KRW-BTC"


def union_of(*wants: Want) -> Union:
    union = Union()
    for want in wants:
        union.add(want)
    return union


def ask(one: Attachment, *wants: Want) -> None:
    """Have an attachment be asked for these wants, and nothing else."""
    plan = one.coverage.plan(union_of(*wants))
    assert plan is not None
    one.coverage.sent(plan)
    one.requests += 1


def sources_of(*numbers: int) -> Sources:
    sources = Sources(GATHER)
    for number in numbers:
        sources.add(number, Traits())
    return sources


def opened(sources: Sources, source: int, number: int, *, is_held: bool = False) -> Attachment:
    known = sources.get(source)
    assert known is not None
    return sources.opened(known, Parts((number,)), is_held=is_held)


def test_a_source_is_a_connection_to_the_exchange_unless_it_says_otherwise() -> None:
    assert Traits() == Traits(is_paced=True, names_guilty=False, heir_of=())


def test_a_question_is_the_endpoint_s_own_and_of_the_first_moment_unless_it_says_otherwise() -> None:
    assert Question("ticket") == Question("ticket", (), 0, None, False)


# --- one attachment


@pytest.mark.parametrize("is_held", [True, False])
def test_an_attachment_begins_with_nothing_asked_and_nothing_known(is_held: bool) -> None:
    source = Source(7, Traits(), GATHER)
    one = Attachment(Parts((3,)), source, is_held)
    assert (one.number, one.source, one.is_held) == (3, source, is_held)
    assert (one.requests, one.in_force, one.whole_at_ns) == (0, 0, None)
    assert (one.is_early, one.is_rechecked, one.is_excused) == (False, False, False)
    assert (one.suspects, one.provable, one.asked, list(one.unasked)) == (set(), {}, {}, [])
    assert one.coverage.asked == {}


def test_what_is_known_to_be_in_force_never_goes_back() -> None:
    one = Attachment(Parts((3,)), Source(7, Traits(), GATHER), is_held=False)
    assert not one.shown_in_force(0)
    assert one.shown_in_force(2)
    assert one.in_force == 2
    assert not one.shown_in_force(2)
    assert not one.shown_in_force(1)
    assert one.in_force == 2
    assert one.shown_in_force(3)


# --- one source


def test_a_source_begins_closed() -> None:
    source = Source(7, Traits(heir_of=(1,)), GATHER)
    assert (source.number, source.traits.heir_of) == (7, (1,))
    assert (source.attachment, source.refusal, source.is_dropped) == (None, None, False)


@pytest.mark.parametrize(("is_paced", "free_at"), [(True, 10.25), (False, 10.0)])
def test_only_the_exchange_limits_how_often_it_is_asked(is_paced: bool, free_at: float) -> None:
    source = Source(7, Traits(is_paced=is_paced), GATHER)
    source.pace.changed(10.0)
    assert source.pace.due(10.0) == 10.0 + GATHER
    source.pace.sent(10.0)
    assert source.pace.free_at(10.0) == free_at


def test_each_life_has_its_limits_whole_and_forgets_that_keys_were_refused() -> None:
    source = Source(7, Traits(), GATHER)
    source.refusal = What(5, "no", None)
    source.pace.sent(10.0)
    one = source.opened(Parts((3,)), is_held=True)
    assert (source.attachment, one.number, one.source, one.is_held) == (one, 3, source, True)
    assert source.refusal is None
    assert source.pace.free_at(10.0) == 10.0
    source.pace.sent(10.0)
    source.ended()
    assert source.attachment is None
    assert source.pace.free_at(10.0) == 10.0


# --- all of them


def test_sources_are_known_by_number() -> None:
    sources = sources_of(1, 2)
    assert len(sources) == 2
    assert [source.number for source in sources] == [1, 2]
    first = sources.get(1)
    assert first is not None
    assert first.number == 1
    assert sources.get(3) is None
    with pytest.raises(LocalProtocolError, match="source 2 is there already"):
        sources.add(2, Traits())
    sources.remove(first)
    assert [source.number for source in sources] == [2]
    assert sources.add(1, Traits(names_guilty=True)).traits.names_guilty
    assert [source.number for source in sources] == [2, 1]


def test_all_sources_gather_alike() -> None:
    for source in sources_of(1, 2):
        source.pace.changed(10.0)
        assert source.pace.due(10.0) == 10.0 + GATHER


def test_sources_may_be_removed_while_one_walks_over_them() -> None:
    sources = sources_of(1, 2, 3)
    for source in sources:
        sources.remove(source)
    assert not len(sources)


def test_attachments_are_open_from_their_opening_to_their_end_oldest_first() -> None:
    sources = sources_of(1, 2)
    assert (sources.is_open, sources.open(), sources.attachment(5)) == (False, [], None)
    second = opened(sources, 2, 5)
    first = opened(sources, 1, 6, is_held=True)
    assert (second.is_held, first.is_held) == (False, True)
    assert (sources.is_open, sources.open()) == (True, [second, first])
    assert (sources.others(first), sources.others(second)) == ([second], [first])
    assert (sources.attachment(5), sources.attachment(6), sources.attachment(1)) == (second, first, None)
    sources.ended(second)
    assert second.source.attachment is None
    assert (sources.is_open, sources.open(), sources.attachment(5)) == (True, [first], None)
    assert len(sources) == 2, "the source is still there"
    sources.ended(first)
    assert not sources.is_open


def test_a_source_opens_once() -> None:
    sources = sources_of(1)
    one = opened(sources, 1, 5)
    with pytest.raises(LocalProtocolError, match="source 1 opens again before its end was told"):
        opened(sources, 1, 6)
    assert sources.open() == [one]
    sources.ended(one)
    assert opened(sources, 1, 6).number == 6


# --- what they have in common


def test_an_attachment_is_ending_once_its_source_is_to_go_or_its_heir_is_open() -> None:
    sources = sources_of(1, 2)
    sources.add(3, Traits(heir_of=(1,)))
    first, second = opened(sources, 1, 5), opened(sources, 2, 6)
    assert not sources.is_ending(first), "the heir is not there yet"
    heir = opened(sources, 3, 7)
    assert [sources.is_ending(one) for one in (first, second, heir)] == [True, False, False]
    sources.ended(heir)
    assert not sources.is_ending(first)
    first.source.is_dropped = True
    assert [sources.is_ending(one) for one in (first, second)] == [True, False]


def test_a_source_is_not_its_own_heir() -> None:
    sources = Sources(GATHER)
    sources.add(1, Traits(heir_of=(1,)))
    assert not sources.is_ending(opened(sources, 1, 5))


def test_an_attachment_is_in_force_once_shown_or_if_it_will_never_be_asked_anything() -> None:
    sources = sources_of(1)
    one = opened(sources, 1, 5)
    assert not sources.is_in_force(one)
    one.source.is_dropped = True
    assert sources.is_in_force(one)
    one.requests = 1
    assert not sources.is_in_force(one)
    one.source.is_dropped = False
    one.in_force = 1
    assert sources.is_in_force(one)


def test_a_stream_is_as_deep_as_the_deepest_is_asked() -> None:
    sources = sources_of(1, 2)
    assert sources.depth_asked(BOOK) == -1
    shallow, deep = opened(sources, 1, 5), opened(sources, 2, 6)
    assert sources.depth_asked(BOOK) == -1
    ask(shallow, orderbook_want("KRW-BTC", depth=5), ticker_want("KRW-BTC"))
    assert (sources.depth_asked(BOOK), sources.depth_asked("ticker KRW-BTC")) == (5, 0)
    ask(deep, orderbook_want("KRW-BTC", depth=15))
    assert sources.depth_asked(BOOK) == 15
    assert sources.depth_asked(BOOK, but=deep) == 5
    assert sources.depth_asked(BOOK, but=shallow) == 15
    assert sources.depth_asked("ticker KRW-BTC", but=shallow) == -1


def test_a_stream_is_shallow_if_anybody_may_bring_it_with_too_few_levels() -> None:
    sources = sources_of(1, 2, 3)
    deep, shallow = opened(sources, 1, 5), opened(sources, 2, 6)
    opened(sources, 3, 7)
    ask(deep, orderbook_want("KRW-BTC", depth=30), ticker_want("KRW-BTC"))
    assert not sources.is_shallow(BOOK, 30)
    ask(shallow, orderbook_want("KRW-BTC", depth=5))
    assert sources.is_shallow(BOOK, 30)
    assert sources.is_shallow(BOOK, 6)
    assert not sources.is_shallow(BOOK, 5)
    assert not sources.is_shallow(BOOK, 1)
    assert not sources.is_shallow("orderbook KRW-ETH", 30), "nobody is asked for it"
    assert not sources.is_shallow("ticker KRW-BTC", 0)
    ask(shallow, ticker_want("KRW-BTC"))
    assert sources.is_shallow("ticker KRW-BTC", 1), "0 levels are fewer than 1"


def test_a_stream_is_seen_if_any_that_is_open_has_brought_it() -> None:
    sources = sources_of(1, 2)
    first, second = opened(sources, 1, 5), opened(sources, 2, 6)
    for one in (first, second):
        ask(one, ticker_want("KRW-BTC"))
    assert not sources.has_seen("ticker KRW-BTC")
    second.coverage.saw(["ticker KRW-BTC"])
    assert sources.has_seen("ticker KRW-BTC")
    sources.ended(second)
    assert not sources.has_seen("ticker KRW-BTC")


def test_an_end_is_covered_by_those_that_are_known_to_serve_all_that_it_did() -> None:
    sources = sources_of(1, 2, 3)
    lost, whole, part = opened(sources, 1, 5), opened(sources, 2, 6), opened(sources, 3, 7)
    union = union_of(ticker_want(["KRW-BTC", "KRW-ETH"]))
    for one in (lost, whole, part):
        ask(one, ticker_want(["KRW-BTC", "KRW-ETH"]))
        one.coverage.saw(["ticker KRW-BTC"])
    assert sources.covering(lost, union) == {6, 7}
    lost.coverage.saw(["ticker KRW-ETH"])
    whole.coverage.saw(["ticker KRW-ETH"])
    assert sources.covering(lost, union) == {6}
    assert sources.covering(lost, union_of(ticker_want("KRW-BTC"))) == {6, 7}, "the other is wanted no more"


depths = st.dictionaries(st.integers(1, 4), st.sampled_from([None, 1, 5, 15, 30]), max_size=4)


@given(depths, st.integers(0, 30))
def test_what_is_asked_at_a_depth_is_no_deeper_than_the_deepest_and_shallow_below_it(
    asked: dict[int, int | None], depth: int
) -> None:
    sources = sources_of(*asked)
    for number, at in asked.items():
        one = opened(sources, number, 10 + number)
        if at is not None:
            ask(one, orderbook_want("KRW-BTC", depth=at))
    known = [at for at in asked.values() if at is not None]
    assert sources.depth_asked(BOOK) == max(known, default=-1)
    assert sources.is_shallow(BOOK, depth) == any(at < depth for at in known)
