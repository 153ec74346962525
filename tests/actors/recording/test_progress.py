"""How a recording stands, in words."""

import time
from pathlib import Path

from websocket_v6.actors.recording.progress import Progress


def test_it_runs_until_it_has_ended_and_the_first_end_counts() -> None:
    progress = Progress(Path("day.wsr"))
    assert (progress.health().state, progress.health().path) == ("running", "day.wsr")
    assert progress.over("failed", "the disk is full")
    since_ns = progress.health().since_ns
    assert not progress.over("ended")
    health = progress.health()
    assert (health.state, health.reason, health.since_ns) == ("failed", "the disk is full", since_ns)
    assert abs(since_ns - time.time_ns()) < 60e9


def test_it_reads_well() -> None:
    progress = Progress(Path("day.2.wsr"))
    progress.since_ns, progress.files, progress.messages, progress.size = 1_600_000_000_000_000_000, 2, 7, 1_230_000
    assert str(progress.health()) == (
        "recording day.2.wsr running since 2020-09-13 12:26:40 UTC; 7 messages, 1.23 MB in 2 files"
    )
    progress.dropped, progress.holes = 5, 2
    progress.over("failed", "the disk is full")
    assert str(progress.health()).endswith("1.23 MB in 2 files, 5 messages missing in 2 holes")
    assert ": the disk is full; " in str(progress.health())
