import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.demand.lease import Dropped, Lease, LeaseInheritance, Leases, LeasesInheritance
from websocket_v6.protocol.demand.probation import Suspicion
from websocket_v6.protocol.demand.union import Union
from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.exchange.wants import Want, indicator_want, my_order_want, orderbook_want, ticker_want

BTC, ETH, XRP = "ticker KRW-BTC", "ticker KRW-ETH", "ticker KRW-XRP"
MOST = 100  # combinations of code and indicator that a connection carries
Counted = dict[Stream, tuple[Mapping[int, int], Mapping[int, int]]]


def counted(union: Union) -> Counted:
    """Return who wants what: how many at which depth, and how many of them once."""
    return {stream: (one.live, one.once) for stream, one in union.demands.items()}


def open_of(leases: Leases, number: int) -> list[Stream]:
    lease = leases.get(number)
    assert lease is not None
    return list(lease.open)


def want_of(leases: Leases, number: int) -> Want:
    lease = leases.get(number)
    assert lease is not None
    return lease.want


def convict_all(leases: Leases) -> list[Stream]:
    """Refuse what all suspects were in, twice, so that they are set apart."""
    leases.probation.refused()
    _, apart = leases.probation.refused()
    return leases.set_apart(apart)


def indicators(codes: int, prefix: str = "C") -> Want:
    return indicator_want(
        [f"KRW-{prefix}{number}" for number in range(codes)],
        timeframe="5m",
        indicators={"type": "rsi", "params": {"period": 14}},
    )


# --- one lease


def test_a_lease_is_open_for_all_that_it_wants_and_has_not_had() -> None:
    want = ticker_want(["KRW-ETH", "KRW-BTC", "KRW-XRP"])
    lease = Lease(want)
    assert (lease.want, lease.satisfied, list(lease.open), lease.is_apart) == (want, set(), [ETH, BTC, XRP], False)
    lease = Lease(want, [BTC])
    assert (lease.satisfied, list(lease.open)) == ({BTC}, [ETH, XRP])


# --- wanting


def test_a_new_want_is_counted_and_suspected() -> None:
    leases = Leases()
    assert (len(leases), leases.get(1), list(leases)) == (0, None, [])
    want = ticker_want(["KRW-BTC", "KRW-ETH"])
    assert leases.want(1, want) == want
    assert (len(leases), [(number, lease.want) for number, lease in leases]) == (1, [(1, want)])
    assert counted(leases.union) == {BTC: ({0: 1}, {}), ETH: ({0: 1}, {})}
    assert leases.probation.suspects == {1}


def test_more_codes_of_a_lease_are_added_behind_those_that_it_has() -> None:
    leases = Leases()
    leases.want(1, ticker_want("KRW-BTC"))
    leases.probation.proven()
    new = leases.want(1, ticker_want(["KRW-XRP", "KRW-BTC", "KRW-ETH"]))
    assert new == ticker_want(["KRW-XRP", "KRW-ETH"])
    assert want_of(leases, 1) == ticker_want(["KRW-BTC", "KRW-XRP", "KRW-ETH"])
    assert open_of(leases, 1) == [BTC, XRP, ETH]
    assert {stream: live for stream, (live, _) in counted(leases.union).items()} == {
        BTC: {0: 1},
        XRP: {0: 1},
        ETH: {0: 1},
    }
    assert leases.probation.suspects == {1}, "it has grown"


def test_codes_that_a_lease_has_are_no_news() -> None:
    leases = Leases()
    leases.want(1, ticker_want(["KRW-BTC", "KRW-ETH"]))
    leases.probation.proven()
    assert leases.want(1, ticker_want("KRW-ETH")) is None
    assert counted(leases.union)[ETH] == ({0: 1}, {})
    assert not leases.probation.suspects


def test_a_code_that_is_named_twice_counts_once() -> None:
    leases = Leases()
    leases.want(1, Want("ticker", ("KRW-BTC",)))
    assert leases.want(1, Want("ticker", ("KRW-ETH", "KRW-ETH"))) == ticker_want("KRW-ETH")
    assert counted(leases.union)[ETH] == ({0: 1}, {})


def test_a_lease_of_all_codes_has_each() -> None:
    leases = Leases()
    leases.want(1, my_order_want())
    assert leases.want(1, my_order_want("KRW-BTC")) is None
    assert (want_of(leases, 1), open_of(leases, 1)) == (my_order_want(), ["myOrder *"])


@pytest.mark.parametrize(
    "other", [ticker_want("KRW-ETH", snapshot=False), orderbook_want("KRW-BTC"), ticker_want("KRW-BTC", realtime=False)]
)
def test_a_lease_does_not_become_one_of_another_kind(other: Want) -> None:
    leases = Leases()
    leases.want(1, ticker_want("KRW-BTC"))
    with pytest.raises(
        LocalProtocolError, match=f"a lease of ticker cannot become one of another kind of {other.type}"
    ):
        leases.want(1, other)
    assert counted(leases.union) == {BTC: ({0: 1}, {})}
    assert want_of(leases, 1) == ticker_want("KRW-BTC")


def test_a_want_that_the_exchange_would_refuse_is_not_there() -> None:
    leases = Leases()
    with pytest.raises(LocalProtocolError, match="too many"):
        leases.want(1, indicators(MOST + 1))
    assert (len(leases), len(leases.union), leases.probation.suspects) == (0, 0, frozenset())


def test_a_lease_that_would_grow_too_large_stays_as_it_was() -> None:
    leases = Leases()
    leases.want(1, indicators(2))
    leases.probation.proven()
    before = leases.inheritance()
    with pytest.raises(LocalProtocolError, match="too many"):
        leases.want(1, indicators(MOST - 1, "D"))
    assert leases.inheritance() == before
    assert (len(leases.union), len(open_of(leases, 1))) == (2, 2)
    assert leases.want(1, indicators(MOST - 2, "D")) is not None
    assert len(leases.union) == MOST


# --- taking back


def test_a_lease_that_is_taken_back_frees_what_nobody_else_wants() -> None:
    leases = Leases()
    leases.want(1, ticker_want(["KRW-BTC", "KRW-ETH"]))
    leases.want(2, ticker_want("KRW-ETH"))
    assert leases.drop(1) == Dropped(None, [BTC])
    assert (len(leases), leases.get(1), counted(leases.union)) == (1, None, {ETH: ({0: 1}, {})})
    assert leases.probation.suspects == {2}
    assert leases.drop(1) is None
    assert leases.drop(9, ticker_want("KRW-BTC")) is None


def test_codes_that_are_taken_back_leave_the_others() -> None:
    leases = Leases()
    leases.want(1, ticker_want(["KRW-BTC", "KRW-ETH", "KRW-XRP"]))
    leases.want(2, ticker_want("KRW-XRP"))
    # Those of the want are what counts, in the order of the lease, and not what else it says.
    part = ticker_want(["KRW-XRP", "KRW-ADA", "KRW-BTC"], snapshot=False)
    assert leases.drop(1, part) == Dropped((BTC, XRP), [BTC])
    assert (want_of(leases, 1), open_of(leases, 1)) == (ticker_want("KRW-ETH"), [ETH])
    assert leases.probation.suspects == {1, 2}
    assert leases.drop(1, part) is None, "they are gone already"
    assert leases.drop(1, ticker_want("KRW-ETH")) == Dropped(None, [ETH])
    assert (len(leases), leases.probation.suspects) == (1, frozenset({2}))


def test_a_lease_of_all_codes_is_taken_back_as_a_whole() -> None:
    leases = Leases()
    leases.want(1, my_order_want())
    assert leases.drop(1, my_order_want()) == Dropped(None, ["myOrder *"])


# --- snapshots


def test_a_snapshot_that_was_wanted_alone_counts_no_more_once_delivered() -> None:
    leases = Leases()
    leases.want(1, ticker_want(["KRW-BTC", "KRW-ETH"], realtime=False))
    leases.want(2, ticker_want("KRW-ETH", realtime=False))
    assert leases.satisfied(1, BTC) == [BTC]
    assert leases.satisfied(1, BTC) is None
    assert leases.satisfied(1, ETH) == [], "another one waits for it"
    assert leases.satisfied(9, ETH) is None
    lease = leases.get(1)
    assert lease is not None
    assert (lease.satisfied, list(lease.open)) == ({BTC, ETH}, [])
    assert counted(leases.union) == {ETH: ({}, {0: 1})}


def test_a_lease_that_waits_for_nothing_is_no_suspect() -> None:
    leases = Leases()
    leases.want(1, ticker_want(["KRW-BTC", "KRW-ETH"], realtime=False))
    leases.satisfied(1, BTC)
    assert leases.probation.suspects == {1}
    leases.satisfied(1, ETH)
    assert not leases.probation.suspects


def test_a_satisfied_code_that_is_taken_back_may_be_wanted_again() -> None:
    leases = Leases()
    want = ticker_want(["KRW-BTC", "KRW-ETH", "KRW-XRP"], realtime=False)
    leases.want(1, want)
    leases.satisfied(1, BTC)
    assert leases.drop(1, ticker_want(["KRW-BTC", "KRW-ETH"])) == Dropped((ETH,), [ETH])
    assert leases.want(1, want.with_codes(["KRW-BTC"])) == want.with_codes(["KRW-BTC"])
    assert open_of(leases, 1) == [XRP, BTC]


def test_a_lease_of_which_only_what_it_had_is_left_is_no_suspect() -> None:
    leases = Leases()
    leases.want(1, ticker_want(["KRW-BTC", "KRW-ETH"], realtime=False))
    leases.satisfied(1, BTC)
    leases.drop(1, ticker_want("KRW-ETH"))
    assert not leases.probation.suspects
    assert leases.drop(1, ticker_want("KRW-BTC")) == Dropped(None, [])


# --- trials


def test_leases_that_are_set_apart_count_no_more_until_their_trial() -> None:
    leases = Leases()
    leases.want(1, ticker_want("KRW-BTC"))
    leases.probation.proven()
    leases.want(2, ticker_want(["KRW-BTC", "KRW-ETH"]))
    leases.want(3, ticker_want(["KRW-ETH", "KRW-XRP"]))
    assert convict_all(leases) == [ETH, XRP]
    assert [lease.is_apart for _, lease in leases] == [False, True, True]
    assert counted(leases.union) == {BTC: ({0: 1}, {})}
    assert leases.probation.next_trial() == 2
    lease = leases.try_again(2)
    assert (lease, lease.is_apart, list(lease.open)) == (leases.get(2), False, [BTC, ETH])
    assert counted(leases.union) == {BTC: ({0: 2}, {}), ETH: ({0: 1}, {})}


def test_a_lease_that_is_set_apart_grows_and_shrinks_without_being_counted() -> None:
    leases = Leases()
    leases.want(1, ticker_want(["KRW-BTC", "KRW-ETH"]))
    leases.want(2, ticker_want("KRW-BTC"))
    convict_all(leases)
    assert leases.want(1, ticker_want("KRW-XRP")) == ticker_want("KRW-XRP")
    assert not leases.probation.suspects, "no request has it"
    assert leases.drop(1, ticker_want("KRW-BTC")) == Dropped((BTC,), [])
    assert open_of(leases, 1) == [ETH, XRP]
    assert leases.drop(2) == Dropped(None, [])
    assert not len(leases.union)
    assert leases.probation.next_trial() == 1
    leases.try_again(1)
    assert set(counted(leases.union)) == {ETH, XRP}


def test_a_lease_that_has_had_all_is_not_tried() -> None:
    leases = Leases()
    for number in (1, 2):
        leases.want(number, ticker_want(["KRW-BTC", "KRW-ETH"], realtime=False))
    convict_all(leases)
    assert leases.satisfied(1, BTC) == []
    assert leases.probation.is_apart(1)
    assert leases.satisfied(1, ETH) == []
    lease = leases.get(1)
    assert lease is not None
    assert (lease.is_apart, leases.probation.is_apart(1), leases.probation.next_trial()) == (False, False, 2)
    assert not len(leases.union)


def test_a_lease_stays_apart_if_there_is_no_room_for_it_any_more() -> None:
    leases = Leases()
    leases.want(1, indicators(2))
    leases.want(2, indicators(3, "D"))
    convict_all(leases)
    leases.want(3, indicators(MOST - 1, "E"))
    assert leases.probation.next_trial() == 1
    with pytest.raises(LocalProtocolError, match="too many"):
        leases.try_again(1)
    lease = leases.get(1)
    assert lease is not None
    assert lease.is_apart
    assert len(leases.union) == MOST - 1
    assert leases.drop(1) == Dropped(None, []), "it was not counted"
    assert len(leases.union) == MOST - 1


# --- a successor


def test_nothing_is_inherited_by_default() -> None:
    assert LeasesInheritance() == LeasesInheritance({}, Suspicion())
    assert Leases().inheritance() == LeasesInheritance()


def test_a_successor_counts_anew_what_was_open_and_goes_on_with_trials() -> None:
    leases = Leases()
    leases.want(1, ticker_want(["KRW-BTC", "KRW-ETH"], realtime=False))
    leases.satisfied(1, BTC)
    leases.probation.proven()
    leases.want(2, ticker_want("KRW-BTC"))
    leases.want(3, ticker_want("KRW-XRP"))
    convict_all(leases)
    inherited = leases.inheritance()
    first = LeaseInheritance(ticker_want(["KRW-BTC", "KRW-ETH"], realtime=False), frozenset({BTC}))
    assert inherited.leases[1] == first
    successor = Leases(inherited)
    assert successor.inheritance() == inherited
    assert open_of(successor, 1) == [ETH]
    assert [lease.is_apart for _, lease in successor] == [False, True, True]
    assert counted(successor.union) == {ETH: ({}, {0: 1})}
    assert successor.probation.next_trial() == 2


def test_a_successor_suspects_nobody_who_is_gone() -> None:
    suspicion = Suspicion(frozenset({1, 8}), 1, (2, 9), 1)
    given_ = {number: LeaseInheritance(ticker_want("KRW-BTC"), frozenset()) for number in (1, 2)}
    assert Leases(LeasesInheritance(given_, suspicion)).probation.inheritance() == Suspicion(frozenset({1}), 1, (2,), 1)


# --- whatever happens

CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP"]
KINDS = [
    Want("ticker"),
    Want("ticker", realtime=False),
    Want("ticker", snapshot=False),
    Want("orderbook", depth=5),
    Want("orderbook", depth=30, realtime=False),
]
steps = st.lists(
    st.tuples(
        st.sampled_from(["want", "want", "drop", "part", "had", "refuse", "try", "prove", "restart"]),
        st.integers(1, 4),
        st.integers(0, len(KINDS) - 1),
        st.lists(st.sampled_from(CODES), min_size=1, max_size=3),
    ),
    max_size=40,
)


class Model:
    """What one lease is, kept in the plainest way."""

    def __init__(self, kind: Want, codes: list[str]) -> None:
        self.kind, self.codes = kind, list(dict.fromkeys(codes))
        self.had: set[str] = set()
        self.is_apart = False

    def stream(self, code: str) -> Stream:
        return f"{self.kind.type} {code}"

    def open(self) -> list[str]:
        return [code for code in self.codes if code not in self.had]


@given(steps)
def test_the_union_is_the_sum_of_all_open_streams_of_leases_that_are_not_apart(
    actions: list[tuple[str, int, int, list[str]]],
) -> None:
    leases, known = Leases(), dict[int, Model]()
    for action, number, kind, codes in actions:
        one, before, gone = known.get(number), set(counted(leases.union)), None
        if action == "want" and one is None:
            known[number] = Model(KINDS[kind], codes)
            leases.want(number, KINDS[kind].with_codes(dict.fromkeys(codes)))
        elif action == "want" and one is not None:
            new = [code for code in dict.fromkeys(codes) if code not in one.codes]
            one.codes += new
            assert leases.want(number, one.kind.with_codes(codes)) == (one.kind.with_codes(new) if new else None)
        elif action == "drop":
            dropped = leases.drop(number)
            assert (dropped is None) == (known.pop(number, None) is None)
            gone = dropped.gone if dropped is not None else None
        elif action == "part" and one is not None:
            going = [code for code in one.codes if code in codes]
            open_ = [one.stream(code) for code in going if code in one.open()]
            one.codes = [code for code in one.codes if code not in codes]
            one.had.difference_update(going)
            dropped = leases.drop(number, one.kind.with_codes(codes))
            if dropped is not None:
                assert dropped.streams == (tuple(open_) if one.codes else None)
                gone = dropped.gone
            assert (dropped is not None) == bool(going)
            if not one.codes:
                del known[number]
            elif going and not one.open():
                one.is_apart = False
        elif action == "had" and one is not None:
            code = codes[0]
            gone = leases.satisfied(number, one.stream(code))
            assert (gone is not None) == (code in one.open())
            if code in one.open():
                one.had.add(code)
                one.is_apart = one.is_apart and bool(one.open())
        elif action == "refuse":
            guilty, apart = leases.probation.refused()
            gone = leases.set_apart(apart)
            for suspect in apart:
                known[suspect].is_apart = True
            if guilty is not None:
                assert not known[guilty].is_apart
        elif action == "try" and (trial := leases.probation.next_trial()) is not None:
            known[trial].is_apart = False
            leases.try_again(trial)
        elif action == "prove":
            leases.probation.proven()
        elif action == "restart":
            leases = Leases(leases.inheritance())
        total = Union()
        for model in known.values():
            if not model.is_apart and model.open():
                total.add(model.kind.with_codes(model.open()))
        assert counted(leases.union) == counted(total)
        assert gone is None or set(gone) == before - set(counted(leases.union))
        assert sorted(number for number, _ in leases) == sorted(known)
        for lease, model in ((leases.get(number), model) for number, model in known.items()):
            assert lease is not None
            assert lease.want == model.kind.with_codes(model.codes)
            assert list(lease.open) == [model.stream(code) for code in model.open()]
            assert lease.satisfied == {model.stream(code) for code in model.had}
            assert lease.is_apart == model.is_apart


def test_thousands_of_codes_are_given_back_as_fast_as_they_were_taken() -> None:
    codes = tuple(f"KRW-{number}" for number in range(20_000))
    leases = Leases()
    leases.want(1, ticker_want(codes))
    began = time.monotonic()
    leases.drop(1, ticker_want(codes[::2]))
    leases.drop(1)
    assert time.monotonic() - began < 2.0  # comparing each with each takes longer by far
    assert len(leases.union) == 0
