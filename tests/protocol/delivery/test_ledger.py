"""What is news of an order, whoever says it and however often."""

from decimal import Decimal

from websocket_v6.protocol.delivery.ledger import KEPT, Ledger
from websocket_v6.protocol.delivery.progress import Found, FoundTrade, Progress, Said
from websocket_v6.protocol.limits import LEDGER_BYTES, LEDGER_ENDED, LEDGER_ORDERS

CODE = "KRW-BTC"


def ledger() -> Ledger[str]:
    return Ledger(lambda code, payload, is_start: payload.decode() + (" at the start" if is_start else ""))


def progress(trades: int = 0, *, ended: bool = False, prevented: int = 0, watches: bool = False) -> Progress:
    return Progress(ended, trades, Decimal(trades), Decimal(prevented), not watches)


def said(uuid: str, state: str = "wait", trades: int = 0, trade: str = "") -> Said:
    return Said(uuid, CODE, state, trade, progress(trades, ended=state in ("done", "cancel"), watches=state == "watch"))


def found(uuid: str, state: str, trades: int = 0, ids: list[str] | None = None, prevented: int = 0) -> Found:
    how = progress(trades, ended=state in ("done", "cancel"), prevented=prevented, watches=state == "watch")
    listed = None if ids is None else tuple(FoundTrade(one, one.encode()) for one in ids)
    return Found(uuid, CODE, how, 5_000, f"{uuid} {state}".encode(), f"{uuid} prevented".encode(), listed)


def find(book: Ledger[str], one: Found, *, is_start: bool = False, since_ms: int = 0) -> list[str]:
    return list(book.find(one, {}, 0.0, is_start=is_start, since_ms=since_ms))


def test_a_message_is_news_once() -> None:
    book = ledger()
    assert book.hear(said("O1"), "wait", 0.0)
    assert not book.hear(said("O1"), "wait", 0.0)
    assert book.hear(said("O1", "trade", 1, "T1"), "T1", 0.0)
    assert not book.hear(said("O1", "trade", 1, "T1"), "T1", 0.0)
    assert book.hear(said("O1", "done", 1), "done", 0.0)
    assert not book.hear(said("O1"), "wait", 0.0)
    assert [one for one, _ in book.open()] == []


def test_a_trade_is_news_however_late() -> None:
    book = ledger()
    book.hear(said("O1", "done", 2), "done", 0.0)
    assert book.lacking() == ("O1",)
    assert book.hear(said("O1", "trade", 1, "T1"), "T1", 0.0)
    assert book.hear(said("O1", "trade", 2, "T2"), "T2", 0.0)
    assert book.lacking() == ()
    assert not book.orders["O1"].is_open


def test_what_waits_after_it_watched_is_news() -> None:
    book = ledger()
    assert find(book, found("O1", "watch")) == ["O1 watch"]
    assert find(book, found("O1", "watch")) == []
    assert find(book, found("O1", "wait")) == ["O1 wait"]


def test_what_was_prevented_is_told_as_that() -> None:
    book = ledger()
    book.hear(said("O1"), "wait", 0.0)
    assert find(book, found("O1", "wait", prevented=1)) == ["O1 prevented"]
    assert find(book, found("O1", "wait", prevented=1)) == []
    assert find(book, found("O1", "cancel", prevented=1)) == ["O1 cancel"]


def test_trades_from_before_a_start_are_nobody_s_news() -> None:
    book = ledger()
    assert find(book, found("O1", "wait", 2), is_start=True) == ["O1 wait at the start"]
    assert book.known() == {"O1": 2}
    assert find(book, found("O1", "done", 4, ["T1", "T2", "T3", "T4"])) == ["T3", "T4", "O1 done"]


def test_what_was_over_before_a_start_or_before_the_ledger_is_none() -> None:
    book = ledger()
    assert find(book, found("O1", "done", 1, ["T1"]), is_start=True) == []
    assert find(book, found("O1", "done", 1, ["T1"]), since_ms=5_001) == []
    assert find(book, found("O1", "done", 1, ["T1"]), since_ms=5_000) == ["T1", "O1 done"]


def test_an_answer_that_lags_behind_is_none() -> None:
    book = ledger()
    book.hear(said("O1", "trade", 2, "T2"), "T2", 0.0)
    assert find(book, found("O1", "wait", 1, ["T1"])) == ["T1"]  # but a trade is one
    assert book.orders["O1"].progress.trades == 2
    book.hear(said("O1", "cancel", 2), "cancel", 0.0)
    assert find(book, found("O1", "wait", 2)) == []


def test_the_state_comes_alone_where_trades_were_not_asked_for() -> None:
    book = ledger()
    book.hear(said("O1"), "wait", 0.0)
    assert find(book, found("O1", "wait", 3)) == ["O1 wait"]
    assert book.lacking() == ("O1",)
    assert find(book, found("O1", "wait", 3, ["T1", "T2", "T3"])) == ["T1", "T2", "T3"]


def test_what_another_process_knew_before_is_noted_and_no_news() -> None:
    book = ledger()
    book.note(said("O1", "trade", 2, "T2"), "T2", 0.0)
    book.note(said("O1", "done", 2), "done", 0.0)
    assert not book.hear(said("O1", "done", 2), "done", 0.0)
    assert not book.hear(said("O1", "trade", 2, "T2"), "T2", 0.0)
    assert book.hear(said("O2"), "wait", 0.0, is_start=True, is_fetched=True)
    book.note(said("O2", "trade", 1, "T3"), "T3", 0.0)
    assert book.known() == {"O1": 1, "O2": 1}


def test_doubtful_is_what_the_stream_has_not_spoken_of_since() -> None:
    book = ledger()
    book.hear(said("O1"), "wait", 1.0)
    book.hear(said("O2"), "wait", 3.0)
    find(book, found("O3", "wait"))
    assert book.doubtful(2.0) == ("O1", "O3")


def test_orders_of_markets_that_nobody_wants_are_forgotten() -> None:
    book = ledger()
    book.hear(said("O1"), "wait", 0.0)
    book.keep(frozenset({"KRW-ETH"}))
    assert not book.orders


def test_no_more_orders_are_remembered_than_the_limit() -> None:
    book = ledger()
    for number in range(LEDGER_ORDERS + 1000):
        book.hear(said(f"O{number}"), "wait", 0.0)
    assert LEDGER_ORDERS <= len(book.orders) <= LEDGER_ORDERS + 256
    assert "O0" not in book.orders
    assert f"O{LEDGER_ORDERS + 999}" in book.orders


def test_orders_that_ended_long_ago_are_forgotten() -> None:
    book = ledger()
    book.hear(said("old", "done"), "done", 0.0)
    book.hear(said("open"), "wait", 0.0)
    for number in range(LEDGER_ENDED + 1000):
        book.hear(said(f"O{number}", "done"), "done", KEPT + 1.0)
    assert "old" not in book.orders
    assert "open" in book.orders
    assert len(book.orders) <= LEDGER_ENDED + 257


def test_orders_hold_no_more_memory_than_the_limit() -> None:
    size = LEDGER_BYTES // 10
    book: Ledger[object] = Ledger(lambda code, payload, is_start: object(), lambda item: size)
    for number in range(4):
        book.hear(said(f"open {number}"), object(), 0.0)
        book.hear(said(f"ended {number}", "done"), object(), 1.0)
    assert len(book.orders) == 8
    for number in range(30):
        assert book.hear(said("open 3", "trade", number + 1, f"T{number}"), object(), 2.0)
        assert sum(map(book._held_by, book.orders.values())) <= LEDGER_BYTES
        assert "open 3" in book.orders
    assert "ended 0" not in book.orders
    assert not book.hear(said("open 3", "trade", 1, "T0"), object(), 3.0)  # its id is known all the same
