import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.errors import RemoteProtocolError

messages = st.lists(st.tuples(st.text(), st.binary()))


counts = st.integers(0, 2**63)


@given(st.sampled_from(["public", "private", "info"]), counts, counts, counts, messages, st.booleans())
def test_a_batch_comes_back_as_it_was(
    endpoint: str, attachment: int, whole_ns: int, at_ns: int, messages: list[tuple[str, bytes]], replayed: bool
) -> None:
    batch = Batch(
        endpoint, attachment, whole_ns, at_ns, [one[0] for one in messages], [one[1] for one in messages], replayed
    )
    again = Batch.unpack(batch.pack())
    assert again == batch


def test_a_batch_says_what_is_special_about_it() -> None:
    batch = Batch("public", 1, 2, 3, [], [])
    assert (batch.replayed, batch.backfilled) == (False, False)
    assert Batch.unpack(batch._replace(backfilled=True).pack()).backfilled


@given(st.binary())
def test_garbage_is_a_remote_error(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        Batch.unpack(data)


@pytest.mark.parametrize(
    "fields",
    [
        ["public", 3, 1, 2, ["ticker KRW-BTC"], []],
        ["public", 3, 1, 2, [], [b"{}"]],
        ["public", 3, 1, True, [], []],
        ["public", True, 1, 2, [], []],
        ["public", 3, 1, 2, [1], [b"{}"]],
        ["public", 3, 1, 2, [], {}],
        ["public", 3, 1, 2, [], [], 1, False],
        ["public", 3, 1, 2, ["ticker KRW-BTC"], ["text"]],
        ["public", 3, "1", 2, [], []],
        ["public", "3", 1, 2, [], []],
        [b"public", 3, 1, 2, [], []],
        ["public", 3, True, 2, [], []],
        ["public", 3, 1, 2, {}, []],
        ["public", 3, 1, 2, []],
        ["public", 3, 1, 2, [], [], 1],
        ["public", 3, 1, 2, [], [], False, 0],
    ],
    ids=repr,
)
def test_fields_of_wrong_types_are_a_remote_error(fields: list[object]) -> None:
    with pytest.raises(RemoteProtocolError):
        Batch.unpack(msgpack.packb(fields))
