from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.strays import Strays

BITCOIN, ETHER = "ticker KRW-BTC", "ticker KRW-ETH"
LIVE, FIRST = b'{"st":"REALTIME"}', b'{"st":"SNAPSHOT"}'


def batch(*rows: tuple[str, bytes], attachment: int = 1, replayed: bool = False) -> Batch:
    return Batch("public", attachment, 1, 2, [stream for stream, _ in rows], [payload for _, payload in rows], replayed)


def test_what_nobody_has_left_out_is_no_stray() -> None:
    strays = Strays()
    whole = batch((BITCOIN, LIVE))
    assert not strays.is_one(1, BITCOIN, is_snapshot=False)
    assert strays.without(whole) is whole


def test_all_before_the_snapshot_are_strays_and_nothing_after_it() -> None:
    strays = Strays()
    strays.skip(1, (BITCOIN,))
    rows = [(BITCOIN, LIVE), (ETHER, LIVE), (BITCOIN, FIRST), (BITCOIN, LIVE)]
    assert strays.without(batch(*rows)) == batch(*rows[1:])
    assert strays.without(batch(*rows)) == batch(*rows)


def test_what_is_replayed_is_a_snapshot_whatever_it_says() -> None:
    strays = Strays()
    strays.skip(1, (BITCOIN,))
    assert strays.without(batch((BITCOIN, LIVE), replayed=True)).streams == [BITCOIN]


def test_they_are_one_attachments_and_go_with_it() -> None:
    strays = Strays()
    strays.skip(1, (BITCOIN, ETHER))
    assert not strays.is_one(2, BITCOIN, is_snapshot=False)
    assert strays.is_one(1, BITCOIN, is_snapshot=False)
    strays.end(1)
    assert not strays.is_one(1, BITCOIN, is_snapshot=False)


def test_who_takes_them_anyway_has_them() -> None:
    strays = Strays()
    strays.skip(1, (BITCOIN, ETHER))
    strays.take(1, (BITCOIN,))
    strays.take(2, (ETHER,))
    assert not strays.is_one(1, BITCOIN, is_snapshot=False)
    assert strays.is_one(1, ETHER, is_snapshot=False)


rows = st.lists(st.tuples(st.sampled_from([BITCOIN, ETHER]), st.sampled_from([LIVE, FIRST])), max_size=20)


@given(rows, st.sets(st.sampled_from([BITCOIN, ETHER])), st.integers(0, 20))
def test_each_stream_begins_with_its_snapshot_however_it_is_cut_into_batches(
    messages: list[tuple[str, bytes]], skipped: set[str], cut: int
) -> None:
    strays = Strays()
    strays.skip(1, skipped)
    parts = [strays.without(batch(*part)) for part in (messages[:cut], messages[cut:])]
    left = [row for part in parts for row in zip(part.streams, part.payloads, strict=True)]
    for stream in (BITCOIN, ETHER):
        before = [row for row in messages if row[0] == stream]
        after = [row for row in left if row[0] == stream]
        begin = 0
        if stream in skipped:
            begin = next((at for at, row in enumerate(before) if row[1] == FIRST), len(before))
        assert after == before[begin:]
