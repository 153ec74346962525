"""`fleet`: what it shows of machines that share one upstream."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.conftest import wait_until
from tests.valkey import Valkey, needs_server
from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.actors.fleet.lines import open_line
from websocket_v6.cli.app import app
from websocket_v6.cli.fleet import _left
from websocket_v6.cli.metrics import Metrics
from websocket_v6.protocol.dialing.servers import parse_servers
from websocket_v6.protocol.fleet.entries import encode_rows
from websocket_v6.protocol.fleet.ids import Keys, scope_of
from websocket_v6.protocol.fleet.wants import Machine
from websocket_v6.protocol.zstd import Compressor
from websocket_v6.simulator import Simulator

pytestmark = needs_server


@pytest.fixture
def server() -> Iterator[Valkey]:
    with Valkey() as one:
        yield one


@pytest.fixture
def machines(server: Valkey, tmp_path: Path) -> Iterator[Simulator]:
    """Two machines, the second of which reads what the first writes."""
    with Simulator() as sim:
        proxies = []
        for number in range(2):
            config = Config(url=sim.url, fleet=server.url, runtime_dir=tmp_path / str(number))
            proxy = WebSocketClientProxy("bot", config=config)
            proxies.append(proxy)
            proxy.subscribe_ticker(["KRW-BTC"], callback=lambda _: None)
            wait_until(proxy.is_public_available, "public data")
        sim.trade("KRW-BTC")
        yield sim
        for proxy in reversed(proxies):
            proxy.cleanup()


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["fleet", *arguments], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def test_it_says_who_leads_and_who_is_there(server: Valkey, machines: Simulator) -> None:
    def both() -> bool:
        return len(json.loads(run("--fleet", server.url, "--url", machines.url, "--json"))["machines"]) == 2

    wait_until(both, "both have said that they are there")
    (line,) = run("--fleet", server.url, "--url", machines.url, "--json").splitlines()
    found = json.loads(line)
    assert found["scope"] == scope_of(machines.url)
    assert found["is_led"]
    assert found["leader"]["machine"] in found["machines"]
    (log,) = found["logs"]
    assert log["endpoint"] == "public"
    assert log["entries"] > 0
    assert log["size"] > 0
    assert not found["advice"]


def test_it_says_how_far_each_is_from_the_end_of_what_the_log_keeps(server: Valkey, machines: Simulator) -> None:
    def left() -> float | None:
        machines.trade("KRW-BTC")
        found = json.loads(run("--fleet", server.url, "--url", machines.url, "--json"))
        (reader,) = (one for name, one in found["machines"].items() if name != found["leader"]["machine"])
        found_left: float | None = reader["log_left"]
        return found_left

    wait_until(lambda: (left() or 0) > 1, "more than a second of the log lies behind it")


def test_what_is_left_is_between_the_oldest_entry_and_the_place(server: Valkey) -> None:
    keys = Keys("0123456789ab")
    servers = parse_servers(server.url)
    assert servers is not None
    line = open_line(servers, keys.lead)
    with server.client() as client:

        def left(place: str) -> float | None:
            return _left(line, keys, Machine("bot", 1, places={"public": place}))

        assert left("7-3") is None
        for second in range(1, 10):
            body = encode_rows(10**18 + second * 10**9, 0, 0, ["trade KRW-BTC"], [b"1"])
            field = {"z": Compressor(1).piece(body, is_last=True)} if second % 2 else {"d": body}
            client.xadd(keys.log("public"), field, id=f"7-{second}")
        assert [left(place) for place in ("7-1", "7-4", "7-9", "8-5")] == [0.0, 3.0, 8.0, 8.0]
        client.xtrim(keys.log("public"), maxlen=4, approximate=False)
        assert [left(place) for place in ("7-4", "7-9")] == [0.0, 3.0]
    line.close()


def test_the_tables_read_well(server: Valkey, machines: Simulator) -> None:
    text = run("--fleet", server.url, "--url", machines.url)
    assert f"fleet {scope_of(machines.url)} at {server.url}" in text
    assert " leads, term " in text
    assert "reaches back" in text
    assert "log left (s)" in text


def test_resume_names_are_shown_with_whose_they_are_and_how_far_behind(server: Valkey, machines: Simulator) -> None:
    options = "--fleet", server.url, "--url", machines.url
    config = Config(url=machines.url, fleet=server.url, fleet_resume="recorder")

    def shown() -> dict[str, Any]:
        (name,) = json.loads(run(*options, "--json"))["names"] or [{}]
        return dict(name)

    with WebSocketClientProxy("recorder", config=config) as proxy:
        proxy.subscribe_ticker(["KRW-BTC"], callback=lambda _: None)
        wait_until(proxy.is_public_available, "public data")
        wait_until(lambda: "public" in shown().get("places", {}), "its place is kept")
        found = shown()
        assert (found["name"], found["is_away"], found["behind"]) == ("recorder", False, {"public": 0.0})
        assert f"({os.getpid()})" in found["process"]
    for _ in range(3):
        machines.trade("KRW-BTC")
    wait_until(lambda: (shown()["behind"]["public"] or 0.0) > 0.0, "it is behind")
    assert shown()["is_away"]
    text = run(*options)
    assert "resume name" in text
    assert "recorder" in text
    assert ", away" in text


def test_a_fleet_that_nobody_leads(server: Valkey) -> None:
    assert "nobody has led it yet" in run("--fleet", server.url)


def test_a_leader_that_is_gone_is_seen_by_its_beat(server: Valkey) -> None:
    with server.client() as client:
        fields = {"term": 7, "log": "x", "owner": "m", "beat": 1, "format": 1, "name": "bot"}
        client.hset(Keys(scope_of(Config().url)).lead, mapping=fields)
    assert "bot leads, term 7; its beat stands still" in run("--fleet", server.url)


def test_what_is_unwise_about_the_server_is_said(server: Valkey) -> None:
    with server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        with Valkey(f"replicaof 127.0.0.1 {server.port}"):
            wait_until(lambda: client.info("replication")["connected_slaves"] == 1, "a replica")
            text = run("--fleet", server.url)
    assert "maxmemory-policy noeviction" in text
    assert "min-replicas-to-write 1" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no fleet is named"),
        (("--fleet", "nonsense"), "give a server such as valkey://"),
        (("--fleet", "valkey://me:hunter2@127.0.0.1:1"), "does not answer"),
    ],
)
def test_what_is_wrong_is_a_line(arguments: tuple[str, ...], words: str) -> None:
    result = CliRunner().invoke(app, ["fleet", *arguments])
    assert result.exit_code != 0
    assert words in result.output
    assert "hunter2" not in result.output


def test_a_host_s_health_and_metrics_say_how_it_stands(server: Valkey, tmp_path: Path) -> None:
    with Simulator() as sim:
        proxies = [
            WebSocketClientProxy(
                "bot", config=Config(url=sim.url, fleet=server.url, runtime_dir=tmp_path / str(number))
            )
            for number in range(2)
        ]
        for proxy in proxies:
            proxy.subscribe_ticker(["KRW-BTC"], callback=lambda _: None)
            wait_until(proxy.is_public_available, "public data")
        leader, reader = (proxy.health() for proxy in proxies)
        assert [one.leads for one in leader.fleets + reader.fleets] == [True, False]
        assert "fleet of public: leads, for 1 other machines" in str(leader)
        assert f"reads what {reader.fleets[0].leader} writes" in str(reader)
        text = Metrics(began=0.0).text(leader).decode()
        for name in ("leads", "machines", "reachable"):
            assert f'websocket_v6_fleet_{name}{{endpoint="public"}} 1.0' in text
        for proxy in reversed(proxies):
            proxy.cleanup()
