from decimal import Decimal

import pytest

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.codes import (
    check_categories,
    check_codes,
    check_depth,
    check_interval,
    check_level,
    check_quote,
    check_symbols,
)


def test_one_string_is_one_code() -> None:
    assert check_codes("KRW-BTC") == ("KRW-BTC",)


def test_lower_case_is_put_right_and_repeats_fall_away() -> None:
    assert check_codes(["krw-btc", "KRW-ETH", " KRW-BTC "]) == ("KRW-BTC", "KRW-ETH")


@pytest.mark.parametrize("nonsense", ["", "BTC", "KRW_BTC", "KRW-BTC,KRW-ETH", "KRW-", "-BTC", "KRW-BTC.5", "한국-BTC"])
def test_nonsense_is_refused_by_name(nonsense: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        check_codes(["KRW-BTC", nonsense])
    assert repr(nonsense) in str(caught.value)


@pytest.mark.parametrize("nonsense", [[], [None], 5, [7]])
def test_what_is_no_list_of_codes_is_refused(nonsense: object) -> None:
    with pytest.raises(LocalProtocolError):
        check_codes(nonsense)  # type: ignore[arg-type]


@pytest.mark.parametrize("depth", [0, 2, 20, 31, -1, True, "5"])
def test_a_depth_the_exchange_would_ignore_is_refused(depth: int) -> None:
    with pytest.raises(LocalProtocolError, match="1, 5, 15, 30"):
        check_depth(depth)


def test_a_level_is_exact() -> None:
    assert check_level(0.1, ["KRW-XRP"]) == Decimal("0.1")
    assert check_level("10000", ["KRW-BTC"]) == 10000
    assert check_level(0, ["BTC-ETH"]) == 0


@pytest.mark.parametrize("level", [-1, "nan", "Infinity", "much", True, "1E999"])
def test_a_level_that_makes_no_sense_is_refused(level: str) -> None:
    with pytest.raises(LocalProtocolError):
        check_level(level, ["KRW-BTC"])


def test_a_level_is_for_krw_markets_only() -> None:
    with pytest.raises(LocalProtocolError, match="BTC-ETH"):
        check_level(1000, ["KRW-BTC", "BTC-ETH"])


def test_intervals_are_those_the_exchange_streams() -> None:
    assert check_interval("240m") == "240m"
    with pytest.raises(LocalProtocolError, match="240m"):
        check_interval("1d")


def test_categories_depend_on_the_region() -> None:
    assert check_categories(None, "kr") == ()
    assert check_categories("trade", "kr") == ("trade",)
    assert check_categories(["airdrop"], "sg") == ("airdrop",)
    for nonsense in (["airdrop"], ["Trade"], []):
        with pytest.raises(LocalProtocolError):
            check_categories(nonsense, "kr")


@pytest.mark.parametrize(
    ("symbols", "codes", "quotes"),
    [
        ("KRW-*", (), ("KRW",)),
        (" krw-* ", (), ("KRW",)),
        (["KRW-BTC", "KRW-*", "BTC-*", "KRW-*"], ("KRW-BTC",), ("KRW", "BTC")),
        ("KRW-BTC", ("KRW-BTC",), ()),
    ],
)
def test_a_pattern_is_all_markets_of_a_quote_currency(
    symbols: object, codes: tuple[str, ...], quotes: tuple[str, ...]
) -> None:
    assert check_symbols(symbols) == (codes, quotes)  # type: ignore[arg-type]


@pytest.mark.parametrize("symbol", ["*", "*-BTC", "KRW-B*", "KRW*", "-*", "K-*", "KRW-*-", "KRW-**", "**"])
def test_nothing_else_with_a_star_is_one(symbol: str) -> None:
    with pytest.raises(LocalProtocolError, match=r"only QUOTE-\* is, such as 'KRW-\*'"):
        check_symbols(symbol)


def test_where_there_are_no_patterns_one_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match=r"KRW-\* stands for all markets of KRW, which is not offered here"):
        check_codes(["KRW-BTC", "KRW-*"])


def test_a_quote_currency() -> None:
    assert check_quote(" krw ") == "KRW"
    for nonsense in ("", "K", "KRW-", "KRW-BTC", "*", 5, None):
        with pytest.raises(LocalProtocolError, match="no quote currency"):
            check_quote(nonsense)  # type: ignore[arg-type]
