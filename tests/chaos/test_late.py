"""A connection that is to be replaced while the way to it holds back what it carries."""

import asyncio
import threading
import time
from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6 import Config, ConnectionEvent, Mailbox, WebSocketClientProxy
from websocket_v6.protocol.demand import joining
from websocket_v6.simulator import Simulator

from .oracle import Made, Seen, Told, judge
from .proxy import Connection, Fault, FaultProxy

LATE = 1.5  # seconds that each chunk is held back
PATIENCE = 0.5  # for the last answer of who is to be replaced


class OldIsLate(Fault):
    """Holds back what the first connection brings, once it is told to."""

    def __init__(self) -> None:
        self.is_on = False
        self._old: Connection | None = None

    async def meet(self, connection: Connection) -> bool:
        self._old = self._old or connection
        return False

    async def pass_on(self, connection: Connection, chunk: bytes, to: asyncio.StreamWriter) -> None:
        if self.is_on and connection is self._old and to is connection.writer:
            await asyncio.sleep(LATE)
        await super().pass_on(connection, chunk, to)


@pytest.mark.slow
def test_what_a_late_connection_still_holds_when_it_is_replaced_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "PROOF_PATIENCE", PATIENCE)
    fault = OldIsLate()
    made: list[Made] = []
    seen: list[Seen] = []
    told: list[ConnectionEvent] = []
    end = threading.Event()

    def note(event: Any) -> None:
        seen.append(Seen(str(event.sequential_id), event.epoch, event.received_at))

    with Simulator(markets=["KRW-BTC"], limits=None) as sim, FaultProxy(sim.port, fault) as proxy:

        def make() -> None:
            while not end.wait(0.01):
                at = time.time_ns()
                made.append(Made(str(sim.trade("KRW-BTC")), at))

        maker = threading.Thread(target=make)
        with WebSocketClientProxy("bot", config=Config(url=proxy.url, max_age=2.0)) as bot:
            bot.on_connection(told.append)
            bot.subscribe_trade("KRW-BTC", note, mailbox=Mailbox.lossless(1 << 26))
            maker.start()
            try:
                wait_until(lambda: len(seen) > 20, "a stream that runs")
                fault.is_on = True
                wait_until(lambda: proxy.met > 1, "another connection")
                wait_until(lambda: not sim.connections("public")[0].open, "the end of the first")
                last = made[-1].key
                wait_until(lambda: any(one.key == last for one in list(seen)[-200:]), "what came since")
            finally:
                end.set()
                maker.join()
            wait_until(lambda: seen[-1].key == made[-1].key, "the last")
    gaps = [Told(one.epoch, one.gap_started_at) for one in told if one.state == "open" and one.gap_started_at]
    assert not judge(seen, made, gaps)
    assert gaps
