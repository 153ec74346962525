"""What becomes of the stream while the exchange is asked what the stream has not said: own orders, and own balances.

The exchange sends neither its present state nor what happened in a gap. So at the start and after each gap live
messages wait, REST is asked once what is wanted is in force (the *fence*: an answer from before it proves nothing), and
what it has comes before them; no longer than a patience. REST lags behind the stream, so it is asked a second time.
A machine: times are passed in, and every input returns what is to be done. What is known, and what is news, is for its
`Book`; what to ask, `protocol/gaps/inquiry.py`. A process whose data comes through a door has a host that asks for it.
"""

from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

import msgspec

from websocket_v6.protocol.exchange.streams import ANY
from websocket_v6.protocol.limits import HELD_BYTES

from .steps import Answer, Deliver, Inquire, OrderEnded, Outcome, Release, Welcome

__all__ = ["PATIENCE", "SECOND", "Action", "Book", "Reconciliation", "When", "covers"]

PATIENCE = 5.0  # seconds that live messages wait at most
SECOND = 3.0  # seconds from the fence to the second time: replicas lag behind by less than two
LONGEST_RETRY = 60.0

Item = TypeVar("Item")


Action: TypeAlias = Deliver[Item] | Release[Item] | Welcome | Outcome | Inquire | OrderEnded


class When(NamedTuple):
    """When something was found. Nothing was known of markets that are not `covered`, or from before `since_ms`."""

    now: float
    now_ms: int
    covered: frozenset[str]
    since_ms: int


class Book(Protocol[Item]):
    """What is known of one type, and what is news to it."""

    type: str

    def code(self, item: Item) -> str:
        """Return the market that an item is of."""

    def size(self, item: Item) -> int:
        """Return how many bytes of memory an item holds."""

    def ends(self, item: Item) -> bool:
        """Whether an order ends with it."""

    def hear(self, item: Item, now: float, *, is_start: bool, is_fetched: bool) -> bool:
        """Take a message; return whether it is news. `is_start`: nothing was known before."""

    def find(self, answer: Answer, waiting: Sequence[Item], when: When) -> list[Item]:
        """Take what REST has; return what is news."""

    def inquire(self, number: int, fence: float, codes: frozenset[str]) -> Inquire:
        """Return what to ask of these markets; the stream is whole since the `fence`."""

    def keep(self, codes: frozenset[str]) -> None:
        """Forget all other markets."""


class Job(Generic[Item]):
    """One time of asking, with its second time. `started_ns`: of the gap, None of a start."""

    def __init__(self, started_ns: int | None, held_until: float) -> None:
        self.started_ns = started_ns
        self.held_until: float | None = held_until  # None: nothing waits any more
        self.held: list[Item] = []
        self.weight = 0  # bytes of memory that they hold
        self.fence: float | None = None  # since when what is wanted is in force
        self.fence_ns = 0
        self.asked = 0  # the number of the inquiry that is under way; 0: none
        self.next_at: float | None = None  # when the next one is to be made
        self.answers = 0  # of use
        self.failures = 0  # in a row
        self.is_told = False  # that it failed


class Reconciliation(Generic[Item]):
    """Own orders, or own balances, of one process."""

    def __init__(self, book: Book[Item], since_ms: int = 0) -> None:
        self.book = book
        self.codes: frozenset[str] = frozenset()  # that are wanted; ANY: all
        self.covered: frozenset[str] = frozenset()  # those of them of which the present state was found
        self._settled: frozenset[str] = frozenset()  # for the second time, too: what is new there is news
        self.missing_since_ns: int | None = None  # since when something may be missing
        self.since_ms = since_ms  # since when anything is known, by the exchange's clock
        self._is_guest = False
        self._job: Job[Item] | None = None
        self._number = 0

    def inherit(self, other: "Reconciliation[Item]") -> None:
        """Begin with what one knew that a bug has ended; its book is inherited for itself."""
        self.covered, self._settled, self.since_ms = other.covered, other._settled, other.since_ms
        self.missing_since_ns = other.missing_since_ns

    @property
    def holds(self) -> bool:
        """Whether live messages wait."""
        return self._job is not None and self._job.held_until is not None

    @property
    def is_ready(self) -> bool:
        """Whether who comes now can begin with what is known."""
        return self._is_guest or (not self.holds and self.is_covered)

    @property
    def is_covered(self) -> bool:
        """Whether all that is wanted is known as it stands."""
        return _includes(self.covered, self.codes)

    @property
    def next_due(self) -> float | None:
        """When `due` is to be called."""
        job = self._job
        times = [] if job is None else [at for at in (job.held_until, job.next_at) if at is not None]
        return min(times, default=None)

    # --- what is wanted, and what is missing

    def want(self, codes: frozenset[str], now: float) -> None:
        """Note which markets are wanted. Of new ones the present state is asked for, once they are in force."""
        if not codes:
            self._job = self.missing_since_ns = None
        self.covered, self._settled = _within(self.covered, codes), _within(self._settled, codes)
        if ANY not in codes:
            self.book.keep(codes)
        has_grown = not _includes(self.codes, codes)
        self.codes = codes
        if has_grown and not self._is_guest and not _includes(self.covered, codes):
            self._begin(None if self._job is None else self._job.started_ns, now, PATIENCE)

    def forget(self, now: float) -> None:
        """Note that the account is another: nothing is known of it, and what waits here is not its own."""
        codes = self.codes
        self.want(frozenset(), now)
        self.book.keep(frozenset())
        self.since_ms = 0
        self.want(codes, now)

    def gap(self, started_ns: int | None, now: float, patience: float, *, is_guest: bool) -> list[Action[Item]]:
        """Note that an epoch has begun, after a gap since `started_ns` if there was one. `is_guest`: the host asks."""
        self._is_guest = is_guest
        if not self.codes:
            return []
        if started_ns is not None:
            self.missing_since_ns = min(started_ns, self.missing_since_ns or started_ns)
            self._settled = self.covered
        if is_guest:
            held = self._let_go()
            self._job = None
            return [Welcome(), *held]
        if self.missing_since_ns is not None or self._job is not None:
            self._begin(self.missing_since_ns, now, min(patience, PATIENCE))
        elif not _includes(self.covered, self.codes):
            self._begin(None, now, PATIENCE)
        return []

    def _begin(self, started_ns: int | None, now: float, patience: float) -> None:
        before, held_until = self._job, now + patience
        job = self._job = Job[Item](started_ns, held_until)
        if before is not None:
            job.held, job.weight, job.is_told, job.failures = (
                before.held,
                before.weight,
                before.is_told,
                before.failures,
            )
            if before.held and before.held_until is not None:  # who has waited does not wait anew
                job.held_until = min(before.held_until, held_until)

    def fenced(self, now: float, now_ns: int) -> list[Action[Item]]:
        """Note that all that is wanted is in force: whatever happens from here on is told by the stream."""
        job = self._job
        if job is None or job.fence is not None or self._is_guest:
            return []
        job.fence, job.fence_ns = now, now_ns
        return self._ask(job)

    def _ask(self, job: Job[Item]) -> list[Action[Item]]:
        assert job.fence is not None
        self._number += 1
        job.asked, job.next_at = self._number, None
        since_ms = None if job.started_ns is None else job.started_ns // 1_000_000
        asked = self.book.inquire(self._number, job.fence, self.codes)
        return [msgspec.structs.replace(asked, since_ms=since_ms, covered=self._settled, is_last=job.answers > 0)]

    def ask_again(self) -> list[Action[Item]]:
        """Ask what was asked once more: who was asked is gone."""
        return self._ask(self._job) if self._job is not None and self._job.asked else []

    # --- what comes

    def hear(self, item: Item, now: float, *, is_fetched: bool = False) -> list[Action[Item]]:
        """Take a message of the stream. `is_fetched`: the host had it of REST, or knew it."""
        job, code = self._job, self.book.code(item)
        if not covers(self.codes, code):
            return []
        is_new = not covers(self.covered, code)
        if job is not None and job.held_until is not None and (is_new or job.started_ns is not None):
            job.held.append(item)
            job.weight += self.book.size(item)
            if job.weight > HELD_BYTES:
                return [Welcome(), *self._let_go()]
            return [OrderEnded(job.asked)] if job.asked and self.book.ends(item) else []
        is_news = self.book.hear(item, now, is_start=not covers(self._settled, code), is_fetched=is_fetched)
        return [Deliver((item,))] if is_news else []

    def answered(self, answer: Answer, now: float, now_ns: int) -> list[Action[Item]]:
        """Take what was found, or why nothing was."""
        job = self._job
        if job is None or job.fence is None or answer.number != job.asked:
            return []  # there is a newer one
        job.asked = 0
        if answer.error is not None:
            return self._failed(job, answer, now, now_ns)
        if not self.covered:  # else it knows of longer ago, from a host perhaps
            self.since_ms = self.since_ms or answer.at_ms
        when = When(now, now_ns // 1_000_000, self._settled, self.since_ms)
        items = self.book.find(answer, job.held, when)
        job.answers += 1
        job.failures = 0
        self.covered = self.codes
        # Those that have waited begin with what was found, and hear after that what everybody does.
        actions: list[Action[Item]] = [Deliver(tuple(items))] if items else []
        actions += [Welcome(), *self._let_go()]
        is_last = job.answers > 1
        if is_last:
            self._job = self.missing_since_ns = None
            self._settled = self.codes
        else:
            job.next_at = max(now, job.fence + SECOND)
        if not is_last or items or answer.unrecovered:
            actions.append(Outcome(self.book.type, job.started_ns, job.fence_ns, len(items), answer.unrecovered))
        return actions

    def _failed(self, job: Job[Item], answer: Answer, now: float, now_ns: int) -> list[Action[Item]]:
        job.failures += 1
        actions: list[Action[Item]] = []
        if answer.is_final:
            self._job = None
            actions = [Welcome(), *_release(job)]
        else:
            job.next_at = now + max(min(SECOND * 2 ** (job.failures - 1), LONGEST_RETRY), answer.retry_after)
        if answer.is_final or (job.failures > 1 and not job.is_told):
            job.is_told = True
            outcome = Outcome(self.book.type, job.started_ns, now_ns, 0, error=answer.error, is_final=answer.is_final)
            actions.append(outcome)
        return actions

    def reconciled(self, outcome: Outcome) -> list[Action[Item]]:
        """Note that the host says what came of its asking."""
        if not self._is_guest or not self.codes:
            return []
        if outcome.error is None:
            self.covered = self._settled = self.codes
            self.missing_since_ns = None
        return [outcome]

    # --- what comes due

    def due(self, now: float) -> list[Action[Item]]:
        """Let go what has waited long enough, and ask the next time."""
        job = self._job
        if job is None:
            return []
        actions: list[Action[Item]] = []
        if job.held_until is not None and job.held_until <= now:
            actions = [Welcome(), *self._let_go()]
        if job.next_at is not None and job.next_at <= now and job.fence is not None:
            actions += self._ask(job)
        return actions

    def _let_go(self) -> list[Action[Item]]:
        return [] if self._job is None else _release(self._job)


def _release(job: Job[Item]) -> list[Action[Item]]:
    held, job.held, job.held_until, job.weight = job.held, [], None, 0
    return [Release(tuple(held))] if held else []


def covers(codes: frozenset[str], code: str) -> bool:
    """Whether `code` is among `codes`, which may be all."""
    return code in codes or ANY in codes


def _within(codes: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    """Return what both have, whichever of them has all."""
    return others if ANY in codes else frozenset(code for code in codes if covers(others, code))


def _includes(codes: frozenset[str], others: frozenset[str]) -> bool:
    return ANY in codes or others <= codes
