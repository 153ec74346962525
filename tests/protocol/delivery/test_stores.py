"""protocol/delivery/stores.py: what each policy keeps; the mailbox around it is tested in tests/actors/delivery."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.delivery import stores
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.delivery.stores import FEW_STREAMS, Store, Throttle, make_store
from websocket_v6.protocol.events import Event, make_event, weigh

NOW, NEVER = 0.0, float("inf")


def event(number: int, code: str = "KRW-BTC", text: str = "") -> Event:
    return make_event(f"trade {code}", b'{"ty":"trade","x":"%s"}' % text.encode(), 1, number)


def numbers(events: list[Event]) -> list[int]:
    return [one.received_at for one in events]


def put(store: Store, events: list[Event], more: int = 0) -> None:
    """Put events in, told to weigh `more` than they do."""
    store.put_many(events, weigh(events) + more)


def drain(store: Store, now: float = NOW) -> list[int]:
    return numbers(list(iter(lambda: store.take(now), None)))


SIZE = weigh([event(0)])
EVERYTHING = [Mailbox.block(5), Mailbox.lossless(SIZE * 1000), Mailbox.drop_oldest(1000)]
ALL = [*EVERYTHING, Mailbox.latest(), Mailbox.throttle(1.0)]


@pytest.mark.parametrize("policy", ALL, ids=repr)
def test_an_empty_store_has_nothing_and_awaits_nothing(policy: Mailbox) -> None:
    store = make_store(policy)
    assert (len(store), store.take(NOW), store.take_many(NOW, 9), store.next_due()) == (0, None, [], NEVER)
    put(store, [event(1)])
    assert (len(store), store.next_due()) == (1, NOW)
    assert numbers(store.take_many(NOW, 9)) == [1]
    assert (len(store), store.next_due()) == (0, NEVER)


@pytest.mark.parametrize("policy", EVERYTHING, ids=repr)
def test_first_in_first_out(policy: Mailbox) -> None:
    store = make_store(policy)
    put(store, [event(1), event(2)])
    put(store, [event(3), event(4), event(5)])
    assert numbers(store.take_many(NOW, 2)) == [1, 2]
    assert numbers(store.take_many(NOW, 3)) == [3, 4, 5], "as many as there are"
    put(store, [event(6), event(7)])
    assert drain(store) == [6, 7]


def test_drop_oldest_keeps_the_newest() -> None:
    store = make_store(Mailbox.drop_oldest(3))
    put(store, [event(number) for number in range(5)])
    assert len(store) == 3
    assert drain(store) == [2, 3, 4]


def test_block_has_no_bound_of_its_own() -> None:
    store = make_store(Mailbox.block(1))
    put(store, [event(number) for number in range(5)])
    assert drain(store) == [0, 1, 2, 3, 4]


def test_lossless_takes_what_fits_to_the_last_byte_and_then_nothing_more() -> None:
    store = make_store(Mailbox.lossless(3 * SIZE))
    put(store, [event(1), event(2), event(3)])
    assert len(store) == 3
    store = make_store(Mailbox.lossless(3 * SIZE - 1))
    put(store, [event(1), event(2), event(3)])
    assert len(store) == 2, "the first of a batch are kept"
    assert drain(store) == [1, 2]
    put(store, [event(4)])
    assert drain(store) == [], "though there is room again"


def test_lossless_fills_the_budget_with_the_first_of_a_batch_that_is_too_large() -> None:
    store = make_store(Mailbox.lossless(2 * SIZE))
    put(store, [event(1), event(2), event(3)])
    assert drain(store) == [1, 2], "to the last byte"
    store = make_store(Mailbox.lossless(2 * SIZE))
    put(store, [event(1), event(2, text="xx"), event(3)])
    assert drain(store) == [1], "one that is smaller may not come in place of one that was too large"


@pytest.mark.parametrize("take", [lambda store: store.take(NOW), lambda store: store.take_many(NOW, 1)])
def test_lossless_has_room_again_for_what_was_taken(take: Callable[[Store], object]) -> None:
    store = make_store(Mailbox.lossless(2 * SIZE))
    for number in range(10):
        put(store, [event(number), event(number)] if number == 0 else [event(number)])
        take(store)
    assert len(store) == 1
    put(store, [event(98)])
    put(store, [event(99)])
    assert drain(store) == [9, 98]


def test_latest_keeps_the_newest_of_each_stream_and_its_place() -> None:
    store = make_store(Mailbox.latest())
    put(store, [event(1), event(2, "KRW-ETH"), event(3)])
    assert len(store) == 2
    assert numbers(store.take_many(NOW, 9)) == [3], "one, since a newer one may come for the others"
    put(store, [event(4), event(5, "KRW-ETH")])
    assert drain(store) == [5, 4]


def test_throttle_delivers_each_stream_once_in_its_time_and_the_newest_then() -> None:
    store = make_store(Mailbox.throttle(2.0))
    put(store, [event(1), event(2)])
    assert drain(store, 10.0) == [2]
    put(store, [event(3), event(4, "KRW-ETH")])
    assert store.next_due() == NOW
    assert drain(store, 10.5) == [4]
    put(store, [event(5, "KRW-ETH"), event(6)])
    assert (len(store), store.next_due()) == (2, 12.0)
    assert drain(store, 11.9) == []
    assert store.take_many(11.9, 9) == []
    assert drain(store, 12.0) == [6]
    assert (drain(store, 12.4), drain(store, 12.5)) == ([], [5])
    put(store, [event(7)])
    assert drain(store, 99.0) == [7]


def test_of_streams_that_wait_the_one_that_is_due_first_comes_first_and_then_the_one_that_waits_longest() -> None:
    store = make_store(Mailbox.throttle(1.0))
    put(store, [event(1, "KRW-C"), event(2, "KRW-A"), event(3, "KRW-B")])
    assert drain(store, 10.0) == [1, 2, 3]
    put(store, [event(4, "KRW-B"), event(5, "KRW-A")])
    assert numbers(store.take_many(11.0, 9)) == [4]
    assert drain(store, 11.0) == [5]


@given(
    st.lists(st.lists(st.integers(0, 5), max_size=6), max_size=8),
    st.integers(1, 30),
    st.integers(1, 4),
    st.integers(0, 2000),
)
def test_lossless_is_as_if_each_event_had_come_alone(
    batches: list[list[int]], room: int, limit: int, more: int
) -> None:
    """A batch that fits whole takes a short cut, and what it is told to weigh is no more than a hint."""
    together, alone = make_store(Mailbox.lossless(room * 100 + SIZE)), make_store(Mailbox.lossless(room * 100 + SIZE))
    for batch in batches:
        events = [event(number, text="x" * number * 7) for number in batch]
        put(together, events, more)
        for one in events:
            put(alone, [one])
        assert len(together) == len(alone)
        assert numbers(together.take_many(NOW, limit)) == numbers(alone.take_many(NOW, limit))


# --- the budget of bytes


BUDGET = 10 * 1000


def padded(number: int, code: str = "KRW-BTC", size: int = 1000) -> Event:
    """Return an event that weighs `size`."""
    one = event(number, code)
    return event(number, code, "x" * (size - weigh([one])))


@pytest.mark.parametrize("together", [True, False])
def test_drop_oldest_keeps_the_newest_within_its_budget(together: bool) -> None:
    store = make_store(Mailbox.drop_oldest(1000, max_bytes=BUDGET))
    events = [padded(number) for number in range(25)]
    for batch in [events] if together else [[one] for one in events]:
        put(store, batch)
    assert len(store) == 10
    put(store, [padded(25, size=2500)])
    assert drain(store) == [*range(18, 25), 25], "as many as the new one needs"
    put(store, [padded(number) for number in range(10)])
    assert len(store) == 10, "what was taken makes room"


def test_drop_oldest_keeps_the_newest_even_if_it_is_too_large_alone() -> None:
    store = make_store(Mailbox.drop_oldest(1000, max_bytes=BUDGET))
    put(store, [padded(1), padded(2, size=BUDGET + 1)])
    assert drain(store) == [2]


@pytest.mark.parametrize(
    "policy", [Mailbox.latest(max_bytes=BUDGET), Mailbox.throttle(1.0, max_bytes=BUDGET)], ids=repr
)
def test_streams_beyond_the_budget_go_those_first_that_have_waited_longest(policy: Mailbox) -> None:
    store = make_store(policy)
    for round_ in range(3):  # what is replaced does not count
        put(store, [padded(10 * round_ + number, f"KRW-{number}") for number in range(8)])
    assert len(store) == 8
    put(store, [padded(number, f"KRW-{number}") for number in range(8, 30)])
    left = drain(store, 5.0)
    assert left == list(range(30 - len(left), 30))
    assert 5 <= len(left) <= 10
    put(store, [padded(99, "KRW-0", size=BUDGET + 1)])
    assert drain(store, 10.0) == [99], "the newest is kept even if it is too large alone"


def held_by(store: Store) -> list[Event]:
    return list(store.values()) if isinstance(store, dict) else list(store)  # type: ignore[call-overload]


@given(
    st.sampled_from(["drop_oldest", "latest", "throttle"]),
    st.lists(st.lists(st.tuples(st.integers(0, 6), st.integers(400, 4000)), max_size=6), max_size=12),
    st.integers(0, 4),
    st.booleans(),
    st.integers(0, 20_000),
)
def test_no_store_holds_more_than_its_budget_and_one_event(
    kind: str, batches: list[list[tuple[int, int]]], taken: int, takes_many: bool, more: int
) -> None:
    """However much more than they weigh the events are told to."""
    policy = {
        "drop_oldest": Mailbox.drop_oldest(100, max_bytes=BUDGET),
        "latest": Mailbox.latest(max_bytes=BUDGET),
        "throttle": Mailbox.throttle(1.0, max_bytes=BUDGET),
    }[kind]
    store, now = make_store(policy), 0.0
    for batch in batches:
        before = [*held_by(store)]
        put(store, [padded(0, f"KRW-{code}", size) for code, size in batch], more)
        held = held_by(store)
        assert weigh(held) <= BUDGET or len(held) == 1
        if kind == "drop_oldest" and weigh(before) + sum(size for _, size in batch) <= BUDGET:
            assert len(held) == len(before) + len(batch), "nothing is dropped that has room"
        now += 2.0
        if takes_many:
            store.take_many(now, taken)
        for _ in range(0 if takes_many else taken):
            store.take(now)
    assert drain(store, now + 9.0) is not None
    assert (len(store), store.next_due()) == (0, NEVER)


def test_throttle_forgets_streams_that_may_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a wildcard's codes would stay for ever; and of those that may not come yet, not all can be known."""
    store = Throttle(1.0, 1 << 30)
    for number in range(3 * FEW_STREAMS):
        put(store, [event(number, f"KRW-{number}")])
        assert drain(store, number / 100) == [number]
    assert len(store._free) == FEW_STREAMS
    monkeypatch.setattr(stores, "THROTTLED_STREAMS", 2 * FEW_STREAMS)
    for number in range(5 * FEW_STREAMS):
        put(store, [event(number, f"USDT-{number}")])
        assert drain(store, 1000.0) == [number]
    assert len(store._free) == 2 * FEW_STREAMS
    put(store, [event(1, "USDT-0"), event(2, f"USDT-{5 * FEW_STREAMS - 1}")])
    assert drain(store, 1000.5) == [1], "the last ones are known"
    assert drain(store, 1001.0) == [2]
