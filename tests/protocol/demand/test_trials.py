from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.demand.parts import Parts
from websocket_v6.protocol.delivery.commands import Retire
from websocket_v6.protocol.demand.attachment_parts import Parts as Sockets
from websocket_v6.protocol.demand.commands import Report, Unroute
from websocket_v6.protocol.demand.source import Attachment
from websocket_v6.protocol.demand.trials import Trials
from websocket_v6.protocol.errors import ExchangeError, StreamError
from websocket_v6.protocol.exchange.wants import Want, indicator_want, my_asset_want, ticker_want

ERROR = ExchangeError("WRONG_FORMAT", "no")
BTC, ETH, XRP = "ticker KRW-BTC", "ticker KRW-ETH", "ticker KRW-XRP"
MOST = 100  # combinations of code and indicator that a connection carries


class Bench(Parts):
    """One source that is open, and the trials of whoever it refuses."""

    def __init__(self, **traits: bool) -> None:
        super().__init__()
        self.trials = Trials(self.leases, self.sources, self.silence, self.asking, self.out)
        self.source(1, **traits)
        self.lives = 0
        self.one = self.reopen()

    def reopen(self) -> Attachment:
        """Open the source again: a refusal ends the connection."""
        known = self.sources.get(1)
        assert known is not None
        if known.attachment is not None:
            self.sources.ended(known.attachment)
        self.lives += 1
        self.one = self.sources.opened(known, Sockets((10 + self.lives,)), is_held=False)
        return self.one

    def ask(self) -> None:
        """Ask for the union, and forget what was told of that."""
        self.asking.ask(self.one, 10.0)
        self.out.clear()

    def refuse(self, *streams: str) -> bool:
        return self.trials.refused(self.one, ERROR, streams)

    def wants(self, *codes: str) -> None:
        """Have leases 1, 2, ... want one code each."""
        for number, code in enumerate(codes, 1):
            self.want(number, ticker_want(code))

    def apart(self) -> list[int]:
        return [number for number, lease in self.leases if lease.is_apart]


def test_a_first_refusal_may_have_had_another_cause() -> None:
    bench = Bench()
    bench.wants("KRW-BTC")
    bench.ask()
    assert not bench.refuse()
    assert (bench.told(), bench.one.is_excused, len(bench.leases)) == ([], False, 1)


def test_a_lease_that_is_refused_twice_alone_is_dropped_with_the_exchange_s_words() -> None:
    bench = Bench()
    bench.wants("KRW-BTC")
    bench.leases.probation.proven()
    bench.want(2, ticker_want(["KRW-ETH", "KRW-XRP"], realtime=False))
    bench.ask()
    assert not bench.refuse()
    bench.reopen()
    bench.ask()
    assert bench.refuse()
    report, unroute, retired = bench.told()
    assert isinstance(report, Report)
    assert (report.lease, report.is_final, type(report.error)) == (2, True, StreamError)
    assert report.error.__cause__ is ERROR
    assert report.streams == (ETH, XRP)
    assert str(report.error) == (
        "subscription of KRW-ETH, KRW-XRP (ticker) was dropped, the exchange answered WRONG_FORMAT: no; "
        "nothing else is affected"
    )
    assert (unroute, retired) == (Unroute(2, None), Retire((ETH, XRP)))
    assert [number for number, _ in bench.leases] == [1]
    assert bench.one.is_excused


def test_what_a_dropped_lease_waits_for_is_not_watched() -> None:
    bench = Bench()
    bench.wants("KRW-BTC")
    bench.ask()
    assert bench.silence.judge(1), "the first one is"
    bench.refuse()
    bench.silence.expect_all()
    assert bench.refuse()
    # Another one of the same number, to see who is watched.
    bench.leases.want(1, ticker_want("KRW-BTC"))
    bench.silence.asked(bench.one, 10.0)
    assert bench.silence.judge(2) == []


def test_a_lease_without_codes_is_one_of_everything() -> None:
    bench = Bench()
    bench.want(1, my_asset_want())
    bench.ask()
    bench.refuse()
    bench.refuse()
    (report,) = bench.took(Report)
    assert str(report.error).startswith("subscription of everything (myAsset) was dropped")


def test_of_several_suspects_one_is_tried_and_the_others_wait() -> None:
    bench = Bench()
    bench.wants("KRW-BTC", "KRW-ETH", "KRW-XRP")
    bench.ask()
    assert not bench.refuse()
    bench.reopen()
    bench.ask()
    assert bench.refuse()
    assert (bench.apart(), set(bench.leases.union.demands)) == ([2, 3], {BTC})
    assert bench.took(Report) == []
    assert bench.one.is_excused
    bench.reopen()
    bench.ask()
    assert bench.trials.proven(bench.one, 1)
    assert (bench.apart(), set(bench.leases.union.demands)) == ([3], {BTC, ETH})
    bench.reopen()
    bench.ask()
    assert bench.refuse(), "on trial, one refusal is the verdict"
    assert [report.lease for report in bench.took(Report)] == [2]
    assert (bench.apart(), set(bench.leases.union.demands)) == ([], {BTC, XRP})
    bench.reopen()
    bench.ask()
    assert not bench.trials.proven(bench.one, 1), "nobody is left to be tried"


def test_snapshots_that_leases_set_apart_wanted_are_asked_for_no_more() -> None:
    bench = Bench()
    for number, code in ((1, "KRW-BTC"), (2, "KRW-ETH")):
        bench.want(number, ticker_want(code, realtime=False))
    bench.ask()
    bench.refuse()
    assert bench.refuse()
    assert bench.told() == [Retire((BTC, ETH))]
    assert bench.one.coverage.depth_asked(ETH) == -1


def test_a_lease_on_trial_is_watched_from_then_on() -> None:
    bench = Bench()
    bench.wants("KRW-BTC", "KRW-ETH")
    bench.ask()
    bench.refuse()
    bench.refuse()
    bench.reopen()
    bench.ask()
    assert bench.silence.judge(2) == [(1, ticker_want("KRW-BTC"), [BTC])]


# --- who is not to blame


def test_an_error_with_several_requests_under_way_blames_nobody() -> None:
    bench = Bench()
    bench.wants("KRW-BTC")
    bench.ask()
    bench.want(2, ticker_want("KRW-ETH"))
    bench.ask()
    assert bench.one.requests == 2
    for _ in range(3):
        assert not bench.refuse()
    assert (len(bench.leases), bench.apart()) == (2, [])
    bench.one.in_force = 1
    bench.refuse()
    assert bench.refuse(), "now it can be of the second one alone"


def test_an_error_after_the_only_request_is_of_that_though_something_of_it_has_come() -> None:
    bench = Bench()
    bench.wants("KRW-BTC")
    bench.ask()
    bench.one.in_force = bench.one.requests
    assert not bench.refuse()
    assert bench.refuse()
    assert [report.lease for report in bench.took(Report)] == [1]


def test_an_error_before_any_request_blames_nobody() -> None:
    bench = Bench()
    bench.wants("KRW-BTC")
    for _ in range(3):
        assert not bench.refuse()
    assert len(bench.leases) == 1


def test_the_same_request_refused_on_another_source_blames_nobody_else() -> None:
    bench = Bench()
    other = bench.open(2, 6)
    bench.wants("KRW-BTC", "KRW-ETH", "KRW-XRP")
    bench.ask()
    bench.asking.ask(other, 10.0)
    bench.refuse()
    assert not other.is_excused, "nothing is known yet"
    assert bench.refuse()
    assert other.is_excused
    assert bench.apart() == [2, 3]
    assert not bench.trials.refused(other, ERROR, ())
    assert bench.apart() == [2, 3]
    assert [number for number, _ in bench.leases] == [1, 2, 3]


def test_who_wants_less_may_leave_what_is_refused_behind() -> None:
    bench = Bench()
    other = bench.open(2, 6)
    bench.wants("KRW-BTC", "KRW-ETH")
    bench.ask()
    bench.trials.left(9)
    assert not bench.one.is_excused
    bench.trials.left(1)
    assert (bench.one.is_excused, other.is_excused) == (True, False)
    bench.trials.left(9)
    assert bench.one.is_excused, "it stays so"
    for _ in range(3):
        assert not bench.refuse()
    assert bench.apart() == []


def test_a_request_is_proven_whatever_was_asked_since_and_with_it_all_before_it() -> None:
    bench = Bench()
    for number, code in enumerate(("KRW-BTC", "KRW-ETH", "KRW-XRP"), 1):
        bench.want(number, ticker_want(code))
        bench.ask()
    assert bench.one.provable == {1: {1}, 2: {1, 2}, 3: {1, 2, 3}}
    bench.trials.proven(bench.one, 2)
    assert bench.leases.probation.suspects == {3}
    assert bench.one.provable == {3: {1, 2, 3}}
    bench.trials.proven(bench.one, 3)
    assert (bench.leases.probation.suspects, bench.one.provable) == (frozenset(), {})


def test_who_asks_for_nothing_that_is_not_in_force_needs_no_trial() -> None:
    bench = Bench()
    bench.want(1, ticker_want("KRW-BTC"))
    bench.leases.probation.proven()
    bench.want(2, ticker_want("KRW-BTC"))
    bench.want(3, ticker_want("KRW-BTC"))
    bench.want(4, ticker_want("KRW-ETH"))
    bench.ask()
    bench.refuse()
    bench.reopen()
    bench.ask()
    bench.refuse()
    assert (bench.apart(), bench.leases.probation.is_trying) == ([3, 4], True)
    bench.reopen()
    bench.ask()
    bench.one.in_force = 1
    bench.trials.proven(bench.one, 1)
    assert bench.apart() == []
    assert bench.leases.probation.suspects == {4}, "the third is served already"


def test_what_has_grown_since_it_was_asked_is_not_proven_by_that() -> None:
    bench = Bench()
    other = bench.open(2, 6)
    bench.wants("KRW-BTC", "KRW-ETH")
    bench.ask()
    bench.asking.ask(other, 10.0)
    bench.trials.grown(1)
    assert not bench.trials.proven(bench.one, 1)
    assert bench.leases.probation.suspects == {1}
    assert other.provable == {1: {2}}
    assert other.suspects == {1, 2}, "but is to blame for it"


# --- those who say it themselves


def test_a_source_that_names_the_guilty_has_nobody_tried() -> None:
    bench = Bench(names_guilty=True)
    bench.want(1, ticker_want(["KRW-BTC", "KRW-ETH"]))
    bench.want(2, ticker_want(["KRW-ETH", "KRW-XRP"]))
    bench.want(3, ticker_want("KRW-XRP"))
    bench.ask()
    assert bench.refuse(BTC, ETH)
    assert [report.lease for report in bench.took(Report)] == [1, 2]
    assert [number for number, _ in bench.leases] == [3]
    assert not bench.refuse(BTC)
    assert not bench.refuse()
    assert (bench.told(), bench.one.is_excused) == ([], False)


def test_what_had_its_snapshot_is_not_guilty_of_it() -> None:
    bench = Bench(names_guilty=True)
    bench.want(1, ticker_want(["KRW-BTC", "KRW-ETH"], realtime=False))
    bench.leases.satisfied(1, BTC)
    assert not bench.refuse(BTC)
    assert bench.refuse(ETH)


def test_the_next_is_tried_when_the_one_on_trial_is_named() -> None:
    bench = Bench(names_guilty=True)
    bench.wants("KRW-BTC", "KRW-ETH")
    bench.leases.probation.refused()
    _, apart = bench.leases.probation.refused()
    bench.leases.set_apart(apart)
    assert bench.trials.next()
    assert not bench.trials.next(), "one is on trial"
    assert bench.apart() == [2]
    assert bench.refuse(BTC)
    assert bench.apart() == []


# --- the next


def indicators(codes: int, prefix: str) -> Want:
    rsi = {"type": "rsi", "params": {"period": 14}}
    return indicator_want([f"KRW-{prefix}{one}" for one in range(codes)], timeframe="5m", indicators=rsi)


def test_who_has_no_room_any_more_at_its_trial_is_dropped_and_the_next_is_tried() -> None:
    bench = Bench()
    bench.want(1, indicators(3, "A"))
    bench.want(2, indicators(3, "B"))
    bench.want(3, indicators(1, "C"))
    bench.leases.probation.refused()
    _, apart = bench.leases.probation.refused()
    bench.leases.set_apart(apart)
    bench.want(4, indicators(MOST - 2, "D"))
    assert bench.trials.next()
    first, unroute, second, another = bench.told()
    assert isinstance(first, Report)
    assert isinstance(second, Report)
    assert ([first.lease, second.lease], unroute, another) == ([1, 2], Unroute(1, None), Unroute(2, None))
    assert "too many" in str(first.error)
    assert bench.apart() == []
    assert [number for number, _ in bench.leases] == [3, 4]
    assert not bench.trials.next()


@given(st.sets(st.integers(1, 6), min_size=1), st.data())
def test_exactly_the_guilty_are_dropped(numbers: set[int], data: st.DataObject) -> None:
    """An exchange that refuses every request with a guilty code in it, and closes; what it takes is proven after."""
    guilty = data.draw(st.sets(st.sampled_from(sorted(numbers))))
    bench = Bench()
    for number in numbers:
        bench.want(number, ticker_want(f"KRW-C{number}"))
    dropped = []
    for _ in range(4 * len(numbers) + 4):
        bench.reopen()
        bench.asking.ask(bench.one, 10.0)
        asked = {int(stream.removeprefix("ticker KRW-C")) for stream in bench.one.coverage.asked}
        if asked & guilty:
            bench.refuse()
        elif asked:
            bench.one.in_force = bench.one.requests
            bench.trials.proven(bench.one, bench.one.requests)
        dropped += [report.lease for report in bench.took(Report)]
    assert sorted(dropped) == sorted(guilty)
    assert {number for number, _ in bench.leases} == numbers - guilty
    assert set(bench.leases.union.demands) == {f"ticker KRW-C{number}" for number in numbers - guilty}
    assert (bench.apart(), bench.leases.probation.suspects) == ([], frozenset())
