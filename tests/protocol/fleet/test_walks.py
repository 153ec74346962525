"""The fleet's rules in a world where everything goes wrong: nothing is mixed, lost untold, or brought twice."""

import os
import random
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from websocket_v6.actors.fleet import resuming
from websocket_v6.actors.fleet.progress import Progress
from websocket_v6.actors.fleet.resuming import Resuming
from websocket_v6.protocol.fleet.joining import Interest
from websocket_v6.protocol.fleet.overlap import Overlap
from websocket_v6.protocol.fleet.place import Place
from websocket_v6.protocol.fleet.resume import Ledger, Part, Resumption
from websocket_v6.protocol.fleet.title import Lead

from .hosts import Host
from .lives import Life
from .messages import ALL, A, C
from .world import STREAMS, Server, World

WALKS = int(os.environ.get("WEBSOCKET_V6_TEST_WALKS", "40"))
STEPS = 400


@pytest.fixture(scope="module", autouse=True)
def _no_clock() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resuming, "time", SimpleNamespace(time_ns=lambda: 1, monotonic=lambda: 0.0))
        yield


@pytest.mark.parametrize("seed", range(WALKS))
def test_no_walk_mixes_loses_or_repeats_anything_untold_and_nobody_stays_deaf(seed: int) -> None:
    walk([seed])


def walk(seeds: Iterable[int], *, has_names: bool = True) -> None:
    for seed in seeds:
        world = World(random.Random(seed), has_names=has_names)
        for _ in range(STEPS):
            world.step()
            world.check()
        world.settle()
        world.check()


def test_the_walks_go_where_it_is_dangerous() -> None:
    gaps = delivered = terms = followed = resumed = handled = repeats = 0
    for seed in range(40):
        world = World(random.Random(seed))
        for _ in range(STEPS):
            world.step()
        gaps += sum(reader.told for reader in world.readers)
        delivered += sum(reader.delivered for reader in world.readers)
        terms += world._logs
        followed += world.followed
        resumed += sum(name.resumed for name in world.named)
        handled += sum(name.handled for name in world.named)
        repeats += sum(name.repeats for name in world.named)
    assert gaps > 400
    assert delivered > 1000
    assert terms > 120
    assert followed > 20
    assert resumed > 200
    assert handled > 1500
    assert repeats > 200


LIFE: tuple[Callable[[Life], object], ...] = (
    lambda life: life.read(5),
    lambda life: life.read(5, until=2),
    lambda life: life.handle(0),
    lambda life: life.handle(1),
    Life.ask,
    Life.settle,
    lambda life: life.save(is_lost=False),
    Life.look,
    lambda life: life.want(frozenset({A, C})),
    lambda life: life.want(ALL),
)


class Walk(RuleBasedStateMachine):
    """The same, with steps that hypothesis chooses, and makes fewer of when one fails."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(random.Random(0))

    @rule(stream=st.sampled_from(STREAMS))
    def emit(self, stream: str) -> None:
        self.world.emit(stream)

    @rule(host=st.integers(0, 2), count=st.integers(1, 5), lost=st.booleans(), again=st.booleans())
    def flush(self, host: int, count: int, lost: bool, again: bool) -> None:
        self.world.hosts[host].flush(count, answers_get_lost=lost, again=again)

    @rule(seconds=st.sampled_from([0.5, 0.7, 3.0]))
    def tick(self, seconds: float) -> None:
        self.world.tick(seconds)

    @rule()
    def lead(self) -> None:
        for _ in range(6):
            self.world.tick(0.5)

    @rule(reader=st.integers(0, 2), count=st.integers(1, 5))
    def read(self, reader: int, count: int) -> None:
        self.world.readers[reader].read(count)

    @rule(reader=st.integers(0, 2))
    def look(self, reader: int) -> None:
        self.world.readers[reader].look()

    @rule(host=st.integers(0, 2), steps=st.integers(1, 8))
    def pause(self, host: int, steps: int) -> None:
        self.world.paused[self.world.hosts[host]] = steps

    @rule(host=st.integers(0, 2), count=st.integers(0, 3))
    def break_line(self, host: int, count: int) -> None:
        self.world.hosts[host].break_line(count)

    @rule(host=st.integers(0, 2))
    def leave(self, host: int) -> None:
        self.world.hosts[host].would_leave = True

    @rule(host=st.integers(0, 2), count=st.integers(1, 3))
    def lose_the_exchange(self, host: int, count: int) -> None:
        self.world.hosts[host].deaf = count

    @rule()
    def hand_over(self) -> None:
        """Have who leads leave, all being well but for what chance has paused."""
        for host in self.world.hosts:
            host.would_leave = host.lead is not None
        for _ in range(6):
            self.world.tick(0.2)
            self.world.emit("a")
            self.world.flush_all()

    @rule()
    def replicate(self) -> None:
        self.world.server.replicate()

    @rule()
    def fail_over(self) -> None:
        self.world.server.fail_over()

    @rule()
    def empty(self) -> None:
        self.world.server.forget()

    @rule(stream=st.sampled_from(STREAMS))
    def evict(self, stream: str) -> None:
        self.world.server.logs.pop(stream, None)

    @rule(milliseconds=st.integers(-600_000, 600_000))
    def set_clock(self, milliseconds: int) -> None:
        self.world.server.wall_ms += milliseconds

    @rule(name=st.integers(0, 1))
    def begin(self, name: int) -> None:
        self.world.named[name].begin()

    @rule(name=st.integers(0, 1))
    def kill(self, name: int) -> None:
        self.world.named[name].kill()

    @rule(name=st.integers(0, 1), lost=st.booleans())
    def end(self, name: int, lost: bool) -> None:
        self.world.named[name].end(is_lost=lost)

    @rule(name=st.integers(0, 1), step=st.sampled_from(LIFE))
    def live(self, name: int, step: Callable[[Life], object]) -> None:
        life = self.world.named[name].life
        if life is not None:
            step(life)

    @rule(name=st.integers(0, 1))
    def expire(self, name: int) -> None:
        self.world.server.wants.pop(self.world.named[name].key, None)

    @invariant()
    def nothing_is_wrong(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        self.world.settle()
        self.world.check()


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=WALKS, stateful_step_count=60, deadline=None)


def without_looking_at_holes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Place, "_gap_before", lambda *_: "")


def without_a_floor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Place, "_floor_ns", property(lambda _: 0, lambda *_: None), raising=False)


def with_a_counter_for_a_term(patch: pytest.MonkeyPatch) -> None:
    def take(self: Server, seen: Lead | None, machine: str, floor: int, log: str, *, is_new: bool) -> Lead | None:
        if seen != self.lead:
            return None
        term = max(self.lead.term if self.lead else 0, floor) + 1
        self.lead = Lead(self.lead.log if self.lead and not is_new else log, term, machine, 1)
        return self.lead

    patch.setattr(Server, "take", take)


def without_the_proof_that_all_from_before_is_written(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Host, "has_proofs", lambda _: True)
    patch.setattr(Host, "is_proven", lambda *_: True)


def without_a_look_whether_that_was_lost(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Host, "is_proven", lambda *_: True)


def without_looking_for_what_the_log_has(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Overlap, "is_written", lambda *_: False)


def without_a_word_of_what_was_missed_meanwhile(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Host, "is_whole", property(lambda _: True, lambda *_: None), raising=False)


def without_what_is_held(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "before", lambda ledger, _: ledger._ids[-1] if ledger._ids else ledger.start)


def without_what_is_behind(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "behind", lambda *_, **__: {})


def without_a_mark(patch: pytest.MonkeyPatch) -> None:
    parts = Resumption.parts
    patch.setattr(Resumption, "parts", lambda *all_: [Part(rows, may_repeat=False) for rows, _ in parts(*all_)])


def without_saying_how_far_it_may_read(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Resuming, "_send", lambda *_: None)


def without_saying_it_after_an_orderly_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Resumption, "is_clean", property(lambda _: False, lambda *_: None), raising=False)


def without_a_doubt_that_is_handed_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Progress, "_is_sure", lambda *_: True)


def with_what_was_kept_before_a_gap(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Interest, "broke", lambda *_: None)


def with_what_is_kept_counting_as_done(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Interest, "kept_from", None)


@pytest.mark.parametrize(
    "spoil",
    [
        without_looking_at_holes,
        without_a_floor,
        with_a_counter_for_a_term,
        without_the_proof_that_all_from_before_is_written,
        without_a_look_whether_that_was_lost,
        without_looking_for_what_the_log_has,
        without_a_word_of_what_was_missed_meanwhile,
    ],
)
def test_each_rule_is_needed(spoil: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch)
    with pytest.raises(AssertionError):
        walk(range(300), has_names=False)


@pytest.mark.parametrize(
    "spoil",
    [
        without_what_is_held,
        without_what_is_behind,
        without_a_mark,
        without_saying_how_far_it_may_read,
        without_saying_it_after_an_orderly_end,
        without_a_doubt_that_is_handed_on,
        with_what_was_kept_before_a_gap,
        with_what_is_kept_counting_as_done,
    ],
)
def test_each_rule_of_a_resume_name_is_needed(
    spoil: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch)
    with pytest.raises(AssertionError):
        walk(range(300))


@pytest.mark.parametrize("looks", [True, False])
def test_who_never_looks_at_the_title_is_deaf_after_the_server_lost_all_and_its_clock_was_set_back(looks: bool) -> None:
    world = World(random.Random(1))
    world.settle()
    reader = world.readers[0]
    world.server.forget()
    world.server.wall_ms -= 3_600_000
    for host in world.hosts:
        host.floor = 0  # they were started anew
    before = reader.delivered
    for _ in range(20):
        world.tick(0.5)
        world.emit("a")
        world.flush_all()
        world.read_all()
        if looks:
            reader.look()
    assert (reader.delivered > before) is looks
    world.check()
