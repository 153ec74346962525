"""What `KRW-*` costs against naming the codes: CPU for each message, memory, requests and their bytes.

    python -m bench.all_markets              289 markets, ticker, trade and order book, three ways, three rounds (2 min)
    python -m bench.all_markets --markets 40 --seconds 2 --rounds 1

A simulated exchange in a process of its own sends traffic to one component at a time, each in a fresh process: with a
pattern for each type, with all codes in a list for each type, and with a subscription for each code and type. The ways
take turns, round by round, since machines change their pace; what is printed are medians, and ratios to the list.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import psutil

from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.simulator import Simulator

from .messages import ROOT

__all__ = ["WAYS", "measure", "subscribe"]

WAYS = ("pattern", "list", "one by one")
TYPES = ("ticker", "trade", "orderbook")
TRAFFIC = 1500.0  # messages a second
WARM_UP = 2.0


def subscribe(proxy: WebSocketClientProxy, way: str, codes: Sequence[str]) -> None:
    """Have all of `codes` and types delivered to a callback that does nothing."""
    wanted: dict[str, list[Any]] = {"pattern": ["KRW-*"], "list": [list(codes)], "one by one": list(codes)}
    for type_ in TYPES:
        for symbols in wanted[way]:
            getattr(proxy, f"subscribe_{type_}")(symbols, lambda _: None)


def measure(url: str, way: str, codes: Sequence[str], seconds: float) -> dict[str, float]:
    """Run one component for a while; return what it took. To be called in a fresh process."""
    with WebSocketClientProxy(way, config=Config(url=url, mode="embedded")) as proxy:
        began = time.monotonic()
        subscribe(proxy, way, codes)
        proxy.wait_ready(60.0)
        ready = time.monotonic() - began
        time.sleep(WARM_UP)
        before, cpu = proxy.health().counters, time.process_time()
        time.sleep(seconds)
        cpu = time.process_time() - cpu
        health = proxy.health()
        messages = health.counters.received - before.received
        (public,) = (one for one in health.connections if one.endpoint == "public")
        return {
            "ready (s)": ready,
            "messages": messages,
            "CPU (us/message)": 1e6 * cpu / max(1, messages),
            "memory (MiB)": psutil.Process().memory_info().rss / 2**20,
            "requests": health.counters.requests_sent,
            "request (bytes)": public.request_bytes,
            "streams": health.streams,
        }


def run(url: str, way: str, codes: Sequence[str], seconds: float) -> dict[str, float]:
    """Measure one way in a process of its own."""
    command = [sys.executable, "-m", "bench.all_markets", "--child", url, way, str(seconds)]
    done = subprocess.run(
        command,
        input=json.dumps(codes),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="What KRW-* costs against naming the codes.")
    parser.add_argument("--markets", type=int, default=289)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        url, way, seconds = arguments.child
        print(json.dumps(measure(url, way, json.load(sys.stdin), float(seconds))))
        return
    codes = [f"KRW-M{number:03}" for number in range(arguments.markets)]
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with Simulator(markets=codes, traffic=TRAFFIC, limits=None, record=False, process=True) as sim:
        for _ in range(arguments.rounds):
            for way in WAYS:
                found[way].append(run(sim.url, way, codes, arguments.seconds))
    medians = {
        way: {name: statistics.median(one[name] for one in results) for name in results[0]}
        for way, results in found.items()
    }
    print(f"{'':18}" + "".join(f"{way:>24}" for way in WAYS))
    for name, base in medians["list"].items():
        cells = (f"{medians[way][name]:12.2f} ({medians[way][name] / base:5.2f} x)" if base else "-" for way in WAYS)
        print(f"{name:18}" + "".join(f"{cell:>24}" for cell in cells))


if __name__ == "__main__":
    main()
