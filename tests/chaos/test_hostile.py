"""The short form of the soak against a hostile server; `make hostile` runs the long one."""

import os
import random

import pytest

from .hostile import soak
from .mischief import FRAMES, FrameEnds

SECONDS = float(os.environ.get("WEBSOCKET_V6_TEST_HOSTILE", "12"))


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 120)
def test_nothing_that_a_server_says_ends_it_or_makes_it_tell() -> None:
    verdict = soak(SECONDS, seed=random.randrange(10**6), processes=2)
    assert not verdict.wrong, verdict.figures


@pytest.mark.parametrize("name", [name for name in FRAMES if "length of" not in name])
def test_the_ends_of_frames_are_found_however_they_are_cut(name: str) -> None:
    rng = random.Random(1)
    data = FRAMES[name](rng)[:20_000]
    whole = list(FrameEnds().pieces(data))
    cut = FrameEnds()
    pieces = [one for at in range(0, len(data), 7) for one in cut.pieces(data[at : at + 7])]
    assert b"".join(piece for piece, _ in pieces) == b"".join(piece for piece, _ in whole) == data
    assert sum(is_end for _, is_end in pieces) == sum(is_end for _, is_end in whole) > 0 or len(data) == 20_000
