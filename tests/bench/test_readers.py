"""Frames are counted whole, wherever the reads end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.readers import read_frames
from websocket_v6.protocol.websocket.outgoing import BINARY, frame

sizes = st.sampled_from([0, 1, 125, 126, 127, 300, 65_535, 65_536])


@given(st.lists(sizes, max_size=4), st.integers(0, 70_000))
def test_whole_frames_are_counted_and_the_rest_is_kept(payloads: list[int], cut: int) -> None:
    frames = [frame(BINARY, bytes(size)) for size in payloads]
    data = b"".join(frames)
    first = data[:cut]
    count, position = read_frames(first)
    assert first[:position] == b"".join(frames[:count])
    assert read_frames(data[position:]) == (len(frames) - count, len(data) - position)


@pytest.mark.parametrize("size", [0, 200, 70_000])
def test_a_frame_that_is_not_whole_is_none(size: int) -> None:
    data = frame(BINARY, bytes(size))
    for cut in range(min(len(data), 12)):
        assert read_frames(data[:cut]) == (0, 0)
    assert read_frames(data[:-1]) == (0, 0)
    assert read_frames(data) == (1, len(data))
