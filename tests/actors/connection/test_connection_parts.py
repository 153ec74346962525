"""A connection with several sockets: opened one after the other, asked each for its part, and lost together."""

from collections.abc import Iterator

import pytest

from tests.actors.connection.noted import LOST, Noted, Subject
from websocket_v6.actors.connection.connection import PartDue
from websocket_v6.actors.connection.health import PartHealth
from websocket_v6.actors.connection.pace import pace_of
from websocket_v6.actors.connection.request_limits import request_limit_of
from websocket_v6.actors.messages.connection import (
    Connect,
    Disconnect,
    ListSubscriptions,
    OpenPart,
    Reach,
    Resign,
    SendRequest,
    TransportEnded,
    TransportFailed,
    TransportOpened,
    TransportSaid,
)
from websocket_v6.actors.messages.router import Attach
from websocket_v6.protocol.connection.request_sizes import KNOWN_SERVED, LARGE_REQUEST
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.errors import RateLimitedError
from websocket_v6.protocol.exchange.heads import ErrorNotice

URL = "ws://nowhere/public"
TARGET = Target(URL, splits=True)


class Parted(Subject):
    """A connection to the public endpoint, whose sockets wait for turns."""

    def begin(self) -> Noted:
        """Let it open with its first socket."""
        self.start("public", target=TARGET)
        self.tell(Connect("public"))
        return self.open()

    def due_in(self) -> float | None:
        due = [at for at, timer in self.timers if isinstance(timer.message, PartDue)]
        assert len(due) <= 1
        return round(due[0] - self.clocks.now, 6) if due else None

    def turn(self) -> None:
        """Let the turn of the next socket come."""
        ((at, timer),) = [(at, timer) for at, timer in self.timers if isinstance(timer.message, PartDue)]
        self.clocks.now = max(self.clocks.now, at)
        message, timer.message = timer.message, None
        self.tell(message)

    def add(self, whole: Noted) -> Noted:
        """Let one more socket open."""
        self.tell(OpenPart("public", whole.attachment))
        self.turn()
        one = self.transports[-1]
        one.reading_since = one.bytes_at = one.data_at = self.clocks.now
        self.tell(TransportOpened(one.attachment, 0))
        return one

    def pair(self) -> tuple[Noted, Noted]:
        first = self.begin()
        return first, self.add(first)

    def asked(self, *attachments: int, size: int = 10) -> None:
        """Have each asked for something of about this size."""
        types: list[dict[str, object]] = [{"type": "ticker", "codes": ["x" * size]}]
        self.tell(*(SendRequest("public", 1, types, attachment) for attachment in attachments))


@pytest.fixture
def it(monkeypatch: pytest.MonkeyPatch) -> Iterator[Parted]:
    it = Parted(monkeypatch)
    yield it
    it.stop()


def finished(one: Noted) -> bool:
    return any(call[0] == "finish" for call in one.calls if isinstance(call, tuple))


def test_one_more_socket_waits_for_its_turn_among_all_that_connect(it: Parted) -> None:
    first = it.begin()
    for _ in range(3):
        pace_of(URL).reserve(it.clocks.now)
    it.tell(OpenPart("public", first.attachment))
    assert it.due_in() == 1.0
    assert len(it.transports) == 1
    it.turn()
    _, second = it.transports
    attached = [one for one in it.told if isinstance(one, Attach)][-1]
    assert (attached.attachment, attached.whole) == (second.attachment, first.attachment)
    assert second.arguments["whole"] == first.attachment
    assert it.states() == ["connecting"], "nobody else hears of it"


def test_a_turn_is_void_if_connects_are_blocked_meanwhile(it: Parted) -> None:
    first = it.begin()
    it.tell(OpenPart("public", first.attachment))
    pace_of(URL).block(it.clocks.now + 60.0)
    it.turn()
    assert len(it.transports) == 1
    assert it.due_in() == 60.0
    it.turn()
    assert len(it.transports) == 2


def test_a_turn_that_came_while_the_machine_slept_is_void(it: Parted) -> None:
    first = it.begin()
    it.tell(OpenPart("public", first.attachment))
    it.clocks.now += 60.0
    it.turn()
    assert len(it.transports) == 1
    it.turn()
    assert len(it.transports) == 2


@pytest.mark.parametrize("case", ["another attachment", "it has ended", "it ends meanwhile"])
def test_a_socket_for_what_is_over_is_not_opened(it: Parted, case: str) -> None:
    first = it.begin()
    attachment = first.attachment
    if case == "another attachment":
        it.tell(OpenPart("public", attachment - 1), OpenPart("public", 0))
    elif case == "it has ended":
        it.tell(TransportEnded(attachment, LOST), OpenPart("public", attachment))
    else:
        it.tell(OpenPart("public", attachment), Disconnect("public"))
        it.turn()
    assert it.due_in() is None
    assert len(it.transports) == 1


def test_each_is_asked_for_its_part_and_all_give_a_sign(it: Parted) -> None:
    first, second = it.pair()
    one, two = first.attachment, second.attachment
    it.tell(
        SendRequest("public", 1, [{"type": "to one"}], one),
        SendRequest("public", 1, [{"type": "to two"}], two),
        SendRequest("public", 1, [{"type": "to nobody"}], two + 1),
        ListSubscriptions("public", "ticket", two),
        Reach("public"),
    )
    assert "to one" in first.calls[1]
    assert first.calls[2:] == ["ping"]
    assert "to two" in second.calls[1]
    assert '"ticket"' in second.calls[2]
    assert second.calls[3:] == ["ping"]
    health = it.health()
    assert health.parts == (PartHealth(0, len(first.calls[1])), PartHealth(0, len(second.calls[1])))
    assert health.request_bytes == len(first.calls[1]) + len(second.calls[1])


@pytest.mark.parametrize("loses", [0, 1])
def test_with_one_all_end_and_it_is_made_anew_once_all_are_gone(it: Parted, loses: int) -> None:
    both = it.pair()
    lost, other = both[loses], both[1 - loses]
    it.tell(TransportEnded(lost.attachment, LOST))
    assert finished(other)
    assert it.health().state == "closing"
    it.tell(TransportEnded(other.attachment, LOST))
    assert it.health().state == "waiting"
    assert it.health().error == "lost"
    again = it.open()
    assert again.attachment > both[1].attachment
    assert it.health().reconnects == 1


def test_a_socket_that_cannot_open_ends_the_attempt_and_may_block_others(it: Parted) -> None:
    first = it.begin()
    it.tell(OpenPart("public", first.attachment))
    it.turn()
    second = it.transports[-1]
    it.tell(TransportFailed(second.attachment, RateLimitedError("slow", status=429, retry_after=30.0), 0))
    assert finished(first)
    it.tell(TransportEnded(first.attachment, LOST))
    assert it.health().error == "slow"
    assert pace_of(URL).blocked_until >= it.clocks.now + 30.0


def test_the_last_one_may_fail_while_the_first_has_ended(it: Parted) -> None:
    first = it.begin()
    it.tell(OpenPart("public", first.attachment))
    it.turn()
    second = it.transports[-1]
    it.tell(TransportEnded(first.attachment, LOST))
    assert finished(second)
    it.tell(TransportFailed(second.attachment, LOST, 0))
    assert it.health().state == "waiting"


def test_an_error_on_one_is_of_all(it: Parted) -> None:
    first, second = it.pair()
    it.tell(TransportSaid(second.attachment, ErrorNotice("WRONG_FORMAT", "no")))
    assert finished(first)
    assert finished(second)


def test_it_closes_with_all_its_sockets(it: Parted) -> None:
    first, second = it.pair()
    it.tell(Disconnect("public"))
    assert finished(first)
    assert finished(second)
    it.tell(TransportEnded(second.attachment, LOST), TransportEnded(first.attachment, LOST))
    assert it.health().state == "idle"


def test_it_waits_for_all_its_threads_when_it_resigns(it: Parted) -> None:
    both = it.pair()
    it.tell(Resign())
    for one in both:
        assert any(call[0] == "join" for call in one.calls if isinstance(call, tuple))
        assert one.calls[-1] == "abort", "they do not end"


def test_the_size_of_one_is_to_blame_for_its_end_alone(it: Parted) -> None:
    first, second = it.pair()
    it.asked(first.attachment, size=KNOWN_SERVED)
    it.asked(second.attachment)
    it.tell(TransportEnded(second.attachment, LOST), TransportEnded(first.attachment, LOST))
    assert request_limit_of(URL).bytes == LARGE_REQUEST
    assert "larger than any" not in it.health().error


def test_after_a_request_that_was_not_taken_the_next_socket_takes_half(it: Parted) -> None:
    first, second = it.pair()
    it.asked(first.attachment, second.attachment, size=40_000)
    it.tell(TransportEnded(second.attachment, LOST), TransportEnded(first.attachment, LOST))
    assert "larger than any that was served" in it.health().error
    known = request_limit_of(URL).bytes
    assert 20_000 < known < 24_000
    assert it.open().arguments["limit"] == known
