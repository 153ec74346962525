"""A market's book, trades, ticker and candles agree with each other, whatever happens to it."""

from decimal import Decimal, localcontext
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from websocket_v6.simulator.market.book import Book
from websocket_v6.simulator.market.candles import SECONDS
from websocket_v6.simulator.market.catalog import DEFAULT_MARKETS, Listing, is_code, many_markets, tick_size
from websocket_v6.simulator.market.one_market import Market

MIDNIGHT = 1_795_132_800_000  # 2026-11-20 00:00 UTC
NOON = MIDNIGHT + 12 * 3_600_000


def make_market(code: str = "KRW-BTC", ms: int = NOON, depth: int = 40, seed: int = 0) -> Market:
    rng = Random(seed)
    return Market(Listing.of(code, rng), rng, ms, depth=depth)


def assert_coherent(market: Market) -> None:
    asks, bids = market.book.asks.levels, market.book.bids.levels
    assert all(low[0] < high[0] for low, high in pairwise(asks))
    assert all(high[0] > low[0] for high, low in pairwise(bids))
    assert all(price > 0 and size > 0 for price, size in (*asks, *bids))
    assert not (asks and bids) or asks[0][0] > bids[0][0]
    ticker = market.ticker_fields()
    assert ticker["low_price"] <= market.last.price <= ticker["high_price"]  # type: ignore[operator]
    assert ticker["low_price"] <= ticker["opening_price"] <= ticker["high_price"]  # type: ignore[operator]
    assert ticker["acc_ask_volume"] + ticker["acc_bid_volume"] == ticker["acc_trade_volume"]  # type: ignore[operator]
    assert ticker["signed_change_price"] == market.last.price - market.figures.prev_closing
    for series in market.series.values():
        newest = series.newest
        assert newest is not None
        assert newest.low <= min(newest.opening, newest.price)
        assert newest.high >= max(newest.opening, newest.price)
        assert newest.price == market.last.price
        assert newest.start_ms % series.ms == 0


Step = st.one_of(
    st.just(("stir",)),
    st.tuples(
        st.just("trade"),
        st.none() | st.integers(-300, 300),
        st.none() | st.decimals("0.00000001", "5", places=8),
        st.sampled_from(["ASK", "BID", None]),
        st.integers(0, 90_000),
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DEFAULT_MARKETS), st.lists(Step, max_size=40), st.sampled_from([12, 40]))
def test_whatever_happens_to_a_market_it_stays_coherent(code: str, steps: list[Any], depth: int) -> None:
    with localcontext(prec=60):
        market = make_market(code, depth=depth)
        ms = NOON
        before = market.ticker_fields()
        volume, amount, ids = Decimal(0), Decimal(0), [market.last.sequential_id]
        assert_coherent(market)
        for step in steps:
            if step[0] == "stir":
                market.stir(ms)
            else:
                _, ticks, size, side, later = step
                ms += later
                price = None if ticks is None else max(market.tick, market.last.price + ticks * market.tick)
                trade = market.trade(ms, price, size, side)
                assert price in (None, trade.price)
                assert size in (None, trade.volume)
                assert side in (None, trade.side)
                volume, amount = volume + trade.volume, amount + trade.amount
                ids.append(trade.sequential_id)
                # The book stood as the taker found it, and the taker took from it.
                taken = trade.before[0] if trade.side == "BID" else trade.before[1]
                assert taken[0] == trade.price
                assert taken[1] >= trade.volume
            assert_coherent(market)
        after = market.ticker_fields()
        assert after["acc_trade_volume"] - before["acc_trade_volume"] == volume  # type: ignore[operator]
        assert after["acc_trade_price"] - before["acc_trade_price"] == amount  # type: ignore[operator]
        assert after["acc_trade_price_24h"] - before["acc_trade_price_24h"] == amount  # type: ignore[operator]
        assert ids == sorted(set(ids))
        for series in market.series.values():
            assert sum(candle.volume for candle in series) == sum(trade.volume for trade in market.trades)


def test_the_same_seed_makes_the_same_market() -> None:
    def story(seed: int) -> list[Any]:
        market = make_market(seed=seed)
        for _ in range(50):
            market.stir(NOON)
        return [market.trade(NOON, None, None, None) for _ in range(50)]

    assert story(1) == story(1)
    assert story(1) != story(2)


def test_ids_are_the_milliseconds_and_a_counter_beyond_two_to_the_53() -> None:
    market = make_market()
    ids = [market.trade(NOON + 1, None, None, None).sequential_id for _ in range(3)]
    assert ids == [(NOON + 1) * 10_000 + n for n in range(3)]
    assert ids[0] > 2**53


def test_more_trades_than_a_millisecond_holds_go_to_the_next() -> None:
    market = make_market()
    for _ in range(10_001):
        last = market.record(NOON + 5, Decimal(1), Decimal(1), "BID")
    assert (last.ms, last.sequential_id) == (NOON + 6, (NOON + 6) * 10_000)


def test_a_day_begins_with_its_first_trade_after_midnight_utc() -> None:
    market = make_market(ms=MIDNIGHT - 60_000)
    last = market.trade(MIDNIGHT - 1, Decimal(120_000_000), Decimal(1), "BID")
    market.trade(MIDNIGHT + 5, Decimal(121_000_000), Decimal(2), "BID")
    ticker = market.ticker_fields()
    assert ticker["prev_closing_price"] == last.price
    assert ticker["opening_price"] == ticker["high_price"] == ticker["low_price"] == 121_000_000
    assert ticker["acc_trade_volume"] == 2
    assert ticker["change"] == "RISE"
    assert ticker["signed_change_rate"] == Decimal("0.0083333333")
    assert ticker["acc_trade_volume_24h"] > 2  # type: ignore[operator]


def test_what_is_a_day_old_leaves_the_24_hours() -> None:
    market = make_market()
    market.trade(NOON + 86_400_000 + 60_000, None, Decimal(3), "ASK")
    assert market.ticker_fields()["acc_trade_volume_24h"] == 3


def test_a_year_high_moves_with_the_price() -> None:
    market = make_market()
    market.trade(NOON, Decimal(500_000_000), Decimal(1), "BID")
    assert market.ticker_fields()["highest_52_week_price"] == 500_000_000
    assert market.ticker_fields()["highest_52_week_date"] == "2026-11-20"


def test_candles_start_on_the_clock_and_skip_what_has_no_trade() -> None:
    market = make_market(ms=NOON + 60_000)
    market.trade(NOON + 3 * 60_000 + 500, None, None, None)
    market.trade(NOON + 9 * 60_000, None, None, None)
    starts = [candle.start_ms for candle in market.series["3m"]]
    assert starts[-2:] == [NOON + 3 * 60_000, NOON + 9 * 60_000]
    assert set(SECONDS) == {"1s", "1m", "3m", "5m", "10m", "15m", "30m", "60m", "240m", "1d"}


def test_a_thin_book_is_padded_with_empty_slots() -> None:
    depth = make_market(depth=12).book.depth(30)
    assert len(depth.units) == 30
    assert depth.units[11][0][0] > 0
    assert [*depth.units[12][0], *depth.units[12][1]] == [0, 0, 0, 0]


def test_grouping_rounds_asks_up_and_bids_down_and_sums() -> None:
    book = Book()
    for price, size in ((101, 1), (109, 2), (110, 3), (111, 4)):
        book.asks.put(Decimal(price), Decimal(size))
    for price, size in ((99, 1), (90, 2), (89, 3)):
        book.bids.put(Decimal(price), Decimal(size))
    depth = book.depth(2, Decimal(10))
    assert [[*ask, *bid] for ask, bid in depth.units] == [[110, 6, 90, 3], [120, 4, 80, 3]]
    assert [depth.total_ask, depth.total_bid] == [10, 6]


def test_totals_are_over_what_is_shown_or_over_thirty() -> None:
    book = Book()
    for price in range(1, 41):
        book.asks.put(Decimal(price), Decimal(1))
    assert book.depth(5).total_ask == 5
    assert book.depth(5, total_units=30).total_ask == 30


@pytest.mark.parametrize(
    ("code", "price", "tick"),
    [
        ("KRW-BTC", "116600000", "1000"),
        ("KRW-XRP", "4012", "1"),
        ("KRW-USDT", "1390", "0.5"),
        ("KRW-SHIB", "0.0171", "0.0001"),
        ("KRW-X", "0.000000001", "0.00000001"),
        ("BTC-ETH", "0.0332", "0.00000001"),
        ("USDT-BTC", "87173.34", "0.01"),
    ],
)
def test_ticks_follow_the_price(code: str, price: str, tick: str) -> None:
    assert tick_size(code, Decimal(price)) == Decimal(tick)


def test_krw_markets_group_in_steps_of_tens_and_others_do_not() -> None:
    steps = [0, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000]
    assert list(Listing.of("KRW-BTC", Random(0)).levels) == steps
    assert list(Listing.of("USDT-BTC", Random(0)).levels) == [0]


def test_many_markets_are_distinct_codes() -> None:
    codes = many_markets(855)
    assert len(set(codes)) == 855
    assert all(is_code(code) for code in codes)


@pytest.mark.parametrize("code", ["krw-btc", "KRWBTC", "KRW-", "-BTC", "KRW-BTC.5", "KRW-B-C", "*"])
def test_what_is_no_code(code: str) -> None:
    assert not is_code(code)
