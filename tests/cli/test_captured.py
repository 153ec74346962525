"""A recording as the simulator plays it."""

import json
from pathlib import Path

from tests.conftest import wait_until
from tests.replays import candle, market, rows, write
from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.cli.captured import captured
from websocket_v6.protocol.recording.records import BACKFILLED, CLOSED
from websocket_v6.simulator import Simulator


def test_a_capture_is_itself(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}")
    with captured(tmp_path / "a.jsonl") as path:
        assert path == tmp_path / "a.jsonl"


def test_a_recording_is_played_by_a_simulator(tmp_path: Path) -> None:
    recording = write(
        tmp_path / "a.wsr",
        [
            *market(60),
            rows(9, ("myOrder KRW-BTC", {"ty": "myOrder"})),
            rows(9, candle("KRW-BTC", 9, 0, 1), marks=BACKFILLED | CLOSED),  # of REST: the exchange did not send it
        ],
    )
    got: list[str] = []
    with captured(recording) as path, Simulator(["KRW-BTC", "KRW-ETH", "KRW-XRP"]) as sim:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert len(lines) == 87
        assert lines[0]["t"] == "1600000000.100000000"
        with WebSocketClientProxy("a", config=Config(url=sim.url, mode="embedded")) as proxy:
            proxy.subscribe_trade("KRW-BTC", lambda event: got.append(str(event.trade_price)))
            sim.wait_served({"trade KRW-BTC"})
            assert sim.play(path, None, wait=True) == 87
            last = [json.loads(line["raw"]) for line in lines if '"trade","cd":"KRW-BTC"' in line["raw"]][-1]
            wait_until(lambda: got[-1:] == [str(last["tp"])], "the last trade")
    assert not path.exists()
