"""Every scenario of shared connections once, tiny: from the processes to the table."""

import io
import json
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from bench import processes
from bench.children import Child
from bench.crowd import measure_cost, measure_delay, measure_door, measure_door_delay
from bench.messages import ROOT
from bench.pipes import OURS, PIPES, Assignment
from bench.plan import HERE, Plan
from bench.process_tables import TABLES
from bench.processes import COMPARED, SCENARIOS, measure
from bench.runs import RunFailed
from tests.conftest import wait_until

TINY = Plan(
    guests=(0, 2),
    loads=((400, 4),),
    cost_rounds=1,
    cost_seconds=0.5,
    delay_rate=400,
    delay_rounds=1,
    delay_seconds=0.5,
    batches=(3,),
    pipe_rounds=1,
    pipe_messages=600,
    take_overs=((2, 1, 1),),
    busy_guests=2,
    busy_rate=40,
    busy_rounds=1,
    busy_seconds=0.5,
    clients=(2,),
    network_load=(400, 4),
    network_rounds=1,
    network_seconds=0.25,
    slow_clients=6,
    deaf_clients=2,
    slow_rate=200,
    slow_rounds=1,
    slow_seconds=0.5,
)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", [*COMPARED, *SCENARIOS])
def test_a_scenario_ends_in_a_table(name: str) -> None:
    said: list[str] = []
    found = json.loads(json.dumps(measure(name, TINY, said.append)))
    assert said
    assert list(found) == ["now"]
    shown = table(name, found)
    assert len(shown.splitlines()) >= 5
    assert "nan" not in shown


def table(name: str, found: dict[str, Any]) -> str:
    text = io.StringIO()
    TABLES[name](Console(file=text, width=200), found)
    return text.getvalue()


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", COMPARED)
def test_another_checkout_stands_beside_this_one(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "DELAY_RUNS", (("host", "guest"), ("multiprocessing.Queue",)))
    monkeypatch.setattr(processes, "PIPES", {name: PIPES[name] for name in (OURS, "multiprocessing.Queue")})
    plan = TINY._replace(guests=(0, 1), take_overs=((1, 1, 1),))
    # As far as a child can tell: its folder is another.
    for one in ("bench", "websocket_v6", "actors", "protocol"):
        (tmp_path / one).symlink_to(ROOT / one)
    said: list[str] = []
    found = json.loads(json.dumps(measure(name, plan, said.append, {**HERE, "before": tmp_path})))
    assert list(found) == ["now", "before"]
    assert [line.partition(",")[0] for line in said[:2]] == ["now", "before"]
    assert sum(line.startswith("before, ") for line in said) >= 1
    assert ", before" in table(name, found)


@pytest.mark.parametrize("name", COMPARED)
def test_what_is_none_of_ours_is_measured_once(name: str) -> None:
    spread = {"median": 1.0, "least": 1.0, "most": 1.0}
    whole = {"host_us": spread, "first_record_seconds": {**spread, "p99": 1.0}, "kills": 1}
    whole |= dict.fromkeys(("last_survivor_seconds", "hand_over_seconds"), spread)
    keys = ("messages_per_second", "sender_cpu_us", "receiver_cpu_us", "times_ours_wall", "times_ours_cpu")
    piped = dict.fromkeys(keys, spread)
    delayed = dict.fromkeys(("p50", "p99", "cpu_share"), spread)
    nows: dict[str, dict[str, Any]] = {
        "cost": {"250 by 1": {"0": whole}},
        "delay": {"rate": 1, "members": {"alone": delayed, "pyzmq": delayed}},
        "pipe": {"1": {OURS: piped, "pyzmq": piped}},
        "takeover": {"1": whole},
    }
    befores: dict[str, dict[str, Any]] = {
        "cost": nows["cost"],
        "delay": {"rate": 1, "members": {"alone": delayed}},
        "pipe": {"1": {OURS: piped}},
        "takeover": nows["takeover"],
    }
    now = nows[name]
    shown = table(name, {"now": now, "before": befores[name]})
    assert shown.count(", before") == 1
    assert "pyzmq, before" not in shown
    assert ", before" not in table(name, {"now": now})


@pytest.mark.parametrize(("form", "is_deflated"), [("SIMPLE", False), ("DEFAULT", True)])
def test_programs_at_a_door_get_all_that_its_host_gets(form: str, is_deflated: bool) -> None:
    host, programs = measure_door(3, form=form, is_deflated=is_deflated, rate=400, burst=4, seconds=0.5)
    assert host["messages"] == 200
    assert programs["frames"] >= 3 * 400
    size = programs["bytes"] / programs["frames"]
    assert (size < 800) == (form == "SIMPLE" or is_deflated), "long names make long messages"
    assert host["behind"] == 0


def test_who_does_not_read_is_behind_and_all_others_are_measured() -> None:
    delays, server = measure_door_delay(3, 2, rate=300, seconds=0.5)
    assert len(delays) == 3 * 150
    assert all(0 < delay < 20 for delay in delays)
    assert server["behind"] == 2


def test_a_host_that_computes_serves_its_guests() -> None:
    (_, host), (delays, guest) = measure_delay(["busy host", "guest"], rate=40, seconds=0.5, is_pinned=False)
    assert len(delays) == 20
    assert guest["messages"] == host["messages"] == 20  # after the warm-up
    assert host["cpu_seconds"] > 0.5 * guest["cpu_seconds"]


@pytest.mark.parametrize("name", [name for name, one in PIPES.items() if one.is_installed])
def test_a_pipe_carries_what_it_is_given(name: str) -> None:
    with Child("bench.pipes", Assignment(name, 7, 100, 1000, window=300)._asdict()) as child:
        found = child.result()
        child.wait()
    # At a mark it may be ahead by a batch; ours makes one of what comes close together, at most all that is on its way.
    assert found["messages"] == pytest.approx(1000, abs=300 if name == OURS else 7)
    assert found["wall_seconds"] > 0
    assert found["sender_cpu_seconds"] > 0


def test_host_and_guests_read_the_same() -> None:
    host, guests = measure_cost(2, rate=500, burst=5, seconds=0.5)
    assert [one["messages"] for one in (host, *guests)] == [250] * 3


def test_a_delay_is_measured_in_each_member() -> None:
    for delays, reading in measure_delay(["host", "guest"], rate=400, seconds=0.5):
        assert len(delays) == 200
        assert all(0 < delay < 20 for delay in delays)
        assert reading["messages"] == 200  # after the warm-up


def test_a_child_ends_with_those_that_it_has_started() -> None:
    # The receiver waits for more than it is sent, as one does that has lost something.
    assignment = Assignment("multiprocessing.Queue", 1, 10**9, 1)
    with Child("bench.pipes", assignment._asdict()) as child:
        wait_until(lambda: len(psutil.Process(child.pid).children(recursive=True)) >= 1, "the receiver")
        started = psutil.Process(child.pid).children(recursive=True)
    wait_until(lambda: not any(one.is_running() and one.status() != "zombie" for one in started), "its end")


def test_a_member_that_fails_is_told() -> None:
    with pytest.raises(RunFailed, match=r"bench\.members, process \d+, ended with 1"):
        measure_delay(["nobody"], rate=400, seconds=0.5)
