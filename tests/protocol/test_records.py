import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.records import Batch

messages = st.lists(st.tuples(st.text(), st.binary()))


@given(st.sampled_from(["public", "private", "info"]), st.integers(0, 2**63), st.integers(0, 2**63), messages)
def test_a_batch_comes_back_as_it_was(endpoint: str, epoch: int, at_ns: int, messages: list[tuple[str, bytes]]) -> None:
    batch = Batch(endpoint, epoch, at_ns, [one[0] for one in messages], [one[1] for one in messages])
    again = Batch.unpack(batch.pack())
    assert again == batch
    assert [record.payload for record in again.records()] == [one[1] for one in messages]
    assert all(record.epoch == epoch and record.ts_received_ns == at_ns for record in again.records())


@given(st.binary())
def test_garbage_is_a_remote_error(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        Batch.unpack(data)


@pytest.mark.parametrize(
    "fields",
    [
        ["public", 1, 2, ["ticker KRW-BTC"], []],
        ["public", 1, 2, ["ticker KRW-BTC"], ["text"]],
        ["public", "1", 2, [], []],
        [b"public", 1, 2, [], []],
        ["public", True, 2, [], []],
        ["public", 1, 2, {}, []],
        ["public", 1, 2, []],
    ],
    ids=repr,
)
def test_fields_of_wrong_types_are_a_remote_error(fields: list[object]) -> None:
    with pytest.raises(RemoteProtocolError):
        Batch.unpack(msgpack.packb(fields))
