"""What is told of values that make no sense, by the names that their giver knows them by."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.config import VARIABLES, Config
from websocket_v6.protocol.config_rules import HOSTS, plaintext_problem, problem_of
from websocket_v6.protocol.secret import Secret

KEY, PASSWORD = "k" * 40, "correct-horse"
KEYS = {"access_key": Secret(KEY), "secret_key": Secret(KEY[::-1])}
CLEAR = "ws://exchange.example/websocket/v1"


def test_what_a_configuration_is_by_itself_makes_sense() -> None:
    assert problem_of({}, {}) is None
    for region in HOSTS:
        assert problem_of(msgspec.structs.asdict(Config(region=region)), {}) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("region", "mars", "region='mars' is not accepted: give one of kr, sg, id, th"),
        ("ping_interval", 60, "ping_interval=60 is not accepted: give seconds from 0.05 to 55"),
        ("redundancy", True, "redundancy=True is not accepted: give 1, 2 or 3"),
        ("fleet_private", 1, "fleet_private=1 is not accepted: give on or off (in a program True or False)"),
        ("recording", "day.wsr", "recording='day.wsr' is not accepted: give what Config.replay(...) makes"),
        ("ca_file", 5, "ca_file=5 is not accepted: give the path of a file of certificates (PEM)"),
    ],
)
def test_a_value_is_told_with_what_is_accepted(field: str, value: Any, text: str) -> None:
    assert problem_of({field: value}, {}) == text
    assert problem_of({field: value}, {field: "NAME"}) == text.replace(field, "NAME", 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [("access_key", PASSWORD), ("token", Secret(PASSWORD)), ("proxy", f"ftp://me:{PASSWORD}@host:1")],
)
def test_a_secret_is_told_by_its_name_alone(field: str, value: Any) -> None:
    problem = problem_of({field: value}, {})
    assert problem is not None
    assert problem.startswith(f"{field} is not accepted: give ")
    assert PASSWORD not in problem


def test_what_does_not_go_together_is_told() -> None:
    assert problem_of(KEYS, {}) is None
    one = {"access_key": KEYS["access_key"]}
    assert problem_of(one, VARIABLES) == "UPBIT_SECRET_KEY is missing: keys come in pairs, set both or neither"
    assert "give no more than backoff_max" in str(problem_of({"backoff_initial": 2, "backoff_max": 1}, {}))
    token = {"token": Secret("t" * 16)}
    assert "token is that of a door" in str(problem_of({**token, "url": f"wss://{HOSTS['sg']}/websocket/v1"}, {}))
    assert problem_of({**token, "url": "wss://host.example/websocket/v1"}, {}) is None


@pytest.mark.parametrize(
    ("url", "is_clear"),
    [(CLEAR, True), ("wss://exchange.example/websocket/v1", False), ("ws://localhost:1", False), ("ws://[::1]", False)],
)
def test_tokens_cross_no_network_in_clear_unless_that_is_allowed(url: str, is_clear: bool) -> None:
    assert (plaintext_problem(url, {}) is not None) is is_clear
    assert (problem_of({**KEYS, "url": url}, {}) is not None) is is_clear
    assert problem_of({**KEYS, "url": url, "allow_plaintext": True}, {}) is None
    assert problem_of({"url": url}, {}) is None, "there is no token"


@given(st.sampled_from(Config.__struct_fields__), st.none() | st.booleans() | st.floats() | st.text() | st.binary())
def test_any_value_of_any_field_is_taken_or_told_by_its_name(field: str, value: object) -> None:
    problem = problem_of({**msgspec.structs.asdict(Config()), field: value}, {})
    assert problem is None or field in problem or "keys come in pairs" in problem
