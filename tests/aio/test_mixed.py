"""Both faces beside each other: in one process, over processes, at a door; and the simulator in an event loop."""

import asyncio
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.aio.conftest import Play, until
from tests.conftest import ROOT, Program
from tests.front_door import front_door
from websocket_v6 import Config, WebSocketClientProxy, aio
from websocket_v6.simulator import Simulator


def test_both_share_one_engine(sim: Simulator, config: Config, play: Play) -> None:
    async def main(threaded: WebSocketClientProxy) -> None:
        seen: list[Any] = []
        threaded_subscription = await asyncio.to_thread(threaded.subscribe_trade, "KRW-BTC", seen.append)
        async with aio.WebSocketClientProxy("looped", config=config) as looped:
            subscription = await looped.subscribe_trade(["KRW-BTC", "KRW-ETH"])
            await subscription.get(20)
            await until(lambda: seen, "the first")
            assert (await looped.health()).components == 2
            sim.trade("KRW-BTC")
            await until(lambda: len(seen) == 2, "the trade, in the thread")
            event = await subscription.get(20)
            while event.symbol != "KRW-BTC" or event.stream_type != "REALTIME":
                event = await subscription.get(20)
            assert seen[1] == event
            assert threaded_subscription not in looped.subscriptions()
        sim.trade("KRW-BTC")
        await until(lambda: len(seen) == 3, "it goes on without the other")

    with WebSocketClientProxy("threaded", config=config) as threaded:
        play(main(threaded))
    assert len(sim.connections("public")) == 1


GUEST = """
import asyncio, sys
from websocket_v6 import Config
from websocket_v6.aio import WebSocketClientProxy

async def main():
    async with WebSocketClientProxy("guest", config=Config(url=sys.argv[1], runtime_dir=sys.argv[2])) as proxy:
        async for event in await proxy.subscribe_trade("KRW-BTC"):
            print((await proxy.health()).role, event.symbol, flush=True)
            sys.stdin.readline()
            break

asyncio.run(main())
"""


def test_over_processes(sim: Simulator, tmp_path: Path, play: Play) -> None:
    async def main(child: subprocess.Popen[str]) -> None:
        async with aio.WebSocketClientProxy("host", config=Config(url=sim.url, runtime_dir=tmp_path)) as proxy:
            subscription = await proxy.subscribe_trade("KRW-BTC")
            await subscription.get(20)
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write("begin\n")
            child.stdin.flush()
            assert await asyncio.to_thread(child.stdout.readline) == "guest KRW-BTC\n"
            assert (await proxy.health()).guests == 1
            child.stdin.write("end\n")
            child.stdin.flush()
            assert await asyncio.to_thread(child.wait) == 0

    code = f"import sys; sys.stdin.readline(); exec({GUEST!r})"
    with Program(
        [sys.executable, "-c", code, sim.url, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as child:
        play(main(child))
    assert len(sim.connections("public")) == 1


def test_at_a_door(sim: Simulator, play: Play) -> None:
    with front_door(sim) as door:

        async def main() -> None:
            async with aio.WebSocketClientProxy("visitor", config=Config(url=door.url, mode="embedded")) as proxy:
                subscription = await proxy.subscribe_trade("KRW-BTC")
                await subscription.get(20)
                await asyncio.to_thread(sim.trade, "KRW-BTC")
                assert (await subscription.get(20)).stream_type == "REALTIME"
                assert [one.symbol for one in await proxy.get_ticker_snapshot(["KRW-ETH", "KRW-BTC"])] == [
                    "KRW-ETH",
                    "KRW-BTC",
                ]

        play(main())


def test_the_simulator_in_async_with(play: Play) -> None:
    async def main() -> None:
        async with Simulator(["KRW-BTC"]) as sim:
            config = Config(url=sim.url, mode="embedded")
            async with aio.WebSocketClientProxy("bot", config=config) as proxy:
                assert (await proxy.get_ticker_snapshot("KRW-BTC"))[0].symbol == "KRW-BTC"
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", sim.port)) != 0
        assert "simulator" not in [one.name for one in threading.enumerate()]

    play(main())
