"""Every scenario of shared connections once, tiny: from the processes to the table."""

import io
import json

import pytest
from rich.console import Console

from bench.children import Child
from bench.crowd import measure_cost, measure_delay
from bench.pipes import PIPES, Assignment
from bench.process_tables import TABLES
from bench.processes import SCENARIOS, Plan
from bench.runs import RunFailed

TINY = Plan(
    guests=(0, 2),
    loads=((400, 4),),
    cost_rounds=1,
    cost_seconds=0.5,
    delay_rate=400,
    delay_rounds=1,
    delay_seconds=0.5,
    batches=(1, 3),
    pipe_rounds=1,
    pipe_messages=600,
    take_overs=((2, 2, 1),),
)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_ends_in_a_table(name: str) -> None:
    said: list[str] = []
    found = json.loads(json.dumps(SCENARIOS[name](TINY, said.append)))
    assert said
    text = io.StringIO()
    TABLES[name](Console(file=text, width=200), found)
    assert len(text.getvalue().splitlines()) >= 5
    assert "nan" not in text.getvalue()


@pytest.mark.parametrize("name", [name for name, one in PIPES.items() if one.is_installed])
def test_a_pipe_carries_what_it_is_given(name: str) -> None:
    with Child("bench.pipes", Assignment(name, 7, 100, 1000, window=300)._asdict()) as child:
        found = child.result()
        child.wait()
    assert found["messages"] == pytest.approx(1000, abs=7)
    assert found["wall_seconds"] > 0
    assert found["sender_cpu_seconds"] > 0


def test_host_and_guests_read_the_same() -> None:
    host, guests = measure_cost(2, rate=500, burst=5, seconds=0.5)
    assert [one["messages"] for one in (host, *guests)] == [250] * 3


def test_a_delay_is_measured_in_each_member() -> None:
    for delays, reading in measure_delay(["host", "guest"], rate=400, seconds=0.5):
        assert len(delays) == 200
        assert all(0 < delay < 20 for delay in delays)
        assert reading["messages"] == 400


def test_a_member_that_fails_is_told() -> None:
    with pytest.raises(RunFailed, match=r"bench\.members, process \d+, ended with 1"):
        measure_delay(["nobody"], rate=400, seconds=0.5)
