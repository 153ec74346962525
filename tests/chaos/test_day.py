"""The short form of a day's life; `make chaos` lives a whole one."""

import pytest

from .day import live


@pytest.mark.slow
def test_a_day_of_reconnects_changes_and_lives_leaves_nothing_behind() -> None:
    found = live(reconnects=20, changes=200, lives=20)
    assert not found["wrong"], found
    assert found["reconnects"] >= 20
