"""protocol/delivery/hold.py: trades that wait and trades that were fetched become one stream, each trade once."""

from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.delivery.hold import Hold


def make(*held: int) -> Hold[str]:
    hold: Hold[str] = Hold(2, (), is_all=True, since_ns=0)
    for number in held:
        hold.keep(number, f"live {number}")
    return hold


def fetched(*numbers: int) -> list[tuple[int, str]]:
    return [(number, f"fetched {number}") for number in numbers]


def test_fetched_trades_come_before_the_live_ones_they_precede() -> None:
    released = list(make(5, 7, 6).release(fetched(3, 4, 5)))
    assert [(one.live, one.fetched, one.position) for one in released] == [
        (None, "fetched 3", -1),
        (None, "fetched 4", -1),
        ("live 5", "fetched 5", 0),
        ("live 7", None, 1),
        ("live 6", None, 2),
    ]


@given(
    st.lists(st.integers(0, 40), max_size=20),
    st.lists(st.integers(0, 40), max_size=30, unique=True),
    st.integers(0, 40),
)
def test_each_trade_comes_once_in_the_order_of_ids_but_for_live_ones_that_came_otherwise(
    held: list[int], missing: list[int], cut: int
) -> None:
    hold = make(*held)
    assert not hold.is_released
    assert len(hold) == len(held)
    assert not hold.is_repeated(cut)
    released = list(hold.release(fetched(*missing)))
    ids = [one.id for one in released]
    assert sorted(ids) == sorted({*held, *missing})
    # Live ones in the order they came, fetched ones in the order of ids.
    assert [one.id for one in released if one.live] == list(dict.fromkeys(held))
    alone = [one.id for one in released if one.live is None]
    assert alone == sorted(alone)
    for at, one in enumerate(released):
        assert one.fetched is not None or one.live is not None
        if one.live is None:
            # None of those before it that came live is later by id, unless a yet later one had let them pass.
            assert all(before.id < one.id for before in released[:at] if before.live)
    if held == sorted(held):
        assert ids == sorted(ids)
    assert hold.is_released
    assert len(hold) == 0
    assert hold.is_repeated(cut) is (cut in missing)


def test_a_newcomer_begins_with_the_next_live_trade() -> None:
    hold = make(5)
    hold.join(77)
    hold.keep(6, "live 6")
    for_newcomer = [one.id for one in hold.release(fetched(4)) if hold.is_for(77, one.position)]
    assert for_newcomer == [6]
    assert all(hold.is_for(1, position) for position in (-1, 0, 1))


def test_a_trade_that_came_twice_is_released_once_where_it_came_first() -> None:
    released = list(make(5, 6, 5).release(fetched(5, 5)))
    assert [(one.live, one.fetched, one.position) for one in released] == [
        ("live 5", "fetched 5", 0),
        ("live 6", None, 1),
    ]


def test_another_gap_makes_another_first_trade() -> None:
    hold = make()
    assert hold.keep(5, "")
    assert not hold.keep(6, "")
    hold.again(3)
    assert hold.keep(9, "")
    assert (hold.epoch, hold.first) == (3, 9)


def test_what_waits_is_told_until_it_is_released() -> None:
    hold = make(7, 6)
    assert list(hold.waiting()) == ["live 7", "live 6"]
    list(hold.release(fetched(5)))
    assert list(hold.waiting()) == []
