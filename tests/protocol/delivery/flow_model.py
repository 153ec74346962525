"""A world in which sources, a router, an endpoint's machine and slow mailboxes take their steps in any order.

Two sources of the public endpoint and one of the private: sockets that fill, peers that die without a word, sources
that are cut or lost, mailboxes that are full. The router's part is played with the real SourceFlow, the endpoint's with
the real Continuity; of merging there is as much as the numbers of the events need. Time is a count of steps.
"""

import itertools
import random
from collections import deque
from collections.abc import Callable
from typing import Any

from websocket_v6.protocol.delivery.source_flow import SourceFlow
from websocket_v6.protocol.demand.continuity import Continuity

CREDITS = 3
ROWS = 4  # events of one read at most
LIMIT = 5  # of the mailboxes that block
PUBLIC, PRIVATE = "public", "private"


class Source:
    """One source: the kernel's buffer, and the thread that reads it while it has credits."""

    def __init__(self, number: int, endpoint: str) -> None:
        self.number = number
        self.endpoint = endpoint
        self.attachment = 0
        self.is_open = False
        self.is_alive = False  # the peer; it may die without a word
        self.socket: deque[tuple[str, int]] = deque()
        self.credits = 0
        self.whole = self.empty_at = 0


class Mailbox:
    """What one component has waiting, and what it took."""

    def __init__(self, number: int, endpoint: str, *, blocks: bool) -> None:
        self.number = number
        self.endpoint = endpoint
        self.blocks = blocks
        self.waiting: deque[tuple[int, int]] = deque()  # number and epoch
        self.taken: list[tuple[int, int]] = []
        self.is_stuck = False  # in its callback
        self.joined = 0  # of what waits, at most as many were held and came at once

    @property
    def is_full(self) -> bool:
        return self.blocks and len(self.waiting) >= LIMIT


class World:
    """All of it, and what must never happen."""

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.now = 0
        self.flow = SourceFlow()
        self.sources = [Source(1, PUBLIC), Source(2, PUBLIC), Source(3, PRIVATE)]
        self.mailboxes = [
            Mailbox(1, PUBLIC, blocks=True),
            Mailbox(2, PUBLIC, blocks=False),
            Mailbox(3, PRIVATE, blocks=True),
        ]
        self.emitted: dict[str, list[int]] = {PUBLIC: [], PRIVATE: []}  # when each event was
        self.router: deque[tuple[Any, ...]] = deque()
        self.registry: deque[tuple[Any, ...]] = deque()
        self.continuity = {PUBLIC: Continuity(), PRIVATE: Continuity()}
        self.last = {PUBLIC: 0, PRIVATE: 0}
        self.held: dict[int, list[int]] = {}
        self.epochs: dict[int, set[int]] = {}  # that the endpoint gave to each attachment
        self.gaps: list[tuple[str, int, int]] = []
        self.open: dict[str, dict[int, Source]] = {PUBLIC: {}, PRIVATE: {}}  # as the registry knows
        self.late = self.delivered = self.attachments = 0

    # --- the world outside

    def emit(self, endpoint: str) -> None:
        self.emitted[endpoint].append(self.now)
        number = len(self.emitted[endpoint])
        for source in self._of(endpoint):
            if source.is_open and source.is_alive:
                source.socket.append(("event", number))

    def die(self, source: Source) -> None:
        """The peer is gone, and nobody knows."""
        source.is_alive = False

    def connect(self, source: Source) -> None:
        if source.is_open:
            return
        self.attachments += 1
        source.attachment = self.attachments
        source.is_open = source.is_alive = True
        source.socket.clear()
        source.credits = 0
        source.whole = source.empty_at = self.now
        self.router.append(("attach", source.attachment, source.endpoint, source.number))
        self.router.append(("opened", source, source.attachment, self.now))

    def lose(self, source: Source) -> None:
        if source.is_open:
            source.is_open = False
            source.credits = 0
            self.router.append(("ended", source.attachment, source.whole))

    # --- a source's thread

    def look(self, source: Source) -> None:
        """While it waits for bytes it knows that there are none."""
        if source.is_open and source.credits and not source.socket:
            source.empty_at = self.now

    def read(self, source: Source, rows: int) -> None:
        if not source.is_open or not source.credits or not source.socket:
            return
        whole = source.empty_at
        items = [source.socket.popleft() for _ in range(min(rows, len(source.socket)))]
        if not source.socket:
            source.empty_at = self.now
        events = [number for kind, number in items if kind == "event"]
        if events:
            source.credits -= 1
            self.router.append(("batch", source.attachment, whole, events))
        source.whole = whole
        for kind, number in items:
            if kind == "fence":
                self.router.append(("answer", source.endpoint, number))

    # --- the router

    def route(self) -> None:
        if not self.router:
            return
        match self.router.popleft():
            case "attach", attachment, endpoint, number:
                self.flow.attach(attachment, endpoint, number, CREDITS)
                self.epochs[attachment] = set()
            case "opened", source, attachment, at:
                if self.flow.opened(attachment, at):
                    self.registry.append(("opened", source, attachment, at))
            case "batch", attachment, whole, events:
                self._batch(attachment, whole, events)
            case "answer", endpoint, held:
                self.registry.append(("answer", endpoint, held))
            case "ended", attachment, whole:
                self._end(attachment, whole)
            case "end", attachment:
                self._end(attachment, None)
            case "admit", attachment, epoch, is_held:
                if is_held and self.flow.endpoint_of(attachment):
                    self.held[attachment] = []
                self.epochs[attachment].add(epoch)
                self._grant({attachment: self.flow.admit(attachment, epoch, is_held=is_held)})
            case "turn", endpoint, epoch:
                self.flow.turn(endpoint, epoch)
                for number, epochs in self.epochs.items():
                    if self.flow.endpoint_of(number) == endpoint:
                        epochs.add(epoch)
            case "join", attachment:
                self._join(attachment)
            case "drained", number:
                self._look_again(self.mailboxes[number - 1])
            case item:
                raise AssertionError(item)

    def _batch(self, attachment: int, whole: int, events: list[int]) -> None:
        epoch = self.flow.take(attachment)
        if epoch is None:
            self.late += 1
            return
        endpoint = self.flow.endpoint_of(attachment)
        assert endpoint is not None
        if attachment in self.held:
            self.held[attachment] += events
        else:
            assert epoch in self.epochs[attachment], "an epoch that it did not come in"
            self._deliver(endpoint, events, epoch)
        if self.flow.give_back(attachment, whole):
            self._grant({attachment: 1})

    def _deliver(self, endpoint: str, events: list[int], epoch: int) -> None:
        for number in events:
            if number <= self.last[endpoint]:
                continue  # another source was first
            self.last[endpoint] = number
            self.delivered += 1
            for mailbox in self.mailboxes:
                if mailbox.endpoint == endpoint:
                    mailbox.waiting.append((number, epoch))
        for mailbox in self.mailboxes:
            if mailbox.endpoint == endpoint and mailbox.is_full:
                self.flow.hold(endpoint, mailbox.number)

    def _join(self, attachment: int) -> None:
        endpoint, epoch = self.flow.endpoint_of(attachment), self.flow.join(attachment)
        events = self.held.pop(attachment, [])
        if endpoint is not None and epoch is not None:
            before = self.delivered
            self._deliver(endpoint, events, epoch)
            for mailbox in self.mailboxes:
                mailbox.joined += (self.delivered - before) * (mailbox.endpoint == endpoint)

    def _end(self, attachment: int, whole: int | None) -> None:
        over = self.flow.end(attachment)
        self.held.pop(attachment, None)
        if over is not None and over.whole_ns is not None:
            self.registry.append(("ended", over.endpoint, attachment, over.whole_ns if whole is None else whole))

    def _look_again(self, mailbox: Mailbox) -> None:
        if not mailbox.is_full:
            self._grant(self.flow.release(mailbox.endpoint, mailbox.number, self.now))

    def _grant(self, granted: Any) -> None:
        for source in self.sources:
            if source.is_open:
                source.credits += granted.get(source.attachment, 0)

    # --- the registry, with the endpoint's machine

    def decide(self) -> None:
        if not self.registry:
            return
        match self.registry.popleft():
            case "opened", source, attachment, at:
                self._opened(source, attachment, at)
            case "ended", endpoint, attachment, whole:
                self._ended(endpoint, attachment, whole)
            case "answer", endpoint, held:
                if self.continuity[endpoint].awaits(held):
                    self.continuity[endpoint].serves(held, self.now)
                    self.router.append(("join", held))

    def _opened(self, source: Source, attachment: int, at: int) -> None:
        endpoint, continuity = source.endpoint, self.continuity[source.endpoint]
        started = continuity.gap_started_ns
        begins = continuity.opened(attachment, at)
        if begins:
            self.router.append(("turn", endpoint, continuity.epoch))
            if started is not None:
                self.gaps.append((endpoint, started, at))
            continuity.gap_told()
        else:
            # Who serves is asked something: with the answer all is there that was before it.
            for number, other in self.open[endpoint].items():
                if not continuity.awaits(number) and other.attachment == number and other.is_alive:
                    other.socket.append(("fence", attachment))
        self.open[endpoint][attachment] = source
        self.router.append(("admit", attachment, continuity.epoch, not begins))

    def _ended(self, endpoint: str, attachment: int, whole: int) -> None:
        continuity = self.continuity[endpoint]
        self.open[endpoint].pop(attachment, None)
        serving = {number for number in self.open[endpoint] if not continuity.awaits(number)}
        gap = continuity.lost(attachment, whole, self.now, serving)
        if gap is None:
            return
        self.gaps.append((endpoint, gap.started_ns, gap.ended_ns))
        self.router.append(("turn", endpoint, continuity.epoch))
        for number in self.open[endpoint]:
            if not continuity.awaits(number):
                self.router.append(("join", number))
        continuity.gap_told()

    def cut(self, source: Source) -> None:
        """End a source that runs, as a supervisor does."""
        if source.is_open:
            self.router.append(("end", source.attachment))

    # --- components

    def take(self, mailbox: Mailbox, count: int) -> None:
        was_full = mailbox.is_full
        mailbox.joined *= len(mailbox.waiting) > count
        for _ in range(min(count, len(mailbox.waiting))):
            mailbox.taken.append(mailbox.waiting.popleft())
        if was_full and not mailbox.is_full:
            self.router.append(("drained", mailbox.number))

    def turn_around(self, mailbox: Mailbox) -> None:
        """Begin or stop to hang in the callback."""
        mailbox.is_stuck = not mailbox.is_stuck

    # --- walking

    def step(self) -> None:
        """Take one random step."""
        self.now += 1
        source, mailbox = self.random.choice(self.sources), self.random.choice(self.mailboxes)
        steps: list[tuple[int, Callable[[], None]]] = [
            (10, lambda: self.emit(source.endpoint)),
            (10, lambda: self.read(source, self.random.randint(1, ROWS))),
            (4, lambda: self.look(source)),
            (12, self.route),
            (5, self.decide),
            (5, lambda: self.take(mailbox, self.random.randint(1, LIMIT) * (not mailbox.is_stuck))),
            (1, lambda: self.turn_around(mailbox)),
            (3, lambda: self.connect(source)),
            (1, lambda: self.lose(source)),
            (1, lambda: self.cut(source)),
            (1, lambda: self.die(source)),
        ]
        (step,) = self.random.choices([one for _, one in steps], [weight for weight, _ in steps])
        step()
        self.check()

    def settle(self, *, drain: bool) -> None:
        """Let everything that can go on go on until nothing can."""
        for _ in range(5_000):
            before = self._measure()
            self.now += 1
            while self.router or self.registry:
                self.route()
                self.decide()
            for source in self.sources:
                self.read(source, ROWS)
            for mailbox in self.mailboxes if drain else ():
                self.take(mailbox, LIMIT)
            self.check()
            if self._measure() == before:
                return
        raise AssertionError("it never comes to rest")

    def _measure(self) -> tuple[int, ...]:
        waiting = [len(mailbox.waiting) for mailbox in self.mailboxes]
        sockets = [len(source.socket) for source in self.sources]
        return (self.delivered, self.late, len(self.router), len(self.registry), *waiting, *sockets)

    def _of(self, endpoint: str) -> list[Source]:
        return [source for source in self.sources if source.endpoint == endpoint]

    # --- what must never happen

    def check(self) -> None:
        """Look at what must hold after every step."""
        for source in self.sources:
            if self.flow.endpoint_of(source.attachment) and source.is_open:
                given, taken, withheld = self.flow.credits_of(source.attachment)
                on_the_way = sum(item[0] == "batch" and item[1] == source.attachment for item in self.router)
                assert taken == 0
                assert source.credits + on_the_way == given, "a credit is lost, or was given twice"
                assert given + withheld in (0, CREDITS)
        for mailbox in self.mailboxes:
            if mailbox.blocks:
                reads = CREDITS * ROWS * len(self._of(mailbox.endpoint))
                assert len(mailbox.waiting) < LIMIT + reads + mailbox.joined, "more than the credits explain"

    def is_stuck(self, source: Source) -> bool:
        """Whether something lies in its socket although it is connected and nobody has cut it."""
        return source.is_open and self.flow.endpoint_of(source.attachment) is not None and bool(source.socket)

    def check_rest(self) -> None:
        """Look at what must hold once everything has come to rest."""
        for source in self.sources:
            assert not self.is_stuck(source), f"{source.endpoint} waits for ever"
        for mailbox in self.mailboxes:
            numbers = [number for number, _ in mailbox.taken]
            assert all(one < other for one, other in itertools.pairwise(numbers)), "out of order, or twice"
            epochs = [epoch for _, epoch in mailbox.taken]
            assert epochs == sorted(epochs), "an epoch fell"
            self._check_losses(mailbox.endpoint, set(numbers))

    def _check_losses(self, endpoint: str, taken: set[int]) -> None:
        for number in range(min(taken, default=0), max(taken, default=-1) + 1):
            at = self.emitted[endpoint][number - 1]
            is_told = any(one == endpoint and start <= at <= end for one, start, end in self.gaps)
            assert number in taken or is_told, f"{number} of {endpoint} is missing, and nobody was told: {self.gaps}"
