"""Random walks of the machine through a world of one transport, and of three that share a pace.

What must hold is asserted in `world.py`, after every step. WEBSOCKET_V6_TEST_WALKS says how many walks.
"""

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.connection.machines import DOOR, EXCHANGE, Driven
from tests.protocol.connection.world import WITH_TRANSPORT, Block, World
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.connect_pace import ConnectPace
from websocket_v6.protocol.connection.machine import ABANDON_AFTER, CONFIRM, TRANSITIONS, State
from websocket_v6.protocol.connection.steps import (
    Answered,
    Due,
    Ended,
    Event,
    Failed,
    Finish,
    NewKeys,
    Opened,
    OpenTransport,
    PartLost,
    Said,
    Sample,
    TurnGiven,
    Unwanted,
    Wanted,
)
from websocket_v6.protocol.errors import AuthenticationError, LocalProtocolError, RateLimitedError, TransportError

WALKS = int(os.environ.get("WEBSOCKET_V6_TEST_WALKS", "24"))
STEPS = 200
ROUNDS = 20_000
YEAR = 365 * 86_400.0
MODES = ["accept"] * 12 + ["418", "429", "503", "lost", "nonce", "no answer"]
CONFIGS = [
    Config(),
    Config(max_age=300.0),
    Config(ping_interval=4.0, ping_timeout=10.0),
    Config(ping_interval=20.0, ping_timeout=3.0),
]


def some_time(world: World) -> float:
    return world.random.choice([0.1, 1.0, 10.0, 60.0, 300.0]) * world.random.random()


def step(world: World) -> None:
    """Let something happen, often just after something was done, then time pass."""
    if world.random.random() < 0.4 and world.machine.next_due is not None:
        world.advance(max(0.0, world.machine.next_due - world.now) + world.random.random())
    match world.random.randrange(18):
        case 0 | 1 | 2:
            world.is_wanted = True
            world.tell(Wanted())
        case 3:
            world.is_wanted = False
            world.tell(Unwanted(world.random.choice([0.0, 5.0])))
        case 4:
            world.lose(is_told=world.random.random() < 0.5)
        case 5 | 6:
            if world.transport is not None:
                world.transport.is_silent = not world.transport.is_silent
        case 7:
            world.starve(is_starved=True)
        case 8 | 9 | 10:
            world.starve(is_starved=False)
        case 11 | 12 | 13:
            pause = world.random.choice([2.0, 6.0, 12.0, 100.0, 5000.0]) * world.random.uniform(0.5, 1.5)
            world.pause(pause, is_suspended=world.random.random() < 0.5)
        case 14 | 15:
            world.mode = world.random.choice(MODES)
        case 16:
            exchange_keys(world)
        case 17:
            if world.transport is not None and world.transport.is_open and world.random.random() < 0.3:
                world.transport.socket.append(Said(world.random.choice(["WRONG_FORMAT", "INVALID_AUTH"]), "no"))
                world.read()
            world.unstick()
    world.advance(some_time(world))


def exchange_keys(world: World) -> None:
    if world.random.random() < 0.3:
        world.good_keys = world.keys + 1  # those in use are no longer good
    else:
        world.keys += 1
        generation = world.keys
        world.after(world.random.uniform(0.0, 3.0), lambda: world.tell(NewKeys(generation)))


def recover(world: World) -> None:
    """When all is well again, it is open after a while."""
    world.mode, world.keys = "accept", world.good_keys
    world.starve(is_starved=False)
    world.is_wanted = True
    world.tell(Wanted())
    for _ in range(200):
        world.advance(10.0)
        world.unstick()
        if world.machine.state is State.OPEN:
            return
    pytest.fail(f"it is {world.machine.state} and not open, with all it needs")


def finish(world: World) -> None:
    """However it stands, it ends."""
    world.told_to_finish = True
    pauses = 1 if world.slept else 0  # that it has not heard of yet
    world.tell(Finish())
    world.advance(ABANDON_AFTER + (1 + pauses) * CONFIRM + 0.1)
    assert world.machine.state is State.DONE
    assert world.transport is None


def walk(seed: int) -> World:
    rng = random.Random(seed)
    world = World(seed, rng.choice([EXCHANGE, EXCHANGE, DOOR]), rng.choice(CONFIGS), rate=rng.choice([0.3, 1.0]))
    for _ in range(STEPS):
        step(world)
    if seed % 2:
        recover(world)
    finish(world)
    return world


@pytest.mark.parametrize("part", range(4))
def test_whatever_happens_it_does_the_right_thing_in_the_end(part: int) -> None:
    worlds = [walk(seed) for seed in range(part, WALKS, 4)]
    hours = sum(world.real for world in worlds) / 3600
    connects = sum(world.counts["OpenTransport"] for world in worlds)
    met = {pair for world in worlds for pair in world.met}
    pings, questions = (sum(world.counts[name] for world in worlds) for name in ("SendPing", "SendQuestion"))
    print(  # noqa: T201 - for whoever runs more of them
        f"{len(worlds)} walks, {hours:.0f} hours, {connects} connects, {pings} pings, {questions} questions, "
        f"{len(met)} of {len(TRANSITIONS)} pairs"
    )
    assert connects > 10 * len(worlds)
    assert met <= set(TRANSITIONS)


@pytest.mark.parametrize("waits_for", ["pong", "answer"])
def test_a_peer_that_lives_is_not_given_up_for_pauses_at_the_worst_moment(waits_for: str) -> None:
    """That is while something is waited for; `world.py` fails if it is given up for not answering."""
    for seed in range(2 * WALKS):
        world = World(seed, EXCHANGE, Config(ping_interval=20.0, ping_timeout=3.0), rate=1.0)
        world.stuck_rate = 0.0
        world.tell(Wanted())
        world.advance(80.0)
        assert world.transport is not None
        world.transport.is_silent = True
        begin = world.now
        while waits_for not in world.machine.deadlines and world.now < begin + 100.0:
            world.advance(0.2)
        for _ in range(2):
            world.advance(0.3 * world.random.random())
            seconds = world.random.uniform(1.0, 8.0)
            match world.random.randrange(3):
                case 0:
                    world.pause(seconds, is_suspended=False)
                case 1:
                    world.pause(seconds, is_suspended=True)
                case 2:
                    world.starve(is_starved=True)
                    world.advance(seconds)
                    world.starve(is_starved=False)
        world.advance(10.0)
        assert world.machine.state is State.OPEN


@pytest.mark.parametrize("seed", range(max(3, WALKS // 4)))
def test_three_that_share_a_pace_do_not_try_inside_a_block(seed: int) -> None:
    """Each try inside makes it longer by 30 seconds."""
    rng, pace, block = random.Random(seed), ConnectPace(), Block()
    worlds = [World(seed * 3 + index, EXCHANGE, Config(), pace, block) for index in range(3)]
    for world in worlds:
        world.stuck_rate = 0.0  # one that hears nothing cannot tell the others
        world.tell(Wanted())
    for _ in range(ROUNDS):
        for world in worlds:
            world.advance(0.2)
        if rng.random() < 0.001:
            for world in worlds:
                world.mode = "418"
                if rng.random() < 0.7:
                    world.lose(is_told=True)
        elif rng.random() < 0.0005:
            for world in worlds:
                world.mode = "accept"
    assert sum(world.counts["BlockPace"] for world in worlds) > 10
    assert block.inside == 0


def test_a_year_of_an_exchange_that_is_not_there() -> None:
    it = Driven()
    it.tell(Wanted())
    errors = [TransportError("down", retry_after=3600.0), AuthenticationError("refused"), RateLimitedError("slow")]
    rng, tries, begin = random.Random(1), 0, it.now
    while it.now < begin + YEAR:
        it.connect()
        tries += 1
        it.wait(rng.random())
        it.tell(Failed(rng.choice(errors), 1))
    assert tries < YEAR / 300.0, "it does not hammer"
    it.open()
    assert it.state is State.OPEN


EVENTS = st.one_of(
    st.just(Wanted()),
    st.builds(Unwanted, st.sampled_from([0.0, 5.0])),
    st.builds(TurnGiven, st.floats(0.0, 5.0)),
    st.builds(Opened, st.integers(0, 3)),
    st.builds(
        Failed,
        st.sampled_from(
            [TransportError("lost"), AuthenticationError("no"), RateLimitedError("slow", retry_after=99.0)]
        ),
        st.integers(0, 3),
    ),
    st.just(Ended(TransportError("ended"))),
    st.just(PartLost(TransportError("a part of it"))),
    st.just(Answered("ticket-1")),
    st.just(Said("INVALID_AUTH", "no")),
    st.builds(NewKeys, st.integers(0, 3)),
    st.just(Finish()),
    st.builds(Due, st.builds(Sample, st.none() | st.floats(0.0, 9.0), st.floats(0.0, 9.0), st.floats(0.0, 9.0))),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(EVENTS, st.floats(0.0, 9.0)), max_size=60))
def test_whatever_is_told_in_whatever_order_it_can_go_on(told: list[tuple[Event, float]]) -> None:
    it = Driven()
    transports = 0
    for event, ago in told:
        if isinstance(event, Due):
            if it.machine.next_due is not None:
                it.now = max(it.now, it.machine.next_due)
            assert event.sample is not None
            since, past = event.sample.reading_since, [it.now - event.sample.bytes_at, it.now - event.sample.data_at]
            event = Due(Sample(None if since is None else it.now - since, *past))
        elif isinstance(event, TurnGiven):
            event = TurnGiven(it.now + ago)
        before = it.state
        try:
            actions = it.tell(event)
        except LocalProtocolError:
            assert isinstance(event, Opened | Failed | PartLost | Ended)
            assert it.state is before
            continue
        transports -= before in WITH_TRANSPORT and it.state not in WITH_TRANSPORT
        transports += sum(isinstance(action, OpenTransport) for action in actions)
        assert transports == (it.state in WITH_TRANSPORT)
        assert (it.machine.next_due is None) == (it.state in (State.IDLE, State.DONE))
    it.tell(Finish())
    for _ in range(3):
        if it.machine.next_due is not None:
            it.due()
    assert it.state is State.DONE
