"""Requests that are long enough go out deflated, as the server asked for it; a real server inflates them."""

import pytest

from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.protocol.websocket.deflate import Deflater
from websocket_v6.simulator import Answers, Simulator
from websocket_v6.simulator.market.catalog import many_markets

CODES = sorted(many_markets(400))


@pytest.mark.parametrize(
    ("answers", "window_bits"),
    [
        (Answers(), 15),
        (Answers(client_no_context_takeover=True), 15),
        (Answers(client_max_window_bits=9), 9),
        (Answers(client_max_window_bits=10, client_no_context_takeover=True), 10),
        (Answers(compression=False), None),
    ],
)
def test_long_requests_are_understood(
    answers: Answers, window_bits: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[int, int, bytes | None]] = []
    deflate = Deflater.deflate

    def watch(self: Deflater, message: bytes) -> bytes | None:
        payload = deflate(self, message)
        sent.append((self.window_bits, len(message), payload))
        return payload

    monkeypatch.setattr(Deflater, "deflate", watch)
    with (
        Simulator(CODES, answers=answers) as sim,
        WebSocketClientProxy("chart", config=Config(url=sim.url)) as proxy,
    ):
        proxy.subscribe_ticker(CODES[:1])
        sim.wait_served({f"ticker {CODES[0]}"}, 20)
        proxy.subscribe_ticker(CODES)
        sim.wait_served({f"ticker {code}" for code in CODES}, 20)
        proxy.subscribe_trade(CODES)
        sim.wait_served({f"{type_} {code}" for type_ in ("ticker", "trade") for code in CODES}, 20)
        assert sim.connections()[0].compressed is (window_bits is not None)
    assert {bits for bits, _, _ in sent} == ({window_bits} if window_bits else set())
    if sent:
        (_, _, first), *others = sent
        assert first is None  # one code is short
        assert len(others) >= 2
        assert all(payload is not None and len(payload) < size / 2 for _, size, payload in others)
