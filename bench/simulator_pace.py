"""How many messages a second a simulator makes and sends on one core: python -m bench.simulator_pace

It runs in a process of its own and is asked for more than it can; a plain socket takes what comes, without looking.
What is told is messages for a second of its processor time, which other programs on the machine hardly change.
"""

import argparse
import contextlib
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator

import psutil

from websocket_v6.simulator import Simulator, Weather
from websocket_v6.simulator.market.catalog import many_markets

__all__ = ["measure"]

TYPES = ("ticker", "trade", "orderbook")
MARKETS = 300
WEATHERS = {"calm": Weather.calm(), "usual": Weather.usual(), "storm": Weather.storm(pace=1.0)}


def measure(weather: Weather, types: tuple[str, ...], *, seconds: float, suffix: str = "") -> float:
    """Return the messages for a second of the simulator's processor time."""
    with Simulator(MARKETS, process=True, weather=weather, record=False, limits=None) as sim, _client(sim) as client:
        codes = [code + suffix for code in many_markets(MARKETS)]
        parts: list[dict[str, object]] = [
            {"type": type_, "codes": codes if type_ == "orderbook" else many_markets(MARKETS)} for type_ in types
        ]
        client.sendall(_frame(json.dumps([{"ticket": "pace"}, *parts, {"format": "SIMPLE"}]).encode()))
        sim.wait(lambda sim: len(sim.served()) == len(types) * MARKETS, 20)
        (child,) = (one for one in psutil.Process().children() if one.pid != os.getpid())
        sim.set_traffic(1_000_000)
        time.sleep(1.0)
        begun = _now(sim, child)
        time.sleep(seconds)
        ended = _now(sim, child)
        return (ended[1] - begun[1]) / (ended[0] - begun[0])


def _now(sim: Simulator, child: psutil.Process) -> tuple[float, int]:
    """Return its processor time and what it has sent.

    In this order: it looks at once, and answers when all that it has made is sent, which takes it some time.
    """
    times = child.cpu_times()
    return times.user + times.system, sum(info.sent for info in sim.connections())


@contextlib.contextmanager
def _client(sim: Simulator) -> Iterator[socket.socket]:
    """Open a WebSocket and throw away what comes."""
    with socket.create_connection(("127.0.0.1", sim.port)) as sock:
        sock.sendall(
            b"GET /websocket/v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        sock.recv(4096)
        ended = threading.Event()

        def read() -> None:
            with contextlib.suppress(OSError):
                while not ended.is_set() and sock.recv(1 << 20):
                    pass

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield sock
        finally:
            ended.set()
            sock.shutdown(socket.SHUT_RDWR)
            thread.join()


def _frame(data: bytes) -> bytes:
    """Mask a text frame of a client, with zeros."""
    length = struct.pack("!BBH", 0x81, 0xFE, len(data)) if len(data) < 1 << 16 else b""
    return length + bytes(4) + data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each is measured")
    arguments = parser.parse_args()
    print("| weather | streams of 300 markets | messages for a second of one core |")
    print("|---|---|---|")
    for name, weather in WEATHERS.items():
        for types, suffix in (
            (("ticker",), ""),
            (("trade",), ""),
            (("ticker", "trade"), ""),
            (TYPES, ".5"),
            (TYPES, ""),
        ):
            rate = measure(weather, types, seconds=arguments.seconds, suffix=suffix)
            print(
                f"| {name} | {', '.join(types)}{f' ({suffix[1:]} levels)' if suffix else ''} | {rate:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
