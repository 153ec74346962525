from websocket_v6.protocol.fleet.ids import EntryId
from websocket_v6.protocol.fleet.ring import BYTES, SECONDS, Ring


def test_ids_count_by_one_behind_the_entry_that_opens_the_term() -> None:
    ring = Ring(7)
    assert [ring.add("d", b"x", 0.0).id for _ in range(3)] == [EntryId(7, 1), EntryId(7, 2), EntryId(7, 3)]
    assert ring.last == EntryId(7, 3)


def test_what_the_server_lacks_is_what_comes_after_its_last() -> None:
    ring = Ring(7)
    entries = [ring.add("d", bytes([number]), 0.0) for number in range(5)]
    assert list(ring.after(EntryId(7, 2))) == entries[2:]
    assert list(ring.after(EntryId(6, 99))) == entries
    assert list(ring.after(EntryId(7, 5))) == []


def test_what_is_older_than_two_seconds_is_kept_no_more() -> None:
    ring = Ring(7)
    ring.add("d", b"old", 10.0)
    ring.add("d", b"new", 10.1 + SECONDS)
    assert [entry.body for entry in ring.after(EntryId(7, 0))] == [b"new"]


def test_it_has_a_bound_in_bytes() -> None:
    ring = Ring(7)
    for _ in range(10):
        ring.add("d", bytes(BYTES // 4), 0.0)
    assert sum(len(entry.body) for entry in ring.after(EntryId(7, 0))) <= BYTES
    assert ring.add("d", bytes(BYTES + 1), 0.0).id == EntryId(7, 11)
    assert list(ring.after(EntryId(7, 0))) == []
