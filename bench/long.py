"""The scenarios that take their time, each a command of its own: a full market, a soak, a crowded registry.

    python -m bench.long books [--seconds 60]        all 855 books at ten times the live rate
    python -m bench.long soak [--seconds 1800]       tickers as fast as they are taken
    python -m bench.long registry [--components 10000]

Each prints JSON and leaves it, the soak with a plot, in the folder `--out`. `python -m bench` has the first and the
last of them too. Source of the live rate, 790 books a second from 855 markets: measured by a third party in 2026.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pykka

from websocket_v6 import Config, Mailbox
from websocket_v6.actors.base import Actor, ask, stop_and_join
from websocket_v6.actors.demand.registry import Registry
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import GetHealth
from websocket_v6.actors.messages.connection import Ask
from websocket_v6.actors.messages.registry import ComponentGone, LineChanged, Subscribe, UseConnection, UseRouter
from websocket_v6.protocol.exchange.requests import encode_request
from websocket_v6.protocol.exchange.wants import ticker_want

from .machine import describe_machine, versions
from .messages import ROOT
from .plots import can_plot, draw_soak
from .runs import run
from .sender import Orders

__all__ = ["books", "registry", "soak"]

MARKETS = 855
LIVE_RATE = 790.0
ENDLESS = 10**12
WARM_UP = 60.0  # seconds of a soak that memory may grow in
CHANGES = 50
SETTLED = 2.0  # seconds after which the last change has been sent
ASK_TIMEOUT = 60.0


def books(seconds: float) -> dict[str, Any]:
    """(d) Every book of the exchange at ten times the live rate: CPU, drops, memory."""
    rate = 10 * LIVE_RATE
    limit = int(rate * seconds)
    orders = Orders("orderbook", "paced", rate=rate, limit=limit, markets=MARKETS, block=2 * MARKETS)
    found = run("steady", orders, goal=limit, seconds=2 * seconds, lossless=True)
    last = found["samples"][-1]
    return {
        "markets": MARKETS,
        "sent": limit,
        "rate": rate,
        "received": found["received"],
        "malformed": found["malformed"],
        **{key: last[key] for key in ("delivered", "dropped", "queued", "threads")},
        "cpu_share": last["cpu_seconds"] / last["at"],
        "resident_mib": max(sample["resident_mib"] for sample in found["samples"]),
        "most_queued": max(sample["queued"] for sample in found["samples"]),
    }


def soak(seconds: float) -> dict[str, Any]:
    """(g) Tickers at full speed: does memory stay what it is, do threads?"""
    found = run("steady", Orders("ticker"), goal=ENDLESS, seconds=seconds)
    samples = found["samples"]
    settled = [sample for sample in samples if sample["at"] >= min(WARM_UP, seconds / 2)]
    return {
        "delivered": samples[-1]["delivered"],
        "dropped": samples[-1]["dropped"],
        "messages_per_second": samples[-1]["delivered"] / samples[-1]["at"],
        "threads": sorted({sample["threads"] for sample in settled}),
        "resident_mib_settled": settled[0]["resident_mib"],
        "resident_mib_end": settled[-1]["resident_mib"],
        "resident_mib_slope_per_minute": _slope(settled) * 60,
        "samples": samples,
    }


def _slope(samples: Sequence[dict[str, float]]) -> float:
    if len(samples) < 2:
        return 0.0
    return statistics.linear_regression(
        [sample["at"] for sample in samples], [sample["resident_mib"] for sample in samples]
    ).slope


class Sink(Actor):
    """Stands for the actors around the registry: keeps what it would have to send, drops the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []

    def on_receive(self, message: object) -> object:
        """Take one message."""
        match message:
            case Ask(_, plan):
                self.requests.append(encode_request("ticket", plan.types, "SIMPLE"))
            case GetHealth():
                return self.requests
            case _:
                pass
        return None


def registry(components: int) -> dict[str, Any]:
    """(e) So many components, each of which wants every market: what does one change cost, what is sent?"""
    sink = Sink.start()
    subject = Registry.start(config=Config(mode="embedded"), supervisor=sink)
    try:
        return _registry(components, subject, sink)
    finally:
        stop_and_join(subject, ASK_TIMEOUT)
        stop_and_join(sink, ASK_TIMEOUT)


def _registry(components: int, subject: "pykka.ActorRef[Any]", sink: "pykka.ActorRef[Any]") -> dict[str, Any]:
    subject.tell(UseRouter(sink))
    subject.tell(UseConnection("public", sink, 1))
    want = ticker_want([f"KRW-C{number:03}" for number in range(MARKETS)])
    mailbox = MailboxQueue(Mailbox.latest())
    ask(subject, Subscribe("component-0", 0, want, mailbox, None), ASK_TIMEOUT)
    subject.tell(LineChanged("public", 1, "open", 1, time.time_ns()))
    started = time.process_time()
    for index in range(1, components):
        ask(subject, Subscribe(f"component-{index}", index, want, mailbox, None), ASK_TIMEOUT)
    filled = time.process_time() - started
    changes = []
    for index in range(CHANGES):
        started = time.process_time()
        ask(subject, ComponentGone(f"component-{index}"), ASK_TIMEOUT)
        ask(subject, Subscribe(f"component-{index}", components + index, want, mailbox, None), ASK_TIMEOUT)
        changes.append((time.process_time() - started) / 2)
    time.sleep(SETTLED)
    requests: list[str] = ask(sink, GetHealth(), ASK_TIMEOUT)
    return {
        "components": components,
        "codes": MARKETS,
        "changes": 2 * CHANGES,
        "cpu_seconds_to_fill": filled,
        "cpu_ms_per_change": statistics.median(changes) * 1e3,
        "requests_sent": len(requests),
        "request_bytes": max(map(len, requests), default=0),
    }


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.long", description=__doc__.partition("\n")[0])
    parser.add_argument("scenario", choices=["books", "soak", "registry"])
    parser.add_argument("--seconds", type=float, help="60 for books, 1800 for soak")
    parser.add_argument("--components", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "bench", help="where results and plots go")
    arguments = parser.parse_args()
    match arguments.scenario:
        case "books":
            found = books(arguments.seconds or 60.0)
        case "soak":
            found = soak(arguments.seconds or 1800.0)
        case _:
            found = registry(arguments.components)
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": describe_machine(), "versions": versions(), **found}, indent=1)
    (arguments.out / f"{arguments.scenario}.json").write_text(text + "\n", encoding="utf-8")
    if arguments.scenario == "soak" and can_plot():
        draw_soak(found, arguments.out)
    print(json.dumps({key: value for key, value in found.items() if key != "samples"}, indent=1))


if __name__ == "__main__":
    main()
