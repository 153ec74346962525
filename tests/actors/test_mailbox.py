"""Each policy by example, all of them against a naive model, and all of them under a producer that is too fast."""

import contextlib
import gc
import queue
import signal
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from websocket_v6.actors.mailbox import MOST_FAILURES, MailboxQueue
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.errors import ClosedError, EngineError, MailboxFullError, StreamError
from websocket_v6.protocol.events import Event, MarketsEvent, OverflowEvent, make_event, weigh

NEVER = float("inf")
Taken = Event | OverflowEvent | MarketsEvent


def event(number: int, code: str = "KRW-BTC", text: str = "") -> Event:
    return make_event(f"trade {code}", b'{"ty":"trade","x":"%s"}' % text.encode(), 1, number)


def numbers(taken: list[Any]) -> list[int]:
    return [one.received_at for one in taken if isinstance(one, Event)]


def told(taken: list[Any]) -> list[int]:
    return [one.dropped for one in taken if isinstance(one, OverflowEvent)]


def drain(mailbox: MailboxQueue, now: float = 0.0) -> list[Taken]:
    return list(iter(lambda: mailbox.take(now), None))


# --- policies


def test_latest_keeps_the_newest_of_each_code_and_its_place() -> None:
    mailbox = MailboxQueue(Mailbox.latest())
    mailbox.put_many([event(1), event(2, "KRW-ETH"), event(3), event(4)])
    assert numbers(drain(mailbox)) == [4, 2]
    assert mailbox.stats == (4, 2, 2, 0)


def test_latest_is_the_newest_at_the_moment_of_delivery() -> None:
    mailbox = MailboxQueue(Mailbox.latest())
    mailbox.put_many([event(1), event(2, "KRW-ETH")])
    assert numbers([mailbox.take(0.0)]) == [1]
    mailbox.put_many([event(3, "KRW-ETH")])
    assert numbers(drain(mailbox)) == [3]


def test_latest_tells_what_it_dropped_at_most_once_a_second_and_in_the_end() -> None:
    mailbox = MailboxQueue(Mailbox.latest(notify=True))
    taken: list[Taken] = []
    for step in range(25):
        mailbox.put_many([event(2 * step), event(2 * step + 1)])
        taken += drain(mailbox, 10.0 + step / 10)
    assert told(taken) == [1, 10, 10]
    assert mailbox.next_due() == 13.0, "nothing else need come for the last one"
    assert drain(mailbox, 12.9) == []
    assert told(drain(mailbox, 13.0)) == [4]
    assert mailbox.next_due() is None
    assert mailbox.stats.dropped == 25


def test_drop_oldest_keeps_the_newest_and_tells_before_the_next() -> None:
    mailbox = MailboxQueue(Mailbox.drop_oldest(3, notify=True))
    mailbox.put_many([event(number) for number in range(10)])
    overflow, *rest = drain(mailbox)
    assert isinstance(overflow, OverflowEvent)
    assert (overflow.dropped, overflow.dropped_total, overflow.policy) == (7, 7, "drop_oldest")
    assert numbers(rest) == [7, 8, 9]
    mailbox.put_many([event(10)])
    assert numbers(drain(mailbox)) == [10]
    mailbox.put_many([event(number) for number in range(11, 15)])
    again = mailbox.take(0.0)
    assert isinstance(again, OverflowEvent)
    assert (again.dropped, again.dropped_total) == (1, 8)
    assert mailbox.stats == (15, 4, 8, 3)


def test_throttle_delivers_at_once_and_then_the_newest_when_its_time_comes() -> None:
    mailbox = MailboxQueue(Mailbox.throttle(0.5))
    mailbox.put_many([event(1), event(2, "KRW-ETH")])
    assert numbers(drain(mailbox, 10.0)) == [1, 2]
    mailbox.put_many([event(3), event(4)])
    assert drain(mailbox, 10.4) == []
    assert mailbox.next_due() == 10.5
    assert numbers(drain(mailbox, 10.5)) == [4]
    assert mailbox.stats == (4, 3, 1, 0)


def test_throttle_hands_out_first_what_has_waited_longest() -> None:
    mailbox = MailboxQueue(Mailbox.throttle(1.0))
    mailbox.put_many([event(1, "A"), event(2, "B")])
    assert numbers([mailbox.take(10.0), mailbox.take(10.4)]) == [1, 2]
    mailbox.put_many([event(3, "B"), event(4, "A"), event(5, "C")])
    assert numbers(drain(mailbox, 20.0)) == [5, 4, 3]


def test_lossless_delivers_what_fits_and_then_ends() -> None:
    size = weigh([event(1)])
    mailbox = MailboxQueue(Mailbox.lossless(size * 2, notify=True))
    mailbox.put_many([event(1), event(2), event(3)])
    mailbox.put_many([event(4)])
    assert mailbox.error is None, "what fits is still to be delivered"
    assert numbers([mailbox.get(0), mailbox.get(0)]) == [1, 2]
    mailbox.put_many([event(5)])
    assert mailbox.error is None, "what was lost is still to be told"
    assert told([mailbox.get(0)]) == [3]
    assert mailbox.put_many([event(6)]) is False, "it is over"
    with pytest.raises(MailboxFullError, match=f"more than {size * 2} bytes .* 2 events were delivered, 3 were lost"):
        mailbox.get(0)
    assert isinstance(mailbox.error, MailboxFullError)
    assert mailbox.stats == (5, 2, 3, 0)


def test_lossless_within_its_budget_goes_on_for_ever() -> None:
    mailbox = MailboxQueue(Mailbox.lossless(2 * weigh([event(1)]), notify=True))
    mailbox.put_many([event(0)])
    for number in range(1, 1000):
        mailbox.put_many([event(number)])
        assert numbers([mailbox.take(0.0)]) == [number - 1]
    assert mailbox.error is None


def test_lossless_takes_nothing_smaller_in_after_what_did_not_fit() -> None:
    mailbox = MailboxQueue(Mailbox.lossless(weigh([event(1)]) + 5, notify=True))
    assert mailbox.put_many([event(1, text="too long to fit"), event(2)]) is True
    assert told(drain(mailbox)) == [2]
    assert isinstance(mailbox.error, MailboxFullError)


def test_lossless_that_ran_over_says_so_even_if_it_is_closed_then() -> None:
    mailbox = MailboxQueue(Mailbox.lossless(weigh([event(1)]), notify=True))
    mailbox.put_many([event(1), event(2)])
    mailbox.close(drain=True)
    taken = drain(mailbox)
    assert (numbers(taken), told(taken)) == ([1], [1])
    assert isinstance(mailbox.error, MailboxFullError)


def test_block_says_when_it_is_full_and_when_there_is_room() -> None:
    mailbox = MailboxQueue(Mailbox.block(2))
    drained: list[int] = []
    mailbox.on_drained = lambda: drained.append(mailbox.stats.queued)
    mailbox.put_many([event(1)])
    assert not mailbox.full
    mailbox.put_many([event(2), event(3)])
    assert mailbox.full
    mailbox.take(0.0)
    assert drained == []
    mailbox.take(0.0)
    assert drained == [1]
    assert not mailbox.full
    assert numbers(drain(mailbox)) == [3]
    assert drained == [1], "once"
    assert mailbox.stats.dropped == 0


def test_only_block_is_ever_full() -> None:
    for policy in (
        Mailbox.drop_oldest(1, notify=True),
        Mailbox.latest(notify=True),
        Mailbox.throttle(1, notify=True),
        Mailbox.lossless(1, notify=True),
    ):
        mailbox = MailboxQueue(policy)
        mailbox.put_many([event(1), event(2)])
        assert not mailbox.full


@pytest.mark.parametrize("drained", [False, True])
def test_a_full_mailbox_that_closes_lets_its_source_go(drained: bool) -> None:
    mailbox = MailboxQueue(Mailbox.block(1))
    calls: list[bool] = []
    mailbox.on_drained = lambda: calls.append(True)
    mailbox.put_many([event(1)])
    assert mailbox.full
    mailbox.close(drain=drained)
    assert calls == [True]


# --- out of memory


class Scarce:
    """Has the memory run out at some of a store's calls, when half of what came is in it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, mailbox: MailboxQueue) -> None:
        self.is_out = False
        kind = type(mailbox._store)
        put_many = kind.put_many

        def put(store: Any, events: list[Event], weight: int) -> None:
            if not self.is_out:
                put_many(store, events, weight)
                return
            put_many(store, events[: len(events) // 2], weight)
            raise MemoryError

        monkeypatch.setattr(kind, "put_many", put)

    def put(self, mailbox: MailboxQueue, *events: Event) -> bool:
        self.is_out = True
        try:
            return mailbox.put_many(events)
        finally:
            self.is_out = False


@pytest.mark.parametrize(
    "policy",
    [Mailbox.drop_oldest(10, notify=True), Mailbox.latest(notify=True), Mailbox.throttle(0.5, notify=True)],
    ids=str,
)
def test_without_memory_all_that_waits_is_dropped_and_told(monkeypatch: pytest.MonkeyPatch, policy: Mailbox) -> None:
    mailbox = MailboxQueue(policy)
    scarce = Scarce(monkeypatch, mailbox)
    mailbox.put_many([event(1, "A"), event(2, "B")])
    assert scarce.put(mailbox, event(3, "A"), event(4, "B")) is False
    assert mailbox.stats == (4, 0, 4, 0)
    mailbox.put_many([event(5, "A")])
    taken = drain(mailbox, 10.0)
    assert (numbers(taken), sum(told(taken))) == ([5], 4)
    assert mailbox.stats == (5, 1, 4, 0)


def test_without_memory_a_lossless_one_ends_with_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox = MailboxQueue(Mailbox.lossless(1 << 20))
    scarce = Scarce(monkeypatch, mailbox)
    mailbox.put_many([event(1)])
    scarce.put(mailbox, event(2), event(3))
    mailbox.put_many([event(4)])
    assert numbers([mailbox.get(0), mailbox.get(0)]) == [1, 2]
    with pytest.raises(
        MailboxFullError, match=r"no memory left for a lossless mailbox: 2 .* 2 were lost .* more memory"
    ):
        mailbox.get(0)


def test_without_memory_a_full_one_lets_its_source_go(monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox = MailboxQueue(Mailbox.block(1))
    scarce = Scarce(monkeypatch, mailbox)
    calls: list[bool] = []
    mailbox.on_drained = lambda: calls.append(True)
    mailbox.put_many([event(1)])
    assert mailbox.full
    scarce.put(mailbox, event(2))
    assert (calls, mailbox.full, mailbox.stats.dropped) == ([True], False, 2)


# --- waking


def test_the_consumer_is_woken_once() -> None:
    mailbox = MailboxQueue(Mailbox.drop_oldest(10, notify=True))
    assert mailbox.put_many([event(1)]) is True
    assert mailbox.put_many([event(2)]) is False, "it is awake, or about to be"
    mailbox.take(0.0)
    assert mailbox.put_many([event(3)]) is False, "it has not yet found it empty"
    drain(mailbox)
    assert mailbox.put_many([event(4)]) is True


def test_nobody_is_woken_for_what_is_due_later_than_they_look_anyway() -> None:
    mailbox = MailboxQueue(Mailbox.throttle(1.0))
    mailbox.put_many([event(1)])
    assert numbers(drain(mailbox, 10.0)) == [1]
    assert mailbox.put_many([event(2)]) is True, "due at 11, nobody knows"
    assert drain(mailbox, 10.1) == []
    assert mailbox.put_many([event(3), event(4)]) is False, "whoever found nothing looks again at 11"
    assert mailbox.put_many([event(5, "KRW-ETH")]) is True, "due now"


def test_a_drop_with_nothing_left_wakes_too() -> None:
    mailbox = MailboxQueue(Mailbox.lossless(1, notify=True))
    assert mailbox.put_many([event(1)]) is True
    assert told(drain(mailbox)) == [1]


# --- pulling


def test_get_waits_and_gives_up() -> None:
    mailbox = MailboxQueue(Mailbox.drop_oldest(10, notify=True))
    for timeout in (0.01, 0, -1):
        with pytest.raises(TimeoutError, match=r"no event within"):
            mailbox.get(timeout)
    mailbox.put_many([event(1)])
    assert numbers([mailbox.get(0)]) == [1]


class Caller(threading.Thread):
    """Calls something in a thread and keeps what came of it."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__()
        self._call = call
        self._outcome: object = None
        self.start()

    def run(self) -> None:
        try:
            self._outcome = self._call()
        except StreamError as exc:
            self._outcome = exc

    def outcome(self) -> Any:
        self.join(20)
        assert not self.is_alive()
        return self._outcome


@pytest.mark.parametrize("timeout", [None, 20, 1e300, NEVER])
def test_get_is_woken_by_an_event(timeout: float | None) -> None:
    mailbox = MailboxQueue(Mailbox.latest(notify=True))
    caller = Caller(lambda: mailbox.get(timeout))
    mailbox.put_many([event(7)])
    assert caller.outcome() == event(7)


def test_get_is_woken_when_a_throttled_event_is_due() -> None:
    mailbox = MailboxQueue(Mailbox.throttle(0.05))
    mailbox.put_many([event(1)])
    mailbox.get(20)
    mailbox.put_many([event(2)])
    assert numbers([mailbox.get(20)]) == [2]


def test_several_threads_may_pull() -> None:
    mailbox = MailboxQueue(Mailbox.drop_oldest(10, notify=True))
    callers = [Caller(lambda: mailbox.get(20)) for _ in range(3)]
    mailbox.put_many([event(1), event(2), event(3)])
    assert sorted(numbers([caller.outcome() for caller in callers])) == [1, 2, 3]


def test_ctrl_c_interrupts_get() -> None:
    mailbox = MailboxQueue(Mailbox.latest(notify=True))
    main = threading.main_thread()
    assert main is threading.current_thread()
    assert main.ident is not None
    presser = threading.Timer(0.1, signal.pthread_kill, (main.ident, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        presser.start()
        mailbox.get()
    presser.join()
    mailbox.put_many([event(1)])
    assert numbers([mailbox.get(0)]) == [1], "and nothing is broken by it"


# --- the end


def test_close_ends_waiting() -> None:
    mailbox = MailboxQueue(Mailbox.latest(notify=True))
    caller = Caller(mailbox.get)
    mailbox.close(ClosedError("over"))
    assert isinstance(caller.outcome(), ClosedError)
    assert str(caller.outcome()) == "over"


def test_closing_drops_what_waits() -> None:
    mailbox = MailboxQueue(Mailbox.drop_oldest(2, notify=True))
    mailbox.put_many([event(1), event(2), event(3)])
    mailbox.close()
    assert mailbox.put_many([event(4)]) is False
    assert drain(mailbox) == []
    assert mailbox.stats == (3, 0, 3, 0)
    with pytest.raises(ClosedError):
        mailbox.get()


@pytest.mark.parametrize("policy", [Mailbox.latest(notify=True), Mailbox.throttle(60.0, notify=True)])
def test_closing_with_drain_hands_out_at_once_all_that_waits(policy: Mailbox) -> None:
    mailbox = MailboxQueue(policy)
    mailbox.put_many([event(1), event(2)])
    assert told([mailbox.take(10.0)]) == [1]
    assert numbers([mailbox.take(10.0)]) == [2]
    mailbox.put_many([event(3), event(4), event(5, "KRW-ETH")])
    mailbox.close(EngineError("the engine gave up"), drain=True)
    mailbox.close(ClosedError("too late: the first reason counts"))
    assert mailbox.next_due() == 0.0
    assert mailbox.error is None
    taken = drain(mailbox, 10.0)
    assert told(taken) == [1]
    assert sorted(numbers(taken)) == [4, 5]
    with pytest.raises(EngineError, match="gave up"):
        mailbox.get()
    assert mailbox.stats == (5, 3, 2, 0)


def test_an_error_raised_many_times_keeps_no_frames() -> None:
    class Local:
        pass

    mailbox = MailboxQueue(Mailbox.latest(notify=True))
    mailbox.close()
    lengths = []
    for _ in range(3):
        local = Local()
        ghost = weakref.ref(local)
        with pytest.raises(ClosedError) as caught:
            mailbox.get()
        lengths.append(len(traceback.extract_tb(caught.tb)))
        del local, caught
        gc.collect()
    assert len(set(lengths)) == 1
    assert ghost() is None


class Garbage:
    """Stands for an event whose handling happens to trigger a garbage collection that ends the component."""

    size = 10
    _payload = b"0123456789"

    def __init__(self, finalizer: Callable[[], object]) -> None:
        self._finalizer = finalizer

    @property
    def stream(self) -> str:
        self._finalizer()
        return "trade KRW-BTC"


@pytest.mark.parametrize("policy", [Mailbox.latest(notify=True), Mailbox.throttle(1.0, notify=True)])
def test_a_mailbox_may_be_closed_from_within_itself(policy: Mailbox) -> None:
    mailbox = MailboxQueue(policy)
    garbage: Any = Garbage(mailbox.close)
    assert mailbox.put_many([event(1), garbage, event(2)]) is False
    assert drain(mailbox) == []
    assert mailbox.stats == (3, 0, 3, 0)


# --- all policies against a model

CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP"]
POLICIES = [
    Mailbox.latest(notify=True),
    Mailbox.latest(),
    Mailbox.drop_oldest(1, notify=True),
    Mailbox.drop_oldest(5, notify=True),
    Mailbox.throttle(0.5, notify=True),
    Mailbox.throttle(2.5),
    Mailbox.lossless(1500, notify=True),
    Mailbox.block(3),
]


class Reference:
    """What the policies say, in plain words: one list, one event at a time."""

    def __init__(self, policy: Mailbox) -> None:
        self.kind, self.limit, self.notify = policy.kind, policy.limit, policy.notify
        self.waiting: list[Event] = []
        self.free: dict[str, float] = {}
        self.received = self.delivered = self.dropped = self.told = 0
        self.notice_at = 0.0
        self.is_over = self.is_closed = self.is_draining = False

    def put(self, new: Event) -> None:
        if self.is_closed:
            return
        self.received += 1
        codes = [one.symbol for one in self.waiting]
        if self.kind in ("latest", "throttle") and new.symbol in codes:
            self.waiting[codes.index(new.symbol)] = new
            self.dropped += 1
        elif self.kind == "lossless" and (self.is_over or weigh([*self.waiting, new]) > self.limit):
            self.is_over = True
            self.dropped += 1
        else:
            self.waiting.append(new)
            if self.kind == "drop_oldest" and len(self.waiting) > self.limit:
                self.waiting.pop(0)
                self.dropped += 1

    def when(self, one: Event) -> float:
        return self.free.get(one.symbol, 0.0) if self.kind == "throttle" else 0.0

    def due(self) -> float:
        times = [0.0 if self.is_draining else self.when(one) for one in self.waiting]
        return min([*times, self.notice_at] if self.has_news else times, default=NEVER)

    @property
    def has_news(self) -> bool:
        return self.notify and self.dropped > self.told

    def take(self, now: float) -> Event | int | None:
        """Return an event, the number of dropped ones to tell, or nothing."""
        if self.has_news and now >= self.notice_at and not (self.kind == "lossless" and self.waiting):
            new, self.told = self.dropped - self.told, self.dropped
            if self.kind in ("latest", "throttle"):
                self.notice_at = now + 1.0
            self.is_closed |= self.kind == "lossless"
            return new
        ready = [one for one in self.waiting if self.is_draining or self.when(one) <= now]
        if not ready:
            return None
        first = min(ready, key=self.when)  # the first of several
        self.waiting.remove(first)
        self.free[first.symbol] = now + self.limit
        self.delivered += 1
        return first

    def close(self, drain: bool) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        if drain:
            self.notice_at, self.is_draining = 0.0, True
            self.waiting.sort(key=self.when)
            self.free.clear()
        else:
            self.dropped += len(self.waiting)
            self.waiting.clear()
            self.told = self.dropped

    def is_ended(self) -> bool:
        return self.is_closed and not self.waiting and not self.has_news


class Model(RuleBasedStateMachine):
    """Any order of putting, taking and waiting; every answer and every count is compared with the reference's."""

    policy: ClassVar[Mailbox]

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.serial = 0
        self.looks_at = NEVER  # when a consumer that does as it is told looks again
        self.was_full = False  # when it was asked whether it is
        self.drained = self.expected_drained = 0
        self.mailbox = MailboxQueue(self.policy, lambda: self.now)
        self.mailbox.on_drained = self.count_drained
        self.reference = Reference(self.policy)

    def count_drained(self) -> None:
        self.drained += 1

    @rule(codes=st.lists(st.sampled_from(CODES), min_size=1, max_size=8))
    def put_some(self, codes: list[str]) -> None:
        events = [event(self.serial + index, code) for index, code in enumerate(codes)]
        self.serial += len(codes)
        is_closed = self.reference.is_closed
        for one in events:
            self.reference.put(one)
        must_wake = not is_closed and self.reference.due() < self.looks_at
        assert self.mailbox.put_many(events) is must_wake
        if must_wake:
            self.looks_at = 0.0

    @rule()
    def take(self) -> None:
        self.expect(self.mailbox.take(self.now), self.reference.take(self.now))

    @rule()
    def get(self) -> None:
        expected = self.reference.take(self.now)
        if expected is None:
            with pytest.raises(StreamError if self.reference.is_ended() else TimeoutError):
                self.mailbox.get(0)
            self.expect(None, None)
        else:
            self.expect(self.mailbox.get(0), expected)

    def expect(self, taken: Taken | None, expected: Event | int | None) -> None:
        if isinstance(taken, OverflowEvent):
            assert taken.dropped == expected
            assert taken.dropped_total == self.reference.told
        else:
            assert taken is expected
            if taken is None:
                self.looks_at = self.reference.due()
            elif self.was_full and len(self.reference.waiting) < self.policy.limit:
                self.let_go()

    def let_go(self) -> None:
        self.expected_drained += self.was_full
        self.was_full = False

    @rule(seconds=st.sampled_from([0.1, 0.3, 1.1]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def ask_whether_it_is_full(self) -> None:
        is_full = self.policy.kind == "block" and len(self.reference.waiting) >= self.policy.limit
        assert self.mailbox.full is is_full
        self.was_full = is_full

    @precondition(lambda self: self.serial > 20)
    @rule(drain=st.booleans())
    def close(self, drain: bool) -> None:
        was_closed = self.reference.is_closed
        self.reference.close(drain)
        self.mailbox.close(drain=drain)
        if not was_closed:
            self.looks_at = 0.0
            self.let_go()

    @invariant()
    def counts_and_times_agree(self) -> None:
        model, stats = self.reference, self.mailbox.stats
        assert stats == (model.received, model.delivered, model.dropped, len(model.waiting))
        assert stats.received == stats.delivered + stats.dropped + stats.queued
        assert self.mailbox.next_due() == (None if model.due() == NEVER else model.due())
        assert (self.mailbox.error is not None) is model.is_ended()
        assert self.drained == self.expected_drained, "told once there is room, if it was asked whether there is"

    def teardown(self) -> None:
        """A consumer that looks when it is told to, or at `next_due`, is left with nothing."""
        while self.looks_at < NEVER:
            self.now = max(self.now, self.looks_at)
            self.take()
        assert self.mailbox.stats.queued == 0
        assert self.reference.told == (self.mailbox.stats.dropped if self.policy.notify else self.reference.told)


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_any_order_of_putting_and_taking(policy: Mailbox) -> None:
    machine: type[Model] = type("Machine", (Model,), {"policy": policy})
    run_state_machine_as_test(machine, settings=settings(max_examples=50, deadline=None, stateful_step_count=40))


# --- all policies under a producer that is ten times too fast

BATCH = 40
BATCHES = 500
TOTAL = BATCH * BATCHES
SPARE = 10  # batches the producer may be ahead of a consumer that takes a tenth


def pulled(mailbox: MailboxQueue, _woken: "queue.SimpleQueue[None]") -> Iterator[Taken]:
    """Take as a program that pulls does."""
    while True:
        try:
            yield mailbox.get(20)
        except (ClosedError, MailboxFullError):
            return


def pushed(mailbox: MailboxQueue, woken: "queue.SimpleQueue[None]") -> Iterator[Taken]:
    """Take as a component's thread does: when it is woken, and at `next_due`."""
    while mailbox.error is None:
        now = time.monotonic()
        one = mailbox.take(now)
        if one is not None:
            yield one
            continue
        due = mailbox.next_due()
        try:
            woken.get(timeout=20 if due is None else max(0.0, due - now))
        except queue.Empty:
            assert due is not None, "nobody woke the consumer"


@pytest.mark.parametrize("consume", [pulled, pushed])
@pytest.mark.parametrize(
    "policy",
    [
        Mailbox.latest(notify=True),
        Mailbox.drop_oldest(100, notify=True),
        Mailbox.throttle(0.001, notify=True),
        Mailbox.lossless(150_000, notify=True),
        Mailbox.block(50),
    ],
    ids=repr,
)
def test_counts_are_exact_under_a_producer_ten_times_too_fast(
    policy: Mailbox, consume: Callable[[MailboxQueue, "queue.SimpleQueue[None]"], Iterator[Taken]]
) -> None:
    mailbox = MailboxQueue(policy)
    woken: queue.SimpleQueue[None] = queue.SimpleQueue()
    room = threading.Event()
    mailbox.on_drained = room.set
    pace = threading.Semaphore(0)  # a permit lets the consumer take a tenth of a batch
    longest = 0

    def produce() -> None:
        nonlocal longest
        for start in range(0, TOTAL, BATCH):
            if mailbox.put_many([event(number, CODES[number % 3]) for number in range(start, start + BATCH)]):
                woken.put(None)
            stats = mailbox.stats
            assert stats.received == stats.delivered + stats.dropped + stats.queued
            longest = max(longest, stats.queued)
            pace.release()
            if mailbox.full:
                assert room.wait(20)
                room.clear()
        pace.release(TOTAL)
        mailbox.close(drain=True)
        woken.put(None)

    producer = threading.Thread(target=produce)
    producer.start()
    taken: list[Taken] = []
    for one in consume(mailbox, woken):
        taken.append(one)
        if policy.kind != "block" and len(taken) % (BATCH // 10) == 0:
            assert pace.acquire(timeout=20)
    producer.join(20)
    stats, got = mailbox.stats, numbers(taken)
    assert stats == (stats.received, len(got), sum(told(taken)), 0)
    assert stats.received == stats.delivered + stats.dropped
    for code in CODES:
        ours = [one.received_at for one in taken if isinstance(one, Event) and one.symbol == code]
        assert ours == sorted(set(ours)), "in order, none twice"
    if policy.kind == "lossless":
        assert isinstance(mailbox.error, MailboxFullError)
        assert got == list(range(len(got))), "all until the end"
        return
    assert stats.received == TOTAL
    assert set(range(TOTAL - 3, TOTAL)) <= set(got), "the last of each code for sure"
    if policy.kind == "block":
        assert got == list(range(TOTAL)), "none missing"
        assert longest < 50 + BATCH
    else:
        assert stats.dropped > TOTAL / 2
        assert longest <= {"latest": 3, "throttle": 3, "drop_oldest": 100}[policy.kind]


@pytest.mark.parametrize("policy", [Mailbox.drop_oldest(1), Mailbox.latest(), Mailbox.throttle(1e-9)])
def test_without_notify_the_stream_holds_events_alone(policy: Mailbox) -> None:
    mailbox = MailboxQueue(policy)
    mailbox.put_many([event(number) for number in (1, 2, 3)])
    assert mailbox.has_overflowed
    taken = mailbox.take_many(1.0, 10)
    assert [one.received_at for one in taken] == [3]
    told = mailbox.overflow(1.0)
    assert told is not None
    assert (told.dropped, told.dropped_total, told.policy) == (2, 2, policy.kind)
    assert not mailbox.has_overflowed
    assert mailbox.overflow(1.0) is None
    mailbox.put_many([event(number) for number in (4, 5)])
    is_by_design = policy.kind != "drop_oldest"
    assert (mailbox.overflow(1.5) is None) == is_by_design, "what is meant is told once a second"
    assert (mailbox.overflow(2.0) is None) != is_by_design


def test_a_lossless_mailbox_ends_without_a_word_in_the_stream() -> None:
    mailbox = MailboxQueue(Mailbox.lossless(weigh([event(1)])))
    mailbox.put_many([event(1), event(2)])
    assert mailbox.get(0) == event(1)
    with pytest.raises(MailboxFullError, match="1 events were delivered, 1 were lost"):
        mailbox.get(0)
    assert mailbox.overflow(9.0) is None


def test_a_failure_wakes_who_waits_and_is_raised_once() -> None:
    mailbox = MailboxQueue(Mailbox.drop_oldest(10))
    heard: list[BaseException] = []

    def read() -> None:
        try:
            mailbox.get(20)
        except StreamError as exc:
            heard.append(exc)

    reader = threading.Thread(target=read)
    reader.start()
    error = StreamError("no such code")
    mailbox.fail(error)
    reader.join(20)
    assert heard == [error]
    mailbox.put_many([event(1)])
    assert mailbox.get(0) == event(1)


def test_failures_that_nobody_hears_are_few() -> None:
    mailbox = MailboxQueue(Mailbox.drop_oldest(10))
    for number in range(MOST_FAILURES + 5):
        mailbox.fail(StreamError(f"number {number}"))
        mailbox.fail(StreamError(f"number {number}"))
    heard = 0
    with contextlib.suppress(TimeoutError):
        while True:
            try:
                mailbox.get(0)
            except StreamError:
                heard += 1
    assert heard == MOST_FAILURES


def test_who_polls_does_not_wait() -> None:
    mailbox = MailboxQueue(Mailbox.drop_oldest(2))
    changed: list[str] = []
    mailbox.on_changed = lambda: changed.append("it")
    assert mailbox.poll(0.0) is None
    mailbox.put_many([event(1)])
    assert mailbox.poll(0.0) is not None
    mailbox.fail(StreamError("once"))
    with pytest.raises(StreamError, match="once"):
        mailbox.poll(0.0)
    assert mailbox.poll(0.0) is None
    mailbox.close(ClosedError("over"))
    for _ in range(2):
        with pytest.raises(ClosedError, match="over"):
            mailbox.poll(0.0)
    assert changed == ["it", "it"], "a failure, and the end"


# --- what is put between events: which markets there are


def news(number: int) -> MarketsEvent:
    return MarketsEvent("KRW", (), (), (), number)


def taken(mailbox: MailboxQueue, now: float = 0.0) -> list[Any]:
    """Take all out, a few at a time; return what each is of."""
    found: list[Any] = []
    while events := mailbox.take_many(now, 3):
        found += events
    return [one.received_at if isinstance(one, MarketsEvent) else one.symbol for one in found]


@pytest.mark.parametrize(
    ("policy", "order"),
    [
        (Mailbox.lossless(1 << 20), ["KRW-A", "KRW-B", 1, "KRW-C", 2, "KRW-A"]),
        (Mailbox.block(100), ["KRW-A", "KRW-B", 1, "KRW-C", 2, "KRW-A"]),
        (Mailbox.drop_oldest(100), ["KRW-A", "KRW-B", 1, "KRW-C", 2, "KRW-A"]),
        (Mailbox.drop_oldest(1), [1, 2, "KRW-A"]),  # whatever the policy drops
        (Mailbox.latest(), [1, 2, "KRW-A", "KRW-B", "KRW-C"]),  # the first A is dropped for the last
        (Mailbox.throttle(1.0), [1, 2, "KRW-A", "KRW-B", "KRW-C"]),
    ],
    ids=lambda one: one.kind if isinstance(one, Mailbox) else "",
)
def test_it_stands_behind_what_was_there_before(policy: Mailbox, order: list[Any]) -> None:
    mailbox = MailboxQueue(policy, lambda: 0.0)
    for step in ("KRW-A", "KRW-B", 1, "KRW-C", 2, "KRW-A"):
        if isinstance(step, int):
            mailbox.notify(news(step))
        else:
            mailbox.put_many([make_event(f"ticker {step}", b"{}", 1, 1)])
    counts = mailbox.stats
    found = taken(mailbox)
    if policy.kind == "latest":
        # What is of the first two is told once they are gone, whatever replaced them; before C in any case.
        assert sorted(map(str, found)) == sorted(map(str, order))
        assert found.index(1) < found.index("KRW-C")
    else:
        assert found == order
    assert counts.received == 4, "it is no event"
    assert mailbox.stats.delivered == len([one for one in found if isinstance(one, str)])


def test_who_sleeps_is_woken_for_it() -> None:
    mailbox = MailboxQueue(Mailbox.latest(), lambda: 0.0)
    assert mailbox.take(0.0) is None
    assert mailbox.notify(news(1))
    assert not mailbox.notify(news(2)), "it is awake"
    assert mailbox.next_due() == 0.0
    assert mailbox.get(0.0) == news(1)
    assert mailbox.poll(0.0) == news(2)
    assert mailbox.next_due() is None


def test_what_comes_too_late_for_a_closed_one_is_nothing() -> None:
    mailbox = MailboxQueue(Mailbox.latest(), lambda: 0.0)
    mailbox.notify(news(1))
    mailbox.close()
    assert not mailbox.notify(news(2))
    assert taken(mailbox) == []


def test_at_an_end_that_is_told_it_is_handed_out_before() -> None:
    mailbox = MailboxQueue(Mailbox.latest(), lambda: 0.0)
    mailbox.put_many([make_event("ticker KRW-A", b"{}", 1, 1)])
    mailbox.notify(news(1))
    mailbox.close(StreamError("it is over"), drain=True)
    assert taken(mailbox) == ["KRW-A", 1]
    with pytest.raises(StreamError, match="over"):
        mailbox.get(0.0)
