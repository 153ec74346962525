"""Every scenario once, tiny: from the runs to the table and the plot."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from bench import scenarios
from bench.contenders import CONTENDERS, OURS
from bench.long import soak
from bench.machine import describe_machine, versions
from bench.plots import can_plot, draw, draw_soak
from bench.scenarios import SCENARIOS, Plan
from bench.start import IMPORTS
from bench.tables import TABLES

TINY = Plan(
    rounds=2,
    kinds=("ticker",),
    unit=20,
    components=(1, 2),
    deliveries=200,
    rates=(500,),
    delay_seconds=0.4,
    delay_rounds=1,
    start_rounds=1,
    books_seconds=0.3,
    registered=3,
    idle_seconds=0.1,
)
PLOTTED = {"throughput", "fanout", "delay"}


@pytest.fixture(autouse=True)
def _two_contenders(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: CONTENDERS[name] for name in (OURS, "floor")}
    monkeypatch.setattr(scenarios, "CONTENDERS", few)
    monkeypatch.setattr("bench.start.CONTENDERS", few)
    monkeypatch.setattr("bench.start.IMPORTS", {OURS: IMPORTS[OURS]})


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_ends_in_a_table_and_a_plot(name: str, tmp_path: Path) -> None:
    said: list[str] = []
    found = SCENARIOS[name](TINY, said.append)
    assert said
    found = json.loads(json.dumps(found))
    text = io.StringIO()
    TABLES[name](Console(file=text, width=160), found)
    shown = text.getvalue()
    assert len(shown.splitlines()) >= 1
    assert "nan" not in shown
    if name in ("throughput", "delay", "start"):
        assert OURS in shown
    if can_plot():
        drawn = draw({name: found}, tmp_path)
        assert {path.suffix for path in drawn} == ({".png", ".svg"} if name in PLOTTED else set())
        assert all(path.stat().st_size > 1000 for path in drawn)


def test_nothing_is_lost_of_a_whole_market() -> None:
    found = SCENARIOS["books"](TINY, print)
    assert (found["delivered"], found["received"]) == (found["sent"], found["sent"])
    assert (found["dropped"], found["malformed"], found["queued"]) == (0, 0, 0)


def test_many_changes_of_many_components_are_few_requests() -> None:
    found = SCENARIOS["registry"](TINY, print)
    assert found["requests_sent"] <= 10
    assert 9000 < found["request_bytes"] < 10_000


def test_a_soak_samples_memory_and_threads(tmp_path: Path) -> None:
    found = soak(3.0)
    assert found["delivered"] > 0
    assert found["dropped"] == 0
    assert len(found["threads"]) == 1
    assert all(sample["resident_mib"] > 10 for sample in found["samples"])
    if can_plot():
        assert all(path.stat().st_size > 1000 for path in draw_soak(found, tmp_path))


def test_results_say_where_they_come_from() -> None:
    assert describe_machine()["cores"] >= 1
    assert {"websocket-v6", "msgspec", "pykka"} <= versions().keys()
