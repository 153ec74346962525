"""Random walks over the whole engine, short; WEBSOCKET_V6_TEST_WALK_SECONDS walks on, and `make chaos` does.

A walk that fails says its seed and its steps: WEBSOCKET_V6_TEST_SEED takes them again.
"""

import os
import time
from pathlib import Path

import pytest

from .walk import Component, walk

SECONDS = float(os.environ.get("WEBSOCKET_V6_TEST_WALK_SECONDS", "5"))
SEED = int(os.environ.get("WEBSOCKET_V6_TEST_SEED", time.time_ns() % 1_000_000))


@pytest.mark.slow
@pytest.mark.timeout(int(SECONDS) + 240)
def test_what_is_promised_holds_in_every_quiet_moment(tmp_path: Path) -> None:
    figures, _ = walk(SEED, SECONDS, tmp_path / "run")
    assert figures["quiet"]
    assert figures["messages"]


def test_a_seed_takes_the_same_steps_again(tmp_path: Path) -> None:
    """And what does not hold is found: here it is that gaps are announced."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Component, "gaps", lambda *_: [])
        with pytest.raises(AssertionError, match="no gap was announced") as caught:
            walk(7, 60.0, tmp_path / "run")
    (note,) = caught.value.__notes__
    assert note.startswith("seed 7, ")
    failed = note.partition("the last: ")[2].split()
    _, steps = walk(7, 0.1, tmp_path / "run")
    assert steps == failed[: len(steps)]
