"""The probe against the simulator, with each answer switched: it finds the switch's value back."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from websockets.exceptions import InvalidStatus

from websocket_v6.simulator import Answers, Limits, Simulator, Weather
from websocket_v6.simulator.probe import probe
from websocket_v6.simulator.probe.line import Caller
from websocket_v6.simulator.probe.questions import QUESTIONS, SLOW

HINTS = get_type_hints(Answers)
# What must hold for a question to be one.
BESIDE: dict[str, dict[str, Any]] = {"list_flags": {"list_snapshot_only": True}}


def values(name: str) -> tuple[Any, ...]:
    return get_args(HINTS[name]) if get_origin(HINTS[name]) is Literal else (True, False)


def caller(sim: Simulator, **options: Any) -> Caller:
    return Caller(sim.url, **{"pause": 0.0, "patience": 0.4, **options})


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in QUESTIONS for value in values(name)])
def test_the_probe_finds_the_answer_back(name: str, value: Any) -> None:
    answers = Answers(**{name: value, **BESIDE.get(name, {})})
    with Simulator(["KRW-BTC"], traffic=300, limits=None, answers=answers, weather=Weather.calm()) as sim:
        report = probe(caller(sim), only=[name])
    assert report.unsettled == {}
    assert report.answers == {name: value}
    assert report.seen[name]


@pytest.mark.parametrize("timeout", [1.0, None])
def test_the_idle_timeout_is_waited_for(timeout: float | None) -> None:
    with Simulator(["KRW-BTC"], answers=Answers(idle_timeout=timeout)) as sim:
        report = probe(caller(sim, long=1.5 if timeout is None else 10.0), only=["idle_timeout"])
    assert report.answers == {"idle_timeout": timeout}


def test_every_question_is_a_switch() -> None:
    assert set(QUESTIONS) | set(SLOW) <= {field.name for field in fields(Answers)}


def test_a_report_is_read_as_answers(tmp_path: Path) -> None:
    answers = Answers(list_suffixes=False, duplicate_codes="twice", wrap_subscriptions=False)
    told: list[str] = []
    with Simulator(["KRW-BTC"], traffic=300, limits=None, answers=answers, weather=Weather.calm()) as sim:
        report = probe(
            caller(sim),
            only=["list_suffixes", "duplicate_codes", "wrap_subscriptions"],
            tell=lambda *one: told.append(one[0]),
        )
    report.save(tmp_path / "report.json")
    assert Answers.from_file(tmp_path / "report.json") == answers
    assert set(told) == {"list_suffixes", "duplicate_codes", "wrap_subscriptions"}
    (tmp_path / "own.toml").write_text('list_suffixes = false\n[answers]\nduplicate_codes = "twice"\n')
    assert Answers.from_file(tmp_path / "own.toml") == Answers(duplicate_codes="twice")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "{"),
        ("a.toml", "x"),
        ("a.json", "[]"),
        ("a.json", json.dumps({"answers": {"no_such": 1}})),
        ("a.json", json.dumps({"answers": {"duplicate_codes": "thrice"}})),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=r"a\.(json|toml)|duplicate_codes"):
        Answers.from_file(tmp_path / name)


def test_a_market_without_trades_leaves_questions_unsettled_and_says_so() -> None:
    with Simulator(["KRW-BTC"], limits=None) as sim:
        report = probe(caller(sim, code="KRW-NOPE", patience=0.1), only=["duplicate_codes"])
    assert (report.answers, list(report.unsettled)) == ({}, ["duplicate_codes"])
    with pytest.raises(ValueError, match="no question"):
        probe(Caller("ws://127.0.0.1:1"), only=["nonsense"])


def test_it_ends_when_the_exchange_has_had_enough() -> None:
    with Simulator(["KRW-BTC"]) as sim:
        sim.refuse(429, times=None)
        with pytest.raises(InvalidStatus):
            probe(caller(sim))
        assert not sim.connections()


def test_it_keeps_to_the_limits_of_the_exchange() -> None:
    # At its own pace nothing is refused; the questions that listen longest are left out to keep this short.
    quick = ["data_frames", "subscription_frames", "list_when_empty", "wrap_errors"]
    with Simulator(["KRW-BTC"], traffic=100, limits=Limits(connects_per_second=3, messages_per_second=3)) as sim:
        report = probe(Caller(sim.url, pause=0.35), only=quick)
        assert report.unsettled == {}
        assert len(sim.connections()) == len(quick)
