"""What the import of the package and a first public subscription leave alone: each module costs every program its time.

Names and no seconds: those mean nothing on a busy machine, and `python -m bench start` measures them.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from websocket_v6.simulator import Simulator

IMPORT = "import sys, websocket_v6; print(*sys.modules)"
SUBSCRIBE = """
import sys
import websocket_v6
config = websocket_v6.Config(url=sys.argv[1], runtime_dir=sys.argv[2], mode=sys.argv[3])
with websocket_v6.WebSocketClientProxy("first", config=config) as proxy:
    subscription = proxy.subscribe_ticker("KRW-BTC")
    assert subscription.get(timeout=20) is not None
    print(*sys.modules)
"""
# So many of ours at most, with a little room: there were 208, and 252 with sharing.
MOST = {"import": 215, "embedded": 215, "auto": 260}
# Of ours: what only some programs need, with what is inside.
OURS = (
    "aio",
    "cli",
    "exporting",
    "health",
    "importing",
    "logs",
    "newest",
    "recording",
    "replaying",
    "simulator",
    "snapshots",
    "state",
    "termination",
    "actors.connection.health",
    "actors.delivery.closing_world",
    "actors.delivery.closings",
    "actors.delivery.holds",
    "actors.delivery.reconciling",
    "actors.demand.market_lists",
    "actors.dialing.tunnel",
    "actors.fleet",
    "actors.gaps",
    "actors.markets",
    "actors.messages.backfill",
    "actors.messages.fleet",
    "actors.recording",
    "actors.replay",
    "actors.server.network_mouth",
    "actors.server.network_server",
    "actors.server.opening",
    "actors.server.plain_session",
    "actors.server.remote_session",
    "actors.server.sending",
    "actors.server.sessions",
    "actors.undone",
    "protocol.delivery.books",
    "protocol.delivery.candle_hole",
    "protocol.delivery.candle_taker",
    "protocol.delivery.closer",
    "protocol.delivery.exchange_time",
    "protocol.delivery.ledger",
    "protocol.delivery.reconciliation",
    "protocol.delivery.verification",
    "protocol.demand.patterns",
    "protocol.events.candle_intervals",
    "protocol.events.decode",
    "protocol.exchange.market_list",
    "protocol.fleet",
    "protocol.gaps",
    "protocol.markets",
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
# What is there for the other processes of this machine, with which an embedded engine shares nothing.
SHARED = (
    "actors.connection.door_handshake",
    "actors.connection.door_intake",
    "actors.connection.door_opening",
    "actors.connection.door_transport",
    "actors.connection.remote_handshake",
    "actors.membership.folders",
    "actors.membership.hosts",
    "actors.membership.member_socket",
    "actors.membership.members",
    "actors.membership.membership",
    "actors.membership.rendezvous",
    "actors.messages.server",
    "actors.server.base_server",
    "actors.server.server",
    "protocol.connection.clock_offset",
    "protocol.connection.door",
    "protocol.membership.machine",
    "protocol.membership.steps",
    "protocol.membership.words",
    "protocol.server",
    "protocol.websocket.server_handshake",
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


def loaded(program: str, *arguments: str) -> set[str]:
    command = [sys.executable, "-c", program, *arguments]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split())


def judge(names: set[str], kind: str) -> None:
    ours = {name.removeprefix("websocket_v6.") for name in names if name.startswith("websocket_v6.")}
    assert ours, "it shows what is loaded"
    said = "have it imported by whoever starts it, as docs/design.md says"
    assert found(ours, OURS if kind == "auto" else (*OURS, *SHARED)) == set(), (
        f"no first subscription needs these: {said}"
    )
    assert found(names, OTHERS) == set(), f"no first subscription needs these of others: {said}"
    assert len(ours) <= MOST[kind], (
        f"{len(ours)} modules of ours are more than {MOST[kind]}. If a first public subscription does not need the new "
        f"one, {said}; if it does, raise MOST, and measure with `python -m bench.start`"
    )


def test_the_import_loads_no_more_than_a_first_subscription_needs() -> None:
    judge(loaded(IMPORT), "import")


@pytest.mark.parametrize("mode", ["embedded", "auto"])
def test_a_first_subscription_loads_no_more_than_it_needs(mode: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with Simulator(markets=["KRW-BTC"]) as simulator:
        judge(loaded(SUBSCRIBE, simulator.url, str(tmp_path), mode), mode)


def test_the_import_makes_no_more_classes_of_the_dear_kind_than_are_needed() -> None:
    program = (
        "import sys, websocket_v6; names = [n for n in sys.modules if n.startswith('websocket_v6')]; "
        "print(*(v.__qualname__ for n in names for v in vars(sys.modules[n]).values()"
        " if isinstance(v, type) and issubclass(v, tuple) and v.__module__ == n))"
    )
    made = loaded(program)
    assert len(made) <= 16, f"a NamedTuple costs as much as ten Messages (protocol/message.py): {sorted(made)}"
