"""What a link's sources say to the router, which a test plays: in what order, of which attachment, for which credit."""

import threading
import time
from decimal import Decimal
from typing import Any

import pykka
import pytest

from tests.actors.ear import Ear
from tests.conftest import wait_until
from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.membership.inflow import CREDITS, Inflow, State
from websocket_v6.actors.messages.router import Attach, SourceEnded, SourceOpened, SourceSaid, SourceState
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.errors import AuthenticationError, RateLimitedError, TransportError
from websocket_v6.protocol.exchange.heads import ErrorNotice, SubscribedEntry, SubscriptionList
from websocket_v6.protocol.membership import peers

SOURCES = {"public": 7, "private": 8, "info": 9}
LATE = 1 << 62  # in nanoseconds, and still after any clock
STREAM = "ticker KRW-BTC"


class Router(Ear):
    """Keeps what it is told, and gives credits to each attachment; one that `is_dead` is told nothing."""

    def __init__(self, credits_: int = 1000) -> None:
        super().__init__()
        self.attached: list[Attach] = []
        self.is_dead = False
        self._count = credits_

    def tell(self, message: object) -> None:
        if self.is_dead:
            raise pykka.ActorDeadError("it is gone")
        if isinstance(message, Attach):
            self.attached.append(message)
            for _ in range(self._count):
                message.credits.put(True)
        super().tell(message)


@pytest.fixture
def router() -> Router:
    return Router()


@pytest.fixture
def inflow(router: Router) -> Inflow:
    made = Inflow(SOURCES, router.ref)
    made.begin("public")
    assert [told[:3] for told in router.heard()] == [("public", 7, "connecting")]
    return made


def change(
    state: peers.State,
    at_ns: int = 0,
    *,
    gap_started_ns: int | None = None,
    error: str = "",
    endpoint: peers.Endpoint = "public",
) -> peers.Changed:
    return peers.Changed(endpoint, state, 1, at_ns, gap_started_ns, "why", error)


def part(at_ns: int, *, endpoint: peers.Endpoint = "public", replayed: bool = False) -> peers.Part:
    return peers.Part(endpoint, at_ns, [STREAM], [b"{}"], replayed, False)


def opened(inflow: Inflow, router: Router, at_ns: int = 0) -> Attach:
    """Have the public endpoint open; return what the router was told of the new attachment."""
    inflow.changed(change("open", at_ns))
    attach, *_ = (told for told in router.heard() if isinstance(told, Attach))
    return attach


# --- how an endpoint stands


def test_what_is_wanted_twice_is_told_once(inflow: Inflow, router: Router) -> None:
    inflow.begin("public")
    assert router.heard() == []
    assert {endpoint: state.state for endpoint, state in inflow.states.items()} == {"public": "connecting"}


def test_each_opening_is_an_attachment_of_its_own_from_when_it_was_wanted(inflow: Inflow, router: Router) -> None:
    wanted_ns = inflow.states["public"].at_ns
    inflow.changed(change("open", 5))
    first, told = router.heard()
    assert first == Attach(first.attachment, "public", 7, first.credits, CREDITS)
    assert told == SourceOpened("public", 7, first.attachment, wanted_ns), "to this process it is open since then"
    inflow.changed(change("open", LATE))
    ended, second, again = router.heard()
    assert ended == SourceEnded("public", 7, first.attachment, wanted_ns, LATE, "why", None)
    assert second.attachment > first.attachment
    assert second.credits is not first.credits
    assert again == SourceOpened("public", 7, second.attachment, LATE)
    assert inflow.states == {"public": State("open", LATE)}


def test_a_connection_that_is_lost_is_told_by_the_end_of_its_attachment_alone(inflow: Inflow, router: Router) -> None:
    attach = opened(inflow, router)
    inflow.changed(change("lost", LATE, error="RateLimitedError"))
    (ended,) = router.heard()
    assert (ended.attachment, ended.at_ns, ended.reason) == (attach.attachment, LATE, "why")
    assert type(ended.error) is RateLimitedError
    assert inflow.states == {"public": State("lost", LATE, "why")}
    inflow.changed(change("lost", LATE + 1))
    (told,) = router.heard()
    assert told == SourceState("public", 7, "lost", LATE + 1, "why", None), "an attempt of the host's"
    inflow.changed(change("connecting", LATE + 2))
    inflow.changed(change("connecting", LATE + 3))
    (told,) = router.heard()
    assert told == SourceState("public", 7, "connecting", LATE + 2, "why", None), "once is enough"


def test_a_connection_that_is_refused_or_closed_is_told_also_when_it_was_open(inflow: Inflow, router: Router) -> None:
    states: tuple[peers.State, ...] = ("refused", "closed", "connecting")
    for state in states:
        attach = opened(inflow, router)
        inflow.changed(change(state, LATE))
        ended, told = router.heard()
        assert ended.attachment == attach.attachment
        assert told[:4] == ("public", 7, state, LATE)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("AuthenticationError", AuthenticationError),
        ("RateLimitedError", RateLimitedError),
        ("TransportError", TransportError),
        ("ConfigError", TransportError),
        ("WebSocketV6Error", TransportError),
        ("Iterable", TransportError),
        ("annotations", TransportError),
        ("no such thing", TransportError),
        ("", type(None)),
    ],
)
def test_the_host_names_errors_of_a_few_kinds_and_no_others(
    inflow: Inflow, router: Router, name: str, kind: type[Any]
) -> None:
    inflow.changed(change("refused", error=name))
    (told,) = router.heard()
    assert type(told.error) is kind
    assert told.error is None or str(told.error) == "why"


def test_times_do_not_run_backwards(inflow: Inflow, router: Router) -> None:
    inflow.changed(change("open", LATE))
    inflow.changed(change("lost", 5))
    *_, ended = router.heard()
    assert (ended.whole_ns, ended.at_ns) == (LATE, LATE)


def test_up_for_as_long_as_it_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 5_500_000_000)
    assert State("open", 3_000_000_000).up_seconds == 2.5
    assert State("lost", 3_000_000_000).up_seconds == 0.0


def test_only_the_attachment_of_now_is_open(inflow: Inflow, router: Router) -> None:
    first = opened(inflow, router)
    assert inflow.is_open("public", first.attachment)
    assert not inflow.is_open("private", first.attachment)
    second = opened(inflow, router)
    assert [inflow.is_open("public", one.attachment) for one in (first, second)] == [False, True]
    inflow.stop("public")
    assert not inflow.is_open("public", second.attachment)


# --- where a gap begins


def test_all_until_the_last_message_has_come(inflow: Inflow, router: Router) -> None:
    attach = opened(inflow, router)
    inflow.part(part(LATE + 5))
    inflow.part(part(LATE + 3))
    inflow.changed(change("lost", LATE + 9))
    one, two, ended = router.heard()
    assert one == Batch("public", attach.attachment, LATE + 5, LATE + 5, [STREAM], [b"{}"], False, False)
    assert (two.whole_ns, two.ts_received_ns) == (LATE + 5, LATE + 3)
    assert ended.whole_ns == LATE + 5


@pytest.mark.parametrize(
    ("gap_started_ns", "whole_ns"), [(LATE + 3, LATE + 3), (LATE + 9, LATE + 5), (5, LATE), (None, LATE + 5)]
)
def test_a_gap_of_the_host_is_one_here_as_far_as_it_was_open(
    inflow: Inflow, router: Router, gap_started_ns: int | None, whole_ns: int
) -> None:
    opened(inflow, router, LATE)
    inflow.part(part(LATE + 5))
    inflow.changed(change("lost", LATE + 20, gap_started_ns=gap_started_ns))
    _, ended = router.heard()
    assert ended.whole_ns == whole_ns


def test_an_old_last_value_tells_nothing_of_when_all_was_there(inflow: Inflow, router: Router) -> None:
    opened(inflow, router, LATE)
    inflow.part(part(5, replayed=True))
    (batch,) = router.heard()
    assert (batch.whole_ns, batch.ts_received_ns, batch.replayed) == (LATE, 5, True)


def test_what_came_before_a_question_has_come_with_its_answer(inflow: Inflow, router: Router) -> None:
    attach = opened(inflow, router)
    before_ns = time.time_ns()
    inflow.ask("public", "ticket")
    after_ns = time.time_ns()
    entry = peers.Entry("orderbook", ("KRW-BTC",), "1e4", {"x": 1})
    inflow.answered(peers.Answer("public", "ticket", (entry, peers.Entry("trade", (), None, {})), ""))
    (said,) = router.heard()
    assert said.attachment == attach.attachment
    assert said.notice == SubscriptionList(
        "ticket",
        (SubscribedEntry("orderbook", ("KRW-BTC",), Decimal("1e4"), {"x": 1}), SubscribedEntry("trade", (), None, {})),
    )
    assert before_ns <= said.whole_ns <= after_ns
    inflow.answered(peers.Answer("public", "ticket", (), ""))
    (again,) = router.heard()
    assert again.whole_ns == said.whole_ns, "an answer nobody asked for tells nothing of that"
    inflow.changed(change("lost", LATE))
    (ended,) = router.heard()
    assert ended.whole_ns == said.whole_ns


def test_an_answer_after_newer_messages_takes_nothing_back(inflow: Inflow, router: Router) -> None:
    opened(inflow, router)
    inflow.ask("public", "ticket")
    inflow.part(part(LATE))
    inflow.answered(peers.Answer("public", "ticket", (), ""))
    _, said = router.heard()
    assert said.whole_ns == LATE


def test_a_question_without_an_answer_is_forgotten(inflow: Inflow, router: Router) -> None:
    opened(inflow, router)
    opened_ns = inflow.states["public"].at_ns
    inflow.ask("public", "ticket")
    inflow.answered(peers.Answer("public", "ticket", (), "there is none"))
    inflow.answered(peers.Answer("public", "ticket", (), ""))
    (said,) = router.heard()
    assert said.whole_ns == opened_ns


def test_questions_and_answers_while_nothing_is_open_are_left(inflow: Inflow, router: Router) -> None:
    inflow.ask("public", "ticket")
    inflow.answered(peers.Answer("public", "ticket", (), ""))
    inflow.answered(peers.Answer("public", "ticket", (), "there is none"))
    assert router.heard() == []


def test_a_question_of_a_life_before_tells_nothing_of_this_one(inflow: Inflow, router: Router) -> None:
    opened(inflow, router)
    inflow.ask("public", "ticket")
    opened(inflow, router, LATE)
    inflow.answered(peers.Answer("public", "ticket", (), ""))
    (said,) = router.heard()
    assert said.whole_ns == LATE


# --- what is wanted no more


def test_what_is_wanted_no_more_is_closed_behind_its_end(inflow: Inflow, router: Router) -> None:
    attach = opened(inflow, router)
    inflow.stop("public")
    inflow.stop("public")
    ended, closed = router.heard()
    assert ended.attachment == attach.attachment
    assert closed[:3] == ("public", 7, "closed")
    assert (ended.at_ns, ended.error) == (closed.at_ns, None)
    assert inflow.states == {}
    inflow.begin("private")
    inflow.stop("private")
    assert [told.state for told in router.heard()] == ["connecting", "closed"], "one that was not open"


def test_what_comes_of_it_later_is_left(inflow: Inflow, router: Router) -> None:
    opened(inflow, router)
    inflow.stop("public")
    router.heard()
    inflow.part(part(1))
    inflow.changed(change("open"))
    inflow.refused(peers.Refused("public", "StreamError", "no"))
    inflow.answered(peers.Answer("public", "ticket", (), ""))
    assert router.heard() == []
    assert inflow.states == {}


def test_what_is_shared_no_more_ends_and_the_rest_goes_on(inflow: Inflow, router: Router) -> None:
    inflow.begin("private")
    public = opened(inflow, router)
    inflow.changed(change("open", endpoint="private"))
    (private, _) = router.heard()
    inflow.share(("public",))
    (ended,) = router.heard()
    assert (ended.source, ended.attachment) == (8, private.attachment)
    assert set(inflow.states) == {"public"}
    inflow.share(())
    (ended,) = router.heard()
    assert (ended.source, ended.attachment) == (7, public.attachment)
    inflow.share(())
    assert router.heard() == []


def test_without_a_host_all_is_lost_whether_it_was_open_or_not(inflow: Inflow, router: Router) -> None:
    inflow.begin("private")
    attach = opened(inflow, router)
    error = TransportError("the host is gone")
    inflow.fail(error)
    ended, lost = router.heard()
    assert (ended.attachment, ended.reason, ended.error) == (attach.attachment, "the host is gone", error)
    assert lost == SourceState("private", 8, "lost", ended.at_ns, "the host is gone", error)
    assert inflow.states == {}
    inflow.fail(error)
    inflow.close()
    assert router.heard() == [], "once"


def test_a_link_that_is_closed_ends_what_is_open_and_says_no_more(inflow: Inflow, router: Router) -> None:
    inflow.begin("private")
    attach = opened(inflow, router)
    inflow.close()
    (ended,) = router.heard()
    assert (ended.attachment, ended.error) == (attach.attachment, None)
    assert inflow.states == {}


# --- what the exchange refused


def test_a_refusal_is_told_as_the_exchange_does_it(inflow: Inflow, router: Router) -> None:
    attach = opened(inflow, router, LATE)
    inflow.refused(peers.Refused("public", "StreamError", "no"))
    said, ended, second, again = router.heard()
    assert said == SourceSaid("public", attach.attachment, ErrorNotice("StreamError", "no"), LATE)
    assert (ended.attachment, ended.at_ns) == (attach.attachment, LATE)
    assert ended.reason == "the exchange answered StreamError: no"
    assert again == SourceOpened("public", 7, second.attachment, LATE)
    assert second.attachment > attach.attachment


def test_a_refusal_before_it_is_open_has_an_attachment_of_its_own(inflow: Inflow, router: Router) -> None:
    inflow.refused(peers.Refused("public", "StreamError", "no"))
    first, opened_, said, ended, second, again = router.heard()
    assert opened_.attachment == said.attachment == ended.attachment == first.attachment
    assert again.attachment == second.attachment > first.attachment
    assert inflow.states["public"].state == "open"


# --- credits


def test_nothing_is_handed_on_without_a_credit() -> None:
    router = Router(credits_=1)
    inflow = Inflow(SOURCES, router.ref)
    inflow.begin("public")
    attach = opened(inflow, router)
    assert inflow.reading_since == 0.0
    inflow.part(part(1))
    assert inflow.reading_since == 0.0, "it was there"
    assert len(router.heard()) == 1
    thread = threading.Thread(target=inflow.part, args=(part(2),))
    thread.start()
    wait_until(lambda: inflow.reading_since is None, "the reader waiting")
    assert router.heard() == []
    before = clock()
    attach.credits.put(True)
    thread.join(10)
    assert isinstance(router.hear(), Batch)
    assert inflow.reading_since is not None
    assert before <= inflow.reading_since <= clock()


@pytest.mark.parametrize("end", ["stop", "close", "share", "fail", "lost"])
def test_who_waits_for_a_credit_waits_no_longer_than_the_attachment_lives(end: str) -> None:
    router = Router(credits_=0)
    inflow = Inflow(SOURCES, router.ref)
    inflow.begin("public")
    opened(inflow, router)
    thread = threading.Thread(target=inflow.part, args=(part(1),))
    thread.start()
    wait_until(lambda: inflow.reading_since is None, "the reader waiting")
    match end:
        case "stop":
            inflow.stop("public")
        case "close":
            inflow.close()
        case "share":
            inflow.share(())
        case "fail":
            inflow.fail(TransportError("gone"))
        case _:
            inflow.changed(change("lost"))
    thread.join(10)
    assert not thread.is_alive()
    assert not any(isinstance(told, Batch) for told in router.heard())
    assert inflow.reading_since is not None


def test_without_a_router_there_is_nothing_to_read_for(inflow: Inflow, router: Router) -> None:
    opened(inflow, router)
    opened_ns = inflow.states["public"].at_ns
    router.is_dead = True
    with pytest.raises(TransportError, match="router"):
        inflow.part(part(LATE))
    router.is_dead = False
    inflow.close()
    (ended,) = router.heard()
    assert ended.whole_ns == opened_ns, "what was not handed on has not come"
