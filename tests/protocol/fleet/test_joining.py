from collections.abc import Sequence

import pytest

from websocket_v6.protocol.fleet.entries import REPLAYED, Last, Rows, State
from websocket_v6.protocol.fleet.ids import EntryId
from websocket_v6.protocol.fleet.joining import MOST_KEPT, PATIENCE, Interest, Taken


def rows(*streams: str, payload: bytes = b"live") -> Rows:
    return Rows(1000, 0, 0, list(streams), [payload] * len(streams))


def last(sequence: int, *streams: str) -> Last:
    return Last(7, sequence, 9000, None, list(streams), list(streams), [b"last"] * len(streams), [2] * len(streams))


def id_(sequence: int) -> EntryId:
    return EntryId(7, sequence)


def joined(*streams: str) -> Interest:
    """One that takes these without waiting for anything."""
    interest = Interest()
    assert interest.want(streams, id_(0), 0.0)
    assert interest.due(PATIENCE) == []
    assert not interest.is_waiting
    return interest


def columns(taken: Sequence[Taken]) -> list[tuple[str, bytes]]:
    return [pair for one in taken for pair in zip(one.streams, one.payloads, strict=True)]


def test_only_what_is_wanted_is_taken() -> None:
    interest = joined("a x", "c x")
    assert interest.take(id_(1), rows("a x", "b x", "c x")) == Taken(1000, 0, ["a x", "c x"], [b"live"] * 2)
    assert interest.take(id_(2), rows("b x")) is None
    whole = rows("a x", "c x")
    taken = interest.take(id_(3), whole)
    assert taken is not None
    assert taken.streams is whole.streams  # without a copy


def test_a_want_without_codes_takes_all_of_its_type_and_waits_for_nothing() -> None:
    interest = Interest()
    assert not interest.want(["myOrder *"], id_(0), 0.0)
    taken = interest.take(id_(1), rows("myOrder KRW-BTC"))
    assert taken is not None
    assert list(taken.streams) == ["myOrder KRW-BTC"]


def test_a_newcomer_begins_with_the_last_value_and_what_came_since() -> None:
    interest = joined("a x")
    assert interest.want(["a x", "b x"], id_(5), 1.0)
    assert interest.take(id_(6), rows("a x", "b x", payload=b"6")) == Taken(1000, 0, ["a x"], [b"6"])
    assert interest.take(id_(7), rows("b x", payload=b"7")) is None
    found = interest.checkpoint(last(6, "a x", "b x"), id_(99))
    assert columns(found) == [("b x", b"last"), ("b x", b"7")]
    assert (found[0].marks, found[0].received_ns) == (REPLAYED, 9000 - 2000)
    assert columns([interest.take(id_(8), rows("b x", payload=b"8")) or found[0]]) == [("b x", b"8")]


def test_what_a_later_checkpoint_holds_does_not_come_again() -> None:
    interest = Interest()
    interest.want(["a x"], id_(5), 0.0)
    assert columns(interest.checkpoint(last(9, "a x"), id_(99))) == [("a x", b"last")]
    assert interest.take(id_(8), rows("a x")) is None
    assert interest.take(id_(9), rows("a x")) is None
    assert interest.take(id_(10), rows("a x")) is not None


def test_a_checkpoint_from_before_the_want_is_of_no_use() -> None:
    interest = Interest()
    interest.want(["a x"], id_(5), 0.0)
    assert interest.checkpoint(last(4, "a x"), id_(99)) == []
    assert interest.is_waiting


def test_what_has_no_last_value_yet_begins_with_what_comes() -> None:
    interest = Interest()
    interest.want(["a x"], id_(5), 0.0)
    interest.take(id_(6), rows("a x", payload=b"6"))
    assert columns(interest.checkpoint(last(5), id_(99))) == [("a x", b"6")]


def test_without_a_checkpoint_streams_begin_all_the_same() -> None:
    interest = Interest()
    interest.want(["a x"], id_(5), 10.0)
    interest.take(id_(6), rows("a x"))
    assert interest.due(9.0 + PATIENCE) == []
    assert columns(interest.due(10.0 + PATIENCE)) == [("a x", b"live")]
    assert interest.take(id_(7), rows("a x")) is not None


def test_what_is_kept_has_a_bound() -> None:
    interest = Interest()
    interest.want(["a x"], id_(5), 10.0)
    for number in range(MOST_KEPT // 100 + 1):
        interest.take(id_(6 + number), rows(*["a x"] * 100))
    assert len(columns(interest.due(10.0))) == MOST_KEPT + 100


def test_after_a_gap_what_is_silent_is_owed_its_last_value() -> None:
    interest = joined("a x", "b x", "c *")
    assert interest.renew(id_(9))
    assert interest.is_waiting
    assert interest.take(id_(10), rows("a x", "c y")) == Taken(1000, 0, ["a x", "c y"], [b"live"] * 2)
    assert interest.checkpoint(last(12, "a x", "b x"), id_(11)) == []  # what lies between would be lost
    assert interest.checkpoint(last(8, "a x", "b x"), id_(13)) == []  # from before the gap
    assert columns(interest.checkpoint(last(12, "a x", "b x"), id_(13))) == [("b x", b"last")]
    assert not interest.is_waiting
    assert interest.take(id_(14), rows("b x")) is not None


def test_what_the_log_does_not_bring_any_more_is_told_of_what_runs() -> None:
    interest = joined("a x")
    interest.want(["a x", "b x"], id_(5), 0.0)
    assert interest.lost(["a x", "b x", "c x"], id_(9)) == ["a x"]


def kept() -> Interest:
    """Of what waits for its last value, and of which an entry was kept."""
    interest = Interest()
    interest.want(["a x", "b x"], id_(5), 0.0)
    assert interest.take(id_(6), rows("a x", "b x")) is None
    assert interest.kept_from == id_(6)
    return interest


def test_what_was_kept_says_of_which_entry_it_is() -> None:
    interest = kept()
    (taken,) = interest.due(PATIENCE)
    assert taken.id == id_(6)
    assert interest.kept_from is None


def test_nothing_is_kept_from_before_a_gap() -> None:
    interest = kept()
    interest.broke(id_(8))
    assert interest.kept_from is None
    assert interest.checkpoint(last(7, "a x"), id_(8)) == [], "what lies between would be lost"
    assert interest.take(id_(9), rows("a x")) is None
    assert [taken.id for taken in interest.due(PATIENCE)] == [id_(9)]


def test_nothing_is_kept_of_what_the_log_does_not_bring_any_more() -> None:
    interest = kept()
    assert interest.lost(["a x"], id_(7)) == []
    assert interest.take(id_(9), rows("a x")) is None
    found = [(taken.id, list(taken.streams)) for taken in interest.due(PATIENCE)]
    assert found == [(id_(6), ["b x"]), (id_(9), ["a x"])]


def test_nothing_is_kept_of_what_is_not_wanted_any_more() -> None:
    interest = kept()
    interest.want(["b x"], id_(6), 0.0)
    interest.want(["a x", "b x"], id_(8), 0.0)
    assert [list(taken.streams) for taken in interest.due(PATIENCE)] == [["b x"]]


def test_with_an_epoch_of_the_exchange_nothing_waits() -> None:
    interest = Interest()
    interest.want(["a x"], id_(5), 0.0)
    interest.restart()
    assert not interest.is_waiting
    assert interest.take(id_(6), rows("a x")) is not None


def test_what_is_not_wanted_any_more_waits_no_more() -> None:
    interest = joined("a x")
    interest.want(["a x", "b x"], id_(5), 0.0)
    assert not interest.want(["a x"], id_(5), 0.0)
    assert not interest.is_waiting
    assert interest.take(id_(6), rows("b x")) is None


@pytest.mark.parametrize(
    ("state", "is_fetched"),
    [
        (State("open", 1, 0, 0), False),
        (State("open", 1, 0, 0, backfills=True, fetches=["trade KRW-BTC"]), False),
        (State("open", 1, 0, 0, backfills=True, fetches=["trade KRW-BTC", "trade KRW-ETH", "trade KRW-XRP"]), True),
        (State("open", 1, 0, 0, fetches=["trade KRW-BTC", "trade KRW-ETH"]), False),
        (State("open", 1, 0, 0, seamless=True), True),
    ],
)
def test_who_leads_is_relied_on_where_it_fetches_all_that_has_begun(state: State, is_fetched: bool) -> None:
    one = Interest()
    one.want(["trade KRW-BTC", "trade KRW-ETH", "ticker KRW-BTC"], EntryId(7, 3), 0.0)
    assert one.is_fetched(state) is (state.backfills or state.seamless), "nothing has begun"
    one.due(PATIENCE)
    assert one.is_fetched(state) is is_fetched
