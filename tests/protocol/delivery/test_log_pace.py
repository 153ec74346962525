"""Whatever number of kinds there is, few words are made of them, and none of them is forgotten."""

import itertools

from websocket_v6.protocol.delivery.log_pace import FEW, FIRST_PAUSE, LONGEST_PAUSE, LogPace, Words


def test_the_first_few_kinds_are_told_once_each() -> None:
    pace = LogPace()
    for number in range(FEW):
        assert pace.note(str(number), 0.0) == Words(str(number), 0)
        assert pace.note(str(number), 9e9) is None
    assert pace.note("0", 9e9) is None


def test_all_others_are_told_together_at_growing_intervals() -> None:
    pace, told = LogPace(), []
    for second in range(86_400):
        words = pace.note(f"kind {second}", float(second))
        if words is not None:
            told.append((second, words))
    at = [second for second, _ in told[FEW:]]
    pauses = [after - before for before, after in itertools.pairwise(at)]
    assert pauses[0] == FIRST_PAUSE
    assert pauses == sorted(pauses)
    assert max(pauses) == LONGEST_PAUSE
    assert len(told) < FEW + 40
    assert sum(words.unsaid + 1 for _, words in told) >= at[-1], "each is counted once"
    assert len(pace._known) == FEW
