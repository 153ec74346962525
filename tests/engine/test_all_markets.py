"""`KRW-*` against an exchange whose market list grows, shrinks, lags, fails and lies.

The intervals here are a hundredth of the usual ones; when the list is asked for, and what it means, is decided in
protocol/markets/ and tested there with all times.
"""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from tests.conftest import wait_until
from websocket_v6 import (
    Config,
    LocalProtocolError,
    Mailbox,
    MarketsEvent,
    NotReadyError,
    SnapshotTimeoutError,
    UnknownCodeError,
    WebSocketClientProxy,
)
from websocket_v6.simulator import Simulator

KRW = ("KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL")
PATH = "/v1/market/all"
INTERVAL = 0.6


@pytest.fixture
def quick(config: Config) -> Config:
    return msgspec.structs.replace(config, markets_interval=INTERVAL, silent_code_timeout=0.3, mode="embedded")


class Bot:
    """A proxy that notes in one list what it is told of markets and of data: in which order is the point."""

    def __init__(self, config: Config, name: str = "bot") -> None:
        self.proxy = WebSocketClientProxy(name, config=config)
        self.told: list[Any] = []
        self.errors: list[Exception] = []
        self.proxy.on_markets(self.hear)

    def hear(self, event: Any) -> None:
        self.told.append(event)

    def follow(self, symbols: Any = "KRW-*", type_: str = "trade", **options: Any) -> Any:
        subscribe = getattr(self.proxy, f"subscribe_{type_}")
        return subscribe(symbols, self.hear, error_handler=self.errors.append, **options)

    def markets(self) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        return [(one.added, one.removed) for one in list(self.told) if isinstance(one, MarketsEvent)]

    def codes(self) -> list[str]:
        return [one.symbol for one in list(self.told) if not isinstance(one, MarketsEvent)]

    def wait_told(self, added: tuple[str, ...] = (), removed: tuple[str, ...] = ()) -> None:
        wait_until(lambda: (added, removed) in self.markets(), f"news of {added} and {removed}")

    def check_order(self) -> None:
        """No event of a code comes before it was told, none after it was told to be gone."""
        present: set[str] = set()
        for one in list(self.told):
            if isinstance(one, MarketsEvent):
                present = (present | set(one.added)) - set(one.removed)
                assert present == set(one.codes)
            else:
                assert one.symbol in present, f"{one.symbol} among {present}"


@pytest.fixture
def bot(quick: Config) -> Iterator[Callable[..., Bot]]:
    made: list[Bot] = []

    def make(name: str = "bot", **changes: Any) -> Bot:
        made.append(Bot(msgspec.structs.replace(quick, **changes), name))
        return made[-1]

    yield make
    for one in made:
        one.proxy.cleanup()


def served(*codes: str, type_: str = "trade") -> set[str]:
    return {f"{type_} {code}" for code in codes}


def lists(sim: Simulator) -> int:
    return sum(PATH in call for call in sim.rest_calls())


def wait_lists(sim: Simulator, more: int) -> None:
    before = lists(sim)
    wait_until(lambda: lists(sim) >= before + more, f"{more} more lists")


def test_all_markets_of_a_quote_currency(sim: Simulator, bot: Callable[..., Bot]) -> None:
    one = bot()
    subscription = one.follow()
    one.proxy.wait_ready()
    assert one.markets() == [(KRW, ())]
    assert subscription.symbols == KRW
    sim.wait_served(served(*KRW))
    number = sim.trade("KRW-SOL")
    wait_until(lambda: one.told[-1].symbol == "KRW-SOL" and one.told[-1].sequential_id == number, "the trade")
    last = one.proxy.last("trade", "KRW-SOL")
    assert last is not None
    assert last.sequential_id == number
    assert "KRW-*" in repr(subscription)
    one.check_order()


def test_what_is_listed_tomorrow_comes_by_itself_in_one_request(sim: Simulator, bot: Callable[..., Bot]) -> None:
    one = bot()
    subscription = one.follow()
    one.proxy.wait_ready()
    wait_until(lambda: set(one.codes()) == set(KRW), "the first of each")
    before, requests = len(one.codes()), one.proxy.health().counters.requests_sent
    sim.list_market("KRW-NEW", 1000)
    sim.list_market("BTC-NEW", 1)
    one.wait_told(added=("KRW-NEW",))
    sim.wait_served(served(*KRW, "KRW-NEW"))
    number = sim.trade("KRW-NEW")
    wait_until(lambda: getattr(one.told[-1], "sequential_id", 0) == number, "a trade of the new market")
    assert set(one.codes()[before:]) == {"KRW-NEW"}, "those that ran are asked for no second time"
    assert subscription.symbols == (*KRW, "KRW-NEW")
    assert one.proxy.health().counters.requests_sent == requests + 1
    one.check_order()


def test_what_is_delisted_is_told_and_leaves(sim: Simulator, bot: Callable[..., Bot]) -> None:
    one = bot()
    subscription = one.follow()
    one.proxy.wait_ready()
    sim.remove_market("KRW-XRP")
    one.wait_told(removed=("KRW-XRP",))
    left = tuple(code for code in KRW if code != "KRW-XRP")
    sim.wait_served(served(*left))
    assert subscription.symbols == left
    assert one.proxy.last("trade", "KRW-XRP") is None
    sim.list_market("KRW-XRP", 4000)
    one.wait_told(added=("KRW-XRP",))
    sim.wait_served(served(*KRW))
    one.check_order()


def test_one_that_is_missing_in_one_list_or_still_trades_stays(sim: Simulator, bot: Callable[..., Bot]) -> None:
    one = bot()
    one.follow()
    one.proxy.wait_ready()
    sim.spoil(PATH, "half")
    wait_lists(sim, 3)
    sim.spoil(PATH, "empty", times=None)
    wait_lists(sim, 3)
    sim.mend()
    wait_lists(sim, 2)
    assert one.markets() == [(KRW, ())]
    sim.wait_served(served(*KRW))


@pytest.mark.parametrize("harm", ["empty", "truncated", "cut", 500, 429])
def test_a_list_that_fails_changes_nothing_and_its_age_shows_it(
    sim: Simulator, bot: Callable[..., Bot], harm: Any
) -> None:
    one = bot()
    one.follow()
    one.proxy.wait_ready()
    if isinstance(harm, int):
        sim.refuse(harm, times=1000, endpoint=PATH)
    else:
        sim.spoil(PATH, harm, times=None)
    wait_until(lambda: one.proxy.health().markets[0].problem, "what is wrong")
    (listed,) = one.proxy.health().markets
    wait_until(lambda: one.proxy.health().markets[0].age > listed.age + 2 * INTERVAL, "it grows old")
    assert "of no use" in str(one.proxy.health())
    number = sim.trade("KRW-BTC")
    wait_until(lambda: getattr(one.told[-1], "sequential_id", 0) == number, "the stream goes on")
    assert one.markets() == [(KRW, ())]


def test_no_list_at_the_start_is_named_and_tried_again(sim: Simulator, bot: Callable[..., Bot]) -> None:
    sim.refuse(500, times=1000, endpoint=PATH)
    one = bot()
    subscription = one.follow()
    with pytest.raises(NotReadyError, match=r"no list of markets yet.*KRW-\*") as raised:
        one.proxy.wait_ready(0.5)
    assert raised.value.streams == ("markets KRW",)
    with pytest.raises(SnapshotTimeoutError, match=r"no list of KRW markets within 0\.2 s: .*HTTP 500"):
        one.proxy.markets("KRW", timeout=0.2)
    assert subscription.symbols == ()
    sim.accept()
    sim.mend()
    one.proxy.wait_ready()
    assert subscription.symbols == KRW
    assert one.errors == []


def test_a_market_that_is_listed_and_silent_is_no_unknown_code(sim: Simulator, bot: Callable[..., Bot]) -> None:
    sim.list_market("KRW-SOON", 1000, state="PREVIEW", traded=False)
    one = bot()
    one.follow()
    one.proxy.wait_ready()  # what may be silent for days is not waited for
    requests = one.proxy.health().counters.requests_sent
    wait_until(lambda: one.proxy.health().counters.requests_sent > requests + 1, "it is asked for again")
    assert one.errors == []
    assert set(one.codes()) == set(KRW)
    sim.set_market_state("KRW-SOON", "ACTIVE")
    number = sim.trade("KRW-SOON")
    wait_until(lambda: getattr(one.told[-1], "sequential_id", 0) == number, "its first trade")
    one.check_order()


def test_what_is_taken_out_stays_out(sim: Simulator, bot: Callable[..., Bot]) -> None:
    one = bot()
    subscription = one.follow()
    one.proxy.wait_ready()
    subscription.remove(["KRW-BTC", "KRW-NEW"])
    sim.wait_served(served(*KRW[1:]))
    sim.list_market("KRW-NEW", 1000)
    sim.list_market("KRW-NEWER", 1000)
    one.wait_told(added=("KRW-NEW", "KRW-NEWER"))
    sim.wait_served(served(*KRW[1:], "KRW-NEWER"))
    assert subscription.symbols == (*KRW[1:], "KRW-NEWER")
    subscription.add("KRW-BTC")
    sim.wait_served(served(*KRW, "KRW-NEWER"))
    subscription.add("KRW-*")
    sim.wait_served(served(*KRW, "KRW-NEW", "KRW-NEWER"))
    subscription.remove("KRW-*")
    sim.wait_served(served("KRW-BTC"))  # which is named
    subscription.remove("KRW-BTC")
    assert one.proxy.subscriptions() == []


def test_a_code_that_is_named_as_well_stays_when_it_is_delisted_and_is_reported(
    sim: Simulator, bot: Callable[..., Bot]
) -> None:
    one = bot()
    subscription = one.follow(["KRW-XRP", "KRW-*"])
    one.proxy.wait_ready()
    sim.remove_market("KRW-XRP")
    one.wait_told(removed=("KRW-XRP",))
    assert "KRW-XRP" in subscription.symbols
    sim.wait_served(served(*KRW))
    sim.drop("public")
    wait_until(lambda: one.errors, "it is silent after the reconnect")
    assert isinstance(one.errors[0], UnknownCodeError)
    assert one.errors[0].codes == ("KRW-XRP",)


def test_several_types_and_components_are_one_list_and_one_request(sim: Simulator, bot: Callable[..., Bot]) -> None:
    many = [bot(f"bot {number}") for number in range(5)]
    for one in many:
        for type_ in ("ticker", "trade", "orderbook", "candle"):
            one.follow(type_=type_)
    for one in many:
        one.proxy.wait_ready()
    sim.list_market("KRW-NEW", 1000)
    for one in many:
        one.wait_told(added=("KRW-NEW",))
        assert one.markets() == [(KRW, ()), (("KRW-NEW",), ())], "once for the component, however many follow"
    types = ("ticker", "trade", "orderbook", "candle.1m")
    sim.wait_served({f"{type_} {code}" for code in (*KRW, "KRW-NEW") for type_ in types})
    assert sum(connection.open for connection in sim.connections()) == 1
    for one in many:
        one.check_order()


@pytest.mark.parametrize(
    "mailbox",
    [Mailbox.latest(), Mailbox.drop_oldest(2), Mailbox.lossless(1 << 20), Mailbox.block(1), Mailbox.throttle(0.05)],
    ids=lambda mailbox: mailbox.kind,
)
def test_in_every_mailbox_it_stands_where_it_belongs(sim: Simulator, bot: Callable[..., Bot], mailbox: Mailbox) -> None:
    one = bot()
    own: list[Any] = []
    one.proxy.subscribe_ticker("KRW-*", own.append, on_markets=own.append, mailbox=mailbox)
    one.proxy.wait_ready()
    for number in range(3):
        sim.list_market(f"KRW-N{number}", 1000)
        sim.wait_served(served(*KRW, *(f"KRW-N{n}" for n in range(number + 1)), type_="ticker"))
        sim.trade(f"KRW-N{number}")
    wait_until(lambda: {"KRW-N0", "KRW-N1", "KRW-N2"} <= {one.symbol for one in list(own)}, "data of all three")
    present: set[str] = set()
    for event in list(own):
        if isinstance(event, MarketsEvent):
            present |= set(event.added)
        else:
            assert event.symbol in present
    assert [event.added for event in own if isinstance(event, MarketsEvent)][1:] == [
        (f"KRW-N{number}",) for number in range(3)
    ]


@pytest.mark.faces("threads")
def test_a_pulled_subscription_tells_on_the_component_s_thread(sim: Simulator, bot: Callable[..., Bot]) -> None:
    one = bot()
    subscription = one.proxy.subscribe_ticker("KRW-*")
    assert {subscription.get(10.0).symbol for _ in KRW} == set(KRW)
    wait_until(lambda: one.markets() == [(KRW, ())], "what there is")
    sim.list_market("KRW-NEW", 1000)
    assert subscription.get(10.0).symbol == "KRW-NEW"
    one.wait_told(added=("KRW-NEW",))


def test_who_begins_to_listen_late_hears_what_there_is(sim: Simulator, bot: Callable[..., Bot]) -> None:
    late: list[MarketsEvent] = []
    one = bot()
    one.follow()
    one.proxy.wait_ready()
    one.proxy.on_markets(late.append)
    wait_until(lambda: [event.added for event in late] == [KRW], "what there is")
    sim.list_market("KRW-NEW", 1000)
    wait_until(lambda: [event.added for event in late] == [KRW, ("KRW-NEW",)], "the news, once")


def test_the_list_itself(sim: Simulator, bot: Callable[..., Bot]) -> None:
    sim.warn("KRW-ETH", warning=True, cautions=["PRICE_FLUCTUATIONS"])
    one = bot()
    markets = one.proxy.markets("krw")
    assert markets.codes == KRW
    assert [market.code for market in markets if market.warning] == ["KRW-ETH"]
    assert markets["KRW-ETH"].cautions == ("PRICE_FLUCTUATIONS",)
    assert markets["KRW-BTC"].english_name == "Bitcoin"
    assert 0 <= markets.age < 10
    assert "KRW-NEW" not in markets
    sim.list_market("KRW-NEW", 1000)
    wait_until(lambda: "KRW-NEW" in one.proxy.markets("KRW"), "it is kept up to date")
    one.wait_told(added=("KRW-NEW",))
    assert one.proxy.markets("BTC").codes == ("BTC-ETH",)
    assert one.proxy.health().streams == 0, "no data is asked for"


def test_a_quote_currency_that_there_is_not(sim: Simulator, bot: Callable[..., Bot]) -> None:
    one = bot()
    with pytest.raises(
        UnknownCodeError, match="there are no EUR markets here; the quote currencies are BTC, KRW, USDT"
    ):
        one.proxy.markets("EUR")
    one.follow(["EUR-*", "KRW-BTC"])
    wait_until(lambda: one.errors, "it is told")
    assert isinstance(one.errors[0], UnknownCodeError)
    assert one.errors[0].codes == ("EUR-*",)


def test_snapshots_of_all(sim: Simulator, bot: Callable[..., Bot], caplog: pytest.LogCaptureFixture) -> None:
    sim.list_market("KRW-SOON", 1000, state="PREVIEW", traded=False)
    one = bot()
    with caplog.at_level(logging.WARNING):
        found = one.proxy.get_ticker_snapshot(["BTC-ETH", "KRW-*"])
    assert [event.symbol for event in found] == ["BTC-ETH", *KRW]
    assert "no ticker snapshot of KRW-SOON: listed, but silent" in caplog.text
    with pytest.raises(UnknownCodeError, match="KRW-NOPE"):
        one.proxy.get_ticker_snapshot(["KRW-*", "KRW-NOPE"], timeout=1.0)
    assert one.proxy.health().counters.reconnects == 0, "that one code is silent is no fault of the connection"


@pytest.mark.parametrize("symbols", ["*", "KRW-B*", "*-BTC", "KRW*", "-*", ["KRW-*", "K-*"], "KRW-*-*"])
def test_what_is_no_pattern_is_refused_at_once(bot: Callable[..., Bot], symbols: Any) -> None:
    with pytest.raises(LocalProtocolError, match=r"only QUOTE-\* is"):
        bot().follow(symbols)


def test_where_patterns_are_not_offered(bot: Callable[..., Bot]) -> None:
    one = bot()
    with pytest.raises(LocalProtocolError, match="level=10000 is not for all markets"):
        one.follow(type_="orderbook", level=10_000)
    with pytest.raises(LocalProtocolError, match="not offered here"):
        one.proxy.subscribe_my_order(one.hear, symbols="KRW-*")
    indicators = [{"type": "rsi", "params": {"period": 14}}]
    with pytest.raises(LocalProtocolError, match="not offered here"):
        one.proxy.subscribe_indicator("KRW-*", one.hear, timeframe="15m", indicators=indicators)
    with pytest.raises(LocalProtocolError, match="is no code"):
        one.proxy.last("ticker", "KRW-*")
    with pytest.raises(LocalProtocolError, match="is no quote currency"):
        one.proxy.markets("KRW-*")


@pytest.mark.faces("threads")
def test_a_sign_brings_the_list_forward(sim: Simulator, bot: Callable[..., Bot]) -> None:
    one = bot(markets_interval=9.0)  # a look each 1.5 s, and lists as often after a sign
    one.follow(type_="ticker")
    one.proxy.wait_ready()
    sim.list_market("KRW-NEW", 1000)
    before = lists(sim)
    began = time.monotonic()

    def is_sooner() -> bool:
        # Once there was a first look, that is; and long enough for one.
        sim.set_market_state("KRW-XRP", "PREVIEW" if (time.monotonic() - began) % 4 < 2 else "ACTIVE")
        return lists(sim) >= before + 2

    wait_until(is_sooner, "two more lists", 8.5)
    one.wait_told(added=("KRW-NEW",))


def test_after_a_bug_the_followers_go_on(sim: Simulator, bot: Callable[..., Bot]) -> None:
    one = bot()
    subscription = one.follow()
    one.proxy.wait_ready()
    sim.drop("public")
    sim.list_market("KRW-NEW", 1000)
    one.wait_told(added=("KRW-NEW",))
    sim.wait_served(served(*KRW, "KRW-NEW"))
    assert subscription.symbols == (*KRW, "KRW-NEW")
    one.check_order()
