"""What the oracle lets pass, and what not."""

import pytest

from .oracle import Made, Seen, Told, count, judge

S = 1_000_000_000
MADE = [Made(str(index), index * S) for index in range(10)]


def seen(*keys: int, epoch: int = 1) -> list[Seen]:
    return [Seen(str(key), epoch, key * S) for key in keys]


@pytest.mark.parametrize(
    ("events", "told", "words"),
    [
        (seen(*range(10)), [], None),
        (seen(99, *range(3, 10)), [], None),
        (seen(0, 1, 3, *range(4, 10)), [], "missing within epoch 1"),
        (seen(0, 1, 1, *range(2, 10)), [], "out of order, or twice"),
        (seen(0, 2, 1, *range(3, 10)), [], "out of order, or twice"),
        (seen(*range(9)), [], "1 before the end"),
        (seen(0, 1) + seen(5, 6, 7, 8, 9, epoch=2), [], "no gap was announced"),
        (seen(0, 1) + seen(5, 6, 7, 8, 9, epoch=2), [Told(2, 1 * S)], None),
        (seen(0, 1) + seen(5, 6, 7, 8, 9, epoch=3), [Told(2, 4 * S), Told(3, 2 * S)], None),
        (seen(0, 1) + seen(5, 6, 7, 8, 9, epoch=2), [Told(2, 4 * S)], "missing outside the gap"),
        (seen(0, 1) + seen(5, 6, 7, 8, 9, epoch=2), [Told(3, 0)], "no gap was announced"),
    ],
)
def test_every_difference_must_be_explained(events: list[Seen], told: list[Told], words: str | None) -> None:
    wrong = judge(events, MADE, told, slack=0.5)
    assert (words is None and not wrong) or (words is not None and any(words in one for one in wrong))


@pytest.mark.parametrize(("late", "words"), [(0.0, "missing outside the gap"), (2.0, "missing outside"), (3.0, None)])
def test_a_gap_may_begin_as_much_earlier_as_the_last_message_was_late(late: float, words: str | None) -> None:
    """It was told to begin at 4.9, when 1 had come; 2 is missing."""
    events = [Seen("0", 1, 0), Seen("1", 1, int((1 + late) * S)), *seen(5, 6, 7, 8, 9, epoch=2)]
    wrong = judge(events, MADE, [Told(2, int(4.9 * S))], slack=0.5)
    assert (words is None and not wrong) or (words is not None and any(words in one for one in wrong))


def test_it_counts_what_came_and_what_did_not() -> None:
    assert count(seen(99, 2, 3, 7), MADE) == (3, 3)
    assert count(seen(99), MADE) == (0, 0)
