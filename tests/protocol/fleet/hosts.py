"""The model of a machine that would lead. Decisions are the engine's own, of `protocol/fleet`."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from websocket_v6.protocol.exchange.identity import identity_of
from websocket_v6.protocol.fleet.ids import EntryId, follow_on
from websocket_v6.protocol.fleet.overlap import Overlap
from websocket_v6.protocol.fleet.ring import Entry, Ring
from websocket_v6.protocol.fleet.standing import Answer, Standing, standing
from websocket_v6.protocol.fleet.succession import Do, Heir, HeirEvent, HeirState, Leaver, LeaverEvent
from websocket_v6.protocol.fleet.title import Candidate, Lead

from .servers import COVERS, PROOF, STREAMS, Opened, Proof, Server, State

if TYPE_CHECKING:
    from .world import World

__all__ = ["Host"]

LOOK = 4  # beats after which a leader looks whether the streams are still its own
WHOLE, BROKEN = b"whole", b"broken"  # what entries say that are no messages


class Host:
    """A machine that would lead. What it sends may be carried out later, `pipe` by `pipe`."""

    def __init__(self, name: str, server: Server) -> None:
        self.name = name
        self.server = server
        self.candidate = Candidate(name)
        self.now = 0.0  # its own clock, which stands still with it
        self.lead: Lead | None = None  # the title that it believes to have
        self.rings: dict[str, Ring] = {}
        self.pipe: list[tuple[str, Entry]] = []
        self.first: dict[str, int] = {}  # since which message its upstream serves
        self.must_look = False
        self.beats = 0
        self.floor = 0
        self.deaf = 0  # messages that its connection to the exchange will miss
        self.has_missed: set[str] = set()
        self.would_leave = False
        self.leaver = Leaver()
        self.answered: set[int] = set()  # questions, each with an entry behind all from before
        self.heir = Heir()
        self.promised = 0  # the term after which it is to lead
        self.kept: dict[str, list[int]] = {}  # while it is to lead next
        self.is_whole = True
        self.starts: dict[str, EntryId] = {}
        self.question = 0
        self.taken: Lead | None = None  # and not opened yet
        self.proofs: dict[str, EntryId] = {}
        self.overlaps: dict[str, Overlap] = {}
        self.covers: frozenset[str] = frozenset()

    def step(self, world: "World") -> None:
        """Do what is due: look, take, or beat."""
        asked_at = self.now
        if self.lead is not None:
            self._leave(self.lead)
        if self.lead is not None:
            self.beats += 1
            self._cover()
            self._answer(self.server.asked - self.answered)
            if self.must_look or self.beats % LOOK == 0 or not self.server.beat(self.name, self.lead.term):
                self._look(world)
            return
        seen = self.server.lead
        if seen is not None:
            self.floor = max(self.floor, seen.term)
        may_take = self.candidate.looked(seen, asked_at, self.now)
        if self.heir.state is HeirState.TAKING:
            self.taken = self._title(world, seen, is_new=False)
            self._do(self.heir.handle(HeirEvent.TAKEN if self.taken else HeirEvent.DENIED, self.now), world)
        elif self.heir.state is HeirState.OPENING and self.taken is not None:
            self._lead_next(world, self.taken)
        elif may_take:
            self._do(self.heir.handle(HeirEvent.OVER, self.now), world)
            self._take(world, seen, is_new=False)
        else:
            self._follow(world, seen)

    # --- when a title passes in order

    def _leave(self, lead: Lead) -> None:
        seen, event = self.server.lead, None
        if self.would_leave and not self.leaver.is_waiting:
            self.would_leave, self.leaver = False, Leaver()
            self.leaver.handle(LeaverEvent.LEAVE, self.now)
            event = LeaverEvent.OTHERS if self.server.leave(self.name, lead.term) else LeaverEvent.ALONE
        elif self.leaver.is_waiting and seen is not None and seen.heir:
            event = LeaverEvent.CLAIMED
        do = Do.NOTHING if event is None else self.leaver.handle(event, self.now)
        if Do.END in (do, self.leaver.due(self.now)) or do is Do.END_IN_ORDER:
            self.server.release(self.name, lead.term)
            self._lose()

    def _answer(self, questions: frozenset[int]) -> None:
        for question in sorted(questions):
            for stream in self.rings:
                if stream in self.has_missed:
                    self.has_missed.discard(stream)
                    self._write(stream, BROKEN)
                self._write(stream, f"{PROOF}|{question}".encode())
        self.answered |= questions

    def _lose(self) -> None:
        self.lead, self.rings, self.overlaps = None, {}, {}
        self.leaver = Leaver()
        self.candidate.forget()

    def _follow(self, world: "World", seen: Lead | None) -> None:
        """Do the next step of who is to lead next: one a time, so that anything may happen in between."""
        state, event = self.heir.state, None
        if self.heir.is_preparing and (seen is None or (seen.term, seen.heir) != (self.promised, self.name)):
            event = HeirEvent.OVER
        elif self.heir.due(self.now) is Do.ABANDON:
            self._abandon()
        elif state is HeirState.READS and seen is not None and seen.is_leaving and seen.heir in ("", self.name):
            tops = {stream: self.server.top(stream) for stream in STREAMS}
            self.starts = {stream: top for stream, top in tops.items() if top is not None}
            self.promised = seen.term
            event = HeirEvent.OFFERED if len(self.starts) == len(STREAMS) else None
        elif state is HeirState.GATHERING:
            self._do(self.heir.handle(HeirEvent.GATHERED, self.now), world)
            event = HeirEvent.HEARD
        elif state is HeirState.CONNECTING:
            self.proofs = {
                stream: id_
                for stream in STREAMS
                for id_, body in self.server.read(stream, self.starts[stream], 1000)
                if body == Proof(self.question) and id_.term == self.promised
            }
            event = HeirEvent.WHOLE if self.has_proofs() else None
        if event is not None:
            self._do(self.heir.handle(event, self.now), world)

    def has_proofs(self) -> bool:
        """Whether who leads has written all from before what was kept."""
        return len(self.proofs) == len(STREAMS)

    def _do(self, do: Do, world: "World") -> None:
        match do:
            case Do.CLAIM:
                is_mine = self.server.claim(self.name, self.promised)
                self._do(self.heir.handle(HeirEvent.PROMISED if is_mine else HeirEvent.DENIED, self.now), world)
            case Do.GATHER:
                self.kept, self.is_whole = {stream: [] for stream in STREAMS}, True
            case Do.CONNECT:
                self.question = self.server.ask()
            case Do.ABANDON:
                self._abandon()

    def _abandon(self) -> None:
        self.kept, self.is_whole = {}, True

    def _lead_next(self, world: "World", lead: Lead) -> None:
        """Open the logs behind the one before, and write what they lack."""
        tops = self._open(lead, is_seamless=True)
        self._do(self.heir.handle(HeirEvent.OPENED if tops else HeirEvent.DENIED, self.now), world)
        if not tops:
            return
        kept, self.kept = self.kept, {}
        for stream, after in tops.items():
            entries = self.server.read(stream, self.starts[stream], 100_000)
            before = [(id_, body) for id_, body in entries if id_ <= after]
            found = [body for _, body in before if isinstance(body, int)]
            overlap = Overlap({stream: [identity_of(stream, b"%d" % number) for number in found]})
            is_whole = self.is_whole and self.is_proven(stream, after)
            is_whole = is_whole and self.is_continued(stream, before, after)
            if not is_whole:
                kept[stream] = []
            world.followed += is_whole
            self._write(stream, WHOLE if is_whole else BROKEN)
            self._write_covers(stream, self.covers)
            for number in overlap.rest((stream, b"%d" % number, number) for number in kept[stream]):
                self._write(stream, self._message(number))
            self.overlaps[stream] = overlap

    def is_proven(self, stream: str, after: EntryId) -> bool:
        """Whether the log still has what showed that all from before what was kept is written."""
        return after >= self.proofs[stream]

    def is_continued(self, stream: str, before: Sequence[tuple[EntryId, Any]], after: EntryId) -> bool:
        """Whether who led has lost nothing since, and the server nothing of that."""
        if any(
            body == State(is_whole=False) or (isinstance(body, Opened) and not body.is_seamless) for _, body in before
        ):
            return False
        entries = [(id_, body.after if isinstance(body, Opened) else None) for id_, body in before]
        return follow_on(self.starts[stream], entries, after)

    def _write(self, stream: str, body: bytes) -> None:
        self.pipe.append((stream, self.rings[stream].add("d", body, self.now)))

    def _message(self, number: int) -> bytes:
        return f"{number}|{','.join(sorted(self.covers))}".encode()

    def _write_covers(self, stream: str, add: Iterable[str], drop: Iterable[str] = ()) -> None:
        self._write(stream, f"{COVERS}|{','.join(sorted(add))}|{','.join(sorted(drop))}".encode())

    def _cover(self) -> None:
        """Bring what is wanted by now."""
        before, now = self.covers, self.server.union
        if self.lead is not None and before != now:
            self.covers = now
            for stream in STREAMS:
                self._write_covers(stream, now - before, before - now)

    # --- the title

    def _take(self, world: "World", seen: Lead | None, *, is_new: bool) -> None:
        lead = self._title(world, seen, is_new=is_new)
        if lead is not None:
            if self._open(lead):
                for stream in STREAMS:
                    self._write_covers(stream, self.covers)
            self.has_missed.clear()  # which is told with the term

    def _title(self, world: "World", seen: Lead | None, *, is_new: bool) -> Lead | None:
        tops = [top for top in map(self.server.top, STREAMS) if top is not None]
        floor = max([self.floor, *(top.term for top in tops)])
        self._lose()
        lead = self.server.take(seen, self.name, floor, f"log {world.next_log()}", is_new=is_new)
        if lead is not None:
            self.floor = max(self.floor, lead.term)
        return lead

    def _open(self, lead: Lead, *, is_seamless: bool = False) -> dict[str, EntryId]:
        found: dict[str, EntryId] = {}
        for stream in STREAMS:
            is_open, top = self.server.open(stream, lead.term, is_seamless=is_seamless)
            if not is_open:  # something above this term is there: again, above that
                self.floor = max(self.floor, top.term)
                return {}
            found[stream] = top
        self.lead = lead
        self.rings = {stream: Ring(lead.term) for stream in STREAMS}
        self.covers = self.server.union
        self.pipe.clear()  # the connection is another one
        self.must_look = False
        return found

    def _look(self, world: "World") -> None:
        """Look at the title, and put right what the server lacks."""
        self.must_look = False
        lead = self.lead
        if lead is None:
            return
        tops = [self.server.top(stream) for stream in STREAMS]
        match standing(self.server.lead, tops, self.name, lead.term, lead.log):
            case Standing.LOST:
                self._lose()
            case Standing.GONE:
                self._take(world, self.server.lead, is_new=True)
            case Standing.LEADS:
                self.pipe.clear()
                for stream, top in zip(STREAMS, tops, strict=True):
                    assert top is not None
                    self.pipe += [(stream, entry) for entry in self.rings[stream].after(top)]

    def hear(self, stream: str, number: int) -> None:
        """Take a message from upstream, unless the connection is lost just then."""
        if self.deaf > 0:
            self.deaf -= 1
            self.has_missed.add(stream)
            return
        if stream in self.has_missed:
            self.has_missed.discard(stream)
            if stream in self.kept:
                self.kept[stream].clear()
                self.is_whole = False
            if stream in self.rings:
                self._write(stream, BROKEN)
        if stream in self.kept:
            self.kept[stream].append(number)
        overlap = self.overlaps.get(stream)
        is_written = overlap is not None and overlap.is_written(stream, b"%d" % number)
        if stream in self.rings and not is_written:
            self._write(stream, self._message(number))

    def flush(self, count: int, *, answers_get_lost: bool = False, again: bool = False) -> None:
        """Have the server carry out some of what was sent."""
        done, self.pipe = self.pipe[:count], self.pipe[count:]
        for stream, entry in done * (2 if again else 1):
            answer = self.server.append(stream, entry)
            if answer is not Answer.DONE and not answers_get_lost:
                self.must_look = True

    def break_line(self, count: int) -> None:
        """Lose the connection: some of what was sent is carried out all the same."""
        self.flush(count, answers_get_lost=True)
        self.pipe.clear()
        self.must_look = True
        self.candidate.forget()
