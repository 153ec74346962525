"""A day of a program in minutes: reconnects, changes of wants and lives of components, as many as in months.

    python -m tests.chaos.day [--reconnects 500] [--changes 100000] [--lives 10000]

Prints how memory, threads and descriptors went, a line for each twentieth of the way.
"""

import argparse
import contextlib
import gc
import json
import queue
import random
import sys
import time
from typing import Any

import psutil

from websocket_v6 import Config, Mailbox, WebSocketClientProxy
from websocket_v6.simulator import Simulator
from websocket_v6.simulator.market.catalog import many_markets

__all__ = ["live"]

MARKETS = 60
PARTS = 20
GROWTH = 8 * 1024 * 1024  # bytes by which the end may be above the middle
SERVED = 20.0


def live(*, reconnects: int, changes: int, lives: int, seed: int = 0) -> dict[str, Any]:
    """Live a day; return its figures, `wrong` among them: what did not hold."""
    rng = random.Random(seed)
    samples: list[dict[str, float]] = []
    wrong: list[str] = []
    with Simulator(markets=MARKETS, limits=None, process=True, traffic=50.0, record=False) as sim:
        codes = list(many_markets(MARKETS))
        config = Config(url=sim.url, mode="embedded", backoff_initial=0.01, backoff_max=0.1)
        epochs: queue.SimpleQueue[int] = queue.SimpleQueue()  # the epoch of each event of a component that stays
        with WebSocketClientProxy("stays", config=config) as proxy:
            stays = proxy.subscribe_ticker(codes[:5], callback=lambda event: epochs.put(event.epoch))
            changing = proxy.subscribe_trade(codes[:1], callback=lambda _: None, mailbox=Mailbox.latest())
            for part in range(PARTS):
                for _ in range(changes // PARTS // 2):
                    code = rng.choice(codes[5:])
                    changing.add(code)
                    changing.remove(code)
                for number in range(lives // PARTS):
                    with WebSocketClientProxy(f"life-{part}-{number}", config=config) as short:
                        short.subscribe_ticker(rng.choice(codes), callback=lambda _: None)
                for _ in range(reconnects // PARTS):
                    epoch = epochs.get(timeout=SERVED)
                    sim.drop()
                    if not _reaches(epochs, epoch + 1):
                        wrong.append(f"nothing within {SERVED:g} s of a lost connection")
                samples.append(_sample())
            health = proxy.health()
            if health.streams != len(set(codes[:5])) + 1:
                wrong.append(f"{health.streams} streams are wanted, not 6: {health.wanted}")
            stays.close()
    middle, end = samples[PARTS // 2], samples[-1]
    if end["rss"] - middle["rss"] > GROWTH:
        wrong.append(f"memory grew from {middle['rss']:,.0f} to {end['rss']:,.0f} bytes in the second half")
    for what in ("threads", "descriptors"):
        if end[what] > middle[what] + 2:
            wrong.append(f"{what} grew from {middle[what]:.0f} to {end[what]:.0f}")
    return {"wrong": wrong, "reconnects": health.counters.reconnects, "samples": samples}


def _reaches(epochs: "queue.SimpleQueue[int]", epoch: int) -> bool:
    """Read events up to the first of `epoch`, and all that lie there."""
    with contextlib.suppress(queue.Empty):
        while epochs.get(timeout=SERVED) < epoch or epochs.qsize():
            pass
        return True
    return False


def _sample() -> dict[str, float]:
    gc.collect()
    process = psutil.Process()
    return {
        "at": time.perf_counter(),
        "rss": process.memory_info().rss,
        "threads": process.num_threads(),
        "descriptors": process.num_fds(),
    }


def main() -> None:
    """Live as long a day as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.day", description=__doc__.partition("\n")[0])
    parser.add_argument("--reconnects", type=int, default=500)
    parser.add_argument("--changes", type=int, default=100_000)
    parser.add_argument("--lives", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    found = live(**vars(parser.parse_args()))
    print(json.dumps(found, indent=1))  # noqa: T201
    sys.exit(bool(found["wrong"]))


if __name__ == "__main__":
    main()
