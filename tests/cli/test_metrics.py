"""Metrics of a host: read with Prometheus' own parser, and held against what document, rules and dashboard say."""

import json
import re
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.made_up import EVIL, HEALTH, connection
from tests.cli.serving import serving
from tests.conftest import ROOT, wait_until
from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.cli import serve as subject
from websocket_v6.cli.metrics import Metrics
from websocket_v6.cli.readiness import unready
from websocket_v6.simulator import Simulator

DOCS = ROOT / "docs"
PATIENCE = 30.0
PACE = threading.Event()  # that never comes


def read(text: bytes) -> dict[str, Metric]:
    return {one.name: one for one in text_string_to_metric_families(text.decode())}


def values(text: bytes) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return each value by name and values of labels."""
    return {
        (sample.name.removeprefix("websocket_v6_"), tuple(sample.labels.values())): sample.value
        for metric in text_string_to_metric_families(text.decode())
        for sample in metric.samples
    }


@pytest.fixture(scope="module")
def text() -> bytes:
    return Metrics(began=1_790_000_000.0).text(HEALTH)


def test_the_parser_reads_what_health_says(text: bytes) -> None:
    found = values(text)
    assert found["messages_received_total", ()] == 1000
    assert found["messages_delivered_total", ()] == 2000
    assert found["messages_malformed_total", ()] == 1
    assert found["requests_sent_total", ()] == 7
    assert found["start_time_seconds", ()] == 1_790_000_000
    assert found["connections", ("public", "open")] == 2
    assert found["connections", ("private", "waiting")] == 1
    assert found["connections", ("private", "open")] == 0
    assert found["connection_up_seconds", ("public",)] == 120
    assert found["reconnects_total", ("public",)] == 4
    assert found["fleet_leads", ("public",)] == 1
    assert found["fleet_machines", ("public",)] == 2
    assert found["fleet_reachable", ("public",)] == 1
    assert found["epoch", ("public",)] == 3
    assert found["wire_bytes_total", ("public",)] == 200
    assert found["payload_bytes_total", ("public",)] == 1400
    assert found["streams", ("ticker",)] == 2
    assert found["streams", ("candle.1s",)] == 1
    assert found["clients", ("process",)] == 2
    assert found["clients", ("program",)] == 1
    assert found["client_queued_bytes", ("process",)] == 1024
    assert found["client_queued_bytes", ("program",)] == 5
    assert found["slow_clients_cut_off_total", ()] == 1
    assert found["part_failures", (EVIL,)] == 3
    assert found["part_down", (EVIL,)] == 1
    assert found["part_down", ("router",)] == 0
    assert found["ready", ()] == 0


def test_delays_are_a_histogram(text: bytes) -> None:
    found = values(text)
    buckets = {
        le: found["message_delay_seconds_bucket", ("public", le)] for le in ("0.005", "0.01", "0.025", "10.0", "+Inf")
    }
    assert buckets == {"0.005": 1, "0.01": 1, "0.025": 3, "10.0": 3, "+Inf": 4}
    assert found["message_delay_seconds_count", ("public",)] == 4
    assert found["message_delay_seconds_sum", ("public",)] == 12.5


def test_names_are_as_the_guidelines_have_them(text: bytes) -> None:
    for name, metric in read(text).items():
        assert re.fullmatch("(websocket_v6|process)_[a-z0-9_]+", name)
        assert metric.documentation
        assert not re.search("_(ms|millis|minutes|kb|mb)$", name)
        if metric.type == "counter":
            assert all(sample.name.endswith("_total") for sample in metric.samples)


def test_no_label_grows_without_an_end(text: bytes) -> None:
    labels = {label for metric in read(text).values() for sample in metric.samples for label in sample.labels}
    assert labels == {"version", "python", "endpoint", "state", "type", "kind", "part", "le"}
    assert b"KRW-BTC" not in text


def test_a_second_state_replaces_the_first() -> None:
    metrics = Metrics(0.0)
    metrics.text(HEALTH)
    found = values(metrics.text(HEALTH._replace(connections=(), restarts=(), wanted=())))
    assert found["ready", ()] == 1
    assert not any(name in ("connections", "streams", "part_down") for name, _ in found)


def names_in(text: str) -> set[str]:
    return set(re.findall(r"\b(?:websocket_v6|process)_[a-z0-9_]+", text))


def samples(text: bytes) -> set[str]:
    return {sample.name for metric in read(text).values() for sample in metric.samples}


def test_the_document_lists_what_there_is(text: bytes) -> None:
    document = (DOCS / "metrics.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(websocket_v6_\w+)` \| (\w+) \|", document, re.MULTILINE))
    kinds: dict[str, str] = {}
    for metric in read(text).values():
        if metric.name.startswith("websocket_v6_"):
            names = {metric.name} if metric.type == "histogram" else {sample.name for sample in metric.samples}
            kinds |= dict.fromkeys(names, metric.type if metric.type in ("counter", "histogram") else "gauge")
    assert rows == kinds


def expressions(dashboard: Any) -> Iterator[str]:
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


@pytest.mark.skipif(sys.platform != "linux", reason="process_... are there on Linux alone")
def test_the_dashboard_shows_what_there_is(text: bytes) -> None:
    dashboard = json.loads((DOCS / "deploy" / "grafana.json").read_text("utf-8"))
    found = list(expressions(dashboard))
    assert names_in(" ".join(found)) <= samples(text)
    assert {name for name in samples(text) if name.startswith("websocket_v6_")} - names_in(" ".join(found)) == {
        "websocket_v6_build_info",
        "websocket_v6_state_time_seconds",
        "websocket_v6_message_delay_seconds_count",
        "websocket_v6_message_delay_seconds_sum",
    }
    for expression in found:
        assert expression.count("(") == expression.count(")")
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for name in names_in(" ".join(found)):
        counted = name.endswith(("_total", "_bucket"))
        assert counted is bool(re.search(rf"(rate|increase)\({name}\b", " ".join(found))), name


@pytest.mark.skipif(sys.platform != "linux", reason="process_... are there on Linux alone")
def test_alerts_are_about_what_there_is(text: bytes) -> None:
    yaml = pytest.importorskip("yaml")
    (group,) = yaml.safe_load((DOCS / "deploy" / "alerts.yml").read_text("utf-8"))["groups"]
    assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"]) >= 8
    for rule in group["rules"]:
        assert names_in(rule["expr"]) <= samples(text)
        assert names_in(rule["expr"]) or rule["expr"].startswith("up{")
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["do"]
        used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert used <= {"instance", "endpoint", "kind", "part"}


def test_promtool_finds_nothing_wrong(text: bytes, tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here: it comes with Prometheus")
    dashboard = json.loads((DOCS / "deploy" / "grafana.json").read_text("utf-8"))
    rules = {
        "groups": [
            {
                "name": "dashboard",
                "rules": [
                    {"record": f"panel:{number}", "expr": re.sub(r"\$__?\w+", "5m", one).replace('"5m"', '".*"')}
                    for number, one in enumerate(expressions(dashboard))
                ],
            }
        ]
    }
    panels = tmp_path / "panels.yml"
    panels.write_text(json.dumps(rules))  # which is YAML, too
    checks: list[tuple[list[str], bytes | None]] = [
        (["check", "metrics"], text),
        (["check", "rules", str(DOCS / "deploy" / "alerts.yml")], None),
        (["check", "rules", str(panels)], None),
    ]
    for command, given in checks:
        done = subprocess.run([promtool, *command], input=given, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def test_what_keeps_a_host_from_being_ready() -> None:
    assert unready(HEALTH) == ("private: no way", f"{EVIL} is started again in 1.5 s: a bug")
    spare = HEALTH._replace(connections=(connection(), connection(state="connecting", source=2)), restarts=())
    assert unready(spare) == ()
    assert unready(spare._replace(connections=(connection("info", "idle"),))) == ()


def test_without_the_extra_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "websocket_v6.cli.metrics")
    assert subject._measuring(0.0)(HEALTH) is None


def get(url: str) -> tuple[int, str, str]:
    PACE.wait(0.06)  # a door lets an address look 20 times a second, and counts those it refuses
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:  # noqa: S310 - our own door
            return response.status, response.headers["Content-Type"], response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def test_a_host_says_how_it_is(tmp_path: Path) -> None:
    """A real one: it is ready, serves a program, loses the exchange, and says so at each of the three paths."""
    folder = tmp_path / "meeting"
    with Simulator(["KRW-BTC"]) as sim, serving(sim.url, folder, "--port", "0") as host:
        page = host.line()["page"]
        wait_until(lambda: get(f"{page}readyz")[0] == 200, "a host that is ready", PATIENCE)
        assert get(f"{page}healthz") == (200, "text/plain; charset=utf-8", "ok\n")
        config = Config(url=sim.url, runtime_dir=folder)
        with WebSocketClientProxy("bot", config=config) as proxy:
            proxy.subscribe_ticker(["KRW-BTC"]).get(timeout=PATIENCE)

            def count(name: str, *labels: str) -> float:
                status, type_, text = get(f"{page}metrics")
                assert (status, type_) == (200, "text/plain; version=0.0.4; charset=utf-8")
                return values(text.encode()).get((name, labels), -1.0)

            wait_until(lambda: count("clients", "process") == 1, "the process among the metrics", PATIENCE)
            assert count("messages_received_total") >= 1
            assert count("connections", "public", "open") == 1
            assert count("ready") == 1
            sim.refuse(503, times=None)
            sim.drop()
            wait_until(lambda: get(f"{page}readyz")[0] == 503, "a host that is not ready", PATIENCE)
            assert get(f"{page}readyz")[2].startswith("public: ")
            assert count("ready") == 0
            assert get(f"{page}healthz")[0] == 200
