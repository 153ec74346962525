"""The log of a fleet is what docs/fleet.md says: its reader, in another library, and its commands read a real one."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Program, wait_until
from tests.documents import DOCS, blocks
from tests.valkey import Valkey, needs_server
from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.protocol.fleet.ids import Keys, scope_of
from websocket_v6.simulator import Simulator

pytestmark = needs_server
PAGE = DOCS / "fleet.md"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Valkey, Simulator]]:
    """A server with a fleet of two machines."""
    with Valkey() as one, Simulator() as sim:
        proxies = []
        for number in range(2):
            config = Config(url=sim.url, fleet=one.url, runtime_dir=tmp_path / str(number))
            proxy = WebSocketClientProxy("bot", config=config)
            proxies.append(proxy)
            proxy.subscribe_trade(["KRW-BTC"], callback=lambda _: None)
            wait_until(proxy.is_public_available, "public data")
        yield one, sim
        for proxy in reversed(proxies):
            proxy.cleanup()


def test_its_reader_reads_the_log(server: tuple[Valkey, Simulator], tmp_path: Path) -> None:
    valkey, sim = server
    (block,) = [one for one in blocks(PAGE, "py") if one.title]
    assert len(block.code.splitlines()) <= 24
    (tmp_path / block.title).write_text(block.code)
    command = [sys.executable, "-u", block.title, str(valkey.port)]
    with Program(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as program:
        assert program.stdout is not None
        # What was written before it reads is not for it.
        with valkey.client() as client:
            wait_until(lambda: _reads(client.client_list()), "it reads")
        line = ""
        while not line.startswith("trade KRW-BTC"):
            sim.trade("KRW-BTC")
            line = program.stdout.readline()
            assert line, program.stderr.read() if program.stderr else ""
            assert "missing" not in line
        number = str(sim.trade("KRW-BTC"))
        while number not in line:
            line = program.stdout.readline()
            assert "missing" not in line
        program.kill()


def _reads(clients: list[dict[str, str]]) -> bool:
    return any(one["lib-name"] == "valkey-py" and one["cmd"] == "xread" for one in clients)


def test_its_commands_show_it(server: tuple[Valkey, Simulator]) -> None:
    valkey, sim = server
    (block,) = blocks(PAGE, "sh")
    commands = re.findall(r"^valkey-cli (.*)$", block.code, re.MULTILINE)
    with valkey.client() as client:
        replies = [client.execute_command(*one.replace("{H}", f"{{{scope_of(sim.url)}}}").split()) for one in commands]
    assert all(replies), "each shows something"
    assert len(commands) == 3


def test_every_key_and_field_is_on_the_page(server: tuple[Valkey, Simulator]) -> None:
    valkey, sim = server
    text = PAGE.read_text("utf-8")
    keys = Keys(scope_of(sim.url))
    with valkey.client() as client:
        found = {key.decode() for key in client.keys("*")}
        fields = {field.decode() for field in client.hgetall(keys.lead)}
    assert keys.log("public") in found
    for key in found:
        name = key.removeprefix(f"v6:{{{keys.scope}}}:").replace("public", "ENDPOINT")
        name = re.sub(r"^want:.*", "want:MACHINE", name)
        assert f"`{name}`" in text, name
    assert not {field for field in fields - {"groups", "shards"} if f"`{field}`" not in text}
