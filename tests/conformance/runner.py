"""Runs the Autobahn client cases of a fuzzing server against this project's decoder.

The server is kosoku (extra `conformance`) on loopback. Connecting and sending is websocket-client, as in the engine;
all reading is `protocol/websocket/frames.py`. Each case gets its messages echoed until it closes the connection.
"""

import base64
import contextlib
import json
import os
import re
import socket
import subprocess
import sysconfig
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import websocket

from websocket_v6.protocol.websocket import deflate, handshake
from websocket_v6.protocol.websocket.frames import Closed, FrameDecoder, Ping, Text, Violation

__all__ = ["AGENT", "LONG", "PROGRAM", "Verdict", "is_strict", "read_verdicts", "run", "summary"]

AGENT = "websocket_v6"
PROGRAM = Path(sysconfig.get_path("scripts")) / "kosoku"
# Nine tenths of the time: 1,000 messages a case, each way.
LONG = ("12.*", "13.*")

_CHUNK = 256 * 1024
_START_TIMEOUT = 20.0
_READ_TIMEOUT = 60.0  # 6.4.* and 5.19 to 5.20 wait by design, the server gives up on its own
_END_TIMEOUT = 5.0  # for the server to hang up once both have said goodbye


class Verdict(NamedTuple):
    """What the suite says about one case."""

    case: str
    behavior: str  # OK, NON-STRICT, INFORMATIONAL, UNIMPLEMENTED, FAILED, ...
    behavior_close: str
    milliseconds: float

    @property
    def is_good(self) -> bool:
        """Whether it is neither failed nor unimplemented.

        Strict and non-strict change places from run to run: it depends on whether an echo was sent before a fault came.
        """
        good = ("OK", "NON-STRICT", "INFORMATIONAL")
        return self.behavior in good and self.behavior_close in good


def is_strict(verdict: Verdict) -> bool:
    """Whether a fail-fast case (6.4.*) was ended at the first bad octet."""
    return verdict.behavior == "OK" or not verdict.case.startswith("6.4.")


def run(
    reports: Path,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    on_progress: Callable[[int, int, float], None] = lambda done, count, seconds: None,
) -> list[Verdict]:
    """Run the cases that the globs select; the server's own report goes to `reports`."""
    started = time.monotonic()
    with _server(reports, include, exclude) as url:
        count = int(_first_message(f"{url}/getCaseCount"))
        for number in range(1, count + 1):
            _echo(f"{url}/runCase?case={number}&agent={AGENT}")
            on_progress(number, count, time.monotonic() - started)
        _echo(f"{url}/updateReports?agent={AGENT}")
    verdicts = read_verdicts(reports)
    if len(verdicts) != count:
        raise RuntimeError(f"{count} cases were run, the report has {len(verdicts)}")
    return verdicts


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return a table: one line for each section, columns for what the suite says, failures below."""
    kinds = sorted({verdict.behavior for verdict in verdicts})
    lines = [f"{'section':>8} {'cases':>6} " + " ".join(f"{kind:>13}" for kind in kinds) + f" {'seconds':>8}"]
    sections: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        sections.setdefault(verdict.case.split(".")[0], []).append(verdict)
    for section, members in [*sections.items(), ("all", list(verdicts))]:
        counts = Counter(verdict.behavior for verdict in members)
        seconds = sum(verdict.milliseconds for verdict in members) / 1000
        cells = " ".join(f"{counts[kind] or '':>13}" for kind in kinds)
        lines.append(f"{section:>8} {len(members):>6} {cells} {seconds:>8.1f}")
    bad = [verdict for verdict in verdicts if not (verdict.is_good and is_strict(verdict))]
    lines += [f"BAD {verdict.case}: {verdict.behavior}, close {verdict.behavior_close}" for verdict in bad]
    return "\n".join(lines) + "\n"


# --- the server


@contextlib.contextmanager
def _server(reports: Path, include: Sequence[str], exclude: Sequence[str]) -> Iterator[str]:
    command = [str(PROGRAM), "-m", "fuzzingserver", "-o", str(reports)]
    command += [f"--include={glob}" for glob in include] + [f"--exclude={glob}" for glob in exclude]
    process = subprocess.Popen([*command, "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.search(r"ws://127\.0\.0\.1:\d+", line)
        if match is None:
            raise RuntimeError(f"kosoku did not start: it said {line!r}")
        yield match[0]
        process.wait(_START_TIMEOUT)  # it ends by itself at /updateReports, once the report is written
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def read_verdicts(reports: Path) -> list[Verdict]:
    """Return what the suite's report says, in the order of the cases; only one peer was tested."""
    (index,) = json.loads((reports / "index.json").read_text()).values()
    verdicts = [
        Verdict(case, entry["behavior"], entry["behaviorClose"], entry["duration"]) for case, entry in index.items()
    ]
    return sorted(verdicts, key=lambda verdict: [int(part) for part in verdict.case.split(".")])


# --- the client


class _Client:
    """One connection that echoes.

    Echoes are compressed when the server agreed to it: kosoku's cases 12 and 13 cannot take a plain one.
    """

    def __init__(self, url: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        headers = {"Sec-WebSocket-Key": key, "Sec-WebSocket-Extensions": deflate.OFFER}
        self._ws = websocket.create_connection(
            url, header=headers, timeout=_READ_TIMEOUT, sockopt=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        )
        assert self._ws.sock is not None
        self.sock = self._ws.sock
        response = self._ws.getheaders() or {}
        handshake.check_response(response, key=key)
        extensions = response.get("sec-websocket-extensions")
        agreed = deflate.negotiate(extensions, offered=True)
        self.decoder = FrameDecoder(deflate=agreed.inflater if agreed else None)
        self._extensions = extensions or ""
        self._compressor = self._new_compressor()

    def echo(self) -> None:
        """Echo every message until one side ends the connection."""
        buffer = bytearray(_CHUNK)
        view = memoryview(buffer)
        # A case may end in any way, also with a reset: the verdict is the server's.
        with contextlib.closing(self.sock), contextlib.suppress(OSError):
            while count := self.sock.recv_into(buffer):
                if self._answer(self.decoder.receive(view[:count])):
                    break
            # The server hangs up first (RFC 6455, 7.1.1).
            self.sock.settimeout(_END_TIMEOUT)
            while self.sock.recv_into(buffer):
                pass

    def _answer(self, messages: list[bytes]) -> bool:
        """Answer what one read brought, goodbyes last; return whether it was the end."""
        controls, self.decoder.controls = self.decoder.controls, []
        for control in controls:
            if isinstance(control, Ping):
                self._ws.send(control.payload, websocket.ABNF.OPCODE_PONG)
        for message in messages:
            self._send(message)
        match controls[-1] if controls else None:
            case Closed(code, _):
                self._ws.send(b"" if code == 1005 else code.to_bytes(2, "big"), websocket.ABNF.OPCODE_CLOSE)
                return True
            case Violation(close_code, _):
                self._ws.send(close_code.to_bytes(2, "big"), websocket.ABNF.OPCODE_CLOSE)
                return True
        return False

    def _send(self, message: bytes) -> None:
        opcode = websocket.ABNF.OPCODE_TEXT if isinstance(message, Text) else websocket.ABNF.OPCODE_BINARY
        if self._compressor is None:
            self._ws.send(message, opcode)
            return
        deflated = self._compressor.compress(message) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        self._ws.send_frame(websocket.ABNF(1, 1, 0, 0, opcode, 1, deflated[:-4]))
        if "client_no_context_takeover" in self._extensions:
            self._compressor = self._new_compressor()

    def _new_compressor(self) -> "zlib._Compress | None":
        if not self._extensions:
            return None
        bits = re.search(r"client_max_window_bits=(\d+)", self._extensions)
        return zlib.compressobj(1, wbits=-int(bits[1]) if bits else -zlib.MAX_WBITS)


def _echo(url: str) -> None:
    _Client(url).echo()


def _first_message(url: str) -> bytes:
    client = _Client(url)
    with contextlib.closing(client.sock):
        while data := client.sock.recv(_CHUNK):
            for message in client.decoder.receive(data):
                return message
    raise RuntimeError(f"{url} sent nothing")
