"""Recordings: sent as they were received to those who want them, and the market moves with them."""

import gzip
import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from websocket_v6.simulator.control.capture import read_capture

Make = Callable[..., Any]
CAPTURES = ROOT.parent / "shared" / "data" / "captures"
CAPTURE = CAPTURES / "upbit-simple-2021-04-05.jsonl"
TICKS = ROOT.parent / "shared" / "data" / "ticks" / "krw-ticks-2026-05-12a.jsonl.gz"

MS = 1_795_176_000_000
TRADE = (
    '{"ty":"trade","cd":"KRW-ABC","tms":1795176000050,"td":"2026-11-20","ttm":"12:00:00","ttms":1795176000000,'
    '"tp":41.40,"tv":5.0E-4,"ab":"BID","pcp":40.0,"c":"RISE","cp":1.4,"sid":17951760000000001,"st":"REALTIME"}'
)
BOOK = (
    '{"ty":"orderbook","cd":"KRW-ABC","tms":1795176000100,"tas":3.0,"tbs":3.0,"obu":[{"ap":41.5,"bp":41.4,"as":1.0,'
    '"bs":1.50},{"ap":41.6,"bp":41.3,"as":2.0,"bs":1.5}],"st":"REALTIME"}'
)
SECOND = TRADE.replace("41.40", "41.50").replace("0001", "0002").replace('"ttms":1795176000000', '"ttms":1795176000200')


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "recording.jsonl"
    lines: list[dict[str, Any]] = [{"dir": "open", "t": "1.0", "url": "x"}, {"dir": "out", "t": "1.0", "raw": "[]"}]
    lines += [{"dir": "in", "t": str(2 + n / 10), "raw": raw} for n, raw in enumerate((TRADE, BOOK, SECOND))]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


def test_frames_reach_who_subscribed_byte_for_byte(simulator: Make, client: Make, recording: Path) -> None:
    sim = simulator(markets=["KRW-ABC"])
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-ABC"], "is_only_realtime": True}, format="SIMPLE")
    sim.wait_served({"trade KRW-ABC"})
    assert sim.play(recording, speed=None) == 3
    assert [reader.text(), reader.text()] == [TRADE, SECOND]
    assert reader.is_silent()
    assert not sim.is_playing()


def test_the_other_formats_rename_keys_and_keep_every_number(simulator: Make, client: Make, recording: Path) -> None:
    sim = simulator(markets=["KRW-ABC"])
    reader = client(sim.url)
    reader.ask({"type": "orderbook", "codes": ["KRW-ABC"], "is_only_realtime": True}, format="JSON_LIST")
    sim.wait_served({"orderbook KRW-ABC"})
    sim.play(recording, speed=None)
    assert reader.text() == (
        '[{"type":"orderbook","code":"KRW-ABC","timestamp":1795176000100,"total_ask_size":3.0,"total_bid_size":3.0,'
        '"orderbook_units":[{"ask_price":41.5,"bid_price":41.4,"ask_size":1.0,"bid_size":1.50},{"ask_price":41.6,'
        '"bid_price":41.3,"ask_size":2.0,"bid_size":1.5}],"stream_type":"REALTIME"}]'
    )


def test_a_book_is_cut_to_the_levels_asked_for(simulator: Make, client: Make, recording: Path) -> None:
    sim = simulator(markets=["KRW-ABC"])
    sim.play(recording, speed=None)
    reader = client(sim.url)
    reader.ask({"type": "orderbook", "codes": ["KRW-ABC.1"]}, format="SIMPLE")
    book = reader.read()
    assert (len(book["obu"]), book["st"]) == (1, "SNAPSHOT")


def test_a_new_subscription_begins_with_the_newest_recorded_message(
    simulator: Make, client: Make, recording: Path
) -> None:
    sim = simulator(markets=["KRW-ABC"])
    sim.play(recording, speed=None)
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-ABC"]}, format="SIMPLE")
    assert reader.text() == SECOND.replace("REALTIME", "SNAPSHOT")
    sid = sim.trade("KRW-ABC")
    assert reader.read()["sid"] == sid
    reader.ask({"type": "trade", "codes": ["KRW-ABC"]}, format="SIMPLE")
    assert reader.read()["sid"] == sid


def test_what_the_recording_lacks_follows_from_what_it_has(simulator: Make, client: Make, recording: Path) -> None:
    sim = simulator(markets=["KRW-BTC"])
    sim.play(recording, speed=None)
    ticker = json.loads(sim.current("ticker KRW-ABC"))
    candle = json.loads(sim.current("candle.1m KRW-ABC"))
    assert (ticker["trade_price"], ticker["trade_timestamp"]) == (41.5, MS + 200)
    assert (candle["opening_price"], candle["trade_price"]) == (41.4, 41.5)
    assert candle["candle_date_time_utc"] == "2026-11-20T12:00:00"
    reader = client(sim.url)
    reader.ask({"type": "ticker", "codes": ["KRW-ABC"], "is_only_realtime": True})
    sim.wait_served({"ticker KRW-ABC"})
    sim.play(recording, speed=None)
    assert [reader.read()["trade_price"], reader.read()["trade_price"]] == [41.4, 41.5]


def test_the_pace_is_that_of_the_recording(simulator: Make, client: Make, recording: Path) -> None:
    sim = simulator(markets=["KRW-ABC"])
    before = sim.now()
    assert sim.play(recording, speed=2.0, wait=True) == 3
    assert sim.now() - before >= 0.1
    sim.play(recording, speed=0.001)
    assert sim.is_playing()
    with pytest.raises(ValueError, match="stop_playing"):
        sim.play(recording)
    sim.stop_playing()
    assert not sim.is_playing()


def test_a_batch_of_messages_in_one_frame_is_several_messages(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text(json.dumps({"dir": "in", "t": 1, "raw": f"[{TRADE},{SECOND}]"}), encoding="utf-8")
    frames = [line.frame for line in read_capture(path)]
    assert [frame and frame.fields["sequential_id"] for frame in frames] == ["17951760000000001", "17951760000000002"]


def test_bare_trades_move_the_market(simulator: Make, client: Make, tmp_path: Path) -> None:
    path = tmp_path / "ticks.jsonl.gz"
    lines = [
        {"t": "2026-05-12T07:06:03.334Z", "code": "KRW-ABC", "price": "3.08", "volume": "3246.75324675"},
        {"t": "2026-05-12T07:06:03.434Z", "code": "KRW-ABC", "price": "3.09", "volume": "1.5"},
    ]
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(map(json.dumps, lines)))
    sim = simulator(markets=["KRW-ABC"])
    reader = client(sim.url)
    reader.ask({"type": "trade", "codes": ["KRW-ABC"], "is_only_realtime": True})
    sim.wait_served({"trade KRW-ABC"})
    sim.play(path, speed=None)
    trades = reader.read_many(2)
    assert [trade["trade_price"] for trade in trades] == [3.08, 3.09]
    assert [trade["trade_volume"] for trade in trades] == [3246.75324675, 1.5]


@pytest.mark.parametrize(
    ("text", "message"), [("{broken", "line 1 is not JSON"), ('{"dir":"open"}', "no line that can")]
)
def test_a_file_that_is_no_recording_is_told(simulator: Make, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        simulator().play(path)


@pytest.mark.skipif(not CAPTURE.exists(), reason="the captures are not part of the repository")
def test_a_real_recording_comes_out_as_it_went_in(simulator: Make, client: Make) -> None:
    raws = [json.loads(line) for line in CAPTURE.read_text(encoding="utf-8").splitlines()]
    wanted = json.loads(next(entry["raw"] for entry in raws if entry["dir"] == "out"))
    frames = [entry["raw"] for entry in raws if entry["dir"] == "in"]
    codes = next(part["codes"] for part in wanted if "codes" in part)
    sim = simulator(markets=codes)
    reader = client(sim.url)
    reader.connection.send(json.dumps(wanted).replace("isOnlyRealtime", "is_only_realtime"))
    sim.wait(lambda sim: len(sim.served()) == 20)
    assert sim.play(CAPTURE, speed=None) == len(frames) == 1733
    assert [reader.text() for _ in frames] == frames
    # Tickers are not in this recording; they follow from its trades, with the last price of each market.
    last = {}
    for raw in frames:
        value = json.loads(raw, parse_float=Decimal)
        if value["ty"] == "trade":
            last[value["cd"]] = value["tp"]
    for code, price in last.items():
        assert json.loads(sim.current(f"ticker {code}"), parse_float=Decimal)["trade_price"] == price
    assert Counter(sent.stream.partition(" ")[0] for sent in sim.sent()) == {"orderbook": 1061, "trade": 672}


@pytest.mark.skipif(not TICKS.exists(), reason="the ticks are not part of the repository")
def test_real_ticks_can_be_played(simulator: Make) -> None:
    sim = simulator(markets=["KRW-BTC"])
    assert sim.play(TICKS, speed=None) == 19_676
    assert json.loads(sim.current("ticker KRW-BTC"))["trade_price"] > 10_000_000
