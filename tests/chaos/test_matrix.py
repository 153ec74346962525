"""Each fault at each moment, to each endpoint, for each way to be served: a draw of cells; `make chaos` runs all."""

import os
import random
from pathlib import Path

import pytest

from .cells import CELLS, Cell, run_cell

COUNT = int(os.environ.get("WEBSOCKET_V6_TEST_CELLS", "24"))  # 0: all
SEED = int(os.environ.get("WEBSOCKET_V6_TEST_SEED", "0"))

DRAWN = CELLS if not COUNT else random.Random(SEED).sample(CELLS, COUNT)


@pytest.mark.slow
@pytest.mark.parametrize("cell", DRAWN, ids=str)
def test_every_difference_is_explained(cell: Cell, tmp_path: Path) -> None:
    assert not run_cell(cell, tmp_path / "run")
