"""How far a log was read and what of it is done, and how that is kept."""

import pytest

from websocket_v6.actors.fleet.progress import Asked, Claimed, Progress
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.fleet.ids import EntryId
from websocket_v6.protocol.fleet.resume import Behind, Saved, encode_saved
from websocket_v6.protocol.fleet.sealing import Seal
from websocket_v6.protocol.secret import Secret

A, CANDLE = "trade KRW-BTC", "candle.1m KRW-BTC"


def at(sequence: int) -> EntryId:
    return EntryId(9, sequence)


def progress(saved: Saved | None = None, until: EntryId | None = None) -> Progress:
    """Return one that has read three entries, of times 10, 20 and 30."""
    one = Progress("log", at(0), 5, saved, until)
    one.runs([A])
    for sequence in (1, 2, 3):
        one.note(at(sequence), 10 * sequence)
        one.reached("log", at(sequence))
    return one


def test_with_nothing_held_the_place_is_what_was_read() -> None:
    one = progress()
    assert one.settle(Asked(at(3)), None, {}) == Saved("log", 9, 3, 30)
    assert one.settle(Asked(at(3)), None, {}) is None, "no news"
    assert one.read == at(3)


def test_the_place_is_before_the_oldest_message_that_is_held() -> None:
    one = progress()
    assert one.settle(Asked(at(3)), 20, {}) == Saved("log", 9, 1, 10)
    assert one.settle(Asked(at(3)), 30, {}) == Saved("log", 9, 2, 20)


def test_a_candle_that_is_not_final_holds_back_its_own_stream_alone() -> None:
    one = progress()
    assert one.settle(Asked(at(3)), None, {CANDLE: 20}) == Saved("log", 9, 3, 30, [], {CANDLE: Behind(9, 2, 1)})
    assert one.settle(Asked(at(3)), None, {}) == Saved("log", 9, 3, 30)


def test_before_it_has_caught_up_with_what_was_kept_nothing_is_kept() -> None:
    one = progress(Saved("log", 9, 5, 50, [A], {A: Behind(9, 1, 1)}), at(7))
    assert one.settle(Asked(at(3)), None, {}) is None
    assert one.rest([], ()) is None
    one.reached("log", at(6))
    assert one.settle(Asked(at(6)), None, {}) == Saved("log", 9, 6, 30)
    assert one.unread == at(7)
    one.reached("log", at(7))
    assert one.unread is None


def test_at_the_end_each_stream_goes_on_at_its_own_place() -> None:
    assert progress().rest([[(A, 20)]], ()) == Saved("log", 9, 3, 30, [A], {A: Behind(9, 2, 1)})
    assert progress().rest([[(A, 20)]], {"trade"}) == Saved("log", 9, 3, 30, [A], {A: Behind(9, 2, 1, is_sure=False)})


def test_what_is_kept_until_its_stream_begins_is_not_done_before_all_is_that_came_before_it_did() -> None:
    one = progress()
    one.reached("log", at(3), kept_from=at(2))
    assert one.settle(Asked(at(3)), None, {}) == Saved("log", 9, 1, 10)
    one.note(at(4), 40)
    one.reached("log", at(4))  # it has begun
    one.note(at(5), 50)
    one.reached("log", at(5))
    assert one.time_of(at(2)) == 20
    assert one.settle(Asked(at(4)), None, {}) is None, "it may not be with whom it is for yet"
    assert one.settle(Asked(at(5)), 40, {}) is None, "that came before"
    assert one.settle(Asked(at(5)), 50, {}) == Saved("log", 9, 4, 40)


def test_what_is_not_done_and_may_have_come_before_is_not_sure() -> None:
    unsure = {A: Behind(9, 2, 1, is_sure=False)}
    assert progress(Saved("log", 9, 0, 0, [A]), at(2)).rest([[(A, 20)]], ()) == Saved("log", 9, 3, 30, [A], unsure)
    shared = Saved("log", 9, 3, 0, [A], {A: Behind(9, 2, 1, is_sure=False)})
    assert progress(shared).rest([[(A, 20)]], ()) == Saved("log", 9, 3, 30, [A], unsure)
    sure = {A: Behind(9, 3, 1)}
    assert progress(Saved("log", 9, 0, 0, [A]), at(2)).rest([[(A, 30)]], ()) == Saved("log", 9, 3, 30, [A], sure)


def test_no_place_is_kept_while_the_server_does_not_know_how_far_was_read() -> None:
    one = progress()
    assert one.settle(Asked(at(3)), None, {}) is not None
    one.keep_again()
    assert one.is_unreserved
    assert one.settle(Asked(at(3)), None, {}) is None
    one.reserved()
    assert one.settle(Asked(at(3)), None, {}) == Saved("log", 9, 3, 30)


def test_in_another_log_it_begins_anew() -> None:
    one = progress()
    one.go_back("other", EntryId(4, 0), 99)
    assert one.asks() == Asked(EntryId(4, 0), 1)
    assert one.settle(one.asks(), 20, {}) == Saved("other", 4, 0, 99)


def test_what_was_asked_before_the_log_went_back_keeps_nothing() -> None:
    """It would be a place beyond what is read of it now, whose messages still wait."""
    one = progress()
    asked = one.asks()
    one.go_back("log", EntryId(4, 0), 99)
    assert one.settle(asked, None, {}) is None
    one.note(EntryId(4, 1), 100)
    one.reached("log", EntryId(4, 1))
    assert one.settle(asked, None, {}) is None
    assert one.settle(one.asks(), 100, {}) == Saved("log", 4, 0, 99)


@pytest.mark.parametrize(
    ("log", "until", "through"),
    [("log", None, at(3)), ("log", at(2), at(3)), ("log", at(7), at(7)), ("other", None, EntryId(4, 0))],
)
def test_what_was_read_before_the_same_log_went_back_may_come_again_to_who_has_the_name_next(
    log: str, until: EntryId | None, through: EntryId
) -> None:
    """Who led then may write it once more, beyond where that one begins."""
    one = progress()
    one.go_back(log, EntryId(4, 0), 99, until)
    found = []
    for id_ in (EntryId(4, 0), at(2), at(3), at(7)):
        one.reached(log, id_)
        found.append((id_, one.unread is None))
    assert min(id_ for id_, is_through in found if is_through) == through


@pytest.mark.parametrize("seal", [None, Seal(Secret("s" * 40), "", "place")])
def test_what_is_kept_can_be_gone_on_with(seal: Seal | None) -> None:
    one = Claimed("place", "me", 1000, seal)
    saved = Saved("log", 9, 3, 30, [A], {A: Behind(9, 2, 1)})
    fields = one.place("public", saved) | one.streams("public", saved.streams) | {"public:until": "9-8"}
    assert fields["public"] == "9-3"
    kept = {name: value.encode() if isinstance(value, str) else value for name, value in fields.items()}
    found = one.resumption("public", kept)
    assert found is not None
    assert (found.saved, found.until) == (saved, at(8))
    assert one.resumption("private", kept) is None
    if seal is not None:
        assert b"KRW-BTC" not in b"".join(kept.values())


def test_a_place_that_is_encrypted_with_another_key_cannot_be_read() -> None:
    fields = {"public:more": encode_saved(Saved("log", 9, 3, 30))}
    with pytest.raises(RemoteProtocolError):
        Claimed("place", "me", 1000, Seal(Secret("s" * 40), "", "place")).resumption("public", fields)
