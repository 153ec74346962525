"""A machine's part in it, against a real server: the others are words that the test says."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import pykka
import pytest

from tests.actors.ear import Ear
from tests.valkey import Valkey, needs_server
from websocket_v6 import Config
from websocket_v6.actors.fleet.access import LogAccess
from websocket_v6.actors.fleet.kept import Written
from websocket_v6.actors.fleet.leading import Leading
from websocket_v6.actors.fleet.lines import Line, open_line
from websocket_v6.actors.fleet.presence import Presence
from websocket_v6.actors.fleet.succession import Succession
from websocket_v6.actors.fleet.title_holder import TitleHolder
from websocket_v6.actors.future import Future
from websocket_v6.actors.messages.fleet import LogOwes
from websocket_v6.actors.messages.supervisor import LeaveFleet
from websocket_v6.protocol.exchange.identity import identity_of
from websocket_v6.protocol.fleet.entries import Fetching, Open, State, encode_happening, encode_rows
from websocket_v6.protocol.fleet.ids import parse_id
from websocket_v6.protocol.fleet.succession import ASKING
from websocket_v6.protocol.fleet.wants import Machine

from .conftest import KEYS

pytestmark = needs_server
REQUEST = b'[{"ticket":"t"},{"type":"trade","codes":["KRW-BTC"]}]'
TRADE = "trade KRW-BTC"
PAYLOAD = b'{"ty":"trade","sid":1}'


class Owner:
    def __init__(self) -> None:
        self.done: list[Any] = []

    def connect_next(self) -> None:
        self.done.append("connect")

    def lead(self, written: dict[str, Written]) -> None:
        self.done.append(written)

    def read_on(self) -> None:
        self.done.append("read on")


class Side:
    """One machine; what it calls is called when the test says so."""

    def __init__(self, access: LogAccess, line: Line, name: str) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.line = line
        self.holder = TitleHolder(KEYS, ("public",), name, name, "SIMPLE")
        self.presence = Presence(KEYS, name, Machine(name, 1))
        self.owner = Owner()
        self.leading = Leading(
            config=Config(),
            access=access,
            endpoints=("public",),
            machine=name,
            owner=Ear().ref,
            registry=Ear().ref,
            router=Ear().ref,
            call=self.call,
        )
        self.succession = Succession(
            access=access,
            endpoints=("public",),
            machine=name,
            holder=self.holder,
            leading=self.leading,
            presence=self.presence,
            call=self.call,
            owner=self.owner,
        )

    def call(self, tag: str, *commands: Any) -> None:
        self.calls.append((tag, commands))

    def go(self) -> list[str]:
        """Have the server carry out what was called; return what that was."""
        done = []
        while self.calls:
            tag, commands = self.calls.pop(0)
            done.append(tag.split()[0])
            replies = self.line.call(*commands)
            if not self.succession.called(tag, replies) and self.leading.heard(tag, replies[0]):
                self.succession.gathered()
        return done

    def look(self) -> None:
        self.holder.looked(self.line.call(*self.holder.look()), 0.0, 0.0)
        self.succession.looked(self.holder.lead)

    def be_there(self) -> None:
        self.line.call(*self.presence.publish())

    def lead(self) -> None:
        self.holder.looked(self.line.call(*self.holder.look()), 0.0, 0.0)
        assert self.holder.has_taken(self.line.call(self.holder.take(is_new=False))[0])
        assert self.holder.opened(self.line.call(*self.holder.open()))

    def stand(self) -> None:
        self.holder.stands(self.line.call(*self.holder.look()))
        self.succession.stood()

    def write(self, field: str, body: bytes) -> None:
        with_top = cast("Sequence[Any]", self.line.call(("XINFO", "STREAM", KEYS.log("public")))[0])
        fields = dict(zip(with_top[::2], with_top[1::2], strict=True))
        top = parse_id(fields[b"last-generated-id"])
        self.line.call(("XADD", KEYS.log("public"), f"{top.term}-{top.sequence + 1}", field, body))


@pytest.fixture
def line(server: Valkey, access: LogAccess) -> Iterator[Line]:
    one = open_line(access.servers, KEYS.lead)
    yield one
    one.close()


@pytest.fixture
def leader(access: LogAccess, line: Line) -> Side:
    one = Side(access, line, "leader")
    one.lead()
    one.be_there()
    return one


@pytest.fixture
def heir(access: LogAccess, line: Line, leader: Side) -> Side:
    """Who wants trades, and has read the log so far."""
    one = Side(access, line, "heir")
    one.presence.want("public", REQUEST)
    one.be_there()
    return one


def leave(leader: Side) -> "pykka.Future[bool]":
    done: Future[bool] = Future()
    leader.succession.leave(done)
    assert leader.go() == ["offer"]
    return done


def is_done(done: "pykka.Future[bool]") -> bool | None:
    try:
        return done.get(timeout=0)
    except pykka.Timeout:
        return None


def read(heir: Side) -> None:
    info = cast("Sequence[Any]", heir.line.call(("XINFO", "STREAM", KEYS.log("public")))[0])
    top = dict(zip(info[::2], info[1::2], strict=True))[b"last-generated-id"].decode()
    heir.presence.read("public", top, 0)
    heir.succession.read("public", top)


def prepare(heir: Side) -> None:
    """Go as far as to have connections of its own."""
    read(heir)
    heir.look()
    assert heir.go() == ["claim", "pass", "want"]
    assert heir.owner.done == []
    heir.succession.hears("public", is_open=True)
    assert heir.owner.done == ["connect"]


def test_a_title_passes_with_what_was_written_meanwhile(leader: Side, heir: Side) -> None:
    done = leave(leader)
    prepare(heir)
    leader.write("d", encode_rows(5, 5, 0, [TRADE], [PAYLOAD]))
    read(heir)
    heir.succession.serves("public")
    assert heir.succession.is_taking
    assert heir.go() == ["take", "open"]
    assert heir.owner.done[-1] == {"public": {TRADE: [identity_of(TRADE, PAYLOAD)]}}
    leader.stand()
    assert is_done(done) is None
    leader.succession.lost()
    assert is_done(done) is True


def test_who_reads_nothing_yet_does_not_ask(leader: Side, heir: Side) -> None:
    leave(leader)
    heir.look()
    assert heir.go() == []
    read(heir)
    heir.look()
    assert heir.go() == ["claim", "pass", "want"]


def test_the_second_that_asks_reads_on(access: LogAccess, line: Line, leader: Side, heir: Side) -> None:
    third = Side(access, line, "third")
    leave(leader)
    for one in (heir, third):
        read(one)
        one.look()
    assert heir.go() == ["claim", "pass", "want"]
    assert third.go() == ["claim"]
    assert not third.succession.is_taking
    assert third.owner.done == []


def test_a_log_that_has_lost_what_was_read_is_not_continued(server: Valkey, leader: Side, heir: Side) -> None:
    leave(leader)
    prepare(heir)
    leader.write("d", encode_rows(5, 5, 0, [TRADE], [PAYLOAD]))
    read(heir)
    heir.succession.serves("public")
    with server.client() as client:  # as a replica that was behind
        client.delete(KEYS.log("public"))
    heir.go()
    assert heir.owner.done[-1] == {}, "so that a gap is told"


def test_a_log_with_a_hole_is_not_continued(leader: Side, heir: Side) -> None:
    """What it has lost and others may have read would come again, behind what is newer."""
    leave(leader)
    prepare(heir)
    for number in range(3):
        leader.write("d", encode_rows(5, 5, 0, [TRADE], [PAYLOAD + b"%d" % number]))
    key = KEYS.log("public")
    (entries,) = cast("Sequence[Any]", heir.line.call(("XRANGE", key, "-", "+")))
    heir.line.call(("XDEL", key, entries[-2][0]))
    heir.succession.serves("public")
    heir.go()
    assert heir.owner.done[-1] == {}


@pytest.mark.parametrize("what", [State("lost", 2, 5, 5), State("open", 2, 5, 5), Open("log", "leader", 5)])
def test_what_somebody_wrote_who_had_missed_something_is_not_continued(
    leader: Side, heir: Side, what: State | Open
) -> None:
    """What this machine kept of what was missed would come behind what is newer."""
    leave(leader)
    prepare(heir)
    leader.write("s", encode_happening(what))
    leader.write("d", encode_rows(5, 5, 0, [TRADE], [PAYLOAD]))
    heir.succession.serves("public")
    heir.go()
    assert heir.owner.done[-1] == {}


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_leader_that_owes_trades_is_not_continued(leader: Side, heir: Side, is_kept: bool) -> None:
    """What it has promised and not fetched would never come."""
    leave(leader)
    prepare(heir)
    leader.write("s", encode_happening(Fetching([TRADE], 5)))
    if is_kept:
        leader.write("s", encode_happening(Fetching([], 6)))
    heir.succession.serves("public")
    heir.go()
    assert bool(heir.owner.done[-1]) is is_kept


def test_who_owes_trades_leaves_when_they_have_come(leader: Side, heir: Side) -> None:
    leader.succession.heed(LogOwes(True))
    done: Future[bool] = Future()
    leader.succession.heed(LeaveFleet("fleet", done))
    read(heir)
    assert leader.go() == []
    leader.succession.heed(LogOwes(False))
    assert leader.go() == ["offer"]
    leader.succession.heed(LogOwes(True))
    leader.succession.heed(LogOwes(False))
    assert leader.go() == [], "it leaves already"
    assert is_done(done) is None


def test_who_leads_no_more_owes_nothing(access: LogAccess, line: Line) -> None:
    one = Side(access, line, "reader").succession
    done: Future[bool] = Future()
    one.owes(is_on=True)
    one.leave(done)
    assert is_done(done) is True


def test_who_is_alone_or_has_no_title_goes_at_once(access: LogAccess, line: Line, leader: Side) -> None:
    assert is_done(leave(leader)) is True
    done: Future[bool] = Future()
    Side(access, line, "reader").succession.leave(done)
    assert is_done(done) is True


def test_another_leader_ends_what_was_prepared(leader: Side, heir: Side) -> None:
    leave(leader)
    prepare(heir)
    leader.line.call(leader.holder.release())
    heir.look()
    assert heir.owner.done == ["connect", "read on"]
    assert not heir.leading.streams("public")


def test_without_the_server_nobody_is_waited_for(leader: Side, heir: Side) -> None:
    done = leave(leader)
    prepare(heir)
    for one in (leader, heir):
        one.succession.failed()
    assert is_done(done) is False
    assert heir.owner.done[-1] == "read on"


def test_nobody_is_waited_for_for_ever(leader: Side, heir: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    done = leave(leader)
    now = 1e9 + ASKING
    monkeypatch.setattr("websocket_v6.actors.fleet.succession.time.monotonic", lambda: now)
    leader.stand()
    assert is_done(done) is False
