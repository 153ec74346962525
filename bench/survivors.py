"""A host that is killed, or leaves: how long its guests are without data.

    python -m bench.survivors '{"url": "ws://...", "folder": "..."}'        (one process that wants data)

Such a process says {"epoch": ..., "at": ...} (monotonic nanoseconds) with the first record of every epoch. Told to
leave, it cleans up and says {"left": seconds}. `measure` runs as many as it is told against a simulator.
"""

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from websocket_v6 import Config, TickerEvent, WebSocketClientProxy
from websocket_v6.actors.membership.rendezvous import Rendezvous
from websocket_v6.simulator import Simulator

from .children import Child
from .runs import RunFailed

__all__ = ["TakeOvers", "measure"]

CODES = ["KRW-BTC", "KRW-ETH"]
TRAFFIC = 100.0  # messages a second
FOUND = 20.0  # seconds for a host to be there
POLL = 0.002


class TakeOvers(NamedTuple):
    """What was measured, in seconds.

    `first` are from the kill to the first record after it, of each survivor; `last` the same of the last survivor of
    each kill; `hand_overs` what it took a host to leave, which must make no gap.
    """

    first: list[float]
    last: list[float]
    hand_overs: list[float]


class Survivor(Child):
    """One process that wants data."""

    def __init__(self, url: str, folder: str) -> None:
        super().__init__("bench.survivors", {"url": url, "folder": folder})
        self.epoch = 0

    def first_record(self) -> int:
        """Return when the first record of the next epoch came.

        Raises:
            RunFailed: if more than one has begun.
        """
        found = self.result()
        self.epoch += 1
        if found["epoch"] != self.epoch:
            raise RunFailed(f"a record of epoch {found['epoch']} where the first of {self.epoch} was due")
        return int(found["at"])


def measure(guests: int, kills: int, hand_overs: int) -> TakeOvers:
    """Kill the host of so many guests again and again, then have it leave; a new process comes each time."""
    found = TakeOvers([], [], [])
    with tempfile.TemporaryDirectory() as folder, Simulator(CODES, process=True, traffic=TRAFFIC) as simulator:
        Path(folder).chmod(0o700)
        meeting_point = Rendezvous(Path(folder), simulator.url)
        members: dict[int, Survivor] = {}

        def join() -> None:
            one = Survivor(simulator.url, folder)
            members[one.pid] = one
            one.first_record()

        try:
            for _ in range(1 + guests):
                join()
            for _ in range(kills):
                host = members.pop(_host(meeting_point, members))
                killed_ns = time.monotonic_ns()
                os.kill(host.pid, signal.SIGKILL)
                # A record of a new epoch that came before the kill would make this negative.
                delays = [(one.first_record() - killed_ns) / 1e9 for one in members.values()]
                host.kill()
                found.first.extend(delays)
                found.last.append(max(delays))
                join()
            for _ in range(hand_overs):
                host = members.pop(_host(meeting_point, members))
                host.say("leave")
                found.hand_overs.append(float(host.result()["left"]))
                host.kill()
                join()
            for one in members.values():
                one.say("epoch")
                if one.result()["epoch"] != one.epoch:
                    raise RunFailed("a hand-over made a gap")
        finally:
            for one in members.values():
                one.kill()
    return found


def _host(meeting_point: Rendezvous, members: dict[int, Survivor]) -> int:
    """Wait until one of `members` is the host, and return its process id."""
    deadline = time.monotonic() + FOUND
    while time.monotonic() < deadline:
        entry = meeting_point.find_host()
        if entry is not None and entry.pid in members:
            return entry.pid
        time.sleep(POLL)
    raise RunFailed(f"no host within {FOUND:g} s")


def main() -> None:
    """Want data, and say when it comes."""
    settings = json.loads(sys.argv[1])
    config = Config(url=settings["url"], runtime_dir=Path(settings["folder"]))
    epoch = 0

    def note(event: TickerEvent) -> None:
        nonlocal epoch
        if event.epoch != epoch:
            epoch = event.epoch
            _say({"epoch": epoch, "at": time.monotonic_ns()})

    proxy = WebSocketClientProxy("survivor", config=config)
    proxy.subscribe_ticker(CODES, note)
    for line in sys.stdin:
        if line == "leave\n":
            started = time.monotonic()
            proxy.cleanup()
            _say({"left": time.monotonic() - started})
        else:
            _say({"epoch": epoch})


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
