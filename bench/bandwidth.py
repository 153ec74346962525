"""What a stream costs on the wire: the same traffic in both formats, plain and deflated.

    python -m bench.bandwidth [CAPTURE]
    python -m bench.bandwidth --markets 855     traffic that the simulator makes up, of so many markets

The simulator plays a capture at once to one connection for each way of asking for it, recoded where it must be, and
each counts the bytes that its socket brings after the handshake. Tickers, which the capture lacks, are made from its
trades. A message that comes alone also pays for a TLS record and a packet; the last column counts that in.

The capture has nine markets, few enough for a deflate window (32 KiB) to hold the last message of each; of the whole
exchange it holds none, which the made-up traffic shows.
"""

import argparse
import base64
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import websocket
from rich.console import Console
from rich.table import Table

from websocket_v6.protocol.websocket import deflate, handshake
from websocket_v6.protocol.websocket.frames import Closed, FrameDecoder
from websocket_v6.simulator import Limits, Simulator
from websocket_v6.simulator.market.catalog import many_markets

from .messages import CAPTURE

__all__ = ["Flow", "measure"]

FORMATS = ("DEFAULT", "SIMPLE")
KINDS = ("ticker", "trade", "orderbook")
ROUNDS = 10  # of made-up traffic: so many times the number of markets
CHUNK = 256 * 1024
TIMEOUT = 120.0
CLOSE_FRAME = 4  # head and code; no message
# Of a message that comes alone, beside its frame: TLS 1.3 takes 22 bytes a record (RFC 8446, 5.2, with AES-GCM), TCP
# with timestamps 32 and IPv4 20 a packet.
ALONE = 22 + 32 + 20


class Flow(NamedTuple):
    """What came over one connection."""

    kind: str
    format: str
    deflated: bool
    messages: int
    wire_bytes: int  # frames as the socket brought them

    @property
    def bytes_alone(self) -> int:
        """What the messages take on the wire if each is sent by itself over TLS."""
        return self.wire_bytes + ALONE * self.messages


class Tap(threading.Thread):
    """One connection that counts what comes, until the exchange closes it."""

    def __init__(self, url: str, kind: str, format_: str, codes: list[str], *, deflated: bool) -> None:
        super().__init__(daemon=True)
        self.flow = Flow(kind, format_, deflated, 0, 0)
        key = base64.b64encode(os.urandom(16)).decode()
        headers = {"Sec-WebSocket-Key": key}
        if deflated:
            headers["Sec-WebSocket-Extensions"] = deflate.OFFER
        self._ws = websocket.create_connection(url, header=headers, timeout=TIMEOUT)
        response = self._ws.getheaders() or {}
        handshake.check_response(response, key=key)
        agreed = deflate.negotiate(response.get("sec-websocket-extensions"), offered=deflated)
        if (agreed is not None) is not deflated:
            raise RuntimeError("the simulator did not agree on what was asked for")
        self._decoder = FrameDecoder(deflate=agreed.inflater if agreed else None)
        request = {"type": kind, "codes": codes, "is_only_realtime": True}
        self._ws.send(json.dumps([{"ticket": "tap"}, request, {"format": format_}]))

    def run(self) -> None:
        """Count."""
        sock = self._ws.sock
        if not isinstance(sock, socket.socket):
            raise RuntimeError("not connected")
        messages = wire_bytes = 0
        while chunk := sock.recv(CHUNK):
            messages += len(self._decoder.receive(chunk))
            wire_bytes += len(chunk)
            if any(isinstance(control, Closed) for control in self._decoder.controls):
                break
        self.flow = self.flow._replace(messages=messages, wire_bytes=wire_bytes - CLOSE_FRAME)
        self._ws.close()


def measure(capture: Path) -> list[Flow]:
    """Play `capture` to all kinds of connections; return what came over each."""
    with Simulator(sorted(_codes(capture)), limits=Limits.off(), record=False) as sim:
        return _tap(sim, sorted(_codes(capture)), lambda: sim.play(capture, speed=None))


def make_up(markets: int) -> list[Flow]:
    """Let so many markets move; return what came over each connection."""
    codes = many_markets(markets)
    with Simulator(codes, limits=Limits.off(), record=False) as sim:
        return _tap(sim, list(codes), lambda: sim.tick(ROUNDS * markets))


def _tap(sim: Simulator, codes: list[str], happen: Callable[[], object]) -> list[Flow]:
    taps = [
        Tap(sim.url, kind, format_, codes, deflated=deflated)
        for kind in KINDS
        for format_ in FORMATS
        for deflated in (False, True)
    ]
    sim.wait(lambda one: sum(len(info.served) for info in one.connections()) == len(taps) * len(codes), TIMEOUT)
    for tap in taps:
        tap.start()
    happen()
    sim.close(1000)
    for tap in taps:
        tap.join(TIMEOUT)
    flows = [tap.flow for tap in taps]
    for kind in KINDS:
        if len({flow.messages for flow in flows if flow.kind == kind}) != 1:
            raise RuntimeError(f"the connections did not get the same {kind} messages")
    return flows


def _codes(capture: Path) -> set[str]:
    with capture.open(encoding="utf-8") as lines:
        frames = [json.loads(entry["raw"]) for entry in map(json.loads, lines) if entry["dir"] == "in"]
    return {frame["cd"] for frame in frames if "cd" in frame}


def total(flows: list[Flow]) -> list[Flow]:
    """Return the sum of all kinds, and of the recorded ones alone."""
    sums = []
    for name, kinds in (("trade, book", KINDS[1:]), ("all", KINDS)):
        for format_ in FORMATS:
            for deflated in (False, True):
                parts = [
                    one for one in flows if (one.format, one.deflated) == (format_, deflated) and one.kind in kinds
                ]
                counts = [sum(column) for column in zip(*(part[3:] for part in parts), strict=True)]
                sums.append(Flow(name, format_, deflated, *counts))
    return sums


def show(console: Console, flows: list[Flow]) -> None:
    """Print a table, one line for each connection."""
    table = Table(title="bytes of a message on the wire, share of DEFAULT plain", title_justify="left")
    for column in ("", "", "sent", "bytes", "share", "share alone"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for one in flows:
        plain = next(base for base in flows if base.kind == one.kind)  # DEFAULT comes first
        table.add_row(
            one.kind if one is plain else "",
            f"{one.format}{' + deflate' if one.deflated else ''}",
            f"{one.messages:,}",
            f"{one.wire_bytes / one.messages:.1f}",
            f"{one.wire_bytes / plain.wire_bytes:.1%}",
            f"{one.bytes_alone / plain.bytes_alone:.1%}",
        )
    console.print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.bandwidth", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("capture", type=Path, nargs="?", default=CAPTURE)
    parser.add_argument("--markets", type=int, metavar="N")
    options = parser.parse_args()
    flows = make_up(options.markets) if options.markets else measure(options.capture)
    show(Console(), [*flows, *total(flows)])


if __name__ == "__main__":
    main()
