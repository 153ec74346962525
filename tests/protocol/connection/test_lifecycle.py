import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.connection.lifecycle import ConnectionState, Lifecycle
from websocket_v6.protocol.errors import LocalProtocolError

# Said again in words, so that a change of the table is a change of two minds.
STEPS = {
    "idle": "connecting waiting",
    "connecting": "open waiting refused closing",
    "open": "waiting refused closing",
    "waiting": "connecting idle",
    "refused": "connecting idle",
    "closing": "idle",
}
STATES = list(ConnectionState)
PATHS = {  # how to come to each state
    "idle": [],
    "connecting": ["connecting"],
    "open": ["connecting", "open"],
    "waiting": ["waiting"],
    "refused": ["connecting", "refused"],
    "closing": ["connecting", "closing"],
}


def in_state(state: ConnectionState) -> Lifecycle:
    life = Lifecycle()
    for step in PATHS[state.value]:
        life.move(ConnectionState(step))
    assert life.state is state
    return life


def test_it_begins_idle() -> None:
    assert Lifecycle().state is ConnectionState.IDLE


@pytest.mark.parametrize("start", STATES)
@pytest.mark.parametrize("to", STATES)
def test_each_step_is_legal_or_refused(start: ConnectionState, to: ConnectionState) -> None:
    life = in_state(start)
    if to.value in STEPS[start.value].split():
        life.move(to)
        assert life.state is to
    else:
        with pytest.raises(LocalProtocolError, match=f"cannot go from {start.value} to {to.value}"):
            life.move(to)
        assert life.state is start, "a refused step changes nothing"


@given(st.lists(st.sampled_from(STATES)))
def test_from_wherever_it_got_there_is_a_way_to_open(steps: list[ConnectionState]) -> None:
    life = Lifecycle()
    for step in steps:
        try:
            life.move(step)
        except LocalProtocolError:
            continue
    ways = {life.state.value}
    for _ in STATES:
        ways |= {step for way in ways for step in STEPS[way].split()}
    assert {"open", "idle"} <= ways
