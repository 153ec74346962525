"""What the import of the package and a first public subscription leave alone: each module costs every program its time.

Names and no seconds: those mean nothing on a busy machine, and `python -m bench start` measures them.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from websocket_v6.simulator import Simulator

PROGRAM = """
import sys
import websocket_v6
config = websocket_v6.Config(url=sys.argv[1], runtime_dir=sys.argv[2], mode=sys.argv[3])
with websocket_v6.WebSocketClientProxy("first", config=config) as proxy:
    subscription = proxy.subscribe_ticker("KRW-BTC")
    assert subscription.get(timeout=20) is not None
    print(*sys.modules)
"""
# Of ours: what only some programs need, with what is inside.
OURS = (
    "aio",
    "cli",
    "exporting",
    "importing",
    "logs",
    "newest",
    "recording",
    "replaying",
    "simulator",
    "snapshots",
    "state",
    "actors.fleet",
    "actors.gaps",
    "actors.recording.recorder",
    "actors.recording.recording_mouth",
    "actors.replay",
    "actors.server.network_mouth",
    "actors.server.network_server",
    "actors.server.opening",
    "actors.server.plain_session",
    "actors.server.remote_session",
    "actors.server.sending",
    "actors.server.sessions",
    "protocol.fleet.entries",
    "protocol.fleet.ids",
    "protocol.fleet.sealing",
    "protocol.gaps",
    "protocol.recording",
    "protocol.replay",
    "protocol.server.client_leases",
    "protocol.server.door_rules",
    "protocol.server.guest_entrance",
    "protocol.server.network",
    "protocol.server.plain_client",
    "protocol.server.plain_frames",
    "protocol.server.request_reading",
)
# Of others: extras, what is large in the standard library, and what REST takes.
OTHERS = (
    "asyncio",
    "cryptography",
    "ctypes",
    "email",
    "http.client",
    "json",
    "jwt",
    "multiprocessing",
    "prometheus_client",
    "redis",
    "rich",
    "typer",
    "websockets",
    "concurrent.futures",
)


def found(names: set[str], words: tuple[str, ...]) -> set[str]:
    return {name for name in names for word in words if name == word or name.startswith(f"{word}.")}


@pytest.mark.parametrize("mode", ["embedded", "auto"])
def test_a_first_subscription_loads_no_more_than_it_needs(mode: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with Simulator(markets=["KRW-BTC"]) as simulator:
        command = [sys.executable, "-c", PROGRAM, simulator.url, str(tmp_path), mode]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    names = set(done.stdout.split())
    ours = {name.removeprefix("websocket_v6.") for name in names if name.startswith("websocket_v6.")}
    assert ours, "it shows what is loaded"
    assert found(ours, OURS) == set()
    assert found(names, OTHERS) == set()
