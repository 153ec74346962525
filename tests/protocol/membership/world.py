"""A machine with processes that meet in one folder, each of which may be stopped or killed between any two steps.

Files, locks, sockets and clocks are simulated; what decides is `MembershipMachine`. What must never be is asserted
after each step. Times are real seconds, as all processes' clocks count them, stopped or not.
"""

import heapq
import itertools
import random
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from websocket_v6.protocol.errors import ConfigError, TransportError
from websocket_v6.protocol.membership import steps
from websocket_v6.protocol.membership.host_entry import HostEntry
from websocket_v6.protocol.membership.machine import MembershipMachine, State
from websocket_v6.protocol.membership.patience import Patience, Pauses, Verdict
from websocket_v6.protocol.membership.transitions import HOSTING

HANDSHAKE, PROOF, SILENCE, LOOK = 2.0, 5.0, 10.0, 1.0
HEALTHY = 1.0  # seconds in which a host that runs has answered everybody
TWO_HOSTS = 8.0  # seconds for which two may believe it: until the one that is not looks, and finds out
ANSWER = 2.4  # seconds within which a process that wants to leave may; the slowest clock counts 2 in it
LATENCY = 0.002
WRITES = (steps.Announce, steps.Withdraw, steps.Oust, steps.OustLock)


class Folder:
    """The files: the lock is a file with an inode, whose holder is not always who the path leads to."""

    def __init__(self) -> None:
        self.inode: int | None = None  # that the path leads to
        self.holders: dict[int, Process] = {}
        self.entry: HostEntry | None = None
        self.inodes = itertools.count(1)
        self.writer: Process | None = None  # who is just writing, and keeps others out of the folder

    def is_current(self, inode: int | None) -> bool:
        return inode is not None and inode == self.inode


class Connection:
    """A member socket: from an attempt to its end."""

    def __init__(self, guest: "Process", number: int, entry: HostEntry, *, is_probe: bool) -> None:
        self.guest, self.number, self.entry = guest, number, entry
        self.deadline = PROOF if is_probe else HANDSHAKE
        self.host: Process | None = None
        self.client = 0
        self.is_welcomed = self.is_closed = self.is_taken = False


class Door:
    """Where one process listens."""

    def __init__(self, address: str, key: bytes, term: int) -> None:
        self.address, self.key, self.term = address, key, term
        self.is_doubted = self.is_hidden = False
        self.waiting: list[Connection] = []
        self.open: dict[int, Connection] = {}


class Process:
    """One process: its machine, what it holds, and what is told to it."""

    def __init__(self, world: "World", name: int, *, serves: bool, attaches: bool) -> None:
        self.world, self.name = world, name
        self.is_stopped = self.is_dead = False
        self.rate = world.random.choice([1.0, 1.0, 0.9, 1.15])  # its timers go off early or late
        no_host = ConfigError("no host") if attaches else None
        self.machine = MembershipMachine(now=world.now, random=world.random.random, serves=serves, no_host=no_host)
        self.serves = serves
        self.todo: deque[Any] = deque()
        self.results: deque[Any] = deque()
        self.inbox: deque[Any] = deque()
        self.inode: int | None = None
        self.door: Door | None = None
        self.connections: dict[int, Connection] = {}
        self.patience: dict[int, Patience] = {}
        self.doubted: set[int] = set()
        self.pauses = Pauses(LOOK, world.now)
        self.place: str = "looking"
        self.looked: HostEntry | None = None
        self.decided_at = self.stopped_at = 0.0
        self.well_since: float | None = None  # as the host: it runs, and its door is open to all
        self.has_written_late = False  # when another had its lock
        self.must_look = False  # it stood still, and may not be what it was
        self.leaving_at: float | None = None
        self.answers: list[bool] = []
        self.ran = 0.0
        self._is_scheduled = False
        self._due: float | None = None
        self.tick()
        self.schedule_due()

    def __repr__(self) -> str:
        return f"<{self.name} {self.machine.state.value}{' stopped' * self.is_stopped}{' dead' * self.is_dead}>"

    @property
    def runs(self) -> bool:
        return not self.is_dead and not self.is_stopped

    @property
    def believes(self) -> bool:
        """Whether it takes itself for the host, and serves as such."""
        is_open = self.door is not None and not self.door.is_doubted
        return self.runs and self.machine.state in HOSTING and is_open

    @property
    def is_well(self) -> bool:
        """Whether it has been a host for a while that nobody has a reason to replace."""
        return self.well_since is not None and self.world.now - self.well_since > HEALTHY

    # --- its turns

    def tell(self, event: Any) -> None:
        self.inbox.append(event)
        self.schedule()

    def schedule(self) -> None:
        if not self._is_scheduled and self.runs and (self.todo or self.results or self.inbox):
            self._is_scheduled = True
            self.world.after(self.world.random.random() * 0.001, self.step)

    def schedule_due(self) -> None:
        due = self.machine.next_due
        if due is not None and due != self._due and not self.is_dead:
            self._due = due
            delay = max(0.0, due - self.world.now) * max(1.0, self.rate)
            self.world.after(delay + 0.0001, lambda: self.fall_due(due))

    def fall_due(self, due: float) -> None:
        if due == self._due:
            self._due = None
            self.tell(steps.Due())

    def tick(self) -> None:
        """Look at the clock and at the sockets, as the shell does."""
        if self.is_dead or self.machine.state is State.DONE:
            return
        self.tell("tick")
        self.world.after(LOOK * self.rate, self.tick)

    def step(self) -> None:
        self._is_scheduled = False
        if not self.runs:
            return
        if self.todo:
            action = self.todo.popleft()
            action() if callable(action) else self.do(action)
        elif self.results:
            self.handle(self.results.popleft())
        elif self.inbox:
            if self.pauses.look(self.world.now):
                self.handle(steps.ClockJumped())
            else:
                event = self.inbox.popleft()
                if event == "tick":
                    self.look_at_sockets()
                elif callable(event):
                    event()
                else:
                    self.handle(event)
        self.world.happened(self)
        self.schedule()

    def handle(self, event: Any) -> None:
        self.world.met.add((self.machine.state, type(event)))
        self.world.note(self, event)
        self.decided_at = self.world.now
        self.todo.extend(self.machine.handle(event, self.world.now))
        self.schedule_due()

    def look_at_sockets(self) -> None:
        now = self.world.now
        for number, patience in list(self.patience.items()):
            connection = self.connections.get(number)
            host = connection.host if connection is not None else None
            is_heard = host is not None and host.runs and host.door is not None and not host.door.is_doubted
            match patience.look(now, now if is_heard else None):
                case Verdict.SILENT:
                    self.doubted.add(number)
                    patience.begin(now)
                    self.inbox.append(steps.MemberSilent(number))
                case Verdict.WAIT if is_heard and number in self.doubted:
                    self.doubted.discard(number)
                    self.inbox.append(steps.MemberHeard(number))

    # --- what it does

    def do(self, action: Any) -> None:
        folder, world = self.world.folder, self.world
        world.counts[type(action).__name__] += 1
        world.note(self, action)
        if isinstance(action, WRITES) and folder.writer not in (None, self) and folder.writer.runs:
            self.todo.appendleft(action)  # it waits for its turn, but not for one that is stopped
            return
        match action:
            case steps.Look():
                self.must_look = False
                self.looked = folder.entry
                self.results.append(steps.Looked(folder.entry))
            case steps.TryLock():
                self.results.append(self.try_lock())
            case steps.Unlock(for_another):
                self.unlock(for_another=for_another)
            case steps.Check():
                self.must_look = False
                is_reachable = self.door is not None and not self.door.is_hidden
                self.results.append(steps.Checked(folder.is_current(self.inode), folder.entry, is_reachable))
            case steps.Announce(entry):
                if folder.is_current(self.inode):
                    folder.writer = self
                    self.todo.appendleft(lambda: self.write(entry))
                else:
                    self.results.append(steps.NotAnnounced())
            case steps.Withdraw(entry):
                if folder.is_current(self.inode) and folder.entry == entry:
                    folder.entry = None
            case steps.Oust(entry):
                if folder.entry == entry:
                    self.check_that_it_hangs(entry)
                    folder.entry = folder.inode = None
            case steps.OustLock(holder, entry):
                if folder.entry == entry and folder.inode == holder:
                    folder.inode = None
            case steps.OpenDoor(term):
                assert self.door is None, "one door at a time"
                self.door = Door(f"door-{next(world.numbers)}", b"k", term)
                door = self.door
                world.doors[door.address] = self
                delay = world.random.choice([0.001, 0.01, 0.3])
                world.after(delay, lambda: self.tell(lambda: self.opened(door)))
            case steps.CloseDoor():
                self.close_door()
            case steps.DoubtDoor():
                if self.door is not None:
                    self.door.is_doubted = True
            case steps.ConfirmDoor(term):
                if self.door is not None:
                    self.door.term, self.door.is_doubted = term, False
                    waiting, self.door.waiting = self.door.waiting, []
                    for one in waiting:
                        self.let_in(one)
            case steps.OfferTitle(client, offer):
                self.say(client, lambda number: steps.BeHost(number, offer))
            case steps.SayMoved(new):
                for client in list(self.door.open if self.door else ()):
                    self.say(client, lambda number: steps.Moved(number, new.address, new.key, new.term))
            case steps.Attach(number, entry, is_probe):
                self.attach(number, entry, is_probe=is_probe)
            case steps.Detach(number):
                self.detach(number)
            case steps.SayLetMeHost(number):
                self.check_that_it_is_named(number)
                self.say_host(number, lambda client: steps.LetMeHost(client))
            case steps.SayReady(number, offer, address, key):
                self.say_host(number, lambda client: steps.Ready(client, offer, address, key))
            case steps.Place(name, number):
                self.place = name
                if name == "guest":
                    self.check_that_it_is_named(number or 0)
                if name != "looking":
                    world.after(world.random.random(), self.release)
            case steps.Answer(in_order):
                self.answers.append(in_order)

    def write(self, entry: HostEntry) -> None:
        folder = self.world.folder
        if folder.writer is self:
            folder.writer = None
        named = self.world.doors.get(folder.entry.address) if folder.entry is not None else None
        if folder.entry is not None and named is not None and named is not self and not named.has_written_late:
            self.check_that_it_hangs(folder.entry)
        self.world.counts["titles"] += 1
        self.has_written_late = not folder.is_current(self.inode)
        folder.entry = entry
        self.todo.appendleft(self.look_back)

    def look_back(self) -> None:
        """Take back what was written although the lock had been taken away meanwhile."""
        if self.world.folder.is_current(self.inode):
            self.results.append(steps.Announced())
        else:
            self.world.folder.entry = None
            self.results.append(steps.NotAnnounced())

    def check_that_it_is_named(self, number: int) -> None:
        """Check that a host is taken which the file named when it had answered."""
        connection = self.connections[number]
        if not connection.is_taken:
            connection.is_taken = True
            assert self.looked is not None, f"{self} takes a host that nobody names"
            named, taken = self.looked, connection.entry
            assert (named.address, named.term) == (taken.address, taken.term), f"{self} takes {taken}, not {named}"

    def check_that_it_hangs(self, entry: HostEntry) -> None:
        host = self.world.doors.get(entry.address)
        was_stopped = self.stopped_at >= self.decided_at  # since it decided: that is what nobody can help
        assert was_stopped or host is None or not host.is_well, f"{self} takes the title of {host}, who answers"

    def release(self) -> None:
        """Data comes from the present host by now."""
        for number in list(self.connections):
            if number not in (self.machine.member, self.machine.attempt):
                self.tell(steps.Released(number))

    def try_lock(self) -> Any:
        folder = self.world.folder
        if self.inode is not None:
            return steps.LockFree()
        if folder.inode is None:
            folder.inode = next(folder.inodes)
        if folder.inode in folder.holders:
            return steps.LockTaken(folder.inode)
        self.inode = folder.inode
        folder.holders[self.inode] = self
        return steps.LockFree()

    def unlock(self, *, for_another: bool) -> None:
        folder = self.world.folder
        if self.inode is None:
            return
        if not for_another and folder.is_current(self.inode):
            folder.inode = None
        del folder.holders[self.inode]
        self.inode = None

    # --- its door

    def opened(self, door: Door) -> None:
        if self.door is door:
            self.handle(steps.DoorOpen(door.address, door.key, self.name))

    def let_in(self, connection: Connection) -> None:
        """Answer one that has come, at the time at which this process does."""
        door = self.door
        if door is None or door.address != connection.entry.address:
            connection.guest.refused(connection, is_gone=True)
        elif door.is_doubted:
            door.waiting.append(connection)
        elif connection.is_closed:
            pass
        elif door.term != connection.entry.term:
            connection.guest.refused(connection, is_gone=False)
        else:
            assert not self.must_look, f"{self} stood still, and answers before it looks"
            connection.host, connection.client = self, next(self.world.numbers)
            door.open[connection.client] = connection
            self.handle(steps.MemberCame(connection.client, connection.guest.name))
            connection.guest.deliver(connection, lambda: connection.guest.welcomed(connection, stays=self.serves))

    def close_door(self) -> None:
        door, self.door = self.door, None
        if door is None:
            return
        self.world.doors.pop(door.address, None)
        for one in door.waiting:
            one.guest.refused(one, is_gone=True)
        for one in list(door.open.values()):
            one.guest.deliver(one, lambda one=one: one.guest.hung_up(one))  # type: ignore[misc]

    def say(self, client: int, make: Callable[[int], Any]) -> None:
        connection = self.door.open.get(client) if self.door is not None else None
        if connection is not None:
            one = connection
            one.guest.deliver(one, lambda: one.guest.hear(one, make(one.number)))

    def member_gone(self, connection: Connection) -> None:
        if self.door is not None and self.door.open.pop(connection.client, None) is not None:
            self.tell(steps.MemberLeft(connection.client))

    # --- its sockets

    def attach(self, number: int, entry: HostEntry, *, is_probe: bool) -> None:
        connection = self.connections[number] = Connection(self, number, entry, is_probe=is_probe)
        self.world.after(self.world.random.random() * LATENCY, lambda: self.arrive(connection))
        self.world.after(connection.deadline * self.rate, lambda: self.tell(lambda: self.overdue(connection)))

    def arrive(self, connection: Connection) -> None:
        host = self.world.doors.get(connection.entry.address)
        if host is None or (host.door is not None and host.door.is_hidden):
            self.refused(connection, is_gone=True)
        else:
            host.tell(lambda: host.let_in(connection))

    def deliver(self, connection: Connection, what: Callable[[], None]) -> None:
        self.world.after(LATENCY, lambda: self.tell(what))

    def refused(self, connection: Connection, *, is_gone: bool) -> None:
        self.deliver(connection, lambda: self.fail(connection, is_gone=is_gone))

    def overdue(self, connection: Connection) -> None:
        if not connection.is_welcomed:
            self.fail(connection, is_hung=True)

    def fail(self, connection: Connection, *, is_gone: bool = False, is_hung: bool = False) -> None:
        if not connection.is_closed and not connection.is_welcomed:
            self.close_connection(connection)
            error = TransportError("no")
            self.handle(steps.NotAttached(connection.number, error, is_gone=is_gone, is_hung=is_hung))

    def welcomed(self, connection: Connection, *, stays: bool) -> None:
        if connection.is_closed:
            return
        connection.is_welcomed = True
        self.patience[connection.number] = Patience(SILENCE, LOOK, self.world.now)
        self.handle(steps.Attached(connection.number, stays))

    def hear(self, connection: Connection, event: Any) -> None:
        if not connection.is_closed:
            self.handle(event)

    def hung_up(self, connection: Connection) -> None:
        if connection.is_closed:
            return
        if connection.is_welcomed:
            self.close_connection(connection)
            self.handle(steps.HostGone(connection.number, TransportError("closed")))
        else:
            self.fail(connection, is_gone=True)

    def detach(self, number: int) -> None:
        connection = self.connections.get(number)
        if connection is not None:
            self.close_connection(connection)

    def close_connection(self, connection: Connection) -> None:
        connection.is_closed = True
        self.connections.pop(connection.number, None)
        self.patience.pop(connection.number, None)
        self.doubted.discard(connection.number)
        host = connection.host
        if host is not None:
            self.world.after(LATENCY, lambda: host.member_gone(connection))

    def say_host(self, number: int, make: Callable[[int], Any]) -> None:
        connection = self.connections.get(number)
        if connection is not None and connection.host is not None:
            host, client, event = connection.host, connection.client, make(connection.client)

            def arrive() -> None:
                if host.door is not None and client in host.door.open:
                    host.handle(event)

            self.world.after(LATENCY, lambda: host.tell(arrive))

    # --- what others do to it

    def stop(self) -> None:
        self.is_stopped = True
        self.stopped_at = self.world.now
        self.ran = 0.0  # it begins anew with its deadlines

    def resume(self) -> None:
        if self.is_stopped and self.world.now - self.stopped_at > 2 * LOOK + 0.1 and self.machine.state in HOSTING:
            self.must_look = True
        self.is_stopped = False
        self.schedule()

    def kill(self) -> None:
        self.is_dead = True
        if self.world.folder.writer is self:
            self.world.folder.writer = None
        self.unlock(for_another=True)
        for connection in list(self.connections.values()):
            self.close_connection(connection)
        self.close_door()

    def leave(self) -> None:
        self.leaving_at = self.world.now
        self.ran = 0.0
        self.tell(steps.Leave())


class World:
    """All of it. `rate` is the chance that a process is stopped or killed at any one step."""

    def __init__(self, seed: int, *, rate: float = 0.0) -> None:
        self.random = random.Random(seed)
        self.now = 1000.0
        self.rate = rate
        self.folder = Folder()
        self.doors: dict[str, Process] = {}
        self.processes: list[Process] = []
        self.numbers = itertools.count(1)
        self.counts: Counter[str] = Counter()
        self.met: set[tuple[State, type]] = set()
        self.log: deque[str] = deque(maxlen=400)
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._two_since: dict[tuple[Process, Process], float] = {}

    def after(self, delay: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (self.now + delay, next(self._order), what))

    def start(self, *, serves: bool = False, attaches: bool = False) -> Process:
        self.processes.append(Process(self, len(self.processes) + 1, serves=serves, attaches=attaches))
        return self.processes[-1]

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while self._heap and self._heap[0][0] <= until:
            time, _, what = heapq.heappop(self._heap)
            self._pass_to(time)
            what()
        self._pass_to(until)

    def _pass_to(self, time: float) -> None:
        passed, self.now = time - self.now, max(self.now, time)
        for one in self.processes:
            if one.leaving_at is not None and not one.answers and one.runs:
                one.ran += passed
                assert one.ran < ANSWER, f"{one} does not leave"
        for one in self.processes:
            if not one.believes or (one.door is not None and one.door.is_hidden):
                one.well_since = None
            elif one.well_since is None:
                one.well_since = self.now
        hosts = [one for one in self.processes if one.believes]
        pairs = set(itertools.combinations(hosts, 2))
        self._two_since = {pair: self._two_since.get(pair, self.now) for pair in pairs}
        since = min(self._two_since.values(), default=self.now)
        assert self.now - since < TWO_HOSTS, f"more than one host: {hosts}"

    # --- what is watched

    def note(self, process: Process, what: object) -> None:
        self.log.append(f"{self.now:10.4f} {process} {what}")

    def happened(self, process: Process) -> None:
        """Check what holds after each step; perhaps stop or kill the process before its next."""
        state = process.machine.state
        between = not process.todo and not process.results
        if between:
            assert process.machine.holds_lock == (process.inode is not None), f"{process} is wrong about its lock"
            if state in (State.GUEST, State.DOUBTING, State.ALONE, State.DONE, State.PASSED):
                assert process.inode is None, f"{process} keeps the lock"
            if state in (State.ALONE, State.DONE):
                assert process.door is None, f"{process} keeps its door"
            if state is State.DONE:
                assert process.answers, "it says so"
                assert not process.connections
        if self.random.random() < self.rate:
            self.disturb(process)

    def disturb(self, process: Process) -> None:
        if self.random.random() < 0.2:
            process.kill()
            return
        process.stop()
        pause = self.random.choice([0.3, 1.5, 4.0, 12.0, 40.0]) * self.random.uniform(0.5, 1.5)
        if self.random.random() < 0.9:  # the others stay as they are until all is quiet
            self.after(pause, process.resume)

    @property
    def alive(self) -> list[Process]:
        """Those that are there to stay."""
        return [one for one in self.processes if not one.is_dead and one.machine.state not in (State.DONE, State.ALONE)]

    def problem(self) -> str:
        """Say what is not as it should be once all is quiet; nothing if it is."""
        running = [one for one in self.alive if one.runs]
        hosts = [one for one in running if one.machine.state in (State.HOST, State.TAKING)]
        if not running:
            return ""
        if len(hosts) != 1:
            return f"{len(hosts)} hosts: {running}"
        (host,) = hosts
        if host.place != "host" or self.folder.entry != host.machine.own or host.door is None:
            return f"{host} is not known: {self.folder.entry} {host.machine.own}"
        if host.door.is_doubted or host.door.term != host.machine.own.term:  # type: ignore[union-attr]
            return f"the door of {host} is closed to all"
        for one in running:
            if one is host:
                continue
            connection = one.connections.get(one.machine.member or 0)
            if one.machine.state is not State.GUEST or connection is None or connection.host is not host:
                return f"{one} is no guest of {host}"
            if one.place != "guest" and not one.serves:
                return f"{one} does not say that it is a guest"
            if one.inode is not None:
                return f"{one} keeps the lock"
            if len(one.connections) > 1:
                return f"{one} has sockets left"
        return ""
