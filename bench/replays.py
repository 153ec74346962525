"""What a recording costs: its size, and a replay of it, beside JSON lines that the standard library reads.

    python -m bench.replays [--messages 1000000] [--rounds 5] [--out FOLDER] [--capture FILE]

The messages are those of a capture of the exchange, over and over, but none is a copy: each time round prices are moved
by a number of ticks, sizes and sums have other digits, ids and times go on. What was equal in the capture, such as a
level of two books that follow each other, is equal each time: that is what a compressor lives on, and no more of it.

JSON lines are `{"dir": "in", "t": "...", "raw": "..."}` as the capture has them, and reading one is `json.loads` of the
line, `json.loads` of the frame in it, and two fields. A replay goes through the whole engine, at speed "max", to a
callback that reads the same two fields, with the digests on.
"""

import argparse
import hashlib
import json
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from websocket_v6 import Config, Subscription, WebSocketClientProxy
from websocket_v6.actors.replay.recorded_tape import Tape
from websocket_v6.protocol.exchange.streams import split, stream_of
from websocket_v6.protocol.recording.messages import Messages
from websocket_v6.protocol.recording.records import KeyState, Record, Rows, Standing
from websocket_v6.protocol.recording.writer import Header, RecordingWriter
from websocket_v6.protocol.replaying import Replay

from .machine import describe_machine
from .messages import CAPTURE, ROOT

__all__ = ["Frame", "Made", "main", "make", "read_capture", "varied"]

SECOND: Final = 1_000_000_000
NUMBER: Final = re.compile(r'"(\w+)":(-?[\d.]+(?:E[+-]?\d+)?|"[\d:-]+")')
PRICES: Final = frozenset(("ap", "bp", "tp"))
SIZES: Final = frozenset(("as", "bs", "tas", "tbs", "tv"))
TIMES: Final = frozenset(("tms", "ttms"))
LEVEL: Final = 6  # of the compressor, at this capture's 15 messages a second


class Frame(NamedTuple):
    """One message of the exchange, and when it was received (Unix nanoseconds)."""

    at_ns: int
    stream: str
    text: str


class Made(NamedTuple):
    """The same messages, in two forms."""

    recording: Path
    lines: Path
    messages: int
    frame_bytes: int
    streams: list[str]


def read_capture(path: Path) -> list[Frame]:
    """Return the messages of a capture."""
    frames = []
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            if entry["dir"] == "in":
                message = json.loads(entry["raw"])
                at_ns = int(Decimal(entry["t"]) * SECOND)
                frames.append(Frame(at_ns, stream_of(message["ty"], message["cd"]), entry["raw"]))
    return frames


def varied(frames: list[Frame], count: int) -> Iterator[Frame]:
    """Yield `count` messages like these, no two of which are the same."""
    period_ns = frames[-1].at_ns - frames[0].at_ns + SECOND // 15
    for number in range(count):
        time_round, place = divmod(number, len(frames))
        frame = frames[place]
        if not place:
            vary = _Variation(time_round, period_ns * time_round)
        yield Frame(frame.at_ns + period_ns * time_round, frame.stream, vary(frame))


class _Variation:
    """How the messages of one time round differ from those of the capture."""

    def __init__(self, number: int, later_ns: int) -> None:
        self._number = number
        self._later_ms = later_ns // 1_000_000
        self._sizes: dict[tuple[str, str], str] = {}
        self._shifts: dict[str, int] = {}

    def __call__(self, frame: Frame) -> str:
        if not self._number:
            return frame.text
        code = split(frame.stream)[1]
        moment = re.search(r'"ttms":(\d+)', frame.text)
        told = datetime.fromtimestamp((int(moment[1]) + self._later_ms) / 1000, UTC) if moment else None

        def changed(match: re.Match[str]) -> str:
            name, value = match[1], match[2]
            if name in PRICES:
                value = self._price(code, value)
            elif name in SIZES:
                value = self._size(code, value)
            elif name in TIMES:
                value = str(int(value) + self._later_ms)
            elif name == "sid":
                value = str(int(value) + self._later_ms * 1000)
            elif name == "td" and told is not None:
                value = f'"{told:%Y-%m-%d}"'
            elif name == "ttm" and told is not None:
                value = f'"{told:%H:%M:%S}"'
            return f'"{name}":{value}'

        return NUMBER.sub(changed, frame.text)

    def _price(self, code: str, value: str) -> str:
        """Move a price by as many ticks as all of its market."""
        shift = self._shifts.get(code)
        if shift is None:
            shift = self._shifts[code] = self._hash(code) % 97 - 40
        number = Decimal(value)
        tick = Decimal(1).scaleb(number.as_tuple().exponent)  # type: ignore[arg-type]
        moved = number + tick * shift
        return f"{moved if moved > 0 else number:f}" if "E" not in value else str(moved if moved > 0 else number)

    def _size(self, code: str, value: str) -> str:
        """Give a size other digits, the same ones for the same size."""
        known = self._sizes.get((code, value))
        if known is None:
            digits = iter(str(self._hash(f"{code} {value}")).rjust(40, "7"))
            mantissa, mark, exponent = value.partition("E")
            # Zeros stay: 0.00012 is a size of that order.
            is_leading = True
            made = []
            for one in mantissa:
                if not one.isdigit() or (is_leading and one == "0"):
                    made.append(one)
                else:
                    digit = next(digits)
                    made.append(digit if digit != "0" or not is_leading else "1")
                    is_leading = False
            known = self._sizes[(code, value)] = "".join(made) + mark + exponent
        return known

    def _hash(self, text: str) -> int:
        return int.from_bytes(hashlib.blake2b(f"{self._number} {text}".encode(), digest_size=16).digest(), "big")


def make(frames: Iterator[Frame], folder: Path, name: str = "made") -> Made:
    """Write messages in both forms; a recording as the recorder does, a piece each second."""
    recording, lines = folder / f"{name}.wsr", folder / f"{name}.jsonl"
    header = Header(engine="bench", id=name, region="kr", host="bench", streams=[], wall_ns=0, mono_ns=0)
    writer = RecordingWriter(header)
    count = size = 0
    streams: Counter[str] = Counter()
    flushed_ns = 0
    with recording.open("wb") as file, lines.open("w", encoding="utf-8") as text:
        file.write(writer.begin())
        for at_ns, stream, raw in frames:
            if not count:
                flushed_ns = at_ns
                writer.add(Record(at_ns, KeyState([], 0)), at_ns)
                writer.add(Record(at_ns, Standing("public", "open", 1, at_ns)), at_ns)
            if at_ns - flushed_ns >= SECOND or writer.is_frame_full:
                flushed_ns = at_ns
                file.write(writer.flush())
            writer.add(Record(at_ns, Rows(1, at_ns, 0, [stream], [raw.encode()])), at_ns)
            text.write(json.dumps({"dir": "in", "t": f"{at_ns / SECOND:.6f}", "raw": raw}) + "\n")
            count += 1
            size += len(raw)
            streams[stream] += 1
        file.write(writer.end(at_ns))
    return Made(recording, lines, count, size, sorted(streams))


# --- the readers; each returns seconds and what it has seen


def read_lines(made: Made) -> tuple[float, str]:
    """Read JSON lines with the standard library, and two fields of each message."""
    began = time.process_time()
    seen = 0
    with made.lines.open(encoding="utf-8") as lines:
        for line in lines:
            message = json.loads(json.loads(line)["raw"])
            _ = message["tms"], message["tp"] if message["ty"] == "trade" else message["tas"]
            seen += 1
    return time.process_time() - began, str(seen)


def replay(made: Made) -> tuple[float, str]:
    """Replay through the engine, to a callback that reads the same two fields."""
    seen = [0]

    def on_trade(event: Any) -> None:
        _ = event.timestamp, event.trade_price
        seen[0] += 1

    def on_book(event: Any) -> None:
        _ = event.timestamp, event.total_ask_size
        seen[0] += 1

    codes: dict[str, list[str]] = {"trade": [], "orderbook": []}
    for stream in made.streams:
        codes[split(stream)[0]].append(split(stream)[1])
    began = time.process_time()
    with WebSocketClientProxy("bench", config=Config.replay(made.recording, digests=True)) as proxy:
        subscriptions: list[Subscription[Any]] = []
        if codes["trade"]:
            subscriptions.append(proxy.subscribe_trade(codes["trade"], on_trade))
        if codes["orderbook"]:
            subscriptions.append(proxy.subscribe_orderbook(codes["orderbook"], on_book))
        proxy.run()
        seconds = time.process_time() - began
        digests = " ".join((one.digest or "")[:16] for one in subscriptions)
    return seconds, f"{seen[0]} {digests}"


def scan(made: Made) -> tuple[float, str]:
    """Read the recording alone, without the engine."""
    began = time.process_time()
    seen = sum(
        len(one.streams)
        for pieces in Tape(Replay(made.recording)).read()
        for one in pieces
        if isinstance(one, Messages)
    )
    return time.process_time() - began, str(seen)


READERS: Final[dict[str, Callable[[Made], tuple[float, str]]]] = {"lines": read_lines, "replay": replay, "scan": scan}


def measure(made: Made, rounds: int) -> dict[str, Any]:
    """Have each read all of it, in turn, so that what slows the machine down slows all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in READERS}
    seen: dict[str, set[str]] = {name: set() for name in READERS}
    for _ in range(rounds):
        for name, read in READERS.items():
            took, what = read(made)
            seconds[name].append(took)
            seen[name].add(what)
    micros = {name: [one / made.messages * 1e6 for one in taken] for name, taken in seconds.items()}
    ratios = [lines / replayed for lines, replayed in zip(seconds["lines"], seconds["replay"], strict=True)]
    return {
        "messages": made.messages,
        "frame_bytes": made.frame_bytes,
        "recording_bytes": made.recording.stat().st_size,
        "lines_bytes": made.lines.stat().st_size,
        "size_of_frames": made.recording.stat().st_size / made.frame_bytes,
        "best_us": {name: min(taken) for name, taken in micros.items()},
        "median_us": {name: statistics.median(taken) for name, taken in micros.items()},
        "lines_by_replay": min(seconds["lines"]) / min(seconds["replay"]),
        "lines_by_replay_of_each_round": ratios,
        "lines_by_scan": min(seconds["lines"]) / min(seconds["scan"]),
        "replays_equal": len(seen["replay"]) == 1,
        "seen": {name: sorted(what) for name, what in seen.items()},
    }


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.replays", description=__doc__, formatter_class=_Plain)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--capture", type=Path, default=CAPTURE)
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "bench")
    arguments = parser.parse_args()
    frames = read_capture(arguments.capture)
    trades = [one for one in frames if one.stream.startswith("trade ")]
    results: dict[str, Any] = {"machine": describe_machine()}
    for name, chosen in (("mix", frames), ("trades alone", trades)):
        with tempfile.TemporaryDirectory() as folder:
            made = make(varied(chosen, arguments.messages), Path(folder))
            results[name] = found = measure(made, arguments.rounds)
        best = found["best_us"]
        print(f"{name}: {made.messages:,} messages")
        print(f"  size: {found['size_of_frames']:.3f} of the frames' {made.frame_bytes / 1e6:,.1f} MB")
        print(
            f"  best of {arguments.rounds}, us a message: JSON lines {best['lines']:.2f}, replay {best['replay']:.2f}, "
            f"reading alone {best['scan']:.2f}"
        )
        print(f"  a replay is {found['lines_by_replay']:.2f} times as fast, reading {found['lines_by_scan']:.1f} times")
        print(f"  all replays equal: {'yes' if found['replays_equal'] else 'NO'}", flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "replays.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


_Plain = argparse.RawDescriptionHelpFormatter


if __name__ == "__main__":
    main()
