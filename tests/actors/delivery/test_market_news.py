"""What a component hears of markets that several of its mailboxes tell of."""

from websocket_v6.actors.delivery.market_news import MarketNews
from websocket_v6.protocol.events import Markets, MarketsEvent
from websocket_v6.protocol.exchange.market_list import Market


def event(codes: str, at: int, quote: str = "KRW") -> MarketsEvent:
    return MarketsEvent(quote, (), (), tuple(Market(f"{quote}-{code}", code, code) for code in codes), at)


def told(news: MarketNews, *events: MarketsEvent) -> list[tuple[str, str] | None]:
    found = [news.of(one) for one in events]
    return [
        None if one is None else ("".join(c[4:] for c in one.added), "".join(c[4:] for c in one.removed))
        for one in found
    ]


def test_the_first_one_has_all_as_added_and_each_change_comes_once() -> None:
    events = event("AB", 1), event("AB", 1), event("BC", 2), event("BC", 2), event("BC", 3)
    assert told(MarketNews(), *events) == [("AB", ""), None, ("C", "A"), None, None]


def test_a_mailbox_that_lags_tells_nothing_old() -> None:
    assert told(MarketNews(), event("AB", 1), event("BC", 2), event("AB", 1), event("BCD", 3)) == [
        ("AB", ""),
        ("C", "A"),
        None,
        ("D", ""),
    ]


def test_quote_currencies_are_apart() -> None:
    assert told(MarketNews(), event("A", 1), event("A", 1, "BTC")) == [("A", ""), ("A", "")]


def test_who_comes_late_hears_what_there_is_and_the_others_nothing_twice() -> None:
    news = MarketNews()
    lists = [Markets("KRW", event("AB", 0).markets, 5)]
    (present,) = news.present(lists)
    assert present.added == ("KRW-A", "KRW-B")
    assert told(news, event("AB", 5), event("ABC", 6)) == [None, ("C", "")]
    (again,) = news.present(lists)
    assert again.added == ("KRW-A", "KRW-B", "KRW-C"), "never less than was told"
