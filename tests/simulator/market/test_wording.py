"""Messages have the exchange's keys, in its order, in both lengths."""

import json
from decimal import Decimal
from typing import Any

import pytest

from websocket_v6.simulator.market.book import EMPTY, Level
from websocket_v6.simulator.market.message_keys import long_keys, short_keys
from websocket_v6.simulator.market.spelling import SPELLINGS
from websocket_v6.simulator.market.wording import Bulletin, Wording

LONG, SHORT = Wording(short=False), Wording(short=True)

# One message of each type, its fields under their long names, and its two texts. The keys are the reference's.
BOOK = {
    "type": "orderbook",
    "code": "KRW-XRP",
    "timestamp": 1795152672497,
    "total_ask_size": Decimal("1533.20417788"),
    "total_bid_size": Decimal("902.11630002"),
    "orderbook_units": [
        (Level(Decimal(4012), Decimal("1533.20417788")), Level(Decimal(4010), Decimal("902.11630002"))),
        (Level(Decimal(4013), Decimal("0.0005")), EMPTY),
    ],
    "level": Decimal(0),
}
SIGNAL = {
    "type": "indicator_signal",
    "code": "KRW-ETH",
    "timeframe": "5m",
    "indicator": "bollinger_bands",
    "params": {"period": 20, "multiplier": Decimal(2)},
    "trigger": "price_cross_above",
    "event_params": {},
    "candle_date_time_utc": "2026-11-20T05:25:00",
    "value": {"bb_upper": Decimal("3889120.5"), "bb_middle": Decimal(3868000), "bb_lower": Decimal("3846879.5")},
    "timestamp": 1795152601115,
}
AVERAGE = {
    **{key: value for key, value in SIGNAL.items() if key not in {"trigger", "event_params"}},
    "type": "indicator",
    "indicator": "moving_average",
    "params": {"type": "EMA", "period": 50},
    "value": {"value": Decimal("3860412.25")},
}
ASSET = {
    "type": "myAsset",
    "asset_uuid": "0e9d8c7b-6a5f-4e3d-8c2b-1a0f9e8d7c6b",
    "assets": [("KRW", Decimal("2604118.2201"), Decimal(0))],
    "asset_timestamp": 1795152672427,
    "timestamp": 1795152672440,
}
NOTICE = {
    "type": "announcement",
    "event_type": "CREATED",
    "uuid": "700100200",
    "title": '예시 "공지"',
    "category": "trade",
    "url": "https://www.upbit.com/service_center/notice?id=700100200&view=share",
    "first_listed_at": "2026-11-20T14:30:00+09:00",
    "listed_at": "2026-11-20T14:30:00+09:00",
    "timestamp": 1795152601418,
    "body": None,
}


@pytest.mark.parametrize(
    ("fields", "kind", "long", "short"),
    [
        (
            BOOK,
            "SNAPSHOT",
            '{"type":"orderbook","code":"KRW-XRP","timestamp":1795152672497,"total_ask_size":1533.20417788,'
            '"total_bid_size":902.11630002,"orderbook_units":[{"ask_price":4012.0,"bid_price":4010.0,'
            '"ask_size":1533.20417788,"bid_size":902.11630002},{"ask_price":4013.0,"bid_price":0,'
            '"ask_size":0.00050000,"bid_size":0}],"stream_type":"SNAPSHOT","level":0}',
            '{"ty":"orderbook","cd":"KRW-XRP","tms":1795152672497,"tas":1533.20417788,"tbs":902.11630002,'
            '"obu":[{"ap":4012,"bp":4010,"as":1533.20417788,"bs":902.11630002},{"ap":4013,"bp":0,'
            '"as":5.0E-4,"bs":0}],"st":"SNAPSHOT","lv":0}',
        ),
        (
            SIGNAL,
            "REALTIME",
            '{"type":"indicator_signal","code":"KRW-ETH","timeframe":"5m","indicator":"bollinger_bands",'
            '"params":{"period":20,"multiplier":2.0},"trigger":"price_cross_above","event_params":{},'
            '"candle_date_time_utc":"2026-11-20T05:25:00","value":{"bb_upper":3889120.5,"bb_middle":3868000.0,'
            '"bb_lower":3846879.5},"timestamp":1795152601115,"stream_type":"REALTIME"}',
            '{"ty":"indicator_signal","cd":"KRW-ETH","tf":"5m","ind":"bollinger_bands","p":{"p":20,"m":2.0},'
            '"tr":"price_cross_above","ep":{},"cdttmu":"2026-11-20T05:25:00","v":{"bbu":3889120.5,"bbm":3868000.0,'
            '"bbl":3846879.5},"tms":1795152601115,"st":"REALTIME"}',
        ),
        (
            AVERAGE,
            "REALTIME",
            '{"type":"indicator","code":"KRW-ETH","timeframe":"5m","indicator":"moving_average",'
            '"params":{"type":"EMA","period":50},"candle_date_time_utc":"2026-11-20T05:25:00",'
            '"value":{"value":3860412.25},"timestamp":1795152601115,"stream_type":"REALTIME"}',
            '{"ty":"indicator","cd":"KRW-ETH","tf":"5m","ind":"moving_average","p":{"t":"EMA","p":50},'
            '"cdttmu":"2026-11-20T05:25:00","v":{"value":3860412.25},"tms":1795152601115,"st":"REALTIME"}',
        ),
        (
            ASSET,
            "REALTIME",
            '{"type":"myAsset","asset_uuid":"0e9d8c7b-6a5f-4e3d-8c2b-1a0f9e8d7c6b","assets":[{"currency":"KRW",'
            '"balance":2604118.2201,"locked":0}],"asset_timestamp":1795152672427,"timestamp":1795152672440,'
            '"stream_type":"REALTIME"}',
            '{"ty":"myAsset","astuid":"0e9d8c7b-6a5f-4e3d-8c2b-1a0f9e8d7c6b","ast":[{"cu":"KRW","b":2604118.2201,'
            '"l":0}],"asttms":1795152672427,"tms":1795152672440,"st":"REALTIME"}',
        ),
        (
            NOTICE,
            "REALTIME",
            '{"type":"announcement","event_type":"CREATED","uuid":"700100200","title":"예시 \\"공지\\"",'
            '"category":"trade","url":"https://www.upbit.com/service_center/notice?id=700100200&view=share",'
            '"first_listed_at":"2026-11-20T14:30:00+09:00","listed_at":"2026-11-20T14:30:00+09:00",'
            '"timestamp":1795152601418,"stream_type":"REALTIME","body":null}',
            '{"ty":"announcement","et":"CREATED","uid":"700100200","tt":"예시 \\"공지\\"","cat":"trade",'
            '"url":"https://www.upbit.com/service_center/notice?id=700100200&view=share",'
            '"flat":"2026-11-20T14:30:00+09:00","lat":"2026-11-20T14:30:00+09:00","tms":1795152601418,'
            '"st":"REALTIME","bd":null}',
        ),
    ],
    ids=["orderbook", "signal", "average", "asset", "announcement"],
)
def test_a_message_reads_as_on_the_exchange(fields: Any, kind: str, long: str, short: str) -> None:
    event = Bulletin(fields["type"], fields.get("code", "*"), fields)
    assert event.text(LONG, kind) == long
    assert event.text(SHORT, kind) == short


KEYS = {
    "ticker": "ty cd op hp lp tp pcp atp c cp scp cr scr ab tv atv tdt ttm ttms aav abv h52wp h52wdt l52wp l52wdt ms "
    "its dd mw tms atp24h atv24h st",
    "trade": "ty cd tms td ttm ttms tp tv ab pcp c cp sid bap bas bbp bbs st",
    "candle.1s": "ty cd cdttmu cdttmk op hp lp tp catv catp tms st",
    "orderbook": "ty cd tms tas tbs obu st lv",
}


@pytest.mark.parametrize("type_", KEYS)
def test_short_keys_are_those_of_the_reference(type_: str, simulator: Any) -> None:
    sim = simulator(markets=["KRW-BTC"])
    short = json.loads(sim.current(f"{type_} KRW-BTC", "SIMPLE"))
    assert list(short) == KEYS[type_].split()
    assert long_keys(short) == json.loads(sim.current(f"{type_} KRW-BTC"))


def test_renaming_goes_both_ways() -> None:
    long = json.loads(Bulletin("orderbook", "KRW-XRP", BOOK).text(LONG, "SNAPSHOT"))
    assert long_keys(short_keys("orderbook", long)) == long
    assert short_keys("orderbook", {"new_key": 1}) == {"new_key": 1}


def test_what_is_written_once_is_kept_by_how_it_is_written() -> None:
    """And not by which object has written it: another may have its `id`, and the empty level is everybody's."""
    numbers = sorted(SPELLINGS)
    fields = {"orderbook_units": [(EMPTY, EMPTY)]}
    bulletin = Bulletin("orderbook", "KRW-BTC", fields)
    texts: dict[tuple[str, bool], str] = {}
    kept = 0
    for turn in range(200):
        how = numbers[turn % len(numbers)], bool(turn % 2)
        text = bulletin.text(Wording(short=how[1], numbers=how[0]), "REALTIME")
        assert texts.setdefault(how, text) == text
        assert ('"obu"' in text) == ('"ap"' in text) == how[1]
        if turn == 2 * len(numbers):
            kept = len(EMPTY.__dict__)
    assert len(EMPTY.__dict__) == kept
