"""A soak against a server that does all that hostile servers do, at random: who is served, what grows, what is told.

    python -m tests.chaos.hostile [--seconds 1800] [--seed N] [--processes 3] [--out reports/hostile]

Storms and calms take turns. In each calm every component of every process must have data again; over the whole the
memory, threads and descriptors of each process stay what they were; and its log, written at the lowest level, holds no
secret, no escape sequence, no forged line, no line without an end, and no flood.
"""

import argparse
import contextlib
import json
import os
import queue
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from websocket_v6.simulator import Simulator

from .mischief import Hostile
from .proxy import FaultProxy

__all__ = ["Verdict", "soak"]

STORM, CALM = 15.0, 30.0  # seconds; a calm ends as soon as everybody was served
WARM_UP = 120.0  # seconds in which memory may grow, at most a third of the whole
GROWTH = 24 * 1024 * 1024  # bytes by which the last third may be above the one before
RETRY_AFTER = 1.0
# What is freed goes back to the system. By itself glibc keeps what a burst of large messages took, in an arena for each
# thread, so that resident memory shows the greatest bursts so far and not what is held.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "262144", "MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_ARENA_MAX": "2"}
LONGEST_LINE = 4000  # characters of a log line; a traceback's lines are shorter
FLOOD = 30.0  # lines a second at WARNING or above, over the whole
TOKEN = re.compile(r"eyJ[\w-]{10,}\.")


class Member(threading.Thread):
    """One process under attack, and all that it said."""

    def __init__(self, number: int, folder: Path, settings: dict[str, Any]) -> None:
        super().__init__(name=f"member-{number}")
        self.log = folder / f"{number}.log"
        self.reports: list[dict[str, Any]] = []
        self.news: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.program", json.dumps({**settings, "log": str(self.log)})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            env={**os.environ, **ALLOCATOR},
        )
        self.began = time.monotonic()
        self.told: list[str] = []
        self.last: dict[str, Any] = {}
        self.start()

    def run(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            report = json.loads(line)
            if "told" in report:
                self.told = report["told"]
            elif "ages" in report:
                self.reports.append({"at": time.monotonic() - self.began, **report})
            else:
                self.last = report

    def served_since(self, moment: float) -> list[str]:
        """Return the components that had nothing since `moment` (monotonic)."""
        if not self.reports:
            return ["all"]
        report = self.reports[-1]
        since = self.began + report["at"] - moment
        return [name for name, age in report["ages"].items() if age is None or age > since]

    def finish(self) -> int:
        """Have it end in order; return its exit status."""
        assert self.popen.stdin is not None
        self.popen.stdin.close()
        try:
            status = self.popen.wait(30)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            status = -9
        self.join()
        if self.popen.stdout is not None:
            self.popen.stdout.close()
        return status


class Verdict:
    """What was found wrong, and the figures."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.figures: dict[str, Any] = {}

    def expect(self, holds: bool, words: str) -> None:
        if not holds:
            self.wrong.append(words)


def soak(seconds: float, *, seed: int = 0, processes: int = 3, answers: float = 0.5, frames: float = 0.01) -> Verdict:
    """Run the soak for `seconds` and judge it."""
    verdict = Verdict()
    hostile = Hostile(seed, answers=answers, frames=frames)
    with (
        tempfile.TemporaryDirectory() as name,
        Simulator(markets=["KRW-BTC", "KRW-ETH", "KRW-XRP"], traffic=100.0, process=True) as sim,
        FaultProxy(sim.port, hostile) as proxy,
        contextlib.ExitStack() as stack,
    ):
        settings = {
            "url": proxy.url,
            "rest_url": proxy.rest_url,
            "access_key": sim.access_key,
            "secret_key": sim.secret_key,
            "runtime_dir": str(Path(name) / "run"),
            "backfill": True,
            "connect_timeout": 3.0,
            "ping_interval": 2.0,
            "ping_timeout": 2.0,
            "backoff_initial": 0.1,
            "backoff_max": 1.0,
            "retry_after": RETRY_AFTER,
        }
        members = [Member(number, Path(name), settings) for number in range(processes)]
        statuses: list[int] = []
        for member in members:
            stack.callback(member.popen.kill)
        end = time.monotonic() + seconds
        calms = _take_turns(sim, hostile, members, end, verdict)
        statuses += [member.finish() for member in members]
        verdict.expect(statuses == [0] * processes, f"the processes ended with {statuses}")
        for number, member in enumerate(members):
            _judge_growth(number, member, verdict)
            _judge_log(number, member, [sim.access_key, sim.secret_key], verdict)
        verdict.figures |= {"seed": seed, "seconds": seconds, "calms": calms, "did": hostile.counts, "met": proxy.met}
    return verdict


def _take_turns(sim: Simulator, hostile: Hostile, members: list[Member], end: float, verdict: Verdict) -> list[float]:
    """Return how long it took in each calm until everybody was served."""
    pause = threading.Event()
    calms: list[float] = []
    while True:
        hostile.is_on = False
        began = time.monotonic()
        missing: list[str] = ["all"]
        while missing and time.monotonic() - began < CALM:
            pause.wait(0.5)
            sim.cancel_order(sim.place_order("KRW-BTC", "BID", 1_000_000, "0.01"))
            missing = [f"{name} of {at}" for at, one in enumerate(members) for name in one.served_since(began)]
        calms.append(round(time.monotonic() - began, 1))
        verdict.expect(not missing, f"{CALM:g} s into calm {len(calms)} these had nothing: {missing}")
        dead = [at for at, one in enumerate(members) if one.popen.poll() is not None]
        verdict.expect(not dead, f"these processes ended: {dead}")
        if time.monotonic() > end or dead:
            return calms
        hostile.is_on = True
        pause.wait(min(STORM, max(1.0, end - time.monotonic())))


def _judge_growth(number: int, member: Member, verdict: Verdict) -> None:
    """Compare the thirds of what is left after the start."""
    reports = member.reports
    warm = min(WARM_UP, reports[-1]["at"] / 3) if reports else 0.0
    settled = [one for one in reports if one["at"] >= warm]
    third = max(1, len(settled) // 3)
    if len(settled) < 9:
        verdict.expect(False, f"process {number} said too little to judge it")
        return
    figures = verdict.figures.setdefault("processes", {})[number] = {
        key: [
            statistics.median(one[key] for one in part)
            for part in (settled[:third], settled[third:-third], settled[-third:])
        ]
        for key in ("rss", "threads", "descriptors")
    }
    figures["peak"] = max(one["rss"] for one in reports)
    figures["counts"] = reports[-1]["counts"]
    figures["cpu"] = reports[-1]["cpu"]
    verdict.expect(figures["rss"][2] - figures["rss"][1] < GROWTH, f"process {number} grows: {figures['rss']}")
    for key, room in (("threads", 6), ("descriptors", 12)):
        verdict.expect(figures[key][2] - figures[key][0] <= room, f"{key} of process {number} grow: {figures[key]}")
    verdict.expect(member.last.get("threads") == 1, f"process {number} left threads behind: {member.last}")


def _judge_log(number: int, member: Member, secrets: list[str], verdict: Verdict) -> None:
    text = member.log.read_text(encoding="utf-8", errors="surrogateescape")
    lines = text.split("\n")
    told = "\n".join(member.told)
    for where, words in (("log", text), ("told", told)):
        for secret in secrets:
            verdict.expect(secret not in words, f"a key is in the {where} of process {number}")
        found = TOKEN.search(words)
        verdict.expect(
            not found, f"a token is in the {where} of process {number}: {found and words[found.start() - 80 :][:100]!r}"
        )
        verdict.expect(
            not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", words), f"control characters in the {where}"
        )
    verdict.expect(not any(line.startswith("ERROR everything") for line in lines), "a forged line is in the log")
    longest = max(lines, key=len)
    verdict.expect(len(longest) <= LONGEST_LINE, f"a line of {len(longest)} characters: {longest[:200]!r}")
    bugs = [line for line in lines if "this is a bug" in line]
    verdict.expect(not bugs, f"{len(bugs)} bugs in process {number}, first {bugs[:1]}")
    loud = [line for line in lines if line.startswith(("WARNING", "ERROR", "CRITICAL"))]
    lasted = member.reports[-1]["at"] if member.reports else 1.0
    verdict.expect(len(loud) / lasted < FLOOD, f"{len(loud)} loud lines in {lasted:.0f} s")
    verdict.figures.setdefault("loud", {})[number] = len(loud)
    kinds: dict[str, int] = {}
    for line in loud:
        kind = re.sub(r"[\d.]+", "#", line)[:80]
        kinds[kind] = kinds.get(kind, 0) + 1
    verdict.figures.setdefault("lines", {})[number] = sorted(kinds.items(), key=lambda one: -one[1])[:25]


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.hostile", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "hostile")
    arguments = parser.parse_args()
    verdict = soak(arguments.seconds, seed=arguments.seed, processes=arguments.processes)
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"wrong": verdict.wrong, **verdict.figures}, indent=1)
    (arguments.out / "hostile.json").write_text(text + "\n", encoding="utf-8")
    print(text)  # noqa: T201
    sys.exit(bool(verdict.wrong))


if __name__ == "__main__":
    main()
