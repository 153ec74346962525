"""What the actor makes of its machine: messages become events, actions calls; with a transport that is only noted down.

What is decided, and when, is tested in tests/protocol/connection.
"""

from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from tests.actors.connection.noted import LOST, TARGET, TIMEOUT, Subject
from tests.conftest import wait_until
from websocket_v6.actors.base import actor_of, ask
from websocket_v6.actors.connection import sockets
from websocket_v6.actors.connection.connection import ConnectionInheritance, Resign
from websocket_v6.actors.connection.pace import pace_of
from websocket_v6.actors.messages.connection import (
    Connect,
    Disconnect,
    KeysChanged,
    ListSubscriptions,
    Reach,
    SendRequest,
    TransportEnded,
    TransportFailed,
    TransportOpened,
    TransportSaid,
)
from websocket_v6.actors.messages.router import Attach, SourceState
from websocket_v6.actors.messages.supervisor import Failed, Renew
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.request_sizes import KNOWN_SERVED, LARGE_REQUEST
from websocket_v6.protocol.delivery.commands import End
from websocket_v6.protocol.errors import AuthenticationError, RateLimitedError
from websocket_v6.protocol.exchange.heads import ErrorNotice, SubscriptionList


@pytest.fixture
def it(monkeypatch: pytest.MonkeyPatch) -> Iterator[Subject]:
    it = Subject(monkeypatch)
    yield it
    it.stop()


def test_it_connects_when_it_is_wanted_and_not_before(it: Subject) -> None:
    it.start()
    it.tell(KeysChanged(1))
    assert (it.transports, it.due_in()) == ([], None)
    it.tell(Connect("private"), Connect("private"))
    transport = it.connect()
    assert transport.calls == ["start"]
    assert transport.target == TARGET
    connecting, attach, start = it.told
    assert attach == Attach(transport.attachment, "private", 7, transport.credits, attach.size)
    assert connecting == SourceState("private", 7, "connecting", it.clocks.time_ns())
    assert start == "start", "both before its thread has anything to say"
    it.tell(TransportOpened(transport.attachment, 1))
    assert it.health().state == "open"
    assert it.states() == ["connecting"], "the transport says itself that it is open"


def test_each_life_has_an_attachment_of_its_own(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    one = it.open()
    it.tell(TransportEnded(one.attachment, LOST))
    two = it.open()
    assert two.attachment > one.attachment
    assert it.health().reconnects == 1


def test_requests_go_out_only_while_it_is_open(it: Subject) -> None:
    def asking(type_: str, attachment: int) -> SendRequest:
        return SendRequest("private", 1, [{"type": type_}], attachment)

    it.start()
    it.tell(asking("nobody", 0), Connect("private"))
    transport = it.connect()
    this = transport.attachment
    it.tell(
        asking("too early", this),
        TransportOpened(this, 1),
        asking("what the one before was to be asked", this - 1),
        asking("now", this),
        ListSubscriptions("private", "ticket-0", this - 1),
        ListSubscriptions("private", "ticket-1", this),
    )
    size = it.health().request_bytes
    it.tell(TransportEnded(this, LOST), asking("much too late", this), ListSubscriptions("private", "ticket-2", this))
    started, asked, listed = transport.calls
    assert started == "start"
    assert asked.endswith('},{"type":"now"},{"format":"SIMPLE"}]')
    assert listed == '[{"ticket":"ticket-1"},{"method":"LIST_SUBSCRIPTIONS"},{"format":"SIMPLE"}]'
    assert size == len(asked)


def test_a_sign_is_asked_for_with_a_ping_where_there_is_a_connection(it: Subject) -> None:
    it.start()
    it.tell(Reach("private"), Connect("private"))
    transport = it.open()
    it.tell(Reach("public"))
    before = len(transport.calls)
    it.tell(Reach("private"))
    it.health()
    assert transport.calls[before:] == ["ping"]


def test_a_ping_that_is_not_answered_ends_the_connection(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.open()
    begin = it.clocks.now
    while transport.calls[-1][0] != "finish":
        it.fire()
    assert it.clocks.now - begin == pytest.approx(30.25)
    assert transport.calls[1:] == ["ping", ("finish", "no answer to a ping on the private connection for 10 s")]
    it.tell(TransportEnded(transport.attachment, LOST))
    assert "no answer to a ping" in it.health().error
    assert it.health().state == "waiting"


def test_what_the_transport_heard_is_asked_at_that_moment(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.open()
    for _ in range(100):
        it.fire()
        transport.bytes_at = it.clocks.now + 0.1
    assert it.health().state == "open"
    transport.reading_since = None
    for _ in range(100):
        it.fire()
    assert it.health().state == "open", "nothing is judged without reading"


def test_after_a_suspension_it_asks_at_once_whether_anyone_is_there(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.open()
    it.clocks.asleep += 3600.0
    assert it.due_in() == 5.0
    it.fire()
    assert transport.calls == ["start", "ping"]
    it.fire()
    assert transport.calls == ["start", "ping"], "once"


def test_a_source_that_brings_no_data_any_more_is_asked_something(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.open()
    while not any("LIST_SUBSCRIPTIONS" in call for call in transport.calls):
        it.fire()
        transport.bytes_at = it.clocks.now + 0.1
        if it.clocks.now < 1200.0:
            transport.data_at = it.clocks.now
    (question,) = (call for call in transport.calls if "LIST_SUBSCRIPTIONS" in call)
    ticket = question.partition('"ticket":"')[2].partition('"')[0]
    it.tell(TransportSaid(transport.attachment, SubscriptionList(ticket, ())))
    for _ in range(8):
        it.fire()
        transport.bytes_at = it.clocks.now + 0.1
    assert it.health().state == "open", "it answers: the market is quiet"


def test_an_attempt_that_fails_is_told_and_made_again(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.connect()
    it.tell(TransportFailed(transport.attachment, LOST, 1))
    assert it.told[-1] == SourceState("private", 7, "lost", it.clocks.time_ns(), "lost", LOST, 0.5)
    assert it.due_in() == 0.5
    assert it.health().error == "lost"
    it.connect()
    assert len(it.transports) == 2


def test_refused_keys(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.open()
    it.tell(TransportSaid(transport.attachment, ErrorNotice("INVALID_AUTH", "no")))
    assert transport.calls[-1][0] == "finish"
    it.tell(TransportEnded(transport.attachment, LOST))
    refused = it.told[-1]
    assert isinstance(refused, SourceState)
    assert refused.state == "refused"
    assert isinstance(refused.error, AuthenticationError)
    assert (it.health().state, it.due_in()) == ("refused", 60.0)
    it.tell(KeysChanged(2))
    assert it.due_in() == 0.0


def test_an_open_connection_with_old_keys_asks_for_an_heir(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.open(keys=1)
    it.tell(KeysChanged(1))
    assert not [one for one in it.told if isinstance(one, Renew)]
    it.tell(KeysChanged(2))
    assert it.told[-1] == Renew(it.ref, "keys"), "a new one is to serve before this one ends"
    assert transport.calls == ["start"]


def test_a_connection_that_has_come_of_age_asks_for_an_heir(it: Subject) -> None:
    it.start(config=Config(max_age=4.0))
    it.tell(Connect("private"))
    it.open()
    assert it.due_in() == 3.6
    it.fire()
    assert it.told[-1] == Renew(it.ref, "age")


def test_nobody_wants_it_any_more_while_it_waits(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.connect()
    it.tell(TransportFailed(transport.attachment, LOST, 1), Disconnect("private"))
    assert it.states() == ["connecting", "lost", "closed"]
    assert (it.due_in(), it.health().state) == (None, "idle")


def test_nobody_wants_it_any_more_while_it_connects(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.connect()
    it.tell(Disconnect("private"))
    assert transport.calls == ["start", ("finish", None)]
    assert it.health().state == "closing"
    it.tell(TransportFailed(transport.attachment, LOST, 1))
    assert it.states() == ["connecting", "closed"]


def test_nobody_wants_it_any_more_while_it_is_open(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.open()
    it.tell(Disconnect("private", 3.0))
    assert it.due_in() == 3.0
    it.fire()
    assert transport.calls[-1] == ("finish", None)
    it.tell(Connect("private"), TransportEnded(transport.attachment, LOST))
    assert it.states() == ["connecting", "closed"]
    it.open()
    assert it.states() == ["connecting", "closed", "connecting"]


# --- the pace


def test_connections_of_one_host_share_the_pace(it: Subject) -> None:
    begin, at = it.clocks.now, []
    for index in range(9):
        it.start(f"endpoint-{index}")
        it.clocks.now = begin
        it.tell(Connect("private"))
        it.connect()
        at.append(it.clocks.now - begin)
    assert at == [0.0] * 4 + [1.0] * 4 + [2.0]


def test_a_block_of_one_holds_the_others(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.connect()
    it.tell(TransportFailed(transport.attachment, RateLimitedError("blocked", status=418, retry_after=37.0), 0))
    assert it.due_in() == 37.5
    it.start("public")
    it.tell(Connect("public"))
    it.fire()
    assert it.due_in() == 37.0, "its turn"


def test_a_turn_that_a_block_made_void_is_taken_again(it: Subject) -> None:
    for index in range(5):
        it.start(f"endpoint-{index}")
        it.tell(Connect("public"))
        it.fire()
    assert it.due_in() == 1.0
    pace_of(TARGET.url).block(it.clocks.now + 60.0)
    it.fire()
    assert (it.transports, it.due_in()) == ([], 59.0)


# --- its end, and its transport's


def test_who_resigns_ends_its_transport_and_says_what_it_has_learned(it: Subject) -> None:
    it.start()
    assert ask(it.ref, Resign(), TIMEOUT) == ConnectionInheritance()
    it.start(inheritance=ConnectionInheritance(failures=3, refusals=1, keys=4))
    it.tell(Connect("private"))
    transport = it.open(keys=5)
    transport.alive = False  # once it is told to end
    left = ask(it.ref, Resign(), TIMEOUT)
    assert left == ConnectionInheritance(failures=3, refusals=0, keys=5, was_open=True)
    assert transport.calls == ["start", ("finish", None), ("join", 2.0)]
    it.tell(TransportEnded(transport.attachment, LOST), Connect("private"))
    assert it.due_in() is None, "it does not come back beside its successor"
    assert not [one for one in it.told if isinstance(one, End)]


def test_who_resigns_for_a_reason_brings_nothing_more_while_its_transport_ends(it: Subject) -> None:
    it.start()
    ask(it.ref, Resign("the keys are others now"), TIMEOUT)
    it.tell()
    assert not it.told
    it.start()
    it.tell(Connect("private"))
    transport = it.open()
    transport.alive = False
    ask(it.ref, Resign("the keys are others now"), TIMEOUT)
    it.tell()
    assert it.told[-1] == End(transport.attachment, "the keys are others now")
    assert transport.calls == ["start", ("finish", None), ("join", 2.0)]


def test_who_resigns_while_it_waits_hands_on_the_wait(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.connect()
    it.tell(TransportFailed(transport.attachment, LOST, 1))
    left = ask(it.ref, Resign(), TIMEOUT)
    assert left == ConnectionInheritance(failures=1, keys=1, wait_until=it.clocks.now + 0.5)
    it.start(inheritance=left)
    it.tell(Connect("private"))
    assert it.due_in() == 0.5


@pytest.mark.parametrize("is_open", [True, False])
def test_a_transport_that_does_not_end_with_its_actor_is_written_off(it: Subject, is_open: bool) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.open() if is_open else it.connect()
    ask(it.ref, Resign(), TIMEOUT)
    assert transport.calls == ["start", ("finish", None), ("join", 2.0 if is_open else 0.5), "abort"]
    it.tell()
    assert it.told[-1] == End(transport.attachment, "it did not end with its engine")


def test_a_transport_that_does_not_end_is_abandoned(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    stuck = it.connect()
    while len(it.transports) == 1:
        it.fire()
    assert stuck.calls == ["start", "abort", "abort"]
    reason = "no private connection within 10 s"
    assert [one for one in it.told if isinstance(one, End)] == [End(stuck.attachment, reason)]
    assert it.states() == ["connecting", "lost", "connecting"]
    # What it says after all changes nothing, and if it has connected it is told again.
    it.tell(TransportOpened(stuck.attachment, 1))
    assert stuck.calls == ["start", "abort", "abort", "abort"]
    it.tell(TransportSaid(stuck.attachment, ErrorNotice("X", "x")), TransportEnded(stuck.attachment, LOST))
    assert it.health().state == "connecting"


def test_no_more_than_two_threads_are_left_behind(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    for _ in range(60):
        it.fire()
    assert len(it.transports) == 2
    assert it.health().state == "waiting"
    it.transports[0].alive = False
    it.connect()
    assert len(it.transports) == 3


def test_a_bug_that_ends_the_transport_is_a_loss(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.open()
    it.tell(TransportEnded(transport.attachment, LOST, is_bug=True))
    assert (it.health().state, it.due_in()) == ("waiting", 0.5)
    transport = it.connect()
    it.tell(TransportEnded(transport.attachment, LOST, is_bug=True))
    assert (it.health().state, it.due_in()) == ("waiting", 1.0), "also while it connects"


def test_a_bug_of_its_own_is_told_with_what_it_has_learned(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.connect()
    it.tell(TransportFailed(transport.attachment, LOST, 1))
    wait_until = it.clocks.now + 0.5
    with pytest.raises(pykka.ActorDeadError):
        it.tell(SendRequest("private", 1, [object()], 0))  # type: ignore[list-item]
    failed = next_failure(it)
    assert (failed.name, failed.ref) == ("private", it.ref)
    assert failed.inheritance == ConnectionInheritance(failures=1, keys=1, wait_until=wait_until)


def next_failure(it: Subject) -> Failed:
    """Wait until it has told of its failure."""
    wait_until(lambda: any(isinstance(one, Failed) for one in it.told), "the failure")
    (failed,) = (one for one in it.told if isinstance(one, Failed))
    return failed


# --- no thread, no descriptor, no word


@pytest.mark.parametrize("where", ["__init__", "start"])
@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), RuntimeError("can't start new thread")])
def test_a_transport_that_cannot_be_had_is_tried_again_like_a_refusal(
    it: Subject, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception
) -> None:
    it.start()
    transport_type: Any = vars(sockets)["Transport"]
    with monkeypatch.context() as patch:
        patch.setattr(transport_type, where, lambda *_, **__: (_ for _ in ()).throw(error))
        it.tell(Connect("private"))
        for _ in range(8):
            it.fire()
            it.health()
        assert it.states()[-2:] == ["connecting", "lost"]
        assert f"cannot connect to the private endpoint ws://nowhere/private: {error}" in it.health().error
        assert it.ref.is_alive(), "it is no bug"
    it.open()
    assert it.health().state == "open"
    attached = [one.attachment for one in it.told if isinstance(one, Attach)]
    ended = [one.attachment for one in it.told if isinstance(one, End)]
    assert attached[:-1] == ended, "the router does not wait for them"


def test_a_transport_that_died_without_a_word_is_replaced(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    dead = it.open()
    dead.alive = False
    it.fire()
    it.health()
    assert "ended without a word" in it.health().error
    assert [one.attachment for one in it.told if isinstance(one, End)] == [dead.attachment]
    assert it.open().attachment > dead.attachment


def test_who_is_given_up_ends_its_transport_too(it: Subject) -> None:
    it.start()
    it.tell(Connect("private"))
    transport, actor = it.open(), actor_of(it.ref)
    assert actor is not None
    actor.give_up()
    assert "abort" in transport.calls
    assert isinstance(actor.inheritance(), ConnectionInheritance)


def test_a_request_larger_than_any_that_is_known_to_be_served_is_told_once(
    it: Subject, caplog: pytest.LogCaptureFixture
) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.open()
    sizes = (LARGE_REQUEST - 1000, LARGE_REQUEST, LARGE_REQUEST + 10, 5, LARGE_REQUEST)
    for number, size in enumerate(sizes, start=1):
        types: list[dict[str, object]] = [{"type": "ticker", "codes": ["x" * size]}]
        it.tell(SendRequest("private", number, types, transport.attachment))
    told = [record.getMessage() for record in caplog.records if "whether the exchange takes it" in record.getMessage()]
    assert len(told) == 2, "when it becomes so large, and again when it has"
    assert len(transport.calls) == 1 + len(sizes), "and sent all the same"


def test_a_connection_that_ends_soon_after_a_large_request_says_so(
    it: Subject, caplog: pytest.LogCaptureFixture
) -> None:
    it.start()
    it.tell(Connect("private"))
    for times in range(1, 4):
        transport = it.open()
        types: list[dict[str, object]] = [{"type": "ticker", "codes": ["KRW-BTC", "x" * KNOWN_SERVED]}]
        it.tell(SendRequest("private", 1, types, transport.attachment))
        assert (it.health().codes, it.health().request_bytes > KNOWN_SERVED) == (2, True)
        it.tell(TransportEnded(transport.attachment, LOST))
        assert "for 2 codes, larger than any that was served" in it.health().error, f"the {times}. time"
    told = [record.getMessage() for record in caplog.records if "larger than any" in record.getMessage()]
    assert len(told) == 1, "at growing intervals"


@pytest.mark.parametrize("case", ["small", "later", "the exchange says why", "told to end"])
def test_a_connection_that_ends_for_another_reason_says_nothing_of_its_request(it: Subject, case: str) -> None:
    it.start()
    it.tell(Connect("private"))
    transport = it.open()
    size = 10 if case == "small" else KNOWN_SERVED
    types: list[dict[str, object]] = [{"type": "ticker", "codes": ["x" * size]}]
    it.tell(SendRequest("private", 1, types, transport.attachment))
    it.health()
    match case:
        case "later":
            it.clocks.now += 2.0
        case "the exchange says why":
            it.tell(TransportSaid(transport.attachment, ErrorNotice("WRONG_FORMAT", "no")))
        case "told to end":
            it.tell(Disconnect("private"))
    it.tell(TransportEnded(transport.attachment, LOST))
    assert "larger than any" not in it.health().error
