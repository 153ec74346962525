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


SOUND = {
    "endpoint": "public", "attachment": 3, "whole_ns": 1, "ts_received_ns": 2, "streams": ["ticker KRW-BTC"],
    "payloads": [b"{}"], "replayed": False, "backfilled": False, "repeated": False,
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": b"public"},
        {"attachment": "3"},
        {"attachment": True},
        {"whole_ns": "1"},
        {"whole_ns": True},
        {"ts_received_ns": 2.0},
        {"ts_received_ns": True},
        {"streams": []},
        {"payloads": []},
        {"streams": {"ticker KRW-BTC": 1}},
        {"payloads": {b"{}": 1}},
        {"streams": [1]},
        {"payloads": ["text"]},
        {"streams": ["ticker KRW-BTC", 1], "payloads": [b"{}", b"{}"]},
        {"replayed": 1},
        {"backfilled": 0},
        {"repeated": 0},
    ],
    ids=repr,
)
def test_a_field_of_a_wrong_type_is_a_remote_error(change: dict[str, object]) -> None:
    assert Batch.unpack(msgpack.packb(list(SOUND.values()))) == Batch(**SOUND)  # type: ignore[arg-type]
    with pytest.raises(RemoteProtocolError, match="fields of wrong types"):
        Batch.unpack(msgpack.packb(list({**SOUND, **change}.values())))


@pytest.mark.parametrize("count", [0, 6, 7, 10])
def test_a_field_too_few_or_too_many_is_a_remote_error(count: int) -> None:
    fields = [*SOUND.values(), 0]
    with pytest.raises(RemoteProtocolError, match="not a batch"):
        Batch.unpack(msgpack.packb(fields[:count]))
