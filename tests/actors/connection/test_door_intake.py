"""What messages of a door become: a batch for each moment, and its words in one order with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.actors.connection.door_intake import SAME_NS, DoorIntake, error_of
from websocket_v6.actors.connection.intake import Piece
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.errors import (
    AuthenticationError,
    RateLimitedError,
    RemoteProtocolError,
    TransportError,
)
from websocket_v6.protocol.exchange.heads import StatusUp
from websocket_v6.protocol.server import words
from websocket_v6.protocol.websocket.frames import Text

TICKER = b'{"ty":"ticker","cd":"KRW-BTC","tp":1.0}'
UP = b'{"status":"UP"}'
ERROR = b'{"error":{"name":"WRONG_FORMAT","message":"no"}}'
STREAM = "ticker KRW-BTC"
NOW = 10**18


def state(name: str, error: str = "", at_ns: int = 5, gap_ns: int | None = None, sent_ns: int = 9) -> words.State:
    return words.State(name, at_ns, gap_ns, "why", error, False, sent_ns)  # type: ignore[arg-type]


def rows(at_ns: int, *payloads: bytes, **how: bool) -> bytes:
    return words.encode_rows(at_ns, [STREAM] * len(payloads), list(payloads), **how)


def door(*, is_remote: bool = False) -> DoorIntake:
    intake = DoorIntake("public", is_remote=is_remote)
    intake.attachment = 4
    return intake


def test_of_a_door_all_comes_in_its_order() -> None:
    found = list(
        door().read(
            [
                rows(1, b"1"),
                words.encode(words.Refused((STREAM,), "no", "no")),
                rows(2, b"2"),
                Text(UP),
                rows(3, b"3"),
                words.encode(state("lost")),
            ],
            0,
            NOW,
        )
    )
    assert [type(one) for one in found] == [Batch, words.Refused, Batch, StatusUp, Batch, words.State]
    assert [one.payloads for one in found if isinstance(one, Batch)] == [[b"1"], [b"2"], [b"3"]]


def test_without_an_attachment_rows_are_nobody_s() -> None:
    intake = door()
    intake.attachment = 0
    found: list[Piece] = []
    for piece in intake.read([rows(1, b"1"), words.encode(state("open")), rows(2, b"2")], 0, NOW):
        found.append(piece)
        if isinstance(piece, words.State):
            intake.attachment = 9
    assert [type(one) for one in found] == [words.State, Batch]
    assert isinstance(found[1], Batch)
    assert (found[1].attachment, found[1].payloads) == (9, [b"2"])


def test_after_a_loss_the_rest_of_a_read_is_nobody_s() -> None:
    intake = door()
    found: list[Piece] = []
    for piece in intake.read([rows(1, b"1"), words.encode(state("lost")), rows(1, b"2")], 0, NOW):
        found.append(piece)
        if isinstance(piece, words.State):
            intake.attachment = 0
    assert [type(one) for one in found] == [Batch, words.State]


@pytest.mark.parametrize("bad", [b"", b"\xc1", TICKER, words.encode_rows(1, ["a"], [])])
def test_what_is_no_word_is_an_error_behind_what_came_before(bad: bytes) -> None:
    pieces = door().read([words.encode(state("open")), bad], 0, NOW)
    assert next(pieces) == state("open")
    with pytest.raises(RemoteProtocolError):
        next(pieces)


@given(
    st.lists(
        st.tuples(st.sampled_from([10, 11, SAME_NS + 10, SAME_NS + 11, 5 * SAME_NS]), st.booleans(), st.booleans()),
        max_size=8,
    )
)
def test_batches_are_of_a_moment_and_of_one_kind(read: list[tuple[int, bool, bool]]) -> None:
    messages = [
        rows(at_ns, b"%d" % number, replayed=replayed, backfilled=backfilled)
        for number, (at_ns, replayed, backfilled) in enumerate(read)
    ]
    batches = [one for one in door().read(messages, 0, NOW) if isinstance(one, Batch)]
    assert [payload for one in batches for payload in one.payloads] == [b"%d" % number for number in range(len(read))]
    for one in batches:
        for payload in one.payloads:
            at_ns, replayed, backfilled = read[int(payload)]
            assert (one.replayed, one.backfilled) == (replayed, backfilled)
            assert 0 <= at_ns - one.ts_received_ns <= SAME_NS
        assert one.whole_ns == one.ts_received_ns == read[int(one.payloads[0])][0], "not whole beyond the first of them"
        assert len(one.streams) == len(one.payloads)


def test_times_of_another_machine_become_ours() -> None:
    """Its clock is an hour ahead; what it says of a moment ago was a moment ago."""
    hour = 3_600_000_000_000
    intake = door(is_remote=True)
    there = NOW + hour
    said = state("open", at_ns=there - 50, gap_ns=there - 90, sent_ns=there)
    (word, batch) = intake.read([words.encode(said), rows(there - 10, b"1")], 0, NOW)
    assert isinstance(word, words.State)
    assert isinstance(batch, Batch)
    assert (word.at_ns, word.gap_started_ns, batch.ts_received_ns) == (NOW - 50, NOW - 90, NOW - 10)
    assert list(intake.read([words.encode(words.Clock(there + 5))], 0, NOW + 5)) == []


def test_of_this_machine_a_clock_says_nothing() -> None:
    (batch,) = door().read([words.encode(words.Clock(5)), rows(3, b"1")], 0, NOW)
    assert isinstance(batch, Batch)
    assert batch.ts_received_ns == 3


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("AuthenticationError", AuthenticationError),
        ("RateLimitedError", RateLimitedError),
        ("TransportError", TransportError),
        ("LocalProtocolError", TransportError),
        ("ValueError", TransportError),
        ("__doc__", TransportError),
        ("annotations", TransportError),
    ],
)
def test_an_error_is_of_a_class_that_may_be_named_and_no_other(name: str, kind: type[Exception]) -> None:
    found = error_of(state("lost", name))
    assert type(found) is kind
    assert str(found) == "why"


def test_no_name_is_no_error() -> None:
    assert error_of(state("lost")) is None


def test_what_a_host_says_of_reconciling_comes_in_our_time() -> None:
    hour = 3_600_000_000_000
    intake = door(is_remote=True)
    list(intake.read([words.encode(words.Clock(NOW + hour))], 0, NOW))
    said = words.Reconciled("myOrder", NOW + hour - 90, NOW + hour - 10, 1, (), "", "", False)
    (word,) = intake.read([words.encode(said)], 0, NOW)
    assert isinstance(word, words.Reconciled)
    assert (word.started_ns, word.ended_ns) == (NOW - 90, NOW - 10)
    assert list(door().read([words.encode(said)], 0, NOW)) == [said]
