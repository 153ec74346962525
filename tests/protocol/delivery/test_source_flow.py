import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.protocol.delivery.flow_model import LIMIT, PRIVATE, PUBLIC, ROWS, World
from websocket_v6.protocol.delivery.source_flow import Over, SourceFlow
from websocket_v6.protocol.errors import LocalProtocolError

WALKS = int(os.environ.get("WEBSOCKET_V6_TEST_WALKS", "150"))


@pytest.fixture
def flow() -> SourceFlow:
    """Two sources of one endpoint and one of another, the first of each admitted."""
    flow = SourceFlow()
    for number, endpoint in ((1, "public"), (2, "public"), (3, "private")):
        flow.attach(number, endpoint, number, 4)
    assert flow.admit(1, 7, is_held=False) == 4
    assert flow.admit(3, 1, is_held=False) == 4
    return flow


def test_a_batch_takes_a_credit_and_gives_it_back_once(flow: SourceFlow) -> None:
    assert flow.take(1) == 7
    assert flow.credits_of(1) == (3, 1, 0)
    assert flow.give_back(1, 100) is True
    assert flow.credits_of(1) == (4, 0, 0)
    with pytest.raises(LocalProtocolError, match="has not used"):
        flow.give_back(1, 100)


def test_nothing_comes_before_admission_or_without_a_credit(flow: SourceFlow) -> None:
    with pytest.raises(LocalProtocolError, match="without a credit"):
        flow.take(2)
    for _ in range(4):
        flow.take(1)
    with pytest.raises(LocalProtocolError, match="without a credit"):
        flow.take(1)


def test_an_attachment_is_admitted_once_and_its_number_never_comes_again(flow: SourceFlow) -> None:
    with pytest.raises(LocalProtocolError, match="twice"):
        flow.admit(1, 8, is_held=False)
    flow.end(1)
    with pytest.raises(LocalProtocolError, match="no new one"):
        flow.attach(1, "public", 1, 4)
    flow.attach(4, "public", 1, 4)


@pytest.fixture
def parts() -> SourceFlow:
    """One source whose attachment 4 has the parts 4 and 6, and another one, 5."""
    flow = SourceFlow()
    flow.attach(4, "public", 1, 2)
    flow.attach(5, "public", 2, 2)
    flow.attach(6, "public", 1, 3, 4)
    for number, at_ns in ((4, 50), (5, 60), (6, 70)):
        flow.opened(number, at_ns)
        flow.admit(number, 7, is_held=False)
    return flow


def test_each_part_has_credits_of_its_own(parts: SourceFlow) -> None:
    parts.take(6)
    assert (parts.credits_of(4), parts.credits_of(6)) == ((2, 0, 0), (2, 1, 0))
    parts.hold("public", 9)
    assert parts.give_back(6, 100) is False
    assert parts.release("public", 9, 1.0) == {6: 1}


@pytest.mark.parametrize("ends", [4, 6])
def test_with_one_part_all_end_and_are_whole_up_to_the_least(parts: SourceFlow, ends: int) -> None:
    parts.take(4)
    parts.give_back(4, 100)
    assert parts.read_ns("public") == 60, "the other source's"
    assert parts.end(ends) == Over("public", 1, 70, 4, (4, 6), 70 if ends == 4 else 100)
    assert parts.take(4) is parts.take(6) is None
    assert parts.end(10 - ends) is None
    assert parts.endpoint_of(5) == "public"


def test_a_part_that_did_not_open_says_nothing_of_the_others(flow: SourceFlow) -> None:
    flow.opened(1, 50)
    flow.attach(4, "public", 1, 4, 1)
    assert flow.end(4) == Over("public", 1, 50, 1, (1, 4), 50)


def test_parts_have_delivered_all_up_to_the_least_and_sources_up_to_the_most(parts: SourceFlow) -> None:
    for number, whole_ns in ((4, 300), (6, 200)):
        parts.take(number)
        parts.give_back(number, whole_ns)
    assert parts.whole_ns() == {"public": 200}
    parts.take(5)
    parts.give_back(5, 250)
    assert parts.whole_ns() == {"public": 250}


def test_of_what_has_ended_nothing_counts_any_more(flow: SourceFlow) -> None:
    flow.opened(1, 50)
    flow.take(1)
    assert flow.end(1) == Over("public", 1, 50, 1, (1,))
    assert flow.end(1) is None
    assert flow.take(1) is None
    assert flow.give_back(1, 100) is False
    assert flow.admit(1, 9, is_held=False) == 0
    assert flow.join(1) is None
    assert flow.opened(1, 60) is False
    assert flow.endpoint_of(1) is None


def test_what_is_said_shows_up_to_when_all_has_come(flow: SourceFlow) -> None:
    assert flow.reached(1, 40)
    assert flow.end(3) == Over("private", 3, None, 3, (3,))
    flow.opened(1, 50)
    flow.reached(1, 40)
    flow.take(1)
    flow.give_back(1, 45)
    assert flow.whole_ns() == {"public": 50}, "it never falls"
    flow.reached(1, 70)
    assert flow.end(1) == Over("public", 1, 70, 1, (1,))
    assert not flow.reached(1, 80)


def test_what_never_opened_has_no_bound(flow: SourceFlow) -> None:
    assert flow.end(2) == Over("public", 2, None, 2, (2,))


def test_a_turn_concerns_those_of_the_endpoint_that_go_on(flow: SourceFlow) -> None:
    flow.turn("public", 9)
    assert (flow.take(1), flow.take(3)) == (9, 1)
    flow.admit(2, 10, is_held=True)
    assert flow.take(2) == 10, "it was not there yet"


def test_a_full_mailbox_withholds_the_credits_of_its_own_endpoint(flow: SourceFlow) -> None:
    flow.take(1)
    flow.take(3)
    flow.hold("public", 11)
    assert flow.give_back(1, 1) is False
    assert flow.give_back(3, 1) is True
    assert flow.admit(2, 7, is_held=True) == 0, "all of them wait"
    assert flow.credits_of(2) == (0, 0, 4)
    assert flow.release("public", 11, 5.0) == {1: 1, 2: 4}
    assert flow.release("public", 11, 6.0) == {}


def test_the_last_of_several_full_mailboxes_releases(flow: SourceFlow) -> None:
    for taker in (11, 12):
        flow.hold("public", taker)
    flow.hold("private", 13)
    flow.take(1)
    flow.give_back(1, 1)
    assert flow.release("public", 11, 5.0) == {}
    assert flow.release("public", 13, 5.0) == {}, "that one is another endpoint's"
    assert flow.release("public", 12, 5.0) == {1: 1}


def test_since_when_it_flows(flow: SourceFlow) -> None:
    assert flow.flowing_since("public") == float("-inf")
    flow.hold("public", 11)
    assert flow.flowing_since("public") is None
    assert flow.flowing_since("private") == float("-inf")
    flow.release("public", 11, 5.0)
    assert flow.flowing_since("public") == 5.0


def test_what_was_delivered_is_that_of_the_furthest_that_takes_part(flow: SourceFlow) -> None:
    assert flow.whole_ns() == {}
    flow.opened(1, 50)
    flow.opened(2, 60)
    assert flow.whole_ns() == {"public": 50}, "what is not admitted brings nothing"
    flow.admit(2, 7, is_held=True)
    flow.take(2)
    flow.give_back(2, 90)
    assert flow.whole_ns() == {"public": 50}, "what is held is not delivered"
    flow.take(1)
    flow.give_back(1, 80)
    assert flow.whole_ns() == {"public": 80}
    flow.join(2)
    assert flow.whole_ns() == {"public": 90}


# --- any interleaving


def test_walks_hold() -> None:
    delivered = gaps = late = 0
    for seed in range(WALKS):
        world = World(seed)
        for _ in range(300):
            world.step()
        for _ in range(40):
            world.emit(PUBLIC)
        world.settle(drain=False)
        for source in world.sources[:2] * 5:  # reconnecting is no way round a full mailbox
            world.lose(source)
            world.connect(source)
            world.settle(drain=False)
            for _ in range(ROWS):
                world.emit(PUBLIC)
            world.settle(drain=False)
        for _ in range(40):  # the public mailboxes stand as they are, full
            world.emit(PRIVATE)
            world.settle(drain=False)
            world.take(world.mailboxes[2], LIMIT)
        world.settle(drain=False)
        assert not world.is_stuck(world.sources[2]), "an endpoint waits for another"
        world.settle(drain=True)
        world.check_rest()
        delivered, gaps, late = delivered + world.delivered, gaps + len(world.gaps), late + world.late
    assert delivered > 10 * WALKS, "or nothing was tried"
    assert gaps > WALKS / 2
    assert late > WALKS / 50


class Walk(RuleBasedStateMachine):
    """The same world, its steps chosen by hypothesis, which finds the shortest way to a fault."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(source=st.integers(0, 2), kind=st.sampled_from(["emit", "look", "connect", "lose", "cut", "die"]))
    def outside(self, source: int, kind: str) -> None:
        one = self.world.sources[source]
        self.world.now += 1
        if kind == "emit":
            self.world.emit(one.endpoint)
        else:
            getattr(self.world, kind)(one)

    @rule(source=st.integers(0, 2), rows=st.integers(1, ROWS))
    def read(self, source: int, rows: int) -> None:
        self.world.now += 1
        self.world.read(self.world.sources[source], rows)

    @rule(count=st.integers(1, 6))
    def route(self, count: int) -> None:
        for _ in range(count):
            self.world.route()

    @rule(count=st.integers(1, 3))
    def decide(self, count: int) -> None:
        for _ in range(count):
            self.world.decide()

    @rule(mailbox=st.integers(0, 2), count=st.integers(1, LIMIT))
    def take(self, mailbox: int, count: int) -> None:
        self.world.take(self.world.mailboxes[mailbox], count)

    @invariant()
    def holds(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        self.world.settle(drain=True)
        self.world.check_rest()


TestWalk = Walk.TestCase
TestWalk.settings = settings(
    max_examples=WALKS // 2, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_all_is_read_as_far_as_the_slowest_that_brings_data() -> None:
    flow = SourceFlow()
    assert flow.read_ns("public") is None
    for number in (1, 2):
        flow.attach(number, "public", number, 2)
        flow.opened(number, 10 * number)
    flow.admit(1, 1, is_held=False)
    flow.admit(2, 1, is_held=True)
    assert flow.read_ns("public") == 10, "the other is held"
    flow.reached(1, 50)
    assert flow.read_ns("public") == 50
    flow.join(2)
    assert flow.read_ns("public") == 20
    flow.take(2)
    flow.give_back(2, 70)
    assert flow.read_ns("public") == 50
    flow.end(1)
    assert flow.read_ns("public") == 70
    assert flow.read_ns("private") is None
