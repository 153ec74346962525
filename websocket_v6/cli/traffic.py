"""Where the demo's messages come from: a recording that stands beside the repository, or markets made up.

Both begin and end on command, so that two clients that are there from beginning to end can be compared message by
message.
"""

from collections import Counter
from collections.abc import Iterable
from gettext import gettext as _
from pathlib import Path
from typing import Protocol

from websocket_v6.simulator import Simulator
from websocket_v6.simulator.control.capture import RecordedLine, read_capture

__all__ = ["Generated", "Recording", "Traffic", "find_capture", "markets_of"]

CAPTURES = Path(__file__).resolve().parents[3] / "shared" / "data" / "captures"
# Quiet markets need some help to fill fifteen seconds.
HASTE = 4.0
# So slow that nothing but the first message is played before it is stopped.
STANDSTILL = 1e-9
RATE = 60.0
MARKETS = 6  # as many as a small terminal has lines for
CODES = ("KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL", "KRW-DOGE", "KRW-ADA")


class Traffic(Protocol):
    """What happens in the markets while the demo runs."""

    @property
    def codes(self) -> tuple[str, ...]:
        """The markets, busiest first."""

    @property
    def about(self) -> str:
        """What it is, in words."""

    def prepare(self, sim: Simulator) -> None:
        """Set the markets up, so that snapshots are right before anything happens."""

    def start(self, sim: Simulator, seconds: float) -> None:
        """Let things happen for about `seconds`."""

    def stop(self, sim: Simulator) -> None:
        """End it; nothing is sent after this returns."""


class Generated:
    """Markets made up by the simulator."""

    codes = CODES
    about = _("made up, {rate:.0f} messages a second").format(rate=RATE)

    def prepare(self, sim: Simulator) -> None:
        """Markets that are made up are always set up."""

    def start(self, sim: Simulator, seconds: float) -> None:  # noqa: ARG002  # it goes on for any time
        """Let things happen."""
        sim.set_traffic(RATE)

    def stop(self, sim: Simulator) -> None:
        """End it."""
        sim.set_traffic(0)
        sim.flush()


class Recording:
    """A recording of the real exchange."""

    def __init__(self, path: Path) -> None:
        lines = list(read_capture(path))
        self._path = path
        self._span = lines[-1].at - lines[0].at
        self.codes = _codes(lines)[:MARKETS]
        self.about = _("recorded, {name}").format(name=path.name)

    def prepare(self, sim: Simulator) -> None:
        """Begin every market at its first recorded state."""
        sim.play(self._path, STANDSTILL)
        sim.stop_playing()

    def start(self, sim: Simulator, seconds: float) -> None:
        """Play it, at most `HASTE` times its own pace."""
        speed = min(HASTE, self._span / seconds)
        self.about = _("recorded, {name}, {speed:.2g} times its pace").format(name=self._path.name, speed=speed)
        sim.play(self._path, speed)

    def stop(self, sim: Simulator) -> None:
        """End it."""
        sim.stop_playing()
        sim.flush()


def find_capture() -> Path | None:
    """Return a recording that stands beside the repository, if there is one."""
    return next(iter(sorted(CAPTURES.glob("*.jsonl"))), None)


def markets_of(path: Path) -> tuple[str, ...]:
    """Return the codes of a recording, busiest first.

    Raises:
        ValueError: if it is no recording.
    """
    return _codes(read_capture(path))


def _codes(lines: Iterable[RecordedLine]) -> tuple[str, ...]:
    counts: Counter[str] = Counter()
    for line in lines:
        if line.frame is not None:
            counts[line.frame.code] += 1
        elif line.trade is not None:
            counts[line.trade[0]] += 1
    return tuple(code for code, _ in counts.most_common())
